"""What the colours of objects mean: a bar of them with the values at its ends."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.utils.colormaps import ensure_colormap
from qtpy.QtCore import QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QLinearGradient, QPainter, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from unetscope.measuring.columns import Column
from unetscope.widgets.kit.arranging import row
from unetscope.widgets.kit.looks import Tints, line_px, small_button
from unetscope.widgets.measuring.cells import significant

COLORMAP = "viridis"
_STOPS = 17
_BAR_LINES, _BAR_WIDE = 0.55, 24  # height and width of the bar, in lines of text
_TIP = (
    "Colours run between the values that 2 and 98 % of the objects lie below; what is empty or "
    "not shown in the table is clear."
)


class ColourLegend(QWidget):
    """Hidden until objects are coloured by a measure. ``cleared()``: a person wants no colours."""

    cleared = Signal()

    def __init__(self, tints: Tints, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bar = ColourBar(tints)
        self.clear = small_button("no colours", "Give each object a colour of its own again.")
        self.clear.clicked.connect(lambda _checked: self.cleared.emit())
        line = row(self.bar, self.clear, owner=self)
        line.setSpacing(6)
        line.addStretch(1)
        self.setToolTip(_TIP)
        self.tell(None, (0.0, 1.0))

    def tell(self, about: Column | None, limits: tuple[float, float]) -> None:
        """Colours mean this column, with these values at the ends; None: objects have none."""
        self.setVisible(about is not None)
        if about is not None:
            self.bar.tell(about, limits)

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self.bar.set_tints(tints)


class ColourBar(QWidget):
    """The colours from left to right; below them the ends, and the measure in the middle."""

    def __init__(self, tints: Tints, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tints = tints
        self.ends = ("", "")
        self.words = ""
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        colors = ensure_colormap(COLORMAP).map(np.linspace(0, 1, _STOPS))
        self._colors = [QColor.fromRgbF(*(float(part) for part in color)) for color in colors]

    def tell(self, about: Column, limits: tuple[float, float]) -> None:
        """Say what the colours mean."""
        low, high = (significant(value, 3) for value in limits)
        self.ends = (f"≤ {low}", f"≥ {high}")
        name = about.key.replace("_", " ")
        self.words = f"{name} ({about.unit})" if about.unit else name
        self.setAccessibleName(f"Colours: {self.words} from {low} to {high}")
        self.update()

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        self.update()

    def sizeHint(self) -> QSize:
        """A bar and a line of text."""
        return QSize(_BAR_WIDE * line_px(self), round(line_px(self) * (1.1 + _BAR_LINES)))

    def minimumSizeHint(self) -> QSize:
        """As high, and narrower."""
        return QSize(_BAR_WIDE // 2 * line_px(self), self.sizeHint().height())

    def paintEvent(self, event: Any) -> None:
        """Draw the bar and its words; the measure is shortened where there is no room."""
        painter = QPainter(self)
        high = line_px(self) * _BAR_LINES
        place = QRectF(0.5, 0.5, self.width() - 1, high)
        fill = QLinearGradient(place.topLeft(), place.topRight())
        for at, color in enumerate(self._colors):
            fill.setColorAt(at / (_STOPS - 1), color)
        painter.fillRect(place, fill)
        painter.setPen(QPen(QColor(self._tints.faint)))
        painter.drawRect(place)
        self._write(painter, QRectF(0, high + 2, self.width(), self.height() - high - 2))
        painter.end()

    def _write(self, painter: QPainter, place: QRectF) -> None:
        painter.setPen(QPen(QColor(self._tints.text)))
        sides = (Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight)
        for side, end in zip(sides, self.ends, strict=True):
            painter.drawText(place, int(side | Qt.AlignmentFlag.AlignVCenter), end)
        taken = 2 * max(self.fontMetrics().horizontalAdvance(end) for end in self.ends)
        room = int(place.width()) - taken - line_px(self)
        words = self.fontMetrics().elidedText(self.words, Qt.TextElideMode.ElideRight, room)
        painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), words)
