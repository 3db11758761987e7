"""The brush and the way back: size, undo, redo, and the card of keys."""

from __future__ import annotations

from qtpy.QtWidgets import QLabel

from unetscope.widgets.kit.arranging import flow
from unetscope.widgets.kit.keys import KeyTable
from unetscope.widgets.kit.looks import small_button
from unetscope.widgets.kit.panel import Panel
from unetscope.widgets.kit.shortcuts import Calls
from unetscope.workbench.workbench import Workbench


class BrushPanel(Panel):
    """Size of the brush, undo and redo, and the card of keys."""

    SHOWS = frozenset({"image"})

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self._work = work
        self.brush = QLabel()
        self.brush.setToolTip("Diameter of the brush, in pixels of the image.")
        self.smaller, self.larger = small_button("−", ""), small_button("+", "")
        self.undo_button, self.redo_button = small_button("↶ Undo", ""), small_button("↷", "")
        self.help_button = small_button("Keys", "")
        self.redo_button.setAccessibleName("Redo")
        self.smaller.setAccessibleName("Smaller brush")
        self.larger.setAccessibleName("Larger brush")
        self.smaller.clicked.connect(lambda _checked: self._resize(larger=False))
        self.larger.clicked.connect(lambda _checked: self._resize(larger=True))
        self.undo_button.clicked.connect(lambda _checked: work.strokes.undo())
        self.redo_button.clicked.connect(lambda _checked: work.strokes.redo())
        self.help_button.clicked.connect(lambda _checked: self.help_wanted.emit())
        size, history = (
            (self.smaller, self.brush, self.larger),
            (self.undo_button, self.redo_button),
        )
        flow(*size, *history, self.help_button, owner=self)
        self._connections.connect(work.brush.changed, self._show_brush)
        self._connections.connect(work.strokes.keeper.changed, self._show_history)

    def keys(self) -> Calls:
        """Brush and history."""
        return {
            "smaller_brush": lambda: self._resize(larger=False),
            "larger_brush": lambda: self._resize(larger=True),
            "undo": self._work.strokes.undo,
            "redo": self._work.strokes.redo,
        }

    def refresh(self) -> None:
        """Brush and history of the present image, with room for the longest size."""
        widest = self.brush.fontMetrics().horizontalAdvance("Brush 000 px")
        self.brush.setMinimumSize(widest, self.larger.sizeHint().height())
        self._show_history()
        self._show_brush()

    def _resize(self, *, larger: bool) -> None:
        self._work.resize_brush(larger=larger)

    def _show_brush(self) -> None:
        """The size of the brush, where there is something to paint on."""
        image = self._session.image
        size_px = self._work.brush.size_px(image.key) if image is not None else None
        self.brush.setText(f"Brush {size_px} px" if size_px is not None else "Brush –")
        self.smaller.setEnabled(size_px is not None and size_px > 1)
        self.larger.setEnabled(size_px is not None)

    def _show_history(self) -> None:
        """What can be taken back or done again."""
        status = self._work.strokes.status
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
