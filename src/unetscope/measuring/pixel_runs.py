"""Object numbers as runs of pixels along x: the one pass that all measures are sums over.

Runs are made a band of lines at a time, so that memory grows with their number (a few for each line
of each object) and not with that of the pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
        (run,) which line (z · height + y), the first x, how many pixels; of 32 bits where they are
        those of a whole image, and of 64 where they are to be reckoned with (:meth:`some`).
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

    def some(self, at: Ints | slice) -> Runs:
        """The objects at these places in ``numbers``, increasing."""
        counts = np.diff(self.first)[at]
        first = np.append(0, np.cumsum(counts))
        taken = np.repeat(self.first[:-1][at] - first[:-1], counts) + np.arange(first[-1])
        line, start, length = (
            part[taken].astype(np.int64) for part in (self.line, self.start, self.length)
        )
        return Runs(self.numbers[at], first, line, start, length, self.shape)

    def of(self, numbers: Sequence[int] | Ints) -> Runs:
        """The objects of these numbers that there are."""
        return self.some(np.flatnonzero(np.isin(self.numbers, numbers)))

    def as_one(self, number: int) -> Runs:
        """All pixels as one object."""
        return joined_runs([self], [number])

    @cached_property
    def owner(self) -> Ints:
        """(run,) which object, as its place in ``numbers``."""
        return np.repeat(np.arange(self.count), np.diff(self.first))

    @cached_property
    def pixels(self) -> Ints:
        """(object,) how many pixels each has."""
        return self.total(self.length.astype(np.int64, copy=False))

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


def runs_of(ids: Any) -> Runs:
    """The runs of an image of object numbers (y, x) or (z, y, x), 0 where there is none.

    An array that lies elsewhere (zarr, dask, a file in memory) is read a band at a time.
    """
    kept = _small_enough(tuple(ids.shape))
    parts, numbers = [], []
    for first, band in bands(ids):
        line, start, length, number = band_runs(band, first)
        parts.append([part.astype(kept) for part in (line, start, length)])
        numbers.append(number)
    line, start, length = (np.concatenate(part) for part in zip(*parts, strict=True))
    return runs_of_objects(np.concatenate(numbers), line, start, length, tuple(ids.shape))


def runs_of_objects(
    number: Ints,
    line: NDArray[Any],
    start: NDArray[Any],
    length: NDArray[Any],
    shape: tuple[int, ...],
) -> Runs:
    """Runs in the order of their lines, each of the object of that number."""
    order = np.argsort(number, kind="stable")
    return _by_object(number[order], line[order], start[order], length[order], shape)


def _small_enough(shape: tuple[int, ...]) -> type[np.signedinteger[Any]]:
    """Whole numbers that hold every line and place: half as large as the usual ones."""
    return np.int32 if max(int(np.prod(shape[:-1])), shape[-1]) < 2**31 else np.int64


def runs_in(ids: NDArray[Any], corner: Sequence[int], shape: tuple[int, ...]) -> Runs:
    """The runs of a part of an image that begins at ``corner``, told in the whole image."""
    part = runs_of(ids)
    line = part.line % ids.shape[-2] + corner[-2]
    if len(shape) == 3:
        line += (part.line // ids.shape[-2] + corner[0]) * shape[-2]
    return Runs(part.numbers, part.first, line, part.start + corner[-1], part.length, shape)


def joined_runs(sets: Sequence[Runs], numbers: Sequence[int] | None = None) -> Runs:
    """Objects of several sets by increasing number; all of a set as one where ``numbers`` say so.

    No number may be in two sets, and no pixel in two objects.
    """
    owners = [runs.numbers[runs.owner] for runs in sets]
    if numbers is not None:
        owners = [np.full(len(o), n) for o, n in zip(owners, numbers, strict=True)]
    number = np.concatenate(owners)
    line, start, length = (
        np.concatenate([getattr(runs, name) for runs in sets])
        for name in ("line", "start", "length")
    )
    keys = (start, line, number) if numbers is not None else (number,)
    order = np.lexsort(keys)
    number, line, start, length = number[order], line[order], start[order], length[order]
    if numbers is not None:  # parts that touch along a line are one run
        new = np.ones(len(line), bool)
        new[1:] = (number[1:] != number[:-1]) | (line[1:] != line[:-1])
        new[1:] |= start[1:] != (start + length)[:-1]
        begins = np.flatnonzero(new)
        length = np.add.reduceat(length, begins) if len(begins) else length
        number, line, start = number[begins], line[begins], start[begins]
    return _by_object(number, line, start, length, sets[0].shape)


def _by_object(number: Ints, line: Ints, start: Ints, length: Ints, shape: tuple[int, ...]) -> Runs:
    begins = np.flatnonzero(np.diff(number, prepend=-1))
    return Runs(number[begins], np.append(begins, len(number)), line, start, length, shape)


def bands(ids: Any) -> Iterator[tuple[int, NDArray[Any]]]:
    """Lines of an image (line, x) some at a time, each band with the number of its first line.

    Bands of an array in memory are its own pixels, those of others a copy.
    """
    step = max(1, BAND_PX // ids.shape[-1])
    if isinstance(ids, np.ndarray):
        lines = ids.reshape(-1, ids.shape[-1])
        for first in range(0, len(lines), step):
            yield first, lines[first : first + step]
        return
    for plane, slab in slabs(ids):
        begin = plane * ids.shape[-2] + slab.start
        part = np.asarray(ids[plane, slab] if ids.ndim == 3 else ids[slab])
        for first in range(0, len(part), step):
            yield begin + first, part[first : first + step]


def slabs(array: Any) -> Iterator[tuple[int, slice]]:
    """Planes and rows of an array that lies elsewhere, as many rows together as its chunks have."""
    chunks = getattr(array, "chunks", None)
    height = chunks[-2] if chunks else max(1, BAND_PX // array.shape[-1])
    if isinstance(height, tuple):  # those of dask need not be alike
        height = max(height)
    for plane in range(array.shape[0] if array.ndim == 3 else 1):
        for first in range(0, array.shape[-2], height):
            yield plane, slice(first, min(first + height, array.shape[-2]))


def band_runs(band: NDArray[Any], first: int) -> tuple[Ints, Ints, Ints, Ints]:
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
