"""A second copy of the labels: what they were when they were last looked at."""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from unetscope.session.journal.changes import (
    TILE_PX,
    Change,
    Tiling,
    joined,
    tile_change,
)

_SPARSE_BYTES = 16 * 2**20


def blank_array(shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
    """Zeros of which only those parts take memory that are written to, however large the array is.

    ``numpy.zeros`` promises no such thing: memory that was used before is filled with zeros, and
    torch has the process keep such memory (:func:`unetscope.computing.memory.keep_freed_memory`).
    """
    shape = tuple(int(n) for n in shape)
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < _SPARSE_BYTES or not hasattr(mmap, "MAP_PRIVATE"):
        return np.zeros(shape, dtype)
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return np.frombuffer(pages, dtype).reshape(shape)


class Mirror:
    """Labels by tile; a tile that holds nothing but 0 takes no memory."""

    def __init__(self, tiling: Tiling) -> None:
        self.tiling = tiling
        self._tiles: dict[int, NDArray[Any]] = {}

    def __len__(self) -> int:
        return len(self._tiles)

    def tile(self, number: int) -> NDArray[Any]:
        """The labels ``(256, 256)`` of one tile."""
        known = self._tiles.get(number)
        return np.zeros((TILE_PX, TILE_PX), np.uint8) if known is None else known

    def apply(self, change: Change) -> None:
        """Take a change over."""
        for number, places, values in change.tiles():
            tile = self.tile(number)
            wanted = np.result_type(
                tile, np.min_scalar_type(values.max()), np.min_scalar_type(values.min())
            )
            tile = tile.astype(wanted)
            tile.ravel()[places] = values
            if tile.any():
                self._tiles[number] = tile
            else:
                self._tiles.pop(number, None)

    def lacks(self, other: Mirror) -> bool:
        """Whether another mirror of the same shape has labels where this one has none."""
        return any(((tile != 0) & (self.tile(n) == 0)).any() for n, tile in other.tiles())

    def to(self, labels: Any, tiles: Iterable[int]) -> Change:
        """The change from this mirror to ``labels``, in the given tiles."""
        read = self.tiling.read
        return joined(tile_change(n, self.tile(n), read(labels, n)) for n in sorted(tiles))

    def to_mirror(self, other: Mirror) -> Change:
        """The change from this mirror to another one of the same shape."""
        tiles = sorted(self._tiles.keys() | other._tiles.keys())
        return joined(tile_change(n, self.tile(n), other.tile(n)) for n in tiles)

    def differing(self, labels: Any, band: int) -> list[int]:
        """The tiles of a row of tiles in which ``labels`` differ from this mirror.

        Labels are compared, not hashed: that is exact and as fast as memory.
        """
        columns = self.tiling.columns
        numbers = range(band * columns, (band + 1) * columns)
        values = np.asarray(labels[self.tiling.band(band)])
        if not values.any():
            return [n for n in numbers if n in self._tiles]
        return [n for n in numbers if self._differs(n, values, (n - numbers.start) * TILE_PX)]

    def _differs(self, number: int, band: NDArray[Any], left: int) -> bool:
        values = band[:, left : left + TILE_PX]
        known = self._tiles.get(number)
        if known is None:
            return bool(values.any())
        return not np.array_equal(known[: values.shape[0], : values.shape[1]], values)

    def whole_change(self, labels: Any) -> Change:
        """The change from this mirror to ``labels`` everywhere.

        Of labels that say which tiles they hold (``tiles_held()``) no others are looked at.
        """
        if hasattr(labels, "tiles_held"):
            return self.to(labels, self._tiles.keys() | labels.tiles_held())
        bands = range(self.tiling.bands)
        return self.to(labels, [n for band in bands for n in self.differing(labels, band)])

    def labels(self, dtype: DTypeLike) -> NDArray[Any]:
        """The labels in full."""
        whole = blank_array(self.tiling.shape, dtype)
        for number, tile in self.tiles():
            part = whole[self.tiling.slices(number)]
            part[...] = tile[: part.shape[0], : part.shape[1]]
        return whole

    def tiles(self) -> Iterator[tuple[int, NDArray[Any]]]:
        """(number, labels) of the tiles that hold something, in order."""
        return iter(sorted(self._tiles.items()))
