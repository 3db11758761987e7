"""Keys that work while the image has the focus: 1-9 choose a class, Shift+letter presses a button.

Digits are bound on the strokes layers as well, where napari would otherwise change the tool; P, E,
F and the other letters of napari's labels tools stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QWidget

DIGITS = "123456789"


class Shortcuts:
    """Binds on the viewer and on layers, and unbinds on :meth:`close`."""

    def __init__(
        self,
        viewer: Any,
        choose_place: Callable[[int], None],
        actions: dict[str, Callable[[], None]],
    ) -> None:
        self._viewer = viewer
        self._choose_place = choose_place
        self._actions = actions
        self._layers: list[Any] = []
        for key, call in self._calls().items():
            viewer.bind_key(key, _bound(call), overwrite=True)

    def bind_layer(self, layer: Any) -> None:
        """Let digits choose classes while ``layer`` is active."""
        for place, key in enumerate(DIGITS, 1):
            layer.bind_key(key, _bound(self._chooser(place)), overwrite=True)
        self._layers.append(layer)

    def add_to(self, widget: QWidget) -> None:
        """Let the same keys work while ``widget`` or a part of it has the focus."""
        for key, call in self._calls().items():
            shortcut = QShortcut(QKeySequence(key.replace("-", "+")), widget)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(call)

    def close(self) -> None:
        """Give napari its keys back."""
        for layer in self._layers:
            for key in DIGITS:
                layer.bind_key(key, None)
        for key in self._calls():
            self._viewer.bind_key(key, None)
        self._layers.clear()

    def _calls(self) -> dict[str, Callable[[], None]]:
        digits = {key: self._chooser(place) for place, key in enumerate(DIGITS, 1)}
        return {**digits, **self._actions}

    def _chooser(self, place: int) -> Callable[[], None]:
        return lambda: self._choose_place(place)


def _bound(call: Callable[[], None]) -> Callable[[Any], None]:
    """napari hands the viewer or layer over, which is not needed."""
    return lambda _owner: call()
