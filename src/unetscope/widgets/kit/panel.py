"""A part of the first dock, and what it says of itself: what redraws it, its colours, its keys.

A new part is one file with an heir of :class:`Panel`, and its place in the list of the section it
belongs to, in :mod:`unetscope.widgets.painting.five_sections`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame

from unetscope.session.layers.connections import Connections
from unetscope.widgets.kit.keys import Action, KeyTable
from unetscope.widgets.kit.looks import Tints
from unetscope.widgets.kit.shortcuts import Calls
from unetscope.workbench.workbench import Workbench


class Panel(QFrame):
    """A part of the dock. It shows the session and calls ``work``, which does things.

    ``SHOWS`` are the fields of the session whose change redraws it, by :meth:`refresh`. ``ACTIONS``
    are keys that no other part knows; those of ``kit/keys.py`` can be changed in the preferences.
    ``called_for`` says that it has news and should be in view, ``help_wanted`` that every key is to
    be shown, ``dock_wanted(name)`` that another dock of the plugin is to come up. Before it is seen
    the dock shows it the keys, sets its tints and refreshes it.
    ``parts`` are other panels that lie in it, each told everything by the dock as well.
    """

    SHOWS: ClassVar[frozenset[str]] = frozenset()
    ACTIONS: tuple[Action, ...] = ()

    called_for = Signal()
    help_wanted = Signal()
    dock_wanted = Signal(str)
    parts: tuple[Panel, ...] = ()

    def __init__(self, work: Workbench) -> None:
        super().__init__()
        self.setStyleSheet("Panel { padding: 0px; }")  # napari's style insets frames
        self._session = work.session
        self._connections = Connections()  # of what outlives the panel

    def refresh(self) -> None:
        """Show the session as it is."""

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""

    def show_keys(self, keys: KeyTable) -> None:
        """Tooltips with the keys as they are."""

    def keys(self) -> Calls:
        """Name of an action -> what its key does."""
        return {}

    def bring_out(self, part: Panel) -> None:
        """Open what hides ``part``, one of its parts or of theirs."""

    def called_on(self, *, on: bool) -> None:
        """A person opens or closes it, where it is one of several that take turns."""

    def let_go(self) -> None:
        """Hear nothing any more; the dock closes."""
        self._connections.close()


def all_parts(panels: Iterable[Panel]) -> Iterator[Panel]:
    """Panels and those that lie in them, from top to bottom."""
    for panel in panels:
        yield panel
        yield from all_parts(panel.parts)
