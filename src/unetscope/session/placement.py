"""Where a layer lies in the world, for layers that share its spatial axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from unetscope.images.units import normalise_unit, unit_factor


def placement(layer: Any, spatial: Sequence[int]) -> dict[str, Any]:
    """Keyword arguments that put a layer over the ``spatial`` axes of ``layer``.

    ``layer`` is any napari layer; ``spatial`` holds indices into its axes. Scale, translate,
    rotate, shear, affine, units and axis labels are taken over.
    """
    axes = list(spatial)
    block = np.ix_(axes, axes)
    ends = np.ix_([*axes, layer.ndim], [*axes, layer.ndim])
    return {
        "scale": np.asarray(layer.scale)[axes],
        "translate": np.asarray(layer.translate)[axes],
        "rotate": np.asarray(layer.rotate)[block],
        "shear": _shear_matrix(layer)[block],
        "affine": np.asarray(layer.affine.affine_matrix)[ends],
        "units": tuple(layer.units[i] for i in axes),
        "axis_labels": tuple(layer.axis_labels[i] for i in axes),
    }


def _shear_matrix(layer: Any) -> np.ndarray:
    """The upper triangular shear matrix, from napari's vector of its off-diagonal values."""
    shear = np.asarray(layer.shear, dtype=float)
    if shear.ndim == 2:
        return shear
    matrix = np.eye(layer.ndim)
    matrix[np.triu_indices(layer.ndim, 1)] = shear
    return matrix


def pixel_size(layer: Any, spatial: Sequence[int]) -> tuple[tuple[float, ...] | None, str | None]:
    """Size of a pixel along the ``spatial`` axes and its unit; (None, None) where unknown.

    Axes in different units of length are brought to that of the last one.
    """
    units = [normalise_unit(layer.units[i]) for i in spatial]
    unit = units[-1]
    if unit is None:
        return None, None
    sizes = []
    for axis, own in zip(spatial, units, strict=True):
        factor = 1.0 if own == unit else unit_factor(own, unit)
        if factor is None:
            return None, None
        sizes.append(abs(float(layer.scale[axis])) * factor)
    return tuple(sizes), unit
