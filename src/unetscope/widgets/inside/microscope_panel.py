"""The arithmetic of one value, drawn: input window × kernel = product, the sum, what follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QHelpEvent, QPainter
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from unetscope.widgets.inside.arithmetic import Strip, agreement, drawing, heading, sum_line
from unetscope.widgets.inside.fitted_height import FittedHeight
from unetscope.widgets.inside.number_grid import number, paint_grid
from unetscope.widgets.kit.looks import Tints, line_px, quiet, small_button

FEW, MANY = 3, 16
_SIGN_LINES = 1.0  # the room for × and =, in line heights
_MARGIN_PX = 3
_TIP = (
    "Input window × kernel = product. Grey: the input. Red adds to the sum, blue takes away. "
    "Hover over a cell for its figures."
)


class MicroscopePanel(QWidget):
    """Shows what :func:`unetscope.inspection.convolution_at` and its like return.

    :meth:`show_value` is quick enough to follow the cursor. The input channels that add or take
    away most come first.
    """

    def __init__(self, tints: Tints, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tints = tints
        self._value: Any = None
        self.title = quiet(QLabel())
        self.sheet = StripsSheet(tints)
        self.behind = StripsSheet(tints)  # the pooling the value goes into
        self.rest = quiet(QLabel())
        self.more = small_button("Show more", "Show more input channels.")
        self.more.clicked.connect(self._toggle_more)
        self.sum = quiet(QLabel())
        self.sum.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.check = quiet(QLabel())
        below = QHBoxLayout()
        below.addWidget(self.rest, 1)
        below.addWidget(self.more)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self.title)
        layout.addWidget(self.sheet)
        layout.addLayout(below)
        layout.addWidget(self.sum)
        layout.addWidget(self.behind)
        layout.addWidget(self.check)
        self._dress()
        self.show_message("Point at the image.")

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        for sheet in (self.sheet, self.behind):
            sheet.tints = tints
            sheet.update()
        self._dress()

    def show_value(self, value: Any) -> None:
        """Draw a ``Convolution``, ``Pooling`` or ``Pointwise``."""
        self._value = value
        many = self.sheet.most > FEW
        drawn = drawing(value, self.sheet.most)
        rest = drawn.rest
        self.title.setText(heading(value))
        self.sheet.show_strips(drawn.strips)
        self.behind.show_strips(drawn.behind)
        self.rest.setText(rest)
        channels = len(getattr(value, "partial_sums", ()))
        self.more.setVisible(channels > FEW)
        self.more.setText("Show fewer" if many else "Show more")
        self.rest.setVisible(bool(rest) or channels > FEW)
        self.sum.setText(sum_line(value))
        text, same = agreement(value)
        self.check.setText(text)
        self.check.setStyleSheet(f"color: {self._tints.good if same else self._tints.error};")
        for part, shown in (
            (self.sheet, bool(drawn.strips)),
            (self.behind, bool(drawn.behind)),
            (self.sum, True),
            (self.check, True),
        ):
            part.setVisible(shown)
        self.setAccessibleDescription(f"{heading(value)}. {sum_line(value)}. {text}")

    def show_message(self, text: str) -> None:
        """Say why there is nothing to draw, or what to do."""
        self._value = None
        self.title.setText(text)
        self.setAccessibleDescription(text)
        for part in (self.sheet, self.rest, self.more, self.sum, self.behind, self.check):
            part.setVisible(False)

    def _toggle_more(self) -> None:
        self.sheet.most = FEW if self.sheet.most > FEW else MANY
        if self._value is not None:
            self.show_value(self._value)

    def _dress(self) -> None:
        self.title.setStyleSheet(f"color: {self._tints.text}; font-weight: bold;")
        self.rest.setStyleSheet(f"color: {self._tints.faint};")
        if self._value is not None:
            self.show_value(self._value)


class StripsSheet(FittedHeight):
    """The drawing: strips one below the other, as high as they need at the width there is."""

    usual_px = 280

    def __init__(self, tints: Tints, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tints = tints
        self.most = FEW
        self._strips: Sequence[Strip] = ()
        self.setToolTip(_TIP)
        self.setAccessibleName("Window, kernel and product")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(120)

    def show_strips(self, drawn: Sequence[Strip]) -> None:
        """Draw these from now on."""
        self._strips = drawn
        self.fit()
        self.update()

    def cell_px(self, strip: Strip) -> float:
        """The side of a cell so that a strip fills the width; the same for all of one layer."""
        columns = max(9, sum(grid.columns for grid in strip.grids))
        room = self.width() - 2 * _MARGIN_PX - 2 * self._sign_px()
        return max(3.0, min(room / columns, 2.6 * line_px(self)))

    def paintEvent(self, event: Any) -> None:
        """Draw every strip."""
        painter = QPainter(self)
        for strip, top in self._placed():
            self._paint_strip(painter, strip, top)
        painter.end()

    def event(self, event: Any) -> bool:
        """Say a cell's figures where the mouse rests."""
        if isinstance(event, QHelpEvent):
            told = self.figures_at(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), told or _TIP, self)
            return True
        return bool(super().event(event))

    def figures_at(self, place: QPointF) -> str:
        """The figures of the cell at a place of the drawing; empty where there is none."""
        for strip, top in self._placed():
            for lefts, grid in zip(self._lefts(strip), strip.grids, strict=True):
                cells = grid.cells(lefts, top + self._head_px(strip), self.cell_px(strip))
                hit = next((index for rect, index in cells if rect.contains(place)), None)
                if hit is not None:
                    return _figures(strip, hit)
        return ""

    def _sign_px(self) -> float:
        return line_px(self) * _SIGN_LINES

    def _lefts(self, strip: Strip) -> list[float]:
        cell, left, found = self.cell_px(strip), float(_MARGIN_PX), []
        for grid in strip.grids:
            found.append(left)
            left += grid.columns * cell + self._sign_px()
        return found

    def _head_px(self, strip: Strip) -> float:
        return line_px(self) * (2.2 if strip.captions else 1.2)

    def _strip_px(self, strip: Strip) -> float:
        cell = self.cell_px(strip)
        return (
            line_px(self) * 0.3
            + self._head_px(strip)
            + max(grid.height_px(cell) for grid in strip.grids)
        )

    def _placed(self) -> list[tuple[Strip, float]]:
        top, found = 0.0, []
        for strip in self._strips:
            found.append((strip, top))
            top += self._strip_px(strip)
        return found

    def needed_px(self) -> int:
        """The height at the present width and font."""
        return round(sum(self._strip_px(strip) for strip in self._strips))

    def _paint_strip(self, painter: QPainter, strip: Strip, top: float) -> None:
        line, cell = line_px(self), self.cell_px(strip)
        painter.setPen(QColor(self.tints.text))
        place = QRectF(_MARGIN_PX, top, self.width() - 2 * _MARGIN_PX, line * 1.15)
        painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, strip.title)
        if strip.share is not None:
            self._paint_share(painter, strip, place)
        grids_top = top + self._head_px(strip)
        lefts = self._lefts(strip)
        for i, (grid, left) in enumerate(zip(strip.grids, lefts, strict=True)):
            paint_grid(painter, grid, left, grids_top, cell)
            if strip.captions:
                self._paint_caption(
                    painter, strip.captions[i], left, grids_top, grid.columns * cell
                )
            if i < len(strip.signs):
                painter.setPen(QColor(self.tints.text))
                right = left + grid.columns * cell
                high = grid.height_px(cell)
                room = QRectF(right, grids_top, self._sign_px(), high)
                painter.drawText(room, Qt.AlignmentFlag.AlignCenter, strip.signs[i])

    def _paint_caption(
        self, painter: QPainter, text: str, left: float, bottom: float, width: float
    ) -> None:
        line = line_px(self)
        painter.setPen(QColor(self.tints.faint))
        wide = max(width, painter.fontMetrics().horizontalAdvance(text) + 2.0)
        start = min(max(0.0, left + (width - wide) / 2), self.width() - wide)
        room = QRectF(start, bottom - line * 1.1, wide, line * 1.1)
        painter.drawText(room, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_share(self, painter: QPainter, strip: Strip, place: QRectF) -> None:
        """A bar behind the title: how large this part of the sum is beside the largest."""
        start = painter.fontMetrics().horizontalAdvance(strip.title) + line_px(self)
        room = place.width() - start
        if room > line_px(self) and strip.share is not None:
            high = max(3.0, place.height() / 4)
            top = place.center().y() - high / 2
            width = max(1.0, room * strip.share)
            bar = QRectF(place.left() + start, top, width, high)
            painter.fillRect(bar, QColor(self.tints.faint))


def _figures(strip: Strip, index: int) -> str:
    """``0.4120 × −0.0310 = −0.0128`` for a cell."""
    texts = [number(float(grid.values.ravel()[index])) for grid in strip.grids]
    joined = texts[0]
    for sign, text in zip(strip.signs, texts[1:], strict=False):
        joined += f" {sign} {text}"
    return joined
