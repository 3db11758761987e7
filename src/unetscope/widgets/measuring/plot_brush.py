"""A brush over a plot: a person drags over a range of the axis, or clicks to take it away."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QObject, QPointF, Qt, Signal
from qtpy.QtGui import QColor

from unetscope.widgets.kit.plots import plotting

_DRAG_PX = 3  # a press that moves less is a click
_ALPHA = 70


class PlotBrush(QObject):
    """Marks a range of the x axis of a pyqtgraph plot.

    ``dragged(one, other, step)`` with the ends in units of the axis, in no order, and how long a
    pixel of the screen is there; ``cleared()`` after a click.
    """

    dragged = Signal(float, float, float)
    cleared = Signal()

    def __init__(self, graph: Any) -> None:
        super().__init__(graph)
        self._graph = graph
        self._pressed: float | None = None  # px
        self._region = plotting().LinearRegionItem(movable=False)
        self._region.setZValue(-10)
        graph.viewport().installEventFilter(self)
        graph.setCursor(Qt.CursorShape.CrossCursor)

    def mark(self, ends: tuple[float, float] | None, color: str) -> None:
        """Draw a range in the units of the axis; None: nothing. After the plot was cleared, too."""
        if self._region not in self._graph.items():
            self._graph.addItem(self._region)
        fill = QColor(color)
        fill.setAlpha(_ALPHA)
        self._region.setBrush(fill)
        for line in self._region.lines:
            line.setPen(plotting().mkPen(color))
        self._region.setVisible(ends is not None)
        if ends is not None:
            self._region.setRegion(ends)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Presses, drags and releases on the plot."""
        kinds = {
            QEvent.Type.MouseButtonPress: self._press,
            QEvent.Type.MouseMove: self._drag,
            QEvent.Type.MouseButtonRelease: self._release,
        }
        act = kinds.get(event.type()) if event is not None else None
        if act is None:
            return False
        act(event)
        return True

    def _press(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed = event.position().x()

    def _drag(self, event: Any) -> None:
        if self._pressed is not None and self._is_drag(event):
            step = float(self._graph.getViewBox().viewPixelSize()[0])
            self.dragged.emit(self._at(self._pressed), self._at(event.position().x()), step)

    def _release(self, event: Any) -> None:
        was_click = self._pressed is not None and not self._is_drag(event)
        self._pressed = None
        if was_click:
            self.cleared.emit()

    def _is_drag(self, event: Any) -> bool:
        return abs(event.position().x() - (self._pressed or 0.0)) >= _DRAG_PX

    def _at(self, x_px: float) -> float:
        place = self._graph.mapToScene(round(x_px), 0)
        return float(self._graph.getViewBox().mapSceneToView(QPointF(place)).x())
