"""Objects are looked at one by one, the most doubtful first, and ticked where they are right."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from qtpy.QtCore import QObject

from unetscope.errors import UnetscopeError
from unetscope.session.measuring.measure_state import FoundObjects, MeasureState
from unetscope.session.measuring.object_store import read_ticks, write_ticks
from unetscope.session.values import Message


class ObjectChecker(QObject):
    """Walks by doubt; ticks are kept beside the corrections of the objects.

    ``frame(number)`` chooses an object and brings it into the middle of the view.
    """

    def __init__(self, state: MeasureState, frame: Callable[[int], None], parent: QObject) -> None:
        super().__init__(parent)
        self._state, self._frame = state, frame
        self._passed: set[int] = set()  # seen on this round, ticked or not

    def open(self, found: FoundObjects) -> None:
        """Take up other objects, with the ticks that are kept."""
        self._passed.clear()
        kept = read_ticks(found.looked.place)
        self._state.checked = kept & set(found.objects.numbers.tolist())

    def follow(self, found: FoundObjects) -> None:
        """Objects were corrected: ticks of those that are gone go with them."""
        left = self._state.checked & set(found.objects.numbers.tolist())
        if left != self._state.checked:
            self._state.checked = left

    def next(self) -> None:
        """Go to the most doubtful object that was not looked at yet."""
        found = self._state.found
        if found is None:
            return
        table = found.measured.table
        numbers, doubt = table.columns["object"], table.columns["doubt"]
        seen = [*self._passed, *self._state.checked]
        open_ = ~np.isin(numbers, seen) & (doubt > 0)
        if not open_.any():
            self._passed.clear()
            self._state.message = Message("No other object is in doubt.")
            return
        at = int(np.argmax(np.where(open_, doubt, -1.0)))
        number = int(numbers[at])
        self._passed.add(number)
        left = int(np.count_nonzero(open_)) - 1
        self._state.message = Message(
            f"Object {number}: doubt {doubt[at]:.2f}. Right? Tick it (R); or split, join or drop "
            f"it. {left:,} more are in doubt."
        )
        self._frame(number)

    def tick(self) -> None:
        """The chosen objects are right, or not after all; then the next doubtful one."""
        found, chosen = self._state.found, set(self._state.selected)
        if found is None or not chosen:
            return
        checked = self._state.checked
        every = chosen <= checked
        self._state.checked = checked - chosen if every else checked | chosen
        try:
            write_ticks(found.looked.place, self._state.checked)
        except UnetscopeError as error:
            self._state.message = Message.of(error, "Keeping the tick")
            return
        if not every and chosen & self._passed:
            self.next()
