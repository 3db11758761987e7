"""The edits of objects, on their layer and in their journal, each of which is one step of undo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from unetscope.session.journal.changes import Change, Tiling
from unetscope.session.journal.history import EditKind
from unetscope.session.journal.image_journal import ImageJournal
from unetscope.session.layers.stroke_watching import WatchedLabels
from unetscope.session.measuring.object_store import ObjectPlace

Box = tuple[slice, ...]
KINDS = {
    "join": EditKind.JOIN,
    "split": EditKind.SPLIT,
    "cut": EditKind.SPLIT,
    "drop": EditKind.DROP,
}


class ObjectKeeper:
    """Writes edits into a layer of objects and keeps them; ``changed`` after each.

    A journal is begun with the first edit: objects that are only looked at leave nothing behind.
    """

    changed = Signal()

    def __init__(self) -> None:
        self._layer: Any = None
        self._place: ObjectPlace | None = None
        self._name = ""
        self._watched: WatchedLabels | None = None

    def open(self, layer: Any, place: ObjectPlace, name: str) -> None:
        """Take up the objects on ``layer``, which are those after the edits that are kept."""
        self.close()
        self._layer, self._place, self._name = layer, place, name
        if place.journal.exists():
            self._begin()
        self.changed.emit()

    def close(self) -> None:
        """Let go of the layer; what is kept stays."""
        watched, self._watched = self._watched, None
        self._layer = self._place = None
        if watched is not None:
            watched.close()
            watched.journal.close()

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to take back; how objects were found is none."""
        return self._watched is not None and bool(self._watched.journal.history.standing())

    @property
    def can_redo(self) -> bool:
        """Whether an edit was taken back."""
        return self._watched is not None and bool(self._watched.journal.history.redoable)

    @property
    def edits(self) -> int:
        """How many edits stand."""
        return len(self._watched.journal.history.standing()) if self._watched is not None else 0

    @property
    def upcoming(self) -> int:
        """The number that the next edit has in the journal; the beginning is the first."""
        return self._watched.journal.newest + 1 if self._watched is not None else 2

    @property
    def standing(self) -> list[int]:
        """The numbers of the edits that stand, oldest first."""
        if self._watched is None:
            return []
        return [entry.sequence for entry in self._watched.journal.history.standing()]

    @property
    def banner(self) -> str:
        """Why edits are not kept; "" when all is well."""
        return self._watched.journal.status.banner if self._watched is not None else ""

    def write(self, doing: str, ids: NDArray[Any], box: Box) -> None:
        """Make the layer hold ``ids``, which differ from it in ``box`` alone, as one edit."""
        self._begin()
        watched, layer = self._watched, self._layer
        assert watched is not None
        self._make_room(int(np.max(ids[box], initial=0)))
        tiling = Tiling(tuple(layer.data.shape))
        pieces = []
        for tile in sorted(tiling.touched(box)):
            before, after = tiling.read(layer.data, tile), tiling.read(ids, tile)
            places = np.flatnonzero(before != after)
            if places.size:
                pieces.append((tile, places, after.ravel()[places].astype(np.int64)))
        watched.write(KINDS[doing], pieces)
        self.changed.emit()

    def undo(self) -> Box | None:
        """Take the newest edit back; the box of pixels that changed, None without one."""
        return self._step(back=True) if self.can_undo else None

    def redo(self) -> Box | None:
        """Do the newest undone edit again; the box of pixels that changed, None without one."""
        return self._step(back=False) if self.can_redo else None

    def tend(self) -> None:
        """Try again what could not be written."""
        if self._watched is not None:
            self._watched.journal.retry()

    def _begin(self) -> None:
        if self._watched is not None or self._place is None:
            return
        layer, place = self._layer, self._place
        identity = place.identity(tuple(layer.data.shape), self._name)
        journal = ImageJournal(place.journal, identity, make_folder=True)
        self._watched = WatchedLabels(layer, journal)

    def _make_room(self, largest: int) -> None:
        """Let the layer take numbers up to ``largest``: what it cannot hold would be cut."""
        layer = self._layer
        if largest > np.iinfo(layer.data.dtype).max:
            layer.data = layer.data.astype(np.uint32)

    def _step(self, *, back: bool) -> Box | None:
        watched = self._watched
        assert watched is not None
        watched.commit()
        step = watched.journal.step(back=back)
        if step is None:
            return None
        self._make_room(int(np.max(step[1].new, initial=0)))
        done = watched.undo() if back else watched.redo()
        self.changed.emit()
        return _box(step[1], tuple(self._layer.data.shape)) if done else None


def _box(change: Change, shape: Sequence[int]) -> Box:
    """The box of the tiles that a change touches."""
    tiling = Tiling(tuple(shape))
    parts = [tiling.slices(tile) for tile, _, _ in change.tiles()]
    ends = []
    for axis, size in enumerate(shape):
        sides = [_ends(part[axis], size) for part in parts]
        ends.append(slice(min(low for low, _ in sides), max(high for _, high in sides)))
    return tuple(ends)


def _ends(part: Any, size: int) -> tuple[int, int]:
    if isinstance(part, slice):
        low, high, _ = part.indices(size)
        return low, high
    return int(part), int(part) + 1
