"""A feature map read at pixels of the image, through its placement, without enlarging it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.inspection.showing.maps import FeatureMaps


def cells_of(
    maps: FeatureMaps, points: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which image points lie on the map, and at which fractions of a cell, (point, axis) each.

    Points at the border of the image may lie beside the map of a net without padding; others are
    moved by up to half a cell to the centre of the outermost cells.
    """
    cells = (points - np.array(maps.translate)) / np.array(maps.scale)
    sides = np.array(maps.values.shape[1:])
    covered = ((cells >= -0.5 - 1e-9) & (cells <= sides - 0.5 + 1e-9)).all(axis=1)
    return covered, np.clip(cells[covered], 0, sides - 1)


def sampled_at(
    values: NDArray[np.floating[Any]], cells: NDArray[np.float64]
) -> NDArray[np.float32]:
    """(channel, point): maps (channel, [z,] y, x) read linearly between their cells.

    ``cells`` (point, axis) lie on the map, at fractions of a cell. What is not a number becomes 0.
    """
    low = np.floor(cells).astype(np.int64)
    part = cells - low
    sides = np.array(values.shape[1:])
    flat = values.reshape(len(values), -1)
    answer = np.zeros((len(values), len(cells)), dtype=np.float32)
    for corner in np.ndindex(*(2,) * cells.shape[1]):
        weight = np.prod(np.where(np.array(corner) == 1, part, 1 - part), axis=1)
        needed = weight > 0
        at = np.minimum(low + np.array(corner), sides - 1)
        index = np.ravel_multi_index(tuple(at.T), tuple(sides))
        if needed.all():
            answer += (flat[:, index] * weight).astype(np.float32)
        elif needed.any():
            answer[:, needed] += (flat[:, index[needed]] * weight[needed]).astype(np.float32)
    return np.nan_to_num(answer)
