"""Where the mouse points in an image, for the probe: hovering, and clicks that do not drag."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from psygnal import Signal

from unetscope.session.layers.layer_facts import spatial_axes
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.layers.placement import to_pixel

DRAG_PX = 4.0  # of screen: a press that moves farther is a drag


class Pointer:
    """Signals ``hovered`` and ``clicked`` carry the image pixel ([z,] y, x) as floats.

    While it is on, the image (not a brush) is the active layer; :meth:`stop` gives it back.
    """

    hovered = Signal(tuple)
    clicked = Signal(tuple)

    def __init__(self, layers: OpenLayers) -> None:
        self._layers = layers
        self._viewer = layers.viewer
        self._image = ""
        self._before: tuple[Any, str] | None = None
        self.on = False

    def start(self, image_key: str) -> None:
        """Watch the mouse over an image."""
        self._image = image_key
        if self.on:
            return
        self.on = True
        active = self._viewer.layers.selection.active
        self._before = (active, str(active.mode)) if active is not None else None
        image = self._layers.layer(image_key)
        if image is not None:
            self._viewer.layers.selection.active = image
            image.mode = "pan_zoom"
        self._viewer.mouse_move_callbacks.append(self._moved)
        self._viewer.mouse_drag_callbacks.append(self._pressed)

    def stop(self) -> None:
        """Let go of the mouse and give the brush back."""
        if not self.on:
            return
        self.on = False
        for callbacks, own in (
            (self._viewer.mouse_move_callbacks, self._moved),
            (self._viewer.mouse_drag_callbacks, self._pressed),
        ):
            if own in callbacks:
                callbacks.remove(own)
        if self._before is not None and self._before[0] in self._viewer.layers:
            layer, mode = self._before
            self._viewer.layers.selection.active = layer
            layer.mode = mode
        self._before = None

    def point(self, position: Any) -> tuple[float, ...] | None:
        """The image pixel under a world position; None outside or where the image is gone."""
        image = self._layers.layer(self._image)
        if image is None:
            return None
        axes = spatial_axes(self._layers.images.reading(self._image))
        pixel = to_pixel(self._viewer, image, position)
        at = [float(pixel[i]) for i in axes]
        shape = self._layers.micrograph(self._image).spatial_shape
        inside = all(-0.5 <= a < n - 0.5 for a, n in zip(at, shape, strict=True))
        return tuple(at) if inside else None

    def _moved(self, viewer: Any, event: Any) -> None:
        at = self.point(event.position)
        if at is not None:
            self.hovered.emit(at)

    def _pressed(self, viewer: Any, event: Any) -> Generator[None, None, None]:
        if event.button not in (1, None):
            return
        start, position = _screen(event), tuple(event.position)
        dragged = False
        yield
        while event.type == "mouse_move":
            here = _screen(event)
            dragged |= abs(here[0] - start[0]) + abs(here[1] - start[1]) > DRAG_PX
            yield
        at = self.point(position)
        if not dragged and at is not None:
            self.clicked.emit(at)


def _screen(event: Any) -> tuple[float, float]:
    x, y = event.pos[:2]
    return float(x), float(y)
