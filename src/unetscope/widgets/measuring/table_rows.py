"""The rows of the table of objects: a view that speaks of objects by their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from qtpy.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPoint,
    Qt,
    Signal,
)
from qtpy.QtGui import QColor, QPainter, QPalette
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from unetscope.measuring.pixel_runs import Ints
from unetscope.measuring.row_order import runs_in
from unetscope.widgets.kit.looks import Tints, line_px
from unetscope.widgets.measuring.cells import copied
from unetscope.widgets.measuring.object_model import VALUE_ROLE, ObjectTableModel

_SAMPLED = 64  # values of a column that tell how wide it has to be
_ROW_LINES = 1.5
_MOST_PARTS = 5000  # of a choice that is kept: Qt takes long for rows that lie more apart
_SEE = 0.5  # a doubt from which on one should look


class TableRows(QTableView):
    """Rows of a model that can be chosen by clicks, keys and numbers.

    ``chosen(numbers)`` with an array of the numbers of all chosen objects when a person chose;
    ``menu_wanted(column, place)`` for a right click on a head or the menu key, the place global.
    """

    chosen = Signal(object)
    menu_wanted = Signal(int, QPoint)

    def __init__(self, rows: ObjectTableModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = rows
        self.empty_text = ""
        self._is_telling = True
        self._typed = ""
        self.setModel(rows)
        self.setAccessibleName("Objects")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setShowGrid(False)
        self.setAlternatingRowColors(True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._menu_at)
        self.bars = DoubtBars(self)
        self._head()
        self._side()
        selection = self.selectionModel()
        assert selection is not None
        selection.selectionChanged.connect(self._tell)

    # ---- what is chosen

    @property
    def selected(self) -> Ints:
        """(chosen,) numbers of the chosen objects, from the top row."""
        return self.rows.numbers_at(self._selected_rows())

    def select(self, numbers: Iterable[int]) -> None:
        """Choose objects and show the first one; no signal. What is not shown is left out.

        Where they are chosen already nothing moves: a person may be about to choose more.
        """
        places = self.rows.rows_of(numbers)
        if np.array_equal(places, self._selected_rows()):
            return
        self._choose(places)
        if len(places):
            index = self.rows.index(int(places[0]), max(0, self.currentIndex().column()))
            self._current(index)
            self.scrollTo(index, QAbstractItemView.ScrollHint.EnsureVisible)

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """Chosen objects stay chosen, and what is on screen stays, whatever rows do meanwhile.

        ``chosen`` tells where some are not shown any more.
        """
        numbers, top = self.selected, self.rows.numbers_at(np.array(self._top_row(), np.int64))
        current, shown = self._current_number(), self._shown_choice()
        self._is_telling = False
        self.clearSelection()
        try:
            yield
        finally:
            self._is_telling = True
        places = self.rows.rows_of(numbers)
        if np.count_nonzero(np.diff(places) != 1) > _MOST_PARTS:
            places = places[:0]
        self._choose(places)
        if current is not None and len(there := self.rows.rows_of([current[0]])):
            self._current(self.rows.index(int(there[0]), current[1]))
        seen = self.rows.rows_of(shown if len(shown) else top)
        if len(seen) and not self._is_on_screen(int(seen[0])):
            hint = QAbstractItemView.ScrollHint
            where = hint.PositionAtCenter if len(shown) else hint.PositionAtTop
            self.scrollTo(self.rows.index(int(seen[0]), self._first_column()), where)
        if len(places) != len(numbers):
            self.chosen.emit(self.selected)

    def copied_text(self) -> str:
        """The chosen rows as they stand, tab separated, with heads and all digits."""
        shown = self.columns_shown()
        columns = [self.rows.columns[at] for at in shown]
        places = self.rows.order.rows[self._selected_rows()]
        cells = [
            copied(self.rows.values_of(at)[places], column, self.rows.classes)
            for at, column in zip(shown, columns, strict=True)
        ]
        lines = [[column.header for column in columns], *zip(*cells, strict=True)]
        return "\n".join("\t".join(line) for line in lines) + "\n"

    # ---- columns

    def columns_shown(self) -> list[int]:
        """Columns that are not hidden, as they stand from the left."""
        header = self._header()
        order = (header.logicalIndex(at) for at in range(header.count()))
        return [at for at in order if not self.isColumnHidden(at)]

    def fit_columns(self) -> None:
        """Make every column as wide as its head and a sample of its values."""
        header, metrics = self._header(), self.fontMetrics()
        margin = round(line_px(self) * 0.9)
        for at, column in enumerate(self.rows.columns):
            values = self.rows.values_of(at)
            step = max(1, len(values) // _SAMPLED)
            sample = [*values[::step].tolist(), *_ends(values)]
            texts = [self.rows.text_of(at, value) for value in sample]
            texts += str(self.rows.headerData(at, Qt.Orientation.Horizontal)).split("\n")
            widest = max(metrics.horizontalAdvance(text) for text in texts)
            header.resizeSection(at, widest + margin)
            self.setItemDelegateForColumn(at, self.bars if column.key == "doubt" else None)
        side = self.verticalHeader()
        if side is not None:
            side.setDefaultSectionSize(round(line_px(self) * _ROW_LINES))

    # ---- what Qt asks

    def paintEvent(self, event: Any) -> None:
        """Draw the rows, or why there are none."""
        super().paintEvent(event)
        port = self.viewport()
        if not self.rows.rowCount() and self.empty_text and port is not None:
            painter = QPainter(port)
            painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
            middle = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
            painter.drawText(port.rect().adjusted(12, 0, -12, 0), middle, self.empty_text)
            painter.end()

    def keyPressEvent(self, event: Any) -> None:
        """The menu key asks for the menu of the current column."""
        if event.key() == Qt.Key.Key_Menu:
            self._menu_at(self.visualRect(self.currentIndex()).bottomLeft())
        else:
            super().keyPressEvent(event)

    def keyboardSearch(self, search: str | None) -> None:
        """Digits that are typed go to the object of that number."""
        self._typed = f"{self._typed}{search}"[-9:] if search and search.isdigit() else ""
        if self._typed and not len(self.rows.rows_of([int(self._typed)])):
            self._typed = search or ""
        if self._typed and len(self.rows.rows_of([int(self._typed)])):
            self.select([int(self._typed)])
            self.chosen.emit(self.selected)

    # ---- inside

    def _head(self) -> None:
        header = self._header()
        # Its own: with that of the rows it asks every row whether all of a column is chosen.
        header.setSelectionModel(QItemSelectionModel(self.rows, header))
        header.setSectionsClickable(True)
        header.setSectionsMovable(True)
        header.setHighlightSections(False)
        header.setSortIndicatorShown(True)
        header.setSortIndicatorClearable(True)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.sortIndicatorChanged.connect(self._sort)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(self._head_menu)

    def _side(self) -> None:
        side = self.verticalHeader()
        assert side is not None
        side.setVisible(False)
        side.setMinimumSectionSize(1)
        side.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)

    def _header(self) -> QHeaderView:
        header = self.horizontalHeader()
        assert header is not None
        return header

    def _sort(self, column: int, order: Qt.SortOrder) -> None:
        with self.keeping():
            self.rows.sort(column, order)

    def _menu_at(self, place: QPoint) -> None:
        port, index = self.viewport(), self.indexAt(place)
        column = index.column() if index.isValid() else self.currentIndex().column()
        if port is not None:
            self.menu_wanted.emit(column, port.mapToGlobal(place))

    def _head_menu(self, place: QPoint) -> None:
        header = self._header()
        self.menu_wanted.emit(header.logicalIndexAt(place), header.mapToGlobal(place))

    def _tell(self) -> None:
        if self._is_telling:
            self.chosen.emit(self.selected)

    def _choose(self, places: Ints) -> None:
        chosen = QItemSelection()
        last_column = self.rows.columnCount() - 1
        for first, last in runs_in(places):
            chosen.select(self.rows.index(first, 0), self.rows.index(last, last_column))
        selection = self.selectionModel()
        assert selection is not None
        self._is_telling = False
        selection.select(chosen, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self._is_telling = True

    def _selected_rows(self) -> Ints:
        selection = self.selectionModel()
        if selection is None:
            return np.zeros(0, np.int64)
        parts = selection.selection()
        each = (parts[at] for at in range(len(parts)))
        found = [np.arange(part.top(), part.bottom() + 1) for part in each]
        return np.sort(np.concatenate([np.zeros(0, np.int64), *found]))

    def _current(self, index: QModelIndex) -> None:
        """Where arrow keys go on from; nothing is chosen by that."""
        selection = self.selectionModel()
        if selection is not None:
            selection.setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)

    def _current_number(self) -> tuple[int, int] | None:
        index = self.currentIndex()
        if not index.isValid():
            return None
        return int(self.rows.numbers_at(np.array([index.row()]))[0]), index.column()

    def _top_row(self) -> list[int]:
        top = self.rowAt(0)
        return [top] if top >= 0 else []

    def _shown_choice(self) -> Ints:
        """Numbers of chosen objects on screen; the first of them is to stay there."""
        rows = self._selected_rows()
        seen = [row for row in rows[:_SAMPLED].tolist() if self._is_on_screen(row)]
        return self.rows.numbers_at(np.array(seen[:1], np.int64))

    def _is_on_screen(self, row: int) -> bool:
        port = self.viewport()
        place = self.rowViewportPosition(row)
        return port is not None and place >= 0 and place + self.rowHeight(row) <= port.height()

    def _first_column(self) -> int:
        shown = self.columns_shown()
        return shown[0] if shown else 0


class DoubtBars(QStyledItemDelegate):
    """Draws doubts as bars, 0 to 1; large ones in the colour of what needs a look."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.tints: Tints | None = None

    def paint(self, painter: Any, option: QStyleOptionViewItem, index: QModelIndex) -> None:  # noqa: D102
        if self.tints is None:
            return
        value = float(index.data(VALUE_ROLE))
        own = QStyleOptionViewItem(option)
        self.initStyleOption(own, index)
        own.text = ""
        style = own.widget.style() if own.widget else None
        if style is not None:
            style.drawControl(style.ControlElement.CE_ItemViewItem, own, painter, own.widget)
        if value > 0:
            room = option.rect.adjusted(4, 0, -4, 0)
            high = max(4, room.height() // 3)
            wide = max(2, round(room.width() * min(1.0, value)))
            color = QColor(self.tints.error if value >= _SEE else self.tints.busy)
            top = room.center().y() - high // 2
            painter.fillRect(room.left(), top, wide, high, color)


def _ends(values: Any) -> list[float]:
    there = values[~np.isnan(values)]
    return [float(there.min()), float(there.max())] if len(there) else []
