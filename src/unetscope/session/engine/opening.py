"""Models are opened, loaded and saved."""

from __future__ import annotations

from collections.abc import Iterator

from unetscope.computing.precision import device_note, inference_precision
from unetscope.learning.events import Notice
from unetscope.learning.persistence import load_model, save_model, start_model
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.sources.catalogue import available_sources
from unetscope.network.facts import BUNDLED_TITLES
from unetscope.session.engine.door import room
from unetscope.session.engine.shared import Shared
from unetscope.session.requests import (
    BundledRequest,
    LoadRequest,
    ModelOpened,
    ModelSaved,
    SaveRequest,
    SourceRequest,
    SourcesFound,
    SourcesRequest,
)


def open_bundled(shared: Shared, request: BundledRequest) -> Iterator[ModelOpened | Notice]:
    """Open a bundled model."""
    device = shared.device()
    model = start_model(request.name, device=device)
    yield ModelOpened(model, BUNDLED_TITLES.get(model.name, model.name), device)
    yield from _told_of_device(shared)
    _get_ready(model, device)


def find_sources(shared: Shared, request: SourcesRequest) -> Iterator[SourcesFound]:
    """Look which backbones of others there are."""
    yield SourcesFound(tuple(e for e in available_sources() if e.where != "built in"))


def open_with_source(shared: Shared, request: SourceRequest) -> Iterator[ModelOpened | Notice]:
    """Open the default bundled model with a backbone beside it."""
    device = shared.device()
    model = start_model(request.spec, device=device, allow_download=request.allow_download)
    yield ModelOpened(model, request.title, device)
    yield from _told_of_device(shared)
    _get_ready(model, device)


def load(shared: Shared, request: LoadRequest) -> Iterator[ModelOpened | Notice]:
    """Load a model file."""
    device = shared.device()
    title = request.title or request.path.stem
    yield ModelOpened(load_model(request.path), title, device, request.path)
    yield from _told_of_device(shared)


def save(shared: Shared, request: SaveRequest) -> Iterator[ModelSaved]:
    """Write a model file."""
    shared.device()
    save_model(request.model, request.path)
    yield ModelSaved(request.path)


def _told_of_device(shared: Shared) -> Iterator[Notice]:
    """A word where the device of the preferences is not there."""
    if (note := device_note(shared.settings.device)) is not None:
        yield Notice(note)


def _get_ready(model: PixelModel, device: str) -> None:
    """Do now what the first stroke and the first step of a training would have to wait for.

    Which precision is faster is tried out. The interpreter is held for some tenths of a second by
    the import of kornia.
    """
    room("training")
    inference_precision(model.features.backbone, device)
