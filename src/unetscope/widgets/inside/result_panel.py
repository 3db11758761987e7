"""The last result: a sortable table, a plot, or a few words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qtpy.QtCore import QModelIndex, QSortFilterProxyModel, Qt, Signal
from qtpy.QtGui import QAction, QGuiApplication, QKeySequence
from qtpy.QtWidgets import (
    QLabel,
    QVBoxLayout,
    QWidget,
)

from unetscope.widgets.inside.result_plots import ResultPlot, Series
from unetscope.widgets.inside.result_table import (
    PAYLOAD_ROLE,
    SORT_ROLE,
    ResultRows,
    Row,
    as_csv,
    as_row,
)
from unetscope.widgets.inside.result_view import ResultTable
from unetscope.widgets.kit.looks import Tints, quiet, small_button


class ResultPanel(QWidget):
    """Hidden until there is a result. ``row_chosen(payload)`` when a row is clicked or Enter hit.

    Calls with the same title add to one result: a table may stand with its plot and its text.
    Another title clears what was there.
    """

    row_chosen = Signal(object)

    def __init__(self, tints: Tints, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tints = tints
        self._curves: tuple[Series, ...] = ()
        self._axis_names = ("x", "y")
        self.title = quiet(QLabel())
        self.text = quiet(QLabel())
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.note = quiet(QLabel())
        self.plot = ResultPlot(tints)
        self.rows = ResultRows(self)
        self.sorted = QSortFilterProxyModel(self)
        self.sorted.setSourceModel(self.rows)
        self.sorted.setSortRole(SORT_ROLE)
        self.table = self._table()
        self.copy = small_button("Copy table", "Copy the table as CSV, with all digits (Ctrl+C).")
        self.copy.clicked.connect(self.copy_table)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        for part in (self.title, self.text, self.plot, self.table, self.note):
            layout.addWidget(part)
        layout.addWidget(self.copy, 0, Qt.AlignmentFlag.AlignRight)
        self._dress()
        self.clear()

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        self.plot.set_tints(tints)
        self._dress()

    def clear(self) -> None:
        """No result."""
        self.title.setText("")
        for part in (self.text, self.plot, self.table, self.note, self.copy):
            part.setVisible(False)
        self.setVisible(False)

    def show_table(
        self,
        title: str,
        columns: Sequence[str],
        rows: Sequence[Row | Sequence[Any]],
        note: str = "",
        payloads: Sequence[Any] = (),
    ) -> None:
        """Show rows in the order given; a click on a column sorts by it.

        A result that grows (same title, same columns) stays sorted as the person wants it.
        ``payloads`` may stand beside the rows instead of in them.

        Raises
        ------
        ValueError
            If a row has not as many cells as there are columns, or payloads not as many as rows.
        """
        grows = title == self.title.text() and tuple(columns) == self.rows.columns
        self._begin(title)
        if payloads:
            paired = zip(rows, payloads, strict=True)
            rows = [Row(as_row(row).cells, payload) for row, payload in paired]
        if not grows:
            self._unsort()
        bar = self.table.verticalScrollBar()
        place = bar.value() if bar is not None else 0
        self.rows.show_rows(columns, rows)
        self.table.fit([self.rows.is_numeric(i) for i in range(len(columns))])
        if bar is not None and grows:
            bar.setValue(place)
        self.note.setText(note)
        self.note.setVisible(bool(note))
        self.table.setVisible(True)
        self.copy.setVisible(True)

    def _unsort(self) -> None:
        """Back to the order in which rows are given."""
        self.sorted.sort(-1)
        header = self.table.horizontalHeader()
        if header is not None:
            header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)

    def show_plot(
        self,
        title: str,
        series: Sequence[Series] | Mapping[str, tuple[Any, Any]],
        x_label: str,
        y_label: str,
        log: bool = False,
    ) -> None:
        """Show curves, or name -> (x, y); ``log`` draws y logarithmically."""
        self._begin(title)
        if isinstance(series, Mapping):
            series = [Series(name, x, y) for name, (x, y) in series.items()]
        self.plot.draw(series, x_label, y_label, log)
        self._curves, self._axis_names = tuple(series), (x_label, y_label)
        self.plot.setVisible(True)
        self.copy.setVisible(True)

    def show_text(self, title: str, text: str) -> None:
        """Show a few words."""
        self._begin(title)
        self.text.setText(text)
        self.text.setVisible(bool(text))

    def as_csv(self) -> str:
        """The table as it is sorted now, or the curves where there is none, with all digits."""
        if not self.table.isVisibleTo(self):
            return self._curves_as_csv()
        order = [
            self.sorted.mapToSource(self.sorted.index(row, 0)).row()
            for row in range(self.sorted.rowCount())
        ]
        return as_csv(self.rows.columns, [self.rows.rows[row] for row in order])

    def _curves_as_csv(self) -> str:
        x_name, y_name = self._axis_names
        rows = [
            Row((one.name, float(x), float(y)))
            for one in self._curves
            for x, y in zip(one.x, one.y, strict=True)
        ]
        return as_csv(("curve", x_name, y_name), rows)

    def copy_table(self) -> None:
        """Put the table into the clipboard as CSV."""
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self.as_csv())

    def _begin(self, title: str) -> None:
        if title != self.title.text():
            self.clear()
            self.title.setText(title)
        self.setVisible(True)

    def _table(self) -> ResultTable:
        table = ResultTable()
        table.setModel(self.sorted)
        table.setSortingEnabled(True)
        table.clicked.connect(self._chosen)
        table.activated.connect(self._chosen)
        action = QAction("Copy table as CSV", table)
        action.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        action.triggered.connect(self.copy_table)
        table.addAction(action)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        return table

    def _chosen(self, index: QModelIndex) -> None:
        if index.isValid():
            self.row_chosen.emit(index.data(PAYLOAD_ROLE))

    def _dress(self) -> None:
        tints = self._tints
        self.title.setStyleSheet(f"color: {tints.text}; font-weight: bold;")
        self.note.setStyleSheet(f"color: {tints.faint};")
        self.table.setStyleSheet(
            f"QTableView {{ background: {tints.background}; color: {tints.text}; "
            f"alternate-background-color: {tints.card}; border: none; }} "
            f"QTableView::item:selected {{ background: {tints.accent}; "
            f"color: {tints.on_accent}; }} "
            f"QHeaderView::section {{ background: {tints.card}; color: {tints.text}; "
            "padding: 2px 4px; border: none; }"
        )
        self.table.fit()
