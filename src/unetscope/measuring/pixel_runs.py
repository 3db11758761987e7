"""Object numbers as runs of pixels along x: the one pass that all measures are sums over.

Runs are made a band of lines at a time, so that memory grows with their number (a few for each line
of each object) and not with that of the pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
#: How many pixels of the image are looked at together.
BAND_PX = 1 << 22


@dataclass(frozen=True, eq=False)
class Runs:
    """All runs of one object's pixels, those of an object together, in the order of its lines.

    Attributes
    ----------
    numbers
        (object,) the numbers of the objects, increasing.
    first
        (object + 1,) where the runs of each object begin.
    line, start, length
        (run,) which line (z · height + y), the first x, how many pixels.
    shape
        Of the image, (y, x) or (z, y, x).
    """

    numbers: Ints
    first: Ints
    line: Ints
    start: Ints
    length: Ints
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many objects there are."""
        return len(self.numbers)

    @cached_property
    def owner(self) -> Ints:
        """(run,) which object, as its place in ``numbers``."""
        return np.repeat(np.arange(self.count), np.diff(self.first))

    @cached_property
    def pixels(self) -> Ints:
        """(object,) how many pixels each has."""
        return self.total(self.length)

    def total(self, values: NDArray[Any]) -> Any:
        """(object,) sums of a value of each run."""
        return np.add.reduceat(values, self.first[:-1]) if self.count else values[:0]

    def least(self, values: NDArray[Any]) -> Any:
        """(object,) the least of a value of each run."""
        return np.minimum.reduceat(values, self.first[:-1]) if self.count else values[:0]

    def most(self, values: NDArray[Any]) -> Any:
        """(object,) the greatest of a value of each run."""
        return np.maximum.reduceat(values, self.first[:-1]) if self.count else values[:0]

    @cached_property
    def boxes(self) -> Ints:
        """(object, axis, 2) the first and the last cell along each axis, both inside."""
        ends = [(self.line % self.shape[-2],) * 2, (self.start, self.start + self.length - 1)]
        if len(self.shape) == 3:
            ends.insert(0, (self.line // self.shape[-2],) * 2)
        sides = [np.stack([self.least(low), self.most(high)], -1) for low, high in ends]
        return np.stack(sides, 1) if self.count else np.zeros((0, len(self.shape), 2), np.int64)

    @cached_property
    def at_border(self) -> NDArray[np.bool_]:
        """(object,) whether a pixel of it lies at the edge of the image, which may cut it off.

        A stack of one plane has no edge along z.
        """
        last = np.array(self.shape) - 1
        cut = (self.boxes[..., 0] == 0) | (self.boxes[..., 1] == last)
        return np.asarray(np.any(cut & (last > 0), axis=1))


def runs_of(ids: NDArray[Any]) -> Runs:
    """The runs of object numbers (y, x) or (z, y, x), 0 where there is no object."""
    parts = [_band_runs(band, first) for first, band in bands(ids)]
    line, start, length, number = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(number, kind="stable")
    number = number[order]
    begins = np.flatnonzero(np.diff(number, prepend=-1))
    edges = np.append(begins, len(number)).astype(np.int64)
    kept = (line[order], start[order], length[order])
    return Runs(number[begins], edges, *kept, tuple(ids.shape))


def bands(ids: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Lines of an image (line, x) some at a time, each band with the number of its first line."""
    lines = ids.reshape(-1, ids.shape[-1])
    step = max(1, BAND_PX // ids.shape[-1])
    for first in range(0, len(lines), step):
        yield first, lines[first : first + step]


def _band_runs(band: NDArray[Any], first: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Line, start, length and object of the runs in a band, in raster order."""
    change = np.ones((len(band), band.shape[1]), bool)
    change[:, 1:] = band[:, 1:] != band[:, :-1]
    begins = np.flatnonzero(change)
    lengths = np.diff(begins, append=band.size)
    number = band.ravel()[begins]
    inside = number != 0
    begins, lengths, number = begins[inside], lengths[inside], number[inside]
    line, start = np.divmod(begins, band.shape[1])
    return line + first, start, lengths, number.astype(np.int64)
