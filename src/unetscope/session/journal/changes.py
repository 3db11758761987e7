"""What one edit did to the labels, as runs of pixels with their old and new values.

Labels are cut into square tiles (:class:`Tiling`), and a pixel's *address* is ``tile number ×
pixels of a tile + place in the tile``. So an edit is a short list of runs in one order, whatever
the size of the image, and finding or applying it touches its own tiles alone.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.session.journal.faults import DamagedJournal

TILE_PX = 256
_TILE_PIXELS = TILE_PX * TILE_PX
_MAGIC = b"runs"
_HEADER = struct.Struct("<4sQ")
_COLUMN = np.dtype("<i8")


@dataclass(frozen=True)
class Tiling:
    """Labels ``(…, y, x)`` cut into squares of 256 px, numbered plane by plane, row by row."""

    shape: tuple[int, ...]

    @property
    def bands(self) -> int:
        """Rows of tiles over all planes."""
        return math.prod(self.shape[:-2]) * self._rows

    @property
    def columns(self) -> int:
        """Tiles side by side."""
        return -(-self.shape[-1] // TILE_PX)

    @property
    def _rows(self) -> int:
        return -(-self.shape[-2] // TILE_PX)

    def band(self, index: int) -> tuple[Any, ...]:
        """The slices of a whole row of tiles; its tiles are ``index × columns`` and following."""
        plane, row = divmod(index, self._rows)
        leading = np.unravel_index(plane, self.shape[:-2]) if self.shape[:-2] else ()
        rows = slice(row * TILE_PX, min((row + 1) * TILE_PX, self.shape[-2]))
        return (*(int(i) for i in leading), rows, slice(None))

    def slices(self, tile: int) -> tuple[Any, ...]:
        """The slices of one tile."""
        band, column = divmod(tile, self.columns)
        left = column * TILE_PX
        return (*self.band(band)[:-1], slice(left, min(left + TILE_PX, self.shape[-1])))

    def touched(self, box: Sequence[slice]) -> set[int]:
        """The tiles that a box of pixels touches; ``box`` has one slice with ends per axis."""
        ranges = [range(*part.indices(n)) for part, n in zip(box, self.shape, strict=True)]
        if not all(ranges):
            return set()
        planes: Iterable[int] = ranges[0] if len(self.shape) == 3 else range(1)
        if len(self.shape) > 3:
            numbers = np.arange(math.prod(self.shape[:-2])).reshape(self.shape[:-2])
            planes = numbers[tuple(box[:-2])].ravel()
        rows, columns = (range(r[0] // TILE_PX, r[-1] // TILE_PX + 1) for r in ranges[-2:])
        return {
            (int(plane) * self._rows + row) * self.columns + column
            for plane in planes
            for row in rows
            for column in columns
        }

    def holds(
        self,
        bands: NDArray[np.int64],
        columns: NDArray[np.int64],
        places: NDArray[np.int64],
        lengths: NDArray[np.int64],
    ) -> bool:
        """Whether runs from ``places`` in tiles stay within the labels; all are ``(run,)``."""
        high = np.minimum(self.shape[-2] - bands % self._rows * TILE_PX, TILE_PX)
        wide = np.minimum(self.shape[-1] - columns * TILE_PX, TILE_PX)
        y, x = np.divmod(places, TILE_PX)
        last = (places + lengths - 1) // TILE_PX
        in_one_row = (y == last) & (x + lengths <= wide)
        return bool(((last < high) & (in_one_row | (wide == TILE_PX))).all())

    def read(self, labels: Any, tile: int) -> NDArray[Any]:
        """A copy of one tile, ``(256, 256)``, padded with zeros at the far borders."""
        values = np.asarray(labels[self.slices(tile)])
        square = np.zeros((TILE_PX, TILE_PX), values.dtype)
        square[: values.shape[0], : values.shape[1]] = values
        return square

    def indices(self, tile: int, places: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
        """Index arrays, one per axis, of places in a tile."""
        *leading, rows, columns = self.slices(tile)
        y, x = np.divmod(places, TILE_PX)
        planes = [np.full(places.shape, i) for i in leading]
        return (*planes, y + rows.start, x + columns.start)


@dataclass(frozen=True, eq=False)
class Change:
    """Runs of neighbouring pixels that had one old value and have one new value.

    ``starts`` are addresses in ascending order, ``lengths`` in pixels, ``old`` and ``new`` label
    values; all are ``(run,)`` int64. No run crosses the border of a tile.
    """

    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    old: NDArray[np.int64]
    new: NDArray[np.int64]

    @property
    def pixels(self) -> int:
        """How many pixels changed."""
        return int(self.lengths.sum())

    @property
    def inverse(self) -> Change:
        """The change that takes this one back."""
        return Change(self.starts, self.lengths, self.new, self.old)

    def equals(self, other: Change) -> bool:
        """Whether both change the same pixels from and to the same values."""
        return all(map(np.array_equal, self.columns(), other.columns()))

    def tiles(self) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
        """(tile number, places in the tile, new values) tile by tile; both arrays ``(pixel,)``."""
        numbers = self.starts // _TILE_PIXELS
        firsts = np.flatnonzero(np.diff(numbers, prepend=-1))
        for first, last in zip(firsts, [*firsts, len(numbers)][1:], strict=True):
            lengths = self.lengths[first:last]
            before = np.cumsum(lengths) - lengths
            offsets = np.repeat(self.starts[first:last] % _TILE_PIXELS - before, lengths)
            places = offsets + np.arange(lengths.sum())
            yield int(numbers[first]), places, np.repeat(self.new[first:last], lengths)

    def encode(self) -> bytes:
        """The change as compressed bytes."""
        columns = (np.diff(self.starts, prepend=0), self.lengths, self.old, self.new)
        body = b"".join(column.astype(_COLUMN).tobytes() for column in columns)
        return zlib.compress(_HEADER.pack(_MAGIC, len(self.starts)) + body, 1)

    @classmethod
    def decode(cls, packed: bytes, shape: Sequence[int] | None = None) -> Change:
        """Read what :meth:`encode` wrote.

        ``shape`` is that of the labels: with it no more is unpacked than an edit of them can take,
        and every run must lie on them.

        Raises
        ------
        DamagedJournal
            If it is anything else.
        """
        most = _HEADER.size + 4 * _COLUMN.itemsize * math.prod(shape) if shape is not None else 0
        body = _unpacked(packed, most)
        magic, count = _HEADER.unpack_from(body)
        columns = np.frombuffer(body, _COLUMN, offset=_HEADER.size) if len(body) % 8 == 4 else ()
        if magic != _MAGIC or len(columns) != 4 * count:
            raise DamagedJournal(
                f"an edit in the journal holds {len(columns)} numbers instead of {4 * count}."
            )
        steps, lengths, old, new = np.asarray(columns).reshape(4, count)
        change = cls(np.cumsum(steps), lengths, old, new)
        if shape is not None and not change.lies_on(Tiling(tuple(shape))):
            raise DamagedJournal("an edit in the journal lies beside the image.")
        return change

    def lies_on(self, tiling: Tiling) -> bool:
        """Whether the runs are in order, within their tiles, and on the labels."""
        starts, lengths = self.starts, self.lengths
        most = tiling.bands * tiling.columns * _TILE_PIXELS
        if not starts.size:
            return True
        if starts.min() < 0 or starts.max() >= most or lengths.min() < 1:
            return False
        places, numbers = starts % _TILE_PIXELS, starts // _TILE_PIXELS
        if (lengths > _TILE_PIXELS - places).any() or (np.diff(starts) < lengths[:-1]).any():
            return False
        band, column = np.divmod(numbers, tiling.columns)
        return tiling.holds(band, column, places, lengths)

    def columns(self) -> tuple[NDArray[np.int64], ...]:
        """Starts, lengths, old and new values of its runs."""
        return self.starts, self.lengths, self.old, self.new


def _unpacked(packed: bytes, most: int) -> bytes:
    """The inflated bytes of an edit; those of more than ``most`` bytes (0: any) are refused."""
    try:
        unpacker = zlib.decompressobj()
        body = unpacker.decompress(packed, most and most + 1)
        if not unpacker.eof or unpacker.unused_data:
            raise DamagedJournal("an edit in the journal cannot be read: it has no right end.")
    except (zlib.error, TypeError) as error:
        raise DamagedJournal(f"an edit in the journal cannot be read: {error}.") from error
    if len(body) < _HEADER.size:
        raise DamagedJournal("an edit in the journal cannot be read: it is cut off.")
    return body


def joined(parts: Iterable[Change]) -> Change:
    """One change out of changes of different tiles, given in the order of the tiles."""
    columns = list(zip(*(part.columns() for part in parts), strict=True))
    if not columns:
        return Change(*(np.zeros(0, np.int64) for _ in range(4)))
    return Change(*(np.concatenate(column) for column in columns))


def tile_change(tile: int, before: NDArray[Any], after: NDArray[Any]) -> Change:
    """What is different between two states ``(256, 256)`` of a tile."""
    flat_before, flat_after = before.ravel(), after.ravel()
    places = np.flatnonzero(flat_before != flat_after)
    old, new = (flat[places].astype(np.int64) for flat in (flat_before, flat_after))
    begins = np.ones(places.size, bool)
    begins[1:] = (np.diff(places) != 1) | (np.diff(old) != 0) | (np.diff(new) != 0)
    firsts = np.flatnonzero(begins)
    lengths = np.diff(firsts, append=places.size)
    return Change(tile * _TILE_PIXELS + places[firsts], lengths, old[firsts], new[firsts])
