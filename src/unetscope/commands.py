"""What the commands do: the engine's functions in order, with progress on the terminal."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from unetscope.errors import LabelError, OutputError, UnetscopeError
from unetscope.learning.classes import PALETTE, LabelClass
from unetscope.terminal import (
    TrainingOutcome,
    messages,
    say_outcome,
    say_table,
    watch_prediction,
    watch_training,
)

if TYPE_CHECKING:
    from unetscope.demo.pictures import DemoPicture
    from unetscope.images.micrograph import Micrograph
    from unetscope.learning.pixel_model import PixelModel
    from unetscope.learning.prediction import PredictOptions
    from unetscope.learning.samples import Sample

MODEL_SUFFIX = ".unetscope"


@dataclass(frozen=True)
class Training:
    """How to train: ``model`` is a bundled model's name or a model file to go on from."""

    model: str
    seconds: float
    device: str
    seed: int

    def run(
        self, samples: Sequence[Sample], classes: Sequence[LabelClass]
    ) -> tuple[PixelModel, TrainingOutcome]:
        """Train until it ends or Ctrl-C; without any model then, end the command."""
        from unetscope.learning.finetune import TrainOptions, fine_tune

        start = replace(_start_model(self.model, self.device), seed=self.seed)
        if classes:
            start = replace(start, classes=tuple(classes))
        options = TrainOptions(max_seconds=self.seconds, seed=self.seed, device=self.device)
        events = fine_tune(start, samples, options)
        outcome = watch_training(events, messages(), max_seconds=self.seconds)
        if outcome.model is None:
            raise UnetscopeError("stopped before anything was learned; nothing was saved.")
        return outcome.model, outcome


def demo_headless(picture: DemoPicture, out: Path, training: Training) -> list[Path]:
    """The demonstration without a screen: train, predict, write; the files written."""
    from unetscope.demo.headless import DemoResult, metrics_rows, write_demo
    from unetscope.learning.prediction import predict_labels
    from unetscope.learning.samples import make_samples

    usable_folder(out)
    if picture.note:
        messages().print(escape(picture.note), soft_wrap=True)
    samples = make_samples([picture.image], [picture.labels])
    learned, outcome = training.run(samples, picture.classes)
    trained = predict_labels(learned, picture.image)
    first = outcome.instant or learned
    instant = trained if first is learned else predict_labels(first, picture.image)
    result = DemoResult(instant, trained, outcome.validation)
    say_outcome(learned, outcome)
    say_table(metrics_rows(picture, result))
    return write_demo(picture, result, out)


def predict_one(
    model: PixelModel, image: Micrograph, target: Path, options: PredictOptions
) -> Iterator[Path]:
    """Predict one image; write and name ``target`` and, if wanted, its probabilities."""
    import numpy as np

    from unetscope.images.files import write_labels, write_micrograph
    from unetscope.images.micrograph import as_micrograph
    from unetscope.learning.prediction import label_dtype, predict_tiles

    labels = np.zeros(image.spatial_shape, label_dtype(model))
    chances = None
    if options.probabilities:
        chances = np.zeros((len(model.classes), *image.spatial_shape), np.float32)
    events = predict_tiles(model, image, options)
    for tile in watch_prediction(events, messages(), title=image.name or target.stem):
        labels[tile.region] = tile.labels
        if chances is not None and tile.probabilities is not None:
            chances[(slice(None), *tile.region)] = tile.probabilities
    write_labels(labels, target, like=image)
    yield target
    if chances is not None:
        axes = "c" + image.spatial_axes
        beside = target.with_name(target.name.replace("_labels.tif", "_probabilities.tif"))
        like = as_micrograph(chances, axes=axes, pixel_size=image.pixel_size, unit=image.unit)
        write_micrograph(like, beside)
        yield beside


def _start_model(name: str, device: str) -> PixelModel:
    """A bundled model by name, or the model of a file to go on from."""
    from unetscope.learning.persistence import load_model, start_model

    if name.endswith(MODEL_SUFFIX):
        return load_model(Path(name))
    return start_model(name, device=device)


def checked_model_path(path: Path) -> None:
    """Refuse before the training what could not be saved after it."""
    if path.suffix != MODEL_SUFFIX:
        raise OutputError(
            f"a model file is called NAME{MODEL_SUFFIX}; use --out {path.with_suffix(MODEL_SUFFIX)}"
        )
    usable_folder(path.absolute().parent)


def prediction_targets(images: Sequence[Path], folder: Path) -> dict[Path, Path]:
    """Input → NAME_labels.tif in ``folder``; two inputs of one name are refused."""
    targets: dict[Path, Path] = {}
    taken: dict[Path, Path] = {}
    for path in images:
        name = path.name
        for suffix in (".ome.tif", ".ome.tiff", ".ome.zarr", path.suffix):
            if suffix and name.lower().endswith(suffix.lower()):
                name = name[: -len(suffix)]
                break
        target = folder / f"{name}_labels.tif"
        if target in taken:
            raise OutputError(
                f"{taken[target]} and {path} would both become {target}; predict them into two "
                "folders, or rename one."
            )
        targets[path] = target
        taken[target] = path
    return targets


def class_names(texts: Sequence[str]) -> tuple[LabelClass, ...]:
    """Classes of texts like ``1=background``."""
    classes = []
    for text in texts:
        value, _, name = text.partition("=")
        if not value.strip().isdecimal() or int(value) == 0 or not name.strip():
            raise LabelError(f"--class-name {text!r} is not VALUE=NAME, e.g. 1=background")
        color = PALETTE[(int(value) - 1) % len(PALETTE)]
        classes.append(LabelClass(int(value), name.strip(), color))
    return tuple(classes)


def usable_folder(folder: Path) -> Path:
    """Make ``folder`` if need be, and find out now, not after the work, that it can be written.

    Raises
    ------
    OutputError
        If it cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"cannot write into {folder}: {error.strerror or error}; choose another folder."
        ) from error
    return folder
