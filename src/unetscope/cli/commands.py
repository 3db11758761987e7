"""What the commands do: the engine's functions in order, with progress on the terminal."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from unetscope.cli.terminal import (
    Asker,
    TrainingOutcome,
    image_at,
    labels_at,
    messages,
    say_error,
    say_notes,
    say_outcome,
    say_table,
    watch_prediction,
    watch_pretraining,
    watch_training,
)
from unetscope.errors import ImageError, LabelError, OutputError, UnetscopeError
from unetscope.images.claims import Claim, Role, mark_of
from unetscope.images.classes import LabelClass, free_color
from unetscope.images.zarr_folder import PACKED, is_zarr, title_of
from unetscope.network.facts import MODEL_SUFFIX

if TYPE_CHECKING:
    from unetscope.cli.demo.pictures import DemoPicture
    from unetscope.computing.ready import Engine
    from unetscope.learning.pixel_model import PixelModel
    from unetscope.learning.prediction import PredictOptions
    from unetscope.learning.samples import Sample


@dataclass(frozen=True)
class Training:
    """How to train: ``model`` is a bundled model's name, timm:NAME, a model file, or "none".

    ``allow_download``: fetch a backbone's weights that are not on this computer.
    """

    model: str
    seconds: float
    device: str
    seed: int
    allow_download: bool = False

    def run(
        self, samples: Sequence[Sample], classes: Sequence[LabelClass]
    ) -> tuple[PixelModel, TrainingOutcome]:
        """Train until it ends or Ctrl-C; without any model then, end the command."""
        from unetscope.learning.finetune import TrainOptions, fine_tune

        start = self._start()
        options = TrainOptions(max_seconds=self.seconds, seed=self.seed, device=self.device)
        events = fine_tune(start, samples, options, classes=classes or None)
        outcome = watch_training(events, messages(), max_seconds=self.seconds)
        if outcome.model is None:
            raise UnetscopeError("stopped before anything was learned; nothing was saved.")
        if outcome.model.fingerprint == start.fingerprint:  # nothing was learned
            return replace(outcome.model, version=start.version), outcome
        return replace(outcome.model, version=start.version + 1), outcome

    def _start(self) -> PixelModel:
        from unetscope.computing.precision import choose_device
        from unetscope.learning.persistence import load_model, start_model

        if self.model.endswith(MODEL_SUFFIX):
            loaded = load_model(Path(self.model), allow_download=self.allow_download)
            return replace(loaded, seed=self.seed)
        return start_model(
            None if self.model == "none" else self.model,
            device=choose_device(self.device),
            seed=self.seed,
            allow_download=self.allow_download,
        )


def demo_headless(picture: DemoPicture, out: Path, training: Training) -> list[Path]:
    """The demonstration without a screen: train, predict, write; the files written."""
    from unetscope.cli.demo.headless import DemoResult, metrics_rows, write_demo
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


@dataclass(frozen=True)
class Batch:
    """A prediction of many images: what one of them cannot have does not keep it from the others.

    ``inputs`` are all files that are read, which no result may replace.
    """

    model: PixelModel
    options: PredictOptions
    engine: Engine
    inputs: tuple[Path, ...]
    asker: Asker
    overwrite: bool = False

    def run(self, targets: Mapping[Path, Path], written: Callable[[Path], object]) -> list[str]:
        """Predict each image to its target; tell of each file written; what failed, in words."""
        failed = []
        ready = self._on_a_device()
        for path, target in targets.items():
            try:
                for file in ready._one(path, target):
                    written(file)
            except (UnetscopeError, OSError) as error:
                if len(targets) == 1:
                    raise
                failed.append(_named(path, error))
                say_error(failed[-1])
        return failed

    def _on_a_device(self) -> Batch:
        """The batch on a device that is there; what took its place is told once, not by images."""
        from unetscope.computing.precision import choose_device, device_note

        if (note := device_note(self.options.device)) is not None:
            messages().print(escape(note), soft_wrap=True)
        device = choose_device(self.options.device)
        return replace(self, options=replace(self.options, device=device))

    def _one(self, path: Path, target: Path) -> Iterator[Path]:
        from unetscope.learning.pixel_model import as_seen, made_ready
        from unetscope.scaling.predicting import Target, predict_to

        beside = target.with_name(target.name.replace("_labels.tif", "_probabilities.tif"))
        wanted = beside if self.options.probabilities else None
        goal = Target(target, wanted, self.inputs, self.overwrite)
        goal.check()  # refuse before a bar is drawn
        image = self.asker.read(partial(image_at, path))
        say_notes(path.name, image.notes)
        seen = as_seen(self.model, image)
        say_notes(path.name, seen.notes[len(image.notes) :])
        image = seen
        made_ready(self.model, self.options.device, self.engine)
        events = predict_to(self.model, image, goal, self.options, engine=self.engine)
        for _ in watch_prediction(events, messages(), title=image.name or target.stem):
            pass
        yield target
        if wanted is not None:
            yield wanted


def _named(path: Path, error: Exception) -> str:
    """What went wrong, with the name of the file it went wrong with."""
    told = str(error)
    return told if str(path) in told or path.name in told else f"{path}: {told}"


@dataclass(frozen=True)
class Pretraining:
    """What makes bundled weights: ``config`` is the name of a shipped one or a TOML file."""

    config: str
    run_dir: Path
    out: Path
    data: Path | None
    device: str

    def run(self) -> list[Path]:
        """Meta-train within the configuration's minutes, or go on; export weights and card.

        Ctrl-C ends it; the next run in the same folder goes on from the last checkpoint.
        """
        from unetscope.computing.precision import choose_device, device_note
        from unetscope.pretraining.bundling import export_weights
        from unetscope.pretraining.datasets import find_data
        from unetscope.pretraining.judge import HeldOutJudge
        from unetscope.pretraining.learner import PretrainConfig
        from unetscope.pretraining.meta import meta_train

        config = PretrainConfig.read(_shipped_config(self.config))
        usable_folder(self.run_dir)
        usable_folder(self.out)
        data, device = self.data or find_data(), choose_device(self.device)
        if (note := device_note(self.device)) is not None:
            messages().print(escape(note), soft_wrap=True)
        if data is None:
            messages().print("no real data found: synthetic scenes alone, and no judging")
        judge = None if data is None else HeldOutJudge(data, device)
        records = meta_train(config, self.run_dir, data_root=data, device=device, judge=judge)
        if not watch_pretraining(records, messages(), seconds=config.minutes * 60):
            raise UnetscopeError(f"stopped; run it again to go on from {self.run_dir}.")
        digest = export_weights(config, self.run_dir, self.out, data_root=data)
        messages().print(f"SHA-256 for network/catalogue.py: {digest}", soft_wrap=True)
        return [self.out / f"{config.name}.unetscope", self.out / f"{config.name}.md"]


def _shipped_config(name: str) -> Path:
    """The TOML file called so, or the shipped configuration of that name."""
    from importlib import resources

    if Path(name).suffix == ".toml":
        return Path(name)
    folder = Path(str(resources.files("unetscope.pretraining"))) / "configs"
    shipped = {path.stem: path for path in sorted(folder.glob("*.toml"))}
    if name not in shipped:
        raise UnetscopeError(
            f"there is no configuration {name!r}; choose {', '.join(shipped)} or a .toml file."
        )
    return shipped[name]


def checked_model_path(path: Path) -> None:
    """Refuse before the training what could not be saved after it."""
    from unetscope.images.claims import MODEL

    if path.suffix != MODEL_SUFFIX:
        raise OutputError(
            f"a model file is called NAME{MODEL_SUFFIX}; use --out {path.with_suffix(MODEL_SUFFIX)}"
        )
    MODEL.check(path)
    usable_folder(path.absolute().parent)


def images_of(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The images meant by ``paths``, and what was passed over as a result or mask of one of them.

    Every folder is replaced by the images in it, by name; OME-Zarr stays one image. A path that
    stands alone is meant, whatever it is called.

    Raises
    ------
    ImageError
        If a folder holds no image, or a path is not there.
    """
    from unetscope.images.files import SUFFIXES

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
    passed = [path for path in found if len(found) > 1 and is_result(path, found)]
    return [path for path in found if path not in passed], passed


def foreign(paths: Sequence[Path]) -> list[Path]:
    """Those of ``paths`` that unetscope did not predict."""
    return [path for path in paths if mark_of(path) not in (Role.PREDICTION, Role.PROBABILITIES)]


def is_result(path: Path, among: Sequence[Path]) -> bool:
    """Whether a file is the answer or the mask of another image ``among`` these."""
    from unetscope.images.annotations.mask_names import looks_like_labels

    return looks_like_labels(path, among)


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


@dataclass(frozen=True)
class Conversion:
    """Labels of ``image`` in ``source``, to be written to ``target``."""

    source: Path
    target: Path
    image: Path
    format: str | None = None
    overwrite: bool = False

    def run(self, asker: Asker) -> tuple[str, ...]:
        """Read and write; what a person should know."""
        from unetscope.images.annotations.formats import write_annotations

        claim = Claim(Role.LABELS, (self.source, self.image), self.overwrite)
        shown = asker.read(partial(image_at, self.image))
        say_notes(self.image.name, shown.notes)
        read = asker.read(partial(labels_at, self.source, shown, self.image.name, ()))
        named = self.image.name
        lost = write_annotations(
            read, self.target, self.format, claim, image_name=named, like=shown
        )
        return (*read.notes, *lost)


def training_samples(
    images: Sequence[Path], labels: Sequence[Path], asker: Asker
) -> tuple[list[Sample], tuple[LabelClass, ...]]:
    """Images and labels of files as what is learned from, and the classes that the labels name.

    Raises
    ------
    UnetscopeError
        If a file cannot be read, or an image was given as its own labels.
    """
    from unetscope.learning.samples import check_samples, make_samples

    read, painted = [], []
    classes: tuple[LabelClass, ...] = ()
    for path, file in zip(images, labels, strict=True):
        if path.is_file() and file.is_file() and path.samefile(file):
            raise LabelError(f"{path} was given as image and as labels; give the painted labels.")
        image = asker.read(partial(image_at, path))
        found = asker.read(partial(labels_at, file, image, path.name, classes))
        say_notes(path.name, image.notes)
        say_notes(file.name, found.notes)
        read.append(image)
        painted.append(found.labels)
        classes = found.classes
    samples = make_samples(read, painted, names=[str(path) for path in images])
    used = check_samples(samples)
    named = (one for one in classes if one.name != f"class {one.value}")
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
