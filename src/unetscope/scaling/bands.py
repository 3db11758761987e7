"""Rows of an image, read in a thread while those before them are computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from unetscope.computing.staging import in_memory
from unetscope.images.micrograph import Micrograph

# Wider bands are not kept: their tiles read for themselves, as they would without any of this.
MOST_BYTES = 96_000_000


@dataclass(frozen=True)
class Band:
    """One row of tiles: what is answered, and what has to be read for it.

    ``core`` and ``read`` are rows (y) of plane ``z``.
    """

    z: int
    core: slice
    read: slice


class BandPixels:
    """A plane as an array (channel, y, x) of which some rows are in memory.

    Other rows are fetched from the image, so it can be asked for anything.
    """

    def __init__(self, image: Micrograph, band: Band, rows: np.ndarray | None) -> None:
        self.image, self.band, self.rows = image, band, rows
        self.shape = (image.channels, *image.spatial_shape[-2:])
        self.dtype = image.dtype
        self.ndim = 3

    def __getitem__(self, index: tuple[slice, slice, slice]) -> np.ndarray:
        channels, y, x = index
        start, stop, _ = y.indices(self.shape[1])
        held = self.band.read
        if self.rows is not None and held.start <= start and stop <= held.stop:
            return self.rows[channels, start - held.start : stop - held.start, x]
        columns = slice(*x.indices(self.shape[2])[:2])
        return self.image.plane(self.band.z, (slice(start, stop), columns))[channels]


def read_bands(image: Micrograph, bands: Sequence[Band]) -> Iterator[tuple[Band, Micrograph]]:
    """Every band with its plane as a micrograph (c, y, x); the next is read meanwhile.

    Two bands are in memory at most. An image that is in memory already is not read at all.
    """
    if in_memory(image):
        for band in bands:
            yield band, _plane(image, band, None)
        return
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="unetscope-read") as reader:
        coming: Future[np.ndarray | None] | None = None
        for index, band in enumerate(bands):
            rows = (coming or reader.submit(_read, image, band)).result()
            following = bands[index + 1 : index + 2]
            coming = reader.submit(_read, image, following[0]) if following else None
            yield band, _plane(image, band, rows)


def _read(image: Micrograph, band: Band) -> np.ndarray | None:
    rows = band.read.stop - band.read.start
    width = image.spatial_shape[-1]
    if rows * width * image.channels * image.dtype.itemsize > MOST_BYTES:
        return None
    # A copy: rows of a memory-mapped file would else be read from disk by whoever looks at them.
    whole = (band.read, slice(0, width))
    return np.array(image.plane(band.z, whole))


def _plane(image: Micrograph, band: Band, rows: np.ndarray | None) -> Micrograph:
    pixels: Any = BandPixels(image, band, rows)
    return Micrograph(pixels, "cyx", name=image.name)
