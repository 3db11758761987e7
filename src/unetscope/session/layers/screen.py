"""Which part of an image is on screen, from the camera: the same on every level of a pyramid.

napari's ``corner_pixels`` are pixels of the level that is shown, are wider than the view, and are
wrong for layers in another unit than the world's.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from unetscope.session.layers.placement import to_pixel

Box = tuple[slice, slice]


def shows_planes(viewer: Any, layer: Any, axes: Sequence[int]) -> bool:
    """Whether whole planes over the two ``axes`` of a layer are on screen, flat.

    Not in 3-D, and not where axes are rolled so that lines of many planes are seen.
    """
    if viewer.dims.ndisplay != 2:
        return False
    skipped = viewer.dims.ndim - layer.ndim
    return {axis + skipped for axis in axes} == set(viewer.dims.displayed)


def box_on_screen(viewer: Any, layer: Any, axes: Sequence[int], shape: Sequence[int]) -> Box | None:
    """The visible pixels along two ``axes`` of a layer, which has ``shape`` pixels there.

    None where all of it can be seen, nothing, or it is not seen flat.
    """
    grid = viewer.canvas.grid.enabled  # then every layer has a small canvas of its own
    if grid or not shows_planes(viewer, layer, axes):
        return None
    pixels = _corners(viewer, layer)[:, list(axes)]
    size = np.asarray(shape)
    low = np.clip(np.floor(pixels.min(axis=0) + 0.5).astype(int), 0, size)
    high = np.clip(np.ceil(pixels.max(axis=0) + 0.5).astype(int), 0, size)
    if (high - low < 2).any() or ((low == 0) & (high == size)).all():
        return None
    return slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))


def plane_on_screen(viewer: Any, layer: Any, spatial: Sequence[int]) -> tuple[int, Box | None]:
    """The z plane on screen and its visible (y, x) region, along the axes ``spatial`` of a layer.

    The region is None where all of it can be seen.
    """
    shape = layer.data[0].shape if layer.multiscale else layer.data.shape
    z = 0
    if len(spatial) == 3:
        at = to_pixel(viewer, layer, viewer.dims.point)[spatial[0]]
        z = int(np.clip(round(float(at)), 0, shape[spatial[0]] - 1))
    return z, box_on_screen(viewer, layer, spatial[-2:], [shape[i] for i in spatial[-2:]])


def shows_several(viewer: Any, layer: Any, spatial: Sequence[int]) -> bool:
    """Whether planes of a stack are on screen together: in 3-D, rolled, or cut at an angle."""
    if len(spatial) < 3:
        return False
    shown = [axis - (viewer.dims.ndim - layer.ndim) for axis in viewer.dims.displayed]
    steps = np.asarray(layer._data_to_world.affine_matrix)[:-1, :-1]
    along_z = steps[[axis for axis in shown if axis >= 0], spatial[0]]
    return bool((np.abs(along_z) > 1e-9 * np.abs(steps).max()).any())


def camera_view(viewer: Any) -> Any:
    """Where the camera is and which plane is on screen, for :func:`show_view`."""
    camera = viewer.scene.camera
    return tuple(camera.center), float(camera.zoom), tuple(viewer.dims.point)


def show_view(viewer: Any, view: Any) -> None:
    """Bring the camera back to where it was."""
    center, zoom, point = view
    if len(point) == viewer.dims.ndim:
        viewer.dims.point = point
    viewer.scene.camera.center, viewer.scene.camera.zoom = center, zoom


def _corners(viewer: Any, layer: Any) -> np.ndarray:
    """The four corners of the canvas as pixels of a layer (4, axes)."""
    dims, camera = viewer.dims, viewer.scene.camera
    half = np.asarray(viewer.canvas.size, float) / (2 * max(float(camera.zoom), 1e-12))
    centre = np.asarray(camera.center, float)[-2:]
    found = []
    for signs in itertools.product((-1, 1), repeat=2):
        at = np.array(dims.point, float)
        at[list(dims.displayed)] = centre + np.array(signs) * half
        found.append(to_pixel(viewer, layer, at))
    return np.array(found)
