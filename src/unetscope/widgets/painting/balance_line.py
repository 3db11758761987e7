"""A warning under the classes when one of them is painted far more than another."""

from __future__ import annotations

from qtpy.QtWidgets import QLabel

from unetscope.learning.advice.class_balance import class_balance
from unetscope.widgets.kit.arranging import column
from unetscope.widgets.kit.looks import quiet
from unetscope.widgets.kit.panel import Panel
from unetscope.workbench.workbench import Workbench


class BalanceLine(Panel):
    """Hidden while the painted pixels of the classes are within 1 : 50."""

    SHOWS = frozenset({"classes", "painted"})

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self.words = quiet(QLabel())
        self.words.setAccessibleName("Balance of the classes")
        column(self, self.words)
        self.refresh()

    def refresh(self) -> None:
        """Say what the painted pixels say."""
        names = {c.value: f"“{c.name}”" for c in self._session.classes}
        warning = class_balance(self._session.painted, names).warning
        self.words.setText(warning or "")
        self.setVisible(warning is not None)
