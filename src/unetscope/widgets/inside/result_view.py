"""A table view whose columns fit its width as long as that can be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from unetscope.widgets.kit.looks import line_px

ROWS_HIGH = 9
_NARROW_LINES = 4.5  # columns of words are not made narrower than so many line heights
_ARROW_LINES = 1.0  # room in a header for its margins and the arrow of a sorted column


class ResultTable(QTableView):
    """Columns of words take what is left where it is wide.

    Where it is narrow, first the names of columns of numbers are shortened, then words. Numbers are
    always whole.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._numeric: list[bool] = []
        self.setAccessibleName("Result")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # a channel's number ends its name
        self.setShowGrid(False)
        self.setAlternatingRowColors(True)
        side = self.verticalHeader()
        if side is not None:
            side.setVisible(False)

    def fit(self, numeric: Sequence[bool] | None = None) -> None:
        """Fit columns and height to the rows; ``numeric`` says which columns hold numbers."""
        if numeric is not None:
            self._numeric = list(numeric)
        line = line_px(self)
        side, head, rows = self.verticalHeader(), self.horizontalHeader(), self.model()
        if side is None or head is None or rows is None:
            return
        side.setMinimumSectionSize(1)
        side.setDefaultSectionSize(round(line * 1.4))
        head.setMinimumSectionSize(line)
        head.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self._fit_columns()
        bar = self.horizontalScrollBar()
        too_wide = bar is not None and head.length() > self._room()
        extra = bar.sizeHint().height() if bar is not None and too_wide else 0
        high = round(line * 1.4) * min(ROWS_HIGH, max(1, rows.rowCount()))
        self.setFixedHeight(high + head.sizeHint().height() + extra + 2 * self.frameWidth())

    def resizeEvent(self, event: Any) -> None:
        """Fit the columns to the new width."""
        super().resizeEvent(event)
        self.fit()

    def _room(self) -> int:
        port = self.viewport()
        return port.width() if port is not None else self.width()

    def _header_px(self, column: int) -> int:
        """What a column's name needs."""
        head, rows = self.horizontalHeader(), self.model()
        if head is None or rows is None:
            return 0
        name = str(rows.headerData(column, Qt.Orientation.Horizontal) or "")
        room = round(line_px(self) * _ARROW_LINES)
        return int(head.fontMetrics().horizontalAdvance(name)) + room

    def _fit_columns(self) -> None:
        head = self.horizontalHeader()
        if head is None or head.count() != len(self._numeric) or not self._numeric:
            return
        cells = [self.sizeHintForColumn(i) + 4 for i in range(head.count())]
        wide = [max(cell, self._header_px(i)) for i, cell in enumerate(cells)]
        words = [i for i, numeric in enumerate(self._numeric) if not numeric]
        narrow = round(line_px(self) * _NARROW_LINES)
        least = [narrow if i in words else cell for i, cell in enumerate(cells)]
        over = sum(wide) - self._room()
        for i in sorted(range(len(wide)), key=lambda i: (i in words, least[i] - wide[i])):
            given = min(max(0, wide[i] - least[i]), max(0, over))
            wide[i] -= given
            over -= given
        if over < 0:
            wide[words[-1] if words else -1] -= over
        for i, width in enumerate(wide):
            head.resizeSection(i, width)
