"""What must be known about the kept strokes: a warning, or the offer to bring some back."""

from __future__ import annotations

import time

from qtpy.QtWidgets import QLabel, QWidget

from unetscope.session.journal.status import JournalStatus
from unetscope.widgets.kit.arranging import column, flow
from unetscope.widgets.kit.looks import Tints, card_style, quiet, small_button
from unetscope.widgets.kit.panel import Panel
from unetscope.workbench.workbench import Workbench


class JournalBar(Panel):
    """Hidden while all is well."""

    SHOWS = frozenset({"image"})

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self._strokes, self._status = work.strokes, JournalStatus()
        self.banner, self.offer = quiet(QLabel()), quiet(QLabel())
        self.banner.setAccessibleName("Strokes that are not on the disk")
        self.restore_button = small_button("Restore", "Bring these strokes back, as one edit.")
        self.decline_button = small_button(
            "Not now", "Begin without them. They stay in the journal and are offered again."
        )
        self.restore_button.clicked.connect(lambda _checked: work.strokes.restore())
        self.decline_button.clicked.connect(lambda _checked: work.strokes.decline())
        self._answers = QWidget()
        flow(self.restore_button, self.decline_button, owner=self._answers)
        column(self, self.banner, self.offer, self._answers, margins=(8, 6, 6, 6))
        self._connections.connect(work.strokes.keeper.changed, self.refresh)

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        self._draw()

    def refresh(self) -> None:
        """Say what the journal of the present image has to say."""
        self.show_status(self._strokes.status)

    def show_status(self, status: JournalStatus) -> None:
        """Say this."""
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
        color = self._tints.error if status.banner else self._tints.busy
        self.setStyleSheet(card_style("JournalBar", self._tints, color))
