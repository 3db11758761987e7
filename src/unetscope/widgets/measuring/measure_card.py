"""The card on top of the dock: always the number, or the next step."""

from __future__ import annotations

from unetscope.session.measuring.measure_guidance import measure_line
from unetscope.widgets.kit.looks import Tints
from unetscope.widgets.kit.telling import TellingCard
from unetscope.widgets.measuring.measure_panel import MeasurePanel
from unetscope.workbench.measuring.measure_bench import MeasureBench


class MeasureCard(TellingCard, MeasurePanel):
    """Says how many objects there are and how large, or what to do; all numbers behind *more*."""

    SHOWS = frozenset(
        {
            "image", "source", "sources", "wish", "names", "found", "working", "stale", "selected",
            "tool", "message",
        }
    )  # fmt: skip

    def __init__(self, bench: MeasureBench) -> None:
        super().__init__(bench)
        self.be_card()

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        self.refresh()

    def refresh(self) -> None:
        """Say what the state makes of it."""
        line = measure_line(self._state)
        self.tell(line.text, line.tone, line.details, self._tints)
