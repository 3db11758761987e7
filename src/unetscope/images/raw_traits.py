"""Four numbers of an image as it was recorded: what percentiles of grey values hide from a network.

Noise: Immerkær, *Fast noise variance estimation* (1996), the mean deviation with the edges.
Spectrum: the fall of the power with the frequency, averaged over directions (van der Schaaf and van
Hateren 1996), which is steeper in a blurred image.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.images.micrograph import Micrograph

CROP_PX, MOST_CROPS = 256, 16
_SMALLEST_PX = 16  # of a side, that has a spectrum
_LOWEST, _HIGHEST = 1 / 32, 0.4  # cycles per pixel, between which the spectrum is a line
_SAMPLE_PX = 200_000


@dataclass(frozen=True)
class RawTraits:
    """How an image was recorded.

    Attributes
    ----------
    noise
        Standard deviation from pixel to pixel, as a share of the grey range.
    slope
        Exponent of the power spectrum, negative; steeper in blurred images.
    saturated
        Share of pixels of the darkest or brightest value.
    range
        Grey values from the 1 % to the 99 % percentile.
    """

    noise: float
    slope: float
    saturated: float
    range: float

    def as_row(self) -> tuple[float, float, float, float]:
        """The four numbers in their order."""
        return astuple(self)


@dataclass(frozen=True)
class SpreadCrop:
    """A part of plane ``z``."""

    z: int
    y: slice
    x: slice


def spread_crops(
    image: Micrograph, most: int = MOST_CROPS, side: int = CROP_PX
) -> list[SpreadCrop]:
    """At most ``most`` parts of ``side`` pixels, or the whole side, spread over an image."""
    height, width = image.spatial_shape[-2:]
    planes = _spread(image.depth, 1, 4 if most >= 8 else 1)
    left = max(1, most // len(planes))
    rows = min(-(-height // side), max(1, round(math.sqrt(left * height / width))))
    columns = min(-(-width // side), max(1, left // rows))
    rows = min(-(-height // side), max(1, left // columns))
    return [
        SpreadCrop(z, slice(y, min(y + side, height)), slice(x, min(x + side, width)))
        for z in planes
        for y in _spread(height, side, rows)
        for x in _spread(width, side, columns)
    ]


def raw_traits(image: Micrograph, crops: list[SpreadCrop] | None = None) -> RawTraits:
    """The four numbers, of ``crops`` and of a sample of the pixels; medians over crops.

    Channels are averaged.
    """
    sample = _finite(image.sample_pixels(_SAMPLE_PX).mean(axis=0, dtype=np.float64))
    if not sample.size:
        return RawTraits(0.0, 0.0, 0.0, 0.0)
    low, high = np.percentile(sample, (1, 99))
    ends = (sample == sample.min()) | (sample == sample.max())
    parts = [
        _filled(image.plane(one.z, (one.y, one.x)).mean(axis=0, dtype=np.float64), low)
        for one in crops or spread_crops(image)
    ]
    span = float(high - low)
    noise = float(np.median([_noise(part) for part in parts])) / span if span > 0 else 0.0
    slope = float(np.median([_slope(part) for part in parts]))
    return RawTraits(noise, slope, float(ends.mean()), span)


def _noise(part: NDArray[np.float64]) -> float:
    if min(part.shape) < 3:
        return 0.0
    rows = part[:-2] - 2 * part[1:-1] + part[2:]
    both = rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]
    return float(np.abs(both).mean() * math.sqrt(math.pi / 2) / 6)


def _slope(part: NDArray[np.float64]) -> float:
    if min(part.shape) < _SMALLEST_PX:
        return 0.0
    window = np.hanning(part.shape[0])[:, None] * np.hanning(part.shape[1])
    power = np.abs(np.fft.rfft2((part - part.mean()) * window)) ** 2
    y, x = np.fft.fftfreq(part.shape[0])[:, None], np.fft.rfftfreq(part.shape[1])
    frequency = np.hypot(y, x)
    edges = np.geomspace(_LOWEST, _HIGHEST, 13)
    ring = np.digitize(frequency, edges)
    total = np.bincount(ring.ravel(), power.ravel(), minlength=14)[1:13]
    count = np.bincount(ring.ravel(), minlength=14)[1:13]
    there = (count > 0) & (total > 0)
    if there.sum() < 3:
        return 0.0
    middle = np.sqrt(edges[1:] * edges[:-1])[there]
    fitted = np.polyfit(np.log(middle), np.log(total[there] / count[there]), 1)
    return float(fitted[0])


def _finite(values: NDArray[Any]) -> NDArray[Any]:
    return values[np.isfinite(values)]


def _filled(part: NDArray[np.float64], value: float) -> NDArray[np.float64]:
    return np.where(np.isfinite(part), part, value)


def _spread(size: int, side: int, count: int) -> list[int]:
    """Starts of ``count`` parts of ``side``, evenly over ``size``, none twice."""
    last, count = max(0, size - side), min(count, -(-size // side))
    if count == 1:
        return [last // 2]
    return sorted({round(i * last / (count - 1)) for i in range(count)})
