"""Takes a person to a place of an image: the camera goes there, and a faint box shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from unetscope.session.inside.lines import box, dashed
from unetscope.session.inside.placing import on_plane
from unetscope.session.layer_facts import ROLE, layer_key, spatial_axes
from unetscope.session.layers import OpenLayers
from unetscope.session.placement import placement

SHOWN_PX = 200  # of the image, along the shorter side of the canvas
_KEPT_ZOOM = 2.0  # a zoom this many times off is left as a person has set it
_DASHES = 6
_NAME = "paint here"


class PlaceMarker:
    """One box at a time; :meth:`clear` removes it."""

    def __init__(self, layers: OpenLayers) -> None:
        self._layers = layers
        self._marker = ""  # key of the marker's layer

    def go(self, key: str, centre: Sequence[int], size_px: int) -> None:
        """Show the square of ``size_px`` around pixel ``centre`` ((z,) y, x) of an image."""
        image = self._layers.layer(key)
        if image is None:
            return
        self.clear()
        axes = spatial_axes(self._layers.micrograph(key).axes)
        self._move_camera(image, axes, centre)
        self._mark(image, axes, centre, size_px)

    def clear(self) -> None:
        """Remove the box."""
        layer, self._marker = self._layers.layer(self._marker), ""
        if layer is not None:
            with self._layers.same_active():
                self._layers.viewer.layers.remove(layer)

    def _move_camera(self, image: Any, axes: Sequence[int], centre: Sequence[int]) -> None:
        viewer = self._layers.viewer
        skipped = viewer.dims.ndim - image.ndim  # napari aligns the last axes
        at = [float(viewer.dims.point[skipped + axis]) for axis in range(image.ndim)]
        pixel = list(image.world_to_data(at))
        for axis, place in zip(axes, centre, strict=True):
            pixel[axis] = float(place)
        world = image.data_to_world(pixel)
        if len(axes) == 3:
            viewer.dims.set_point(skipped + axes[0], world[axes[0]])
        camera = viewer.scene.camera
        shown = [world[axis - skipped] for axis in viewer.dims.displayed if axis >= skipped]
        camera.center = (*(0.0,) * (3 - len(shown)), *shown)
        scale = float(np.abs(np.asarray(image.scale)[list(axes[-2:])]).max())
        wanted = min(viewer.canvas.size) / (SHOWN_PX * scale)
        if not wanted / _KEPT_ZOOM < camera.zoom < wanted * _KEPT_ZOOM:
            camera.zoom = wanted

    def _mark(self, image: Any, axes: Sequence[int], centre: Sequence[int], size_px: int) -> None:
        middle, half = np.asarray(centre[-2:]), size_px // 2
        outline = box(list(middle - half), list(middle + half))
        sides = dashed(outline, _DASHES)
        z = int(centre[0]) if len(axes) == 3 else None
        colors = ["#FFFFFF", "#000000"]  # one of them can be seen on any ground
        with self._layers.same_active():
            layer = self._layers.viewer.add_vectors(
                on_plane(np.concatenate([sides, _gaps(sides)]), z, len(axes)),
                name=_NAME,
                edge_color=np.repeat(colors, len(sides)),
                edge_width=0.6,
                vector_style="line",
                length=1,
                opacity=0.7,
                metadata={ROLE: {"role": "hint", "image": layer_key(image)}},
                **placement(image, axes),
            )
            self._marker = layer_key(layer)


def _gaps(dashes: np.ndarray) -> np.ndarray:
    """Segments (n, 2, axes) that continue each dash by its own length."""
    return np.stack([dashes[:, 0] + dashes[:, 1], dashes[:, 1]], axis=1)
