"""A warning under the classes when one of them is painted far more than another."""

from __future__ import annotations

from qtpy.QtWidgets import QLabel, QWidget

from unetscope.learning.advice.class_balance import class_balance
from unetscope.session.state import Session
from unetscope.widgets.kit.looks import quiet


class BalanceLine(QLabel):
    """Hidden while the painted pixels of the classes are within 1 : 50."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        quiet(self)
        self.setAccessibleName("Balance of the classes")
        self.refresh()

    def refresh(self) -> None:
        """Say what the painted pixels say."""
        names = {c.value: f"“{c.name}”" for c in self._session.classes}
        warning = class_balance(self._session.painted, names).warning
        self.setText(warning or "")
        self.setVisible(warning is not None)
