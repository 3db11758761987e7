"""Scores of a segmentation: confusion, Dice, Jaccard, outlines, log loss, calibration.

Everywhere, places where the truth is 0 ("nobody said") do not count. A class that the truth does
not hold at all has no Dice and no Jaccard index: both would be 0/0 or punish a class nobody could
find, so such classes are left out of the result and of every mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy

from unetscope.errors import LabelError

_SMALLEST_PROBABILITY = 1e-7  # keeps the log loss finite where a model is certain and wrong


def confusion(truth: np.ndarray, prediction: np.ndarray, values: Sequence[int]) -> np.ndarray:
    """Count labelled pixels by true and predicted class.

    Parameters
    ----------
    truth, prediction : integer arrays of the same shape
        Class values; 0 in ``truth`` is ignored.
    values : sequence of int
        The classes, which give rows and columns their order.

    Returns
    -------
    (K, K) int64 array: ``[i, j]`` pixels of class ``values[i]`` predicted as ``values[j]``.

    Raises
    ------
    LabelError
        The shapes differ, or a labelled pixel holds or is given a class not in ``values``.
    """
    true, predicted = _labelled(truth, prediction)
    order = np.argsort(values)
    known = np.asarray(values, dtype=np.int64)[order]
    rows, columns = (_positions(found, known, order) for found in (true, predicted))
    count = len(known)
    return np.bincount(rows * count + columns, minlength=count**2).reshape(count, count)


def dice_per_class(truth: np.ndarray, prediction: np.ndarray) -> dict[int, float]:
    """Dice coefficient 2 |T and P| / (|T| + |P|) of every class the truth holds.

    Source: Dice (1945), Ecology 26, 297-302.

    Parameters
    ----------
    truth, prediction : integer arrays of the same shape
        Class values; 0 in ``truth`` is ignored, 0 in ``prediction`` is a miss.

    Returns
    -------
    Class value -> 0 to 1; classes absent from the truth are left out.
    """
    return {v: 2 * hit / (true + said) for v, hit, true, said in _counts(truth, prediction)}


def iou_per_class(truth: np.ndarray, prediction: np.ndarray) -> dict[int, float]:
    """Jaccard index |T and P| / |T or P| of every class the truth holds; as `dice_per_class`."""
    return {v: hit / (true + said - hit) for v, hit, true, said in _counts(truth, prediction)}


def mean_dice(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Unweighted mean of `dice_per_class`; NaN if nothing is labelled."""
    scores = list(dice_per_class(truth, prediction).values())
    return float(np.mean(scores)) if scores else float("nan")


def accuracy(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Share of labelled pixels that are given their class; NaN if nothing is labelled.

    Beside thin or rare classes it is high whatever is found of them: see `dice_per_class`.
    """
    true, predicted = _labelled(truth, prediction)
    return float((true == predicted).mean()) if len(true) else float("nan")


def boundary_distance(
    truth: np.ndarray,
    prediction: np.ndarray,
    value: int,
    spacing: float | Sequence[float] = 1.0,
) -> float:
    """How far the outlines of a class are apart: mean distance to the nearest, both ways.

    Parameters
    ----------
    truth, prediction : integer arrays of the same shape
        Class values; places where ``truth`` is 0 belong to no class.
    value : int
        The class.
    spacing : float or one float an axis
        Edge of a pixel; the distance is in its unit, in pixels with 1.

    Returns
    -------
    At least 0; NaN where truth or prediction do not hold the class, or hold nothing else.
    """
    _labelled(truth, prediction)
    known = np.asarray(truth) > 0
    outlines = []
    for labels in (truth, prediction):
        mask = (np.asarray(labels) == value) & known
        outlines.append(mask & ~scipy.ndimage.binary_erosion(mask, border_value=1))
    if not all(one.any() for one in outlines):
        return float("nan")
    sampling = np.broadcast_to(np.asarray(spacing, dtype=float), known.ndim).tolist()
    ways = [
        scipy.ndimage.distance_transform_edt(~other, sampling=sampling)[one].mean()
        for one, other in (outlines, outlines[::-1])
    ]
    return float(np.mean(ways))


def balanced_log_loss(truth: np.ndarray, probabilities: np.ndarray, values: Sequence[int]) -> float:
    """Mean over the classes present of the mean of -log(probability of the true class), in nats.

    Parameters
    ----------
    truth : integer array
        Class values, 0 ignored.
    probabilities : (K, ...) array
        Probability of ``values[k]`` at every place of ``truth``.
    values : sequence of int
        Class of each row of ``probabilities``.

    Returns
    -------
    At least 0 (perfect); log K for a guess; NaN if nothing is labelled.
    """
    true, rows = _labelled_probabilities(truth, probabilities, values)
    chance = rows[true, np.arange(len(true))].clip(_SMALLEST_PROBABILITY, 1.0)
    total = np.bincount(true, -np.log(chance), minlength=len(values))
    pixels = np.bincount(true, minlength=len(values))
    present = pixels > 0
    return float(np.mean(total[present] / pixels[present])) if present.any() else float("nan")


def expected_calibration_error(
    truth: np.ndarray, probabilities: np.ndarray, values: Sequence[int], *, bins: int = 15
) -> float:
    """How far confidence is from accuracy, averaged over ``bins`` equal bins of confidence.

    Source: Guo et al. (2017), "On calibration of modern neural networks", ICML. Parameters as in
    `balanced_log_loss`.

    Returns
    -------
    0 (calibrated) to 1; NaN if nothing is labelled.
    """
    true, rows = _labelled_probabilities(truth, probabilities, values)
    if not len(true):
        return float("nan")
    confidence = rows.max(axis=0)
    right = rows.argmax(axis=0) == true
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gap = np.bincount(place, confidence - right, minlength=bins)
    return float(np.abs(gap).sum() / len(true))


def _labelled(truth: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    truth, prediction = np.asarray(truth), np.asarray(prediction)
    if truth.shape != prediction.shape:
        raise LabelError(f"truth has shape {truth.shape}, prediction {prediction.shape}")
    labelled = truth > 0
    return truth[labelled].astype(np.int64), prediction[labelled].astype(np.int64)


def _positions(found: np.ndarray, known: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Index in the caller's order of every value in ``found``; ``known`` is sorted."""
    places = np.searchsorted(known, found).clip(max=max(len(known) - 1, 0))
    foreign = found[known[places] != found] if len(known) else found
    if len(foreign):
        raise LabelError(f"class {foreign[0]} is not one of the classes {known.tolist()}")
    return order[places]


def _counts(truth: np.ndarray, prediction: np.ndarray) -> list[tuple[int, int, int, int]]:
    """Class value, pixels hit, pixels true, pixels predicted, for classes the truth holds."""
    true, predicted = _labelled(truth, prediction)
    counts = []
    for value in np.unique(true).tolist():
        is_true, is_said = true == value, predicted == value
        hit = int(np.count_nonzero(is_true & is_said))
        counts.append((value, hit, int(is_true.sum()), int(is_said.sum())))
    return counts


def _labelled_probabilities(
    truth: np.ndarray, probabilities: np.ndarray, values: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Row index of the true class (n,) and probabilities (K, n) at the labelled places."""
    truth = np.asarray(truth)
    if probabilities.shape != (len(values), *truth.shape):
        raise LabelError(
            f"probabilities have shape {probabilities.shape}, expected one {truth.shape} map for "
            f"each of the {len(values)} classes"
        )
    labelled = truth > 0
    order = np.argsort(values)
    known = np.asarray(values, dtype=np.int64)[order]
    true = _positions(truth[labelled].astype(np.int64), known, order)
    return true, probabilities[:, labelled].astype(np.float64)
