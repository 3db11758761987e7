"""Convex hulls of all objects at once, and what they give: Feret's diameters and the filled area.

Of each line only the outermost pixels can lie on a hull. Points that are not convex are dropped
from all chains together until none is left; coordinates are whole (half pixels), so nothing is
rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.measuring.pixel_runs import Floats, Ints, Runs

#: How many pairs of points are looked at together.
_PAIRS = 1 << 21


@dataclass(frozen=True, eq=False)
class Hulls:
    """Corners of convex hulls, those of an object together, around it.

    ``first`` (object + 1,) says where they begin, ``points`` (corner, 2) are y, x in half pixels.
    """

    first: Ints
    points: Ints

    def areas(self) -> Floats:
        """(object,) in pixels, by the shoelace formula."""
        after = self._after()
        y, x = self.points.T
        cross = x * y[after] - x[after] * y
        sums = np.add.reduceat(cross, self.first[:-1]) if len(self.first) > 1 else cross[:0]
        return np.abs(sums) / 8.0

    def ferets(self, spacing: tuple[float, ...]) -> tuple[Floats, Floats]:
        """(object,) the largest and the smallest distance of parallel lines around each hull."""
        count = len(self.first) - 1
        largest, smallest = np.zeros(count), np.zeros(count)
        sizes = np.diff(self.first)
        world = self.points * (np.array(spacing) / 2)
        order = np.argsort(sizes, kind="stable")
        start = 0
        while start < count:
            # as many objects as fit, by the largest of them
            most = sizes[order[start:]].astype(np.int64) ** 2 * np.arange(1, count - start + 1)
            stop = start + max(1, int(np.searchsorted(most, _PAIRS, "right")))
            some = order[start:stop]
            at = np.arange(sizes[some].max() + 1)[None] % sizes[some][:, None]
            largest[some], smallest[some] = _calipers(world[self.first[some][:, None] + at])
            start = stop
        return largest, smallest

    def _after(self) -> Ints:
        after = np.arange(1, len(self.points) + 1)
        after[self.first[1:] - 1] = self.first[:-1]
        return after


def _calipers(around: Floats) -> tuple[Floats, Floats]:
    """Largest and smallest width of hulls (object, corner, 2), whose corners repeat in turn.

    The largest is that of two corners; the smallest has a side of the hull on one line (Toussaint
    1983), so that all sides are tried.
    """
    corners, sides = around[:, :-1], np.diff(around, axis=1)
    between = corners[:, :, None] - corners[:, None]
    largest = np.sqrt((between**2).sum(-1).max((1, 2)))
    lengths = np.sqrt((sides**2).sum(-1))
    cross = sides[:, :, None, 0] * between[..., 1] - sides[:, :, None, 1] * between[..., 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        widths = np.abs(cross).max(2) / lengths
    return largest, np.where(lengths > 0, widths, np.inf).min(1)


def hulls_of_edges(runs: Runs) -> Hulls:
    """Hulls of the middles of the pixels' edges, whose diameters are near those of the shape."""
    return _hulls(runs, ((-1, 0), (0, 1), (1, 0)))


def hulls_of_corners(runs: Runs) -> Hulls:
    """Hulls of the pixels' corners, which hold all of their area."""
    return _hulls(runs, ((-1, 1), (0, 1), (1, 1)))


def hulls_of_centres(runs: Runs) -> Hulls:
    """Hulls of the pixels' centres; one point or a line where there is no more."""
    return _hulls(runs, ((0, 0),))


def _hulls(runs: Runs, around: Sequence[tuple[int, int]]) -> Hulls:
    """Hulls of points at the ends of lines: half pixels down, and out to the side."""
    owner, line, low, high = _line_ends(runs)
    owners = np.tile(owner, len(around))
    levels = np.concatenate([2 * line + down for down, _ in around])
    low = np.concatenate([2 * low - out for _, out in around])
    high = np.concatenate([2 * high + out for _, out in around])
    return _between(owners, levels, low, high, runs.count)


def hulls_of_points(owner: Ints, y: Ints, x: Ints, count: int) -> Hulls:
    """Hulls of points (point,) of ``count`` objects, whatever their whole unit is."""
    return _between(owner, y, x, x, count)


def _between(owner: Ints, level: Ints, low: Ints, high: Ints, count: int) -> Hulls:
    """Hulls of what lies between two ends on each level of each object."""
    left, right = _chain(owner, level, low), _chain(owner, level, -high)
    # down the left side and up the right one
    who = np.concatenate([left[0], right[0]])
    above = 4 * (int(np.abs(level).max(initial=0)) + 1)
    turn = np.concatenate([left[1], above - right[1]])
    points = np.stack(
        [np.concatenate([left[1], right[1]]), np.concatenate([left[2], -right[2]])], axis=1
    )
    order = np.lexsort((turn, who))
    first = np.searchsorted(who[order], np.arange(count + 1))
    return Hulls(first.astype(np.int64), points[order])


def _line_ends(runs: Runs) -> tuple[Ints, Ints, Ints, Ints]:
    """Object, line, first and last x of each line of each object."""
    new = np.flatnonzero(
        (np.diff(runs.owner, prepend=-1) != 0) | (np.diff(runs.line, prepend=-1) != 0)
    )
    if not len(new):
        return runs.owner, runs.line, runs.start, runs.start
    low = np.minimum.reduceat(runs.start, new)
    high = np.maximum.reduceat(runs.start + runs.length - 1, new)
    return runs.owner[new], runs.line[new], low, high


def _chain(owner: Ints, level: Ints, x: Ints) -> tuple[Ints, Ints, Ints]:
    """The left side of each hull from top to bottom: object, level and x of its corners."""
    order = np.lexsort((x, level, owner))
    owner, level, x = owner[order], level[order], x[order]
    kept: NDArray[Any] = (np.diff(owner, prepend=-1) != 0) | (np.diff(level, prepend=-9) != 0)
    while True:
        owner, level, x = owner[kept], level[kept], x[kept]
        kept = np.ones(len(x), bool)
        if len(x) < 3:
            return owner, level, x
        before, after = slice(None, -2), slice(2, None)
        inner = slice(1, -1)
        cross = (level[inner] - level[before]) * (x[after] - x[before]) - (x[inner] - x[before]) * (
            level[after] - level[before]
        )
        same = (owner[before] == owner[inner]) & (owner[inner] == owner[after])
        kept[inner] = ~(same & (cross <= 0))
        if kept.all():
            return owner, level, x
