"""Doubtful strokes: a button, the list, and what to do with the chosen one."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QTableWidgetItem, QVBoxLayout, QWidget
from superqt import QFlowLayout

from unetscope.session.guidance import class_name
from unetscope.session.state import Session
from unetscope.widgets.kit.fold import Fold
from unetscope.widgets.kit.looks import quiet, small_button
from unetscope.widgets.painting.places_panel import fit_rows, short_table
from unetscope.workbench.stroke_checker import Doubt, StrokeChecker

_TEXT, _SURENESS = range(2)


class DoubtsPanel(QWidget):
    """The fold *Doubtful strokes*."""

    def __init__(
        self, session: Session, checker: StrokeChecker, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._checker = session, checker
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
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(4, 0, 0, 0)
        buttons = QFlowLayout()  # beside each other where there is room, else below
        buttons.setSpacing(2)
        for button in (self.check, self.delete, self.relabel):
            buttons.addWidget(button)
        column.addLayout(buttons)
        column.addWidget(self.table)
        column.addWidget(self.words)
        self.fold = Fold("Doubtful strokes", inner, "Strokes that may be in the wrong class.")
        self.fold.toggled.connect(self.refresh)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.fold)
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
        self.fold.fit()

    def _fill(self) -> None:
        self.table.setRowCount(len(self._shown))
        for row, doubt in enumerate(self._shown):
            stroke, where = doubt.stroke, self._checker.where(doubt)
            said = (class_name(self._session, v) for v in (stroke.painted, stroke.believed))
            cells = (where + " → ".join(said) + "?", f"{100 * stroke.sureness:.0f} %")
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setToolTip(where + stroke.text)
                item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
                self.table.setItem(row, column, item)
