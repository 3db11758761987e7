"""The rows of a result: sorted by their values, shown as rounded numbers, copied in full."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt

from unetscope.widgets.inside.number_grid import number

SORT_ROLE = int(Qt.ItemDataRole.UserRole) + 1
PAYLOAD_ROLE = SORT_ROLE + 1
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True)
class Row:
    """Cells (text, numbers, None) and what the row stands for."""

    cells: tuple[Any, ...]
    payload: Any = None


def as_row(row: Row | Sequence[Any]) -> Row:
    """A plain sequence of cells is its own payload."""
    return row if isinstance(row, Row) else Row(tuple(row), tuple(row))


class ResultRows(QAbstractTableModel):
    """Columns and rows of one result."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.columns: tuple[str, ...] = ()
        self.rows: tuple[Row, ...] = ()
        self._numeric: tuple[bool, ...] = ()

    def show_rows(self, columns: Sequence[str], rows: Sequence[Row | Sequence[Any]]) -> None:
        """Replace everything.

        Raises
        ------
        ValueError
            If a row has not as many cells as there are columns.
        """
        made = tuple(as_row(row) for row in rows)
        for row in made:
            if len(row.cells) != len(columns):
                raise ValueError(f"{len(columns)} columns, but a row of {len(row.cells)} cells.")
        self.beginResetModel()
        self.columns, self.rows = tuple(columns), made
        self._numeric = tuple(
            _all_numbers(row.cells[i] for row in made) for i in range(len(columns))
        )
        self.endResetModel()

    def is_numeric(self, column: int) -> bool:
        """Whether a column holds numbers (or nothing) only."""
        return self._numeric[column]

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102
        return 0 if parent is not None and parent.isValid() else len(self.columns)

    def headerData(  # noqa: D102
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        told = (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole)  # it may be shortened
        if orientation == Qt.Orientation.Horizontal and role in told:
            return self.columns[section]
        if role == Qt.ItemDataRole.InitialSortOrderRole and self.is_numeric(section):
            return Qt.SortOrder.DescendingOrder.value  # the first click shows the largest
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        if not index.isValid():
            return None
        row = self.rows[index.row()]
        value = row.cells[index.column()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return shown(value)
        if role == SORT_ROLE:
            return sort_key(value)
        if role == PAYLOAD_ROLE:
            return row.payload
        if role == Qt.ItemDataRole.TextAlignmentRole and self._numeric[index.column()]:
            return int(_RIGHT)
        return None


def _all_numbers(cells: Iterable[Any]) -> bool:
    present = [cell for cell in cells if cell is not None]
    return bool(present) and all(_is_number(cell) for cell in present)


def shown(value: Any) -> str:
    """A cell as text: whole numbers in groups of three, others to three digits, None as a dash."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and not math.isfinite(value):
        return "–" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    if _is_number(value):
        if float(value) == int(value) and not isinstance(value, float):
            return f"{int(value):,}".replace("-", "−")
        return number(float(value), 3)
    return str(value)


def sort_key(value: Any) -> Any:
    """What a cell is sorted by; missing values come last when the largest come first."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return -math.inf
    return float(value) if _is_number(value) or isinstance(value, bool) else str(value).casefold()


def as_csv(columns: Sequence[str], rows: Sequence[Row]) -> str:
    """The table as CSV, numbers in full."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(["" if cell is None else cell for cell in row.cells] for row in rows)
    return written.getvalue()


def _is_number(value: Any) -> bool:
    return hasattr(value, "__float__") and not isinstance(value, bool | str)
