"""What lies beside an object: how far to the nearest, and how many touch it; from runs alone.

The gap between two objects is the shortest way between squares (boxes) of their pixels, 0 where
they share a side or a corner. Lines are looked at in the order of their distance, and an object is
done with when no line that is left can be nearer than what was found: the result is exact.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from unetscope.measuring.pixel_runs import Floats, Ints, Runs

_FAR = np.iinfo(np.int64).max // 4


def centre_distances(centres: Floats) -> Floats:
    """(object,) from each centre (object, axis) to the nearest other; NaN where there is none."""
    if len(centres) < 2:
        return np.full(len(centres), np.nan)
    return np.asarray(cKDTree(centres).query(centres, k=2)[0][:, 1])


def gaps(runs: Runs, spacing: tuple[float, ...], some: NDArray[np.bool_] | None = None) -> Floats:
    """(object,) the gap to the nearest other; NaN where there is none.

    With ``some`` (object,) only those are looked for; the others are NaN.
    """
    runs = runs.some(slice(None))
    best = np.full(runs.count, np.inf)
    lines = _Lines(runs)
    wanted = np.ones(runs.count, bool) if some is None else some
    active = np.flatnonzero(wanted[runs.owner]) if runs.count > 1 else np.zeros(0, np.int64)
    for offset, least in _offsets(runs.shape, spacing):
        active = active[best[runs.owner[active]] > least]
        if not len(active):
            break
        some_runs = active[~lines.hidden(offset)[active]]
        between = lines.pixels_between(some_runs, offset)
        near = np.flatnonzero(between < _FAR)
        across = np.hypot(between[near] * spacing[-1], least)
        np.minimum.at(best, runs.owner[some_runs[near]], across)
    return np.where(np.isfinite(best), best, np.nan)


def touching(runs: Runs) -> Ints:
    """(object,) how many others share a side of a pixel with it."""
    runs = runs.some(slice(None))
    lines = _Lines(runs)
    order = lines.order
    beside = np.flatnonzero(np.diff(lines.begins) == runs.length[order][:-1])
    pairs = [np.stack([runs.owner[order[beside]], runs.owner[order[beside + 1]]])]
    steps = [(1,)] if len(runs.shape) == 2 else [(0, 1), (1, 0)]
    pairs += [lines.facing(step) for step in steps]
    both = np.concatenate(pairs, axis=1)
    both = np.sort(both[:, both[0] != both[1]], axis=0)
    found = np.unique(both[0] * runs.count + both[1])
    low, high = np.divmod(found, max(runs.count, 1))
    return np.asarray(sum(np.bincount(side, minlength=runs.count) for side in (low, high)))


@dataclass(frozen=True, eq=False)
class _Lines:
    """All runs by their place in the image, whatever their object."""

    runs: Runs

    @cached_property
    def order(self) -> Ints:
        """Runs by line and start."""
        return np.lexsort((self.runs.start, self.runs.line))

    @property
    def _width(self) -> int:
        return self.runs.shape[-1] + 2

    @cached_property
    def begins(self) -> Ints:
        """(run in order,) its place, one number for line and x."""
        return (self.runs.line * self._width + self.runs.start + 1)[self.order]

    @cached_property
    def _other(self) -> tuple[Ints, Ints]:
        """For each in order, the last before and the first after it that is of another object."""
        owner = self.runs.owner[self.order]
        new = np.append(True, owner[1:] != owner[:-1]) if len(owner) else np.zeros(0, bool)
        first = np.maximum.accumulate(np.where(new, np.arange(len(owner)), 0))
        last = np.append(np.flatnonzero(new)[1:], len(owner))[np.cumsum(new) - 1]
        return first - 1, last

    def pixels_between(self, some: Ints, offset: tuple[int, ...]) -> Floats:
        """(run,) pixels along x to the nearest run of another object on the line at ``offset``."""
        runs, order = self.runs, self.order
        line, there = self._line(some, offset)
        before, after = self._other
        begin, end = runs.start[some], (runs.start + runs.length)[some]
        owner, last = runs.owner[some], len(order) - 1
        # runs do not overlap: the last that begins before the end of this one, the first behind
        right = np.searchsorted(self.begins, line * self._width + end + 1, "left")
        left = right - 1
        own = [runs.owner[order[np.clip(side, 0, last)]] == owner for side in (left, right)]
        left = np.where(own[0], before[np.clip(left, 0, last)], left)
        right = np.where(own[1], after[np.clip(right, 0, last)], right)
        found = np.full(len(some), _FAR, np.int64)
        for side, is_left in ((left, True), (right, False)):
            run = order[np.clip(side, 0, last)]
            inside = there & (side >= 0) & (side <= last) & (runs.line[run] == line)
            ends = begin - runs.start[run] - runs.length[run] if is_left else runs.start[run] - end
            found = np.where(inside, np.minimum(found, np.maximum(ends, 0)), found)
        return found.astype(np.float64)

    def hidden(self, offset: tuple[int, ...]) -> NDArray[np.bool_]:
        """(run,) whether a run of its own object is nearer to all that lies that way."""
        found = np.zeros(len(self.order), bool)
        for axis, n in enumerate(offset):
            if n:
                step = tuple((n > 0) * 2 - 1 if a == axis else 0 for a in range(len(offset)))
                found |= self._covered(step)
        return found

    def _covered(self, step: tuple[int, ...]) -> NDArray[np.bool_]:
        """(run,) whether a run of its own object on the next line reaches as far on both sides."""
        if step not in self._covers:
            runs, order = self.runs, self.order
            line, there = self._line(np.arange(len(order)), step)
            at = np.searchsorted(self.begins, line * self._width + runs.start + 1, "right") - 1
            run = order[np.maximum(at, 0)]
            same = there & (at >= 0) & (runs.line[run] == line) & (runs.owner[run] == runs.owner)
            reach = (runs.start + runs.length)[run] >= runs.start + runs.length
            self._covers[step] = same & reach
        return self._covers[step]

    @cached_property
    def _covers(self) -> dict[tuple[int, ...], NDArray[np.bool_]]:
        return {}

    def facing(self, step: tuple[int, ...]) -> Ints:
        """(2, pair) objects of runs that share sides with those on the next line (plane)."""
        runs, order = self.runs, self.order
        every = np.arange(len(order))
        line, there = self._line(every, step)
        ends = self.begins + runs.length[order]
        place = line * self._width + runs.start + 1
        low = np.searchsorted(ends, place, "right")
        high = np.searchsorted(self.begins, place + runs.length, "left")
        counts = np.where(there, np.maximum(high - low, 0), 0)
        own = np.repeat(every, counts)
        rest = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.stack([runs.owner[own], runs.owner[order[np.repeat(low, counts) + rest]]])

    def _line(self, some: Ints, offset: tuple[int, ...]) -> tuple[Ints, NDArray[np.bool_]]:
        """The line at an offset (y) or (z, y) from each run, and whether there is one."""
        height = self.runs.shape[-2]
        line = self.runs.line[some]
        y = line % height + offset[-1]
        z = line // height + (offset[0] if len(offset) == 2 else 0)
        depth = self.runs.shape[0] if len(offset) == 2 else 1
        return z * height + y, (y >= 0) & (y < height) & (z >= 0) & (z < depth)


def _offsets(
    shape: tuple[int, ...], spacing: tuple[float, ...]
) -> Iterator[tuple[tuple[int, ...], float]]:
    """Lines around one, nearest first, with the shortest way to a pixel there along y (and z)."""

    def way(steps: tuple[int, ...]) -> float:
        sides = [max(abs(n) - 1, 0) * s for n, s in zip(steps, spacing[:-1], strict=True)]
        return math.hypot(*sides)

    first = (0,) * (len(shape) - 1)
    heap, seen = [(0.0, first)], {first}
    while heap:
        least, steps = heapq.heappop(heap)
        for signed in _signed(steps):
            yield signed, least
        for axis, length in enumerate(shape[:-1]):
            further = tuple(n + (a == axis) for a, n in enumerate(steps))
            if further[axis] < length and further not in seen:
                seen.add(further)
                heapq.heappush(heap, (way(further), further))


def _signed(steps: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    ways: list[tuple[int, ...]] = [()]
    for n in steps:
        ways = [(*way, sign) for way in ways for sign in ({n, -n})]
    yield from sorted(ways)
