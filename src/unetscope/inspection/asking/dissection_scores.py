"""One channel's values against painted classes: the threshold that counts, and how well it fits."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Score(NamedTuple):
    """See :class:`~unetscope.inspection.asking.dissection.DissectionRow`."""

    iou: float
    precision: float
    recall: float
    auc: float
    threshold: float
    sign: int


def channel_scores(
    values: NDArray[np.floating[Any]], labels: NDArray[np.int64], quantile: float | None
) -> dict[int, Score]:
    """Score of every class in ``labels`` (point,) for one channel's ``values`` (point,).

    Everything is read off one sort of the values, so the number of classes costs little.
    """
    if len(values) < 2:
        return {}
    classes, index = np.unique(labels, return_inverse=True)
    order = np.argsort(values)
    ordered = values[order]
    member = np.zeros((len(values) + 1, len(classes)), dtype=np.int64)
    member[np.arange(1, len(values) + 1), index[order]] = 1
    below = np.cumsum(member, axis=0)  # (n + 1, class): pixels of the class among the n lowest
    ranks = _mean_ranks(ordered)
    scores = {}
    for column, value in enumerate(classes):
        of_class = member[1:, column] == 1
        total = int(below[-1, column])
        auc = _auc(ranks[of_class].sum(), total, len(values) - total)
        share = total / len(values) if quantile is None else 1 - quantile
        scores[int(value)] = _best_side(ordered, below[:, column], share, auc)
    return scores


def _best_side(
    ordered: NDArray[np.floating[Any]], below: NDArray[np.int64], share: float, auc: float
) -> Score:
    """The better of firing where the value is high and firing where it is low."""
    count, total = len(ordered), int(below[-1])
    wanted = min(max(1, round(share * count)), count - 1)
    found = [Score(0.0, 0.0, 0.0, auc, float(ordered[-1]), 1)]
    # values may be equal at the cut (a ReLU makes many zeros): all or none of them fire
    for cut in _cuts(ordered, count - wanted):
        fired, true = count - cut, total - int(below[cut])
        found.append(_score(fired, true, total, auc, ordered[cut - 1], 1))
    for cut in _cuts(ordered, wanted):
        found.append(_score(cut, int(below[cut]), total, auc, ordered[cut], -1))
    return max(found, key=lambda score: score.iou)


def _cuts(ordered: NDArray[np.floating[Any]], cut: int) -> set[int]:
    """Places next to ``cut`` between two different values; none for a constant."""
    value = ordered[cut] if ordered[cut - 1] == ordered[cut] else None
    if value is None:
        return {cut}
    ends = np.searchsorted(ordered, value, "left"), np.searchsorted(ordered, value, "right")
    return {int(end) for end in ends if 0 < end < len(ordered)}


def _score(fired: int, true: int, total: int, auc: float, threshold: Any, sign: int) -> Score:
    iou = true / (fired + total - true)
    return Score(iou, true / fired, true / total, auc, float(threshold), sign)


def _mean_ranks(ordered: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Ranks from 1 of sorted values; equal values share the mean of theirs."""
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    ends = np.append(starts[1:], len(ordered))
    return np.repeat((starts + ends + 1) / 2, ends - starts)


def _auc(rank_sum: float, inside: int, outside: int) -> float:
    """Area under the ROC curve from the rank sum (Mann and Whitney 1947)."""
    if not inside or not outside:
        return 0.5
    return float((rank_sum - inside * (inside + 1) / 2) / (inside * outside))
