"""The status line: what happened, and the one obvious next step."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from unetscope.session.guidance import status_line
from unetscope.session.state import Session
from unetscope.widgets.looks import Tints


class StatusCard(QFrame):
    """A tinted card with a bar in the colour of its tone; its text can be selected."""

    def __init__(self, session: Session, tints: Tints, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._tints = tints
        self.label = QLabel()
        self.label.setWordWrap(True)
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.label.setAccessibleName("Status")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 6, 6)
        layout.addWidget(self.label)

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        self.refresh()

    def refresh(self) -> None:
        """Say what the session makes of it."""
        status, tints = status_line(self._session), self._tints
        color = {
            "error": tints.error,
            "good": tints.good,
            "busy": tints.busy,
            "next": tints.text,
            "notice": tints.busy,
        }[status.tone]
        self.label.setText(status.text)
        self.setStyleSheet(
            f"StatusCard {{ background: {tints.card}; border: none; "
            f"border-left: 4px solid {color}; border-radius: 3px; }} "
            f"StatusCard QLabel {{ background: transparent; "
            f"color: {tints.error if status.tone == 'error' else tints.text}; }}"
        )
