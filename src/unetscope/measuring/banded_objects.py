"""Objects of images that do not fit into memory: found a band of lines at a time, exactly.

Bands are made of runs, runs that share a side are a component, and a component that no line below
can reach is finished: it is taken apart alone, as :func:`~unetscope.measuring.objects.objects_of`
does it. What stays in memory are runs (a few for each line of each object) and one component at a
time; the numbers are the same as of the whole image.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from unetscope.errors import MeasurementError
from unetscope.measuring.objects import MOST_OBJECTS, Objects, Separation, parts_of
from unetscope.measuring.pixel_runs import (
    Floats,
    Ints,
    Runs,
    band_runs,
    bands,
    runs_in,
    runs_of_objects,
    slabs,
)
from unetscope.measuring.quantities import Spacing

_COMPACT = np.int32


def objects_in_bands(
    labels: Any,
    spacing: Spacing,
    how: Separation | None = None,
    region: NDArray[np.bool_] | None = None,
    into: Any = None,
) -> Objects:
    """Find the objects in labels that lie elsewhere (zarr, dask, a file), a band at a time.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x) whole numbers that are read by slices of lines, 0 = no class.
    how
        Holes cannot be filled this way.
    region
        (y, x) or (z, y, x), True where pixels count.
    into
        Where the numbers are written, by slices of lines; an array in memory where None.

    Raises
    ------
    MeasurementError
        If the labels are no whole numbers, the shapes differ, or holes are to be filled.
    """
    how = how or Separation()
    _check(labels, spacing, how, region, into)
    kept = _Finished(tuple(labels.shape), spacing, how)
    open_runs = np.zeros((4, 0), np.int64)  # line, start, length, class
    last = int(np.prod(labels.shape[:-1])) - 1
    reach = labels.shape[-2] if labels.ndim == 3 else 1
    for first, band in bands(labels):
        found = np.stack(band_runs(_wanted(band, first, how, region), first))
        runs = np.concatenate([open_runs, found], axis=1)
        component = _components(runs, tuple(labels.shape), how.border is None)
        end = first + len(band) - 1
        reached = np.unique(component[runs[0] > end - reach]) if end < last else np.zeros(0, int)
        is_open = np.isin(component, reached)
        kept.add(runs[:, ~is_open], component[~is_open])
        open_runs = runs[:, is_open]
    target = np.zeros(labels.shape, np.uint32) if into is None else into
    return kept.objects(target)


def _check(
    labels: Any, spacing: Spacing, how: Separation, region: NDArray[np.bool_] | None, into: Any
) -> None:
    if labels.ndim not in (2, 3) or np.dtype(labels.dtype).kind not in "uib":
        raise MeasurementError(
            f"labels of shape {tuple(labels.shape)} and dtype {labels.dtype} are no class numbers "
            "in (y, x) or (z, y, x); give whole numbers"
        )
    for name, other in (("region", region), ("array for the numbers", into)):
        if other is not None and tuple(other.shape) != tuple(labels.shape):
            raise MeasurementError(
                f"the {name} has the shape {tuple(other.shape)}, the labels {tuple(labels.shape)}"
            )
    if len(spacing.size) != labels.ndim:
        raise MeasurementError(
            f"a pixel size of {len(spacing.size)} axes does not fit labels of {labels.ndim}; "
            "give one length for each axis"
        )
    if how.holes:
        raise MeasurementError(
            "holes are filled in images that lie in memory; give such labels, or fill no holes"
        )


def _wanted(
    band: NDArray[Any], first: int, how: Separation, region: NDArray[np.bool_] | None
) -> NDArray[Any]:
    """The pixels of a band that are measured, or parts of a border."""
    low, high = (band.min(), band.max()) if band.size else (0, 0)
    if low < 0 or high > MOST_OBJECTS:
        raise MeasurementError(f"labels reach from {low} to {high}; give numbers from 0 to 2³² - 1")
    if how.classes:
        kept = [*how.classes] + ([how.border] if how.border is not None else [])
        band = np.where(np.isin(band, kept), band, 0)
    if region is not None:
        inside = region.reshape(-1, region.shape[-1])[first : first + len(band)]
        band = np.where(inside, band, 0)
    return band


def _components(runs: Ints, shape: tuple[int, ...], by_class: bool) -> Ints:
    """(run,) which component each belongs to; ``runs`` (4, run) in raster order."""
    line, start, length, value = runs
    width = shape[-1] + 2
    begins = line * width + start + 1
    ends = begins + length
    pairs = [_side_by_side(begins, ends)] if not by_class else []
    for step in (1, shape[-2]) if len(shape) == 3 else (1,):
        place = begins + step * width
        there = np.ones(len(line), bool) if step != 1 else (line + 1) % shape[-2] > 0
        low = np.searchsorted(ends, place, "right")
        high = np.searchsorted(begins, place + length, "left")
        counts = np.where(there, np.maximum(high - low, 0), 0)
        one = np.repeat(np.arange(len(line)), counts)
        rest = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        pairs.append(np.stack([one, np.repeat(low, counts) + rest]))
    one, other = np.concatenate(pairs, axis=1)
    if by_class:
        same = value[one] == value[other]
        one, other = one[same], other[same]
    links = sparse.coo_array((np.ones(len(one), bool), (one, other)), (len(line),) * 2)
    return np.asarray(connected_components(links, directed=False)[1], np.int64)


def _side_by_side(begins: Ints, ends: Ints) -> Ints:
    at = np.flatnonzero(ends[:-1] == begins[1:])
    return np.stack([at, at + 1])


@dataclass(eq=False)
class _Finished:
    """Objects of finished components, in the order in which those were finished."""

    shape: tuple[int, ...]
    spacing: Spacing
    how: Separation
    class_of: list[Ints] = field(default_factory=list)
    doubt: list[Floats] = field(default_factory=list)
    runs: list[Ints] = field(default_factory=list)  # (4, run): object, line, start, length
    count: int = 0
    less: int = 0
    more: int = 0

    def add(self, runs: Ints, component: Ints) -> None:
        """Take runs (4, run) of finished components in."""
        if not runs.size:
            return
        order = np.argsort(component, kind="stable")
        runs, component = runs[:, order], component[order]
        first = np.flatnonzero(np.diff(component, prepend=-1))
        if self.how.by == "components":
            own = np.cumsum(np.diff(component, prepend=component[0]) != 0) + self.count
            self._keep(np.stack([own, *runs[:3]]), runs[3, first], np.zeros(len(first)))
            return
        for low, high in zip(first, np.append(first[1:], len(component)), strict=True):
            self._part(runs[:, low:high])

    def _part(self, runs: Ints) -> None:
        """Take one component apart in its own box."""
        crop, corner = _crop(runs, self.shape)
        sides = [
            (low == 0, low + n == whole)
            for low, n, whole in zip(corner, crop.shape, self.shape, strict=True)
        ]
        found = parts_of(crop, self.spacing, self.how, sides)
        parts = runs_in(found.ids, corner, self.shape)
        own = parts.numbers[parts.owner] - 1 + self.count
        self._keep(
            np.stack([own, parts.line, parts.start, parts.length]),
            np.array(found.class_of, np.int64),
            np.array(found.doubt),
        )
        self.less, self.more = self.less + found.less, self.more + found.more

    def _keep(self, runs: Ints, class_of: Ints, doubt: Floats) -> None:
        self.runs.append(runs.astype(_COMPACT))
        self.class_of.append(class_of)
        self.doubt.append(doubt)
        self.count += len(class_of)

    def objects(self, into: Any) -> Objects:
        """Without what is too small, numbered in the order of first pixels, and written."""
        empty = np.zeros((4, 0), _COMPACT)
        own, line, start, length = np.concatenate([empty, *self.runs], axis=1)
        self.runs.clear()
        pixels = np.bincount(own, length, minlength=self.count)
        begin = np.full(self.count, np.iinfo(np.int64).max)
        np.minimum.at(begin, own, line.astype(np.int64) * self.shape[-1] + start)
        large = pixels >= self.how.smallest_px(self.spacing)
        order = np.argsort(np.where(large, begin, np.iinfo(np.int64).max), kind="stable")
        old = order[: np.count_nonzero(large)]
        number = np.zeros(self.count, np.int64)
        number[old] = np.arange(1, len(old) + 1)
        kept = large[own]
        runs = runs_of_objects(number[own[kept]], line[kept], start[kept], length[kept], self.shape)
        _write(runs, into)
        found = Objects(
            ids=into,
            numbers=np.arange(1, len(old) + 1),
            class_of=np.concatenate([np.zeros(0, np.int64), *self.class_of])[old],
            doubt=np.concatenate([np.zeros(0), *self.doubt])[old],
            spacing=self.spacing,
            count_range=(max(len(old) - self.less, min(len(old), 1)), len(old) + self.more),
            dropped=int(np.count_nonzero(~large)),
            how=self.how,
        )
        found.__dict__["runs"] = runs
        return found


def _crop(runs: Ints, shape: tuple[int, ...]) -> tuple[NDArray[Any], list[int]]:
    """The classes of one component in its box, and the box's corner."""
    line, start, length, value = runs
    y, z = line % shape[-2], line // shape[-2]
    corner = [int(y.min()), int(start.min())]
    size = [int(y.max()) + 1 - corner[0], int((start + length).max()) - corner[1]]
    if len(shape) == 3:
        corner.insert(0, int(z.min()))
        size.insert(0, int(z.max()) + 1 - corner[0])
    rows = y - corner[-2] + ((z - corner[0]) * size[-2] if len(shape) == 3 else 0)
    # a run begins its value, and ends it behind its last pixel
    change = np.zeros(int(np.prod(size)) + 1, np.int64)
    begin = rows * size[-1] + start - corner[-1]
    np.add.at(change, begin, value)
    np.add.at(change, begin + length, -value)
    return np.cumsum(change)[:-1].reshape(size), corner


def _write(runs: Runs, into: Any) -> None:
    """The numbers of all pixels, a band at a time."""
    order = np.argsort(runs.line, kind="stable")
    line = runs.line[order]
    width, height = runs.shape[-1], runs.shape[-2]
    for plane, rows in slabs(into):
        begin = plane * height + rows.start
        low, high = np.searchsorted(line, [begin, begin + rows.stop - rows.start])
        some = order[low:high]
        change = np.zeros((rows.stop - rows.start) * width + 1, np.int64)
        at = (runs.line[some].astype(np.int64) - begin) * width + runs.start[some]
        number = runs.numbers[runs.owner[some]]
        np.add.at(change, at, number)
        np.add.at(change, at + runs.length[some], -number)
        values = np.cumsum(change)[:-1].reshape(-1, width).astype(np.uint32)
        if len(runs.shape) == 3:
            into[plane, rows] = values
        else:
            into[rows] = values
