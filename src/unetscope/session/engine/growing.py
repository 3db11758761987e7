"""A large image is answered block by block onto the disk, as the command line does it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import numpy as np

from unetscope.errors import OutputError
from unetscope.learning.events import Notice, TileDone
from unetscope.learning.persistence import load_model
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import PredictOptions
from unetscope.scaling.estimate import check_room, estimated
from unetscope.scaling.ledger import BlockDone
from unetscope.scaling.made_of import Manifest
from unetscope.scaling.matching import How
from unetscope.scaling.running import Run, Work, begin, done_in, folder_of, run_here, state_of
from unetscope.scaling.store import STATE_KEY, UNFINISHED, mark_in
from unetscope.session.engine.shared import Shared
from unetscope.session.requests import (
    AnswerBegun,
    AnswerComplete,
    AnswerGoesOn,
    AnswerReckoned,
    BlockWritten,
    GrowRequest,
    UnfinishedRequest,
)
from unetscope.session.values import UnfinishedAnswer

_FEW_TILES = 3  # until then nothing is said of the time that is left
Grown = (
    AnswerReckoned | AnswerBegun | BlockWritten | AnswerGoesOn | AnswerComplete | Notice | TileDone
)


def grow(shared: Shared, request: GrowRequest) -> Iterator[Grown]:
    """Reckon time and room, then answer what is not there yet; the answer lies under its name.

    Raises
    ------
    OutputError
        If there is not enough room, or somebody else works at the same answer.
    """
    key, image = request.target.key, request.target.image
    options = shared.options(shared.device())
    model, path, how = _meant(request, options)
    request.folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        found = estimated(model, image, options, folder=path.parent)
        check_room(found, path)
        yield AnswerReckoned(key, path, found.seconds, found.bytes, found.most_bytes)
    run = begin(model, image, _work(request, path, how), options)
    done = done_in(path, run.manifest)
    coarse = None if run.manifest.layout.is_stack else _coarse(run, done)
    yield AnswerBegun(key, path, run.manifest.layout, tuple(done), model.identity, coarse)
    yield from _told(run, key, len(done))
    done = done_in(path, run.manifest)
    counts: dict[int, int] = {}
    for entry in done.values():
        for value, pixels in entry.counts.items():
            counts[value] = counts.get(value, 0) + pixels
    whole = max(1, sum(counts.values()))
    yield AnswerComplete(key, path, {value: pixels / whole for value, pixels in counts.items()})


def unfinished(shared: Shared, request: UnfinishedRequest) -> Iterator[UnfinishedAnswer]:
    """The answers to an image that were begun and not completed."""
    for path in _names(request.folder, request.name):
        if not path.exists():
            return
        if mark_in(path).get(STATE_KEY) == UNFINISHED:
            try:
                state = state_of(path)
                model = str(Manifest.read(folder_of(path) / "manifest.json").must["model"])
            except OutputError:
                continue  # nothing is known of it that could be gone on with
            yield UnfinishedAnswer(request.key, path, state.done, state.total, model)


# ---- which answer


def _meant(request: GrowRequest, options: PredictOptions) -> tuple[PixelModel, Path, How]:
    """The model that answers, where to, and how it sees the image."""
    if request.go_on is not None:
        return _model_of(request.go_on), request.go_on, _seen_by(request.go_on)
    how = cast("How", request.pixels)
    for path in _names(request.folder, request.target.image.name or "image"):
        if not path.exists():
            return request.model, path, how
        try:
            before = Manifest.read(folder_of(path) / "manifest.json")
            if before.must["model"].split()[-1] != request.model.fingerprint:
                continue  # the number of a version is another one after a model was opened
            begin(_model_of(path), request.target.image, _work(request, path, how), options)
        except OutputError:
            continue  # of another image, or of somebody else
        return _model_of(path), path, how
    raise OutputError(f"{request.folder} has no name left for the answer")  # cannot be


def _model_of(path: Path) -> PixelModel:
    return load_model(folder_of(path) / "model.unetscope")


def _seen_by(path: Path) -> How:
    factors = Manifest.read(folder_of(path) / "manifest.json").factors
    return "as-is" if factors is None else "resample"


def _work(request: GrowRequest, path: Path, how: How) -> Work:
    source = request.source
    told: Mapping[str, Any] = {"path": str(source.absolute())} if source is not None else {}
    inputs = (source,) if source is not None else ()
    return Work(path, inputs, "resume" if path.exists() else "new", told, pixels=how)


def _names(folder: Path, name: str) -> Iterator[Path]:
    """ "section_labels.zarr", "section_labels-2.zarr" … for "section.ome.tif"."""
    stem = re.sub(r"(\.ome)?\.(tiff?|zarr|png|jpe?g|mrc|dm[34]|h5|npy)$", "", name, flags=re.I)
    stem = re.sub(r"[^\w.-]+", "-", stem).strip("-.")[:80] or "image"
    for number in count(1):
        yield folder / (f"{stem}_labels{f'-{number}' if number > 1 else ''}.zarr")


# ---- how it goes on


def _told(run: Run, key: str, done: int) -> Iterator[BlockWritten | AnswerGoesOn | Notice]:
    """The events of a run as the window shows them; a pause between two takes no time."""
    total, left = len(run.manifest.layout), len(run.manifest.layout) - done
    planes = run.manifest.layout.block_shape[0] if run.manifest.layout.is_stack else 1
    tiles, wanted, spent = 0, 0, 0.0
    events = run_here(run)
    try:
        while True:
            begun = perf_counter()
            event = next(events, None)
            spent += perf_counter() - begun
            if event is None:
                return
            if isinstance(event, BlockDone):
                done += 1
                yield BlockWritten(key, event.block, done, total)
            elif isinstance(event, TileDone):
                tiles, wanted = tiles + 1, max(wanted, left * planes * event.total)
                after = spent / tiles * max(0, wanted - tiles) if tiles >= _FEW_TILES else None
                yield AnswerGoesOn(key, min(tiles, wanted), wanted, after)
            elif isinstance(event, Notice):
                yield event
    finally:
        events.close()  # type: ignore[attr-defined]


def _coarse(run: Run, done: Mapping[int, BlockDone]) -> np.ndarray:
    """What is answered of a flat image by now, at the first level that blocks do not write."""
    layout, store = run.manifest.layout, run.store
    level, top = layout.coarse_level, layout.levels_of_blocks - 1
    finest = store.array(top)
    found = np.zeros(layout.level_shape(level), finest.dtype)
    step = 2 ** (level - top)
    for number in done:
        box = [slice(side.start >> top, -(-side.stop >> top)) for side in layout.box(number)]
        at = tuple(slice(side.start // step, -(-side.stop // step)) for side in box)
        found[at] = np.asarray(finest[tuple(box)])[::step, ::step]
    return found
