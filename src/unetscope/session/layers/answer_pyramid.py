"""An answer that is too large for one array, as levels for napari: tiles over what is on the disk.

Tiles of live answers lie in memory; an answer that is written block by block
(:mod:`unetscope.scaling.running`) lies below them and grows. What is shown is read when it is
looked at, so nothing of the size of the image is ever made.

napari materialises the coarsest level of a flat multiscale layer once and keeps it. It does so by
``numpy.asarray``, which gives an array back as it is: so coarse levels of flat images are arrays
that are written to in place, and ``layer.refresh()`` shows what is new at every level.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from unetscope.images.on_demand import zarr_arrays
from unetscope.scaling.layout import Layout
from unetscope.session.layers.big_labels import TiledLabels

#: Pixels (of all planes) from which on an answer is no single array.
LARGE_PX = 64_000_000
#: Side of the blocks that levels are reckoned with where nothing is on the disk.
_SIDE = 2048
_LIVE_BYTES = 256 * 2**20  # of tiles of live answers; the oldest go
_CHUNK_BYTES = 96 * 2**20  # of what was read from the disk

Box = tuple[slice, ...]


def is_large(shape: Sequence[int]) -> bool:
    """Whether the answer to an image of this shape is kept as an :class:`AnswerPyramid`."""
    return math.prod(shape) > LARGE_PX


class AnswerPyramid:
    """An answer (y, x) or (z, y, x) as levels that each halve y and x.

    ``stored`` lies below; None where nothing is on the disk.
    """

    def __init__(self, shape: Sequence[int], dtype: DTypeLike) -> None:
        self.shape, self.dtype = tuple(int(n) for n in shape), np.dtype(dtype)
        self.layout = Layout.of(self.shape, _SIDE)
        self._tiles = TiledLabels(self.shape, self.dtype)
        self.stored: StoredAnswer | None = None
        stack = self.layout.is_stack
        self._coarse: dict[int, NDArray[Any]] = {
            level: np.zeros(self.layout.level_shape(level), self.dtype)
            for level in range(self.layout.coarse_level, self.layout.levels)
            if not stack
        }

    @property
    def levels(self) -> list[Any]:
        """What a layer shows, the full resolution first."""
        return [
            self._coarse.get(level, LazyLevel(self, level)) for level in range(self.layout.levels)
        ]

    @property
    def nbytes(self) -> int:
        """Bytes that are held in memory."""
        stored = self.stored.nbytes if self.stored is not None else 0
        return self._tiles.nbytes + stored + sum(one.nbytes for one in self._coarse.values())

    def write(self, region: Box, values: NDArray[Any]) -> None:
        """Write a tile of an answer, over what is on the disk."""
        self._tiles[region] = values
        self._tiles.keep_newest(_LIVE_BYTES)
        self._renew_coarse(region)

    def take(self, stored: StoredAnswer, coarse: NDArray[Any] | None) -> None:
        """From now on an answer on the disk lies below what is written.

        ``coarse`` is what it holds by now at the first level that its blocks do not write, of a
        flat image.
        """
        self.stored, first = stored, stored.layout.coarse_level
        for number in stored.done:
            self._tiles.clear(stored.layout.box(number))
        for level, array in self._coarse.items():
            whole = tuple(slice(0, side) for side in array.shape)
            if coarse is None or level < first:
                array[...] = self.read(level, whole)
                continue
            step = 2 ** (level - first)
            array[...] = coarse[::step, ::step]
            self._tiles.lay_over(array, self._full(level, whole), 2**level)

    def block_written(self, number: int) -> Box:
        """A block is on the disk; what was answered there before gives way. Says where it lies."""
        if self.stored is None:
            raise ValueError("no answer on the disk was taken up yet")
        self.stored.done.add(number)
        box = self.stored.layout.box(number)
        self._tiles.clear(box)
        self._renew_coarse(box)
        return box

    def read(self, level: int, box: Box) -> NDArray[Any]:
        """A copy of a box, in pixels of ``level``."""
        values = np.zeros([side.stop - side.start for side in box], self.dtype)
        if self.stored is not None:
            self.stored.read(level, box, values)
        self._tiles.lay_over(values, self._full(level, box), 2**level)
        return values

    # ---- inside

    def _full(self, level: int, box: Box) -> Box:
        """The box in full resolution."""
        sides = zip(box[-2:], self.shape[-2:], strict=True)
        flat = (slice(s.start << level, min(s.stop << level, length)) for s, length in sides)
        return (*box[:-2], *flat)

    def _renew_coarse(self, region: Box) -> None:
        for level, array in self._coarse.items():
            sides = zip(region[-2:], array.shape, strict=True)
            box = tuple(
                slice(s.start >> level, min(-(-s.stop >> level), side)) for s, side in sides
            )
            array[box] = self.read(level, box)


def full_resolution(layer: Any) -> Any:
    """The labels of a layer in full resolution, as an array or what reads like one."""
    return layer.data[0] if layer.multiscale else layer.data


class LazyLevel:
    """One level of an answer, or a box of it, that is read when numpy asks for its values.

    napari cuts a stack along the axes that are shown first, of all planes, and takes the plane
    after that: a box is therefore a level again.
    """

    def __init__(self, pyramid: AnswerPyramid, level: int, box: Box | None = None) -> None:
        self._pyramid, self._level = pyramid, level
        self._box = box or tuple(slice(0, n) for n in pyramid.layout.level_shape(level))
        self.dtype = pyramid.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Pixels along the axes."""
        return tuple(side.stop - side.start for side in self._box)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._box)

    @property
    def size(self) -> int:
        """The number of pixels."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        values = self._pyramid.read(self._level, self._box)
        return values if dtype is None else values.astype(dtype, copy=False)

    def __getitem__(self, key: Any) -> Any:
        parts = key if isinstance(key, tuple) else (key,)
        if Ellipsis in parts:
            at = parts.index(Ellipsis)
            missing = (slice(None),) * (self.ndim - len(parts) + 1)
            parts = (*parts[:at], *missing, *parts[at + 1 :])
        parts = (*parts, *(slice(None),) * (self.ndim - len(parts)))
        if not all(isinstance(part, slice | int | np.integer) for part in parts):
            return np.asarray(self)[key]  # by index arrays: of what was cut out before
        box: list[slice] = []
        inner: list[slice | int] = []
        for part, own in zip(parts, self._box, strict=True):
            length = own.stop - own.start
            if not isinstance(part, slice):
                at = int(part) + (length if part < 0 else 0)
                if not 0 <= at < length:
                    raise IndexError(f"{part} is outside of an axis of {length} pixels.")
                box.append(slice(own.start + at, own.start + at + 1))
                inner.append(0)
                continue
            start, stop, step = part.indices(length)
            if step < 1:
                return np.asarray(self)[key]
            box.append(slice(own.start + start, own.start + max(start, stop)))
            inner.append(slice(None, None, step))
        level = LazyLevel(self._pyramid, self._level, tuple(box))
        if all(part == slice(None, None, 1) for part in inner):
            return level
        return np.asarray(level)[tuple(inner)]


class StoredAnswer:
    """An answer on the disk as it grows; only its blocks that are done are read.

    Parameters
    ----------
    path : the answer, NAME.zarr.
    done : numbers of the blocks that are done.
    """

    def __init__(self, path: Path, layout: Layout, done: Iterable[int]) -> None:
        self.path, self.layout, self.done = path, layout, set(done)
        self._top = layout.levels_of_blocks - 1  # coarser ones are made at the end
        self._arrays: dict[int, Any] = {}
        self._chunks: OrderedDict[tuple[int, ...], NDArray[Any]] = OrderedDict()
        self.nbytes = 0  # that are held in memory

    def read(self, level: int, box: Box, into: NDArray[Any]) -> None:
        """Read a box, in pixels of ``level``, into an array of zeros."""
        if level <= self._top:
            self._read_chunks(level, box, into)
            return
        step, sides = 2 ** (level - self._top), self.layout.level_shape(self._top)[-2:]
        flat = (
            slice(side.start * step, min(side.stop * step, length))
            for side, length in zip(box[-2:], sides, strict=True)
        )
        finer = (*box[:-2], *flat)
        found = np.zeros([side.stop - side.start for side in finer], into.dtype)
        self._read_chunks(self._top, finer, found)
        into[...] = found[..., ::step, ::step]

    def _read_chunks(self, level: int, box: Box, into: NDArray[Any]) -> None:
        sides = self.layout.chunk_shape(level)
        ranges = [
            range(part.start // side, -(-part.stop // side))
            for part, side in zip(box, sides, strict=True)
        ]
        for place in product(*ranges):
            if self._number(level, place, sides) not in self.done:
                continue
            values = self._chunk(level, place, sides)
            here, there = [], []
            for at, side, part, length in zip(place, sides, box, values.shape, strict=True):
                low, high = max(at * side, part.start), min(at * side + length, part.stop)
                here.append(slice(low - part.start, high - part.start))
                there.append(slice(low - at * side, high - at * side))
            into[tuple(here)] = values[tuple(there)]

    def _number(self, level: int, place: Sequence[int], sides: Sequence[int]) -> int:
        """The block that a chunk of a level is of."""
        files = self.layout.file_shape(level)
        at = tuple(
            index * side // file for index, side, file in zip(place, sides, files, strict=True)
        )
        return int(np.ravel_multi_index(at, self.layout.blocks))

    def _chunk(self, level: int, place: tuple[int, ...], sides: Sequence[int]) -> NDArray[Any]:
        key = (level, *place)
        if key in self._chunks:
            self._chunks.move_to_end(key)
            return self._chunks[key]
        box = tuple(
            slice(at * side, (at + 1) * side) for at, side in zip(place, sides, strict=True)
        )
        values = np.asarray(self._array(level)[box])
        self._chunks[key] = values
        self.nbytes += values.nbytes
        while self.nbytes > _CHUNK_BYTES and len(self._chunks) > 1:
            self.nbytes -= self._chunks.popitem(last=False)[1].nbytes
        return values

    def _array(self, level: int) -> Any:
        if level not in self._arrays:
            self._arrays[level] = zarr_arrays().open_array(
                str(self.path), path=str(level), mode="r"
            )
        return self._arrays[level]
