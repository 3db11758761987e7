"""The channels that fire most strongly at the probed place, as bars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QEvent, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import QSizePolicy, QWidget

from unetscope.widgets.kit.looks import Tints, line_px

ROWS = 5
_ROW_LINES = 1.3
_EMPTY = "Point at the image to see which channels fire there."


class StrongestPanel(QWidget):
    """Bars ``#7 ▇▇▇▇ 0.41``; ``chosen(channel)`` when one is clicked.

    Painted as a whole, at a height that stays, so that it can follow the cursor without flicker.
    """

    chosen = Signal(int)

    def __init__(self, tints: Tints, rows: int = ROWS, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tints = tints
        self._rows = rows
        self._shown: tuple[tuple[int, float, float], ...] = ()
        self._message = _EMPTY
        self._current = -1  # a row, for mouse and keys
        self._selected: int | None = None  # a channel
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Strongest channels here")
        self.setToolTip("Click a channel to see its map.")
        self._size()

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        self.update()

    def show_channels(self, channels: Sequence[tuple[int, float, float]]) -> None:
        """Show ``(channel, value, score)``, strongest first; a score of 1 fills the bar.

        What does not fit into the rows is left out; scores outside 0..1 are clipped.
        """
        shown = tuple(
            (int(c), float(v), min(1.0, max(0.0, float(s))) if math.isfinite(s) else 0.0)
            for c, v, s in channels[: self._rows]
        )
        if shown == self._shown and shown:
            return
        self._shown = shown
        self._message = _EMPTY
        self._current = min(self._current, len(shown) - 1)
        self.setAccessibleDescription(", ".join(f"{c}: {value_text(v)}" for c, v, _ in shown))
        self.update()

    def show_message(self, text: str) -> None:
        """Show a sentence instead of bars."""
        self._shown, self._message, self._current = (), text, -1
        self.setAccessibleDescription(text)
        self.update()

    def select(self, channel: int | None) -> None:
        """Mark the channel whose map is shown; no signal."""
        self._selected = channel
        self.update()

    @property
    def channels(self) -> list[int]:
        """The channels that are shown."""
        return [channel for channel, _, _ in self._shown]

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(line_px(self) * 16, self.height())

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        return QSize(line_px(self) * 8, self.height())

    def changeEvent(self, event: Any) -> None:
        """Follow the font."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._size()

    def _size(self) -> None:
        self.setFixedHeight(round(self._rows * self._row_px()) + 2)

    def _row_px(self) -> float:
        return _ROW_LINES * line_px(self)

    # ---- mouse and keys

    def _row_at(self, y: float) -> int:
        row = int((y - 1) // self._row_px())
        return row if 0 <= row < len(self._shown) else -1

    def mouseMoveEvent(self, event: Any) -> None:
        """Light up the bar under the mouse."""
        self._go(self._row_at(event.position().y()))

    def leaveEvent(self, event: Any) -> None:
        """Light up none."""
        if not self.hasFocus():
            self._go(-1)

    def mousePressEvent(self, event: Any) -> None:
        """Choose the channel under the mouse."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._choose(self._row_at(event.position().y()))

    def keyPressEvent(self, event: Any) -> None:
        """Up and down walk through the bars, Enter chooses."""
        last, key = len(self._shown) - 1, event.key()
        if last >= 0 and key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            step = 1 if key == Qt.Key.Key_Down else -1
            self._go(min(max(self._current + step, 0), last))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Space) and self._current >= 0:
            self._choose(self._current)
        else:
            super().keyPressEvent(event)

    def _go(self, row: int) -> None:
        if row != self._current:
            self._current = row
            over = Qt.CursorShape.PointingHandCursor if row >= 0 else Qt.CursorShape.ArrowCursor
            self.setCursor(over)
            self.update()

    def _choose(self, row: int) -> None:
        if 0 <= row < len(self._shown):
            self._go(row)  # the arrow keys go on from here
            channel = self._shown[row][0]
            self.select(channel)
            self.chosen.emit(channel)

    # ---- painting

    def paintEvent(self, event: Any) -> None:
        """Draw the bars, or the sentence."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self._shown:
            painter.setPen(QColor(self._tints.faint))
            flags = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
            painter.drawText(self.rect(), flags | int(Qt.TextFlag.TextWordWrap), self._message)
        else:
            metrics = self.fontMetrics()
            names = max(metrics.horizontalAdvance(f"#{c}") for c, _, _ in self._shown)
            values = max(metrics.horizontalAdvance(value_text(v)) for _, v, _ in self._shown)
            names = max(names, metrics.horizontalAdvance("#000"))  # bars do not jump sideways
            values = max(values, metrics.horizontalAdvance("−0.000"))
            for row in range(len(self._shown)):
                self._paint_row(painter, row, names, values)
        painter.end()

    def _paint_row(self, painter: QPainter, row: int, names: int, values: int) -> None:
        tints = self._tints
        channel, value, score = self._shown[row]
        height = self._row_px()
        top, gap = 1 + row * height, line_px(self) * 0.4
        whole = QRectF(1, top, self.width() - 2, height - 1)
        chosen = channel == self._selected
        painter.setPen(Qt.PenStyle.NoPen)
        if row == self._current or chosen:
            painter.setBrush(QColor(tints.card))
            painter.drawRoundedRect(whole, 3, 3)
        room = QRectF(gap + names + gap, top + height * 0.2, 0, height * 0.6)
        room.setRight(self.width() - gap - values - gap)
        painter.setBrush(QColor(tints.background if row == self._current or chosen else tints.card))
        painter.drawRoundedRect(room, 2, 2)
        bar = QRectF(room)
        bar.setWidth(max(1.0, room.width() * score))
        painter.setBrush(QColor(tints.accent if chosen else tints.busy))
        painter.drawRoundedRect(bar, 2, 2)
        painter.setPen(QColor(tints.text))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(
            QRectF(gap, top, names, height), int(middle | Qt.AlignmentFlag.AlignLeft), f"#{channel}"
        )
        painter.drawText(
            QRectF(self.width() - gap - values, top, values, height),
            int(middle | Qt.AlignmentFlag.AlignRight),
            value_text(value),
        )


def value_text(value: float) -> str:
    """A value in three digits, with a true minus sign."""
    text = f"{value:#.3g}" if abs(value) < 100 else f"{value:.0f}"
    return text.replace("-", "−")
