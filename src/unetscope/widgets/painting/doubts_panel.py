"""Doubtful strokes: a button, the list, and what to do with the chosen one."""

from __future__ import annotations

from qtpy.QtWidgets import QLabel

from unetscope.session.guidance import class_name
from unetscope.widgets.kit.arranging import column, flow
from unetscope.widgets.kit.looks import quiet, small_button
from unetscope.widgets.kit.panel import Panel
from unetscope.widgets.painting.places_panel import fill_row, fit_rows, short_table
from unetscope.workbench.stroke_checker import Doubt
from unetscope.workbench.workbench import Workbench

_TEXT, _SURENESS = range(2)


class DoubtsPanel(Panel):
    """The helper *Doubtful*: a button, the list, and what to do with a stroke."""

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self._checker = checker = work.checker
        self._shown: tuple[Doubt, ...] = ()
        self.check = small_button(
            "Check my strokes", "Compare each stroke with all the others; nothing is changed."
        )
        self.delete = small_button("Delete", "Erase this stroke to unlabelled, as one edit.")
        self.relabel = small_button(
            "Relabel", "Paint this stroke in the class it looks like, as one edit."
        )
        self.words = quiet(QLabel())
        self.words.setText(checker.words)
        self.table = short_table(2, _TEXT, "Doubtful strokes")
        self.table.cellClicked.connect(lambda row, column: checker.go(self._shown[row]))
        buttons = flow(self.check, self.delete, self.relabel)
        column(self, buttons, self.table, self.words)
        self.check.clicked.connect(lambda _checked: checker.check())
        self.delete.clicked.connect(lambda _checked: checker.delete())
        self.relabel.clicked.connect(lambda _checked: checker.relabel())
        checker.changed.connect(self.refresh)

    def refresh(self) -> None:
        """Show the strokes that were found; the current one is selected."""
        checker = self._checker
        self.words.setText(checker.words)
        self._shown = checker.doubts
        self._fill()
        row = self._shown.index(checker.current) if checker.current in self._shown else -1
        self.table.setCurrentCell(row, _TEXT)
        fit_rows(self.table)
        self.check.setEnabled(not checker.lane.busy)
        for button in (self.delete, self.relabel):
            button.setVisible(checker.editable)

    def _fill(self) -> None:
        self.table.setRowCount(len(self._shown))
        for row, doubt in enumerate(self._shown):
            stroke, where = doubt.stroke, self._checker.where(doubt)
            said = (class_name(self._session, v) for v in (stroke.painted, stroke.believed))
            cells = (where + " → ".join(said) + "?", f"{100 * stroke.sureness:.0f} %")
            fill_row(self.table, row, cells, where + stroke.text)
