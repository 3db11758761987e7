"""``unetscope predict``: images of any size, one after the other."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import cast, get_args

import typer

from unetscope.cli import blocks
from unetscope.cli.forms import Predict
from unetscope.cli.reading import image_at
from unetscope.cli.terminal import (
    Interview,
    messages,
    named,
    say_error,
    say_notes,
    watch_files,
)
from unetscope.computing.choices import Precision, one_of
from unetscope.computing.machine import Engine
from unetscope.errors import OutputError
from unetscope.images.micrograph import Micrograph
from unetscope.images.zarr_folder import name_of
from unetscope.learning.persistence import load_model
from unetscope.learning.pixel_model import as_seen
from unetscope.learning.prediction import PredictOptions
from unetscope.learning.voice import Voices
from unetscope.scaling.batches import (
    Batch,
    beside,
    foreign,
    images_of,
    predict_files,
    prediction_targets,
)
from unetscope.scaling.directions import Volume
from unetscope.scaling.file_results import FAILED, UP_TO_DATE, FileResult, FilesDone
from unetscope.scaling.hearing import fast_note
from unetscope.scaling.matching import How
from unetscope.scaling.odd_ones import surprise_places

_MOST_PLACES = 3  # images that are named as the least like the training where none is judged
PASSED = ("passed over, as masks or results of other images; give one alone to predict it",)


def run(form: Predict) -> Iterator[Path]:
    """Predict; yields each file when it is written, and the table of several at the end."""
    if form.pixel_size not in get_args(How):
        raise OutputError(f"--pixel-size is {', '.join(get_args(How))}, not {form.pixel_size!r}")
    if form.volume not in get_args(Volume):
        raise OutputError(f"--volume is {' or '.join(get_args(Volume))}, not {form.volume!r}")
    if form.voices not in list(Voices):
        raise OutputError(f"--voices is {one_of(Voices)}, not {form.voices!r}")
    if form.voices == Voices.FAST and form.precision == Precision.FP32:
        raise OutputError(
            "--voices fast takes half precision where that is faster, and --precision fp32 forbids "
            "it; give one of the two"
        )
    if form.out.suffix == ".zarr" or form.into_image:
        yield from blocks.run(form)
        return
    _no_blocks(form)
    found, passed = images_of(form.images)
    say_notes(", ".join(map(name_of, passed)), PASSED[: len(passed)])
    batch = batch_of(form, found, passed)
    failed = yield from predicted(form, batch)
    if failed:
        say_error(f"{failed} of {len(batch.targets)} images were not predicted, as said above.")
        raise typer.Exit(1)


def batch_of(form: Predict, found: Sequence[Path], passed: Sequence[Path]) -> Batch:
    """The prediction that a form asks for, with its model and where each image's labels go."""
    targets = prediction_targets(found, form.out)  # refuses before a model is opened
    return Batch(
        load_model(form.model, allow_download=form.allow_download),
        targets,
        form.out,
        PredictOptions(probabilities=form.probabilities, device=form.device, tile_px=form.tile),
        Engine(form.engine, form.precision or Precision.FP32),
        (*found, *foreign(passed), form.model),
        form.overwrite,
        form.anew,
        cast("How", form.pixel_size),
        cast("Volume", form.volume),
        Voices(form.voices),
    )


def predicted(form: Predict, batch: Batch) -> Generator[Path, None, int]:
    """Predict one image after the other; the files written, and how many images failed."""
    failed = 0
    read = partial(_read, form.asker(), batch)
    for event in watch_files(predict_files(batch, read), messages()):
        if isinstance(event, FileResult) and event.status == FAILED:
            failed += 1
            say_error(named(event.image, event.why))
        elif isinstance(event, FileResult):
            say_notes(name_of(event.image), [UP_TO_DATE] if event.status == UP_TO_DATE else [])
            if len(batch.targets) == 1:
                say_notes(name_of(event.image), _unlike(event))
            yield event.mask
            if form.probabilities:
                yield beside(event.mask)
        elif isinstance(event, FilesDone):
            _tell(event)
            yield event.table
    return failed


def _no_blocks(form: Predict) -> None:
    """Refuse what goes with an answer of blocks only."""
    asked = {
        "--resume": form.resume,
        "--dry-run": form.dry_run,
        "--workers": form.workers > 1,
        "--dask": form.dask,
        "--part": form.part,
    }
    for option, given in asked.items():
        if given:
            raise OutputError(
                f"{option} needs an answer that is made block by block; give --out NAME.zarr"
            )


def _unlike(result: FileResult) -> list[str]:
    """How an image that stands alone is unlike the training."""
    surprise = result.answered.surprise if result.answered is not None else None
    return [f"careful: {surprise.unlike}"] if surprise is not None and surprise.unlike else []


def _tell(done: FilesDone) -> None:
    """Name the images that are unlike the others or the training; where that is open, the order."""
    for path, reason in done.odd.items():
        say_notes(name_of(path), [f"odd: {reason}"])
    told = {one.image: one.answered for one in done.results if one.answered is not None}
    for path, place in surprise_places(told).items():
        if int(place.split()[0]) <= _MOST_PLACES:
            say_notes(name_of(path), [place])


def _read(asker: Interview, batch: Batch, path: Path) -> Micrograph:
    """The image of a file; what it leaves open is asked, and what it tells is told."""
    image = asker.read(partial(image_at, path))
    say_notes(name_of(path), image.notes)
    seen = as_seen(batch.model, image)
    say_notes(name_of(path), seen.notes[len(image.notes) :])
    if batch.voices == Voices.FAST and path == next(iter(batch.targets)):
        told = fast_note(batch.model, seen, batch.options, batch.engine)
        say_notes(name_of(path), [told])
    return seen
