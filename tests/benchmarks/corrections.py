"""The simulated annotator's second mode: strokes on what a prediction has wrong."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from unetscope.errors import LabelError
from unetscope.pretraining.stroke_paths import (
    CLEAR_PX,
    CORE,
    EIGHT,
    GAP_PX,
    TRIES,
    StrokeSheet,
    box_dilation,
    box_erosion,
    checked_brush,
    class_values,
    longest_walk,
    padded_truth,
    paint_path,
    without_margin,
)

_SEEN_AGAIN = 1 / 16  # what an error counts for once it has got a stroke


def corrective_strokes(
    truth: np.ndarray,
    prediction: np.ndarray,
    existing: np.ndarray | None,
    *,
    strokes: int = 5,
    length_px: int = 40,
    width_px: int = 3,
    seed: int,
) -> np.ndarray:
    """Add strokes on the largest present errors, as a person corrects a prediction.

    Errors are connected regions of one true class predicted as another. Compact ones come before
    thin rims of the same area, for that is what a person sees first; a very large error may get
    several strokes, others first.

    Parameters
    ----------
    truth, prediction : (y, x) integer arrays
        Dense class labels; where ``truth`` is 0 nothing is an error.
    existing : (y, x) integer array or None
        Strokes painted so far: kept as they are, and never touched by new ones.
    strokes : int
        New strokes wanted; fewer are painted if there are fewer errors.
    length_px, width_px, seed : int
        As in `simulate_strokes`.

    Returns
    -------
    (y, x) array of the dtype of ``truth``: the existing strokes and the new ones.
    """
    brush = checked_brush(length_px, width_px)
    padded = padded_truth(truth, brush)
    for name, other in (("prediction", prediction), ("existing", existing)):
        if other is not None and np.shape(other) != np.shape(truth):
            raise LabelError(f"{name} has shape {np.shape(other)}, truth {np.shape(truth)}")
    painted = np.zeros_like(padded)
    inside = (slice(brush.margin, -brush.margin),) * 2
    if existing is not None:
        painted[inside] = existing
    blocked = box_dilation(painted > 0, GAP_PX)
    wrong = np.zeros(padded.shape, dtype=bool)
    wrong[inside] = (truth != prediction) & (truth > 0)
    wrong &= ~blocked
    worth = np.ones(padded.shape)
    rng = np.random.default_rng(seed)
    for _ in range(strokes):
        region = _largest_error(padded, wrong, worth)
        if region is None:
            break
        value, error = region
        start = rng.choice(np.flatnonzero(error))
        mask = padded == value
        state = error.astype(np.uint8)
        state[box_erosion(mask, brush.radius + CLEAR_PX) & error] = CORE
        path = longest_walk([int(start)] * TRIES, state, brush, rng)
        paint_path(path, value, mask & ~blocked, StrokeSheet(painted, blocked, brush))
        wrong &= ~blocked
        worth[error] *= _SEEN_AGAIN
    return without_margin(painted, brush)


def _largest_error(
    truth: np.ndarray, wrong: np.ndarray, worth: np.ndarray
) -> tuple[int, np.ndarray] | None:
    """True class and mask of the connected error that strikes most, or None without errors.

    Each wrong pixel counts ``worth``; a tenth of it in rims under three pixels wide.
    """
    worth = np.where(box_erosion(wrong, 1), worth, 0.1 * worth)
    best: tuple[float, int, np.ndarray] | None = None
    for value in class_values(truth * wrong):
        regions, count = ndimage.label((truth == value) & wrong, structure=EIGHT)
        weight = np.bincount(regions.ravel(), worth.ravel(), minlength=count + 1)
        weight[0] = 0
        largest = int(weight.argmax())
        if best is None or weight[largest] > best[0]:
            best = (float(weight[largest]), int(value), regions == largest)
    return None if best is None else best[1:]
