"""Measures as an image: each pixel of an object has its value, all others none."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from unetscope.measuring.pixel_runs import Floats, Runs

_ENDS = (2.0, 98.0)  # percentiles of the objects between which values are coloured


def value_image(runs: Runs, values: Floats) -> NDArray[np.float32]:
    """Image of the shape of ``runs``, with (object,) ``values`` in their pixels, NaN elsewhere.

    Written run by run, from the first pixel to the last: object numbers need not be small, and the
    image of the numbers is not read.
    """
    begins = runs.line * runs.shape[-1] + runs.start
    order = np.argsort(begins)
    begins, lengths = begins[order], runs.length[order]
    ends = begins + lengths
    # what lies before a run, and the run, in turns; then what lies behind the last one
    counts = np.empty(2 * len(order) + 1, np.int64)
    counts[1::2] = lengths
    counts[0:-1:2] = np.diff(ends, prepend=0) - lengths
    counts[-1] = math.prod(runs.shape) - (ends[-1] if len(ends) else 0)
    painted = np.full(len(counts), np.nan, np.float32)
    painted[1::2] = values[runs.owner[order]]
    return np.repeat(painted, counts).reshape(runs.shape)


def colour_limits(values: Floats) -> tuple[float, float]:
    """The values at the ends of the colours: 2 and 98 % of the objects lie below.

    Of objects that are all the same, or of none, ends that are apart.
    """
    there = values[np.isfinite(values)]
    if not len(there):
        return 0.0, 1.0
    low, high = (float(end) for end in np.percentile(there, _ENDS))
    return (low, high) if high > low else (low, low + (abs(low) or 1.0))
