"""A histogram of one measure: percentiles with their intervals, and a brush that filters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QLabel, QWidget

from unetscope.measuring.histograms import (
    PERCENTS,
    Spread,
    percentiles_of,
    spread_of,
)
from unetscope.measuring.object_weights import Base, EdgeRule
from unetscope.measuring.quantities import LEVEL, Quantity
from unetscope.widgets.kit.arranging import column, row
from unetscope.widgets.kit.looks import NarrowCombo, Tints, line_px, quiet, small_button
from unetscope.widgets.kit.plots import plotting
from unetscope.widgets.measuring.cells import significant
from unetscope.widgets.measuring.plot_brush import PlotBrush

if TYPE_CHECKING:
    from unetscope.measuring.object_table import ObjectTable

BASES: tuple[Base, ...] = ("number", "area", "volume")
_LINES_HIGH = (6, 11)  # the plot, in a low dock and where there is room
_AIR = 1.5  # above the highest bar, for the percentiles
_EVERYTHING = (-math.inf, math.inf)


class MeasureHistogram(QWidget):
    """Shows how the values of a column are spread.

    Objects that are shown in the table are full, the others faint. ``brushed(key, low, high)``
    while a person drags over values; both ends are infinite after a click, which clears the brush.
    ``closed()``: a person does not want to see it.
    """

    brushed = Signal(str, float, float)
    closed = Signal()

    def __init__(self, tints: Tints, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tints = tints
        self._graph: Any = None  # pyqtgraph's PlotWidget
        self._shown_bars: Any = None
        self._table: ObjectTable | None = None
        self._key = ""
        self._edge: EdgeRule = "weight"
        self._known: tuple[Quantity, ...] = ()
        self._kept: NDArray[np.bool_] | None = None
        self._brush = _EVERYTHING
        self._pressed: float | None = None
        self.spread: Spread | None = None
        self.percentiles: tuple[Quantity, ...] = ()
        self.title = quiet(QLabel())
        self.base = NarrowCombo()
        self.told = quiet(QLabel())
        self.told.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        top = QWidget()
        self.leave = small_button("×", "Close the histogram.")
        row(self.title, self.base, self.leave, owner=top, stretched=(0,)).setSpacing(4)
        self._layout = column(self, top, self.told)
        self._layout.setSpacing(2)
        self._name_parts()
        self.set_tints(tints)

    # ---- what it shows

    def show_table(
        self,
        table: ObjectTable | None,
        key: str,
        edge: EdgeRule = "weight",
        known: Sequence[Quantity] = (),
    ) -> None:
        """Show a column of other objects, all of them.

        ``edge`` says what is done with objects at the edge; ``known`` are numbers that are told
        elsewhere: percentiles of the same name stand as they are there.
        """
        if key != self._key:
            self._brush = _EVERYTHING
        self._table, self._key, self._edge = table, key, edge
        self._known, self._kept = tuple(known), None
        self._draw()

    def show_kept(self, kept: NDArray[np.bool_] | None) -> None:
        """(object,) which objects of the table are shown in it; None: all."""
        self._kept = None if kept is None or kept.all() else kept
        self._paint_kept()

    def set_brush(self, low: float, high: float) -> None:
        """Mark a range of values, as the filter of the table says it; no signal."""
        self._brush = (low, high)
        self._place_brush()

    @property
    def table(self) -> ObjectTable | None:
        """What is shown."""
        return self._table

    @property
    def key(self) -> str:
        """The column that is shown; "" without one."""
        return self._key

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        self.told.setStyleSheet(f"color: {tints.faint};")
        if self._graph is not None:
            self._paint()

    # ---- drawing

    def _name_parts(self) -> None:
        self.base.setMinimumContentsLength(len("by number") + 1)
        for base in BASES:
            self.base.addItem(f"by {base}", base)
        self.base.setToolTip("What an object counts: one, its area, or its volume.")
        self.base.setAccessibleName("Histogram by")
        self.base.currentIndexChanged.connect(lambda _index: self._draw())
        self.leave.setAccessibleName("Close the histogram")
        self.leave.clicked.connect(lambda _checked: self.closed.emit())
        self.setToolTip("Drag over values to show only those objects; click to show all.")

    def _draw(self) -> None:
        """Count anew."""
        self.spread = None
        if self._table is not None and self._key in self._table.columns:
            base: Base = self.base.currentData()
            self.spread = spread_of(self._table, self._key, base, self._edge)
        if self._graph is None:
            if self._table is None:
                self._say()
                return
            self._build()
        spread = self.spread
        self.percentiles = () if spread is None else tuple(percentiles_of(spread, self._known))
        self._paint()

    def _paint(self) -> None:
        self._graph.clear()
        self._shown_bars = None
        self._dress()
        self._say()
        if self.spread is None or not self.spread.count:
            return
        everything = self.spread.heights()
        self._add_bars(everything, self._tints.faint, 70)
        self._shown_bars = self._add_bars(everything, self._tints.busy, 255)
        self._paint_kept()
        top = float(everything.max()) * 100
        for percent, number in zip(PERCENTS, self.percentiles, strict=True):
            self._add_percentile(percent, number, top)
        ends = self._along(self.spread.edges[[0, -1]])
        self._graph.setRange(xRange=tuple(ends), yRange=(0, top * _AIR), padding=0.02)
        self._place_brush()

    def _build(self) -> None:
        graph = plotting().PlotWidget()
        graph.setMenuEnabled(False)
        graph.hideButtons()
        graph.setMouseEnabled(x=False, y=False)
        graph.setAccessibleName("Histogram")
        self._marks = PlotBrush(graph)
        self._marks.dragged.connect(self._dragged)
        self._marks.cleared.connect(self._cleared)
        self._graph = graph
        self._layout.insertWidget(1, graph, 1)
        self._layout.addStretch()

    def _dress(self) -> None:
        tints, line = self._tints, line_px(self.title)
        self._graph.setBackground(tints.background)
        self._graph.setMinimumHeight(line * _LINES_HIGH[0])
        self._graph.setMaximumHeight(line * _LINES_HIGH[1])
        self._graph.setLogMode(x=self.spread is not None and self.spread.log, y=False)
        words = {"color": tints.text, "font-size": f"{line * 0.75:.0f}px"}
        for side, text in (("left", self._share_words()), ("bottom", self._axis_words())):
            axis = self._graph.getAxis(side)
            axis.setPen(plotting().mkPen(tints.faint))
            axis.setTextPen(tints.text)
            axis.setStyle(tickFont=self.title.font())
            axis.enableAutoSIPrefix(False)
            self._graph.setLabel(side, text, siPrefixEnableRanges=(), **words)
            axis.resizeEvent()  # or the new label stands where the old one was centred
        self._graph.getAxis("left").setWidth(round(line * 3.5))

    def _add_bars(self, heights: NDArray[Any], color: str, alpha: int) -> Any:
        assert self.spread is not None
        at, brush = self._along(self.spread.edges), QColor(color)
        brush.setAlpha(alpha)
        pen = plotting().mkPen(self._tints.background)
        bars = plotting().BarGraphItem(
            x0=at[:-1], x1=at[1:], height=heights * 100, brush=brush, pen=pen
        )
        self._graph.addItem(bars)
        return bars

    def _paint_kept(self) -> None:
        """Bars of the objects that are shown, before those of all."""
        if self.spread is not None and self._shown_bars is not None:
            self._shown_bars.setOpts(height=self.spread.heights(self._kept) * 100)

    def _add_percentile(self, percent: float, number: Quantity, top: float) -> None:
        """A line at the value, its name above, and the interval as a bar across it."""
        mark = plotting().mkPen(self._tints.text, width=1)
        # The plot takes logarithms of lines by itself, of texts it does not.
        self._graph.plot([number.value] * 2, [0, top * 1.1], pen=mark)
        if number.low is not None and number.high is not None:
            thick = plotting().mkPen(self._tints.text, width=4)
            thick.setCapStyle(Qt.PenCapStyle.FlatCap)
            self._graph.plot([number.low, number.high], [top * 1.1] * 2, pen=thick)
        side = 0.9 if percent == PERCENTS[0] else 0.1 if percent == PERCENTS[-1] else 0.5
        label = plotting().TextItem(_short(number), color=self._tints.text, anchor=(side, 1))
        label.setFont(self.title.font())
        label.setPos(float(self._along(np.array([number.value]))[0]), top * 1.12)
        self._graph.addItem(label, ignoreBounds=True)

    def _along(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Where values lie along the axis of the plot."""
        is_log = self.spread is not None and self.spread.log
        return np.asarray(np.log10(values) if is_log else values, np.float64)

    # ---- words

    def _say(self) -> None:
        spread = self.spread
        if spread is None:
            self.title.setText("")
            self.told.setText("Nothing is measured yet.")
            return
        self.title.setText(spread.column.key.replace("_", " ").capitalize())
        left = f", {spread.left_out:,} left out" if spread.left_out else ""
        parts = [_told(number) for number in self.percentiles]
        self.told.setText(f"{'; '.join(parts)}. n = {spread.count:,} objects{left}.")
        self.told.setToolTip(
            "\n".join(f"{number}. {number.method}." for number in self.percentiles)
        )

    def _axis_words(self) -> str:
        if self.spread is None:
            return ""
        about = self.spread.column
        name = about.key.replace("_", " ")
        return f"{name} ({about.unit})" if about.unit else name

    def _share_words(self) -> str:
        return "" if self.spread is None else f"% of {self.spread.base}"

    # ---- the brush

    def _dragged(self, one: float, other: float, step: float) -> None:
        low, high = sorted((self._value_at(one, step), self._value_at(other, step)))
        self.set_brush(low, high)
        self.brushed.emit(self._key, low, high)

    def _cleared(self) -> None:
        self.set_brush(*_EVERYTHING)
        self.brushed.emit(self._key, *_EVERYTHING)

    def _value_at(self, at: float, step: float) -> float:
        """The value at a place of the axis, to as many digits as a pixel of the screen tells."""
        if self.spread is not None and self.spread.log:
            at, step = 10**at, 10**at * (10**step - 1)
        return round(at, -math.floor(math.log10(step))) if step > 0 else at

    def _place_brush(self) -> None:
        if self.spread is None or not self.spread.count:
            return
        ends = self._along(np.clip(self._brush, *self.spread.edges[[0, -1]]))
        marked = None if self._brush == _EVERYTHING else (float(ends[0]), float(ends[1]))
        self._marks.mark(marked, self._tints.accent)


def _short(number: Quantity) -> str:
    """The name of a percentile at its line: "d50", "50 %"."""
    return number.name.split(" of ")[0].split(" by ")[0]


def _told(number: Quantity) -> str:
    """A percentile and its interval in few words."""
    value = "not measured" if math.isnan(number.value) else significant(number.value)
    unit = "" if number.unit == "°" or not number.unit else " "
    told = f"{_short(number)} {value}{unit}{number.unit}"
    if number.low is None or number.high is None:
        return f"{told} (no interval: {number.reason})"
    return f"{told} ({significant(number.low)} to {significant(number.high)}, {LEVEL:.0%})"
