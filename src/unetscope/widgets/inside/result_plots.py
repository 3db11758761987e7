"""A plot of a result: lines, points or bars over one axis; pyqtgraph is imported when needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from unetscope.images.classes import PALETTE
from unetscope.widgets.kit.looks import Tints, line_px, quiet
from unetscope.widgets.kit.plots import plotting

LINE, POINTS, BARS = "line", "points", "bars"
_LEAST_CONTRAST = 2.0  # of a line with the ground; fainter colours of the classes are left out
_LINES_HIGH = 11


@dataclass(frozen=True)
class Series:
    """One curve: ``kind`` is ``LINE``, ``POINTS`` or ``BARS``; ``color`` None takes the next."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    kind: str = LINE
    color: str | None = None


class ResultPlot(QWidget):
    """Curves over one axis with a legend below; ``log`` draws y logarithmically."""

    def __init__(self, tints: Tints, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tints = tints
        self._graph: Any = None  # pyqtgraph's PlotWidget
        self._shown: tuple[tuple[Series, ...], str, str, bool] | None = None
        self.legend = quiet(QLabel())
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(2)
        self._layout.addWidget(self.legend)

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        if self._shown is not None:
            self.draw(*self._shown)

    def draw(self, series: Sequence[Series], x_label: str, y_label: str, log: bool = False) -> None:
        """Show these curves instead of the last ones.

        With ``log``, values that are 0 or less cannot be drawn and are left out.
        """
        self._shown = (tuple(series), x_label, y_label, log)
        if self._graph is None:
            self._build()
        self._graph.clear()
        self._graph.setLogMode(x=False, y=log)
        self._dress(x_label, y_label)
        for i, one in enumerate(series):
            self._add(one, self._color(one, i), log)
        self._graph.autoRange()
        named = [(one, i) for i, one in enumerate(series) if one.name]
        self.legend.setVisible(len(named) > 1)
        self.legend.setText(" &nbsp; ".join(_entry(one, self._color(one, i)) for one, i in named))
        self._graph.setFixedHeight(round(line_px(self.legend) * _LINES_HIGH))

    def _color(self, one: Series, place: int) -> str:
        """The curve's own colour, or the next of the classes' that the ground lets see."""
        colors = seen_on(self._tints.background)
        return one.color or colors[place % len(colors)]

    def _build(self) -> None:
        self._graph = plotting().PlotWidget()
        self._graph.setMenuEnabled(False)
        self._graph.hideButtons()
        self._graph.setMouseEnabled(x=False, y=False)
        self._layout.insertWidget(0, self._graph)

    def _dress(self, x_label: str, y_label: str) -> None:
        tints, line = self._tints, line_px(self.legend)
        self._graph.setBackground(tints.background)
        words = {"color": tints.text, "font-size": f"{line * 0.75:.0f}px"}
        for side, text in (("left", y_label), ("bottom", x_label)):
            axis = self._graph.getAxis(side)
            axis.setPen(plotting().mkPen(tints.faint))
            axis.setTextPen(tints.text)
            axis.setStyle(tickFont=self.legend.font())
            axis.enableAutoSIPrefix(False)
            self._graph.setLabel(side, text, siPrefixEnableRanges=(), **words)
            axis.resizeEvent()  # or the new label stands where the old one was centred
        self._graph.getAxis("left").setWidth(line * 5)

    def _add(self, one: Series, color: str, log: bool) -> None:
        x, y = np.asarray(one.x, float), np.asarray(one.y, float)
        kept = np.isfinite(x) & np.isfinite(y) & ((y > 0) | (not log))
        x, y = x[kept], y[kept]
        if one.kind == BARS and not log:  # bars have no foot on a logarithmic axis
            width = 0.85 * float(np.diff(np.sort(x)).min()) if len(x) > 1 else 0.85
            self._graph.addItem(
                plotting().BarGraphItem(x=x, height=y, width=width, brush=color, pen=None)
            )
            return
        dots = one.kind == POINTS or len(x) < 30
        wide = max(2, round(line_px(self.legend) / 7.5))  # thicker where the type is large
        pen = None if one.kind == POINTS else plotting().mkPen(color, width=wide)
        dot = {"symbol": "o", "symbolSize": 6, "symbolBrush": color, "symbolPen": None}
        self._graph.plot(x, y, pen=pen, **(dot if dots else {}))


def seen_on(ground: str) -> list[str]:
    """The colours of the classes that stand out from a ground, in their order."""
    return [color for color in PALETTE if _contrast(color, ground) >= _LEAST_CONTRAST]


def _contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (Web Content Accessibility Guidelines 2.1)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: str) -> float:
    """Relative luminance of an sRGB colour, 0 to 1."""
    shares = QColor(color).getRgbF()[:3]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def _entry(one: Series, color: str) -> str:
    name = one.name.replace("&", "&amp;").replace("<", "&lt;").replace(" ", "&nbsp;")
    return f'<span style="color:{color}">■</span>&nbsp;{name}'
