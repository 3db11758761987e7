"""The rows of the class table: colour and value, name, painted pixels, and an eye."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal

from unetscope.images.classes import LabelClass
from unetscope.session.guidance import shown_key
from unetscope.session.state import Session
from unetscope.widgets.kit.looks import eye, swatch

COLOR, NAME, PIXELS, EYE = range(4)
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class ClassRows(QAbstractTableModel):
    """A view of the session's classes; ``renamed(value, name)`` when a name was edited."""

    renamed = Signal(int, str)

    def __init__(self, session: Session, parent: Any = None) -> None:
        super().__init__(parent)
        self._session = session
        self._classes: tuple[LabelClass, ...] = session.classes
        self.icon_px = 16
        self.text_color = "#808080"

    def refresh(self) -> None:
        """Take over the session's classes and counts."""
        if len(self._classes) != len(self._session.classes):
            self.beginResetModel()
            self._classes = self._session.classes
            self.endResetModel()
            return
        self._classes = self._session.classes
        if self._classes:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._classes) - 1, EYE))

    def value_at(self, row: int) -> int:
        """The label value of a row."""
        return self._classes[row].value

    def row_of(self, value: int) -> int:
        """The row of a label value, -1 if it has none."""
        return next((i for i, c in enumerate(self._classes) if c.value == value), -1)

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102
        return 0 if parent is not None and parent.isValid() else len(self._classes)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102
        return 0 if parent is not None and parent.isValid() else 4

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        if not index.isValid():
            return None
        shown, column = self._classes[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(shown, column)
        if role == Qt.ItemDataRole.EditRole and column == NAME:
            return shown.name
        if role == Qt.ItemDataRole.DecorationRole and column == COLOR:
            current = shown.value == self._session.brush_label
            return swatch(shown.color, self.icon_px, ringed=current)
        if role == Qt.ItemDataRole.DecorationRole and column == EYE:
            shut = shown.value in self._session.hidden_classes
            return eye(self.text_color, self.icon_px, shut=shut)
        if role == Qt.ItemDataRole.TextAlignmentRole and column == PIXELS:
            return int(_RIGHT)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(shown, column)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            pixels = self._session.painted.get(shown.value, 0)
            hidden = ", hidden in the answer" * (shown.value in self._session.hidden_classes)
            return f"{shown.name}, {pixels} painted pixels{hidden}"
        return None

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:  # noqa: D102
        if role != Qt.ItemDataRole.EditRole or index.column() != NAME or not str(value).strip():
            return False
        self.renamed.emit(self._classes[index.row()].value, str(value).strip())
        return True

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:  # noqa: D102
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() == NAME else flags

    def _text(self, shown: LabelClass, column: int) -> str:
        if column == COLOR:
            return str(shown.value)
        if column == EYE:
            return ""
        if column == NAME:
            return shown.name
        pixels = self._session.painted.get(shown.value, 0)
        return f"{pixels:,} px" if pixels else "–"

    def _tip(self, shown: LabelClass, column: int) -> str:
        key = shown_key(self._classes, shown.value)
        pressed = f" (key {key})" if key else ""
        if column == COLOR:
            return (
                f"Click to change the colour of {shown.name}. "
                f"{shown.value} is its value in files{pressed and f'; {pressed.strip()[1:-1]}'}."
            )
        if column == EYE:
            if shown.value in self._session.hidden_classes:
                return f"Click to see {shown.name} in the answer."
            return f"Click to hide {shown.name} in the answer. Strokes stay to be seen."
        if column == NAME:
            return f"Click: paint with {shown.name}{pressed}. Double click or F2: rename."
        return f"Pixels painted as {shown.name}, over all images."
