"""The last answer as words, table and plot; keeping it, and clearing up."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget
from superqt import QFlowLayout

from unetscope.looking.answers import Pick, Shown
from unetscope.widgets.inside.result_panel import ResultPanel
from unetscope.widgets.inside.result_plots import LINE, POINTS, Series
from unetscope.widgets.kit.looks import Tints, small_button

KINDS = {
    "exact": "Exact: it follows from the layers alone.",
    "structural": "Structural: true of the convolutions; a normalisation mixes in the whole map.",
    "empirical": "Empirical: measured on this image.",
}


class AnswerPanel(QWidget):
    """Shows the newest :class:`Shown`; ``export()`` and ``report()`` are the buttons."""

    SHOWS = frozenset({"shown", "glass", "follow"})
    export = Signal()
    report = Signal()

    def __init__(self, inspector: Any, tints: Tints, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._inspector, self._inside = inspector, inspector.inside
        self._source = ""
        self.result = ResultPanel(tints)
        self.result.row_chosen.connect(self._picked)
        self.save = small_button(
            "Export …",
            "What is shown as PNG, SVG and TIFF, with JSON of where it comes from and a script "
            "that makes it again.",
        )
        self.page = small_button(
            "Report …", "One HTML page: architecture, kernels, maps, fields, health."
        )
        self.clear = small_button("Remove layers", "Remove every layer named “inside: …”.")
        self.follow = QCheckBox("Follow training")
        self.follow.setToolTip("Look into the newest finished epoch while the network trains.")
        self.save.clicked.connect(lambda _checked: self.export.emit())
        self.page.clicked.connect(lambda _checked: self.report.emit())
        self.clear.clicked.connect(lambda _checked: inspector.clear())
        self.follow.toggled.connect(inspector.set_follow)
        buttons = QFlowLayout()
        buttons.setSpacing(4)
        for part in (self.save, self.page, self.clear, self.follow):
            buttons.addWidget(part)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.result)
        layout.addLayout(buttons)

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self.result.set_tints(tints)

    def refresh(self, changed: str) -> None:
        """Show the state."""
        self.setVisible(self._inside.glass is not None)
        if self._inside.source != self._source:  # what was told was of another network
            self._source = self._inside.source
            self.result.clear()
        self.follow.blockSignals(True)
        self.follow.setChecked(self._inside.follow)
        self.follow.setVisible(self._inside.source.startswith("model:"))
        self.follow.blockSignals(False)
        if changed in ("shown", ""):
            self._show(self._inside.shown)

    def say(self, text: str) -> None:
        """A sentence of what was saved."""
        self.result.show_text("Saved", text)

    def _show(self, shown: Shown | None) -> None:
        if shown is None:
            self.result.clear()
            return
        if shown.title != self.result.title.text():
            self.result.clear()
        if shown.plot is not None:
            plot = shown.plot
            kind = POINTS if plot.points else LINE
            series = [
                Series(name, x.tolist(), y.tolist(), kind) for name, (x, y) in plot.series.items()
            ]
            self.result.show_plot(shown.title, series, plot.x_label, plot.y_label, plot.log)
        if shown.table is not None:
            table = shown.table
            self.result.show_table(
                shown.title, table.columns, table.rows, payloads=table.payloads, note=table.note
            )
        trust = KINDS.get(shown.kind, "")
        between = "\n" if "\n" in shown.text else " "  # a list is followed by a line of its own
        self.result.show_text(shown.title, f"{shown.text}{between}{trust}".strip())

    def _picked(self, payload: Any) -> None:
        if isinstance(payload, Pick):
            self._inspector.pick(payload)
