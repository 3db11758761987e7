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
from unetscope.errors import OutputError
from unetscope.images.claims import Claim, Role
from unetscope.images.files import write_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.learning.events import Notice, PredictionEvent
from unetscope.learning.pixel_model import PixelModel, as_seen
from unetscope.learning.prediction import PredictOptions, label_dtype
from unetscope.learning.voice import Voices
from unetscope.scaling.directions import Volume, fits_memory, predict_volume
from unetscope.scaling.hearing import FAST_NOTE, heard
from unetscope.scaling.into_arrays import Unkept, on_a_device, predict_into
from unetscope.scaling.matching import BroughtBack, How, matched, seen_by
from unetscope.scaling.scratch import Scratch, scratch
from unetscope.scaling.volume_blocks import VolumeBlock, predict_blocks


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
    volume
        "slices" of a stack one by one, or the mean of "three" directions.
    voices
        Fast ones are in half precision where that is faster, and read wider tiles.
    """

    labels: Path
    probabilities: Path | None = None
    inputs: tuple[Path, ...] = ()
    overwrite: bool = False
    pixels: How = "as-is"
    volume: Volume = "slices"
    voices: Voices = Voices.ALL

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
    options = yield from on_a_device(options or PredictOptions())
    options, engine = heard(target.voices, model, options, engine)
    keep_freed_memory()
    with ExitStack() as stack:
        shape = image.spatial_shape
        labels = stack.enter_context(scratch(target.labels, shape, label_dtype(model)))
        chances = None
        if target.probabilities is not None:
            shape = (len(model.classes), *shape)
            chances = stack.enter_context(scratch(target.probabilities, shape, np.float32))
        machine = Machine(options.device, engine)
        if target.volume == "three":
            yield from _three_ways(model, image, (labels, chances), options, machine)
            said = ["the mean of three directions"]
        else:
            said = yield from _by_slices(model, image, (labels, chances), options, machine, target)
        said = [*said, *([FAST_NOTE] if target.voices == Voices.FAST else [])]
        axes = image.spatial_axes
        told = replace(image, notes=(*image.notes, f"predicted by {_called(model)}", *said))
        _write(labels, axes, told, target.labels, target.claim(Role.PREDICTION))
        if chances is not None and target.probabilities is not None:
            claim = target.claim(Role.PROBABILITIES)
            _write(chances, "c" + axes, told, target.probabilities, claim)


Sinks = tuple[Scratch, Scratch | None]


def _by_slices(
    model: PixelModel,
    image: Micrograph,
    sinks: Sinks,
    options: PredictOptions,
    machine: Machine,
    target: AnswerFiles,
) -> Generator[PredictionEvent, None, list[str]]:
    """Answer plane by plane at the pixel size that is wanted; what is to be noted of that."""
    match = matched(model, image, target.pixels)
    seen = seen_by(image, match)
    labels, chances = sinks
    into: list[Any] = [labels, chances]
    if match.note:
        yield Notice(match.note)
    if match.factors is not None:
        into = [one and BroughtBack(one, image, match.factors) for one in into]
    yield from predict_into(model, seen, into[0], options, probabilities=into[1], machine=machine)
    return [match.note] if match.note else []


def _three_ways(
    model: PixelModel, image: Micrograph, sinks: Sinks, options: PredictOptions, machine: Machine
) -> Iterator[PredictionEvent]:
    """Answer a volume along its three axes and keep the mean."""
    labels, chances = sinks
    values = np.asarray(model.class_values, label_dtype(model))
    whole = fits_memory(model, image)
    answers = predict_volume if whole else predict_blocks
    for event in answers(model, image, options, machine):
        if isinstance(event, np.ndarray):
            everything = tuple(slice(0, side) for side in image.spatial_shape)
            event = VolumeBlock((everything[0], everything[1], everything[2]), event)
        if not isinstance(event, VolumeBlock):
            yield event
            continue
        planes, *box = event.box
        for z in range(planes.start, planes.stop):
            mean = event.mean[:, z - planes.start]
            labels[(z, *box)] = values[mean.argmax(axis=0)]
            for number, chance in enumerate(mean if chances is not None else ()):
                assert chances is not None
                chances[(number, z, *box)] = chance


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
        yield from predict_into(model, image, Unkept(), options, probabilities=chances)
        named = ", ".join(c.name for c in model.classes)
        said = (*image.notes, f"predicted by {_called(model)}", f"one channel for each of: {named}")
        axes = "c" + image.spatial_axes
        _write(chances, axes, replace(image, notes=said), path, claim)


def _write(found: Scratch, axes: str, image: Micrograph, path: Path, claim: Claim) -> None:
    what = "labels" if claim.role is Role.PREDICTION else str(claim.role)
    name = f"{image.name or 'image'} {what}"
    pixels = found.read()
    answer = Micrograph(pixels, axes, image.pixel_size, image.unit, name, image.notes)
    write_micrograph(answer, path, claim)


def _called(model: PixelModel) -> str:
    return f"the model {model.name!r}, version {model.version}"
