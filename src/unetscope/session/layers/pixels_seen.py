"""Notices that the pixels of a layer were changed in place, which napari does not tell."""

from __future__ import annotations

import math
import zlib
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

_MOST_PX = 1_000_000  # are looked at: some milliseconds


class SeenPixels:
    """Remembers a checksum of each layer's pixels; of a large array, of every n-th of them.

    Only arrays in memory are looked at: what lies on disk is read by nobody for this.
    """

    def __init__(self) -> None:
        self._seen: WeakKeyDictionary[Any, tuple[int, int]] = WeakKeyDictionary()

    def look(self, layer: Any) -> bool:
        """Whether pixels differ from those at the last look, in the same array."""
        pixels = layer.data[0] if layer.multiscale else layer.data
        if type(pixels) is not np.ndarray:
            return False
        found = (id(pixels), _checksum(pixels))
        before, self._seen[layer] = self._seen.get(layer), found
        return before is not None and before[0] == found[0] and before[1] != found[1]


def _checksum(pixels: np.ndarray) -> int:
    """Of a grid of pixels, as dense as :data:`_MOST_PX` allows."""
    axes = max(1, min(2, pixels.ndim))
    step = max(1, math.ceil((pixels.size / _MOST_PX) ** (1 / axes)))
    grid = [slice(None)] * (pixels.ndim - axes) + [slice(None, None, step)] * axes
    return zlib.crc32(np.ascontiguousarray(pixels[tuple(grid)]).tobytes())
