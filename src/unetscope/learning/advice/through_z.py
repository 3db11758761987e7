"""Labels through a stack: between painted planes, to the next one, and onwards by the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from unetscope.errors import LabelError
from unetscope.learning.metrics import mean_dice

_REACH_PX = 12.0
_LEAST_SURE = 0.8
_ALIKE = 0.8


@dataclass(frozen=True)
class PlaneStep:
    """A plane to be proposed next: ``z`` from the plane ``source_z`` beside it.

    That one is painted or was proposed before; the nearest painted one is ``distance`` planes away.
    """

    z: int
    source_z: int
    distance: int


@dataclass(frozen=True, eq=False)
class Proposal:
    """Labels proposed for a plane (0: nothing).

    ``alike`` is how much it is like the plane it came from (Dice), ``needs_review`` whether a
    person should look before it is passed on.
    """

    labels: np.ndarray
    alike: float
    needs_review: bool


def interpolate_slices(labels: np.ndarray, z0: int, z1: int) -> np.ndarray:
    """Fill the planes between two painted ones by interpolating the shape of every class.

    Each class's signed distance to its rim is mixed linearly between the planes, and a pixel gets
    the class that it lies deepest in. Source: shape-based interpolation, Raya and Udupa (1990),
    IEEE Trans. Med. Imaging 9:32. A class that is on one of the planes only is not filled, nor is
    one whose shapes do not overlap from above; pixels already painted stay.

    Parameters
    ----------
    labels : (z, y, x) class values, 0 unlabelled.
    z0, z1 : two planes, at least two apart.

    Returns
    -------
    (|z1 - z0| - 1, y, x): the planes in between, in order of z.
    """
    _check_planes(labels, z0, z1)
    z0, z1 = min(z0, z1), max(z0, z1)
    if z1 - z0 < 2:
        raise LabelError(f"there is no plane between {z0} and {z1}; choose planes farther apart.")
    lower, upper = np.asarray(labels[z0]), np.asarray(labels[z1])
    between = np.array(labels[z0 + 1 : z1])
    # Signed distance of the class so far; what lies outside of all classes is not filled.
    deepest = np.full(between.shape, -1e-6, np.float32)
    filled = np.zeros_like(between)
    for value in np.intersect1d(lower[lower > 0], upper[upper > 0]):
        below, above = _signed_distance(lower == value), _signed_distance(upper == value)
        for index in range(len(between)):
            part = (index + 1) / (z1 - z0)
            depth = (1 - part) * below + part * above
            better = depth > deepest[index]
            deepest[index][better] = depth[better]
            filled[index][better] = value
    return np.where(between > 0, between, filled)


def copy_to_next(labels: np.ndarray, z: int, step: int = 1) -> np.ndarray:
    """Plane ``z + step`` with the labels of plane ``z`` wherever it is not painted yet: (y, x)."""
    _check_planes(labels, z, z + step)
    here, there = np.asarray(labels[z]), np.asarray(labels[z + step])
    return np.where(there > 0, there, here)


def propagation_plan(painted: Sequence[int], planes: int, first: int, last: int) -> list[PlaneStep]:
    """In which order to propose the planes ``first`` … ``last``: outwards from the painted ones.

    Parameters
    ----------
    painted : planes with labels a person made or reviewed.
    planes : of the stack.
    """
    if not painted:
        raise LabelError("no plane is painted; paint one to propagate from.")
    for z in (first, last, *painted):
        if not 0 <= z < planes:
            raise LabelError(f"plane {z} is not in a stack of {planes} planes.")
    steps = []
    for z in range(min(first, last), max(first, last) + 1):
        nearest = min(painted, key=lambda known: (abs(known - z), known))
        if nearest != z:
            towards = 1 if nearest > z else -1
            steps.append(PlaneStep(z, z + towards, abs(nearest - z)))
    return sorted(steps, key=lambda step: (step.distance, step.z))


def propose_plane(
    source: np.ndarray,
    probabilities: np.ndarray,
    values: Sequence[int],
    *,
    reach_px: float = _REACH_PX,
    least_sure: float = _LEAST_SURE,
) -> Proposal:
    """Labels for a plane, where the model is sure and the plane beside it says the same nearby.

    Parameters
    ----------
    source : (y, x) labels of the plane beside it, painted, reviewed or proposed.
    probabilities : (class, y, x) of the plane; ``values``: class value of every row.
    reach_px : how far a class may have moved from plane to plane.
    least_sure : smallest probability that is proposed.

    Returns
    -------
    A proposal; it needs review where the two planes' labels have a mean Dice below 0.8.
    """
    if probabilities.shape != (len(values), *source.shape):
        raise LabelError(
            f"probabilities have shape {probabilities.shape}; a plane of {source.shape} and "
            f"{len(values)} classes has {(len(values), *source.shape)}."
        )
    best = probabilities.argmax(axis=0)
    sure = probabilities.max(axis=0) >= least_sure
    proposed = np.zeros_like(source)
    for index, value in enumerate(values):
        known = source == value
        if known.any():
            near = scipy.ndimage.distance_transform_edt(~known) <= reach_px
            proposed[near & sure & (best == index)] = value
    alike = mean_dice(source, proposed)
    alike = 0.0 if np.isnan(alike) else alike
    return Proposal(proposed, alike, alike < _ALIKE)


def _signed_distance(mask: np.ndarray) -> np.ndarray:
    """Pixels to the rim, positive inside; the rim runs half-way between pixels."""
    inside = scipy.ndimage.distance_transform_edt(mask)
    outside = scipy.ndimage.distance_transform_edt(~mask)
    return (np.where(mask, inside - 0.5, 0.5 - outside)).astype(np.float32)


def _check_planes(labels: np.ndarray, *planes: int) -> None:
    if labels.ndim != 3:
        raise LabelError(f"labels are {labels.ndim}D; only a stack (z, y, x) has planes.")
    for z in planes:
        if not 0 <= z < labels.shape[0]:
            raise LabelError(f"plane {z} is not in a stack of {labels.shape[0]} planes.")
