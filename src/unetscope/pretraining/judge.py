"""Judging weights on real sets they were never trained on: strokes on one image, Dice on two.

The same tasks serve the log of a pretraining run and the benchmarks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.images.normalisation import fit_normalisation
from unetscope.learning.features import Levels, lattice_rows, rows_at
from unetscope.learning.head import Head, scatter_of, solve_head
from unetscope.learning.metrics import mean_dice
from unetscope.learning.sources.source import Look, levels_of, tile_needs
from unetscope.pretraining.datasets import DATASETS, DataSet, Scene, scenes
from unetscope.pretraining.learner import MetaLearner
from unetscope.pretraining.strokes import simulate_strokes


@dataclass(frozen=True, eq=False)
class Task:
    """Strokes on image A; judged on A's other pixels and on image B of the same set."""

    name: str
    may_train: bool
    classes: int
    image_a: Micrograph
    truth_a: np.ndarray
    image_b: Micrograph
    truth_b: np.ndarray

    def strokes(self, seed: int, per_class: int = 5) -> np.ndarray:
        """Simulated strokes (40 px long, 3 px wide) on image A."""
        return simulate_strokes(
            self.truth_a, per_class=per_class, length_px=40, width_px=3, seed=seed
        )


def make_tasks(
    root: Path, *, pairs: int = 2, crop_px: int = 768, only_unseen: bool = False
) -> list[Task]:
    """``pairs`` tasks of every set: seeded crops of two images that belong to different groups."""
    tasks = []
    for entry in DATASETS:
        if only_unseen and entry.may_train:
            continue
        found = list(scenes(root, entry, limit=8))
        for index in range(pairs):
            task = _task(entry, found, index, crop_px)
            if task is not None:
                tasks.append(task)
    return tasks


def _task(entry: DataSet, found: Sequence[Scene], index: int, crop_px: int) -> Task | None:
    rng = np.random.default_rng([index, *entry.name.encode()])
    first = found[(2 * index) % len(found)]
    found = [s for s in found if s.image.ndim == first.image.ndim]  # colour goes with colour
    others = [s for s in found if s.group != first.group]
    # One stack or frame only: another plane, or another place of the same large image.
    rest = others or [s for s in found if s is not first] or [first]
    second = rest[(len(rest) // 2 + index) % len(rest)]
    want = _classes_of(first)
    image_a, truth_a = _crop(first, crop_px, want, rng, half=0 if second is first else None)
    image_b, truth_b = _crop(second, crop_px, want, rng, half=1 if second is first else None)
    if len(np.unique(truth_a[truth_a > 0])) < 2:
        return None
    return Task(
        f"{entry.name} {index + 1}",
        entry.may_train,
        len(entry.classes),
        as_micrograph(image_a),
        truth_a,
        as_micrograph(image_b),
        truth_b,
    )


def _classes_of(scene: Scene) -> set[int]:
    return {int(v) for v in np.unique(scene.labels) if v}


def _crop(
    scene: Scene, crop_px: int, want: set[int], rng: np.random.Generator, half: int | None
) -> tuple[np.ndarray, np.ndarray]:
    image, labels = scene.image, scene.labels
    if half is not None:  # keep the two crops of one frame apart
        cut = labels.shape[1] // 2
        part = slice(0, cut) if half == 0 else slice(cut, None)
        image, labels = image[:, part], labels[:, part]
    best: tuple[int, tuple[slice, slice]] | None = None
    height, width = labels.shape
    for _ in range(12):  # the first crop that shows all classes, or the richest
        top = int(rng.integers(0, max(1, height - crop_px + 1)))
        left = int(rng.integers(0, max(1, width - crop_px + 1)))
        box = (slice(top, top + crop_px), slice(left, left + crop_px))
        counts = np.bincount(labels[box].ravel(), minlength=max(want) + 1)
        rich = sum(int(counts[v] > 200) for v in want)
        if best is None or rich > best[0]:
            best = (rich, box)
        if rich == len(want):
            break
    assert best is not None
    return np.ascontiguousarray(image[best[1]]), np.ascontiguousarray(labels[best[1]])


def solved_on(learner: MetaLearner, levels: Levels, strokes: np.ndarray) -> Head:
    """The head that a user's strokes (y, x) on the image of ``levels`` would have."""
    y, x = (torch.from_numpy(places) for places in np.nonzero(strokes))
    values, targets = np.unique(strokes[strokes > 0], return_inverse=True)
    core = (slice(0, strokes.shape[0]), slice(0, strokes.shape[1]))
    scatter = scatter_of(lattice_rows(levels, core))
    rows, classes = rows_at(levels, y, x), torch.from_numpy(targets)
    return solve_head(rows, classes, len(values), learner.penalty, scatter).stored()


class HeldOutJudge:
    """Mean class Dice of the instant head alone on small tasks from sets never trained on."""

    def __init__(self, root: Path, device: str = "cpu") -> None:
        self.tasks = make_tasks(root, pairs=2, crop_px=384, only_unseen=True)
        self.device = device

    @torch.inference_mode()
    def __call__(self, learner: MetaLearner) -> dict[str, float]:
        """Mean Dice on the same image (``same``) and on another one (``other``)."""
        same: list[float] = []
        other: list[float] = []
        for task in self.tasks:
            strokes = task.strokes(seed=0)
            values = np.unique(strokes[strokes > 0])
            levels_a = self._levels(learner, task.image_a)
            head = solved_on(learner, levels_a, strokes)
            for levels, truth, into, hidden in (
                (levels_a, task.truth_a, same, strokes > 0),
                (self._levels(learner, task.image_b), task.truth_b, other, None),
            ):
                answer = head.scores(levels).argmax(dim=0).numpy()
                answer = values[answer][: truth.shape[0], : truth.shape[1]]
                shown = truth if hidden is None else np.where(hidden, 0, truth)
                into.append(mean_dice(shown, answer))
        return {"same": float(np.mean(same)), "other": float(np.mean(other))}

    def _levels(self, learner: MetaLearner, image: Micrograph) -> Levels:
        plane = fit_normalisation(image).apply(image.plane()).mean(axis=0, keepdims=True)
        multiple = tile_needs(learner.sources, 1).side_multiple
        down, right = (-side % multiple for side in plane.shape[1:])
        padded = np.pad(plane, [(0, 0), (0, down), (0, right)], mode="edge")
        shown = torch.from_numpy(padded)[None].to(self.device)
        levels = levels_of(learner.sources, Look(shown))
        return {stride: maps[0].cpu() for stride, maps in levels.items()}
