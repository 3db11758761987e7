"""An image in pieces: a part of a plane each, read in a thread while the one before is computed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
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


class Pieces(Sequence[Piece]):
    """All pieces of some planes of an image, plane by plane and row by row.

    Nothing is listed before it is asked for: an image may have a million of them.

    Parameters
    ----------
    planes : z indices; None: all.
    region : (y, x) slices, on the grid of pieces; None: the whole plane.
    """

    def __init__(
        self,
        model: PixelModel,
        image: Micrograph,
        tile_px: int,
        planes: Sequence[int] | None = None,
        region: Box | None = None,
    ) -> None:
        self._model, self._image, self._tile_px = model, image, tile_px
        height, width = image.spatial_shape[-2:]
        self._planes = range(image.depth) if planes is None else planes
        self._region = region or (slice(0, height), slice(0, width))
        self._sides = [-(-(s.stop - s.start) // PIECE_PX) for s in self._region]

    def __len__(self) -> int:
        return len(self._planes) * math.prod(self._sides)

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self[index] for index in range(*number.indices(len(self)))]
        if not -len(self) <= number < len(self):
            raise IndexError(f"there are {len(self)} pieces, and no piece {number}")
        plane, row, column = np.unravel_index(number % len(self), (len(self._planes), *self._sides))
        core = self._cut(0, int(row)), self._cut(1, int(column))
        tiles = grid(self._model, self._image, self._tile_px, core)
        shape = self._image.spatial_shape[-2:]
        read = tuple(
            slice(
                min(tile.window[axis].start for tile in tiles),
                min(max(tile.window[axis].stop for tile in tiles), shape[axis]),
            )
            for axis in (0, 1)
        )
        return Piece(self._planes[int(plane)], core, (read[0], read[1]), len(tiles))

    def counted(self, number: int, done: int, total: int) -> tuple[int, int]:
        """How many tiles are done when ``done`` of ``total`` of one piece are, and of how many.

        A piece at the rim, which has fewer, counts as much as others.
        """
        each = self[0].tiles
        return number * each + done * each // total, len(self) * each

    def _cut(self, axis: int, index: int) -> slice:
        whole = self._region[axis]
        start = whole.start + index * PIECE_PX
        return slice(start, min(start + PIECE_PX, whole.stop))


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


def read_pieces(image: Micrograph, pieces: Sequence[Piece]) -> Iterator[tuple[Piece, Micrograph]]:
    """Every piece with its plane as a micrograph (c, y, x); the next is read meanwhile.

    Two pieces are in memory at most. An image that is in memory already is not read at all.
    """
    if in_memory(image):
        for piece in pieces:
            yield piece, _plane(image, piece, None)
        return
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="unetscope-read") as reader:
        coming: Future[tuple[Piece, np.ndarray]] | None = None
        for index in range(len(pieces)):
            piece, held = (coming or reader.submit(_read, image, pieces, index)).result()
            more = index + 1 < len(pieces)
            coming = reader.submit(_read, image, pieces, index + 1) if more else None
            yield piece, _plane(image, piece, held)


def _read(image: Micrograph, pieces: Sequence[Piece], index: int) -> tuple[Piece, np.ndarray]:
    piece = pieces[index]
    # A copy: a memory-mapped file would else be read from disk by whoever looks at it.
    return piece, np.array(image.plane(piece.z, piece.read))


def _plane(image: Micrograph, piece: Piece, held: np.ndarray | None) -> Micrograph:
    pixels: Any = PiecePixels(image, piece, held)
    return Micrograph(pixels, "cyx", name=image.name)
