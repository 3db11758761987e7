"""An owner for connections: everything it connected, it disconnects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Connections:
    """Connections of napari or psygnal emitters that end together."""

    def __init__(self) -> None:
        self._made: list[tuple[Any, Callable[..., Any]]] = []

    def connect(self, emitter: Any, callback: Callable[..., Any]) -> None:
        """Connect and remember."""
        emitter.connect(callback)
        self._made.append((emitter, callback))

    def close(self) -> None:
        """Disconnect everything; calling it twice is harmless."""
        made, self._made = self._made, []
        for emitter, callback in made:
            try:
                emitter.disconnect(callback)
            except (ValueError, RuntimeError, KeyError):
                # already gone with its layer or widget: nothing is left to end
                continue
