"""Perimeter and surface after Crofton: how often lines in 4 (13) directions enter an object.

The length of a border is what lines of all directions cross of it: in 2D π/2, in 3D 2 times the
mean over the directions of crossings × distance (cross-section) of the lines. Each direction of the
grid stands for the angles nearest to it, those of its Voronoi cell on the circle (sphere), so that
pixels need not be square (Lehmann and Legland, "Efficient N-dimensional surface estimation using
Crofton formula and run-length encoding", Insight Journal 2012).
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import SphericalVoronoi

from unetscope.measuring.pixel_runs import BAND_PX, Floats, Ints
from unetscope.measuring.quantities import Spacing

Way = tuple[int, ...]


def border_lengths(ids: NDArray[Any], numbers: Ints, spacing: Spacing) -> Floats:
    """(object,) perimeter (y, x) or surface (z, y, x) of each of ``numbers``, increasing.

    The edge of the image counts as border of what reaches it.
    """
    total = np.zeros(len(numbers))
    for way, share in directions(spacing.size):
        total += share * _entries(ids, numbers, way)
    return total


@lru_cache(maxsize=64)
def directions(size: tuple[float, ...]) -> tuple[tuple[Way, float], ...]:
    """Each direction, and how much border one entry along it stands for.

    An entry is one of two crossings of a line.
    """
    ways = [way for way in product((0, 1, -1), repeat=len(size)) if way > (0,) * len(size)]
    steps = np.array(ways) * np.array(size)
    lengths = np.linalg.norm(steps, axis=1)
    shares = _shares(steps / lengths[:, None])
    apart = np.prod(size) / lengths  # distance (cross-section) of neighbouring lines
    factor = np.pi / 2 if len(size) == 2 else 2.0
    weights = 2 * factor * shares * apart
    return tuple(zip(ways, weights.tolist(), strict=True))


def _shares(units: Floats) -> Floats:
    """What share of all directions is nearest to each of these or to its opposite."""
    if units.shape[1] == 3:
        both = SphericalVoronoi(np.concatenate([units, -units])).calculate_areas() / (4 * np.pi)
        return np.asarray(both[: len(units)] * 2)
    angles = np.arctan2(units[:, 0], units[:, 1]) % np.pi
    order = np.argsort(angles)
    around = np.concatenate(
        [[angles[order[-1]] - np.pi], angles[order], [angles[order[0]] + np.pi]]
    )
    shares = np.empty(len(units))
    shares[order] = (around[2:] - around[:-2]) / (2 * np.pi)
    return shares


def _entries(ids: NDArray[Any], numbers: Ints, way: Way) -> Floats:
    """(object,) how many of its pixels lie behind a pixel that is not its own, along ``way``."""
    counts = np.zeros(len(numbers))
    step = max(1, BAND_PX // max(1, ids[0].size))
    for first in range(0, len(ids), step):
        band = ids[first : first + step]
        behind = np.zeros_like(band)
        into, out_of = _overlap(band.shape, way)
        if way[0]:  # the line (plane) before the band lies behind its first
            low = max(first - 1, 0)
            source = ids[low : first + len(band) - 1]
            into = (slice(len(band) - len(source), None), *into[1:])
            behind[into] = source[(slice(None), *out_of[1:])]
        else:
            behind[into] = band[out_of]
        entered = band[(behind != band) & (band != 0)]
        counts += np.bincount(np.searchsorted(numbers, entered), minlength=len(numbers))
    return counts


def _overlap(shape: tuple[int, ...], way: Way) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where pixels have one behind them, and where those lie."""
    sides = {0: (slice(None), slice(None)), 1: (slice(1, None), slice(None, -1))}
    sides[-1] = (slice(None, -1), slice(1, None))
    return tuple(sides[w][0] for w in way), tuple(sides[w][1] for w in way)
