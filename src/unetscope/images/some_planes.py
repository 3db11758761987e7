"""A few planes of a stack as a stack of its own, so that what is learned from costs no more.

Planes that are neighbours stay neighbours, and others do not become any: between them one plane
more is taken along. What minds the distance of planes, as holding labels back does, may look at
the few as it would look at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from unetscope.images.micrograph import Micrograph


class SomePlanes:
    """Pixels (channel, z, y, x) of the ``planes`` of ``whole``, in this order."""

    def __init__(self, whole: Micrograph, planes: tuple[int, ...]) -> None:
        self.whole, self.planes = whole, planes
        self.shape = (whole.channels, len(planes), *whole.spatial_shape[-2:])
        self.dtype, self.ndim = whole.dtype, len(self.shape)

    def __getitem__(self, index: tuple[Any, ...]) -> np.ndarray:
        channels, z, y, x = index
        if not isinstance(z, slice):
            return self._plane(int(z), y, x)[channels]
        wanted = range(*z.indices(len(self.planes)))
        return np.stack([self._plane(one, y, x)[channels] for one in wanted], axis=1)

    def _plane(self, at: int, y: slice, x: slice) -> np.ndarray:
        height, width = self.shape[-2:]
        rows, columns = (range(*one.indices(n)) for one, n in ((y, height), (x, width)))
        box = slice(rows.start, rows.stop), slice(columns.start, columns.stop)
        found = self.whole.plane(self.planes[at], box)
        return found[:, :: rows.step, :: columns.step]


def some_planes(whole: Micrograph, planes: tuple[int, ...]) -> Micrograph:
    """The stack of the ``planes`` of ``whole``."""
    pixels: Any = SomePlanes(whole, planes)
    return replace(whole, pixels=pixels, axes="czyx")


def whole_of(image: Micrograph, z: int = 0) -> tuple[Micrograph, int]:
    """The stack that an image has its planes from, and which of its planes plane ``z`` is."""
    pixels = image.pixels
    return (pixels.whole, pixels.planes[z]) if isinstance(pixels, SomePlanes) else (image, z)


def with_gaps(planes: Iterable[int], depth: int) -> tuple[int, ...]:
    """Planes in order, and one more of ``depth`` between two that are no neighbours."""
    found: list[int] = []
    for plane in sorted(planes):
        if found and plane > found[-1] + 1:
            found.append(found[-1] + 1)
        found.append(plane)
    return tuple(plane for plane in found if 0 <= plane < depth)
