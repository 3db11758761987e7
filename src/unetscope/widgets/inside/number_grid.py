"""Small grids of numbers as pictures: cells coloured by value, the figures in them where they fit.

Used by the microscope and by the kernel editor. No widget here, only what a painter is told.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QBrush, QColor, QFont, QFontMetricsF, QPainter, QPen

SIGNED, GREY = "signed", "grey"
SLICE_GAP_PX = 4  # between the z slices of a volume, which stand one below the other
SMALLEST_PX = 8.0  # figures smaller than this cannot be read and are left out
_NEGATIVE, _ZERO, _POSITIVE = (33, 102, 172), (247, 247, 247), (178, 24, 43)  # RdBu
_FRAME = QColor("#FF9F1C")  # stands out from grey, red and blue, in both themes
_NOTHING = QColor(128, 128, 128, 90)


@dataclass(frozen=True, eq=False)
class Grid:
    """A block of numbers to draw.

    Attributes
    ----------
    values : ([z,] y, x); NaN where there is nothing (padding of a pooling).
    low, high : the values at the ends of the colour scale.
    scheme : ``SIGNED`` (blue below 0, white at 0, red above; symmetric) or ``GREY``.
    winner, present : cells ([z,] y, x) framed in orange: drawn through, and dotted.
    """

    values: NDArray[np.float64]
    low: float
    high: float
    scheme: str = SIGNED
    winner: tuple[int, ...] | None = None
    present: tuple[int, ...] | None = None

    @property
    def columns(self) -> int:
        """Cells side by side."""
        return int(self.values.shape[-1])

    @property
    def rows(self) -> int:
        """Cells one below the other, over all slices."""
        return math.prod(self.values.shape[:-1])

    def height_px(self, cell_px: float) -> float:
        """The height when a cell is ``cell_px`` wide."""
        slices = math.prod(self.values.shape[:-2])
        return self.rows * cell_px + (slices - 1) * SLICE_GAP_PX

    def cells(self, left: float, top: float, cell_px: float) -> list[tuple[QRectF, int]]:
        """Every cell's rectangle with its place in ``values.ravel()``."""
        per_slice = int(self.values.shape[-2])
        found = []
        for index in range(self.values.size):
            row, column = divmod(index, self.columns)
            gap = row // per_slice * SLICE_GAP_PX
            place = QRectF(left + column * cell_px, top + row * cell_px + gap, cell_px, cell_px)
            found.append((place, index))
        return found


def signed_grid(values: NDArray[np.float64], limit: float | None = None) -> Grid:
    """Coloured about 0, to ``limit`` or to the largest size among ``values``."""
    largest = float(np.nanmax(np.abs(values), initial=0.0)) if limit is None else limit
    return Grid(values, -largest, largest, SIGNED)


def grey_grid(
    values: NDArray[np.float64], low: float | None = None, high: float | None = None
) -> Grid:
    """From black to white between ``low`` and ``high``, or the smallest and largest value."""
    finite = values[np.isfinite(values)]
    least, most = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return Grid(values, least if low is None else low, most if high is None else high, GREY)


def color_of(value: float, grid: Grid) -> QColor:
    """The colour a value has in a grid."""
    if not math.isfinite(value):
        return _NOTHING
    if grid.scheme == GREY:
        spread = grid.high - grid.low
        share = (value - grid.low) / spread if spread > 0 else 0.5
        level = round(235 * min(1.0, max(0.0, share))) + 10
        return QColor(level, level, level)
    limit = max(abs(grid.low), abs(grid.high))
    share = min(1.0, abs(value) / limit) if limit > 0 else 0.0
    end = _POSITIVE if value > 0 else _NEGATIVE
    return QColor(*(round(z + (e - z) * share) for z, e in zip(_ZERO, end, strict=True)))


def ink_on(color: QColor) -> QColor:
    """Black or white, whichever can be read on ``color``."""
    light = 0.299 * color.red() + 0.587 * color.green() + 0.114 * color.blue()
    return QColor(0, 0, 0) if light > 140 else QColor(255, 255, 255)


def short(value: float, digits: int = 2) -> str:
    """A number in a few signs, for a cell: ``.41``, ``−.03``, ``1.2``, ``153``.

    ``digits`` behind the point for numbers below 1: more where all numbers of a grid are small.
    """
    if not math.isfinite(value):
        return ""
    size = abs(value)
    if size >= 10000:
        text = f"{size:.0e}".replace("e+0", "e").replace("e+", "e")
    elif size >= 99.5 or size >= 9.95:
        text = f"{size:.0f}"
    elif size >= 0.995:
        text = f"{size:.1f}"
    else:
        text = f"{size:.{digits}f}".removeprefix("0")
    if not text.strip(".0"):
        text = "0"
    elif text.startswith("1.0"):
        text = "1.0"
    return f"−{text}" if value < 0 and text != "0" else text


def number(value: float, digits: int = 4) -> str:
    """A number for a line of text: ``0.4120``, ``−12.3``, ``3.1e-07``; a true minus sign."""
    if not math.isfinite(value):
        return "no value"
    size = abs(value)
    if size and (size < 10.0 ** (1 - digits) or size >= 1e6):
        text = f"{size:.1e}".replace("e-0", "e−").replace("e-", "e−").replace("e+0", "e")
    else:
        before = len(str(int(size)))
        text = f"{size:.{max(0, digits + 1 - before)}f}" if before > 1 else f"{size:.{digits}f}"
    return f"−{text}" if value < 0 else text


def paint_grid(painter: QPainter, grid: Grid, left: float, top: float, cell_px: float) -> None:
    """Draw a grid with its upper left corner at (left, top)."""
    largest = float(np.nanmax(np.abs(grid.values), initial=0.0))
    digits = 2 if largest >= 0.095 or not largest else min(4, 1 - math.floor(math.log10(largest)))
    texts = [short(float(value), digits) for value in grid.values.ravel()]
    font = fitting_font(painter.font(), texts, cell_px)
    places = grid.cells(left, top, cell_px)
    for place, index in places:
        color = color_of(float(grid.values.ravel()[index]), grid)
        painter.fillRect(place.adjusted(0, 0, -1, -1), QBrush(color))
        if font is not None:
            _paint_text(painter, font, place, texts[index], color)
    for cell, style in ((grid.present, Qt.PenStyle.DotLine), (grid.winner, Qt.PenStyle.SolidLine)):
        if cell is not None:
            flat = int(np.ravel_multi_index(cell, grid.values.shape))
            painter.setPen(QPen(_FRAME, 2.5, style))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(places[flat][0].adjusted(0.5, 0.5, -1.5, -1.5))


def fitting_font(font: QFont, texts: Sequence[str], cell_px: float) -> QFont | None:
    """The font, made smaller until every text fits its cell; None where it could not be read."""
    longest = max(texts, key=len, default="")
    fitted = QFont(font)
    size = QFontMetricsF(font).height() / 1.3
    fitted.setPixelSize(max(1, round(size)))
    wide = max(QFontMetricsF(fitted).horizontalAdvance(longest), 1.0)
    size = min(size, size * (cell_px - 3) / wide, cell_px * 0.7)
    if size < SMALLEST_PX:
        return None
    fitted.setPixelSize(int(size))
    return fitted


def _paint_text(painter: QPainter, font: QFont, place: QRectF, text: str, color: QColor) -> None:
    kept = painter.font()
    painter.setFont(font)
    painter.setPen(ink_on(color))
    painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)
    painter.setFont(kept)
