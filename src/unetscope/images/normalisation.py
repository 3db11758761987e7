"""One way from grey values to network input: percentiles of the whole image, per channel.

The same rule, with the same numbers, is used while learning and while predicting, and stored with
the model; percentiles of single tiles would make a prediction depend on how the image was cut.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import ImageError
from unetscope.images.micrograph import Micrograph

#: Normalised values are clipped here: outliers stay visible but cannot run away.
CLIP = (-1.0, 2.0)


@dataclass(frozen=True)
class Normalisation:
    """Per channel, ``low`` becomes 0 and ``high`` becomes 1.

    Parameters
    ----------
    low, high
        Grey values per channel. A channel with ``high <= low`` is constant and becomes 0.
    low_percentile, high_percentile
        Where the values came from (percent); kept for the record.

    Raises
    ------
    ImageError
        If the numbers of channels differ or a value is not finite.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    low_percentile: float = 1.0
    high_percentile: float = 99.0

    def __post_init__(self) -> None:
        if len(self.low) != len(self.high) or not self.low:
            raise ImageError(
                f"normalisation needs one low and one high value per channel, "
                f"not {len(self.low)} and {len(self.high)}"
            )
        if not all(math.isfinite(v) for v in (*self.low, *self.high)):
            raise ImageError(f"normalisation values must be finite, not {self.low}, {self.high}")
        _check_percentiles(self.low_percentile, self.high_percentile)

    def apply(self, plane: NDArray[Any]) -> NDArray[np.float32]:
        """``plane`` (c, y, x), or (c, ...), as float32: (x - low) / (high - low).

        NaN and infinite values become 0, the value of ``low``; everything is clipped to [-1, 2].

        Raises
        ------
        ImageError
            If the number of channels is not the one of the normalisation.
        """
        if plane.shape[0] != len(self.low):
            raise ImageError(
                f"the image has {plane.shape[0]} channels, its normalisation was "
                f"fitted on {len(self.low)}; give images with the same channels"
            )
        normalised = np.empty(plane.shape, np.float32)
        for channel, low, high, out in zip(plane, self.low, self.high, normalised, strict=True):
            if channel.dtype.kind in "uib" and channel.dtype.itemsize <= 2:
                _normalise_by_table(channel, low, high, out)
            else:
                out[...] = _normalise(channel, low, high)
        return normalised

    def to_dict(self) -> dict[str, Any]:
        """The values as plain JSON types."""
        return {
            "low": list(self.low),
            "high": list(self.high),
            "low_percentile": self.low_percentile,
            "high_percentile": self.high_percentile,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Normalisation:
        """The inverse of :meth:`to_dict`; ImageError if a value is missing or no number."""
        try:
            return cls(
                tuple(float(v) for v in record["low"]),
                tuple(float(v) for v in record["high"]),
                float(record["low_percentile"]),
                float(record["high_percentile"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ImageError(f"this is not a normalisation record: {error}") from error


def fit_normalisation(
    micrograph: Micrograph, low_percentile: float = 1.0, high_percentile: float = 99.0
) -> Normalisation:
    """The normalisation of one image, from a fixed sample over all of it; finite values only.

    Where both percentiles are equal but the image is not constant (a few bright dots on black)
    the smallest and largest values are taken instead, so that what is rare stays visible.
    """
    _check_percentiles(low_percentile, high_percentile)
    ranges = [
        _value_range(channel, low_percentile, high_percentile)
        for channel in micrograph.sample_pixels()
    ]
    low, high = zip(*ranges, strict=True)
    return Normalisation(low, high, float(low_percentile), float(high_percentile))


#: What is noted of an image of one value, in the words of a reader's note.
CONSTANT = "it is constant: nothing can be told apart in it"
_ROWS = 1024  # of a plane, that are looked at at a time


def is_constant(micrograph: Micrograph) -> bool:
    """Whether each channel has one finite value at most, so that nothing is to be seen.

    NaN and infinite values say nothing. All pixels are looked at, some rows at a time, but only
    where a sample of them is constant.
    """
    seen = [_extremes(channel) for channel in micrograph.sample_pixels(20_000)]
    if any(low < high for low, high in seen):
        return False
    height, width = micrograph.spatial_shape[-2:]
    for z in range(micrograph.depth):
        for y in range(0, height, _ROWS):
            rows = slice(y, min(y + _ROWS, height))
            for i, channel in enumerate(micrograph.plane(z, (rows, slice(0, width)))):
                low, high = _extremes(channel)
                seen[i] = min(low, seen[i][0]), max(high, seen[i][1])
            if any(low < high for low, high in seen):
                return False
    return True


def _extremes(values: NDArray[Any]) -> tuple[Any, Any]:
    """The smallest and the largest finite value; (inf, -inf) where there is none."""
    if values.dtype.kind in "fc":
        values = values[np.isfinite(values)]
    if values.size == 0:
        return math.inf, -math.inf
    return values.min(), values.max()


def _value_range(
    values: NDArray[Any], low_percentile: float, high_percentile: float
) -> tuple[float, float]:
    if values.dtype.kind == "f":
        # A long double may hold what a float does not, so infinities are looked for after this.
        with np.errstate(over="ignore"):
            values = values.astype(np.float64)
        values = values[np.isfinite(values)]
    if values.size == 0:
        return 0.0, 0.0
    # A value that occurs, not one between two: it cannot overflow and is the same in any dtype.
    low, high = np.percentile(values, (low_percentile, high_percentile), method="inverted_cdf")
    if low == high:
        low, high = values.min(), values.max()
    return float(low), float(high)


def _normalise_by_table(
    channel: NDArray[Any], low: float, high: float, out: NDArray[np.float32]
) -> None:
    """8 and 16 bit values by a table of all of them: the same numbers, several times faster."""
    first = 0 if channel.dtype.kind in "ub" else int(np.iinfo(channel.dtype).min)
    if channel.size < 65536 and channel.dtype.itemsize == 2:
        out[...] = _normalise(channel, low, high)
        return
    table = _normalise(np.arange(first, first + 256**channel.dtype.itemsize), low, high)
    np.take(table, channel.astype(np.intp) - first, out=out)


def _normalise(values: NDArray[Any], low: float, high: float) -> NDArray[np.float32]:
    # Halved before the subtraction: high - low overflows for values near the largest float.
    half_span = high * 0.5 - low * 0.5
    if not half_span > 0:
        return np.zeros(values.shape, np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        wide = values.astype(np.float64)
        finite = np.isfinite(wide)
        scaled = (wide * 0.5 - low * 0.5) / half_span
    scaled = np.clip(scaled, *CLIP)
    if not finite.all():
        scaled[~finite] = 0.0
    return scaled.astype(np.float32)


def _check_percentiles(low: float, high: float) -> None:
    if not 0 <= low < high <= 100:
        raise ImageError(f"percentiles {low} and {high} must obey 0 <= low < high <= 100")
