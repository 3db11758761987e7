"""Feret's diameters from where the probability of a class passes one half, between the pixels.

Along lines and columns the place is interpolated between a pixel of the object and the one beside
it; beside another object, and where the probability does not pass one half there, it is the middle
of the edge.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import MeasurementError
from unetscope.measuring.hulls import hulls_of_points
from unetscope.measuring.objects import Objects
from unetscope.measuring.pixel_runs import Floats, Ints
from unetscope.measuring.shapes import SHAPE_FROM_PX

#: Places between pixels are told in so many parts of one.
_PARTS = 256


def soft_ferets(objects: Objects, probability: NDArray[Any]) -> tuple[Floats, Floats]:
    """(object,) largest and smallest caliper, in the unit of the image; NaN below 20 pixels.

    Parameters
    ----------
    objects
        Of one class of a plane.
    probability
        (y, x) of that class, from 0 to 1.

    Raises
    ------
    MeasurementError
        If the image is a stack, or the shapes differ.
    """
    ids = np.asarray(objects.ids)
    if ids.ndim != 2 or probability.shape != ids.shape:
        raise MeasurementError(
            f"calipers are those of planes, with probabilities of their shape {ids.shape}, "
            f"not {probability.shape}"
        )
    p = np.asarray(probability, np.float64)
    down = [_crossings(ids[way], p[way], ids.shape[0], way) for way in _WAYS]
    along = [_crossings(ids.T[way], p.T[way], ids.shape[1], way) for way in _WAYS]
    number = np.concatenate([part[0] for part in (*down, *along)])
    y = np.concatenate([part[1] for part in down] + [part[2] for part in along])
    x = np.concatenate([part[2] for part in down] + [part[1] for part in along])
    owner = np.searchsorted(objects.numbers, number)
    hulls = hulls_of_points(owner, y, x, len(objects.numbers))
    # those are told in halves
    size = tuple(2 * s / _PARTS for s in objects.spacing.size)
    small = objects.runs.pixels < SHAPE_FROM_PX
    largest, smallest = hulls.ferets(size)
    return np.where(small, np.nan, largest), np.where(small, np.nan, smallest)


#: Lines as they are, and from the last to the first.
_WAYS = (slice(None), slice(None, None, -1))


def _crossings(
    ids: NDArray[Any], p: Floats, count: int, way: slice
) -> tuple[NDArray[Any], Ints, Ints]:
    """Number, place across and place along the lines where objects begin, from line to line."""
    before = np.zeros_like(ids)
    before[1:] = ids[:-1]
    outside = np.zeros_like(p)
    outside[1:] = p[:-1]
    line, at = np.nonzero((ids != before) & (ids > 0))
    inner, outer = p[line, at], outside[line, at]
    passes = (before[line, at] == 0) & (inner > 0.5) & (outer <= 0.5) & (line > 0)
    share = np.where(passes, (inner - 0.5) / np.where(passes, inner - outer, 1.0), 0.5)
    place = line - share
    if way.step == -1:
        place = count - 1 - place
    return ids[line, at], np.round(place * _PARTS).astype(np.int64), at * _PARTS
