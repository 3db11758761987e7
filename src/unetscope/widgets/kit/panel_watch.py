"""What a panel notices of all its parts: the wheel, which scrolls it, and the keyboard focus."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import (
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QScrollBar,
    QTabBar,
    QWidget,
)

from unetscope.widgets.kit.focus_ring import FocusRing

_VALUES = (QComboBox, QAbstractSpinBox, QAbstractSlider, QTabBar)
_MOVING = (QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.Show, QEvent.Type.Hide)


class PanelWatch(QObject):
    """An event filter on a panel and on every part of it, also on those that come later.

    The wheel changes a slider or a spin box from a click on it until the pointer leaves it, and
    scrolls the panel otherwise. A combo box and a row of tabs never take the wheel: a click opens
    the list, which scrolls by itself.
    """

    def __init__(self, panel: QWidget, ring: FocusRing) -> None:
        super().__init__(panel)
        self._ring = ring
        self._clicked: QObject | None = None
        self._watch(panel)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Let the wheel pass by a value that was not clicked, up to what scrolls."""
        kind = event.type()
        if kind == QEvent.Type.Wheel:
            return _has_value(watched) and self._passed_by(watched, event)
        if kind == QEvent.Type.ChildPolished:
            if isinstance(event.child(), QWidget):
                self._watch(event.child())
        elif kind == QEvent.Type.MouseButtonPress:
            self._clicked = _value_around(watched)
        elif kind == QEvent.Type.Leave and watched is self._clicked:
            self._clicked = None
        elif kind == QEvent.Type.FocusIn:
            self._ring.enter(watched, event.reason())
        elif kind == QEvent.Type.FocusOut:
            self._ring.leave(watched)
        elif kind in _MOVING:
            self._ring.fit()
        return False

    def _passed_by(self, widget: QObject, event: Any) -> bool:
        if widget is self._clicked and not isinstance(widget, QComboBox | QTabBar):
            return False
        event.ignore()  # its parent gets it
        return True

    def _watch(self, widget: QWidget) -> None:
        """Watch a widget and all that is in it; twice is once."""
        for part in (widget, *widget.findChildren(QWidget)):
            if part is self._ring:
                continue
            part.installEventFilter(self)
            if _has_value(part) and part.focusPolicy() == Qt.FocusPolicy.WheelFocus:
                part.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # scrolling by is no wish for it


def _has_value(widget: Any) -> bool:
    if isinstance(widget, QScrollBar):
        return False
    return isinstance(widget, _VALUES) or bool(getattr(widget, "changes_by_wheel", False))


def _value_around(widget: Any) -> QObject | None:
    """The value that a widget is, or is the text field of; None for anything else."""
    if _has_value(widget):
        return widget
    above = widget.parent()
    return above if isinstance(above, QAbstractSpinBox) else None
