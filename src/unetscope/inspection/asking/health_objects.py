"""Is the receptive field large enough for what was painted?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from unetscope.errors import LabelError

SPECK_PX = 4  # smaller painted areas are slips of the brush


@dataclass(frozen=True)
class ObjectSize:
    """The painted objects of one class: its connected areas that do not touch the image's border.

    Attributes
    ----------
    class_value, class_name : which.
    count : objects; 0 where every painted area is cut by the border or a speck below 4 px.
    diameter_px : median diameter of the circle (sphere) of an object's area (volume); NaN if none.
    diameter : the same in ``unit``, or None without a pixel size.
    """

    class_value: int
    class_name: str
    count: int
    diameter_px: float
    diameter: float | None
    unit: str | None


def object_sizes(
    labels: NDArray[np.integer[Any]],
    pixel_size: Sequence[float] | None,
    unit: str | None,
    names: Mapping[int, str] | None = None,
) -> tuple[ObjectSize, ...]:
    """One entry for every painted class of ``labels`` ([z,] y, x), 0 for unlabelled.

    ``pixel_size`` per axis, in ``unit``; of anisotropic pixels the geometric mean is taken.

    Raises
    ------
    LabelError
        If nothing is painted, or the labels are no whole numbers.
    """
    painted = np.asarray(labels)
    if not np.issubdtype(painted.dtype, np.integer):
        raise LabelError(f"labels are {painted.dtype}; give whole numbers, 0 for unlabelled.")
    values = [int(value) for value in np.unique(painted) if value > 0]
    if not values:
        raise LabelError("nothing is painted; paint some objects, or leave labels out.")
    side = None if pixel_size is None else math.prod(pixel_size) ** (1 / len(pixel_size))
    found = []
    for value in values:
        diameters = _diameters(painted == value)
        median = float(np.median(diameters)) if len(diameters) else math.nan
        physical = None if side is None else median * side
        name = (names or {}).get(value, f"class {value}")
        found.append(ObjectSize(value, name, len(diameters), median, physical, unit))
    return tuple(found)


def _diameters(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Equivalent diameters of the areas whose size is known; touching corners join them."""
    areas, count = ndimage.label(mask, np.ones((3,) * mask.ndim))
    sizes = np.bincount(areas.ravel(), minlength=count + 1)
    whole = sizes >= SPECK_PX
    whole[0] = False
    for axis in range(mask.ndim):
        if mask.shape[axis] > 1:
            ends = np.take(areas, (0, -1), axis=axis)
            whole[np.unique(ends)] = False
    counted: NDArray[np.float64] = sizes[whole].astype(float)
    if mask.ndim == 3:
        return np.asarray((6 * counted / np.pi) ** (1 / 3))
    return np.asarray(2 * np.sqrt(counted / np.pi))


__all__ = ["ObjectSize", "object_sizes"]
