"""Strokes in painted labels: connected pixels of one value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import scipy

_DENSE = 0.1  # labelled share above which labelling the whole array beats following its pixels


@dataclass(frozen=True, eq=False)
class StrokeMap:
    """The labelled pixels of one array and the stroke each belongs to.

    ``points``: (n, 2 or 3) int coordinates in array order; ``values``: (n,) class values;
    ``strokes``: (n,) stroke numbers 0..count-1.
    """

    points: np.ndarray
    values: np.ndarray
    strokes: np.ndarray
    count: int

    def sizes(self) -> np.ndarray:
        """(count,) pixels in each stroke."""
        return np.bincount(self.strokes, minlength=self.count)

    def stroke_values(self) -> np.ndarray:
        """(count,) class value of each stroke."""
        result = np.zeros(self.count, dtype=np.int64)
        result[self.strokes] = self.values
        return result


def stroke_map(labels: np.ndarray) -> StrokeMap:
    """Find strokes: pixels of equal value that touch, also diagonally and across planes.

    Parameters
    ----------
    labels : (y, x) or (z, y, x) integer array
        0 is unlabelled.
    """
    points = np.stack(np.nonzero(labels), axis=1)
    values = labels[tuple(points.T)].astype(np.int64)
    if len(points) > _DENSE * labels.size:
        count, strokes = _by_array(labels, points)
    else:
        count, strokes = _by_points(points, values, labels.shape)
    return StrokeMap(points, values, strokes, count)


def strokes_at(
    places: np.ndarray, labels: Sequence[np.ndarray], maps: Sequence[StrokeMap]
) -> np.ndarray:
    """The stroke of every place, (n,), counted on over all arrays.

    Parameters
    ----------
    places : (n, 4) int: array, z, y, x of labelled pixels.
    labels, maps : (y, x) or (z, y, x) each, and their strokes.
    """
    strokes, start = np.zeros(len(places), np.int64), 0
    for index, (own, found) in enumerate(zip(labels, maps, strict=True)):
        chosen = places[:, 0] == index
        known = np.ravel_multi_index(tuple(found.points.T), own.shape)  # increasing
        asked = np.ravel_multi_index(tuple(places[chosen, 4 - own.ndim :].T), own.shape)
        strokes[chosen] = found.strokes[np.searchsorted(known, asked)] + start
        start += found.count
    return strokes


def _by_array(labels: np.ndarray, points: np.ndarray) -> tuple[int, np.ndarray]:
    """Number of strokes and each point's, by labelling the array once for each class."""
    places = tuple(points.T)
    values = labels[places]
    strokes = np.zeros(len(points), dtype=np.int64)
    total = 0
    for value in np.unique(values):
        found, count = scipy.ndimage.label(labels == value, structure=np.ones((3,) * labels.ndim))
        own = values == value
        strokes[own] = found[tuple(points[own].T)] - 1 + total
        total += count
    return total, strokes


def _by_points(
    points: np.ndarray, values: np.ndarray, shape: tuple[int, ...]
) -> tuple[int, np.ndarray]:
    """The same from the labelled pixels alone: memory and time do not grow with the image."""
    wide = np.array(shape) + 2  # a margin, so that no neighbour wraps around an edge
    strides = np.append(np.cumprod(wide[:0:-1])[::-1], 1).astype(np.int64)
    flat = (points + 1) @ strides  # increasing, for np.nonzero walks in array order
    first, second = [], []
    for offset in product((-1, 0, 1), repeat=len(shape)):
        step = int(np.dot(offset, strides))
        if step <= 0:
            continue  # each pair of neighbours once
        place = np.searchsorted(flat, flat + step)
        place[place == len(flat)] = 0
        touch = (flat[place] == flat + step) & (values[place] == values)
        first.append(np.flatnonzero(touch))
        second.append(place[touch])
    rows, columns = np.concatenate(first), np.concatenate(second)
    links = scipy.sparse.coo_array(
        (np.ones(len(rows), bool), (rows, columns)), shape=(len(flat),) * 2
    )
    count, strokes = scipy.sparse.csgraph.connected_components(links, directed=False)
    return int(count), strokes.astype(np.int64)
