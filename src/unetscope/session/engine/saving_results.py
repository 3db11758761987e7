"""Answers of several images go to files of several kinds, named after the images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from unetscope.errors import UnetscopeError
from unetscope.images.annotations.formats import write_annotations
from unetscope.images.annotations.values import as_annotations
from unetscope.images.claims import Claim, Role, inputs_of
from unetscope.images.classes import LabelClass
from unetscope.images.files import write_labels
from unetscope.images.micrograph import Micrograph
from unetscope.images.writing import usable_folder
from unetscope.learning.events import Notice, PredictionEvent, TileDone
from unetscope.learning.pixel_model import as_seen
from unetscope.learning.prediction import label_dtype, predict_tiles
from unetscope.measuring.objects import Separation, objects_of
from unetscope.measuring.quantities import spacing_of
from unetscope.scaling.predicting import write_probabilities
from unetscope.session.engine.projects import why
from unetscope.session.engine.shared import Shared
from unetscope.session.requests import (
    Answerable,
    ResultBegun,
    ResultFailed,
    ResultFile,
    ResultsRequest,
    What,
)
from unetscope.session.state import BACKGROUND

Saved = ResultBegun | ResultFile | ResultFailed | PredictionEvent


def save_results(shared: Shared, request: ResultsRequest) -> Iterator[Saved]:
    """Write the files, one image after the other; what cannot be is named, and the others go on.

    Nothing is replaced but what unetscope wrote as the same kind of result.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    usable_folder(request.folder)
    names = stems([image.name for image in request.images])
    for done, (image, stem) in enumerate(zip(request.images, names, strict=True)):
        yield ResultBegun(image.name, done, len(request.images))
        try:
            yield from _saved(shared, request, image, stem)
        except Exception as error:  # whatever is wrong with one image, the others are saved
            yield ResultFailed(image.name, why(error))


def stems(names: Sequence[str]) -> list[str]:
    """Beginnings of file names, different for each image also where capitals do not count."""
    taken: set[str] = set()
    given = []
    for name in names:
        stem = Path(name).stem or "image"
        number, free = 1, stem
        while free.casefold() in taken:
            number += 1
            free = f"{stem}-{number}"
        taken.add(free.casefold())
        given.append(free)
    return given


def _saved(
    shared: Shared, request: ResultsRequest, image: Answerable, stem: str
) -> Iterator[Saved]:
    pixels = as_seen(request.model, image.read())
    labels = image.labels
    if labels is None and set(request.what) != {What.PROBABILITIES}:
        labels = np.zeros(pixels.spatial_shape, label_dtype(request.model))
        for event in predict_tiles(request.model, pixels, shared.options(shared.device())):
            if isinstance(event, TileDone):
                labels[event.region] = event.labels
            yield event
    for what in request.what:
        path = request.folder / f"{stem}{what.value}"
        try:
            if what is What.PROBABILITIES:
                yield from _probabilities(shared, request, image, pixels, path)
            elif labels is not None:
                yield ResultFile(path, _written(what, request, image, (pixels, labels), path))
        except (UnetscopeError, OSError) as error:
            yield ResultFailed(path.name, why(error))


def _probabilities(
    shared: Shared, request: ResultsRequest, image: Answerable, pixels: Micrograph, path: Path
) -> Iterator[Saved]:
    claim = Claim(Role.PROBABILITIES, inputs_of(image.source))
    options = shared.options(shared.device())
    for event in write_probabilities(request.model, pixels, path, claim, options):
        if isinstance(event, Notice):
            yield event
    yield ResultFile(path)


def _written(
    what: What,
    request: ResultsRequest,
    image: Answerable,
    answer: tuple[Micrograph, np.ndarray],
    path: Path,
) -> tuple[str, ...]:
    """Write one file; what its format could not keep."""
    pixels, labels = answer
    claim = Claim(Role.PREDICTION, inputs_of(image.source))
    if what is What.MASK:
        colors = {c.value: c.color for c in request.classes}
        write_labels(labels, path, like=pixels, claim=claim, colors=colors)
        return ()
    if what is What.OBJECTS:
        found = image.objects
        if found is None:
            found = _components(labels, pixels, request.classes)
        write_labels(found, path, like=pixels, claim=claim)
        return ()
    annotations = as_annotations(labels, request.classes)
    kind = "imagej" if what is What.IMAGEJ else "geojson"
    named = image.source.name if image.source is not None else image.name
    return write_annotations(annotations, path, kind, claim, image_name=named, like=pixels)


def _components(
    labels: np.ndarray, pixels: Micrograph, classes: Sequence[LabelClass]
) -> np.ndarray:
    """Connected pixels of each class but the background, numbered."""
    background = {c.value for c in classes if c.name.strip().lower() == BACKGROUND}
    values = tuple(int(v) for v in np.unique(labels) if v and int(v) not in background)
    if not values:
        return np.zeros(labels.shape, np.uint32)
    spacing = spacing_of(pixels.pixel_size, pixels.unit, labels.ndim)
    return objects_of(labels, spacing, Separation(classes=values)).ids
