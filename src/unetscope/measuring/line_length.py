"""Length of thin lines, and of borders, for each area, by counting how often lines cross them.

Buffon's way: borders are crossed the oftener the longer they are (Crofton with 4 directions). A
thin class has two borders, so that its length is half of theirs. What the edge of the image or
region cuts is no border.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import MeasurementError
from unetscope.measuring.crossings import directions
from unetscope.measuring.pixel_runs import Floats
from unetscope.measuring.populations import FIELDS, t_interval
from unetscope.measuring.quantities import Quantity, Spacing, one_unit

_TILES = 4
#: Fewer pixels of border are too few for an interval.
_FEWEST = 200
_METHOD = "half of the border (Crofton, 4 directions) of a thin class / field"


@dataclass(frozen=True)
class LineLengths:
    """Of one image: ``lengths`` and ``fields`` (tile,) of 4 x 4 tiles, and pairs of pixels met."""

    lengths: Floats
    fields: Floats
    crossings: int
    unit: str


def line_lengths(
    mask: NDArray[np.bool_], spacing: Spacing, region: NDArray[np.bool_] | None = None
) -> LineLengths:
    """Half of the border of a mask (y, x), inside ``region`` where one is given.

    Raises
    ------
    MeasurementError
        If the image is a stack, or the shapes differ.
    """
    if mask.ndim != 2 or len(spacing.size) != 2:
        raise MeasurementError("lines are measured in planes; give one plane of the stack")
    looked = np.ones(mask.shape, bool) if region is None else region
    if looked.shape != mask.shape:
        raise MeasurementError("mask and region must have the same shape")
    lengths, crossings = np.zeros((_TILES, _TILES)), 0
    for (down, right), weight in directions(spacing.size):
        low, high = (
            slice(max(-right, 0), min(-right, 0) or None),
            slice(max(right, 0), min(right, 0) or None),
        )
        one = (slice(None, -down or None), low)
        other = (slice(down, None), high)
        met = (mask[one] != mask[other]) & looked[one] & looked[other]
        crossings += int(np.count_nonzero(met))
        # a weight stands for one of two crossings, and a line has two borders
        lengths += _summed(met) * (weight / 4)
    return LineLengths(
        lengths.ravel(), _summed(looked).ravel() * spacing.cell, crossings, spacing.unit
    )


def _summed(mask: NDArray[np.bool_]) -> Floats:
    """(4, 4) pixels in tiles."""
    sums = np.zeros((_TILES, _TILES))
    rows, columns = (np.arange(n) * _TILES // max(n, 1) for n in mask.shape)
    lines = np.zeros((_TILES, mask.shape[1]))
    for tile in range(_TILES):
        lines[tile] = mask[rows == tile].sum(0)
        sums[tile] = np.bincount(columns, lines[tile], minlength=_TILES)
    return sums


def length_quantities(images: Sequence[LineLengths], name: str) -> tuple[Quantity, ...]:
    """Length by area L_A, crossings of test lines by length 2 L_A / π, and surface 4 L_A / π.

    The surface by volume is that of bodies whose section the image is, if they have no direction.
    Intervals: t over 4 x 4 tiles, from :data:`~unetscope.measuring.populations.FIELDS` images on t
    over images.

    Raises
    ------
    MeasurementError
        If units are mixed.
    """
    unit = one_unit((image.unit for image in images), "lengths")
    field = sum(float(image.fields.sum()) for image in images)
    total = sum(float(image.lengths.sum()) for image in images)
    count, of = sum(image.crossings for image in images), "crossings"
    ends, how, reason = _ends(images)
    if len(images) >= FIELDS:
        count, of = len(images), "images"
    value = total / field if field else math.nan
    told = (
        (f"length of {name} by area", 1.0, ""),
        (f"crossings of lines with {name} by length", 2 / math.pi, "; 2 / π times"),
        (f"surface of {name} by volume", 4 / math.pi, "; 4 / π times, of isotropic sections only"),
    )
    return tuple(
        Quantity(
            title,
            value * factor,
            f"1/{unit}",
            count,
            of,
            f"{_METHOD}{how}{words}",
            None if ends is None else ends[0] * factor,
            None if ends is None else ends[1] * factor,
            reason,
        )
        for title, factor, words in told
    )


def _ends(images: Sequence[LineLengths]) -> tuple[tuple[float, float] | None, str, str]:
    """The interval of the length by area, in words how, or why there is none."""
    if len(images) >= FIELDS:
        each = np.array([image.lengths.sum() / image.fields.sum() for image in images])
        low, high = t_interval(each)
        return (max(low, 0.0), high), "; t over images", ""
    crossings = sum(image.crossings for image in images)
    if crossings < _FEWEST:
        return None, "", f"{crossings} crossings, an interval needs {_FEWEST}"
    lengths = np.concatenate([image.lengths for image in images])
    fields = np.concatenate([image.fields for image in images])
    seen = fields > 0.5 * fields.max()
    low, high = t_interval(lengths[seen] / fields[seen])
    middle = float(lengths.sum() / fields.sum())
    half = (high - low) / 2
    return (max(middle - half, 0.0), middle + half), "; t over 4 x 4 tiles", ""
