"""Many image files, predicted one after the other into a folder, with a table of what came of each.

One file that cannot be read or predicted does not keep the others from it. The table is written
after every file and says what each answer was made of, so that work that was stopped goes on where
it was, and what is up to date is passed over.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter

import numpy as np

from unetscope.computing.machine import Engine, Machine
from unetscope.computing.precision import choose_device, device_note
from unetscope.errors import ImageError, OutputError, UnetscopeError
from unetscope.images.annotations.mask_names import looks_like_labels
from unetscope.images.claims import Claim, Role, mark_of
from unetscope.images.classes import harmless
from unetscope.images.files import SUFFIXES
from unetscope.images.micrograph import Micrograph
from unetscope.images.normalisation import fit_normalisation
from unetscope.images.writing import replacing, usable_folder
from unetscope.images.zarr_folder import PACKED, is_zarr, title_of
from unetscope.learning.events import Notice, PredictionEvent, Surprise, TileDone
from unetscope.learning.pixel_model import PixelModel, as_seen
from unetscope.learning.prediction import PredictOptions, predict_tiles
from unetscope.learning.surprise import surprise_of
from unetscope.learning.voice import Voices
from unetscope.scaling.directions import Volume
from unetscope.scaling.file_results import (
    DONE,
    FAILED,
    TABLE,
    UP_TO_DATE,
    FileBegun,
    FileResult,
    FilesDone,
)
from unetscope.scaling.matching import How, matched, seen_by
from unetscope.scaling.odd_ones import Answered, odd_ones
from unetscope.scaling.predicting import AnswerFiles, predict_to

_SHARE, _LOW, _HIGH = "share of ", "grey low", "grey high"
_SURPRISE, _UNLIKE, _UNJUDGED = "surprise", "unlike the training", "surprise not judged"
_SURE, _SECONDS = "sure", "seconds"
_SURE_PX = 128
_MOST_BYTES = 64 * 2**20
Read = Callable[[Path], Micrograph]


@dataclass(frozen=True)
class Batch:
    """How a folder of answers is made.

    Attributes
    ----------
    targets
        Image -> mask (:func:`prediction_targets`).
    inputs
        All files that are read, which no result may replace.
    anew
        Also answer what is up to date.
    pixels
        What to do about pixels of another size than the model's.
    volume
        "slices" of a stack one by one, or the mean of "three" directions.
    voices
        All as they are, or fast.
    """

    model: PixelModel
    targets: Mapping[Path, Path]
    folder: Path
    options: PredictOptions = field(default_factory=PredictOptions)
    engine: Engine = field(default_factory=Engine)
    inputs: tuple[Path, ...] = ()
    overwrite: bool = False
    anew: bool = False
    pixels: How = "as-is"
    volume: Volume = "slices"
    voices: Voices = Voices.ALL

    @property
    def identity(self) -> str:
        """What answers, as the table says it: two equal ones give equal masks."""
        engine = self.engine
        seen = " resampled" if self.pixels == "auto" else ""
        seen += " three directions" if self.volume == "three" else ""
        seen += " fast voices" if self.voices == Voices.FAST else ""
        return f"{self.model.fingerprint} {engine.name} {engine.precision}{seen}"

    @property
    def claim(self) -> Claim:
        """What the writer of the table wants."""
        return Claim(Role.REPORT, self.inputs, self.overwrite)


def predict_files(
    batch: Batch, read: Read
) -> Iterator[FileBegun | FileResult | FilesDone | PredictionEvent]:
    """Predict every file of a batch; the events of each prediction are passed on.

    A file that stands alone gets no table, and its errors are raised.

    Parameters
    ----------
    read : gives the image of a file; its errors are those of that file alone.

    Raises
    ------
    OutputError
        If the folder cannot be written, or the table may not be replaced.
    """
    usable_folder(batch.folder)
    table, several = batch.folder / TABLE, len(batch.targets) > 1
    if several:
        batch.claim.check(table)
    if (note := device_note(batch.options.device)) is not None:
        yield Notice(note)
    device = choose_device(batch.options.device)
    batch = replace(batch, options=replace(batch.options, device=device))
    Machine(device, batch.engine)  # refuses what does not go together
    before = {} if batch.anew or not several else _read_table(table, batch.model.class_values)
    results: list[FileResult] = []
    for done, (path, mask) in enumerate(batch.targets.items()):
        yield FileBegun(path, done, len(batch.targets))
        result = _still_good(batch, before.get(harmless(path.name)), path, mask)
        if result is None:
            begun = perf_counter()
            result = yield from _tried(batch, path, mask, read)
            result = replace(result, seconds=perf_counter() - begun)
        results.append(result)
        if several:
            names = [harmless(later.name) for later in list(batch.targets)[done + 1 :]]
            rest = [before[name] for name in names if name in before]
            write_status([*results, *rest], batch, table)
        yield result
    if several:
        yield FilesDone(tuple(results), odd_results(results, batch.model), table)


def write_status(results: Sequence[FileResult], batch: Batch, table: Path) -> None:
    """Write a row for each file: what came of it, and the shares of the classes."""
    names = [harmless(c.name) for c in batch.model.classes]
    values = batch.model.class_values
    odd = odd_results(results, batch.model)
    with (
        replacing(table, batch.claim) as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as opened,
    ):
        writer = csv.writer(opened, lineterminator="\n")
        head = ["image", "mask", "status", "why", "odd", *(_SHARE + name for name in names)]
        surprise = [_SURPRISE, _UNLIKE, _UNJUDGED]
        ends = [_SURE, _SECONDS, "bytes", "modified", "answered by"]
        writer.writerow([*head, _LOW, _HIGH, *surprise, *ends])
        for one in results:
            told = one.answered
            shares = [repr(told.shares.get(v, 0.0)) if told else "" for v in values]
            grey = [_numbers(told.low), _numbers(told.high)] if told else ["", ""]
            row = [harmless(one.image.name), one.mask.name, one.status, one.why]
            unlike = ["", "", ""]
            if told and told.surprise is not None:
                seen = told.surprise
                unlike = [repr(seen.score), seen.unlike, seen.unjudged]
            sure = "" if told is None or told.sure is None else f"{told.sure:.4f}"
            seconds = "" if one.seconds is None else f"{one.seconds:.1f}"
            ends = [sure, seconds, *one.made_of]
            writer.writerow([*row, odd.get(one.image, ""), *shares, *grey, *unlike, *ends])


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


def beside(mask: Path) -> Path:
    """Where the probabilities of an image go, whose mask goes to ``mask``."""
    return mask.with_name(mask.name.replace("_labels.tif", "_probabilities.tif"))


# ---- one file


def _tried(
    batch: Batch, path: Path, mask: Path, read: Read
) -> Generator[PredictionEvent, None, FileResult]:
    """Predict one file, whatever is wrong with it."""
    try:
        made_of = _made_of(batch, path)
        answered = yield from _predicted(batch, path, mask, read)
    except (UnetscopeError, OSError, MemoryError) as error:
        if len(batch.targets) == 1:
            raise
        return FileResult(path, mask, FAILED, _why(error))
    return FileResult(path, mask, DONE, "", answered, made_of)


def _predicted(
    batch: Batch, path: Path, mask: Path, read: Read
) -> Generator[PredictionEvent, None, Answered]:
    probabilities = beside(mask) if batch.options.probabilities else None
    claims = (batch.inputs, batch.overwrite)
    goal = AnswerFiles(mask, probabilities, *claims, batch.pixels, batch.volume, batch.voices)
    goal.check()  # before anything is read
    image = as_seen(batch.model, read(path))
    return (yield from answered_into(batch.model, image, goal, batch.options, batch.engine))


def answered_into(
    model: PixelModel,
    image: Micrograph,
    goal: AnswerFiles,
    options: PredictOptions,
    engine: Engine | None = None,
) -> Generator[PredictionEvent, None, Answered]:
    """As :func:`predict_to`; returns an :class:`Answered`, how much of each class there is."""
    scale = fit_normalisation(image)
    if model.features.scale is None:  # once for the image
        model = model.with_features(own_normalisation=False, normalisation=scale)
    counts: dict[int, int] = {}
    for event in predict_to(model, image, goal, options, engine=engine):
        if isinstance(event, TileDone):
            found, pixels = np.unique(event.labels, return_counts=True)
            for value, count in zip(found.tolist(), pixels.tolist(), strict=True):
                counts[value] = counts.get(value, 0) + count
        yield event
    whole = max(sum(counts.values()), 1)
    shares = {value: counts.get(value, 0) / whole for value in model.class_values}
    machine = Machine(options.device, engine)
    surprise = surprise_of(model, image, machine)
    return Answered(shares, scale.low, scale.high, surprise, _sure_of(model, image, goal, machine))


def _sure_of(
    model: PixelModel, image: Micrograph, goal: AnswerFiles, machine: Machine
) -> float | None:
    """The mean probability of the likeliest class in a square in the middle of the middle plane.

    Labels alone are answered without probabilities, which take longer, so not all of it is asked.
    """
    seen = seen_by(image, matched(model, image, goal.pixels))
    middle = []
    for side in seen.spatial_shape[-2:]:
        start = max(0, (side - _SURE_PX) // 2)
        middle.append(slice(start, min(side, start + _SURE_PX)))
    asked = PredictOptions(
        device=machine.device,
        tile_px=_SURE_PX,
        region=(middle[0], middle[1]),
        planes=[seen.depth // 2],
        probabilities=True,
        clip=True,
    )
    found = [
        event.probabilities.max(axis=0).ravel()
        for event in predict_tiles(model, seen, asked, machine=machine)
        if isinstance(event, TileDone) and event.probabilities is not None
    ]
    return float(np.concatenate(found).mean()) if found else None


def _numbers(values: Sequence[float]) -> str:
    return " ".join(repr(float(value)) for value in values)


def _why(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "it takes more memory than there is; cut it into parts"
    if isinstance(error, OSError):
        return f"it cannot be read: {error.strerror or error}"
    return str(error)


# ---- what is up to date


def _made_of(batch: Batch, path: Path) -> tuple[str, str, str]:
    """Size and date of a file (of a zarr, of its metadata), and what answers."""
    told = path.stat()
    return str(told.st_size), str(told.st_mtime_ns), batch.identity


def _still_good(
    batch: Batch, before: FileResult | None, path: Path, mask: Path
) -> FileResult | None:
    """The result of before, where file, model and mask are still the same."""
    if before is None or before.status == FAILED or before.answered is None or path.is_dir():
        return None  # of a folder nothing tells quickly that it is the same
    with suppress(OSError):
        wanted = [mask, *([beside(mask)] if batch.options.probabilities else [])]
        there = all(one.is_file() for one in wanted) and mark_of(mask) is Role.PREDICTION
        if there and before.mask.name == mask.name and before.made_of == _made_of(batch, path):
            return replace(before, image=path, mask=mask, status=UP_TO_DATE)
    return None


def _read_table(table: Path, values: Sequence[int]) -> dict[str, FileResult]:
    """What a table says, by the name of the file; nothing where it says nothing."""
    with suppress(OSError, ValueError, KeyError, csv.Error):
        if table.stat().st_size > _MOST_BYTES or mark_of(table) is not Role.REPORT:
            return {}
        with open(table, encoding="utf-8", newline="") as opened:
            rows = list(csv.DictReader(opened))
        return {row["image"]: _row_read(row, table.parent, values) for row in rows}
    return {}


def _row_read(row: Mapping[str, str], folder: Path, values: Sequence[int]) -> FileResult:
    """A row; ``values`` are the classes of its columns, where the same model answered."""
    told = [text for key, text in row.items() if key.startswith(_SHARE)]
    answered = None
    if row[_LOW] and all(told) and len(told) == len(values):
        shares = dict(zip(values, map(float, told), strict=True))
        low, high = (tuple(float(n) for n in row[key].split()) for key in (_LOW, _HIGH))
        surprise = None
        if row.get(_SURPRISE):
            surprise = Surprise(float(row[_SURPRISE]), row[_UNLIKE], row[_UNJUDGED])
        sure = float(row[_SURE]) if row.get(_SURE) else None
        answered = Answered(shares, low, high, surprise, sure)
    made_of = (row["bytes"], row["modified"], row["answered by"])
    seconds = float(row[_SECONDS]) if row.get(_SECONDS) else None
    named = (folder / row["image"], folder / row["mask"], row["status"], row["why"])
    return FileResult(*named, answered, made_of, seconds)


def odd_results(results: Sequence[FileResult], model: PixelModel) -> dict[Path, str]:
    """File -> how it differs from the others, in words."""
    told = {one.image: one.answered for one in results if one.answered is not None}
    return odd_ones(told, {c.value: c.name for c in model.classes})


def _stem_of(path: Path) -> str:
    """The name of an image without what says its format; of images in a zarr also whose."""
    if path.is_dir() and is_zarr(path):
        return title_of(path)
    packed = [f".ome{ending}" for ending in PACKED]
    for suffix in (".ome.tif", ".ome.tiff", ".ome.zarr", *packed, *PACKED, path.suffix):
        if suffix and path.name.lower().endswith(suffix.lower()):
            return path.name[: -len(suffix)]
    return path.name
