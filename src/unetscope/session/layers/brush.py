"""The brush of the strokes layer that is painted on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psygnal import Signal

from unetscope.images.classes import LabelClass
from unetscope.session.layers.connections import Connections
from unetscope.session.layers.layer_facts import layer_key
from unetscope.session.layers.open_layers import OpenLayers

STEP = 0.2  # of the present size, so that a small and a large brush change alike


class Brush:
    """Its size in image pixels; ``changed`` also when it was changed in napari's controls."""

    changed = Signal()

    def __init__(self, layers: OpenLayers) -> None:
        self._layers = layers
        self._owned: dict[str, Connections] = {}
        self._connections = Connections()
        self._connections.connect(layers.strokes_made, self._strokes_made)
        self._connections.connect(layers.images_changed, self._layers_changed)

    def close(self) -> None:
        """Let go of the layers."""
        self._connections.close()
        for owned in self._owned.values():
            owned.close()
        self._owned.clear()

    def size_px(self, key: str) -> int | None:
        """The size on the strokes of the image ``key``; None without strokes."""
        layer = self._layers.strokes_layer(key)
        return None if layer is None else int(layer.brush_size)

    def take(self, key: str, value: int, classes: Sequence[LabelClass]) -> None:
        """Paint on the image with the class ``value``; its strokes are made at the first time."""
        strokes = self._layers.strokes_layer(key)
        if strokes is not None:  # strokes that cannot be seen or changed cannot be painted
            strokes.visible = True
            strokes.editable = True
        self._layers.paint_with(key, value, classes)

    def resize(self, key: str, *, larger: bool) -> None:
        """One step larger or smaller."""
        layer = self._layers.strokes_layer(key)
        if layer is not None:
            step = max(1, round(layer.brush_size * STEP))
            layer.brush_size = max(1, layer.brush_size + (step if larger else -step))

    def _strokes_made(self, layer: Any) -> None:
        if layer_key(layer) not in self._owned:
            owned = self._owned[layer_key(layer)] = Connections()
            owned.connect(layer.events.brush_size, self._resized)
        self.changed.emit()

    def _layers_changed(self) -> None:
        present = {layer_key(layer) for layer in self._layers.viewer.layers}
        for gone in [key for key in self._owned if key not in present]:
            self._owned.pop(gone).close()

    def _resized(self, event: Any) -> None:
        self.changed.emit()
