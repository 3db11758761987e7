"""Places, axes and grey values of all objects, as sums over their runs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.measuring.pixel_runs import BAND_PX, Floats, Runs


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


def grey_values(runs: Runs, grey: NDArray[Any]) -> tuple[Floats, Floats, Floats, Floats]:
    """(object,) mean, standard deviation (of the pixels, not of a sample), least and greatest.

    ``grey`` has the axes of the image. Where a pixel is not finite, the values of its object are
    NaN.
    """
    lines = grey.reshape(-1, grey.shape[-1])
    shift = _near(lines[len(lines) // 2])
    sums = np.zeros((4, len(runs.line)))
    order = np.argsort(runs.line, kind="stable")
    step = max(1, BAND_PX // grey.shape[-1])
    for first in range(0, len(lines), step):
        low, high = np.searchsorted(runs.line[order], [first, first + step])
        some = order[low:high]
        if not len(some):
            continue
        flat = np.append(np.asarray(lines[first : first + step], np.float64).ravel(), 0.0)
        flat[~np.isfinite(flat)] = np.nan
        start = (runs.line[some] - first) * grey.shape[-1] + runs.start[some]
        by_place = np.argsort(start, kind="stable")
        ends = np.stack([start, start + runs.length[some]], 1)[by_place].ravel()
        into = some[by_place]
        sums[2, into] = np.minimum.reduceat(flat, ends)[::2]
        sums[3, into] = np.maximum.reduceat(flat, ends)[::2]
        flat -= shift
        sums[0, into] = np.add.reduceat(flat, ends)[::2]
        sums[1, into] = np.add.reduceat(np.square(flat, out=flat), ends)[::2]
    mean = runs.total(sums[0]) / runs.pixels
    variance = runs.total(sums[1]) / runs.pixels - mean**2
    return mean + shift, np.sqrt(np.maximum(variance, 0)), runs.least(sums[2]), runs.most(sums[3])


def _near(line: NDArray[Any]) -> float:
    """A number near the values of a line, in ten bits, so that what differs from it is exact."""
    values = line[np.isfinite(line)]
    if not values.size:
        return 0.0
    mantissa, exponent = np.frexp(np.mean(values, dtype=np.float64))
    return float(np.ldexp(np.round(mantissa * 1024), int(exponent) - 10))
