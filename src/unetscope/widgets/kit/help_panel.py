"""The keys on one card: a pop-up that closes at the next click or key."""

from __future__ import annotations

from html import escape
from typing import Any

from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from unetscope.widgets.kit.keys import KeyTable
from unetscope.widgets.kit.looks import Tints

_HELD = (
    Qt.Key.Key_Shift,
    Qt.Key.Key_Control,
    Qt.Key.Key_Alt,
    Qt.Key.Key_AltGr,
    Qt.Key.Key_Meta,
)


class HelpPanel(QFrame):
    """Hidden until :meth:`toggle`; it lies over the window's middle."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self._owner = parent
        self.setAccessibleName("Keys")
        self.table = QLabel()
        self.table.setTextFormat(Qt.TextFormat.RichText)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 14, 18, 14)
        column.addWidget(self.table)

    def fill(self, keys: KeyTable, tints: Tints) -> None:
        """Show these keys in these colours."""
        cap = f"background-color:{tints.background}; color:{tints.text}"
        rows = "".join(
            f'<tr><td align="right"><b style="{cap}">&nbsp;{escape(key)}&nbsp;</b></td>'
            f"<td>&nbsp;&nbsp;{escape(title)}</td>"
            f'<td style="color:{tints.faint}">&nbsp;&nbsp;{escape(meaning)}</td></tr>'
            for key, title, meaning in keys.rows()
        )
        self.table.setText(
            f'<table cellpadding="3">{rows}</table>'
            f'<p style="color:{tints.faint}">They work over the image and in the panel. '
            "Change them in Preferences ▸ unetscope ▸ Keys.</p>"
        )
        self.setStyleSheet(
            f"HelpPanel {{ background: {tints.card}; border: 1px solid {tints.faint}; "
            f"border-radius: 6px; }} HelpPanel QLabel {{ color: {tints.text}; "
            "background: transparent; }"
        )

    def toggle(self) -> None:
        """Show the card over the window, or hide it."""
        if self.isVisible():
            self.hide()
            return
        self.adjustSize()
        window = self._owner.window() or self._owner
        middle = window.mapToGlobal(QPoint(window.width() // 2, window.height() // 2))
        self.move(middle - self.rect().center())
        self.show()
        self.setFocus()

    def keyPressEvent(self, event: Any) -> None:
        """Any key closes it, but for those that are only held down while others are pressed."""
        if event.key() not in _HELD:
            self.hide()
