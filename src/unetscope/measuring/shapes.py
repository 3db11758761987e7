"""What the shapes of objects are: sizes, borders, hulls and axes, in planes and in stacks."""

from __future__ import annotations

import numpy as np

from unetscope.measuring.crossings import border_lengths
from unetscope.measuring.hulls import hulls_of_corners, hulls_of_edges
from unetscope.measuring.pixel_runs import Floats, Runs
from unetscope.measuring.quantities import Spacing
from unetscope.measuring.solid_hulls import filled_shares, largest_diameters

#: Shapes of fewer pixels are those of the grid: their columns are empty.
SHAPE_FROM_PX = 20


def sizes_of(runs: Runs, spacing: Spacing) -> dict[str, Floats]:
    """(object,) area or volume, and the diameter of the disk or ball of that size."""
    size = runs.pixels.astype(np.float64) * spacing.cell
    if len(spacing.size) == 2:
        return {"area": size, "diameter": np.sqrt(4 * size / np.pi)}
    return {"volume": size, "diameter": np.cbrt(6 * size / np.pi)}


def shapes_of(runs: Runs, spacing: Spacing, spread: Floats) -> dict[str, Floats]:
    """(object,) what shapes have; NaN of those of few pixels. ``spread`` are covariances."""
    large = np.flatnonzero(runs.pixels >= SHAPE_FROM_PX)
    shapes = _flat if len(spacing.size) == 2 else _solid
    found = {}
    for key, values in shapes(runs.some(large), spacing, spread[large]).items():
        found[key] = np.full(runs.count, np.nan)
        found[key][large] = values
    return found


def _flat(runs: Runs, spacing: Spacing, spread: Floats) -> dict[str, Floats]:
    """What objects in a plane have."""
    size = runs.pixels * spacing.cell
    perimeter = border_lengths(runs, spacing)
    xx, yy, xy = spread[:, 1, 1], spread[:, 0, 0], spread[:, 0, 1]
    middle, half = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    largest, smallest = hulls_of_edges(runs).ferets(spacing.size)
    return {
        "perimeter": perimeter,
        "circularity": 4 * np.pi * size / perimeter**2,
        "feret_max": largest,
        "feret_min": smallest,
        "axis_major": 4 * np.sqrt(middle + half),
        "axis_minor": 4 * np.sqrt(np.maximum(middle - half, 0)),
        # y points down in images, and angles are told as they are seen
        "angle": np.rad2deg(np.arctan2(-2 * xy, xx - yy)) / 2 % 180,
        "solidity": runs.pixels / hulls_of_corners(runs).areas(),
    }


def _solid(runs: Runs, spacing: Spacing, spread: Floats) -> dict[str, Floats]:
    """What objects in a stack have."""
    size = runs.pixels * spacing.cell
    surface = border_lengths(runs, spacing)
    axes = 2 * np.sqrt(5 * np.maximum(np.linalg.eigvalsh(spread)[:, ::-1], 0))
    return {
        "surface": surface,
        "sphericity": np.cbrt(np.pi) * np.cbrt(6 * size) ** 2 / surface,
        "feret_max": largest_diameters(runs, spacing.size),
        **{f"axis_{at + 1}": axes[:, at] for at in range(3)},
        "solidity": filled_shares(runs),
    }
