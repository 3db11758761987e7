"""Label here next: the ranked places, each a click that goes there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
)

from unetscope.session.guidance import class_name
from unetscope.widgets.kit.arranging import column
from unetscope.widgets.kit.looks import line_px, quiet
from unetscope.widgets.kit.panel import Panel
from unetscope.widgets.kit.shortcuts import Calls
from unetscope.workbench.workbench import Workbench

if TYPE_CHECKING:
    from unetscope.learning.advice.next_places import Place

_SHOWN_ROWS = 5
_RANK, _CLASSES, _GAIN = range(3)


class PlacesPanel(Panel):
    """The helper *Where next*: one sentence and a list of places."""

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self._advisor = advisor = work.advisor
        self._shown: tuple[Place, ...] = ()
        self.words = quiet(QLabel())
        self.table = short_table(3, _CLASSES, "Where to paint next")
        self.table.cellClicked.connect(self._clicked)
        self.stop_line = quiet(QLabel())
        self.stop_line.setToolTip(
            "From the last rounds of painting: how much of what you painted the answer had wrong."
        )
        column(self, self.words, self.table, self.stop_line)
        advisor.changed.connect(self.refresh)

    def keys(self) -> Calls:
        """There and back."""
        return {"next": self._advisor.go_to_next, "back": self._advisor.go_back}

    def refresh(self) -> None:
        """Show the advisor's places; the current one is selected."""
        advisor = self._advisor
        if not advisor.wanted:
            return
        self.words.setText(advisor.words)
        if advisor.places != self._shown:
            self._shown = advisor.places
            self._fill()
        row = self._shown.index(advisor.current) if advisor.current in self._shown else -1
        self.table.setCurrentCell(row, _CLASSES)
        fit_rows(self.table)
        self.stop_line.setText(advisor.stop_words)
        self.stop_line.setVisible(bool(advisor.stop_words))

    def _fill(self) -> None:
        self.table.setRowCount(len(self._shown))
        for row, place in enumerate(self._shown):
            first, second = (class_name(self._session, value) for value in place.classes)
            gain = f"≈ {_rounded(place.wrong_px)} px"
            cells = (str(row + 1), f"{first} or {second}?", gain)
            fill_row(self.table, row, cells, place.gain)

    def _clicked(self, row: int, column: int) -> None:
        self._advisor.go(self._shown[row])

    def called_on(self, *, on: bool) -> None:
        """Places are looked for while it is open."""
        self._advisor.wanted = on
        self.refresh()


def _rounded(pixels: int) -> str:
    """Two digits: the doubt behind the figure is not worth more."""
    step = 10 ** max(0, len(str(pixels)) - 2)
    return f"{round(pixels / step) * step:,}"


def short_table(columns: int, stretched: int, name: str) -> QTableWidget:
    """A list of a few rows to click, without headers; column ``stretched`` takes what is left."""
    table = QTableWidget(0, columns)
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.setTabKeyNavigation(False)
    table.setTextElideMode(Qt.TextElideMode.ElideRight)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    for header in (table.horizontalHeader(), table.verticalHeader()):
        assert header is not None  # a table has both
        header.hide()
        header.setMinimumSectionSize(8)
        if header.orientation() == Qt.Orientation.Horizontal:
            header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            header.setSectionResizeMode(stretched, QHeaderView.ResizeMode.Stretch)
    table.setAccessibleName(name)
    return table


def fill_row(table: QTableWidget, row: int, cells: Sequence[str], tip: str) -> None:
    """Write the cells of a row that is clicked and not typed in."""
    for at, text in enumerate(cells):
        item = QTableWidgetItem(text)
        item.setToolTip(tip)
        item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
        table.setItem(row, at, item)


def fit_rows(table: QTableWidget) -> None:
    """Make the table as high as its rows, or as the first few; without any it is hidden."""
    line = round(line_px(table) * 1.5)
    for index in range(table.rowCount()):
        table.setRowHeight(index, line)
    rows = min(table.rowCount(), _SHOWN_ROWS)
    table.setFixedHeight(rows * line + 2 * table.frameWidth())
    table.setVisible(bool(rows))
