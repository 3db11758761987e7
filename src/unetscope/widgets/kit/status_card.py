"""The status line: what happened, and the one obvious next step, always two lines high."""

from __future__ import annotations

from unetscope.session.guidance import status_line
from unetscope.widgets.kit.looks import Tints
from unetscope.widgets.kit.panel import Panel
from unetscope.widgets.kit.telling import TellingCard
from unetscope.workbench.workbench import Workbench


class StatusCard(TellingCard, Panel):
    """A tinted card with a bar in the colour of its tone; it never changes its height."""

    SHOWS = frozenset(
        {
            "image",
            "unreadable",
            "classes",
            "painted",
            "live",
            "answering",
            "answered_of",
            "training",
            "prediction",
            "predicted",
            "model",
            "model_failed",
            "opening_model",
            "message",
            "seen",
            "trained_image",
        }
    )

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self.be_card()

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        self.refresh()

    def refresh(self) -> None:
        """Say what the session makes of it."""
        status = status_line(self._session)
        self.tell(status.text, status.tone, status.details, self._tints)
