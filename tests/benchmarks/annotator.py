"""The simulated annotator: what is painted first, and what is added where an answer is wrong.

Every class is painted with random numbers of its own, so the first strokes of a seed are the same
however many follow: the set of five strokes a class contains the set of two.
"""

from __future__ import annotations

import numpy as np

from benchmarks.corrections import corrective_strokes
from unetscope.pretraining.judge import Task
from unetscope.pretraining.strokes import simulate_strokes

LENGTH_PX, WIDTH_PX = 40, 3


def first_strokes(task: Task, seed: int, per_class: int) -> np.ndarray:
    """``per_class`` strokes inside the regions of every class of image A: (y, x), 0 unlabelled."""
    truth = task.truth_a
    painted = np.zeros_like(truth)
    for value in np.unique(truth[truth > 0]).tolist():
        own = simulate_strokes(
            np.where(truth == value, truth, 0),
            per_class=per_class,
            length_px=LENGTH_PX,
            width_px=WIDTH_PX,
            seed=_seed(seed, value),
        )
        painted = np.maximum(painted, own)  # classes do not overlap, so strokes do not
    return painted


def corrections(
    task: Task, answer: np.ndarray, painted: np.ndarray, *, count: int, seed: int, turn: int
) -> np.ndarray:
    """``painted`` with ``count`` more strokes on the largest errors of ``answer`` on image A."""
    return corrective_strokes(
        task.truth_a,
        answer.astype(task.truth_a.dtype),
        painted,
        strokes=count,
        length_px=LENGTH_PX,
        width_px=WIDTH_PX,
        seed=_seed(seed, 500 + turn),
    )


def _seed(seed: int, part: int) -> int:
    return 1000 * seed + part
