"""A kernel whose figures can be changed by wheel, keys or typing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QRegularExpression, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPen, QRegularExpressionValidator
from qtpy.QtWidgets import QLineEdit, QSizePolicy, QWidget

from unetscope.widgets.inside.fitted_height import FittedHeight
from unetscope.widgets.inside.number_grid import Grid, number, paint_grid, signed_grid
from unetscope.widgets.kit.looks import Tints, line_px

_STEPS = 20  # of the wheel from 0 to the largest value
_FRAME_PX = 3
_MOVES = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}
_NUMBER = QRegularExpression(r"[-+]?(\d{1,6}([.,]\d*)?|[.,]\d+)(e[-+]?\d)?")
_TIP = (
    "Arrow keys choose a cell; + and − or the mouse wheel change it (with Shift: ten times as "
    "much); Enter or a double click to type a value."
)


class KernelGrid(FittedHeight):
    """One (y, x) plane of numbers, coloured about 0; ``edited()`` after each change by hand."""

    edited = Signal()
    changes_by_wheel = True  # so a panel keeps the wheel from it until it was clicked

    def __init__(self, tints: Tints, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tints = tints
        self.values: NDArray[np.float64] = np.zeros((3, 3))
        self.chosen = (1, 1)
        self._limit = 1.0
        self._field = _Field(self)
        self._field.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._field.setValidator(QRegularExpressionValidator(_NUMBER, self._field))
        self._field.setTextMargins(0, 0, 0, 0)
        self._field.hide()
        self._field.editingFinished.connect(self._typed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setToolTip(_TIP)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(90)
        self._tell()

    def show_values(self, values: NDArray[np.floating[Any]], limit: float) -> None:
        """Show a (y, x) plane, coloured to ± ``limit``."""
        self._field.hide()
        self.values = np.array(values, dtype=np.float64)
        self._limit = limit if limit > 0 else 1.0
        rows, columns = self.values.shape
        self.chosen = (min(self.chosen[0], rows - 1), min(self.chosen[1], columns - 1))
        self._tell()
        self.fit()
        self.update()

    def set_value(self, cell: tuple[int, int], value: float) -> None:
        """Change one cell, as by hand."""
        if not math.isfinite(value) or value == self.values[cell]:
            return
        self.values[cell] = value
        self._tell()
        self.update()
        self.edited.emit()

    def cell_at(self, place: QPointF) -> tuple[int, int] | None:
        """(row, column) of the cell under a place."""
        cells = self._grid().cells(self._left(), _FRAME_PX, self._cell_px())
        hit = next((index for rect, index in cells if rect.contains(place)), None)
        return None if hit is None else divmod(hit, self.values.shape[1])

    def paintEvent(self, event: Any) -> None:
        """Draw the cells, and a frame about the chosen one."""
        painter = QPainter(self)
        paint_grid(painter, self._grid(), self._left(), _FRAME_PX, self._cell_px())
        color = self.tints.accent if self.hasFocus() else self.tints.faint
        painter.setPen(QPen(QColor(color), 3 if self.hasFocus() else 2))
        painter.drawRect(self._place().adjusted(-1, -1, 0, 0))
        painter.end()

    def mousePressEvent(self, event: Any) -> None:
        """Choose the cell clicked on."""
        self._choose(self.cell_at(event.position()))

    def mouseDoubleClickEvent(self, event: Any) -> None:
        """Type a value."""
        if self.cell_at(event.position()) is not None:
            self._type()

    def wheelEvent(self, event: Any) -> None:
        """Change the cell under the mouse; without focus the wheel scrolls the window."""
        cell = self.cell_at(event.position())
        if not self.hasFocus() or cell is None:
            event.ignore()
            return
        self._choose(cell)
        turn = event.angleDelta().y() or event.angleDelta().x()  # Shift turns it sideways
        self._spin(turn / 120, event.modifiers())
        event.accept()

    def keyPressEvent(self, event: Any) -> None:
        """Choose and change cells."""
        key = Qt.Key(event.key())
        if key in _MOVES:
            rows, columns = self.values.shape
            down, right = _MOVES[key]
            row, column = self.chosen[0] + down, self.chosen[1] + right
            self._choose((min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)))
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self._spin(1, event.modifiers() if key == Qt.Key.Key_Equal else None)
        elif key in (Qt.Key.Key_Minus, Qt.Key.Key_Underscore):
            self._spin(-1, event.modifiers())
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_F2):
            self._type()
        else:
            super().keyPressEvent(event)

    def _spin(self, steps: float, modifiers: Any = None) -> None:
        large = modifiers is not None and bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
        step = self._limit / _STEPS * (10 if large else 1)
        value = float(self.values[self.chosen]) + steps * step
        self.set_value(self.chosen, 0.0 if abs(value) < step / 1000 else value)

    def _choose(self, cell: tuple[int, int] | None) -> None:
        if cell is not None and cell != self.chosen:
            self._field.hide()
            self.chosen = cell
            self._tell()
            self.update()

    def _type(self) -> None:
        place = self._place().toRect()
        wide = max(place.width(), round(line_px(self) * 4.5))
        high = max(place.height(), round(line_px(self) * 1.5))
        left = min(max(0, place.center().x() - wide // 2), max(0, self.width() - wide))
        top = min(max(0, place.center().y() - high // 2), max(0, self.height() - high))
        self._field.setGeometry(left, top, wide, high)
        self._field.setText(f"{self.values[self.chosen]:.4g}")
        self._field.selectAll()
        self._field.show()
        self._field.setFocus()

    def _typed(self) -> None:
        if self._field.isHidden():
            return
        by_enter = self._field.hasFocus()  # else by a click elsewhere, which keeps the focus
        self._field.hide()
        if by_enter:
            self.setFocus()
        self.set_value(self.chosen, float(self._field.text().replace(",", ".")))

    def _tell(self) -> None:
        row, column = self.chosen
        value = number(float(self.values[self.chosen]))
        self.setAccessibleName(f"Kernel, row {row + 1}, column {column + 1}: {value}")

    def _grid(self) -> Grid:
        return signed_grid(self.values, self._limit)

    def _cell_px(self) -> float:
        rows, columns = self.values.shape
        room = (self.width() - 2 * _FRAME_PX) / columns
        return max(6.0, min(room, line_px(self) * 3.0, line_px(self) * 15.0 / rows))

    def _left(self) -> float:
        return float(_FRAME_PX)

    def _place(self) -> QRectF:
        row, column = self.chosen
        index = row * self.values.shape[1] + column
        return self._grid().cells(self._left(), _FRAME_PX, self._cell_px())[index][0]

    def needed_px(self) -> int:
        """The height at the present width and font."""
        return math.ceil(self.values.shape[0] * self._cell_px()) + 2 * _FRAME_PX


class _Field(QLineEdit):
    """Where a value is typed: Enter ends it and Esc takes it back; neither goes on to the grid."""

    def keyPressEvent(self, event: Any) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._leave()
        else:
            super().keyPressEvent(event)
        event.accept()

    def focusOutEvent(self, event: Any) -> None:
        super().focusOutEvent(event)  # takes the value over if it is one
        self.hide()

    def _leave(self) -> None:
        self.hide()
        grid = self.parentWidget()
        if grid is not None:
            grid.setFocus()
