"""The keys of one window: bound, shown in tooltips and on a card, and changed in Preferences."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QWidget

from unetscope.widgets.kit.help_panel import HelpPanel
from unetscope.widgets.kit.keys import Action, KeyTable, chosen_keys
from unetscope.widgets.kit.looks import Tints
from unetscope.widgets.kit.napari_keys import keys_on_labels
from unetscope.widgets.kit.shortcuts import Calls, Shortcuts


class Keyboard(QObject):
    """Holds the table of keys and hands it to what binds and what shows them.

    Parameters
    ----------
    viewer
        The viewer.
    window
        The panel; the card of keys lies over its window.
    choose_place
        Chooses the class at a place of the table, from 1.
    calls
        What the other actions do; ``help`` is added here.
    own
        The actions among them that only a panel knows.
    """

    def __init__(
        self,
        viewer: Any,
        window: QWidget,
        choose_place: Callable[[int], None],
        calls: Calls,
        own: tuple[Action, ...] = (),
    ) -> None:
        super().__init__(window)
        self.keys = KeyTable(own=own)
        self.card = HelpPanel(window)
        calls = {**calls, "help": self.card.toggle}
        self.shortcuts = Shortcuts(viewer, self.keys, choose_place, calls)
        self.shortcuts.add_to(window)
        self._shown: list[Callable[[KeyTable], None]] = []
        self._tints: Tints | None = None

    def close(self) -> None:
        """Give napari its keys back."""
        with suppress(RuntimeError):  # closing napari may have deleted it with the window
            self.card.hide()
        self.shortcuts.close()

    def tell(self, *show_keys: Callable[[KeyTable], None]) -> None:
        """Show the keys there, now and after each change."""
        self._shown.extend(show_keys)
        for show in show_keys:
            show(self.keys)

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        self.card.fill(self.keys, tints)

    def take(self, wishes: dict[str, str]) -> tuple[str, ...]:
        """Take the keys of the preferences; return why some were refused."""
        keys, refused = chosen_keys(wishes, keys_on_labels(), self.keys.own)
        if keys != self.keys:
            self.keys = keys
            self.shortcuts.rebind(keys)
            for show in self._shown:
                show(keys)
            if self._tints is not None:
                self.card.fill(keys, self._tints)
        return refused
