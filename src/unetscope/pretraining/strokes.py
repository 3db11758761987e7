"""A seeded, simulated annotator: sparse strokes from dense truth, as a person would paint them.

A stroke is a smooth curve inside one true region (:mod:`unetscope.pretraining.stroke_paths`).
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from unetscope.pretraining.stroke_paths import (
    CLEAR_PX,
    CORE,
    EIGHT,
    FORBIDDEN,
    TRIES,
    Pen,
    StrokeSheet,
    box_erosion,
    checked_brush,
    class_values,
    longest_walk,
    padded_truth,
    paint_path,
    without_margin,
)

_CANDIDATES = 10  # starting points compared for one stroke


def simulate_strokes(
    truth: np.ndarray,
    *,
    per_class: int = 5,
    length_px: int = 40,
    width_px: int = 3,
    seed: int,
) -> np.ndarray:
    """Paint ``per_class`` strokes of every class into an empty label image.

    Strokes of a class go to different places and, as far as there are any, to different
    instances. No two strokes touch. Where a class has too little room, it gets shorter or fewer
    strokes.

    Parameters
    ----------
    truth : (y, x) integer array
        Dense class labels; 0 is ignored and never painted.
    per_class : int
        Strokes wanted of each class.
    length_px, width_px : int
        Stroke length along its path (each is drawn at 75 to 125 % of it) and brush diameter.
    seed : int
        The same seed gives the same strokes.

    Returns
    -------
    (y, x) array of the dtype of ``truth``: 0 unlabelled, else the class.

    Raises
    ------
    LabelError
        ``truth`` is not a two-dimensional array of non-negative integers.
    """
    brush = checked_brush(length_px, width_px)
    padded = padded_truth(truth, brush)
    sheet = StrokeSheet(np.zeros_like(padded), np.zeros(padded.shape, dtype=bool), brush)
    rng = np.random.default_rng(seed)
    for value in class_values(padded):
        mask = padded == value
        state = _walk_state(mask, brush)
        state[sheet.blocked] = FORBIDDEN
        _paint_class(int(value), per_class, (mask, state), sheet, rng)
    return without_margin(sheet.painted, brush)


def _walk_state(mask: np.ndarray, brush: Pen) -> np.ndarray:
    """(y, x) uint8: where a path may go (1) and where there is room around it (2)."""
    return mask.astype(np.uint8) + box_erosion(mask, brush.radius + CLEAR_PX).astype(np.uint8)


def _paint_class(
    value: int,
    count: int,
    room: tuple[np.ndarray, np.ndarray],
    sheet: StrokeSheet,
    rng: np.random.Generator,
) -> None:
    """Paint up to ``count`` strokes of one class, whose mask and state ``room`` has.

    The state and the sheet change.
    """
    mask, state = room
    brush = sheet.brush
    width = state.shape[1]
    free = np.flatnonzero(state)
    instances, stride = _coarse_instances(mask)
    used: set[int] = set()
    passed = np.empty((0, 2))
    for _ in range(count):
        free = free[state.ravel()[free] > 0] if len(passed) else free
        if not len(free):
            return
        starts = free[rng.integers(0, len(free), _CANDIDATES)]
        points = np.stack(np.divmod(starts, width), axis=1)
        homes = instances[points[:, 0] // stride, points[:, 1] // stride]
        score = rng.uniform(0.7, 1.0, len(starts))
        score *= np.where(np.isin(homes, list(used)) if used else False, 0.3, 1.0)
        score *= np.where(state.ravel()[starts] == CORE, 1.0, 0.5)
        if len(passed):
            apart = np.abs(points[:, None, :] - passed[None]).max(axis=2).min(axis=1)
            score *= np.minimum(apart, 4 * brush.length_px)
        best = np.argsort(-score, kind="stable")[:TRIES]
        path = longest_walk(starts[best].tolist(), state, brush, rng)
        used.add(int(instances[path[0] // width // stride, path[0] % width // stride]))
        steps = np.array(path[:: max(1, brush.length_px // 8)])
        passed = np.concatenate([passed, np.stack(np.divmod(steps, width), axis=1)])
        box = paint_path(path, value, mask & ~sheet.blocked, sheet)
        state[box][sheet.blocked[box]] = FORBIDDEN


def _coarse_instances(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Connected regions on a grid of at most about 256 x 256, and that grid's stride in pixels.

    Only used to send strokes to different instances, so speed matters more than thin walls.
    """
    stride = max(1, max(mask.shape) // 256)
    return ndimage.label(mask[::stride, ::stride], structure=EIGHT)[0], stride
