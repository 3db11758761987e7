"""Objects corrected by hand: join, split, drop, undo and redo, one after the other.

What an edit does is computed in a worker and written on the layer here, as one step that is kept.
Edits wait for each other: each is on what the one before has left.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from qtpy.QtCore import QObject, Signal

from unetscope.errors import UnetscopeError
from unetscope.measuring.hand_records import checked_record, unknown_record
from unetscope.session.layers.object_keeping import ObjectKeeper
from unetscope.session.layers.object_layers import ObjectLayers
from unetscope.session.measuring.measure_state import FoundObjects, MeasureState
from unetscope.session.measuring.object_store import read_wishes, write_wishes
from unetscope.session.values import Message
from unetscope.workbench.job_runner import JobEnded, Lane
from unetscope.workbench.measuring.measure_jobs import jobs
from unetscope.workbench.timers import repeated

TEND_MS = 2000  # between two tries to keep what could not be written


class ObjectEditor(QObject):
    """Edits the objects that were found; ``edited(found)`` after each, with the new rows."""

    edited = Signal(object)

    def __init__(self, state: MeasureState, objects: ObjectLayers, parent: QObject) -> None:
        super().__init__(parent)
        self._state, self._objects = state, objects
        self.keeper = ObjectKeeper()
        self.wishes: dict[int, dict[str, Any]] = {}  # edit in the journal -> what was wished for
        self._waiting: deque[Callable[[], None]] = deque()
        self._working = False  # until rows have changed; numbers may be interrupted
        self.lane = Lane(self)
        self.lane.happened.connect(self._happened)
        self.lane.ended.connect(self._ended)
        self.keeper.changed.connect(self._kept)
        self._tending = repeated(self, TEND_MS, self.keeper.tend)

    def close(self) -> None:
        """Let go; what is kept stays."""
        self._tending.stop()
        self.lane.close()
        self._waiting.clear()
        self.keeper.close()

    @property
    def busy(self) -> bool:
        """Whether an edit is under way."""
        return self.lane.busy or bool(self._waiting)

    def open(self, found: FoundObjects) -> None:
        """Take up other objects, with the edits of them that are kept."""
        self.lane.drop()
        self._waiting.clear()
        self._working = False
        name = found.segmented.name
        try:
            self.keeper.open(self._objects.objects, found.looked.place, name)
            self.wishes = read_wishes(found.looked.place)
        except UnetscopeError as error:
            self._tell(error, "Opening the corrections")

    def let_go(self) -> None:
        """No objects are there any more."""
        self.lane.drop()
        self._waiting.clear()
        self._working = False
        self.keeper.close()
        self._kept()

    # ---- what is wished for

    def join(self) -> None:
        """Make one object of those that are chosen."""
        self._wish("join", self._state.selected)

    def drop(self) -> None:
        """Take the chosen objects away."""
        self._wish("drop", self._state.selected)

    def split(self, number: int, points: tuple[tuple[float, ...], ...]) -> None:
        """Part an object so that each point is in a part of its own."""
        self._wish("split", (number,), points)

    def cut(self, number: int, line: tuple[tuple[float, ...], ...]) -> None:
        """Part an object along a line."""
        self._wish("cut", (number,), line)

    def undo(self) -> None:
        """Take the newest edit back."""
        self._queue(partial(self._step, back=True))

    def redo(self) -> None:
        """Do the newest undone edit again."""
        self._queue(partial(self._step, back=False))

    # ---- inside

    def _wish(
        self, doing: str, numbers: tuple[int, ...], points: tuple[tuple[float, ...], ...] = ()
    ) -> None:
        if self._state.found is not None and numbers:
            self._queue(partial(self._start, doing, numbers, points))

    def _queue(self, step: Callable[[], None]) -> None:
        self._waiting.append(step)
        self._next()

    def _next(self) -> None:
        while self._waiting and not self._working:
            self._waiting.popleft()()

    def _start(
        self, doing: str, numbers: tuple[int, ...], points: tuple[tuple[float, ...], ...]
    ) -> None:
        found = self._state.found
        if found is None:
            return
        self._working = True
        self._state.message = None
        name = self._state.name_of(found.wish.value)
        self.lane.start(partial(_editing, found, (doing, numbers, points), name))

    def _step(self, *, back: bool) -> None:
        found, layer = self._state.found, self._objects.objects
        if found is None or layer is None:
            return
        try:
            box = self.keeper.undo() if back else self.keeper.redo()
        except UnetscopeError as error:
            self._tell(error, "Taking the edit back" if back else "Doing the edit again")
            return
        if box is None:
            return
        self._working = True
        self._state.message = None
        name = self._state.name_of(found.wish.value)
        self.lane.start(partial(_following, found, box, layer.data[box].copy(), name))

    def _happened(self, ticket: Any, event: Any) -> None:
        if isinstance(event, FoundObjects):
            self._take(event)
            return
        wishes = {**self.wishes, self.keeper.upcoming: event.wish.as_record()}
        try:
            write_wishes(event.found.looked.place, wishes)
            self.keeper.write(event.wish.doing, event.found.objects.ids, event.box)
        except UnetscopeError as error:
            self._tell(error, "Keeping the edit")
            return
        self.wishes = wishes
        self._take(event.found)

    def records(self) -> tuple[dict[str, Any], ...]:
        """What was done to the objects by hand, as it stands."""
        done = tuple(self.wishes.get(number, unknown_record()) for number in self.keeper.standing)
        right = self._state.checked
        return (*done, checked_record(right)) if right else done

    def _take(self, found: FoundObjects) -> None:
        self._state.found = found
        if not found.quantities:
            self.edited.emit(found)
            self._working = False
            self._next()

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        self._working = False
        if end.error is not None:
            self._tell(end.error, "Editing objects")
        self._next()

    def _kept(self) -> None:
        self._state.can_undo, self._state.can_redo = self.keeper.can_undo, self.keeper.can_redo
        self._state.edits = self.keeper.edits
        if self.keeper.banner:
            self._state.message = Message(self.keeper.banner)

    def _tell(self, error: Exception, doing: str) -> None:
        self._state.message = Message.of(error, doing)


def _editing(found: FoundObjects, wish: tuple[Any, ...], name: str) -> Iterator[Any]:
    room = jobs()
    yield from room.edit(found, room.EditWish(*wish), name)


def _following(found: FoundObjects, box: Any, ids: Any, name: str) -> Iterator[Any]:
    yield from jobs().follow(found, box, ids, name)
