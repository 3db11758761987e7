"""The table of objects as Qt asks for it: sorted by an index, filtered by a mask, no proxy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt
from qtpy.QtGui import QColor

from unetscope.measuring.columns import Column
from unetscope.measuring.conditions import Conditions
from unetscope.measuring.pixel_runs import Floats, Ints
from unetscope.measuring.row_order import (
    RowOrder,
    differing,
    order_of,
    row_order,
    runs_in,
)
from unetscope.widgets.measuring.cells import are_whole, cell, head, head_tip

if TYPE_CHECKING:
    from unetscope.measuring.object_table import ObjectTable

VALUE_ROLE = int(Qt.ItemDataRole.UserRole) + 1
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_NOTHING = RowOrder(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64))
_MOST_STEPS = 200  # rows that come and go one by one; more of them are shown anew


class ObjectTableModel(QAbstractTableModel):
    """A row for each object that fits the conditions, a column for each measure.

    ``table`` is what is shown, None at first; ``order`` which of its rows and in which order;
    ``classes`` the names of classes. Selections of a view follow when rows are sorted and when
    some are replaced; other filters and another table begin anew.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.table: ObjectTable | None = None
        self.classes: Mapping[int, str] = {}
        self.conditions = Conditions()
        self.order = _NOTHING
        self._by, self._descending = "", False
        self._values: list[Floats] = []
        self._whole: list[bool] = []
        self._faint: QColor | None = None

    # ---- what is shown

    def show_table(self, table: ObjectTable | None, classes: Mapping[int, str]) -> None:
        """Show other objects: sorted as before where the column is still there, not filtered."""
        self.beginResetModel()
        self.classes, self.conditions = dict(classes), Conditions()
        self._take(table)
        if table is None or self._by not in table.columns:
            self._by, self._descending = "", False
        self.order = self._arranged()
        self.endResetModel()

    def replace(self, table: ObjectTable) -> None:
        """Show the same objects after an edit: only rows that differ come, go or change.

        A table with other columns is shown anew.
        """
        if self.table is None or self.table.about != table.about:
            self.show_table(table, self.classes)
            return
        before, after = self.order, self._arranged(table)
        stays = ~np.isin(before.shown, differing(self.table, table))
        gone = np.flatnonzero(~stays)
        is_new = np.ones(len(after), bool)
        is_new[after.places_of(before.shown[stays])] = False
        come = np.flatnonzero(is_new)
        if np.array_equal(after.shown, before.shown):
            self._take(table)
            self.order = after
            self._tell_changed(come)
        elif max(len(gone), len(come)) > _MOST_STEPS:
            self.beginResetModel()
            self._take(table)
            self.order = after
            self.endResetModel()
        else:
            self._let_go(gone)
            self._take(table)
            self._let_come(after, come)

    def filter(self, conditions: Conditions) -> None:
        """Show only the objects that are meant."""
        if conditions != self.conditions:
            self.beginResetModel()
            self.conditions = conditions
            self.order = self._arranged()
            self.endResetModel()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column, -1 by number; objects without a value come last both ways."""
        self._by = self.column_at(column).key if column >= 0 else ""
        self._descending = bool(self._by) and order == Qt.SortOrder.DescendingOrder
        self.layoutAboutToBeChanged.emit()
        kept = self.persistentIndexList()
        rows = [int(self.order.rows[index.row()]) for index in kept]
        self.order = self._arranged()
        places = [
            self.index(int(self.order.place[row]), index.column())
            for row, index in zip(rows, kept, strict=True)
        ]
        self.changePersistentIndexList(kept, places)
        self.layoutChanged.emit()

    def set_faint(self, color: QColor | None) -> None:
        """Write in this colour, as what is no longer sure; None: as usual."""
        self._faint = color
        self._tell_changed(np.arange(len(self.order)))

    # ---- what is where

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns in their order."""
        return () if self.table is None else self.table.about

    def column_at(self, place: int) -> Column:
        """The column that stands there."""
        return self.columns[place]

    def place_of(self, key: str) -> int:
        """Where a column stands, -1 where there is none of this key."""
        return next((at for at, column in enumerate(self.columns) if column.key == key), -1)

    def numbers_at(self, rows: Ints) -> Ints:
        """(row,) numbers of the objects that are shown there."""
        return self.order.shown[rows]

    def rows_of(self, numbers: Iterable[int]) -> Ints:
        """(some,) rows where objects are shown, increasing; without those that are not."""
        return self.order.places_of(numbers)

    def kept(self) -> NDArray[np.bool_]:
        """(object,) which objects of the table are shown."""
        return np.asarray(self.order.place >= 0)

    def values_of(self, column: int) -> Floats:
        """(object,) all values of a column, in the order of the table."""
        return self._values[column]

    def text_of(self, column: int, value: float) -> str:
        """A value of a column as it is shown."""
        return cell(value, self.columns[column], self.classes, whole=self._whole[column])

    # ---- what Qt asks

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102
        return 0 if parent is not None and parent.isValid() else len(self.order)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102
        return 0 if parent is not None and parent.isValid() else len(self.columns)

    def headerData(  # noqa: D102
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return head(self.columns[section])
        if role == Qt.ItemDataRole.ToolTipRole:
            return head_tip(self.columns[section], self._values[section])
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        if not index.isValid():
            return None
        column = self.columns[index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return None if column.key == "class" else _RIGHT
        if role == Qt.ItemDataRole.ForegroundRole:
            return self._faint
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, VALUE_ROLE):
            return None
        value = float(self._values[index.column()][self.order.rows[index.row()]])
        if role == VALUE_ROLE:
            return value
        text = self.text_of(index.column(), value)
        if role == Qt.ItemDataRole.DisplayRole:
            return text
        return f"{text} {column.unit}".rstrip() or f"Empty. {column.key}: {column.formula}."

    # ---- steps

    def _take(self, table: ObjectTable | None) -> None:
        self.table = table
        columns = {} if table is None else table.columns
        self._values = [np.asarray(columns[one.key], np.float64) for one in self.columns]
        self._whole = [are_whole(values) for values in self._values]

    def _arranged(self, table: ObjectTable | None = None) -> RowOrder:
        table = self.table if table is None else table
        if table is None:
            return _NOTHING
        kept = self.conditions.fitting(table) if self.conditions else None
        return row_order(table, self._by, descending=self._descending, kept=kept)

    def _let_go(self, gone: Ints) -> None:
        assert self.table is not None
        for first, last in reversed(list(runs_in(gone))):
            self.beginRemoveRows(QModelIndex(), first, last)
            rows = np.delete(self.order.rows, np.s_[first : last + 1])
            self.order = order_of(self.table, rows)
            self.endRemoveRows()

    def _let_come(self, after: RowOrder, come: Ints) -> None:
        """Insert rows until those of ``after`` are shown; the others stand already."""
        assert self.table is not None
        self.order = order_of(self.table, np.delete(after.rows, come))
        for first, last in runs_in(come):
            self.beginInsertRows(QModelIndex(), first, last)
            there = self.order.rows
            new = after.rows[first : last + 1]
            self.order = order_of(self.table, np.insert(there, first, new))
            self.endInsertRows()
        self.order = after

    def _tell_changed(self, rows: Ints) -> None:
        for first, last in runs_in(rows):
            ends = self.index(first, 0), self.index(last, len(self.columns) - 1)
            self.dataChanged.emit(*ends)
