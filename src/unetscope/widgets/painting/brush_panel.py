"""The brush and the way back: size, undo, redo, and the card of keys."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QWidget
from superqt import QFlowLayout

from unetscope.session.journal.status import JournalStatus
from unetscope.widgets.kit.keys import KeyTable
from unetscope.widgets.kit.looks import small_button


class BrushPanel(QWidget):
    """``resized(larger)``, ``undo``, ``redo`` and ``help`` are pressed."""

    resized = Signal(bool)
    undo = Signal()
    redo = Signal()
    help = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.brush = QLabel()
        self.brush.setToolTip("Diameter of the brush, in pixels of the image.")
        self.smaller, self.larger = small_button("−", ""), small_button("+", "")
        self.undo_button, self.redo_button = small_button("↶ Undo", ""), small_button("↷", "")
        self.help_button = small_button("Keys", "")
        self.redo_button.setAccessibleName("Redo")
        self.smaller.setAccessibleName("Smaller brush")
        self.larger.setAccessibleName("Larger brush")
        self.smaller.clicked.connect(lambda _checked: self.resized.emit(False))
        self.larger.clicked.connect(lambda _checked: self.resized.emit(True))
        self.undo_button.clicked.connect(lambda _checked: self.undo.emit())
        self.redo_button.clicked.connect(lambda _checked: self.redo.emit())
        self.help_button.clicked.connect(lambda _checked: self.help.emit())
        row = QFlowLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        for part in (
            self.smaller,
            self.brush,
            self.larger,
            self.undo_button,
            self.redo_button,
            self.help_button,
        ):
            row.addWidget(part)

    def refresh(self) -> None:
        """Room for the longest size in the present font."""
        widest = self.brush.fontMetrics().horizontalAdvance("Brush 000 px")
        self.brush.setMinimumSize(widest, self.larger.sizeHint().height())

    def show_brush(self, size_px: int | None) -> None:
        """The size of the brush; None while there is nothing to paint on."""
        self.brush.setText(f"Brush {size_px} px" if size_px is not None else "Brush –")
        self.smaller.setEnabled(size_px is not None and size_px > 1)
        self.larger.setEnabled(size_px is not None)

    def show_history(self, status: JournalStatus) -> None:
        """What can be taken back or done again."""
        self.undo_button.setEnabled(status.can_undo)
        self.redo_button.setEnabled(status.can_redo)

    def show_keys(self, keys: KeyTable) -> None:
        """Tooltips with the keys as they are."""
        for button, name, words in (
            (self.smaller, "smaller_brush", "A smaller brush."),
            (self.larger, "larger_brush", "A larger brush."),
            (self.undo_button, "undo", "Take back the newest edit, also one of an earlier day."),
            (self.redo_button, "redo", "Do again what was taken back."),
            (self.help_button, "help", "Every key on one card."),
        ):
            button.setToolTip(keys.tip(name, words))
