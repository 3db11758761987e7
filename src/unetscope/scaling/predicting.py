"""Predicting images of any size in constant memory, from file to file."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from unetscope.computing.machine import Engine, Machine
from unetscope.computing.memory import keep_freed_memory
from unetscope.computing.precision import choose_device, device_note
from unetscope.errors import OutputError
from unetscope.images.claims import Claim, Role
from unetscope.images.files import write_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.images.normalisation import fit_normalisation
from unetscope.learning.events import Notice, PredictionEvent, TileDone
from unetscope.learning.feature_cache import grid
from unetscope.learning.pixel_model import PixelModel, as_seen
from unetscope.learning.prediction import PredictOptions, label_dtype, predict_tiles
from unetscope.scaling.bands import Band, read_bands
from unetscope.scaling.scratch import Scratch, scratch


@dataclass(frozen=True)
class AnswerFiles:
    """Where an answer goes: ``labels`` and, if wanted, ``probabilities``; .tif or .zarr.

    Attributes
    ----------
    inputs
        What the answer is made of, which it may not replace.
    overwrite
        Whether files that unetscope did not predict may be replaced.
    """

    labels: Path
    probabilities: Path | None = None
    inputs: tuple[Path, ...] = ()
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.probabilities == self.labels:
            raise OutputError(
                f"labels and probabilities would both become {self.labels}; name two files."
            )

    def claim(self, role: Role) -> Claim:
        """What the writer of one of the two files wants."""
        return Claim(role, self.inputs, self.overwrite)

    def check(self) -> None:
        """Refuse, before any work, what may not be replaced.

        Raises
        ------
        OutputError
            If something lies there that is an input or was not predicted by unetscope.
        """
        self.claim(Role.PREDICTION).check(self.labels)
        if self.probabilities is not None:
            self.claim(Role.PROBABILITIES).check(self.probabilities)


def predict_to(
    model: PixelModel,
    image: Micrograph,
    target: AnswerFiles,
    options: PredictOptions | None = None,
    *,
    engine: Engine | None = None,
) -> Iterator[PredictionEvent]:
    """Answer ``image`` and write the answer to ``target``, in the memory of a few rows of tiles.

    With the default engine the labels are those of :func:`predict_labels`. Events come tile by
    tile; the files appear, whole, when the iterator is exhausted, and not at all if it is closed
    before.

    Parameters
    ----------
    options : ``region``, ``planes`` and ``clip`` have no meaning here: all of it is answered.
    engine : what computes the networks; torch in fp32 by default.

    Raises
    ------
    OutputError
        If a file cannot be written, or may not be replaced.
    ModelError
        If the model cannot answer such an image.
    """
    target.check()
    image = as_seen(model, image)
    options = yield from _on_a_device(options or PredictOptions())
    keep_freed_memory()
    with ExitStack() as stack:
        shape = image.spatial_shape
        labels = stack.enter_context(scratch(target.labels, shape, label_dtype(model)))
        chances = None
        if target.probabilities is not None:
            shape = (len(model.classes), *shape)
            chances = stack.enter_context(scratch(target.probabilities, shape, np.float32))
        machine = Machine(options.device, engine or Engine())
        yield from predict_into(
            model, image, labels, options, probabilities=chances, machine=machine
        )
        axes = image.spatial_axes
        told = replace(image, notes=(*image.notes, f"predicted by {_called(model)}"))
        _write(labels, axes, told, target.labels, target.claim(Role.PREDICTION))
        if chances is not None and target.probabilities is not None:
            claim = target.claim(Role.PROBABILITIES)
            _write(chances, "c" + axes, told, target.probabilities, claim)


class _Unkept:
    """Takes labels that nobody wants."""

    def __setitem__(self, place: Any, labels: Any) -> None:
        """Keep nothing."""


def write_probabilities(
    model: PixelModel,
    image: Micrograph,
    path: Path,
    claim: Claim,
    options: PredictOptions | None = None,
) -> Iterator[PredictionEvent]:
    """Answer ``image`` and write the probability of each class, (class, …) float32, to ``path``.

    As :func:`predict_to`; the file has the pixel size and the notes of the image.

    Raises
    ------
    OutputError
        If the file cannot be written, or may not be replaced.
    ModelError
        If the model cannot answer such an image.
    """
    claim.check(path)
    image = as_seen(model, image)
    with scratch(path, (len(model.classes), *image.spatial_shape), np.float32) as chances:
        yield from predict_into(model, image, _Unkept(), options, probabilities=chances)
        named = ", ".join(c.name for c in model.classes)
        said = (*image.notes, f"predicted by {_called(model)}", f"one channel for each of: {named}")
        axes = "c" + image.spatial_axes
        _write(chances, axes, replace(image, notes=said), path, claim)


def predict_into(
    model: PixelModel,
    image: Micrograph,
    labels: Any,
    options: PredictOptions | None = None,
    *,
    probabilities: Any = None,
    machine: Machine | None = None,
) -> Iterator[PredictionEvent]:
    """Answer ``image`` row of tiles by row of tiles into arrays, reading ahead.

    Parameters
    ----------
    labels : takes ``labels[rows] = …`` or, of a stack, ``labels[z, rows] = …``: a numpy, memmap or
        zarr array of the image's spatial shape, or a :class:`Scratch`.
    probabilities : the same with a leading axis of classes, float32; None where not wanted.
    machine : takes the place of ``options.device``.
    """
    image = as_seen(model, image)
    options = yield from _on_a_device(options or PredictOptions())
    options = replace(options, probabilities=probabilities is not None, planes=None)
    if model.features.scale is None:  # once for the image, not by rows
        scale = fit_normalisation(image)
        model = model.with_features(own_normalisation=False, normalisation=scale)
    machine = machine or Machine(options.device)
    bands, tiles_a_band = _bands(model, image, options.tile_px)
    total = tiles_a_band * len(bands)
    stacked = "z" in image.spatial_axes
    for index, (band, plane) in enumerate(read_bands(image, bands)):
        region = (band.core, slice(0, image.spatial_shape[-1]))
        rows = _Rows(model, plane, band.core, chances=probabilities is not None)
        wanted = replace(options, region=region, clip=True)
        for event in predict_tiles(model, plane, wanted, machine=machine):
            if isinstance(event, Notice):
                yield event
                continue
            rows.take(event)
            done = index * tiles_a_band + event.done * tiles_a_band // event.total
            where = (slice(band.z, band.z + 1), *event.region) if stacked else event.region
            yield replace(event, done=done, total=total, region=where)
        place = (band.z, band.core) if stacked else (band.core,)
        labels[place] = rows.labels
        if rows.chances is not None:
            for number, chance in enumerate(rows.chances):
                probabilities[(number, *place)] = chance


def _on_a_device(
    options: PredictOptions,
) -> Generator[PredictionEvent, None, PredictOptions]:
    """``options`` with a device that is there; told once, not by rows."""
    if (note := device_note(options.device)) is not None:
        yield Notice(note)
    return replace(options, device=choose_device(options.device))


class _Rows:
    """The answer of one row of tiles, as it comes."""

    def __init__(self, model: PixelModel, plane: Micrograph, core: slice, *, chances: bool) -> None:
        shape = (core.stop - core.start, plane.spatial_shape[-1])
        self.core = core
        self.labels = np.zeros(shape, label_dtype(model))
        self.chances = np.zeros((len(model.classes), *shape), np.float32) if chances else None

    def take(self, event: TileDone) -> None:
        """Put one tile where it belongs."""
        y, x = event.region
        inside = (slice(y.start - self.core.start, y.stop - self.core.start), x)
        self.labels[inside] = event.labels
        if self.chances is not None and event.probabilities is not None:
            self.chances[(slice(None), *inside)] = event.probabilities


def _bands(model: PixelModel, image: Micrograph, tile_px: int) -> tuple[Sequence[Band], int]:
    """Rows of tiles of all planes, and how many tiles are in a row."""
    height = image.spatial_shape[-2]
    tiles = grid(model, image, tile_px)
    rows: dict[int, Band] = {}
    for tile in tiles:
        y, window = tile.inside(image.spatial_shape[-2:])[0], tile.window[0]
        rows[y.start] = Band(0, y, slice(window.start, min(window.stop, height)))
    planes = [replace(band, z=z) for z in range(image.depth) for band in rows.values()]
    return planes, len(tiles) // len(rows)


def _write(found: Scratch, axes: str, image: Micrograph, path: Path, claim: Claim) -> None:
    what = "labels" if claim.role is Role.PREDICTION else str(claim.role)
    name = f"{image.name or 'image'} {what}"
    pixels = found.read()
    answer = Micrograph(pixels, axes, image.pixel_size, image.unit, name, image.notes)
    write_micrograph(answer, path, claim)


def _called(model: PixelModel) -> str:
    return f"the model {model.name!r}, version {model.version}"
