"""Clicks on a layer that is looked at: a press that does not drag, and where it was."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from psygnal import Signal

from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.layers.placement import to_pixel
from unetscope.session.layers.pointer import DRAG_PX


class ObjectClicks:
    """``clicked(place, more)``: a pixel ([z,] y, x) of the layer, and whether Shift was held."""

    clicked = Signal(tuple, bool)

    def __init__(self, layers: OpenLayers) -> None:
        self._viewer = layers.viewer
        self._layer: Any = None

    def watch(self, layer: Any) -> None:
        """Hear clicks on this layer while it is the active one; None hears none."""
        if self._layer is not None and self._pressed in self._layer.mouse_drag_callbacks:
            self._layer.mouse_drag_callbacks.remove(self._pressed)
        self._layer = layer
        if layer is not None:
            layer.mouse_drag_callbacks.append(self._pressed)

    def close(self) -> None:
        """Let go of the layer."""
        self.watch(None)

    def _pressed(self, layer: Any, event: Any) -> Generator[None, None, None]:
        if event.button not in (1, None) or self._viewer.dims.ndisplay != 2:
            return
        start, position = tuple(event.pos[:2]), tuple(event.position)
        more = any("shift" in str(key).lower() for key in event.modifiers or ())
        dragged = False
        yield
        while event.type == "mouse_move":
            here = event.pos[:2]
            dragged |= abs(here[0] - start[0]) + abs(here[1] - start[1]) > DRAG_PX
            yield
        place = tuple(float(p) for p in to_pixel(self._viewer, layer, position))
        inside = all(-0.5 <= p < n - 0.5 for p, n in zip(place, layer.data.shape, strict=True))
        if not dragged and inside:
            self.clicked.emit(place, more)
