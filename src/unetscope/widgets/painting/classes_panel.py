"""What is painted: the classes, one of them in the brush."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QModelIndex, QSize, Qt, Signal
from qtpy.QtGui import QAction, QPalette
from qtpy.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHeaderView,
    QLineEdit,
    QMenu,
    QTableView,
)

from unetscope.images.classes import PALETTE
from unetscope.session.guidance import controls
from unetscope.widgets.kit.arranging import column, flow
from unetscope.widgets.kit.looks import color_words, line_px, small_button, swatch
from unetscope.widgets.kit.panel import Panel
from unetscope.widgets.painting.class_rows import COLOR, EYE, NAME, PIXELS, ClassRows
from unetscope.workbench.workbench import Workbench

_SHOWN_ROWS = 6


class ClassesPanel(Panel):
    """The class table, and ``below`` it a row of buttons."""

    SHOWS = frozenset({"classes", "eyes", "current_class", "brush_label", "painted"})

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self._work = work
        self.table = ClassRows(work.session, self)
        self.table.renamed.connect(lambda value, name: work.change_class(value, name=name))
        self.view = _table_view(self.table)
        self.view.clicked.connect(self._clicked)
        self.view.row_keyed.connect(self._row_keyed)
        self.add_button = small_button("+ Class", "Add a class with a colour of its own; name it.")
        self.add_button.clicked.connect(self._add)
        self.delete_button = small_button("Delete", "")
        self.delete_button.clicked.connect(lambda: work.delete_class(self._session.current_class))
        self.below = flow(self.add_button, self.delete_button)
        column(self, self.view, self.below)

    def refresh(self) -> None:
        """Show the session's classes; the one in the brush is selected, none for an eraser."""
        self.view.setFont(self.add_button.font())  # style sheets set it for buttons, not tables
        line = line_px(self.view)
        self.table.icon_px = round(line * 0.9)
        self.view.setIconSize(QSize(self.table.icon_px, self.table.icon_px))
        rows_header = self.view.verticalHeader()
        if rows_header is not None:
            rows_header.setDefaultSectionSize(round(line * 1.5))
        self.table.text_color = self.view.palette().color(QPalette.ColorRole.Text).name()
        self.table.refresh()
        self.view.resizeColumnToContents(COLOR)
        self.view.resizeColumnToContents(PIXELS)
        self.view.setColumnWidth(EYE, round(line * 1.4))
        rows = min(max(2, self.table.rowCount()), _SHOWN_ROWS)
        self.view.setFixedHeight(rows * round(line * 1.5) + 2 * self.view.frameWidth())
        row = self.table.row_of(self._session.brush_label)
        if row < 0:
            self.view.clearSelection()
        elif self.view.currentIndex().row() != row or not self.view.selectedIndexes():
            self.view.setCurrentIndex(self.table.index(row, NAME))
            self.view.selectRow(row)
        current = self._session.class_of(self._session.current_class)
        self.delete_button.setEnabled(controls(self._session).delete_class)
        if current is not None:
            self.delete_button.setToolTip(
                f"Delete {current.name} with its strokes. Ctrl+Z in the image brings both back."
            )

    def edit_name(self, value: int) -> None:
        """Open the name of a class for typing; Enter or a click elsewhere takes it, Esc does not.

        Letters are the name's meanwhile, and no keys of the window.
        """
        row = self.table.row_of(value)
        if row >= 0:
            place = self.table.index(row, NAME)
            self.view.setCurrentIndex(place)
            self.view.scrollTo(place)
            self.view.setFocus()
            self.view.edit(place)
            for field in self.view.findChildren(QLineEdit):
                field.setFont(self.view.font())  # style sheets leave it small

    def _add(self) -> None:
        before = {c.value for c in self._session.classes}
        self._work.add_class()
        made = [c.value for c in self._session.classes if c.value not in before]
        if made:
            self.edit_name(made[0])

    def _clicked(self, index: QModelIndex) -> None:
        value = self.table.value_at(index.row())
        if index.column() == EYE:
            self._work.switch_eye(value)
            return
        if index.column() == COLOR:
            self._choose_color(value, index)
        self._work.paint_with(value)

    def _row_keyed(self, row: int) -> None:
        """The arrow keys choose as a click does: the marked row is the class in the brush."""
        self._work.paint_with(self.table.value_at(row))
        self.view.setFocus()  # the brush may have taken it along

    def _choose_color(self, value: int, index: QModelIndex) -> None:
        menu = QMenu(self)
        for color in PALETTE:
            action = QAction(swatch(color, self.table.icon_px), color_words(color), menu)
            action.triggered.connect(lambda _=False, picked=color: self._recolour(value, picked))
            menu.addAction(action)
        other = menu.addAction("Other …")
        if other is not None:
            other.triggered.connect(lambda: self._any_color(value))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.view.mapToGlobal(self.view.visualRect(index).bottomLeft()))

    def _recolour(self, value: int, color: str) -> None:
        self._work.change_class(value, color=color)

    def _any_color(self, value: int) -> None:
        dialog = QColorDialog(self)
        dialog.setModal(False)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.colorSelected.connect(lambda color: self._recolour(value, color.name()))
        dialog.show()


class _RowsView(QTableView):
    """A table; ``row_keyed(row)`` when the keyboard has marked another row."""

    row_keyed = Signal(int)

    def keyPressEvent(self, event: Any) -> None:
        """Move, and say so."""
        before = self.currentIndex().row()
        super().keyPressEvent(event)
        row = self.currentIndex().row()
        if row not in (before, -1):
            self.row_keyed.emit(row)


def _table_view(table: ClassRows) -> _RowsView:
    view = _RowsView()
    view.setModel(table)
    view.setShowGrid(False)
    view.setWordWrap(False)
    view.setTextElideMode(Qt.TextElideMode.ElideRight)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    triggers = QAbstractItemView.EditTrigger
    view.setEditTriggers(triggers.DoubleClicked | triggers.EditKeyPressed)
    view.setTabKeyNavigation(False)  # Tab goes on to the next control
    view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    for header in (view.horizontalHeader(), view.verticalHeader()):
        assert header is not None  # a table view has both
        header.hide()
        header.setMinimumSectionSize(8)
        if header.orientation() == Qt.Orientation.Horizontal:
            header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
    view.setAccessibleName("Classes")
    return view
