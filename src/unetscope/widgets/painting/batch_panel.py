"""What came of many images that were predicted: a table, the odd and the failed ones marked."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtGui import QBrush, QColor
from qtpy.QtWidgets import QHeaderView, QLabel, QTreeWidget, QTreeWidgetItem

from unetscope.scaling.file_results import FAILED
from unetscope.session.values import BatchRow
from unetscope.widgets.kit.arranging import column, flow
from unetscope.widgets.kit.looks import Tints, line_px, quiet, small_button
from unetscope.widgets.kit.panel import Panel
from unetscope.workbench.workbench import Workbench

_MOST_LINES = 9
_ODD = "⚠ "


class BatchPanel(Panel):
    """Hidden until many images were predicted; a double click opens an image."""

    SHOWS = frozenset({"batch", "classes"})

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self._work = work
        self._tints: Tints | None = None
        self._closed_of: object = None  # the batch whose table was closed
        self.title = quiet(QLabel())
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.table = QTreeWidget()
        self.table.setRootIsDecorated(False)
        self.table.setUniformRowHeights(True)
        self.table.setAccessibleName("What came of each image")
        self.table.setToolTip(
            "Shares of the classes; sure: the mean probability of the class that is answered, in "
            "128 × 128 pixels in the middle."
        )
        self.table.itemDoubleClicked.connect(self._opened)
        self.close_button = small_button("Close", "Close this table; the masks stay.")
        self.close_button.clicked.connect(lambda _checked: self._close())
        column(self, self.title, self.table, flow(self.close_button))
        self.hide()

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        self.refresh()

    def refresh(self) -> None:
        """Show the rows; shares of the classes in columns of their own."""
        batch = self._session.batch
        self.setVisible(bool(batch.rows) and self._closed_of != batch.title + str(batch.folder))
        if not batch.rows:
            self._closed_of = None
            return
        self.title.setText(f"{batch.title}: double click opens an image. Masks in {batch.folder}")
        used = {v for row in batch.rows if row.answered for v in row.answered.shares}
        classes = [c for c in self._session.classes if c.value in used]
        self.table.clear()
        known = any(row.answered and row.answered.surprise for row in batch.rows)
        extra = ["surprise"] if known else []
        extra += [name for name, told in _MORE.items() if any(map(told, batch.rows))]
        self.table.setHeaderLabels(["image", *(c.name for c in classes), *extra, "what"])
        for row in batch.rows:
            shares = row.answered.shares if row.answered is not None else {}
            told = [f"{shares[c.value]:.1%}" if c.value in shares else "" for c in classes]
            told += [_surprise(row)] * known
            told += [_MORE[name](row) for name in extra if name in _MORE]
            self.table.addTopLevelItem(self._item(row, told))
        header = self.table.header()
        if header is not None:
            header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            header.setStretchLastSection(False)
        lines = min(len(batch.rows), _MOST_LINES) + 3  # and the head, and a bar to scroll
        self.table.setFixedHeight(round(lines * 1.15 * line_px(self.table)))

    def _item(self, row: BatchRow, shares: list[str]) -> QTreeWidgetItem:
        mark = _ODD if row.odd or row.status == FAILED else ""
        item = QTreeWidgetItem([f"{mark}{row.name}", *shares, row.status])
        tip = row.why or row.odd or row.place or str(row.file or "")
        for at in range(item.columnCount()):
            item.setToolTip(at, tip)
        if mark and self._tints is not None:
            color = self._tints.error if row.status == FAILED else self._tints.busy
            item.setForeground(0, QBrush(QColor(color)))
            item.setText(len(shares) + 1, f"{row.status}: {tip}")
        return item

    def _opened(self, item: QTreeWidgetItem, _column: int) -> None:
        row = self._session.batch.rows[self.table.indexOfTopLevelItem(item)]
        if row.image_id:
            self._work.project.images.go_to(row.image_id)
        elif row.file is not None:
            self._work.open_file(row.file)

    def _close(self) -> None:
        batch = self._session.batch
        self._closed_of = batch.title + str(batch.folder)
        self.hide()


def _sure(row: BatchRow) -> str:
    sure = row.answered.sure if row.answered is not None else None
    return "" if sure is None else f"{sure:.0%}"


def _time(row: BatchRow) -> str:
    return "" if row.seconds is None or row.status == FAILED else f"{row.seconds:.1f} s"


#: Columns that are there where one row has something to tell.
_MORE: dict[str, Callable[[BatchRow], str]] = {"sure": _sure, "time": _time}


def _surprise(row: BatchRow) -> str:
    """The number, where 1 is as unlike as any training image is to the others; or the place."""
    surprise = row.answered.surprise if row.answered is not None else None
    if surprise is None:
        return ""
    return row.place.partition(" in ")[0] if surprise.unjudged else f"{surprise.score:.2f}"
