"""Keys that work while the objects' layer is active, and in the dock and its table."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QWidget

from unetscope.widgets.kit.napari_keys import as_written
from unetscope.widgets.kit.shortcuts import Calls

_ON_LAYERS = ("Enter",)  # in the dock it belongs to fields and buttons


class ObjectKeys:
    """Binds on one layer at a time and on widgets; other layers keep their keys."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._shortcuts: list[QShortcut] = []

    def bind_layer(self, layer: Any) -> None:
        """Let the keys work while ``layer`` is active."""
        for key, call in self._calls.items():
            layer.bind_key(key, _pressed(call), overwrite=True)

    def add_to(self, widget: QWidget) -> None:
        """Let them work while ``widget`` or a part of it has the focus, but in fields of text."""
        for key, call in self._calls.items():
            if key in _ON_LAYERS:
                continue
            shortcut = QShortcut(QKeySequence(as_written(key)), widget)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(call)
            self._shortcuts.append(shortcut)

    def close(self) -> None:
        """Let go of the widgets; the keys of a layer go with it."""
        for shortcut in self._shortcuts:
            with suppress(RuntimeError):  # Qt may have deleted it with its widget
                shortcut.setEnabled(False)
                shortcut.deleteLater()
        self._shortcuts.clear()


def _pressed(call: Callable[[], object]) -> Callable[[Any], None]:
    """napari hands the layer over, which is not needed."""

    def press(_layer: Any) -> None:
        call()

    return press
