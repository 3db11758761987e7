"""What must be known about the kept strokes: a warning, or the offer to bring some back."""

from __future__ import annotations

import time

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget
from superqt import QFlowLayout

from unetscope.session.journal.status import JournalStatus
from unetscope.widgets.kit.looks import Tints, quiet, small_button


class JournalBar(QFrame):
    """Hidden while all is well; ``restore`` and ``decline`` answer the offer."""

    restore = Signal()
    decline = Signal()

    def __init__(self, tints: Tints, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tints, self._status = tints, JournalStatus()
        self.banner, self.offer = quiet(QLabel()), quiet(QLabel())
        self.banner.setAccessibleName("Strokes that are not on the disk")
        self.restore_button = small_button("Restore", "Bring these strokes back, as one edit.")
        self.decline_button = small_button(
            "Not now", "Begin without them. They stay in the journal and are offered again."
        )
        self.restore_button.clicked.connect(lambda _checked: self.restore.emit())
        self.decline_button.clicked.connect(lambda _checked: self.decline.emit())
        self._answers = QWidget()
        row = QFlowLayout(self._answers)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.restore_button)
        row.addWidget(self.decline_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 6, 6)
        column.addWidget(self.banner)
        column.addWidget(self.offer)
        column.addWidget(self._answers)
        self._draw()

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        self._draw()

    def show_status(self, status: JournalStatus) -> None:
        """Say what the journal of the present image has to say."""
        if status != self._status:
            self._status = status
            self._draw()

    def _draw(self) -> None:
        status = self._status
        self.banner.setText(status.banner)
        self.banner.setVisible(bool(status.banner))
        self.offer.setText(status.offer.words(time.time()) if status.offer else "")
        self.offer.setVisible(status.offer is not None)
        self._answers.setVisible(status.offer is not None)
        self.setVisible(bool(status.banner) or status.offer is not None)
        tints = self._tints
        color = tints.error if status.banner else tints.busy
        self.setStyleSheet(
            f"JournalBar {{ background: {tints.card}; border: none; "
            f"border-left: 4px solid {color}; border-radius: 3px; }} "
            f"JournalBar QLabel {{ background: transparent; color: {tints.text}; }}"
        )
