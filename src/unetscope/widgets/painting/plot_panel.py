"""The live plot: losses above, scores on held-back strokes below, over seconds of training."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QScrollArea, QWidget

from unetscope.session.guidance import class_name
from unetscope.session.values import Phase
from unetscope.widgets.kit.arranging import column
from unetscope.widgets.kit.fold import Fold
from unetscope.widgets.kit.looks import Tints, line_px, quiet
from unetscope.widgets.kit.panel import Panel
from unetscope.widgets.kit.plots import plotting
from unetscope.workbench.timers import single_shot
from unetscope.workbench.workbench import Workbench


class PlotPanel(Panel):
    """Hidden until there is something to see; pyqtgraph is imported then.

    It is a fold that opens with a training, and where the dock is too low for all of it folds with
    the training's end, so that the next step is in sight.
    """

    SHOWS = frozenset({"classes", "training", "curves"})

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self._graphs: Any = None  # pyqtgraph's GraphicsLayoutWidget
        self._loss: Any = None
        self._dice: Any = None
        self._lines: dict[str, Any] = {}
        self.log = QCheckBox("log")
        self.log.setToolTip("Draw the loss on a logarithmic axis.")
        self.log.toggled.connect(self._log_toggled)
        self.legend = quiet(QLabel())
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        below = QHBoxLayout()
        below.addWidget(self.legend, 1)
        below.addWidget(self.log, 0, Qt.AlignmentFlag.AlignTop)
        self._busy = False
        inner = QWidget()
        self._layout = column(inner, below)
        self._layout.setSpacing(2)
        self.fold = Fold("Curve", inner, "Loss and held-back scores over seconds of training.")
        self.fold.alone_in(self)
        self.fold_soon = single_shot(self, 0, self._fold_where_low)
        self.setVisible(False)

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        if self._graphs is not None:
            self._dress()
            self.refresh()

    def refresh(self) -> None:
        """Draw the session's curves."""
        curves, busy = self._session.curves, self._session.training.busy
        if busy != self._busy:
            self._busy = busy
            if busy:
                self.fold.expand(animate=False)
            else:
                self.fold_soon.start()
        if self._graphs is None and self._session.training.phase is Phase.STARTING:
            self._build()  # now, when the mouse is on Train, rather than under a stroke
        self.setVisible(not curves.empty)
        if curves.empty:
            return
        if self._graphs is None:
            self._build()
        faint, text = self._tints.faint, self._tints.text
        self._draw("step", self._loss, curves.step_loss, faint)
        self._draw("train", self._loss, curves.train_loss, text)
        self._draw("held", self._loss, curves.validation_loss, text, dashed=True)
        scored = {value for _, dice in curves.dice for value in dice}
        for value in sorted(scored):
            points = tuple((at, dice[value]) for at, dice in curves.dice if value in dice)
            found = self._session.class_of(value)
            color = found.color if found else faint
            self._draw(f"dice {value}", self._dice, points, color)
        for gone in [name for name in self._lines if name.startswith("dice ")]:
            if int(gone.split()[1]) not in scored:
                self._lines.pop(gone).clear()
        self._dice.setVisible(bool(scored))
        time = self._loss.getAxis("bottom")
        time.setStyle(showValues=not scored)
        time.showLabel(not scored)
        self.legend.setText(self._legend(sorted(scored)))
        self._size(with_dice=bool(scored))

    def _fold_where_low(self) -> None:
        """Fold where not all of the dock can be seen at once."""
        around = self.parentWidget()
        while around is not None and not isinstance(around, QScrollArea):
            around = around.parentWidget()
        body, seen = (around.widget(), around.viewport()) if around is not None else (None, None)
        if body is not None and seen is not None and body.sizeHint().height() > seen.height():
            self.fold.collapse(animate=False)

    def _build(self) -> None:
        self._graphs = plotting().GraphicsLayoutWidget()
        self._loss = self._graphs.addPlot(row=0, col=0)
        self._dice = self._graphs.addPlot(row=1, col=0)
        self._dice.setXLink(self._loss)
        self._dice.setYRange(0, 1, padding=0.03)
        self._dice.getAxis("left").setTicks([[(0, "0"), (0.5, "0.5"), (1, "1")]])
        for plot in (self._loss, self._dice):
            plot.setMenuEnabled(False)
            plot.hideButtons()
            plot.setMouseEnabled(x=False, y=False)
        self._layout.insertWidget(0, self._graphs)
        self._dress()

    def _dress(self) -> None:
        self._graphs.setBackground(self._tints.background)
        width = line_px(self.legend) * 3.4
        words = {"color": self._tints.text, "font-size": f"{line_px(self.legend) * 0.75:.0f}px"}
        for plot, name in ((self._loss, "loss"), (self._dice, "held back")):
            plot.getAxis("left").setWidth(width)
            plot.setLabel("left", name, **words)
            for side in ("left", "bottom"):
                axis = plot.getAxis(side)
                axis.setPen(plotting().mkPen(self._tints.faint))
                axis.setTextPen(self._tints.text)
                axis.setStyle(tickFont=self.legend.font())
                axis.enableAutoSIPrefix(False)
        self._loss.getAxis("bottom").setStyle(showValues=False, tickLength=0)
        for plot in (self._loss, self._dice):
            plot.setLabel("bottom", "seconds of training", **words)

    def _draw(
        self,
        name: str,
        plot: Any,
        points: tuple[tuple[float, float], ...],
        color: str,
        *,
        dashed: bool = False,
    ) -> None:
        style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
        pen = plotting().mkPen(color, width=1 if name == "step" else 2, style=style)
        if name not in self._lines:
            self._lines[name] = plot.plot()
        self._lines[name].setPen(pen)
        # A line of a single point draws nothing.
        single = {"symbol": "o" if len(points) == 1 else None, "symbolBrush": color}
        self._lines[name].setData([x for x, _ in points], [y for _, y in points], **single)

    def _legend(self, scored: list[int]) -> str:
        """One line of coloured words, with the newest (at last, the best) figures."""
        parts = ["<b>—</b>&nbsp;loss"]
        if self._session.curves.validation_loss:
            parts.append("<b>-&nbsp;-</b>&nbsp;held&nbsp;back")
        newest = self._session.curves.dice[-1][1] if self._session.curves.dice else {}
        training = self._session.training
        if training.phase is Phase.IDLE and training.validation is not None:
            newest = training.validation.told  # as the status line says
        for value in scored:
            found = self._session.class_of(value)
            color = found.color if found else self._tints.faint
            name = class_name(self._session, value).replace("&", "&amp;").replace("<", "&lt;")
            figure = f" {newest[value]:.2f}" if value in newest else ""
            words = f"{name}{figure}".replace(" ", "&nbsp;")  # a name stays with its figure
            parts.append(f'<span style="color:{color}">■</span>&nbsp;{words}')
        return " &nbsp; ".join(parts)

    def _size(self, *, with_dice: bool) -> None:
        lines = 13 if with_dice else 8
        self._graphs.setFixedHeight(round(line_px(self.legend) * lines))

    def _log_toggled(self, on: bool) -> None:
        if self._loss is not None:
            self._loss.setLogMode(y=on)
