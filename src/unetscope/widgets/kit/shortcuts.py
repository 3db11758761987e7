"""Keys that work while the image has the focus, and in the window.

They are bound on the viewer and on image and labels layers, where napari would otherwise change its
tool: a digit chooses a class whichever of them is active, also the hidden truth of a sample. Other
layers keep their keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from napari.layers import Image, Labels
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QWidget

from unetscope.session.layers.connections import Connections
from unetscope.session.layers.layer_facts import layer_key, role_of
from unetscope.widgets.kit.keys import DIGITS, KeyTable
from unetscope.widgets.kit.napari_keys import HELP, as_written

_OTHERS = ("objects",)  # roles of layers with keys of another panel
Calls = Mapping[str, Callable[[], object]]  # name of an action -> what it does


class Shortcuts:
    """Binds on viewer, layers and widgets, and unbinds on :meth:`close`."""

    def __init__(
        self,
        viewer: Any,
        keys: KeyTable,
        choose_place: Callable[[int], None],
        calls: Calls,
    ) -> None:
        self._viewer, self._keys, self._calls = viewer, keys, calls
        self._choose_place = choose_place
        self._layers: dict[str, Any] = {}
        self._widgets: list[QWidget] = []
        self._shortcuts: list[QShortcut] = []
        self._connections = Connections()
        self._connections.connect(viewer.layers.events.inserted, self._inserted)
        self._connections.connect(viewer.layers.events.removed, self._removed)
        for layer in viewer.layers:
            self._consider(layer)
        self._bind_all()

    def bind_layer(self, layer: Any) -> None:
        """Let the keys work while ``layer`` is active, too."""
        self._layers[layer_key(layer)] = layer
        self._bind(layer)

    def add_to(self, widget: QWidget) -> None:
        """Let the same keys work while ``widget`` or a part of it has the focus.

        The question mark works in its whole window: napari has no name for that key.
        """
        self._widgets.append(widget)
        self._bind_widgets()

    def rebind(self, keys: KeyTable) -> None:
        """Take other keys."""
        self._unbind_all()
        self._keys = keys
        self._bind_all()

    def close(self) -> None:
        """Give napari its keys back."""
        self._connections.close()
        self._unbind_all()
        self._layers.clear()
        self._widgets.clear()

    # ---- inside

    def _by_key(self) -> dict[str, Callable[[], object]]:
        digits = {key: self._chooser(place) for place, key in enumerate(DIGITS, 1)}
        return {**digits, **{self._keys.key(name): call for name, call in self._calls.items()}}

    def _chooser(self, place: int) -> Callable[[], object]:
        return lambda: self._choose_place(place)

    def _bind_all(self) -> None:
        for owner in (self._viewer, *self._layers.values()):
            self._bind(owner)
        self._bind_widgets()

    def _unbind_all(self) -> None:
        for owner in (self._viewer, *self._layers.values()):
            for key in self._by_key():
                if key != HELP:
                    owner.bind_key(key, None)
        self._drop_shortcuts()

    def _bind(self, owner: Any) -> None:
        for key, call in self._by_key().items():
            if key != HELP:
                owner.bind_key(key, _bound(call), overwrite=True)

    def _bind_widgets(self) -> None:
        self._drop_shortcuts()
        for widget in self._widgets:
            for key, call in self._by_key().items():
                if key != HELP:
                    context = Qt.ShortcutContext.WidgetWithChildrenShortcut
                    self._add_shortcut(as_written(key), widget, context, call)
                    continue
                for spelling in (HELP, f"Shift+{HELP}"):  # with or without the Shift it is made by
                    context = Qt.ShortcutContext.WindowShortcut
                    self._add_shortcut(spelling, widget, context, call)

    def _add_shortcut(
        self, key: str, widget: QWidget, context: Qt.ShortcutContext, call: Callable[[], object]
    ) -> None:
        shortcut = QShortcut(QKeySequence(key), widget)
        shortcut.setContext(context)
        shortcut.activated.connect(call)
        shortcut.activatedAmbiguously.connect(call)  # where a keyboard makes both spellings
        self._shortcuts.append(shortcut)

    def _drop_shortcuts(self) -> None:
        for shortcut in self._shortcuts:
            with suppress(RuntimeError):  # Qt may have deleted it with its widget
                shortcut.setEnabled(False)
                shortcut.deleteLater()
        self._shortcuts.clear()

    def _consider(self, layer: Any) -> None:
        role = role_of(layer)
        if role not in _OTHERS and (role or isinstance(layer, Image | Labels)):
            self.bind_layer(layer)

    def _inserted(self, event: Any) -> None:
        self._consider(event.value)

    def _removed(self, event: Any) -> None:
        self._layers.pop(layer_key(event.value), None)


def _bound(call: Callable[[], object]) -> Callable[[Any], None]:
    """napari hands the viewer or layer over, which is not needed."""

    def press(_owner: Any) -> None:
        call()

    return press
