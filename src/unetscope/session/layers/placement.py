"""Where layers lie in the world: put over one another, and pixels found under places of the world.

napari draws layers of several units of length in one world, whose unit is the smallest of them, but
its layers turn a place of the world into a pixel as if it were in their own unit (up to 0.9.2). So

- every conversion goes through :func:`to_pixel` and :func:`to_world`, which mind the units, and
- what is painted on is put into the world's unit (:func:`placement`): there napari's brush is
  right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from napari.utils.transforms import Affine

from unetscope.images.units import normalise_unit, unit_factor

_WORDS = ("units", "axis_labels")
#: The attributes that :func:`placement` sets, which are those of a layer's events as well.
PLACE = ("scale", "translate", "rotate", "shear", "affine", *_WORDS)


def placement(
    layer: Any, spatial: Sequence[int], world: Sequence[Any] | None = None
) -> dict[str, Any]:
    """Keyword arguments that put a layer over the ``spatial`` axes of ``layer``.

    ``layer`` is any napari layer; ``spatial`` holds indices into its axes. Scale, translate,
    rotate, shear, affine, units and axis labels are taken over. With ``world``, units of the
    world's last axes (:func:`world_units`), the same place is told in those.
    """
    axes = list(spatial)
    block = np.ix_(axes, axes)
    ends = np.ix_([*axes, layer.ndim], [*axes, layer.ndim])
    place = {
        "scale": np.asarray(layer.scale)[axes],
        "translate": np.asarray(layer.translate)[axes],
        "rotate": np.asarray(layer.rotate)[block],
        "shear": _shear_matrix(layer)[block],
        "affine": np.asarray(layer.affine.affine_matrix)[ends],
        "units": tuple(layer.units[i] for i in axes),
        "axis_labels": tuple(layer.axis_labels[i] for i in axes),
    }
    if world is not None and len(world) >= layer.ndim:
        place = _in_units(place, tuple(world[len(world) - layer.ndim + i] for i in axes))
    return place


def put(layer: Any, place: Mapping[str, Any]) -> None:
    """Set what differs of a :func:`placement`; every change makes napari work."""
    for name, value in place.items():
        old = getattr(layer, name)
        old = _shear_matrix(layer) if name == "shear" else getattr(old, "affine_matrix", old)
        if name in _WORDS:
            same = tuple(map(str, old)) == tuple(map(str, value))
        else:
            same = np.shape(old) == np.shape(value) and np.allclose(old, value, rtol=0, atol=1e-12)
        if not same:
            setattr(layer, name, value)


def world_units(viewer: Any, without: Iterable[Any] = ()) -> tuple[Any, ...] | None:
    """The units of the world's axes; None where napari ignores units (nm beside nothing told).

    ``without``: layers that do not count, for they follow the others.
    """
    left_out = set(map(id, without))
    counted = [layer for layer in viewer.layers if id(layer) not in left_out]
    units = viewer.layers.get_extent(counted).units if counted else None
    return None if units is None else tuple(units)


def to_pixel(viewer: Any, layer: Any, position: Sequence[float] | np.ndarray) -> np.ndarray:
    """The pixel of ``layer`` (floats, one per axis) at a place of the viewer's world."""
    at = np.zeros(layer.ndim)
    given = np.asarray(position, float)[-layer.ndim :]
    at[layer.ndim - len(given) :] = given
    return np.asarray(layer.world_to_data(at / unit_steps(viewer, layer)), float)


def to_world(viewer: Any, layer: Any, pixel: Sequence[float] | np.ndarray) -> np.ndarray:
    """The place in the viewer's world, on the last axes of it, of a pixel of ``layer``."""
    return np.asarray(layer.data_to_world(tuple(pixel)), float) * unit_steps(viewer, layer)


def unit_steps(viewer: Any, layer: Any) -> np.ndarray:
    """How many units of the world one unit of ``layer`` is, along each of its axes."""
    world = viewer.layers.extent.units
    if world is None or len(world) < layer.ndim:
        return np.ones(layer.ndim)
    own = layer.units
    return np.array(
        [_steps(one, all_) for one, all_ in zip(own, world[-layer.ndim :], strict=True)]
    )


def _steps(unit: Any, world: Any) -> float:
    """How many ``world`` one ``unit`` is; 1 where they measure different things."""
    if str(unit) == str(world) or unit.dimensionality != world.dimensionality:
        return 1.0
    return float((1.0 * unit).to(world).magnitude)


def _in_units(place: dict[str, Any], units: tuple[Any, ...]) -> dict[str, Any]:
    """The same place, told in other units."""
    steps = np.array([_steps(own, unit) for own, unit in zip(place["units"], units, strict=True)])
    if (steps == 1).all():
        return place
    told = dict(place, units=tuple(map(_taken, place["units"], units)))
    affine = np.array(place["affine"])
    if np.allclose(steps, steps[0]):
        affine[:-1, -1] *= steps
        return told | {
            "scale": place["scale"] * steps,
            "translate": place["translate"] * steps,
            "affine": affine,
        }
    # A rotation between axes of different units is none in the new ones: all of it as one matrix.
    own = Affine(**{name: place[name] for name in ("scale", "rotate", "shear", "translate")})
    whole = affine @ own.affine_matrix
    whole[:-1] *= steps[:, None]
    size, eye = len(steps), np.eye(len(steps))
    if np.allclose(whole[:-1, :-1], np.diag(np.diag(whole[:-1, :-1]))):
        diagonal, shift = np.diag(whole[:-1, :-1]), whole[:-1, -1]
        return told | {
            "scale": diagonal,
            "translate": shift,
            "rotate": eye,
            "shear": eye,
            "affine": np.eye(size + 1),
        }
    return told | {
        "scale": np.ones(size),
        "translate": np.zeros(size),
        "rotate": eye,
        "shear": eye,
        "affine": whole,
    }


def _taken(own: Any, world: Any) -> Any:
    return world if own.dimensionality == world.dimensionality else own


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
