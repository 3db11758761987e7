"""What an answer is worth: Dice and calibration on the painted image and on another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from benchmarks.rows import Row
from unetscope.learning.metrics import mean_dice
from unetscope.pretraining.judge import Task

BINS = 15  # of confidence, in reliability diagrams and in the calibration error

Bins = tuple[tuple[float, float, float], ...]
"""A bin's share of the pixels, their mean confidence and the share that is right."""


@dataclass(frozen=True)
class Score:
    """One system on one task with one set of strokes."""

    task: str
    unseen: bool  # the set was not used in pretraining
    strokes_per_class: int  # painted at first
    seed: int
    system: str
    seconds: float  # of training; of what is instant, processor seconds of one thread
    same: float  # mean class Dice, as is other
    other: float
    ece_same: float  # expected calibration error, as is ece_other
    ece_other: float
    network_weight: float = 0.0  # share of the fine-tuned network in the answer
    steps: int = 0  # of the optimiser, so far
    turn: int = 0  # rounds of corrections that were painted
    bins_same: Bins = ()  # of the first seed only
    bins_other: Bins = ()


@dataclass(frozen=True)
class Answer:
    """What a system says about an image: class values (y, x) and how sure it is, 0 to 1."""

    labels: np.ndarray
    confidence: np.ndarray


@dataclass(frozen=True)
class Spent:
    """What an answer has cost, and how it came about."""

    seconds: float = 0.0
    network_weight: float = 0.0
    steps: int = 0
    turn: int = 0


def answer_from(probabilities: np.ndarray, values: Sequence[int]) -> Answer:
    """The likeliest class of (class, y, x) probabilities, and its probability."""
    return Answer(np.asarray(values)[probabilities.argmax(axis=0)], probabilities.max(axis=0))


@dataclass(frozen=True, eq=False)
class Examiner:
    """Scores answers to one set of strokes on a task; painted pixels do not count."""

    task: Task
    strokes: np.ndarray
    strokes_per_class: int
    seed: int

    def score(self, system: str, a: Answer, b: Answer, spent: Spent | None = None) -> Row:
        """The row of a system's answers to images A and B."""
        spent = spent or Spent()
        hidden = np.where(self.strokes > 0, 0, self.task.truth_a)
        bins_a, bins_b = reliability(hidden, a), reliability(self.task.truth_b, b)
        kept = self.seed == 0
        found = Score(
            task=self.task.name,
            unseen=not self.task.may_train,
            strokes_per_class=self.strokes_per_class,
            seed=self.seed,
            system=system,
            same=mean_dice(hidden, a.labels),
            other=mean_dice(self.task.truth_b, b.labels),
            ece_same=calibration_error(bins_a),
            ece_other=calibration_error(bins_b),
            bins_same=_rounded(bins_a) if kept else (),
            bins_other=_rounded(bins_b) if kept else (),
            **asdict(spent),
        )
        return {name: value for name, value in asdict(found).items() if value != ()}


def reliability(truth: np.ndarray, answer: Answer) -> np.ndarray:
    """(bin, 3) float64: share of the labelled pixels, sum of confidences, sum of right answers.

    Sums are divided by the number of all labelled pixels. Bins are equal parts of 0 to 1.
    """
    labelled = truth > 0
    sure = answer.confidence[labelled].astype(np.float64)
    right = answer.labels[labelled] == truth[labelled]
    place = np.minimum((sure * BINS).astype(np.intp), BINS - 1)
    sums = [np.bincount(place, weight, BINS) for weight in (np.ones_like(sure), sure, right)]
    return np.stack(sums, axis=1) / max(1, len(sure))


def calibration_error(bins: np.ndarray) -> float:
    """Expected calibration error of :func:`reliability` (Guo et al. 2017, arXiv 1706.04599)."""
    return float(np.abs(bins[:, 1] - bins[:, 2]).sum())


def _rounded(bins: np.ndarray) -> Bins:
    pixels = np.maximum(bins[:, :1], 1e-12)
    table = np.concatenate([bins[:, :1], bins[:, 1:] / pixels], axis=1).round(5)
    return tuple((row[0], row[1], row[2]) for row in table.tolist())
