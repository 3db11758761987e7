"""What is painted: the classes, one of them in the brush."""

from __future__ import annotations

from qtpy.QtCore import QModelIndex, QSize, Qt, Signal
from qtpy.QtGui import QAction
from qtpy.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHeaderView,
    QMenu,
    QTableView,
    QVBoxLayout,
    QWidget,
)
from superqt import QFlowLayout

from unetscope.learning.classes import PALETTE
from unetscope.session.guidance import controls
from unetscope.session.state import Session
from unetscope.widgets.class_table import COLOR, NAME, PIXELS, ClassTable
from unetscope.widgets.looks import line_px, small_button, swatch

_SHOWN_ROWS = 6


class ClassesPanel(QWidget):
    """The class table with its two buttons.

    Signals: ``chosen(value)`` paint with it, ``renamed(value, name)``, ``recoloured(value,
    color)``, ``added()``, ``deleted(value)``.
    """

    chosen = Signal(int)
    renamed = Signal(int, str)
    recoloured = Signal(int, str)
    added = Signal()
    deleted = Signal(int)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.table = ClassTable(session, self)
        self.table.renamed.connect(self.renamed)
        self.view = _table_view(self.table)
        self.view.clicked.connect(self._clicked)
        self.add_button = small_button("+ Class", "Add a class with a colour of its own.")
        self.add_button.clicked.connect(self.added)
        self.delete_button = small_button("Delete", "")
        self.delete_button.clicked.connect(lambda: self.deleted.emit(self._session.current_class))
        buttons = QFlowLayout()
        buttons.addWidget(self.add_button)
        buttons.addWidget(self.delete_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.view)
        layout.addLayout(buttons)

    def refresh(self) -> None:
        """Show the session's classes; the one in the brush is selected."""
        self.view.setFont(self.add_button.font())  # style sheets set it for buttons, not tables
        line = line_px(self.view)
        self.table.icon_px = round(line * 0.9)
        self.view.setIconSize(QSize(self.table.icon_px, self.table.icon_px))
        rows_header = self.view.verticalHeader()
        if rows_header is not None:
            rows_header.setDefaultSectionSize(round(line * 1.5))
        self.table.refresh()
        self.view.resizeColumnToContents(COLOR)
        self.view.resizeColumnToContents(PIXELS)
        rows = min(max(2, self.table.rowCount()), _SHOWN_ROWS)
        self.view.setFixedHeight(rows * round(line * 1.5) + 2 * self.view.frameWidth())
        row = self.table.row_of(self._session.current_class)
        if row >= 0 and self.view.currentIndex().row() != row:
            self.view.setCurrentIndex(self.table.index(row, NAME))
        current = self._session.class_of(self._session.current_class)
        self.delete_button.setEnabled(controls(self._session).delete_class)
        if current is not None:
            self.delete_button.setToolTip(
                f"Delete {current.name} with its strokes. Ctrl+Z in the image brings both back."
            )

    def _clicked(self, index: QModelIndex) -> None:
        value = self.table.value_at(index.row())
        if index.column() == COLOR:
            self._choose_color(value, index)
        self.chosen.emit(value)

    def _choose_color(self, value: int, index: QModelIndex) -> None:
        menu = QMenu(self)
        for color in PALETTE:
            action = QAction(swatch(color, self.table.icon_px), color, menu)
            action.triggered.connect(
                lambda _=False, picked=color: self.recoloured.emit(value, picked)
            )
            menu.addAction(action)
        other = menu.addAction("Other …")
        if other is not None:
            other.triggered.connect(lambda: self._any_color(value))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.view.mapToGlobal(self.view.visualRect(index).bottomLeft()))

    def _any_color(self, value: int) -> None:
        dialog = QColorDialog(self)
        dialog.setModal(False)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.colorSelected.connect(lambda color: self.recoloured.emit(value, color.name()))
        dialog.show()


def _table_view(table: ClassTable) -> QTableView:
    view = QTableView()
    view.setModel(table)
    view.setShowGrid(False)
    view.setWordWrap(False)
    view.setTextElideMode(Qt.TextElideMode.ElideRight)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    view.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked)
    view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    for header in (view.horizontalHeader(), view.verticalHeader()):
        assert header is not None  # a table view has both
        header.hide()
        header.setMinimumSectionSize(8)
        if header.orientation() == Qt.Orientation.Horizontal:
            header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
    view.setAccessibleName("Classes")
    return view
