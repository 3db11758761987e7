"""A stroke as pixels that can be edited: found in a copy, and known again in the layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy

from unetscope.learning.advice.accepting import GrownRegion
from unetscope.learning.stroke_map import stroke_map


def stroke_regions(labels: np.ndarray, points: Sequence[Sequence[int]]) -> list[GrownRegion]:
    """The stroke at each painted point: connected pixels of one value, as the engine counts them.

    Parameters
    ----------
    labels : (y, x) or (z, y, x) class values, 0 where nobody said.
    points : pixels of that array, each inside a stroke.
    """
    strokes = stroke_map(labels)
    known = np.ravel_multi_index(tuple(strokes.points.T), labels.shape)  # increasing
    regions = []
    for point in points:
        place = np.searchsorted(known, np.ravel_multi_index(tuple(point), labels.shape))
        own = strokes.points[strokes.strokes == strokes.strokes[place]]
        low, high = own.min(axis=0), own.max(axis=0) + 1
        mask = np.zeros(high - low, bool)
        mask[tuple((own - low).T)] = True
        regions.append(GrownRegion(tuple(map(slice, low.tolist(), high.tolist())), mask))
    return regions


def still_there(labels: Any, region: GrownRegion, value: int) -> bool:
    """Whether a region is a whole stroke of ``value`` in ``labels``, no more and no less."""
    sides = list(zip(region.box, labels.shape, strict=True))
    if any(side.stop > n for side, n in sides):
        return False
    box = tuple(slice(max(0, side.start - 1), min(n, side.stop + 1)) for side, n in sides)
    margins = [
        (side.start - wide.start, wide.stop - side.stop)
        for side, wide in zip(region.box, box, strict=True)
    ]
    mask = np.pad(region.mask, margins)
    near = scipy.ndimage.binary_dilation(mask, np.ones((3,) * mask.ndim))
    return bool(np.array_equal((np.asarray(labels[box]) == value) & near, mask))
