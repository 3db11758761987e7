"""Paired comparison of systems over tasks, and how many strokes a quality takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.rows import Row

Scores = Mapping[tuple[str, int], float]  # (task, seed of the strokes) -> Dice
TIE = 0.005  # differences below this are neither better nor worse


@dataclass(frozen=True)
class Pick:
    """Which rows: of one system with so many strokes a class, at one checkpoint or round."""

    system: str
    strokes: int
    seconds: float | None = None
    turn: int = 0


@dataclass(frozen=True)
class Difference:
    """Mean difference with its 95 % bootstrap interval over tasks; comparisons won and lost.

    Of ``compared`` pairs of answers (task and seed), ``won`` are better at all, ``better`` and
    ``worse`` differ by more than :data:`TIE`.
    """

    mean: float
    low: float
    high: float
    won: int
    better: int
    worse: int
    compared: int
    tasks: int

    def __str__(self) -> str:
        return f"{self.mean:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"

    @property
    def win_rate(self) -> float:
        """Share of the comparisons that were won, however closely."""
        return self.won / self.compared

    @property
    def wins(self) -> str:
        """The win rate, and the shares that are better and worse by more than a tie."""
        clear = f"{self.better / self.compared:.0%} : {self.worse / self.compared:.0%}"
        return f"{self.win_rate:.0%} ({clear})".replace("%", " %")


@dataclass(frozen=True)
class StrokesNeeded:
    """How many strokes a class reach a Dice, with a 95 % bootstrap interval over tasks.

    Interpolated on the logarithm of strokes; the end of the curve where it begins above
    (``at_most``), infinite where it never gets there.
    """

    strokes: float
    low: float
    high: float
    dice: float
    fewest: int  # strokes that were tried

    def __str__(self) -> str:
        said = (self._number(n) for n in (self.strokes, self.low, self.high))
        return "{} [{}, {}]".format(*said)

    def _number(self, strokes: float) -> str:
        if np.isinf(strokes):
            return "never"
        return f"≤ {self.fewest}" if strokes <= self.fewest else f"{strokes:.1f}"


def scores(rows: Sequence[Row], pick: Pick, value: str) -> dict[tuple[str, int], float]:
    """``row[value]`` (``"same"``, ``"ece_other"`` …) of the picked rows by task and seed."""
    return {(row["task"], row["seed"]): row[value] for row in rows if is_picked(row, pick)}


def is_picked(row: Row, pick: Pick) -> bool:
    """Whether a row is one of those that ``pick`` tells."""
    return (
        row["system"] == pick.system
        and row["strokes_per_class"] == pick.strokes
        and row["turn"] == pick.turn
        and (pick.seconds is None or row["seconds"] == pick.seconds)
    )


def by_task(values: Scores) -> dict[str, float]:
    """Means over the seeds of each task."""
    found: dict[str, list[float]] = {}
    for (task, _), value in values.items():
        found.setdefault(task, []).append(value)
    return {task: float(np.mean(all_of_it)) for task, all_of_it in found.items()}


def by_set(values: Scores) -> dict[str, float]:
    """Means over the tasks of each set."""
    sets: dict[str, list[float]] = {}
    for task, value in by_task(values).items():
        sets.setdefault(set_of(task), []).append(value)
    return {name: float(np.mean(found)) for name, found in sets.items()}


def mean(values: Scores) -> float:
    """Mean over tasks; not a number where there are none."""
    found = by_task(values)
    return float(np.mean(list(found.values()))) if found else float("nan")


def difference(ours: Scores, theirs: Scores, resamples: int, seed: int = 0) -> Difference | None:
    """``ours - theirs`` where both are; tasks are drawn with replacement, with all their seeds."""
    gaps = {key: ours[key] - theirs[key] for key in ours if key in theirs}
    if not gaps:
        return None
    of_tasks = np.array([gap for _, gap in sorted(by_task(gaps).items())])
    low, high = np.percentile(of_tasks[_drawn(len(of_tasks), resamples, seed)].mean(1), [2.5, 97.5])
    single = np.array(list(gaps.values()))
    return Difference(
        mean=float(of_tasks.mean()),
        low=float(low),
        high=float(high),
        won=int((single > 0).sum()),
        better=int((single > TIE).sum()),
        worse=int((single < -TIE).sum()),
        compared=len(single),
        tasks=len(of_tasks),
    )


def strokes_needed(
    ours: Mapping[int, Scores], theirs: Scores, resamples: int, seed: int = 0
) -> StrokesNeeded | None:
    """Strokes a class with which our mean curve reaches the mean of ``theirs``.

    ``ours``: strokes a class → scores. Tasks and seeds that are not everywhere are left out.
    """
    counts = sorted(count for count, found in ours.items() if found)
    common = set(theirs).intersection(*(ours[count] for count in counts))
    if not counts or not common:
        return None
    lines = [by_task({key: found[key] for key in common}) for found in [*map(ours.get, counts)]]
    level = by_task({key: theirs[key] for key in common})
    tasks = sorted(level)
    curve = np.array([[line[task] for line in lines] for task in tasks])  # (task, count)
    wanted = np.array([level[task] for task in tasks])
    drawn = _drawn(len(tasks), resamples, seed)
    found = [_reached(counts, curve[d].mean(0), wanted[d].mean()) for d in drawn]
    low, high = np.percentile(found, [2.5, 97.5], method="nearest")
    return StrokesNeeded(
        strokes=_reached(counts, curve.mean(0), wanted.mean()),
        low=float(low),
        high=float(high),
        dice=float(wanted.mean()),
        fewest=counts[0],
    )


def _reached(counts: Sequence[int], curve: np.ndarray, level: float) -> float:
    """Where a curve over the logarithm of ``counts`` first reaches ``level``."""
    above = np.nonzero(curve >= level)[0]
    if not len(above):
        return float("inf")
    last = int(above[0])
    if last == 0:
        return float(counts[0])
    share = (level - curve[last - 1]) / (curve[last] - curve[last - 1])
    start, stop = np.log(counts[last - 1]), np.log(counts[last])
    return float(np.exp(start + share * (stop - start)))


def _drawn(tasks: int, resamples: int, seed: int) -> np.ndarray:
    """(resample, task) indices, drawn with replacement."""
    return np.random.default_rng(seed).integers(0, tasks, (resamples, tasks))


def set_of(task: str) -> str:
    """The set a task is from: its name without the number of the pair."""
    return task.rsplit(" ", 1)[0]
