"""Are objects told apart from a model's answer? Ours and the usual recipe, on real micrographs.

    python -m benchmarks.objects DATA OUT.jsonl [--trained]    # measure, and go on where it was
    python -m benchmarks.objects OUT.jsonl                     # only the table

Five simulated strokes a class on one image; judged on it and on another (another part of the same
micrograph for particles, chloroplasts and the one image of stardist_nuclei2d). A row is one image
with one set of strokes and one way. Answers of the model are kept beside OUT.jsonl.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import gaussian, threshold_otsu
from skimage.segmentation import watershed

from benchmarks.object_answers import Asked, Teacher, strokes_on
from benchmarks.object_scenes import BACKGROUND, BORDER, CROWDED, OBJECT, SETS, Pair, View, pairs_of
from unetscope.learning.persistence import start_model
from unetscope.measuring.agreement import agreement
from unetscope.measuring.objects import SMALLEST_PX, Separation, objects_of
from unetscope.measuring.quantities import Spacing

#: So many pairs of a set: one leaf is large and alike everywhere.
PAIRS = dict.fromkeys(SETS, 7) | {"wsu_chloroplast": 1, CROWDED: 3}
SEEDS = 5
TRAINED_PAIRS, TRAINED_SEEDS = 1, 1
COMPARED = ("components", "by shape, three clicks", "usual recipe")
_PX = Spacing((1.0, 1.0))
_BY_BORDER = Separation(by="border", border=BORDER, classes=(OBJECT,))

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class ObjectRow:
    """One way on one image: agreement with the true objects.

    ``diameter_error`` is (found - true) / true of the mean equivalent diameter of all objects.
    """

    dataset: str
    pair: str
    image: str
    seed: int
    trained: bool
    way: str
    truth: int
    found: int
    tp: int
    f1: float
    accuracy: float
    panoptic: float
    splits: int
    merges: int
    diameter_error: float
    dice: float


@dataclass(frozen=True, eq=False)
class Shown:
    """What is at hand to find objects in an image.

    ``answer`` and ``with_border`` are probabilities (class, y, x), the second of a model that was
    also told the border, if one was; ``typical`` is the median diameter of three objects that were
    clicked on the painted image, ``brighter`` whether strokes on objects are brighter than others.
    """

    view: View
    answer: NDArray[np.float16]
    with_border: NDArray[np.float16] | None
    typical: float
    brighter: bool

    def classes(self) -> NDArray[np.uint8]:
        """(y, x) background or object."""
        return (self.answer.argmax(axis=0) + 1).astype(np.uint8)


def ways(shown: Shown) -> Iterator[tuple[str, Ids]]:
    """All ways of finding objects, each with the number of the object at each pixel."""
    labels = shown.classes()
    own = (OBJECT,)
    typical = Separation(by="shape", classes=own, typical=shown.typical)
    yield "components", _found(labels, Separation(classes=own))
    yield "by shape", _found(labels, Separation(by="shape", classes=own))
    yield "by shape, three clicks", _found(labels, typical)
    if shown.with_border is not None:
        border = (shown.with_border.argmax(axis=0) + 1).astype(np.uint8)
        yield "border class", _found(border, _BY_BORDER)
        typed = replace(_BY_BORDER, typical=shown.typical)
        yield "border class, three clicks", _found(border, typed)
    yield "usual recipe", usual_recipe(otsu(shown.view, shown.brighter), shown.typical)
    yield "usual recipe on our mask", usual_recipe(labels == OBJECT, shown.typical)
    truth = shown.view.classes()
    yield "(true mask, by shape, three clicks)", _found(truth, typical)
    yield "(our mask, true seeds)", true_seeds(labels == OBJECT, shown.view.objects)


def _found(labels: NDArray[np.uint8], how: Separation) -> Ids:
    return objects_of(labels, _PX, how).ids.astype(np.int64)


def otsu(view: View, brighter: bool) -> NDArray[np.bool_]:
    """Otsu's threshold of smoothed grey values, on the side where strokes say objects are."""
    grey = gaussian(grey_of(view), 1)
    above = grey > threshold_otsu(grey)
    return above if brighter else ~above


def grey_of(view: View) -> NDArray[np.float64]:
    """(y, x), the mean of colours."""
    return np.asarray(view.image.plane(), np.float64).mean(axis=0)


def usual_recipe(mask: NDArray[np.bool_], typical: float) -> Ids:
    """Distance, its peaks a third of the typical size apart, watershed; the smallest left out."""
    distance = ndimage.distance_transform_edt(mask)
    apart = max(1, int(typical / 3))
    peaks = peak_local_max(distance, min_distance=apart, labels=ndimage.label(mask)[0])
    seeds = np.zeros(mask.shape, np.int64)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return _without_small(np.asarray(watershed(-distance, seeds, mask=mask), np.int64))


def true_seeds(mask: NDArray[np.bool_], truth: Ids) -> Ids:
    """A bound: each pixel of the mask goes to the nearest true object; what touches none is one."""
    _, (y, x) = ndimage.distance_transform_edt(truth == 0, return_indices=True)
    pieces, _ = ndimage.label(mask)
    touching = np.isin(pieces, np.unique(pieces[mask & (truth > 0)]))
    given = np.where(touching, truth[y, x], pieces + truth.max())
    return _without_small(np.where(mask, given, 0))


def _without_small(ids: Ids) -> Ids:
    return np.where((np.bincount(ids.ravel()) < SMALLEST_PX)[ids], 0, ids)


def clicked_size(view: View, seed: int) -> float:
    """The median diameter of three objects that do not reach the edge of the image."""
    pixels = np.bincount(view.objects.ravel())
    edges = (view.objects[[0, -1]], view.objects[:, [0, -1]])
    cut = np.unique(np.concatenate([edge.ravel() for edge in edges]))
    complete = np.setdiff1d(np.flatnonzero(pixels), np.append(cut, 0))
    chosen = complete if len(complete) else np.flatnonzero(pixels)[1:]
    picked = np.random.default_rng(seed).choice(chosen, min(3, len(chosen)), replace=False)
    return float(np.median(np.sqrt(4 * pixels[picked] / np.pi)))


def rows_of(pair: Pair, teacher: Teacher, seed: int, trained: bool) -> Iterator[ObjectRow]:
    """All ways on both images of a pair, with one set of strokes."""
    answers = teacher.answers(Asked(seed, border=False, trained=trained))
    border = teacher.answers(Asked(seed, border=True)) if seed == 0 and not trained else None
    strokes = strokes_on(pair.painted, Asked(seed, border=False))
    grey = grey_of(pair.painted)
    brighter = bool(grey[strokes == OBJECT].mean() > grey[strokes == BACKGROUND].mean())
    for image in ("painted", "other"):
        view = getattr(pair, image)
        shown = Shown(
            view,
            getattr(answers, image),
            None if border is None else getattr(border, image),
            clicked_size(pair.painted, seed),
            brighter,
        )
        dice = _dice(shown.classes() == OBJECT, view.objects > 0)
        for way, ids in ways(shown):
            scored = _scored(view.objects, ids)
            name = (pair.dataset, pair.name, image, seed, trained, way)
            yield ObjectRow(*name, **scored, dice=dice)


def _scored(truth: Ids, found: Ids) -> dict[str, float]:
    agreed = agreement(truth, found)
    half = agreed.at()
    return {
        "truth": agreed.truth,
        "found": agreed.found,
        "tp": half.tp,
        "f1": half.f1,
        "accuracy": agreed.mean_accuracy,
        "panoptic": half.panoptic_quality,
        "splits": agreed.splits,
        "merges": agreed.merges,
        "diameter_error": _mean_diameter(found) / _mean_diameter(truth) - 1,
    }


def _mean_diameter(ids: Ids) -> float:
    pixels = np.bincount(ids.ravel())[1:]
    pixels = pixels[pixels > 0]
    return float(np.sqrt(4 * pixels / np.pi).mean()) if len(pixels) else float("nan")


def _dice(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return float(2 * np.count_nonzero(found & truth) / (found.sum() + truth.sum()))


def table(rows: Sequence[ObjectRow]) -> str:
    """Two tables with a line for each set and image: F1 of all ways; the other scores of some."""
    ways_there = list(dict.fromkeys(row.way for row in rows))
    lines = [*_head(["Dice", *ways_there])]
    for name, own in _groups(rows):
        dice = np.mean([row.dice for row in own])
        found = [_scores(own, way, ("f1",)) for way in ways_there]
        lines.append(f"| {name} | {' | '.join([_short(dice), *found])} |")
    lines += ["", *_head([f"{way}: accuracy / PQ / diameter" for way in COMPARED])]
    for name, own in _groups(rows):
        found = [_scores(own, way, ("accuracy", "panoptic", "diameter_error")) for way in COMPARED]
        lines.append(f"| {name} | {' | '.join(found)} |")
    return "\n".join(lines)


def _head(columns: Sequence[str]) -> list[str]:
    return [f"| set, image | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]


def _groups(rows: Sequence[ObjectRow]) -> Iterator[tuple[str, list[ObjectRow]]]:
    for key in dict.fromkeys((row.dataset, row.image, row.trained) for row in rows):
        own = [row for row in rows if (row.dataset, row.image, row.trained) == key]
        pairs, seeds = len({row.pair for row in own}), len({row.seed for row in own})
        objects = sum({row.pair: row.truth for row in own}.values())
        when = ", trained" if key[2] else ""
        yield f"{key[0]}, {key[1]}{when} ({pairs} × {seeds}, {objects:,})", own


def _scores(rows: Sequence[ObjectRow], way: str, names: Sequence[str]) -> str:
    """Means over images and strokes; of an error, of its size."""
    own = [row for row in rows if row.way == way]
    if not own:
        return ""
    means = [float(np.nanmean([abs(getattr(row, name)) for row in own])) for name in names]
    return " / ".join(
        f"{mean:.0%}" if name == "diameter_error" else _short(mean)
        for name, mean in zip(names, means, strict=True)
    )


def _short(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def read_rows(path: Path) -> list[ObjectRow]:
    """The rows that a file holds."""
    if not path.exists():
        return []
    return [ObjectRow(**json.loads(line)) for line in path.read_text().splitlines()]


def measured(data: Path, out: Path, trained: bool) -> None:
    """Measure what ``out`` does not hold yet; each pair and seed is written at once."""
    torch.set_num_threads(1)
    start = start_model("general-fast")
    known = {(r.dataset, r.pair, r.seed, r.trained) for r in read_rows(out)}
    seeds = TRAINED_SEEDS if trained else SEEDS
    for dataset in SETS:
        for pair in pairs_of(data, dataset, TRAINED_PAIRS if trained else PAIRS[dataset]):
            teacher = Teacher(start, pair, out.parent / "answers")
            for seed in range(seeds):
                if (dataset, pair.name, seed, trained) in known:
                    continue
                found = list(rows_of(pair, teacher, seed, trained))
                with out.open("a") as file:
                    file.writelines(json.dumps(asdict(row)) + "\n" for row in found)


if __name__ == "__main__":
    told = [Path(word) for word in sys.argv[1:] if not word.startswith("--")]
    if len(told) > 1:
        measured(told[0], told[1], "--trained" in sys.argv)
    sys.stdout.write(table(read_rows(told[-1])) + "\n")
