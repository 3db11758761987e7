"""Predicting images of any size in constant memory, from file to file."""

from __future__ import annotations

from collections.abc import Generator, Iterator
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
from unetscope.learning.pixel_model import PixelModel, as_seen
from unetscope.learning.prediction import PredictOptions, label_dtype, predict_tiles
from unetscope.learning.tiling import Box
from unetscope.network.cropping import relative
from unetscope.scaling.matching import BroughtBack, How, matched, seen_by
from unetscope.scaling.pieces import Pieces, read_pieces
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
    pixels
        What to do about pixels of another size than the model's.
    """

    labels: Path
    probabilities: Path | None = None
    inputs: tuple[Path, ...] = ()
    overwrite: bool = False
    pixels: How = "as-is"

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
    """Answer ``image`` and write the answer to ``target``, in the memory of a few pieces.

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
        match = matched(model, image, target.pixels)
        seen = seen_by(image, match)
        sinks: list[Any] = [labels, chances]
        if match.note:
            yield Notice(match.note)
        if match.factors is not None:
            sinks = [one and BroughtBack(one, image, match.factors) for one in sinks]
        yield from predict_into(
            model, seen, sinks[0], options, probabilities=sinks[1], machine=machine
        )
        axes = image.spatial_axes
        said = [match.note] if match.note else []
        told = replace(image, notes=(*image.notes, f"predicted by {_called(model)}", *said))
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
    """Answer ``image`` piece by piece into arrays, reading ahead.

    Parameters
    ----------
    labels : takes ``labels[y, x] = …`` or, of a stack, ``labels[z, y, x] = …``: a numpy, memmap or
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
    pieces = Pieces(model, image, options.tile_px)
    stacked = "z" in image.spatial_axes
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
        labels[place] = answer.labels
        if answer.chances is not None:
            for number, chance in enumerate(answer.chances):
                probabilities[(number, *place)] = chance


def _on_a_device(
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


def _write(found: Scratch, axes: str, image: Micrograph, path: Path, claim: Claim) -> None:
    what = "labels" if claim.role is Role.PREDICTION else str(claim.role)
    name = f"{image.name or 'image'} {what}"
    pixels = found.read()
    answer = Micrograph(pixels, axes, image.pixel_size, image.unit, name, image.notes)
    write_micrograph(answer, path, claim)


def _called(model: PixelModel) -> str:
    return f"the model {model.name!r}, version {model.version}"
