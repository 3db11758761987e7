"""Places, axes and grey values of all objects, as sums over their runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.images.micrograph import Micrograph
from unetscope.measuring.pixel_runs import BAND_PX, Floats, Ints, Runs


def centres_and_covariances(runs: Runs, spacing: tuple[float, ...]) -> tuple[Floats, Floats]:
    """(object, axis) centres and (object, axis, axis) covariances, in the unit of the spacing.

    A pixel is the point at its centre: the twelfth of a pixel that its own extent would add makes
    axes of small objects too long. Sums are whole numbers, told from each object's own corner.
    """
    corner = runs.boxes[..., 0]
    own = corner[runs.owner]
    n = runs.length.astype(np.float64)
    lines = [runs.line % runs.shape[-2] - own[:, -2]]
    if len(runs.shape) == 3:
        lines.insert(0, runs.line // runs.shape[-2] - own[:, 0])
    x0 = (runs.start - own[:, -1]).astype(np.float64)
    along = n * x0 + n * (n - 1) / 2
    square = n * x0**2 + x0 * n * (n - 1) + (n - 1) * n * (2 * n - 1) / 6
    firsts = [line * n for line in lines] + [along]
    axes = len(runs.shape)
    pixels = runs.pixels.astype(np.float64)
    mean = np.stack([runs.total(value) for value in firsts], -1) / pixels[:, None]
    spread = np.empty((runs.count, axes, axes))
    for i in range(axes):
        for j in range(i, axes):
            both = square if i == axes - 1 else lines[i] * firsts[j]
            moment = runs.total(np.asarray(both, np.float64)) / pixels - mean[:, i] * mean[:, j]
            spread[:, i, j] = spread[:, j, i] = moment
    scale = np.array(spacing)
    return (mean + corner) * scale, spread * scale[:, None] * scale


def grey_values(runs: Runs, image: Micrograph) -> Floats:
    """(channel, 5, object) mean, standard deviation, least, most, share that is saturated.

    The standard deviation is that of the pixels, not of a sample; saturated is what has the
    greatest value of a type of whole numbers. Where a pixel is not finite, the values of its object
    are NaN. Only the pixels around the
    objects are read, a band at a time.
    """
    shift = _near(image)
    top = np.iinfo(image.dtype).max if image.dtype.kind in "iu" else None
    sums = np.zeros((image.channels, 5, len(runs.line)))
    for some, grey, begins in _on_bands(runs, image):
        ends = np.stack([begins, begins + runs.length[some]], 1).ravel()
        for channel, values in enumerate(grey):
            flat = np.append(np.asarray(values, np.float64).ravel(), 0.0)
            flat[~np.isfinite(flat)] = np.nan
            into = sums[channel]
            full = np.append(values.ravel() == top, False)
            if top is not None and full.any():
                into[4, some] = np.add.reduceat(full, ends, dtype=np.float64)[::2]
            into[2, some] = np.minimum.reduceat(flat, ends)[::2]
            into[3, some] = np.maximum.reduceat(flat, ends)[::2]
            flat -= shift[channel]
            into[0, some] = np.add.reduceat(flat, ends)[::2]
            into[1, some] = np.add.reduceat(np.square(flat, out=flat), ends)[::2]
    found = np.full((image.channels, 5, runs.count), np.nan)
    for into, told, middle in zip(sums, found, shift, strict=True):
        mean = runs.total(into[0]) / runs.pixels
        variance = runs.total(into[1]) / runs.pixels - mean**2
        told[0], told[1] = mean + middle, np.sqrt(np.maximum(variance, 0))
        told[2], told[3] = runs.least(into[2]), runs.most(into[3])
        if top is not None:
            told[4] = runs.total(into[4]) / runs.pixels
    return found


def _on_bands(runs: Runs, image: Micrograph) -> Iterator[tuple[Ints, NDArray[Any], Ints]]:
    """Runs by the order of their pixels, (c, y, x) around them, and where each begins there."""
    order = np.lexsort((runs.start, runs.line))
    line = runs.line[order]
    height, width = runs.shape[-2:]
    step = max(1, BAND_PX // width)
    for plane in range(image.depth):
        for first in range(0, height, step):
            begin = plane * height + first
            low, high = np.searchsorted(line, [begin, begin + min(step, height - first)])
            some = order[low:high]
            if not len(some):
                continue
            left = int(runs.start[some].min())
            right = int((runs.start + runs.length)[some].max())
            top, bottom = int(line[low]) % height, int(line[high - 1]) % height + 1
            grey = image.plane(plane, (slice(top, bottom), slice(left, right)))
            rows = runs.line[some] % height - top
            yield some, grey, rows * (right - left) + runs.start[some] - left


def pixels_on(runs: Runs, mask: NDArray[np.bool_]) -> Ints:
    """(object,) how many of its pixels are True in a mask of the axes of the image."""
    lines = mask.reshape(-1, mask.shape[-1])
    found = np.zeros(len(runs.line), np.int64)
    order = np.argsort(runs.line, kind="stable")
    step = max(1, BAND_PX // mask.shape[-1])
    for first in range(0, len(lines), step):
        low, high = np.searchsorted(runs.line[order], [first, first + step])
        some = order[low:high]
        if len(some):
            heap = np.append(0, np.cumsum(lines[first : first + step], dtype=np.int64))
            at = (runs.line[some] - first) * mask.shape[-1] + runs.start[some]
            found[some] = heap[at + runs.length[some]] - heap[at]
    return np.asarray(runs.total(found), np.int64)


def _near(image: Micrograph) -> list[float]:
    """Numbers near the values of each channel, in ten bits: what differs from them is exact."""
    height, width = image.spatial_shape[-2:]
    plane, row = divmod(image.depth * height // 2, height)
    middle = image.plane(plane, (slice(row, row + 1), slice(0, width)))
    found = []
    for values in middle.reshape(image.channels, -1):
        values = values[np.isfinite(values)]
        mantissa, exponent = np.frexp(np.mean(values, dtype=np.float64) if values.size else 0.0)
        found.append(float(np.ldexp(np.round(mantissa * 1024), int(exponent) - 10)))
    return found
