"""Where a simulated stroke runs, and how a brush paints it.

A path is a random walk with momentum that stays inside one class. It turns away from borders while
there is room; in a crack or membrane too thin for that it follows the region pixel by pixel. The
brush is clipped to the class, so no wrong pixel is ever painted.

Walks run on flat byte buffers with a margin of zeros around the image: plain Python indexing of
a buffer is faster here than NumPy calls on single pixels, and the margin saves all bounds checks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from unetscope.errors import LabelError

GAP_PX = 2  # free pixels kept around each stroke, so that no two ever touch
TRIES = 3  # walks tried for one stroke before the longest is taken
CLEAR_PX = 1  # kept between the brush and the border of its region where there is room
EIGHT = np.ones((3, 3), dtype=bool)
FORBIDDEN, CORE = 0, 2  # core: the brush and a little more fit inside the class; 1: only the path
_TURNS = (0.4, -0.4, 0.8, -0.8, 1.3, -1.3)  # radians tried, in order, to keep clear of a border


@dataclass(frozen=True)
class Pen:
    """How strokes look; lengths in pixels."""

    length_px: int
    width_px: int

    @property
    def radius(self) -> int:
        """Pixels painted on either side of the path."""
        return self.width_px // 2

    @property
    def margin(self) -> int:
        """Zeros around the padded image: the brush and the gap must fit at the border."""
        return self.radius + GAP_PX + 1

    def footprint(self) -> np.ndarray:
        """Disk of ``width_px``, as a boolean (2 radius + 1) square."""
        offset = np.arange(-self.radius, self.radius + 1)
        return (offset[:, None] ** 2 + offset[None, :] ** 2) <= (self.width_px / 2) ** 2


def checked_brush(length_px: int, width_px: int) -> Pen:
    """The brush; a :class:`LabelError` where it would paint nothing."""
    if length_px < 1 or width_px < 1:
        raise LabelError(
            f"strokes need a length and a width of at least 1 px, not {length_px} and {width_px}"
        )
    return Pen(int(length_px), int(width_px))


def padded_truth(truth: np.ndarray, brush: Pen) -> np.ndarray:
    """``truth`` with the brush's margin of zeros; a :class:`LabelError` if it is no class image."""
    truth = np.asarray(truth)
    if truth.ndim != 2 or truth.dtype.kind not in "ui":
        raise LabelError(f"truth must be (y, x) integers, not {truth.ndim}D {truth.dtype}")
    if truth.size and truth.min() < 0:
        raise LabelError(f"truth holds {truth.min()}; classes are 1 or more, 0 is ignored")
    padded = np.zeros([n + 2 * brush.margin for n in truth.shape], dtype=truth.dtype)
    padded[brush.margin : -brush.margin, brush.margin : -brush.margin] = truth
    return padded


def without_margin(padded: np.ndarray, brush: Pen) -> np.ndarray:
    """The image that :func:`padded_truth` put a margin around, as a copy."""
    return padded[brush.margin : -brush.margin, brush.margin : -brush.margin].copy()


def class_values(truth: np.ndarray) -> np.ndarray:
    """Class values present, without 0, in increasing order."""
    if truth.max(initial=0) < 65536:  # counting beats sorting for the small values classes have
        return np.flatnonzero(np.bincount(truth.ravel().astype(np.intp)))[1:]
    values = np.unique(truth)
    return values[values > 0]


def box_erosion(mask: np.ndarray, radius: int) -> np.ndarray:
    """Pixels whose (2 radius + 1) square lies in ``mask``; needs a margin of ``radius`` zeros."""
    eroded = mask
    for axis in (0, 1):
        kept = eroded.copy()
        for shift in range(1, radius + 1):
            kept &= np.roll(eroded, shift, axis) & np.roll(eroded, -shift, axis)
        eroded = kept
    return eroded


def box_dilation(mask: np.ndarray, radius: int) -> np.ndarray:
    """Pixels within the Chebyshev distance ``radius`` of ``mask``."""
    for axis in (0, 1):
        mask = ndimage.maximum_filter1d(mask.astype(np.uint8), 2 * radius + 1, axis) > 0
    return mask


def longest_walk(
    starts: list[int], state: np.ndarray, brush: Pen, rng: np.random.Generator
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
            if allowed[there] == CORE and (there == here or there not in visited):
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
        score += 0.5 if allowed[there] == CORE else 0.0
        if score > best_score:
            best, best_score = (there, angle), score
    return best


@dataclass(frozen=True, eq=False)
class StrokeSheet:
    """What is painted on with a pen; both arrays (y, x) change.

    Attributes
    ----------
    painted
        The classes of the strokes, 0 elsewhere.
    blocked
        Where no further stroke may go: on strokes and close to them.
    """

    painted: np.ndarray
    blocked: np.ndarray
    brush: Pen


def paint_path(
    path: list[int], value: int, paintable: np.ndarray, sheet: StrokeSheet
) -> tuple[slice, slice]:
    """Paint the brush along ``path``, clipped to ``paintable``, and block what surrounds it.

    Returns the box in which the sheet has changed.
    """
    painted, blocked, brush = sheet.painted, sheet.blocked, sheet.brush
    rows, columns = np.divmod(np.array(path), painted.shape[1])
    reach = brush.radius + GAP_PX
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
        parts = ndimage.label(stroke, structure=EIGHT)[0]
        stroke = parts == parts[rows[0] - top, columns[0] - left]
    painted[box][stroke] = value
    blocked[box] |= box_dilation(stroke, GAP_PX)
    return box
