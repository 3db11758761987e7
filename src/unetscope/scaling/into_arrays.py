"""Answers to images of any size, piece by piece into arrays that take them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from unetscope.computing.machine import Machine
from unetscope.computing.precision import choose_device, device_note
from unetscope.computing.staging import Behind
from unetscope.images.micrograph import Micrograph
from unetscope.images.normalisation import fit_normalisation
from unetscope.learning.events import Notice, PredictionEvent, TileDone
from unetscope.learning.pixel_model import PixelModel, as_seen
from unetscope.learning.prediction import PredictOptions, label_dtype, predict_tiles
from unetscope.learning.tiling import Box
from unetscope.network.cropping import relative
from unetscope.scaling.pieces import Pieces, read_pieces


class Unkept:
    """Takes labels that nobody wants."""

    def __setitem__(self, place: Any, labels: Any) -> None:
        """Keep nothing."""


def predict_into(
    model: PixelModel,
    image: Micrograph,
    labels: Any,
    options: PredictOptions | None = None,
    *,
    probabilities: Any = None,
    machine: Machine | None = None,
) -> Iterator[PredictionEvent]:
    """Answer ``image`` piece by piece into arrays, reading ahead and writing behind.

    Parameters
    ----------
    labels : takes ``labels[y, x] = …`` or, of a stack, ``labels[z, y, x] = …``: a numpy, memmap or
        zarr array of the image's spatial shape, or a :class:`Scratch`.
    probabilities : the same with a leading axis of classes, float32; None where not wanted.
    machine : takes the place of ``options.device``.
    """
    image = as_seen(model, image)
    options = yield from on_a_device(options or PredictOptions())
    options = replace(options, probabilities=probabilities is not None, planes=None)
    if model.features.scale is None:  # once for the image, not by rows
        scale = fit_normalisation(image)
        model = model.with_features(own_normalisation=False, normalisation=scale)
    machine = machine or Machine(options.device)
    pieces = Pieces(model, image, options.tile_px)
    stacked = "z" in image.spatial_axes
    with Behind[None]() as written:
        for index, (piece, plane) in enumerate(read_pieces(image, pieces)):
            answer = _Answer(model, piece.core, chances=probabilities is not None)
            wanted = replace(options, region=piece.core, clip=True)
            for event in predict_tiles(model, plane, wanted, machine=machine):
                if isinstance(event, Notice):
                    yield event
                    continue
                answer.take(event)
                where = (slice(piece.z, piece.z + 1), *event.region) if stacked else event.region
                done, total = pieces.counted(index, event.done, event.total)
                yield replace(event, done=done, total=total, region=where)
            place = (piece.z, *piece.core) if stacked else piece.core
            for _ in written.begin(partial(answer.put, place, labels, probabilities)):
                pass
        for _ in written.rest():
            pass


def on_a_device(
    options: PredictOptions,
) -> Generator[PredictionEvent, None, PredictOptions]:
    """``options`` with a device that is there; told once, not by rows."""
    if (note := device_note(options.device)) is not None:
        yield Notice(note)
    return replace(options, device=choose_device(options.device))


class _Answer:
    """The answer of one piece, as it comes."""

    def __init__(self, model: PixelModel, core: Box, *, chances: bool) -> None:
        shape = tuple(side.stop - side.start for side in core)
        self.core = core
        self.labels = np.zeros(shape, label_dtype(model))
        self.chances = np.zeros((len(model.classes), *shape), np.float32) if chances else None

    def take(self, event: TileDone) -> None:
        """Put one tile where it belongs."""
        inside = relative(event.region, self.core)
        self.labels[inside] = event.labels
        if self.chances is not None and event.probabilities is not None:
            self.chances[(slice(None), *inside)] = event.probabilities

    def put(self, place: tuple[Any, ...], labels: Any, probabilities: Any) -> None:
        """Write it into arrays."""
        labels[place] = self.labels
        if self.chances is not None:
            for number, chance in enumerate(self.chances):
                probabilities[(number, *place)] = chance
