"""An image at another pixel size, resampled where it is read; and labels brought back.

What a pixel becomes depends on its place alone and not on what is read with it, so that an image
cut into parts is resampled to the same bits as in one go.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.images.micrograph import Micrograph

Ints = NDArray[np.int64]


class ResampledPixels:
    """Pixels (channel, [z,] y, x) float32 of an image, y and x ``factors`` times as many.

    Where there get fewer, a pixel is the mean of the area that it covers; where there get more, it
    lies between its neighbours on a line.
    """

    def __init__(self, image: Micrograph, factors: tuple[float, float]) -> None:
        self.image, self.factors = image, factors
        sides = zip(image.spatial_shape[-2:], factors, strict=True)
        height, width = (max(1, round(side * factor)) for side, factor in sides)
        planes = (image.depth,) if "z" in image.spatial_axes else ()
        self.shape = (image.channels, *planes, height, width)
        self.dtype, self.ndim = np.dtype(np.float32), len(self.shape)

    def __getitem__(self, index: tuple[Any, ...]) -> NDArray[np.float32]:
        channels, *planes, y, x = index
        rows, columns = (
            np.arange(*part.indices(side), dtype=np.int64)
            for part, side in zip((y, x), self.shape[-2:], strict=True)
        )
        if not planes:
            return self._plane(0, rows, columns)[channels]
        (z,) = planes
        if not isinstance(z, slice):
            return self._plane(int(z), rows, columns)[channels]
        wanted = range(*z.indices(self.image.depth))
        found = [self._plane(plane, rows, columns)[channels] for plane in wanted]
        return np.stack(found, axis=1)

    def _plane(self, z: int, rows: Ints, columns: Ints) -> NDArray[np.float32]:
        """(channel, row, column) of plane ``z``."""
        height, width = self.image.spatial_shape[-2:]
        down = list(_taps(rows, self.factors[0], height))
        right = list(_taps(columns, self.factors[1], width))
        top, left = (int(min(at.min() for at, _ in taps)) for taps in (down, right))
        low, far = (int(max(at.max() for at, _ in taps)) + 1 for taps in (down, right))
        read = self.image.plane(z, (slice(top, low), slice(left, far))).astype(np.float32)
        lines = np.zeros((len(read), len(rows), read.shape[2]), np.float32)
        for at, share in down:
            lines += read[:, at - top] * share[:, None]
        found = np.zeros((len(read), len(rows), len(columns)), np.float32)
        for at, share in right:
            found += lines[:, :, at - left] * share
        return found


def _taps(index: Ints, factor: float, length: int) -> Iterator[tuple[Ints, NDArray[np.float32]]]:
    """For pixels at ``index`` after resampling: pixels of before, and their shares."""
    if factor >= 1:
        place = np.clip((index + 0.5) / factor - 0.5, 0, length - 1)
        low = np.floor(place).astype(np.int64)
        share = (place - low).astype(np.float32)
        yield low, 1 - share
        yield np.minimum(low + 1, length - 1), share
        return
    begin, end = index / factor, np.minimum((index + 1) / factor, length)
    for step in range(math.ceil(1 / factor) + 1):
        at = np.floor(begin).astype(np.int64) + step
        covered = np.clip(np.minimum(end, at + 1) - np.maximum(begin, at), 0, None)
        share = (covered / (end - begin)).astype(np.float32)
        yield np.minimum(at, length - 1), share


def resampled(image: Micrograph, factors: tuple[float, float]) -> Micrograph:
    """``image`` with ``factors`` (y, x) times as many pixels, read and resampled when asked for."""
    axes = "c" + image.spatial_axes
    size = image.pixel_size
    if size is not None:
        size = (*size[:-2], *(one / factor for one, factor in zip(size[-2:], factors, strict=True)))
    pixels = ResampledPixels(image, factors)
    return replace(image, pixels=pixels, axes=axes, pixel_size=size, pieces=None)


def nearest(part: slice, factor: float, length: int) -> Ints:
    """For pixels ``part`` of before, the nearest of ``length`` pixels after resampling."""
    middles = (np.arange(part.start, part.stop) + 0.5) * factor
    return np.minimum(np.floor(middles).astype(np.int64), length - 1)


def before(part: slice, factor: float, length: int, after: int) -> slice:
    """Which of ``length`` pixels of before have their nearest in ``part`` of ``after`` pixels.

    Parts that cover all pixels after resampling give parts that cover all of before, once each.
    """
    found = nearest(slice(0, length), factor, after)
    start, stop = np.searchsorted(found, [part.start, part.stop])
    return slice(int(start), int(stop))


def resampled_labels(labels: NDArray[Any], seen: Micrograph) -> NDArray[Any]:
    """Labels (…, y, x) of an image at the pixels of that image resampled, by the nearest pixel."""
    rows, columns = _nearest_sides(labels.shape, seen.spatial_shape, inverse(seen))
    return labels[..., rows[:, None], columns]


def own_labels(labels: NDArray[Any], seen: Micrograph) -> NDArray[Any]:
    """Labels (…, y, x) of an image that was resampled at its own pixels, by the nearest pixel."""
    pixels = seen.pixels
    rows, columns = _nearest_sides(labels.shape, pixels.image.spatial_shape, pixels.factors)
    return labels[..., rows[:, None], columns]


def inverse(seen: Micrograph) -> tuple[float, float]:
    """(y, x) by how much there were more pixels before an image was resampled."""
    y, x = seen.pixels.factors
    return 1 / y, 1 / x


def _nearest_sides(
    now: tuple[int, ...], wanted: tuple[int, ...], factors: tuple[float, float]
) -> tuple[Ints, Ints]:
    """For rows and columns of the ``wanted`` shape, the nearest of those there are now."""
    sides = zip(wanted[-2:], factors, now[-2:], strict=True)
    rows, columns = (nearest(slice(0, side), factor, length) for side, factor, length in sides)
    return rows, columns
