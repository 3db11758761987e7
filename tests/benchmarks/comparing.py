"""Paired comparison of systems over tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.rows import Row

Scores = Mapping[str, float]  # task -> Dice, mean over stroke seeds
TIE = 0.005  # differences below this are neither better nor worse


@dataclass(frozen=True)
class Difference:
    """Mean difference over tasks with its 95 % bootstrap interval; tasks better and worse."""

    mean: float
    low: float
    high: float
    better: int
    worse: int
    tasks: int

    def __str__(self) -> str:
        return f"{self.mean:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


def scores(
    rows: Sequence[Row], system: str, image: str, seconds: float | None = None
) -> dict[str, float]:
    """Dice of a system on ``"same"`` or ``"other"``, by task; of one checkpoint if told."""
    found: dict[str, list[float]] = {}
    for row in rows:
        if row["system"] == system and (seconds is None or row["seconds"] == seconds):
            found.setdefault(row["task"], []).append(row[image])
    return {task: float(np.mean(values)) for task, values in found.items()}


def difference(ours: Scores, theirs: Scores, resamples: int, seed: int = 0) -> Difference | None:
    """``ours - theirs`` on the tasks both have; tasks are drawn with replacement."""
    tasks = sorted(set(ours) & set(theirs))
    if not tasks:
        return None
    gaps = np.array([ours[task] - theirs[task] for task in tasks])
    drawn = np.random.default_rng(seed).integers(0, len(gaps), (resamples, len(gaps)))
    low, high = np.percentile(gaps[drawn].mean(axis=1), [2.5, 97.5])
    return Difference(
        float(gaps.mean()),
        float(low),
        float(high),
        int((gaps > TIE).sum()),
        int((gaps < -TIE).sum()),
        len(gaps),
    )


def mean(values: Scores, tasks: Sequence[str] | None = None) -> float:
    """Mean over tasks (all, or the named ones)."""
    chosen = [values[t] for t in (tasks if tasks is not None else values) if t in values]
    return float(np.mean(chosen)) if chosen else float("nan")


def set_of(task: str) -> str:
    """The set a task is from: its name without the number of the pair."""
    return task.rsplit(" ", 1)[0]


def by_set(values: Scores) -> dict[str, float]:
    """Means over the pairs of each set."""
    sets: dict[str, list[float]] = {}
    for task, value in values.items():
        sets.setdefault(set_of(task), []).append(value)
    return {name: float(np.mean(found)) for name, found in sets.items()}
