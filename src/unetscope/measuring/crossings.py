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

import numpy as np
from scipy.spatial import SphericalVoronoi

from unetscope.measuring.pixel_runs import Floats, Ints, Runs
from unetscope.measuring.quantities import Spacing

Way = tuple[int, ...]


def border_lengths(runs: Runs, spacing: Spacing) -> Floats:
    """(object,) perimeter (y, x) or surface (z, y, x) of each.

    The edge of the image counts as border of what reaches it.
    """
    total = np.zeros(runs.count)
    for way, share in directions(spacing.size):
        total += share * _entries(runs, way)
    return total


@lru_cache(maxsize=64)
def directions(size: tuple[float, ...]) -> tuple[tuple[Way, float], ...]:
    """Each direction, and how much border one entry along it stands for.

    An entry is one of two crossings of a line.
    """
    ways = [way for way in product((0, 1, -1), repeat=len(size)) if way > (0,) * len(size)]
    steps = np.array(ways) * np.array(size)
    lengths = np.linalg.norm(steps, axis=1)
    shares = shares_of(steps / lengths[:, None])
    apart = np.prod(size) / lengths  # distance (cross-section) of neighbouring lines
    factor = np.pi / 2 if len(size) == 2 else 2.0
    weights = 2 * factor * shares * apart
    return tuple(zip(ways, weights.tolist(), strict=True))


def shares_of(units: Floats) -> Floats:
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


def _entries(runs: Runs, way: Way) -> Floats:
    """(object,) how many of its pixels lie behind a pixel that is not its own, along ``way``."""
    if not any(way[:-1]):  # along a line each run is entered once
        return np.diff(runs.first).astype(np.float64)
    height, width = runs.shape[-2:]
    # a place of its own for every pixel of every object, in the order of the runs
    line = (runs.owner * _lines(runs) + runs.line) * (width + 2)
    begins = line + runs.start + 1
    before = np.cumsum(runs.length) - runs.length
    back = way[-2] + (way[0] * height if len(way) == 3 else 0)
    sought = begins - back * (width + 2) - way[-1]
    own = _counted(sought + runs.length, begins, before, runs.length)
    own -= _counted(sought, begins, before, runs.length)
    y = runs.line % height - way[-2]
    inside = (y >= 0) & (y < height) & (runs.line >= back)
    return np.asarray(runs.total(runs.length - np.where(inside, own, 0)), np.float64)


def _lines(runs: Runs) -> int:
    return int(np.prod(runs.shape[:-1]))


def _counted(places: Ints, begins: Ints, before: Ints, lengths: Ints) -> Ints:
    """How many pixels of all runs lie before each of these places."""
    at = np.searchsorted(begins, places, side="right") - 1
    past = np.clip(places - begins[at], 0, lengths[at])
    return np.where(at < 0, 0, before[at] + past)
