"""A ring about the control that has the keyboard focus, seen on any ground of any theme."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QPoint, QRect, Qt
from qtpy.QtGui import QPainter, QPalette, QPen
from qtpy.QtWidgets import QWidget

_LINE_PX = 2
_NOT_SHOWN = (Qt.FocusReason.MouseFocusReason, Qt.FocusReason.PopupFocusReason)


class FocusRing(QWidget):
    """Lies over a panel's parts and about one of them; the mouse goes through it.

    Parameters
    ----------
    panel
        The panel.
    body
        What scrolls in it: there the ring scrolls along.
    """

    def __init__(self, panel: QWidget, body: QWidget) -> None:
        super().__init__(panel)
        self._panel, self._body = panel, body
        self._around: QWidget | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setStyleSheet("background: transparent; border: none;")
        self.hide()

    def enter(self, control: Any, reason: Qt.FocusReason) -> None:
        """A control has got the focus; by a click it needs no ring, for the eye is there."""
        self._around = None if reason in _NOT_SHOWN or control is self._panel else control
        self.fit()

    def leave(self, control: Any) -> None:
        """A control has lost the focus."""
        if control is self._around:
            self._around = None
            self.fit()

    def fit(self) -> None:
        """Lie where the control is now."""
        control = self._around
        if control is None or not control.isVisible():
            if self.isVisible():
                self.hide()
            return
        above = self._body if self._body.isAncestorOf(control) else self._panel
        if self.parentWidget() is not above:
            self.setParent(above)
        place = QRect(control.mapTo(above, QPoint(0, 0)), control.size())
        if place != self.geometry() or not self.isVisible():
            self.setGeometry(place)
            self.raise_()
            self.show()

    def paintEvent(self, event: Any) -> None:
        """Draw the ring in the colour of text, with a thin line of the ground inside."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        inner, colors = self.rect().adjusted(1, 1, -1, -1), self.palette()
        painter.setPen(QPen(colors.color(QPalette.ColorRole.WindowText), _LINE_PX))
        painter.drawRoundedRect(inner, 3, 3)
        painter.setPen(QPen(colors.color(QPalette.ColorRole.Window), 1))
        painter.drawRoundedRect(inner.adjusted(2, 2, -2, -2), 2, 2)
        painter.end()
