"""Check boxes on screen: their outlines, and the mouse that draws a new one."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
from psygnal import Signal

from unetscope.learning.check_box import CheckBox
from unetscope.session.layers.connections import Connections
from unetscope.session.layers.layer_facts import ROLE, layer_key, spatial_axes
from unetscope.session.layers.lines import box as outline
from unetscope.session.layers.lines import on_plane
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.layers.placement import to_pixel, unit_steps
from unetscope.session.layers.screen import shows_planes

COLOR = "#FF2D9B"  # of no class and of no marker
_LINE_PX = 2.5  # on the screen
NAME = "check boxes"


class BoxLayer:
    """The boxes of every image as one layer each; while :attr:`drawing`, the mouse draws one.

    ``drawn(key, corners)``: two opposite corners ((z,) y, x) in pixels; ``ended`` when the mouse is
    given back.
    """

    drawn = Signal(str, object)
    ended = Signal()

    def __init__(self, layers: OpenLayers) -> None:
        self._layers, self._viewer = layers, layers.viewer
        self._shown: dict[str, str] = {}  # image key -> key of the layer of its boxes
        self._drawing = ""  # key of the image that is drawn on
        self._before: Any = None  # the layer that was active
        self._mouse, self._zooming = Connections(), Connections()
        self._zooming.connect(self._viewer.scene.camera.events.zoom, self._zoomed)

    def close(self) -> None:
        """Give the mouse back and take the outlines away."""
        self.stop()
        self._zooming.close()
        for key in list(self._shown):
            self.show(key, ())

    # ---- outlines

    def show(self, key: str, boxes: Sequence[CheckBox], drawn: np.ndarray | None = None) -> None:
        """Show the boxes of an image, and what is being ``drawn``; without any the layer goes."""
        layer = self._layers.layer(self._shown.get(key, ""))
        image = self._layers.layer(key)
        if image is None:
            return
        lines = self._lines(key, boxes)
        lines = lines if drawn is None else np.concatenate([lines, drawn])
        if not len(lines):
            self._shown.pop(key, None)
            if layer is not None:
                with self._layers.same_active():
                    self._viewer.layers.remove(layer)
        elif layer is not None:
            layer.data = lines
        else:
            self._add(key, image, lines)

    def _lines(self, key: str, boxes: Sequence[CheckBox]) -> np.ndarray:
        axes = len(spatial_axes(self._layers.images.reading(key)))
        sides = [
            on_plane(outline((b.top, b.left), (b.bottom - 1, b.right - 1)), b.z, axes)
            for b in boxes
        ]
        return np.concatenate([np.zeros((0, 2, axes), np.float32), *sides])

    def _add(self, key: str, image: Any, lines: np.ndarray) -> None:
        with self._layers.same_active():
            layer = self._viewer.add_vectors(
                lines,
                name=NAME,
                edge_color=COLOR,
                edge_width=self._line_width(image),
                vector_style="line",
                length=1,
                metadata={ROLE: {"role": "hint", "image": key}},
                **self._layers.place_over(key),
            )
            self._shown[key] = layer_key(layer)

    def _line_width(self, layer: Any) -> float:
        """Width of the lines in pixels of the image, at the present zoom."""
        step = float(unit_steps(self._viewer, layer)[-1]) * abs(float(layer.scale[-1]))
        return _LINE_PX / max(float(self._viewer.scene.camera.zoom) * step, 1e-9)

    def _zoomed(self, event: Any) -> None:
        for key in self._shown.values():
            layer = self._layers.layer(key)
            if layer is not None:
                layer.edge_width = self._line_width(layer)

    # ---- drawing

    @property
    def drawing(self) -> bool:
        """Whether the mouse draws a box."""
        return bool(self._drawing)

    def start(self, key: str) -> bool:
        """Let the mouse draw a box on an image; False where this view cannot be drawn on."""
        self.stop()
        image = self._layers.layer(key)
        spatial = spatial_axes(self._layers.images.reading(key)) if image is not None else []
        if image is None or not shows_planes(self._viewer, image, spatial[-2:]):
            return False
        self._before = self._viewer.layers.selection.active
        self._viewer.layers.selection.active = image
        image.mouse_pan, image.cursor = False, "cross"
        self._drawing = key
        self._viewer.mouse_drag_callbacks.append(self._pressed)
        active = self._viewer.layers.selection.events.active
        self._mouse.connect(active, self._active_changed)
        return True

    def stop(self) -> None:
        """Give the mouse back, and the layer that was active."""
        if not self._drawing:
            return
        key, self._drawing = self._drawing, ""
        self._mouse.close()
        if self._pressed in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._pressed)
        image, before = self._layers.layer(key), self._before
        if image is not None:
            image.mouse_pan, image.cursor = True, "standard"
            self.show(key, self._layers.boxes(key))
            active = self._viewer.layers.selection.active
            given_back = active is not None and layer_key(active) == key  # proxies differ
            if given_back and before is not None and before in self._viewer.layers:
                self._viewer.layers.selection.active = before
        self._before = None
        self.ended.emit()

    def _active_changed(self, event: Any) -> None:
        if self._drawing and not self._layers.holding:
            self.stop()  # something else was chosen

    def _pressed(self, viewer: Any, event: Any) -> Generator[None, None, None]:
        key = self._drawing
        if event.button not in (1, None) or viewer.dims.ndisplay != 2 or not key:
            return
        first = self._pixel(key, event.position)
        corners = np.stack([first, first])
        yield
        while event.type == "mouse_move" and self._drawing == key:
            corners = np.stack([first, self._pixel(key, event.position)])
            self._draft(key, corners)
            yield
        if self._drawing == key:
            self.stop()
            self.drawn.emit(key, corners)

    def _draft(self, key: str, corners: np.ndarray) -> None:
        """Show the box that is being drawn."""
        flat, axes = corners[:, -2:], corners.shape[1]
        sides = outline(np.rint(flat.min(axis=0)), np.rint(flat.max(axis=0)))
        z = round(float(corners[0, 0])) if axes == 3 else None
        self.show(key, self._layers.boxes(key), on_plane(sides, z, axes))

    def _pixel(self, key: str, position: Any) -> np.ndarray:
        """The pixel ((z,) y, x) of the image at a place of the world."""
        image = self._layers.layer(key)
        axes = spatial_axes(self._layers.images.reading(key))
        return to_pixel(self._viewer, image, position)[list(axes)]
