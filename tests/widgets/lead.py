"""A kind of result in one file, to copy: how far the likeliest class is ahead of the next."""

from __future__ import annotations

import numpy as np

from unetscope.session.result_kind import AnsweredTile, ResultKind


def _lead(tile: AnsweredTile) -> np.ndarray | None:
    """Probability of the likeliest class less that of the next, 0 to 1; None of a single class."""
    if len(tile.probabilities) < 2:
        return None
    next_best, best = np.sort(tile.probabilities, axis=0)[-2:]
    return np.asarray(best - next_best, np.float32)


KIND = LEAD = ResultKind(
    name="lead",
    tip="How far the likeliest class is ahead of the next.",
    answer=_lead,
    ramp="viridis",
    limits=(0.0, 0.5),
    key="F9",
)
