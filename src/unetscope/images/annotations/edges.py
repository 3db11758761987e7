"""From masks to polygons along pixel edges and back, without gaining or losing a pixel.

Coordinates are (x, y) with the origin at the upper left corner of the first pixel, so that pixel
(x, y) is the square from (x, y) to (x + 1, y + 1). ImageJ (area selections), QuPath and COCO all
mean this. A pixel belongs to a polygon if its centre does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from unetscope.errors import AnnotationError

Ring = NDArray[Any]  # (corner, 2): x and y; the last corner is not the first again
Polygon = list[Ring]  # the outline first, then its holes
#: A mask and the (y, x) of its first pixel in the image.
Placed = tuple[tuple[int, int], NDArray[np.bool_]]

_FURTHEST_PX = 2.0**31
_CROSSINGS_AT_ONCE = 2**22
_MOST_SPANNED, _MOST_SPANNED_PER_PIXEL = 2**24, 16  # by the pieces of one outline together
_MOST_CROSSINGS_PER_PIXEL = 4
_SHARED_EDGES = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)


class TooMuch(AnnotationError):
    """A file asks for more work than any real one does, so that it is refused as a whole."""


def polygons_of(placed: Placed) -> list[Polygon]:
    """The polygons of a mask in its place, one for each piece whose pixels share edges.

    Outlines and holes run along pixel edges and never cross or touch themselves, so that they are
    valid polygons of the OGC's simple features; :func:`filled` gives the same pixels again.
    """
    (top, left), mask = placed
    pieces, count = scipy.ndimage.label(mask, _SHARED_EDGES)
    if count == 1:
        corner = np.array([left, top])
        return [[ring + corner for ring in _rings(mask)]]
    found = []
    for number, box in enumerate(scipy.ndimage.find_objects(pieces), start=1):
        corner = np.array([left + box[1].start, top + box[0].start])
        found.append([ring + corner for ring in _rings(pieces[box] == number)])
    return found


def _rings(piece: NDArray[np.bool_]) -> list[Ring]:
    """Outline and holes of one piece: its corners, joined by horizontal and vertical edges."""
    y, x, across, along = _linked_corners(piece)
    rings, seen = [], np.zeros(len(y), bool)
    for first in range(len(y)):
        if seen[first]:
            continue
        ring, corner = [], first
        while not seen[corner]:
            other = across[corner]
            seen[corner] = seen[other] = True
            ring += [corner, other]
            corner = along[other]
        rings.append(np.column_stack([x[ring], y[ring]]))
    return rings  # the upper left corner comes first, which is one of the outline


def _linked_corners(
    piece: NDArray[np.bool_],
) -> tuple[NDArray[Any], NDArray[Any], list[int], list[int]]:
    """Corners of the outline (y, x), and for each the one across and the one along the column.

    At a corner one or three of the four pixels around are inside. Edges then lie between the first
    and second corner of each row, the third and fourth, and so on; the same in columns. Where two
    pixels touch by a corner only, it counts twice, and inside is joined there: the piece is one.
    """
    around = np.zeros((piece.shape[0] + 2, piece.shape[1] + 2), bool)
    around[1:-1, 1:-1] = piece
    upper_left, upper_right = around[:-1, :-1], around[:-1, 1:]
    lower_left, lower_right = around[1:, :-1], around[1:, 1:]
    odd = upper_left ^ upper_right ^ lower_left ^ lower_right
    touching = (upper_left == lower_right) & (upper_right == lower_left)
    touching &= upper_left != upper_right
    y, x = np.nonzero(odd | touching)
    twice = touching[y, x]
    if twice.any():
        falling = np.repeat(twice & upper_left[y, x], 1 + twice)
        second = np.repeat(np.cumsum(1 + twice), 1 + twice) - 1 == np.arange((1 + twice).sum())
        second &= np.repeat(twice, 1 + twice)
        y, x = np.repeat(y, 1 + twice), np.repeat(x, 1 + twice)
        downwards = np.lexsort((second ^ falling, y, x))
    else:
        downwards = np.argsort(x, kind="stable")  # they are in the order of y already
    across = np.arange(len(y)) ^ 1
    along = np.empty(len(y), np.int64)
    along[downwards[::2]], along[downwards[1::2]] = downwards[1::2], downwards[::2]
    return y, x, across.tolist(), along.tolist()


def filled(rings: Sequence[Ring], plane_shape: tuple[int, int]) -> Placed:
    """The pixels inside ``rings`` by the even-odd rule, cut off at the borders of the plane (y, x).

    Each edge flips all pixels to its right in the rows whose middle it crosses.

    Raises
    ------
    AnnotationError
        If corners are no finite numbers, or there are so many long edges that it would take
        minutes.
    """
    kept = [np.asarray(ring, np.float64).reshape(-1, 2) for ring in rings]
    kept = [ring for ring in kept if len(ring) >= 3]
    if not kept:
        return (0, 0), np.zeros((0, 0), bool)
    corners = np.concatenate(kept)
    first, last = corners.min(axis=0), corners.max(axis=0)  # not a number, if one is not
    if not (first.min() >= -_FURTHEST_PX and last.max() <= _FURTHEST_PX):
        raise AnnotationError(
            "a polygon has a corner that is no number or lies far outside every image; "
            "export it again in pixels"
        )
    height, width = plane_shape
    left, right = _cut_off(math.floor(first[0]), width), _cut_off(math.ceil(last[0]), width)
    top, bottom = _cut_off(math.floor(first[1]), height), _cut_off(math.ceil(last[1]), height)
    flips = np.zeros((max(0, bottom - top), max(0, right - left) + 1), bool)
    if flips.size > flips.shape[0]:
        turned = np.concatenate([part for ring in kept for part in (ring[1:], ring[:1])])
        _flip(flips, corners - (left, top), turned - (left, top))
    return (top, left), np.logical_xor.accumulate(flips, axis=1)[:, :-1]


def _cut_off(place: int, length: int) -> int:
    """``place`` from 0 to ``length``."""
    return min(max(place, 0), length)


def _flip(flips: NDArray[np.bool_], starts: NDArray[Any], ends: NDArray[Any]) -> None:
    """Flip in ``flips`` (y, x) the first pixel right of each edge, in each row it crosses."""
    height, width = flips.shape
    upper = np.minimum(starts[:, 1], ends[:, 1])
    lower = np.maximum(starts[:, 1], ends[:, 1])
    first = _bounded(np.ceil(upper - 0.5), height)
    rows = _bounded(np.ceil(lower - 0.5), height) - first
    crossing = rows > 0
    starts, ends, first, rows = starts[crossing], ends[crossing], first[crossing], rows[crossing]
    total = np.cumsum(rows)
    if len(total) and total[-1] > _MOST_CROSSINGS_PER_PIXEL * (flips.size + len(rows)):
        raise AnnotationError(
            f"a polygon on {width - 1} × {height} pixels crosses their rows {total[-1]} times, "
            "which no outline does; it is damaged: export it again, simplified"
        )
    slope = (ends[:, 0] - starts[:, 0]) / (ends[:, 1] - starts[:, 1])
    at_once = [np.arange(len(rows))]
    if len(total) and total[-1] > _CROSSINGS_AT_ONCE:
        at_once = np.split(at_once[0], np.flatnonzero(np.diff(total // _CROSSINGS_AT_ONCE)) + 1)
    for part in at_once:
        count = rows[part]
        edge = np.repeat(part, count)
        row = first[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
        crossed = starts[edge, 0] + (row + 0.5 - starts[edge, 1]) * slope[edge]
        column = _bounded(np.ceil(crossed - 0.5), width - 1)
        np.logical_xor.at(flips, (row, column), True)


def _bounded(places: NDArray[Any], most: int) -> NDArray[np.int64]:
    """``places`` from 0 to ``most`` as whole numbers; for a few, np.clip takes far longer."""
    return np.minimum(np.maximum(places, 0), most).astype(np.int64)


def drawn(polygons: Iterable[Sequence[Ring]], plane_shape: tuple[int, int]) -> tuple[Placed, bool]:
    """All pixels inside any of ``polygons``, and whether some of them lie beyond the plane.

    Raises
    ------
    TooMuch
        If they cover the plane so many times that it would take minutes.
    AnnotationError
        As :func:`filled`.
    """
    joined, beyond, spanned = Joined(), False, 0
    for count, rings in enumerate(polygons, start=1):
        part = filled(rings, plane_shape)
        spanned += part[1].size
        if spanned > _MOST_SPANNED + _MOST_SPANNED_PER_PIXEL * plane_shape[0] * plane_shape[1]:
            raise TooMuch(
                f"the first {count} pieces of an outline span {spanned:,} pixels of an image of "
                f"{plane_shape}, as they cover it many times; export it again, simplified"
            )
        joined.add(part)
        beyond |= any(_reaches_beyond(ring, plane_shape) for ring in rings)
    return joined.placed, beyond


def _reaches_beyond(ring: Ring, plane_shape: tuple[int, int]) -> bool:
    """Whether a ring spans the centre of a pixel that the plane does not have."""
    corners = np.asarray(ring, np.float64).reshape(-1, 2)
    if len(corners) < 3:
        return False
    furthest = np.array(plane_shape[::-1]) + 0.5
    return bool((corners.min(axis=0) < -0.5).any() or (corners.max(axis=0) > furthest).any())


class Joined:
    """One mask of all pixels that any of the masks given so far has."""

    def __init__(self) -> None:
        self.placed: Placed = ((0, 0), np.zeros((0, 0), bool))

    def add(self, other: Placed) -> None:
        """Take ``other`` in; only the mask so far and this one are held."""
        if not other[1].size:
            return
        (y, x), mask = self.placed
        (top, left), added = other
        if not mask.size:
            self.placed = other
            return
        first = min(y, top), min(x, left)
        bottom = max(y + mask.shape[0], top + added.shape[0])
        right = max(x + mask.shape[1], left + added.shape[1])
        if (bottom - first[0], right - first[1]) == mask.shape:
            whole = mask
        else:
            whole = np.zeros((bottom - first[0], right - first[1]), bool)
            whole[_window(self.placed, first)] = mask
        whole[_window(other, first)] |= added
        self.placed = first, whole


def _window(placed: Placed, first: tuple[int, int]) -> tuple[slice, slice]:
    top, left = placed[0][0] - first[0], placed[0][1] - first[1]
    height, width = placed[1].shape
    return slice(top, top + height), slice(left, left + width)
