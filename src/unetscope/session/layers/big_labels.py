"""Labels of large images, kept by tile: what nobody painted takes no memory and no time.

napari's labels layers paint on it as they do on an array: they read and write boxes. Tiles stay in
memory instead of in an array on disk: strokes cover few of them, the journal knows the same tiles,
and no dab has to pack and unpack the chunks it touches.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from unetscope.session.journal.changes import TILE_PX, Tiling
from unetscope.session.journal.mirror import blank_array

BIG_BYTES = 128 * 2**20  # from here on labels are kept by tile

Box = tuple[slice, ...]


def blank_labels(shape: Sequence[int]) -> Any:
    """Labels (uint8) in which nobody said anything: an array, or by tile where that is big."""
    shape = tuple(int(n) for n in shape)
    return blank_array(shape, np.uint8) if math.prod(shape) < BIG_BYTES else TiledLabels(shape)


def places_of(labels: Any, value: int) -> tuple[NDArray[np.int64], ...]:
    """Where labels have a value, one array of indices an axis."""
    if not isinstance(labels, TiledLabels):
        return np.nonzero(np.asarray(labels) == value)
    found = [
        labels.tiling.indices(tile, np.flatnonzero(labels.tiling.read(labels, tile) == value))
        for tile in sorted(labels.tiles_held())
    ]
    none = [(np.zeros(0, np.int64),) * labels.ndim]
    return tuple(np.concatenate(axis) for axis in zip(*(found or none), strict=True))


class TiledLabels:
    """An array of labels ``(…, y, x)`` of which only the painted tiles of 256 px are there.

    Reading copies. ``clock`` grows with each write; :meth:`written_since` says where.
    """

    def __init__(self, shape: Sequence[int], dtype: DTypeLike = np.uint8) -> None:
        self.shape, self.dtype = tuple(int(n) for n in shape), np.dtype(dtype)
        self.tiling = Tiling(self.shape)
        self.clock = 0
        self._tiles: dict[int, NDArray[Any]] = {}
        self._written: dict[int, int] = {}  # tile -> clock of its last write

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of pixels."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that are really taken."""
        return sum(tile.nbytes for tile in self._tiles.values())

    def values(self) -> list[int]:
        """The different values, in order."""
        found = {0} if self.size else set()
        return sorted(found.union(*(np.unique(tile).tolist() for tile in self._tiles.values())))

    def written_since(self, clock: int) -> set[int]:
        """The tiles written to after ``clock``."""
        return {tile for tile, at in self._written.items() if at > clock}

    def tiles_held(self) -> set[int]:
        """The tiles that were ever written to; all others hold nothing but 0."""
        return set(self._tiles)

    def lay_over(self, onto: NDArray[Any], box: Box, step: int = 1) -> None:
        """Write what is not 0 in a box, every ``step``-th row and column of it, into ``onto``.

        ``box`` begins at multiples of ``step``.
        """
        steps = (*(1,) * (self.ndim - 2), step, step)
        for tile, place in self._present(box):
            here, there = [], []
            for side, own, each in zip(place, box, steps, strict=True):
                first = -(-(max(side.start, own.start) - own.start) // each)
                last = -(-(min(side.stop, own.stop) - own.start) // each)
                here.append(slice(first, last))
                start = own.start + first * each - side.start
                there.append(slice(start, start + (last - first) * each, each))
            part = self._tiles[tile].reshape(_tile_shape(place))[tuple(there)]
            target = onto[tuple(here)]
            part = part[tuple(map(slice, target.shape))]
            np.copyto(target, part, where=part != 0)

    def clear(self, box: Box) -> None:
        """Make a box 0; tiles that are wholly in it take no memory any more."""
        self.clock += 1
        for tile, place in list(self._present(box)):
            self._written[tile] = self.clock
            inside = (
                o.start <= p.start and p.stop <= o.stop for p, o in zip(place, box, strict=True)
            )
            if all(inside):
                del self._tiles[tile]
                continue
            there, _ = _overlap(place, box)
            self._tiles[tile].reshape(_tile_shape(place))[there] = 0

    def keep_newest(self, most_bytes: int) -> None:
        """Forget the tiles that were written to longest ago, until they take no more than this."""
        each = TILE_PX * TILE_PX * self.dtype.itemsize
        surplus = len(self._tiles) - most_bytes // each
        if surplus > 0:
            for tile in sorted(self._tiles, key=lambda one: self._written.get(one, 0))[:surplus]:
                del self._tiles[tile]

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        whole = self[(slice(None),) * self.ndim]
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def __getitem__(self, key: Any) -> Any:
        if _by_index(key):
            return self._gathered(self._indices(key))
        if isinstance(key, np.ndarray):  # a mask of all pixels
            return np.asarray(self)[key]
        if isinstance(key, int) and self.ndim > 2:
            self._box(key)  # it has to be there
            return TiledPlane(self, key)
        box, inner = self._box(key)
        values = blank_array([part.stop - part.start for part in box], self.dtype)
        for tile, place in self._present(box):
            there, here = _overlap(place, box)
            values[here] = self._tiles[tile].reshape(_tile_shape(place))[there]
        return values[inner]

    def __setitem__(self, key: Any, values: Any) -> None:
        self.clock += 1
        if _by_index(key) or isinstance(key, np.ndarray):
            self._scatter(self._indices(key), np.asarray(values, self.dtype))
            return
        box, inner = self._box(key)
        values = np.asarray(values, self.dtype)
        if any(part.step not in (None, 1) for part in inner if isinstance(part, slice)):
            whole = self[box]
            whole[inner] = values
            values = whole
        else:
            kept = [part.stop - part.start for part in box]
            shown = [n for n, part in zip(kept, inner, strict=True) if isinstance(part, slice)]
            values = np.broadcast_to(values, shown).reshape(kept)
        for tile in self.tiling.touched(box):
            place = _as_slices(self.tiling.slices(tile), self.shape)
            there, here = _overlap(place, box)
            if tile in self._tiles or values[here].any():
                self._writable(tile).reshape(_tile_shape(place))[there] = values[here]

    # ---- inside

    def _writable(self, tile: int) -> NDArray[Any]:
        self._written[tile] = self.clock
        if tile not in self._tiles:
            self._tiles[tile] = np.zeros((TILE_PX, TILE_PX), self.dtype)
        return self._tiles[tile]

    def _present(self, box: Box) -> Iterator[tuple[int, Box]]:
        """The tiles in a box that hold something, with their places."""
        touched: Any = self._tiles
        if math.prod(-(-(p.stop - p.start) // TILE_PX) for p in box) < len(self._tiles):
            touched = [tile for tile in self.tiling.touched(box) if tile in self._tiles]
        for tile in list(touched):
            place = _as_slices(self.tiling.slices(tile), self.shape)
            if all(a.start < b.stop and b.start < a.stop for a, b in zip(place, box, strict=True)):
                yield tile, place

    def _box(self, key: Any) -> tuple[Box, tuple[Any, ...]]:
        """The box that a key of integers and slices is about, and what to take of it."""
        parts = key if isinstance(key, tuple) else (key,)
        if Ellipsis in parts:
            at = parts.index(Ellipsis)
            parts = (
                *parts[:at],
                *(slice(None),) * (self.ndim - len(parts) + 1),
                *parts[at + 1 :],
            )
        parts = (*parts, *(slice(None),) * (self.ndim - len(parts)))
        box: list[slice] = []
        inner: list[slice | int] = []
        for part, length in zip(parts, self.shape, strict=True):
            if isinstance(part, slice):
                chosen = range(*part.indices(length))
                low = min(chosen[0], chosen[-1]) if chosen else 0
                high = max(chosen[0], chosen[-1]) + 1 if chosen else 0
                box.append(slice(low, high))
                inner.append(slice(None, None, part.step) if chosen else slice(0, 0))
                continue
            place = int(part) + (length if part < 0 else 0)
            if not 0 <= place < length:
                raise IndexError(f"{part} is outside of an axis of {length} pixels.")
            box.append(slice(place, place + 1))
            inner.append(0)
        return tuple(box), tuple(inner)

    def _indices(self, key: Any) -> tuple[NDArray[np.int64], ...]:
        if isinstance(key, np.ndarray):
            return tuple(np.nonzero(key))
        arrays = np.broadcast_arrays(*(np.asarray(part, np.int64) for part in key))
        return tuple(np.where(a < 0, a + n, a) for a, n in zip(arrays, self.shape, strict=True))

    def _tiles_of(
        self, indices: tuple[NDArray[np.int64], ...]
    ) -> Iterator[tuple[int, Any, NDArray[np.int64]]]:
        """(tile, which of the pixels, their places in the tile) of pixels given by index."""
        *leading, y, x = (a.ravel() for a in indices)
        plane = np.ravel_multi_index(leading, self.shape[:-2]) if leading else np.zeros_like(y)
        rows = -(-self.shape[-2] // TILE_PX)
        tiles = (plane * rows + y // TILE_PX) * self.tiling.columns + x // TILE_PX
        places = (y % TILE_PX) * TILE_PX + x % TILE_PX
        order = np.argsort(tiles, kind="stable")
        firsts = np.flatnonzero(np.diff(tiles[order], prepend=-1))
        for chosen in np.split(order, firsts[1:]) if len(order) else ():
            yield int(tiles[chosen[0]]), chosen, places[chosen]

    def _gathered(self, indices: tuple[NDArray[np.int64], ...]) -> NDArray[Any]:
        values = np.zeros(indices[0].size, self.dtype)
        for tile, chosen, places in self._tiles_of(indices):
            if tile in self._tiles:
                values[chosen] = self._tiles[tile].ravel()[places]
        return values.reshape(indices[0].shape)

    def _scatter(self, indices: tuple[NDArray[np.int64], ...], values: NDArray[Any]) -> None:
        flat = np.broadcast_to(values, indices[0].shape).ravel()
        for tile, chosen, places in self._tiles_of(indices):
            self._writable(tile).ravel()[places] = flat[chosen]


class TiledPlane:
    """One of the first axis of :class:`TiledLabels`, read when its values are asked for.

    napari takes one with every dab of a brush, to know the type of the labels.
    """

    def __init__(self, labels: TiledLabels, index: int) -> None:
        self._labels, self._index = labels, index
        self.shape, self.dtype = labels.shape[1:], labels.dtype
        self.ndim = len(self.shape)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        values = np.asarray(self._labels[self._index, ...])
        return values if dtype is None else values.astype(dtype, copy=False)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        return np.asarray(self)[key]


def _by_index(key: Any) -> bool:
    """Whether a key is a tuple of index arrays, one per axis."""
    return isinstance(key, tuple) and any(isinstance(part, np.ndarray | list) for part in key)


def _as_slices(place: Sequence[Any], shape: Sequence[int]) -> Box:
    return tuple(
        slice(*part.indices(n)[:2]) if isinstance(part, slice) else slice(part, part + 1)
        for part, n in zip(place, shape, strict=True)
    )


def _tile_shape(place: Box) -> tuple[int, ...]:
    return (*(1,) * (len(place) - 2), TILE_PX, TILE_PX)


def _overlap(place: Box, box: Box) -> tuple[Box, Box]:
    """What two boxes share, as seen from each of them."""
    low = [max(a.start, b.start) for a, b in zip(place, box, strict=True)]
    high = [min(a.stop, b.stop) for a, b in zip(place, box, strict=True)]
    first, second = (
        tuple(
            slice(lo - c.start, hi - c.start) for lo, hi, c in zip(low, high, corner, strict=True)
        )
        for corner in (place, box)
    )
    return first, second
