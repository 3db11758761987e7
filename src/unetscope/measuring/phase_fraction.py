"""The share of a class and its interval, from the image's own two-point covariance.

Pixels are no independent drawings: neighbours agree. The variance of a share is the sum of the
covariance over all pairs of pixels (Matheron 1971; ImageRep, arXiv 2410.19568). The covariance is
taken from the image itself by FFT, over distances up to where its mean over directions first
vanishes, and enlarged for having the image's own mean subtracted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, stats

from unetscope.errors import MeasurementError
from unetscope.measuring.pixel_runs import Floats
from unetscope.measuring.populations import FIELDS, t_over_images
from unetscope.measuring.quantities import LEVEL, Quantity, Spacing

#: Larger images are averaged in blocks before the FFT; a share and its variance stay as they are
#: where structures are larger than a block.
_MOST = {2: 1 << 21, 3: 1 << 21}
_RARE = 0.05
#: A share of fewer independent pieces of image has no interval that says anything.
_STRUCTURES = 5
_LEAST_LEFT = 0.1
_METHOD = "pixels of the class / pixels; interval from the two-point covariance of the image"


@dataclass(frozen=True)
class Share:
    """Of one image: share, its variance (None with a reason), and how much was looked at."""

    value: float
    variance: float | None
    pixels: int
    extent: float
    reason: str = ""


def share_of(
    mask: NDArray[np.bool_], spacing: Spacing, region: NDArray[np.bool_] | None = None
) -> Share:
    """The share of True in a mask (y, x) or (z, y, x), inside ``region`` where one is given.

    Raises
    ------
    MeasurementError
        If the shapes differ or the region is empty.
    """
    if mask.ndim != len(spacing.size) or (region is not None and region.shape != mask.shape):
        raise MeasurementError("mask, pixel size and region must have the same axes and shape")
    pixels = mask.size if region is None else int(np.count_nonzero(region))
    if not pixels:
        raise MeasurementError("the region holds no pixel; draw it where objects are")
    inside = int(np.count_nonzero(mask if region is None else mask & region))
    extent = pixels * spacing.cell
    share = inside / pixels
    if inside in (0, pixels):
        reason = f"the class has {'no' if not inside else 'every'} pixel here"
        return Share(share, None, pixels, extent, reason)
    values, weights, size = _blocks(mask, region, spacing)
    variance = variance_of_mean((values - share * weights), weights, size)
    if variance is None or share * (1 - share) / variance < _STRUCTURES:
        return Share(share, None, pixels, extent, "structures are nearly as large as the image")
    return Share(share, variance, pixels, extent)


def fraction(shares: Sequence[Share], name: str, axes: int) -> Quantity:
    """The share over all images, larger ones counting for more below :data:`FIELDS` of them."""
    kind = "area" if axes == 2 else "volume"
    name = f"{kind} fraction of {name}"
    if len(shares) >= FIELDS:
        values = np.array([share.value for share in shares])
        return t_over_images(name, values, "", f"pixels of the class / pixels ({kind})")
    extents = np.array([share.extent for share in shares])
    parts = extents / extents.sum()
    value = float(parts @ [share.value for share in shares])
    pixels = sum(share.pixels for share in shares)
    reasons = [share.reason for share in shares if share.variance is None]
    if reasons:
        return Quantity(name, value, "", pixels, "pixels", _METHOD, reason=reasons[0])
    variance = float(parts**2 @ [share.variance or 0.0 for share in shares])
    return Quantity(name, value, "", pixels, "pixels", _METHOD, *_ends(value, variance))


def _ends(share: float, variance: float) -> tuple[float, float]:
    """An interval inside 0 and 1: on the logit where the share is near one of them."""
    width = float(stats.norm.ppf((1 + LEVEL) / 2)) * math.sqrt(variance)
    if _RARE <= share <= 1 - _RARE:
        return max(share - width, 0.0), min(share + width, 1.0)
    logit, width = math.log(share / (1 - share)), width / (share * (1 - share))
    low, high = (1 / (1 + math.exp(-end)) for end in (logit - width, logit + width))
    return low, high


def _blocks(
    mask: NDArray[np.bool_], region: NDArray[np.bool_] | None, spacing: Spacing
) -> tuple[Floats, Floats, tuple[float, ...]]:
    """Pixels of the class and pixels that count in each block, and the size of blocks."""
    factor = max(1, math.ceil((mask.size / _MOST[mask.ndim]) ** (1 / mask.ndim)))
    steps = tuple(min(factor, n) for n in mask.shape)
    counts = [block_sums(mask if region is None else mask & region, steps)]
    whole = np.ones(mask.shape, bool) if region is None else region
    counts.append(block_sums(whole, steps))
    size = tuple(step * s for step, s in zip(steps, spacing.size, strict=True))
    return counts[0], counts[1], size


def block_sums(mask: NDArray[Any], steps: tuple[int, ...]) -> Floats:
    """Sums of pixels in blocks of ``steps`` pixels along each axis."""
    found: NDArray[Any] = mask
    for axis, step in enumerate(steps):
        starts = np.arange(0, mask.shape[axis], step)
        found = np.add.reduceat(found, starts, axis=axis, dtype=np.float64)
    return found


def variance_of_mean(rest: Floats, weights: Floats, size: tuple[float, ...]) -> float | None:
    """Variance of a mean over pixels: sums of products of what differs from it, over near pairs.

    ``rest`` are sums of (pixel - mean) in blocks of ``weights`` pixels. None where near pairs are
    nearly all there are.
    """
    pairs, reached = _correlated(rest), _correlated(weights)
    far = np.zeros(pairs.shape)
    for axis, length in enumerate(size):
        lag = fft.fftfreq(pairs.shape[axis], 1 / pairs.shape[axis]) * length
        far += lag.reshape([-1 if a == axis else 1 for a in range(pairs.ndim)]) ** 2
    ring = np.floor(np.sqrt(far) / min(size) + 0.5).astype(np.int64).ravel()
    together = np.bincount(ring, pairs.ravel())
    possible = np.bincount(ring, reached.ravel())
    seen = possible > 0.5
    radial = np.where(seen, together, 0.0)
    ends = np.flatnonzero(radial <= 0)
    reach = int(ends[0]) if len(ends) else len(radial)
    total = weights.sum()
    left = 1 - possible[:reach].sum() / total**2
    variance = float(together[:reach].sum() / total**2)
    return variance / left if left > _LEAST_LEFT and variance > 0 else None


def _correlated(values: Floats) -> Floats:
    """Sums of products of all pairs of blocks, by their distance; nothing wraps around."""
    shape = [fft.next_fast_len(2 * n - 1, real=True) if n > 1 else 1 for n in values.shape]
    spectrum = fft.rfftn(values, shape)
    return np.asarray(fft.irfftn(np.abs(spectrum) ** 2, shape))
