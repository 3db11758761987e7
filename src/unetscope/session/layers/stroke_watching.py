"""Watches one napari labels layer and records what is done to it: the one file that knows layers.

A tool's edit is told by the layer's ``paint`` event, which names the touched boxes; what changed in
them is found by comparing with the journal's mirror, so nothing hangs on how napari describes an
edit. napari's own undo, a script that writes into the array and the like fire ``set_data`` at most:
for those every tile is compared, in slices of time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from time import perf_counter
from typing import Any

import numpy as np
from psygnal import Signal

from unetscope.session.journal.changes import Change
from unetscope.session.journal.history import EditKind
from unetscope.session.journal.image_journal import ImageJournal
from unetscope.session.journal.mirror import Mirror
from unetscope.session.layers.big_labels import TiledLabels
from unetscope.session.layers.connections import Connections
from unetscope.session.layers.layer_facts import set_labels

Written = tuple[int, np.ndarray, np.ndarray]  # tile, places in it, values

_KINDS = {
    "paint": EditKind.PAINT,
    "erase": EditKind.ERASE,
    "fill": EditKind.FILL,
    "polygon": EditKind.POLYGON,
}


class WatchedLabels:
    """One layer and the journal of its image; ``recorded`` is emitted after each edit.

    Until the first edit the layer may hold something else than the journal does: an empty layer
    beside strokes that are offered back, or labels that were adopted. ``seen`` is the layer as it
    was looked at last; with the first edit the journal is told to begin from there.
    """

    recorded = Signal()

    def __init__(self, layer: Any, journal: ImageJournal) -> None:
        self.layer, self.journal = layer, journal
        tiling = journal.mirror.tiling
        self._seen = Mirror(tiling)
        self._seen.apply(self._seen.whole_change(layer.data))
        self._dirty: set[int] = set()
        self._kind = EditKind.CONSOLE
        self._suspect = False  # something may have changed that no event told of
        self._band = 0  # where the sweep goes on
        self._own_edit = False
        self.began_anew = False  # whether other labels of the journal gave way to the layer's
        self._connections = Connections()
        self._connections.connect(layer.events.paint, self._painted)
        self._connections.connect(layer.events.set_data, self._redrawn)
        self._connections.connect(layer.events.data, self._redrawn)
        if len(self._seen) or not len(journal.mirror):
            self._begin()

    def close(self) -> None:
        """Record what is not yet, and let go of the layer."""
        self._connections.close()
        self.commit()
        self.sweep()

    @property
    def fits(self) -> bool:
        """Whether the layer still has the shape that is watched."""
        return tuple(self.layer.data.shape) == self.journal.image.shape

    @property
    def apart(self) -> bool:
        """Whether the layer holds something else than the journal, until the first edit."""
        return not self._joined

    # ---- recording

    def commit(self) -> None:
        """Record what tools have done, or else whatever is different."""
        if self._dirty and self.fits:
            dirty, self._dirty = self._dirty, set()
            self._record(self._kind, self._seen.to(self.layer.data, dirty))
        elif self._suspect:
            self.sweep()

    def sweep(self, budget_s: float | None = None) -> bool:
        """Compare every tile and record what no event told of; say whether all were compared.

        With a budget it stops after that many seconds and goes on from there the next time.
        """
        if not self.fits:
            return True
        bands, labels = self._seen.tiling.bands, self.layer.data
        if isinstance(labels, TiledLabels):  # only a few tiles of which hold anything
            change = self._seen.whole_change(labels)
            if change.pixels:
                self._found(change)
            self._band, self._suspect = 0, False
            return True
        start = perf_counter()
        if budget_s is None:
            self._band = 0
        while self._band < bands:
            if self._seen.differing(labels, self._band):
                self._found(self._seen.whole_change(labels))
                self._band = bands
                break
            self._band += 1
            if budget_s is not None and perf_counter() - start > budget_s:
                break
        if self._band < bands:
            return False
        self._band, self._suspect = 0, False
        return True

    def write(self, kind: EditKind, values: Iterable[Written], of: int | None = None) -> None:
        """Write label values into the layer as one edit of ``kind`` (and one step of napari's)."""
        self.commit()
        tiles, tiling = set(), self._seen.tiling
        self._own_edit = True
        try:
            with self.layer.block_history():
                for tile, places, wanted in values:
                    tiles.add(tile)
                    set_labels(self.layer, tiling.indices(tile, places), self._cast(wanted))
        finally:
            self._own_edit = False
        self._record(kind, self._seen.to(self.layer.data, tiles), of, even_if_empty=True)

    # ---- going back and forth

    def undo(self) -> bool:
        """Take the newest edit back, as a new edit; say whether there was one."""
        return self._step(back=True)

    def redo(self) -> bool:
        """Do the newest undone edit again, as a new edit; say whether there was one."""
        return self._step(back=False)

    def restore(self, labels: Mirror, after: int | None) -> None:
        """Put labels of the journal where the layer has none; what is painted there stays.

        They are those after the edit ``after``, or, with None, of another image's part of the
        journal, so that is an edit here.
        """
        self.commit()
        if after is None:
            self._begin()
            after = self.journal.newest
        layer, tiling = self.layer, self._seen.tiling
        pieces = []
        for number, tile in labels.tiles():
            free = (tiling.read(layer.data, number) == 0) & (tile != 0)
            places = np.flatnonzero(free)
            if places.size:
                pieces.append((number, places, tile.ravel()[places].astype(np.int64)))
        if self._joined:
            self.write(EditKind.RESTORE, pieces, after)
            return
        for number, places, values in pieces:  # nothing painted yet: the layer becomes the journal
            part = tiling.read(layer.data, number)
            part.ravel()[places] = self._cast(values)
            where = tiling.slices(number)
            layer.data[where] = part[tuple(map(slice, layer.data[where].shape))]
        self._seen = Mirror(tiling)
        self._seen.apply(self._seen.whole_change(layer.data))
        self._begin()
        layer.refresh()

    # ---- inside

    @property
    def _joined(self) -> bool:
        """Whether the layer and the journal are one."""
        return self._seen is self.journal.mirror

    def _begin(self) -> None:
        """From here on the journal follows the layer."""
        if self._joined:
            return
        change = self.journal.mirror.to_mirror(self._seen)
        if change.pixels:
            goes_on = len(self.journal.mirror) > 0 and not change.old.any()
            self.began_anew = bool(change.old.any())
            self.journal.record(EditKind.CONSOLE if goes_on else EditKind.BEGIN, change)
        self._seen = self.journal.mirror
        if change.pixels:
            self.recorded.emit()

    def _record(
        self, kind: EditKind, change: Change, of: int | None = None, *, even_if_empty: bool = False
    ) -> None:
        if not change.pixels and not even_if_empty:
            return
        self._begin()
        self.journal.record(kind, change, of)
        self.recorded.emit()

    def _found(self, change: Change) -> None:
        """A change no event told of: napari's undo and redo are known by what they do."""
        self._dirty.clear()
        for back, kind in ((True, EditKind.UNDO), (False, EditKind.REDO)):
            step = self.journal.step(back=back) if self._joined else None
            if step is not None and step[1].equals(change):
                self._record(kind, change, step[0].sequence)
                return
        self._record(EditKind.CONSOLE, change)

    def _step(self, *, back: bool) -> bool:
        self.commit()
        step = self.journal.step(back=back)
        if step is None or not self._joined:
            return False
        entry, change = step
        self.write(EditKind.UNDO if back else EditKind.REDO, change.tiles(), entry.sequence)
        return True

    def _cast(self, values: np.ndarray) -> np.ndarray:
        limits = np.iinfo(self.layer.data.dtype)
        return np.clip(values, limits.min, limits.max).astype(self.layer.data.dtype)

    # ---- what napari tells

    def _painted(self, event: Any) -> None:
        """Note what was touched, and record it where it is already in the array.

        An edit that is not part of a stroke is told before it is written.
        """
        if self._own_edit or not self.fits:
            return
        boxes = [_box(atom, self.journal.image.shape) for atom in event.value]
        if any(box is None for box in boxes):
            self._suspect = True
            return
        if self._dirty:
            self.commit()
        tiling = self._seen.tiling
        self._dirty = {n for box in boxes if box is not None for n in tiling.touched(box)}
        self._kind = _KINDS.get(str(self.layer.mode), EditKind.CONSOLE)
        change = self._seen.to(self.layer.data, self._dirty)
        if change.pixels:
            self._dirty = set()
            self._record(self._kind, change)

    def _redrawn(self, event: Any) -> None:
        """Undo, redo and console edits fire this; so does a slider."""
        self._suspect = self._suspect or not self._own_edit
        self._band = 0


def _box(atom: Any, shape: Sequence[int]) -> tuple[slice, ...] | None:
    """The box of pixels that one atom of a paint event is about; None for an unknown kind."""
    place = getattr(atom, "slice_key", None)
    if place is None and isinstance(atom, tuple) and atom:
        place = atom[0]
    if not isinstance(place, tuple) or len(place) != len(shape):
        return None
    return tuple(
        part if isinstance(part, slice) else slice(int(np.min(part)), int(np.max(part)) + 1)
        for part in place
    )
