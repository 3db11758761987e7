"""An image in pieces: a part of a plane each, read in a thread while the one before is computed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

import numpy as np

from unetscope.computing.staging import in_memory
from unetscope.images.micrograph import Micrograph
from unetscope.learning.feature_cache import grid
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.tiling import Box

#: Side of a piece, a multiple of the tiles that are always cut alike.
PIECE_PX = 2048


@dataclass(frozen=True)
class Piece:
    """The ``core`` of plane ``z`` that is answered at once, and what has to be ``read`` for it."""

    z: int
    core: Box
    read: Box
    tiles: int


def piece_of(model: PixelModel, image: Micrograph, tile_px: int, z: int, core: Box) -> Piece:
    """The piece ``core`` of plane ``z``, with what the tiles that it is answered by have to see."""
    tiles = grid(model, image, tile_px, core)
    y, x = (
        slice(
            min(tile.window[axis].start for tile in tiles),
            min(max(tile.window[axis].stop for tile in tiles), side),
        )
        for axis, side in enumerate(image.spatial_shape[-2:])
    )
    return Piece(z, core, (y, x), len(tiles))


class Pieces:
    """All pieces of an image, plane by plane and row by row; made when their turn comes.

    An image may have a million of them.
    """

    def __init__(self, model: PixelModel, image: Micrograph, tile_px: int) -> None:
        self._model, self._image, self._tile_px = model, image, tile_px
        self._sides = [-(-side // PIECE_PX) for side in image.spatial_shape[-2:]]
        self._each = len(grid(model, image, tile_px, self._core(0, 0)))

    def __len__(self) -> int:
        return self._image.depth * math.prod(self._sides)

    def __iter__(self) -> Iterator[Piece]:
        rows, columns = map(range, self._sides)
        for z, row, column in product(range(self._image.depth), rows, columns):
            core = self._core(row, column)
            yield piece_of(self._model, self._image, self._tile_px, z, core)

    def counted(self, number: int, done: int, total: int) -> tuple[int, int]:
        """How many tiles are done when ``done`` of ``total`` of one piece are, and of how many.

        A piece at the rim, which has fewer, counts as much as others.
        """
        return number * self._each + done * self._each // total, len(self) * self._each

    def _core(self, row: int, column: int) -> Box:
        height, width = self._image.spatial_shape[-2:]
        y, x = row * PIECE_PX, column * PIECE_PX
        return slice(y, min(y + PIECE_PX, height)), slice(x, min(x + PIECE_PX, width))


class PiecePixels:
    """A plane as an array (channel, y, x) of which a part is in memory.

    Others are fetched from the image, so it can be asked for anything.
    """

    def __init__(self, image: Micrograph, piece: Piece, held: np.ndarray | None) -> None:
        self.image, self.piece, self.held = image, piece, held
        self.shape = (image.channels, *image.spatial_shape[-2:])
        self.dtype = image.dtype
        self.ndim = 3

    def __getitem__(self, index: tuple[slice, slice, slice]) -> np.ndarray:
        channels, *box = index
        sides = zip(box, self.shape[1:], strict=True)
        y, x = (slice(*side.indices(length)[:2]) for side, length in sides)
        read = self.piece.read
        inside = all(
            r.start <= s.start and s.stop <= r.stop for r, s in zip(read, (y, x), strict=True)
        )
        if self.held is not None and inside:
            down, right = read[0].start, read[1].start
            rows = slice(y.start - down, y.stop - down)
            return self.held[channels, rows, x.start - right : x.stop - right]
        return self.image.plane(self.piece.z, (y, x))[channels]


def read_pieces(image: Micrograph, pieces: Iterable[Piece]) -> Iterator[tuple[Piece, Micrograph]]:
    """Every piece with its plane as a micrograph (c, y, x); the next is read meanwhile.

    Two pieces are in memory at most. An image that is in memory already is not read at all.
    """
    if in_memory(image):
        for piece in pieces:
            yield piece, _plane(image, piece, None)
        return
    left = iter(pieces)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="unetscope-read") as reader:
        coming = [(piece, reader.submit(_read, image, piece)) for piece in islice(left, 1)]
        while coming:
            piece, under_way = coming.pop()
            held = under_way.result()
            coming = [(after, reader.submit(_read, image, after)) for after in islice(left, 1)]
            yield piece, _plane(image, piece, held)


def _read(image: Micrograph, piece: Piece) -> np.ndarray:
    # A copy: a memory-mapped file would else be read from disk by whoever looks at it.
    return np.array(image.plane(piece.z, piece.read))


def _plane(image: Micrograph, piece: Piece, held: np.ndarray | None) -> Micrograph:
    pixels: Any = PiecePixels(image, piece, held)
    return Micrograph(pixels, "cyx", name=image.name)
