"""``unetscope train``: learn from images with painted labels, and write a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from unetscope.cli.forms import Demo, Train
from unetscope.cli.reading import image_at, labels_at
from unetscope.cli.terminal import (
    Interview,
    TrainingOutcome,
    messages,
    say_notes,
    say_outcome,
    watch_training,
)
from unetscope.computing.precision import choose_device
from unetscope.errors import LabelError, OutputError, UnetscopeError
from unetscope.images.annotations.values import counted
from unetscope.images.claims import MODEL
from unetscope.images.classes import LabelClass, default_name, free_color
from unetscope.images.writing import usable_folder
from unetscope.images.zarr_folder import name_of
from unetscope.learning import persistence
from unetscope.learning.check_box import boxes_of_file, outside
from unetscope.learning.finetune import TrainOptions, fine_tune
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.samples import Sample, check_samples, make_samples
from unetscope.network.facts import MODEL_SUFFIX


def run(form: Train) -> Iterator[Path]:
    """Learn and write; yields the model file."""
    names = class_names(form.class_name or ())
    if len(form.image) != len(form.labels):
        raise LabelError(
            f"{len(form.image)} --image but {len(form.labels)} --labels; give one labels file an "
            "image."
        )
    checked_model_path(form.out)
    samples, told = training_samples(form.image, form.labels, form.asker())
    given = {one.value for one in names}
    names = (*names, *(one for one in told if one.value not in given))
    learned, outcome = trained(form, samples, names)
    persistence.save_model(learned, form.out)
    say_outcome(learned, outcome)
    yield form.out


def trained(
    form: Train | Demo, samples: Sequence[Sample], classes: Sequence[LabelClass]
) -> tuple[PixelModel, TrainingOutcome]:
    """Train until it ends or Ctrl-C; without any model then, end the command."""
    start = _start(form)
    devices = form.devices if isinstance(form, Train) else 1
    options = TrainOptions(
        max_seconds=form.seconds, seed=form.seed, device=form.device, devices=devices
    )
    events = fine_tune(start, samples, options, classes=classes or None)
    outcome = watch_training(events, messages(), max_seconds=form.seconds)
    if outcome.model is None:
        raise UnetscopeError("stopped before anything was learned; nothing was saved.")
    if outcome.model.fingerprint == start.fingerprint:  # nothing was learned
        return outcome.model.with_provenance(version=start.version), outcome
    return outcome.model.with_provenance(version=start.version + 1), outcome


def _start(form: Train | Demo) -> PixelModel:
    """The model that is trained: a bundled one, timm:NAME, that of a file, or none."""
    fetch = isinstance(form, Train) and form.allow_download
    if form.model.endswith(MODEL_SUFFIX):
        loaded = persistence.load_model(Path(form.model), allow_download=fetch)
        return loaded.with_provenance(seed=form.seed)
    return persistence.start_model(
        None if form.model == "none" else form.model,
        device=choose_device(form.device),
        seed=form.seed,
        allow_download=fetch,
    )


def checked_model_path(path: Path) -> None:
    """Refuse before the training what could not be saved after it."""
    if path.suffix != MODEL_SUFFIX:
        raise OutputError(
            f"a model file is called NAME{MODEL_SUFFIX}; use --out {path.with_suffix(MODEL_SUFFIX)}"
        )
    MODEL.check(path)
    usable_folder(path.absolute().parent)


def training_samples(
    images: Sequence[Path], labels: Sequence[Path], asker: Interview
) -> tuple[list[Sample], tuple[LabelClass, ...]]:
    """Images and labels of files as what is learned from, and the classes that the labels name.

    Raises
    ------
    UnetscopeError
        If a file cannot be read, or an image was given as its own labels.
    """
    read, painted = [], []
    classes: tuple[LabelClass, ...] = ()
    for path, file in zip(images, labels, strict=True):
        if path.is_file() and file.is_file() and path.samefile(file):
            raise LabelError(f"{path} was given as image and as labels; give the painted labels.")
        image = asker.read(partial(image_at, path))
        found = asker.read(partial(labels_at, file, image, path.name, classes))
        say_notes(name_of(path), image.notes)
        say_notes(name_of(file), found.notes)
        read.append(image)
        boxes = boxes_of_file(file)
        if boxes:
            count = counted(len(boxes), "check box", "check boxes")
            say_notes(name_of(file), [f"{count} left out."])
        painted.append(outside(found.labels, boxes))
        classes = found.classes
    samples = make_samples(read, painted, names=[str(path) for path in images])
    used = check_samples(samples)
    named = (one for one in classes if one.name != default_name(one.value))
    return samples, tuple(one for one in named if one.value in used)


def class_names(texts: Sequence[str]) -> tuple[LabelClass, ...]:
    """Classes of texts like ``1=background``."""
    classes: list[LabelClass] = []
    for text in texts:
        value, _, name = text.partition("=")
        if not value.strip().isdecimal() or int(value) == 0 or not name.strip():
            raise LabelError(f"--class-name {text!r} is not VALUE=NAME, e.g. 1=background")
        color = free_color(int(value), (c.color for c in classes))
        classes.append(LabelClass(int(value), name.strip(), color))
    return tuple(classes)
