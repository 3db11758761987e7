"""Convex hulls of objects in stacks: the largest diameter, and how much of its hull each fills.

Each plane of an object is brought down to the corners of its own hull first; few points are left
for the hull of the whole (Qhull).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from unetscope.measuring.hulls import (
    Hulls,
    hulls_of_centres,
    hulls_of_corners,
    hulls_of_edges,
)
from unetscope.measuring.pixel_runs import Floats, Ints, Runs

#: Of more points the corners of their hull are looked for before their distances.
_MANY = 300


def largest_diameters(runs: Runs, spacing: tuple[float, ...]) -> Floats:
    """(object,) the largest distance of the middles of voxel faces, in the unit of the spacing."""
    planes, own, z = _planes(runs)
    sides, faces = hulls_of_edges(planes), hulls_of_centres(planes)
    told = [(sides, 0), (faces, -1), (faces, 1)]
    found = np.zeros(runs.count)
    for at, points in enumerate(_points(told, own, z, runs.count)):
        world = points * (np.array(spacing) / 2)
        if len(world) > _MANY:
            world = world[ConvexHull(world).vertices]
        found[at] = pdist(world).max()
    return found


def filled_shares(runs: Runs) -> Floats:
    """(object,) volume over that of the hull of voxel corners."""
    planes, own, z = _planes(runs)
    corners = hulls_of_corners(planes)
    volumes = [
        ConvexHull(points).volume / 8
        for points in _points([(corners, -1), (corners, 1)], own, z, runs.count)
    ]
    return np.asarray(runs.pixels / np.array(volumes).reshape(-1))


def _planes(runs: Runs) -> tuple[Runs, Ints, Ints]:
    """Each plane of each object as an object of its own, with its object and its z."""
    height = runs.shape[-2]
    z = runs.line // height
    new = np.flatnonzero((np.diff(runs.owner, prepend=-1) != 0) | (np.diff(z, prepend=-1) != 0))
    flat = Runs(
        np.arange(1, len(new) + 1),
        np.append(new, len(z)),
        runs.line % height,
        runs.start,
        runs.length,
        runs.shape[-2:],
    )
    return flat, runs.owner[new], z[new]


def _points(told: list[tuple[Hulls, int]], own: Ints, z: Ints, count: int) -> Iterator[Ints]:
    """(point, 3) in half voxels of each object: hulls of its planes, so far above or below."""
    owners, points = [], []
    for hulls, above in told:
        plane = np.repeat(np.arange(len(own)), np.diff(hulls.first))
        owners.append(own[plane])
        points.append(np.column_stack([2 * z[plane] + above, hulls.points]))
    owner, at = np.concatenate(owners), np.concatenate(points)
    order = np.argsort(owner, kind="stable")
    first = np.searchsorted(owner[order], np.arange(count + 1))
    at = at[order]
    for low, high in pairwise(first.tolist()):
        yield at[low:high]
