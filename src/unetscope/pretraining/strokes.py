"""A seeded, simulated annotator: sparse strokes from dense truth, as a person would paint them.

A stroke is a smooth curve, a random walk with momentum, that stays inside one class. It turns away
from borders while there is room; in a crack or membrane too thin for that it follows the region
pixel by pixel. The brush is clipped to the class, so no wrong pixel is ever painted.

Walks run on flat byte buffers with a margin of zeros around the image: plain Python indexing of
a buffer is faster here than NumPy calls on single pixels, and the margin saves all bounds checks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from unetscope.errors import LabelError

_GAP_PX = 2  # free pixels kept around each stroke, so that no two ever touch
_TRIES = 3  # walks tried for one stroke before the longest is taken
_CANDIDATES = 10  # starting points compared for one stroke
_TURNS = (0.4, -0.4, 0.8, -0.8, 1.3, -1.3)  # radians tried, in order, to keep clear of a border
_EIGHT = np.ones((3, 3), dtype=bool)
_CLEAR_PX = 1  # kept between the brush and the border of its region where there is room
_SEEN_AGAIN = 1 / 16  # what an error counts for once it has got a stroke
_FORBIDDEN, _CORE = 0, 2  # core: the brush and a little more fit inside the class; 1: only the path


@dataclass(frozen=True)
class _Brush:
    """How strokes look; lengths in pixels."""

    length_px: int
    width_px: int

    @property
    def radius(self) -> int:
        return self.width_px // 2

    @property
    def margin(self) -> int:
        """Zeros around the padded image: the brush and the gap must fit at the border."""
        return self.radius + _GAP_PX + 1

    def footprint(self) -> np.ndarray:
        """Disk of ``width_px``, as a boolean (2 radius + 1) square."""
        offset = np.arange(-self.radius, self.radius + 1)
        return (offset[:, None] ** 2 + offset[None, :] ** 2) <= (self.width_px / 2) ** 2


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
    brush = _checked_brush(length_px, width_px)
    padded = _padded_truth(truth, brush)
    painted = np.zeros_like(padded)
    blocked = np.zeros(padded.shape, dtype=bool)
    rng = np.random.default_rng(seed)
    for value in _class_values(padded):
        mask = padded == value
        state = _walk_state(mask, brush)
        state[blocked] = _FORBIDDEN
        _paint_class(int(value), per_class, mask, state, painted, blocked, brush, rng)
    return _without_margin(painted, brush)


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
    brush = _checked_brush(length_px, width_px)
    padded = _padded_truth(truth, brush)
    for name, other in (("prediction", prediction), ("existing", existing)):
        if other is not None and np.shape(other) != np.shape(truth):
            raise LabelError(f"{name} has shape {np.shape(other)}, truth {np.shape(truth)}")
    painted = np.zeros_like(padded)
    inside = (slice(brush.margin, -brush.margin),) * 2
    if existing is not None:
        painted[inside] = existing
    blocked = _box_dilation(painted > 0, _GAP_PX)
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
        state[_box_erosion(mask, brush.radius + _CLEAR_PX) & error] = _CORE
        path = _longest_walk([int(start)] * _TRIES, state, brush, rng)
        _paint_path(path, value, mask & ~blocked, painted, blocked, brush)
        wrong &= ~blocked
        worth[error] *= _SEEN_AGAIN
    return _without_margin(painted, brush)


def _checked_brush(length_px: int, width_px: int) -> _Brush:
    if length_px < 1 or width_px < 1:
        raise LabelError(
            f"strokes need a length and a width of at least 1 px, not {length_px} and {width_px}"
        )
    return _Brush(int(length_px), int(width_px))


def _padded_truth(truth: np.ndarray, brush: _Brush) -> np.ndarray:
    truth = np.asarray(truth)
    if truth.ndim != 2 or truth.dtype.kind not in "ui":
        raise LabelError(f"truth must be (y, x) integers, not {truth.ndim}D {truth.dtype}")
    if truth.size and truth.min() < 0:
        raise LabelError(f"truth holds {truth.min()}; classes are 1 or more, 0 is ignored")
    padded = np.zeros([n + 2 * brush.margin for n in truth.shape], dtype=truth.dtype)
    padded[brush.margin : -brush.margin, brush.margin : -brush.margin] = truth
    return padded


def _without_margin(padded: np.ndarray, brush: _Brush) -> np.ndarray:
    return padded[brush.margin : -brush.margin, brush.margin : -brush.margin].copy()


def _class_values(truth: np.ndarray) -> np.ndarray:
    """Class values present, without 0, in increasing order."""
    if truth.max(initial=0) < 65536:  # counting beats sorting for the small values classes have
        return np.flatnonzero(np.bincount(truth.ravel().astype(np.intp)))[1:]
    values = np.unique(truth)
    return values[values > 0]


def _box_erosion(mask: np.ndarray, radius: int) -> np.ndarray:
    """Pixels whose (2 radius + 1) square lies in ``mask``; needs a margin of ``radius`` zeros."""
    eroded = mask
    for axis in (0, 1):
        kept = eroded.copy()
        for shift in range(1, radius + 1):
            kept &= np.roll(eroded, shift, axis) & np.roll(eroded, -shift, axis)
        eroded = kept
    return eroded


def _box_dilation(mask: np.ndarray, radius: int) -> np.ndarray:
    """Pixels within the Chebyshev distance ``radius`` of ``mask``."""
    for axis in (0, 1):
        mask = ndimage.maximum_filter1d(mask.astype(np.uint8), 2 * radius + 1, axis) > 0
    return mask


def _walk_state(mask: np.ndarray, brush: _Brush) -> np.ndarray:
    """(y, x) uint8: where a path may go (1) and where there is room around it (2)."""
    return mask.astype(np.uint8) + _box_erosion(mask, brush.radius + _CLEAR_PX).astype(np.uint8)


def _paint_class(
    value: int,
    count: int,
    mask: np.ndarray,
    state: np.ndarray,
    painted: np.ndarray,
    blocked: np.ndarray,
    brush: _Brush,
    rng: np.random.Generator,
) -> None:
    """Paint up to ``count`` strokes of one class; ``state``, ``painted``, ``blocked`` change."""
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
        score *= np.where(state.ravel()[starts] == _CORE, 1.0, 0.5)
        if len(passed):
            apart = np.abs(points[:, None, :] - passed[None]).max(axis=2).min(axis=1)
            score *= np.minimum(apart, 4 * brush.length_px)
        best = np.argsort(-score, kind="stable")[:_TRIES]
        path = _longest_walk(starts[best].tolist(), state, brush, rng)
        used.add(int(instances[path[0] // width // stride, path[0] % width // stride]))
        steps = np.array(path[:: max(1, brush.length_px // 8)])
        passed = np.concatenate([passed, np.stack(np.divmod(steps, width), axis=1)])
        box = _paint_path(path, value, mask & ~blocked, painted, blocked, brush)
        state[box][blocked[box]] = _FORBIDDEN


def _coarse_instances(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Connected regions on a grid of at most about 256 x 256, and that grid's stride in pixels.

    Only used to send strokes to different instances, so speed matters more than thin walls.
    """
    stride = max(1, max(mask.shape) // 256)
    return ndimage.label(mask[::stride, ::stride], structure=_EIGHT)[0], stride


def _longest_walk(
    starts: list[int], state: np.ndarray, brush: _Brush, rng: np.random.Generator
) -> list[int]:
    """Walk from each start until one path is long enough; else the longest."""
    wanted = max(1, round(brush.length_px * rng.uniform(0.75, 1.25)))
    longest: list[int] = []
    for start in starts:
        path = _walk(start, wanted, state, rng)
        if len(path) > len(longest):
            longest = path
        if len(longest) >= 0.6 * wanted:
            break
    return longest


def _walk(start: int, steps: int, state: np.ndarray, rng: np.random.Generator) -> list[int]:
    """Flat pixel indices of a path from ``start``, prolonged backwards if it gets stuck early."""
    heading = float(rng.uniform(0, 2 * math.pi))
    forward = _half_walk(start, heading, steps, state, rng, {start})
    if len(forward) >= steps:
        return forward
    if len(forward) > 1:  # leave against the way the first half began
        width = state.shape[1]
        later = forward[min(4, len(forward) - 1)]
        dy, dx = later // width - start // width, later % width - start % width
        heading = math.atan2(dy, dx)
    backward = _half_walk(
        start, heading + math.pi, steps - len(forward) + 1, state, rng, set(forward)
    )
    return backward[:0:-1] + forward


def _half_walk(
    start: int,
    heading: float,
    steps: int,
    state: np.ndarray,
    rng: np.random.Generator,
    visited: set[int],
) -> list[int]:
    """Random walk with momentum in one direction: 8-connected flat indices from ``start``."""
    allowed = state.reshape(-1).data
    width = state.shape[1]
    y, x = float(start // width), float(start % width)
    path, here, turn = [start], start, 0.0
    for noise in rng.normal(0.0, 0.06, 2 * steps).tolist():
        if len(path) >= steps:
            break
        turn = 0.8 * turn + noise
        heading += turn
        for deflection in (0.0, *_TURNS):
            angle = heading + (deflection if turn >= 0 else -deflection)
            ny, nx = y + math.sin(angle), x + math.cos(angle)
            there = round(ny) * width + round(nx)
            if allowed[there] == _CORE and (there == here or there not in visited):
                y, x, heading = ny, nx, angle
                break
        else:  # no room for the whole brush: follow the region, pixel by pixel
            found = _next_pixel(here, heading, allowed, width, visited)
            if found is None:
                break
            there, angle = found
            y, x = float(there // width), float(there % width)
            heading += 0.6 * math.remainder(angle - heading, 2 * math.pi)
            turn = 0.0
        if there != here:
            path.append(there)
            visited.add(there)
            here = there
    return path


_NEIGHBOURS = tuple(
    (dy, dx, math.atan2(dy, dx)) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)
)


def _next_pixel(
    here: int, heading: float, allowed: memoryview, width: int, visited: set[int]
) -> tuple[int, float] | None:
    """The allowed neighbour most straight ahead, and its direction; None in a dead end."""
    best, best_score = None, -0.4  # sharper turns than about 115 degrees end the stroke
    alone = len(visited) == 1
    for dy, dx, angle in _NEIGHBOURS:
        there = here + dy * width + dx
        if not allowed[there] or there in visited:
            continue
        score = math.cos(angle - heading) + (2.0 if alone else 0.0)
        score += 0.5 if allowed[there] == _CORE else 0.0
        if score > best_score:
            best, best_score = (there, angle), score
    return best


def _paint_path(
    path: list[int],
    value: int,
    paintable: np.ndarray,
    painted: np.ndarray,
    blocked: np.ndarray,
    brush: _Brush,
) -> tuple[slice, slice]:
    """Paint the brush along ``path``, clipped to ``paintable``, and block what surrounds it.

    Returns the box in which ``painted`` and ``blocked`` have changed.
    """
    rows, columns = np.divmod(np.array(path), painted.shape[1])
    reach = brush.radius + _GAP_PX
    top, left = int(rows.min()) - reach, int(columns.min()) - reach
    box = (slice(top, int(rows.max()) + reach + 1), slice(left, int(columns.max()) + reach + 1))
    line = np.zeros(painted[box].shape, dtype=bool)
    line[rows - top, columns - left] = True
    stroke = line
    if brush.radius:
        stroke = line.copy()
        for dy, dx in np.argwhere(brush.footprint()) - brush.radius:
            stroke[rows - top + dy, columns - left + dx] = True
        stroke &= paintable[box]
    if brush.radius > 1:  # a wide brush may have reached over a thin wall: keep what hangs together
        parts = ndimage.label(stroke, structure=_EIGHT)[0]
        stroke = parts == parts[rows[0] - top, columns[0] - left]
    painted[box][stroke] = value
    blocked[box] |= _box_dilation(stroke, _GAP_PX)
    return box


def _largest_error(
    truth: np.ndarray, wrong: np.ndarray, worth: np.ndarray
) -> tuple[int, np.ndarray] | None:
    """True class and mask of the connected error that strikes most, or None without errors.

    Each wrong pixel counts ``worth``; a tenth of it in rims under three pixels wide.
    """
    worth = np.where(_box_erosion(wrong, 1), worth, 0.1 * worth)
    best: tuple[float, int, np.ndarray] | None = None
    for value in _class_values(truth * wrong):
        regions, count = ndimage.label((truth == value) & wrong, structure=_EIGHT)
        weight = np.bincount(regions.ravel(), worth.ravel(), minlength=count + 1)
        weight[0] = 0
        largest = int(weight.argmax())
        if best is None or weight[largest] > best[0]:
            best = (float(weight[largest]), int(value), regions == largest)
    return None if best is None else best[1:]
