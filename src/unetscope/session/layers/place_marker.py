"""Takes a person to a place of an image: the camera goes there, and a faint box shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from unetscope.session.layers.connections import Connections
from unetscope.session.layers.layer_facts import ROLE, layer_key, spatial_axes
from unetscope.session.layers.lines import box, on_plane
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.layers.placement import to_pixel, to_world, unit_steps

SHOWN_PX = 200  # of the image, along the shorter side of the canvas
_KEPT_ZOOM = 2.0  # a zoom this many times off is left as a person has set it
_DASHES = 6  # white ones a side
_LINE_PX = 2.0  # width on the screen, however far it is zoomed
_WHITE, _BLACK = "#FFFFFF", "#000000"  # one of them can be seen on any ground
PAINT_HERE, DOUBTFUL_STROKE = "paint here", "doubtful stroke"


class PlaceMarker:
    """One box at a time, with the name of what it marks; :meth:`clear` removes it."""

    def __init__(self, layers: OpenLayers) -> None:
        self._layers = layers
        self._marker = ""  # key of the marker's layer
        self._marked = ""  # name of what it marks
        self._zooming = Connections()

    def go(self, key: str, centre: Sequence[int], size_px: int, marked: str = PAINT_HERE) -> None:
        """Show the square of ``size_px`` around pixel ``centre`` ((z,) y, x) of an image."""
        image = self._layers.layer(key)
        if image is None:
            return
        self.clear()
        axes = spatial_axes(self._layers.images.reading(key))
        self._move_camera(image, axes, centre)
        self._marked = marked
        self._mark(image, axes, centre, size_px)
        self._zooming.connect(self._layers.viewer.scene.camera.events.zoom, self._zoomed)

    def clear(self, marked: str = "") -> None:
        """Remove the box; with ``marked``, only a box around that."""
        if marked and marked != self._marked:
            return
        self._zooming.close()
        layer, self._marker, self._marked = self._layers.layer(self._marker), "", ""
        if layer is not None:
            with self._layers.same_active():
                self._layers.viewer.layers.remove(layer)

    def _move_camera(self, image: Any, axes: Sequence[int], centre: Sequence[int]) -> None:
        viewer = self._layers.viewer
        skipped = viewer.dims.ndim - image.ndim  # napari aligns the last axes
        pixel = list(to_pixel(viewer, image, viewer.dims.point))
        for axis, place in zip(axes, centre, strict=True):
            pixel[axis] = float(place)
        world = to_world(viewer, image, pixel)
        if len(axes) == 3:
            viewer.dims.set_point(skipped + axes[0], world[axes[0]])
        camera = viewer.scene.camera
        shown = [world[axis - skipped] for axis in viewer.dims.displayed if axis >= skipped]
        camera.center = (*(0.0,) * (3 - len(shown)), *shown)
        steps = unit_steps(viewer, image) * np.abs(image.scale)
        scale = float(steps[list(axes[-2:])].max())
        wanted = min(viewer.canvas.size) / (SHOWN_PX * scale)
        if not wanted / _KEPT_ZOOM < camera.zoom < wanted * _KEPT_ZOOM:
            camera.zoom = wanted

    def _mark(self, image: Any, axes: Sequence[int], centre: Sequence[int], size_px: int) -> None:
        middle, half = np.asarray(centre[-2:]), size_px // 2
        outline = box(list(middle - half), list(middle + half))
        dashes, colors = _two_coloured(outline)
        z = int(centre[0]) if len(axes) == 3 else None
        with self._layers.same_active():
            layer = self._layers.viewer.add_vectors(
                on_plane(dashes, z, len(axes)),
                name=self._marked,
                edge_color=colors,
                edge_width=self._line_width(image),
                vector_style="line",
                length=1,
                opacity=0.7,
                metadata={ROLE: {"role": "hint", "image": layer_key(image)}},
                **self._layers.place_over(layer_key(image)),
            )
            self._marker = layer_key(layer)

    def _line_width(self, layer: Any) -> float:
        """Width of the lines in pixels of the image, at the present zoom."""
        step = float(unit_steps(self._layers.viewer, layer)[-1]) * abs(float(layer.scale[-1]))
        zoom = float(self._layers.viewer.scene.camera.zoom) * step
        return _LINE_PX / max(zoom, 1e-9)

    def _zoomed(self, event: Any) -> None:
        layer = self._layers.layer(self._marker)
        if layer is not None:
            layer.edge_width = self._line_width(layer)


def _two_coloured(outline: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Sides (n, 2, axes) as white dashes with black ones between them, and the colour of each.

    Every side begins and ends in white, so that corners are whole.
    """
    parts = 2 * _DASHES - 1
    steps = np.arange(parts)[None, :, None]
    starts = outline[:, None, 0] + outline[:, None, 1] * steps / parts
    runs = np.repeat(outline[:, None, 1] / parts, parts, axis=1)
    dashes = np.stack([starts, runs], axis=2).reshape(-1, 2, outline.shape[-1])
    return dashes, [_BLACK if i % 2 else _WHITE for i in range(parts)] * len(outline)
