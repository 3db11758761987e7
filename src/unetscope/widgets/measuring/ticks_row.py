"""Objects checked one by one, the most doubtful first."""

from __future__ import annotations

from qtpy.QtWidgets import QLabel

from unetscope.widgets.kit.arranging import row
from unetscope.widgets.kit.looks import quiet, small_button
from unetscope.widgets.kit.shortcuts import Calls
from unetscope.widgets.measuring.measure_panel import MeasurePanel
from unetscope.workbench.measuring.measure_bench import MeasureBench


class TicksRow(MeasurePanel):
    """Next doubtful, right, and how many were checked."""

    SHOWS = frozenset({"found", "selected", "checked"})

    def __init__(self, bench: MeasureBench) -> None:
        super().__init__(bench)
        checker = bench.checker
        self.next = small_button("Next doubtful", "Go to the most doubtful object (N).")
        self.right = small_button("Right ✓", "The chosen objects are right (R).")
        self.next.clicked.connect(lambda _checked: checker.next())
        self.right.clicked.connect(lambda _checked: checker.tick())
        self.count = quiet(QLabel())
        row(self.next, self.right, self.count, owner=self, stretched=(2,))

    def keys(self) -> Calls:
        """As they are on the buttons."""
        return {"N": self._bench.checker.next, "R": self._bench.checker.tick}

    def refresh(self) -> None:
        """Show how far it is."""
        state = self._state
        self.setVisible(state.found is not None and state.found.count > 0)
        self.right.setEnabled(bool(state.selected))
        checked = len(state.checked)
        every = bool(state.selected) and set(state.selected) <= state.checked
        self.right.setText("Not right" if every else "Right ✓")
        if state.found is not None:
            self.count.setText(f"{checked:,} of {state.found.count:,} checked" if checked else "")
