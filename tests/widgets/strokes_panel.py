"""A part of the dock in one file, to copy: it counts what is painted, and its key says it aloud."""

from __future__ import annotations

from qtpy.QtWidgets import QLabel

from unetscope.session.values import Message
from unetscope.widgets.kit.arranging import column
from unetscope.widgets.kit.keys import Action, KeyTable
from unetscope.widgets.kit.looks import Tints, quiet
from unetscope.widgets.kit.panel import Panel
from unetscope.widgets.kit.shortcuts import Calls
from unetscope.workbench.workbench import Workbench


class StrokesPanel(Panel):
    """How many pixels are painted, in one sentence."""

    SHOWS = frozenset({"painted"})
    ACTIONS = (Action("count", "F8", "Count the strokes", "Says how many pixels are painted."),)

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self.words = quiet(QLabel())
        column(self, self.words)

    def refresh(self) -> None:
        """Count."""
        self.words.setText(f"{sum(self._session.painted.values()):,} px are painted.")

    def set_tints(self, tints: Tints) -> None:
        """In the colour of the theme's small print."""
        self.words.setStyleSheet(f"color: {tints.faint}")

    def show_keys(self, keys: KeyTable) -> None:
        """The key is in the tooltip."""
        self.words.setToolTip(keys.tip("count", "All images together."))

    def keys(self) -> Calls:
        """Say it in the status line."""
        return {"count": self._say}

    def _say(self) -> None:
        self._session.message = Message(self.words.text())
