"""All maps of a layer in one colour picture: principal components as red, green and blue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import ImageError
from unetscope.inspection.following.reach import Kind
from unetscope.inspection.showing.maps import FeatureMaps, Placement

COLOURS = 3
MOST_CELLS = 250_000  # of more, so many are drawn to find the components
RANGE = (1.0, 99.0)  # percentiles of a component that become 0 and 1


@dataclass(frozen=True, eq=False)
class ColourMaps:
    """Cells of one colour look alike to the layer.

    Attributes
    ----------
    values : ([z,] y, x, 3) in 0 … 1; a component that does not exist is 0.5.
    explained : three shares of the variance of all channels, the largest first.
    components : (3, channel) directions of unit length, rows of 0 where there is none. The sign,
        which is arbitrary, makes the largest entry positive.
    scale, translate : see :class:`~unetscope.inspection.showing.maps.Placement`.
    kind : measured on these maps.
    """

    values: NDArray[np.float32]
    explained: tuple[float, float, float]
    components: NDArray[np.float64]
    scale: tuple[float, ...]
    translate: tuple[float, ...]
    kind: Kind = Kind.EMPIRICAL


def pca_rgb(maps: FeatureMaps | NDArray[np.floating[Any]], *, seed: int = 0) -> ColourMaps:
    """The three principal components (Pearson 1901; Hotelling 1933) of maps (channel, [z,] y, x).

    Channels are centred, not scaled: one that varies more counts more. Each component is stretched
    from its 1st to its 99th percentile.

    Parameters
    ----------
    maps : a layer's maps, or an array, which is then placed pixel on pixel.
    seed : of the draw of 250,000 cells, where there are more.

    Raises
    ------
    ImageError
        If they are no maps, or hold values that are not finite.
    """
    values = maps.values if isinstance(maps, FeatureMaps) else np.asarray(maps)
    if values.ndim not in (3, 4) or values.size == 0:
        raise ImageError(f"maps have shape {values.shape}; give (channel, [z,] y, x).")
    if not np.isfinite(values).all():
        raise ImageError("the maps hold values that are not finite (NaN or infinite).")
    sides = values.shape[1:]
    cells = values.reshape(len(values), -1).T  # (cell, channel)
    mean, components, explained = _components(cells, seed)
    colours = np.full((len(cells), COLOURS), 0.5, dtype=np.float32)
    for index, direction in enumerate(components):
        if direction.any():
            colours[:, index] = _stretched((cells - mean) @ direction)
    place = Placement((1.0,) * len(sides), (0.0,) * len(sides))
    if isinstance(maps, FeatureMaps):
        place = Placement(maps.scale, maps.translate)
    return ColourMaps(
        values=colours.reshape(*sides, COLOURS),
        explained=explained,
        components=components,
        scale=place.scale,
        translate=place.translate,
    )


def _components(
    cells: NDArray[Any], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[float, float, float]]:
    """Mean (channel,), directions (3, channel) and their shares of the variance."""
    if len(cells) > MOST_CELLS:
        drawn = np.random.default_rng(seed).permutation(len(cells))[:MOST_CELLS]
        cells = cells[drawn]
    mean = cells.mean(axis=0, dtype=np.float64)
    centred = cells - mean
    covariance = centred.T @ centred / len(cells)
    variances, directions = np.linalg.eigh(covariance)
    total = float(variances.clip(0).sum())
    found = np.zeros((COLOURS, len(mean)))
    shares = [0.0] * COLOURS
    for index, column in enumerate(np.argsort(variances)[::-1][:COLOURS]):
        if variances[column] <= 1e-12 * total or total == 0:
            break  # rounding, not a direction
        direction = directions[:, column]
        found[index] = direction * np.sign(direction[np.abs(direction).argmax()])
        shares[index] = float(variances[column]) / total
    return mean, found, (shares[0], shares[1], shares[2])


def _stretched(values: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = np.percentile(values, RANGE)
    if high <= low:
        low, high = values.min(), values.max()
    answer: NDArray[np.float64] = np.clip((values - low) / (high - low), 0, 1)
    return answer
