"""``unetscope predict``: images of any size, one after the other."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import typer
from rich.markup import escape

from unetscope.cli import blocks
from unetscope.cli.forms import Predict
from unetscope.cli.reading import image_at
from unetscope.cli.terminal import (
    Interview,
    messages,
    named,
    say_error,
    say_notes,
    watch_prediction,
)
from unetscope.computing.machine import Engine, Machine
from unetscope.computing.precision import choose_device, device_note
from unetscope.errors import ImageError, OutputError, UnetscopeError
from unetscope.images.annotations.mask_names import looks_like_labels
from unetscope.images.claims import Role, mark_of
from unetscope.images.files import SUFFIXES
from unetscope.images.writing import usable_folder
from unetscope.images.zarr_folder import PACKED, is_zarr, name_of, title_of
from unetscope.learning.persistence import load_model
from unetscope.learning.pixel_model import PixelModel, as_seen
from unetscope.learning.prediction import PredictOptions
from unetscope.scaling.predicting import AnswerFiles, predict_to

_PASSED = ("passed over, as masks or results of other images; give one alone to predict it",)


def run(form: Predict) -> Iterator[Path]:
    """Predict; yields each file when it is written."""
    if form.out.suffix == ".zarr":
        yield from blocks.run(form)
        return
    _no_blocks(form)
    found, passed = images_of(form.images)
    say_notes(", ".join(map(name_of, passed)), _PASSED[: len(passed)])
    targets = prediction_targets(found, form.out)
    computing = Engine(form.engine, form.precision)
    trained = load_model(form.model, allow_download=form.allow_download)
    usable_folder(form.out)
    options = PredictOptions(
        probabilities=form.probabilities, device=form.device, tile_px=form.tile
    )
    inputs = (*found, *foreign(passed), form.model)
    batch = Batch(trained, options, computing, inputs, form.asker(), form.overwrite)
    failed = yield from batch.run(targets)
    if failed:
        say_error(f"{len(failed)} of {len(targets)} images were not predicted, as said above.")
        raise typer.Exit(1)


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


@dataclass(frozen=True)
class Batch:
    """A prediction of many images: what one of them cannot have does not keep it from the others.

    ``inputs`` are all files that are read, which no result may replace.
    """

    model: PixelModel
    options: PredictOptions
    engine: Engine
    inputs: tuple[Path, ...]
    asker: Interview
    overwrite: bool = False

    def run(self, targets: Mapping[Path, Path]) -> Generator[Path, None, list[str]]:
        """Predict each image to its target; the files written, and what failed, in words."""
        failed = []
        ready = self._on_a_device()
        for path, target in targets.items():
            try:
                yield from ready.predicted(path, target)
            except (UnetscopeError, OSError) as error:
                if len(targets) == 1:
                    raise
                failed.append(named(path, error))
                say_error(failed[-1])
        return failed

    def _on_a_device(self) -> Batch:
        """The batch on a device that is there; what took its place is told once, not by images."""
        if (note := device_note(self.options.device)) is not None:
            messages().print(escape(note), soft_wrap=True)
        device = choose_device(self.options.device)
        return replace(self, options=replace(self.options, device=device))

    def predicted(self, path: Path, target: Path) -> Iterator[Path]:
        """Predict one image; the files written."""
        beside = target.with_name(target.name.replace("_labels.tif", "_probabilities.tif"))
        wanted = beside if self.options.probabilities else None
        goal = AnswerFiles(target, wanted, self.inputs, self.overwrite)
        goal.check()  # refuse before a bar is drawn
        image = self.asker.read(partial(image_at, path))
        say_notes(name_of(path), image.notes)
        seen = as_seen(self.model, image)
        say_notes(name_of(path), seen.notes[len(image.notes) :])
        image = seen
        Machine(self.options.device, self.engine)  # refuses what does not go together
        events = predict_to(self.model, image, goal, self.options, engine=self.engine)
        for _ in watch_prediction(events, messages(), title=image.name or target.stem):
            pass
        yield target
        if wanted is not None:
            yield wanted


def images_of(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The images meant by ``paths``, and what was passed over as a result or mask of one of them.

    Every folder is replaced by the images in it, by name; OME-Zarr stays one image. A path that
    stands alone is meant, whatever it is called.

    Raises
    ------
    ImageError
        If a folder holds no image, or a path is not there.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir() or path.suffix == ".zarr" or is_zarr(path):
            found.append(path)
            continue
        inside = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
        inside = [p for p in inside if not p.name.startswith(".")]
        if not inside:
            raise ImageError(f"{path} holds no image; they end in {', '.join(SUFFIXES)}.")
        found.extend(inside)
    found = list(dict.fromkeys(found))
    passed = [path for path in found if len(found) > 1 and looks_like_labels(path, found)]
    return [path for path in found if path not in passed], passed


def foreign(paths: Sequence[Path]) -> list[Path]:
    """Those of ``paths`` that unetscope did not predict."""
    return [path for path in paths if mark_of(path) not in (Role.PREDICTION, Role.PROBABILITIES)]


def prediction_targets(images: Sequence[Path], folder: Path) -> dict[Path, Path]:
    """Input → NAME_labels.tif in ``folder``; two inputs of one name are refused."""
    targets: dict[Path, Path] = {}
    taken: dict[str, Path] = {}
    for path in images:
        target = folder / f"{_stem_of(path)}_labels.tif"
        same = target.name.casefold()  # Windows and macOS tell no capitals apart
        if same in taken:
            raise OutputError(
                f"{taken[same]} and {path} would both become {target}; predict them into two "
                "folders, or rename one."
            )
        targets[path] = target
        taken[same] = path
    return targets


def _stem_of(path: Path) -> str:
    """The name of an image without what says its format; of images in a zarr also whose."""
    if path.is_dir() and is_zarr(path):
        return title_of(path)
    packed = [f".ome{ending}" for ending in PACKED]
    for suffix in (".ome.tif", ".ome.tiff", ".ome.zarr", *packed, *PACKED, path.suffix):
        if suffix and path.name.lower().endswith(suffix.lower()):
            return path.name[: -len(suffix)]
    return path.name
