"""``unetscope predict --out NAME.zarr``: one image of any size, block by block."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from unetscope.cli.forms import Predict
from unetscope.cli.reading import image_at
from unetscope.cli.terminal import messages, say_error, say_notes
from unetscope.computing.choices import Precision
from unetscope.computing.machine import Engine
from unetscope.computing.precision import device_note
from unetscope.errors import OutputError
from unetscope.images.writing import usable_folder
from unetscope.images.zarr_folder import is_zarr, name_of
from unetscope.learning.events import Notice, PredictionEvent, TileDone
from unetscope.learning.persistence import load_model
from unetscope.learning.prediction import PredictOptions
from unetscope.learning.voice import Voices
from unetscope.scaling.estimate import Estimate, check_room, estimated
from unetscope.scaling.hearing import fast_note, heard
from unetscope.scaling.ledger import BlockDone
from unetscope.scaling.matching import How, matched
from unetscope.scaling.running import (
    SURPRISE,
    Begin,
    MissingPieces,
    Run,
    Work,
    begin,
    run_here,
)
from unetscope.scaling.workers import BlockFailed, Cluster, Pool, Processes, WorkerOptions, run_by

#: Above so many pixels it is said before the start how long it takes.
_LARGE_PX = 16_000_000


def run(form: Predict) -> Iterator[Path]:
    """Answer one image into NAME.zarr; yields it when it, or this part of it, is done.

    Raises
    ------
    OutputError
        If several images are given, or options that do not go together.
    """
    if len(form.images) != 1:
        raise OutputError(
            f"{form.out} takes one image and {len(form.images)} are given; give a folder with "
            "--out for several"
        )
    if form.volume != "slices":
        raise OutputError(
            f"--volume {form.volume} holds the volume in memory; give a folder with --out"
        )
    form = _with_out(form)
    part = _part(form)
    model = load_model(form.model, allow_download=form.allow_download)
    (path,) = form.images
    asker = form.asker()
    image = asker.read(partial(image_at, path))
    say_notes(name_of(path), image.notes)
    if (note := device_note(form.device)) is not None:
        messages().print(escape(note), soft_wrap=True)
    options = PredictOptions(
        probabilities=form.probabilities, device=form.device, tile_px=form.tile
    )
    engine = Engine(form.engine, form.precision or Precision.FP32)
    voices = Voices(form.voices)
    if voices == Voices.FAST and not (form.resume or form.part):
        say_notes(name_of(path), [fast_note(model, image, options, engine)])
    if form.dry_run or (math.prod(image.shape) > _LARGE_PX and not form.out.exists()):
        folder = path.parent if form.into_image else form.out.absolute().parent
        usable_folder(folder)
        asked = heard(voices, model, options, engine)
        expected = estimated(model, image, *asked, folder)
        messages().print(_told(expected, form), soft_wrap=True)
        if form.dry_run:
            return
        check_room(expected, form.out)
    source = {"path": str(path.absolute()), "answers": asker.answers.as_record()}
    pixels = cast("How", form.pixel_size)
    say_notes(name_of(path), [note] if (note := matched(model, image, pixels).note) else [])
    inputs = (path, form.model)
    work = Work(form.out, inputs, _how_to_begin(form), source, pixels=pixels, voices=voices)
    begun = begin(model, image, work, options, engine)
    odd = begun.manifest.recorded.get(SURPRISE, {}).get("unlike")
    say_notes(name_of(path), [f"careful: {odd}"] if odd else [])
    left = [n for n in begun.left() if n % part[1] == part[0] - 1]
    done_before = len(begun.manifest.layout) - len(begun.left())
    if done_before and left:
        messages().print(f"{done_before} of {len(begun.manifest.layout)} blocks were done before.")
    try:
        failed = _watched(_events(form, begun, part), messages(), form.out.name, len(left))
    except MissingPieces as missing:
        say_error(str(missing))
        raise typer.Exit(3) from missing
    if failed:
        say_error(
            f"{len(failed)} blocks failed and are left out: "
            + "; ".join(f"{one.block}: {one.why}" for one in failed[:5])
        )
        raise typer.Exit(3)
    yield form.out


def _with_out(form: Predict) -> Predict:
    """The form with the path of labels inside of the image, where those are asked for."""
    if not form.into_image:
        return form
    (image,) = form.images
    if form.level or form.time:
        raise OutputError("--into-image takes the whole image; leave out --level and --time")
    if not is_zarr(image):
        raise OutputError(f"{image} is no OME-Zarr image; leave out --into-image")
    return replace(form, out=image / "labels" / form.out.name)


def _how_to_begin(form: Predict) -> Begin:
    if form.resume and form.overwrite:
        raise OutputError("--resume goes on and --overwrite begins anew; give one of them")
    if form.part:
        return "overwrite" if form.overwrite else "join"
    return "resume" if form.resume else "overwrite" if form.overwrite else "new"


def _part(form: Predict) -> tuple[int, int]:
    """Which part of how many, from 1: (1, 1) is all."""
    if form.part is None:
        return 1, 1
    if form.dask or form.workers > 1:
        raise OutputError("--part shares blocks by itself; leave out --dask and --workers")
    found = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", form.part)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise OutputError(f"--part {form.part!r} is no part; write 3/16 for the third of 16")
    return int(found[1]), int(found[2])


def _events(
    form: Predict, begun: Run, part: tuple[int, int]
) -> Iterable[PredictionEvent | BlockDone | BlockFailed]:
    pool: Pool
    how = WorkerOptions(form.device, begun.options.tile_px)
    if form.dask:
        pool = Cluster(form.dask, form.workers if form.workers > 1 else None)
    elif form.workers > 1:
        pool = Processes(form.workers)
    else:
        return run_here(begun, part, allow_missing=form.allow_missing)
    return run_by(begun, pool, how, allow_missing=form.allow_missing)


def _watched(
    events: Iterable[PredictionEvent | BlockDone | BlockFailed],
    console: Console,
    title: str,
    blocks: int,
) -> list[BlockFailed]:
    """Follow a run on a progress bar of blocks; what failed."""
    failed: list[BlockFailed] = []
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.1f}/{task.total:.0f} blocks"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bar, done = progress.add_task(escape(title), total=max(blocks, 1)), 0
        for event in events:
            match event:
                case Notice():
                    progress.console.print(escape(event.text), soft_wrap=True)
                case BlockDone() | BlockFailed():
                    done += 1
                    failed += [event] if isinstance(event, BlockFailed) else []
                    progress.update(bar, completed=done)
                case TileDone() if blocks < 100:  # with many blocks each is step enough
                    progress.update(bar, completed=done + 0.9 * event.done / event.total)
    return failed


def _told(found: Estimate, form: Predict) -> str:
    workers = max(1, form.workers)
    low, high = (_time(seconds / workers) for seconds in (found.seconds * 0.7, found.seconds * 1.3))
    return (
        f"{form.out}: {found.blocks} blocks of {found.side} px; {low} to {high} with {workers} "
        f"process{'es' if workers > 1 else ''} like this one; about {_size(found.bytes)} on the "
        f"disk, at most {_size(found.most_bytes)} ({_size(found.free_bytes)} free)."
    )


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def _size(number: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} TB"
