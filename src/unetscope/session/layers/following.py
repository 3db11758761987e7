"""Layers that belong to an image lie on it, whatever is done to its transform, or to theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unetscope.session.layers.connections import Connections
from unetscope.session.layers.layer_facts import layer_key
from unetscope.session.layers.placement import PLACE, put

#: (layer) -> where it has to lie (as of :func:`placement`); None for layers that belong to nothing.
PlaceOf = Callable[[Any], dict[str, Any] | None]


class Following:
    """Puts the layers of a viewer where ``place_of`` says, each time that a layer is moved.

    All of them, for a layer in another unit of length changes the unit of the world.
    """

    def __init__(self, viewer: Any, place_of: PlaceOf) -> None:
        self._viewer, self._place_of = viewer, place_of
        self._settling = False
        self._owned: dict[str, Connections] = {}  # layer key -> its connections
        self._connections = Connections()
        for emitter in (viewer.layers.events.inserted, viewer.layers.events.removed):
            self._connections.connect(emitter, self._layers_changed)
        self._layers_changed()

    def close(self) -> None:
        """Let go of the viewer and of every layer."""
        for owned in (self._connections, *self._owned.values()):
            owned.close()
        self._owned.clear()

    def settle(self, event: Any = None) -> None:
        """Put every layer where it belongs; our own moves are not heard."""
        if self._settling:
            return
        self._settling = True
        try:
            for layer in list(self._viewer.layers):
                place = self._place_of(layer)
                if place is not None and len(place["scale"]) == layer.ndim:
                    put(layer, place)
        finally:
            self._settling = False

    def _layers_changed(self, event: Any = None) -> None:
        present = {layer_key(layer): layer for layer in self._viewer.layers}
        for gone in [key for key in self._owned if key not in present]:
            self._owned.pop(gone).close()
        for key in [key for key in present if key not in self._owned]:
            owned = self._owned[key] = Connections()
            for name in PLACE:
                owned.connect(getattr(present[key].events, name), self.settle)
        self.settle()
