"""Which image is it? Its pixels say so, for names and places change."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

ALL_PIXELS = 4_000_000  # up to here every pixel counts
_BLOCK_PX = 32
_BLOCKS = 16  # along y and along x
_PLANES = 8


@dataclass(frozen=True)
class ImageIdentity:
    """An image as a journal knows it.

    ``content`` is a hash of pixels, shape and type; ``axes`` is how its axes are read, for the
    same pixels can be slices or channels, "" where that is not known; ``path`` is "" for an image
    that came from no file; ``pixel_size`` runs along the axes of ``shape``, which is that of the
    labels.
    """

    content: str
    shape: tuple[int, ...]
    path: str = ""
    name: str = ""
    pixel_size: tuple[float, ...] | None = None
    unit: str | None = None
    axes: str = ""

    def same_reading(self, shape: tuple[int, ...], axes: str) -> bool:
        """Whether labels of ``shape`` on an image read as ``axes`` are labels of this one."""
        return shape == self.shape and (axes == self.axes or not axes or not self.axes)


def content_hash(pixels: Any) -> str:
    """Hash an array of any kind: all of it up to 4 million pixels, beyond that an even grid.

    The grid has 16 × 16 blocks of 32 px along the two longest axes and up to 8 places along each
    other one, so that images on disk are not read in full before the first stroke.
    """
    digest = hashlib.blake2b(f"{pixels.dtype} {tuple(pixels.shape)}".encode(), digest_size=16)
    if math.prod(pixels.shape) <= ALL_PIXELS:
        digest.update(np.ascontiguousarray(pixels).tobytes())
        return digest.hexdigest()
    longest = sorted(range(len(pixels.shape)), key=lambda axis: pixels.shape[axis])[-2:]
    pieces = [
        _pieces(length, _BLOCK_PX, _BLOCKS) if axis in longest else _pieces(length, 1, _PLANES)
        for axis, length in enumerate(pixels.shape)
    ]
    for region in product(*pieces):
        digest.update(np.ascontiguousarray(pixels[region]).tobytes())
    return digest.hexdigest()


def _pieces(length: int, size: int, count: int) -> list[slice]:
    """Up to ``count`` pieces of ``size``, from the first to the last possible place."""
    starts = {int(i) for i in np.linspace(0, max(length - size, 0), count)}
    return [slice(start, start + size) for start in sorted(starts)]
