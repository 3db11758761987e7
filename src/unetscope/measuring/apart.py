"""One component taken apart where its shape has a neck, and how near that decision was.

The distance to the outside, smoothed, has a hill for each object; hills that rise less than
``depth`` above their saddle belong to the next one (their dynamics; the same as h-maxima, Soille,
Morphological Image Analysis, 2nd ed. 2004), and the watersheds of the others are the lines. A
component is looked at alone, so that the answer depends neither on tiles nor on what lies beside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import local_maxima
from skimage.segmentation import watershed

from unetscope.measuring.pixel_runs import Floats


@dataclass(frozen=True)
class Necks:
    """How parts are told from each other, all in the unit of ``spacing``.

    ``smooth`` is the standard deviation of the smoothing of the distance, ``depth`` how far a hill
    has to rise above its saddle to be an object of its own.
    """

    spacing: tuple[float, ...]
    smooth: float
    depth: float


@dataclass(frozen=True, eq=False)
class Apart:
    """The parts of a component: numbers from 1 at its pixels, int32, 0 outside.

    ``doubt`` (part,) is 0 where nothing was near being decided otherwise, and 1 where the smallest
    change of the depth would have joined the part with its neighbour, or split it. ``fewest`` and
    ``most`` are the numbers of parts at twice and at half the depth.
    """

    parts: NDArray[np.int32]
    doubt: Floats
    fewest: int = 1
    most: int = 1


def apart(component: NDArray[np.bool_], necks: Necks, open_sides: Sequence[Any]) -> Apart:
    """Take the component in its bounding box (y, x) or (z, y, x) apart.

    ``open_sides`` (axis, 2) says at which sides the image ends: there a component may go on, and
    the distance does not count from there.
    """
    hills = hills_of(component, necks, open_sides)
    tops, count = _tops(hills, component)
    if count <= 1:
        return _whole(component)
    basins = watershed(-hills, tops, mask=component)
    heights = np.asarray(ndimage.maximum(hills, tops, np.arange(1, count + 1)))
    saddles = _saddles(hills, basins)
    rises = _rises(heights, saddles) / necks.depth
    part = _parts(rises >= 1, saddles)
    parts = np.append(0, part)[basins].astype(np.int32)
    # how near each hill was to be counted otherwise; the highest of all has no saddle
    near = np.where(rises >= 1, 2 - rises, rises)
    doubt = np.zeros(int(part.max()))
    np.maximum.at(doubt, part - 1, np.clip(near, 0.0, 1.0))
    fewest, most = (int(np.count_nonzero(rises >= share)) for share in (2, 0.5))
    return Apart(parts, doubt, fewest, most)


def _whole(component: NDArray[np.bool_]) -> Apart:
    return Apart(component.astype(np.int32), np.zeros(1))


def hills_of(component: NDArray[np.bool_], necks: Necks, open_sides: Sequence[Any]) -> Floats:
    """The smoothed distance to the outside, 0 there; flat where there is no outside.

    ``component`` and ``open_sides`` are those of :func:`apart`.
    """
    pads = [(int(not low), int(not high)) for low, high in open_sides]
    inside = np.pad(component, pads)
    if inside.all():  # the whole image: there is no outside to measure from
        return component.astype(np.float64)
    distance = ndimage.distance_transform_edt(inside, sampling=necks.spacing)
    sigma = [necks.smooth / size for size in necks.spacing]
    smoothed = ndimage.gaussian_filter(distance, sigma, mode="nearest")
    own = tuple(slice(low, low + n) for (low, _), n in zip(pads, component.shape, strict=True))
    return np.where(component, smoothed[own], 0.0)


def hills_around(
    hills: Floats, component: NDArray[np.bool_], at: NDArray[Any], least: float
) -> NDArray[Any]:
    """The hill that each pixel belongs to, from 1, 0 outside.

    Hills are told from each other at the largest depth, but not below ``least``, at which as many
    of the pixels ``at`` (point, axis) lie on hills of their own as ever.
    """
    tops, count = _tops(hills, component)
    if count <= 1:
        return component.astype(np.int32)
    basins = watershed(-hills, tops, mask=component)
    heights = np.asarray(ndimage.maximum(hills, tops, np.arange(1, count + 1)))
    saddles = _saddles(hills, basins)
    rises = _rises(heights, saddles)
    own = basins[tuple(at.T)] - 1
    found = np.ones(count, np.int64)
    for depth in np.unique(rises[rises >= least])[::-1]:
        part = _parts(rises >= depth, saddles)
        if len(np.unique(part[own])) > len(np.unique(found[own])):
            found = part
    return np.asarray(np.append(0, found)[basins])


def _tops(hills: Floats, component: NDArray[np.bool_]) -> tuple[NDArray[Any], int]:
    found = ndimage.label(local_maxima(hills) & component, np.ones((3,) * hills.ndim))
    return found[0], int(found[1])


def _saddles(hills: Floats, basins: NDArray[Any]) -> list[tuple[int, int, float]]:
    """Pairs of neighbouring hills (from 0), each with the height of its saddle, the highest first.

    A saddle is the highest place where two basins share a side of a pixel.
    """
    keys, heights = [], []
    count = int(basins.max()) + 1
    for axis in range(basins.ndim):
        one, other = (
            tuple(part if a == axis else slice(None) for a in range(basins.ndim))
            for part in (slice(None, -1), slice(1, None))
        )
        first, second = basins[one], basins[other]
        seam = (first != second) & (first > 0) & (second > 0)
        low = np.minimum(first[seam], second[seam]).astype(np.int64)
        keys.append(low * count + np.maximum(first[seam], second[seam]))
        heights.append(np.minimum(hills[one][seam], hills[other][seam]))
    key, height = np.concatenate(keys), np.concatenate(heights)
    order = np.argsort(-height, kind="stable")
    pairs, at = np.unique(key[order], return_index=True)
    top = height[order][at]
    return [
        (int(pairs[i]) // count - 1, int(pairs[i]) % count - 1, float(top[i]))
        for i in np.lexsort((pairs, -top))
    ]


def _rises(heights: Floats, saddles: Sequence[tuple[int, int, float]]) -> Floats:
    """How far each hill rises above the highest saddle to a higher one (its dynamics).

    Of two of one height the later is taken for the lower; the highest of all rises without end.
    """
    groups = _Groups(len(heights))
    rises = np.full(len(heights), np.inf)
    for first, second, saddle in saddles:
        pair = groups.of(first), groups.of(second)
        if pair[0] == pair[1]:
            continue
        lower, higher = sorted(pair, key=lambda hill: (heights[hill], -hill))
        rises[lower] = heights[lower] - saddle
        groups.join(lower, higher)
    return rises


def _parts(kept: NDArray[np.bool_], saddles: Sequence[tuple[int, int, float]]) -> NDArray[Any]:
    """(hill,) the part of each, from 1: hills that are not kept go over their highest saddles."""
    groups = _Groups(len(kept))
    for first, second, _ in saddles:
        pair = groups.of(first), groups.of(second)
        if pair[0] != pair[1] and not (kept[pair[0]] and kept[pair[1]]):
            lower, higher = sorted(pair, key=lambda hill: (kept[hill], -hill))
            groups.join(lower, higher)
    found = [groups.of(hill) for hill in range(len(kept))]
    return np.unique(found, return_inverse=True)[1] + 1


class _Groups:
    """Hills that belong together, each group named by one of them."""

    def __init__(self, count: int) -> None:
        self._into = list(range(count))

    def of(self, hill: int) -> int:
        while self._into[hill] != hill:
            self._into[hill] = self._into[self._into[hill]]
            hill = self._into[hill]
        return hill

    def join(self, lower: int, higher: int) -> None:
        self._into[lower] = higher
