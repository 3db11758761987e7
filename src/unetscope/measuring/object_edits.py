"""Objects joined, split and dropped by hand: what changes, done, taken back and done again.

A wish gives an edit, and an edit gives objects. Nothing that an edit does not name changes: other
objects keep their numbers, new ones get numbers that no object had before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.draw import line as drawn_line
from skimage.segmentation import watershed

from unetscope.errors import MeasurementError
from unetscope.measuring.apart import hills_around, hills_of
from unetscope.measuring.objects import MOST_OBJECTS, Objects, Separation
from unetscope.measuring.pixel_runs import Floats, Ints, Runs, joined_runs, runs_in

Point = Sequence[float]
_Box = tuple[slice, ...]
#: Hills that rise less than this part of the depth are roughness of the outline to a split, too.
_LEAST_DEPTH = 0.25
Doing = Literal["join", "split", "cut", "drop"]


@dataclass(frozen=True)
class EditWish:
    """What a person wants: enough to do it again on the same objects.

    ``numbers`` are those of objects, ``points`` places (y, x) or (z, y, x) in pixels, a pixel's
    centre at whole numbers.
    """

    doing: Doing
    numbers: tuple[int, ...]
    points: tuple[tuple[float, ...], ...] = ()

    def as_record(self) -> dict[str, Any]:
        """Plain values for JSON; :func:`wish_of` reads them."""
        points = [list(point) for point in self.points]
        return {"do": self.doing, "objects": list(self.numbers), "points": points}


def wish_of(record: Any) -> EditWish:
    """The wish that :meth:`EditWish.as_record` told.

    Raises
    ------
    MeasurementError
        If it is anything else.
    """
    try:
        numbers = tuple(int(number) for number in record["objects"])
        points = tuple(tuple(float(at) for at in point) for point in record["points"])
        wish = EditWish(record["do"], numbers, points)
    except (TypeError, ValueError, KeyError) as error:
        raise MeasurementError(f"an edit of objects cannot be read: {record!r}") from error
    if wish.doing not in ("join", "split", "cut", "drop"):
        raise MeasurementError(f"objects are joined, split, cut or dropped, not {wish.doing!r}")
    return wish


@dataclass(frozen=True, eq=False)
class ObjectRows:
    """Some objects: their pixels, classes and doubts, each (object,)."""

    runs: Runs
    class_of: Ints
    doubt: Floats


@dataclass(frozen=True, eq=False)
class ObjectEdit:
    """What an edit does: the objects that it takes away, and those that it puts in their place.

    ``counts`` are the count ranges before and after.
    """

    wish: EditWish
    before: ObjectRows
    after: ObjectRows
    counts: tuple[tuple[int, int], tuple[int, int]]

    @property
    def inverse(self) -> ObjectEdit:
        """The edit that takes this one back."""
        return replace(
            self, before=self.after, after=self.before, counts=(self.counts[1], self.counts[0])
        )

    @property
    def box(self) -> tuple[slice, ...]:
        """The part of the image outside of which no pixel changes."""
        boxes = np.concatenate([self.before.runs.boxes, self.after.runs.boxes])
        ends = zip(boxes[..., 0].min(0).tolist(), boxes[..., 1].max(0).tolist(), strict=True)
        return tuple(slice(low, high + 1) for low, high in ends)

    def write(self, ids: NDArray[Any]) -> None:
        """Do it to object numbers in place."""
        flat = ids.reshape(-1, ids.shape[-1])
        if not np.shares_memory(flat, ids):
            raise MeasurementError(
                "numbers that do not lie in one piece cannot be changed in place"
            )
        _paint(flat, self.before.runs, np.zeros(self.before.runs.count, np.int64))
        _paint(flat, self.after.runs, self.after.runs.numbers)


def _paint(lines: NDArray[Any], runs: Runs, values: Ints) -> None:
    rest = np.arange(runs.length.sum()) - np.repeat(
        np.cumsum(runs.length) - runs.length, runs.length
    )
    x = np.repeat(runs.start, runs.length) + rest
    lines[np.repeat(runs.line, runs.length), x] = np.repeat(values[runs.owner], runs.length)


def edited(objects: Objects, edit: ObjectEdit, in_place: bool = False) -> Objects:
    """The objects after an edit (its ``inverse`` takes it back).

    ``in_place`` changes the array of numbers that is there: ``objects`` is not to be used then.

    Raises
    ------
    MeasurementError
        If objects that the edit takes away are not there.
    """
    gone, made = edit.before.runs.numbers, edit.after.runs.numbers
    _check_there(objects, gone.tolist())
    kept = ~np.isin(objects.numbers, gone)
    numbers = np.append(objects.numbers[kept], made)
    order = np.argsort(numbers, kind="stable")
    runs = objects.runs.some(np.flatnonzero(kept))
    ids = objects.ids if in_place else np.array(objects.ids)
    if len(made) and made.max() > np.iinfo(ids.dtype).max:
        ids = ids.astype(np.uint32)
    edit.write(ids)
    after = replace(
        objects,
        ids=ids,
        numbers=numbers[order],
        class_of=np.append(objects.class_of[kept], edit.after.class_of)[order],
        doubt=np.append(objects.doubt[kept], edit.after.doubt)[order],
        count_range=edit.counts[1],
        largest=int(max(objects.next_number - 1, made.max(initial=0))),
    )
    after.__dict__["runs"] = joined_runs([runs, edit.after.runs])
    return after


def wished(objects: Objects, wish: EditWish) -> ObjectEdit:
    """The edit that a wish is on these objects.

    Raises
    ------
    MeasurementError
        If it cannot be done.
    """
    if wish.doing in ("join", "drop"):
        return join(objects, wish.numbers) if wish.doing == "join" else drop(objects, wish.numbers)
    if len(wish.numbers) != 1:
        raise MeasurementError(f"one object is split at a time, not {len(wish.numbers)}")
    how = split if wish.doing == "split" else cut
    return how(objects, wish.numbers[0], wish.points)


def join(objects: Objects, numbers: Sequence[int]) -> ObjectEdit:
    """Make one object of several of one class; they need not touch.

    Raises
    ------
    MeasurementError
        If there are fewer than two, one of them is not there, or they are of several classes.
    """
    numbers = tuple(dict.fromkeys(int(number) for number in numbers))
    if len(numbers) < 2:
        raise MeasurementError(f"{len(numbers)} object cannot be joined; choose two or more")
    before = _rows_of(objects, numbers)
    classes = np.unique(before.class_of)
    if len(classes) > 1:
        told = " and ".join(map(str, classes.tolist()))
        raise MeasurementError(f"objects of classes {told} are no one object; join those of one")
    number = _next(objects, 1)[0]
    after = ObjectRows(before.runs.as_one(number), classes, np.zeros(1))
    return _edit(objects, EditWish("join", numbers), before, after)


def drop(objects: Objects, numbers: Sequence[int]) -> ObjectEdit:
    """Take objects away.

    Raises
    ------
    MeasurementError
        If there is none to drop, or one of them is not there.
    """
    numbers = tuple(dict.fromkeys(int(number) for number in numbers))
    if not numbers:
        raise MeasurementError("no object is chosen; choose those that are to be dropped")
    none = objects.runs.some(np.zeros(0, np.int64))
    after = ObjectRows(none, np.zeros(0, np.int64), np.zeros(0))
    return _edit(objects, EditWish("drop", numbers), _rows_of(objects, numbers), after)


def split(objects: Objects, number: int, points: Sequence[Point]) -> ObjectEdit:
    """Part an object so that each of two or more points lies in a part of its own.

    Hills of the smoothed distance to the outside are told from each other at the largest depth that
    tells the points apart; each goes to the point that lies on it, the others along the watershed.
    Points on one hill share it by distance. Parts are numbered in the order of the points.

    Raises
    ------
    MeasurementError
        If the object is not there, or the points are fewer than two pixels of it.
    """
    before, box, inside = _one(objects, number)
    at = _pixels(points, box, inside, number)
    parts = _around(objects, box, inside, at)
    wish = EditWish("split", (int(number),), _plain(points))
    return _parted(objects, wish, before, parts, box)


def cut(objects: Objects, number: int, line: Sequence[Point]) -> ObjectEdit:
    """Part an object along a line drawn across it; in a stack through all of its planes.

    Pixels below the line, and what it cuts off that is smaller than the smallest object, go to the
    nearest part. Parts are numbered by their first pixels.

    Raises
    ------
    MeasurementError
        If the object is not there, or the line does not part it.
    """
    before, box, inside = _one(objects, number)
    if len(line) < 2:
        raise MeasurementError("a line has two ends or more; draw one across the object")
    wall = _wall(line, box, inside.shape)
    pieces, found = ndimage.label(inside & ~wall)
    if found <= ndimage.label(inside)[1]:
        raise MeasurementError(f"the line does not part object {number}; draw it from side to side")
    pieces = _without_splinters(pieces, (objects.how or Separation()).smallest_px(objects.spacing))
    wish = EditWish("cut", (int(number),), _plain(line))
    return _parted(objects, wish, before, _to_nearest(pieces, inside, objects.spacing.size), box)


def _edit(objects: Objects, wish: EditWish, before: ObjectRows, after: ObjectRows) -> ObjectEdit:
    more = after.runs.count - before.runs.count
    left = len(objects.numbers) + more
    low, high = objects.count_range
    return ObjectEdit(
        wish, before, after, ((low, high), (max(low + more, min(left, 1)), max(high + more, left)))
    )


def _rows_of(objects: Objects, numbers: Sequence[int]) -> ObjectRows:
    _check_there(objects, numbers)
    at = np.flatnonzero(np.isin(objects.numbers, numbers))
    return ObjectRows(objects.runs.some(at), objects.class_of[at], objects.doubt[at])


def _check_there(objects: Objects, numbers: Sequence[int]) -> None:
    lost = sorted(set(numbers) - set(objects.numbers[np.isin(objects.numbers, numbers)].tolist()))
    if lost:
        raise MeasurementError(f"there is no object {lost[0]}; it may have been joined or dropped")


def _next(objects: Objects, count: int) -> Ints:
    first = objects.next_number
    if first + count - 1 > MOST_OBJECTS:
        raise MeasurementError("no number is left below 2³² for a new object; number them anew")
    return np.arange(first, first + count)


def _one(objects: Objects, number: int) -> tuple[ObjectRows, _Box, NDArray[np.bool_]]:
    """An object, its box, and where it is in there."""
    before = _rows_of(objects, [int(number)])
    box = tuple(slice(int(low), int(high) + 1) for low, high in before.runs.boxes[0])
    return before, box, np.asarray(objects.ids[box]) == number


def _pixels(points: Sequence[Point], box: _Box, inside: NDArray[np.bool_], number: int) -> Ints:
    """(point, axis) the pixels of different points, in the box."""
    at = _rounded(points, len(box)) - np.array([side.start for side in box])
    for place, point in zip(at, points, strict=True):
        there = ((place >= 0) & (place < inside.shape)).all()
        if not there or not inside[tuple(place)]:
            raise MeasurementError(
                f"the point {_words(point)} does not lie on object {number}; click on it"
            )
    if len(np.unique(at, axis=0)) < max(len(at), 2):
        raise MeasurementError("an object is split from two points or more on different pixels")
    return at


def _rounded(points: Sequence[Point], axes: int) -> Ints:
    if any(len(point) != axes or not np.isfinite(point).all() for point in points):
        raise MeasurementError(f"a point has {axes} numbers here; give pixels along each axis")
    return np.floor(np.array(points, np.float64).reshape(-1, axes) + 0.5).astype(np.int64)


def _words(point: Point) -> str:
    return f"({', '.join(f'{at:g}' for at in point)})"


def _plain(points: Sequence[Point]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(at) for at in point) for point in points)


def _around(objects: Objects, box: _Box, inside: NDArray[np.bool_], at: Ints) -> NDArray[Any]:
    """Parts, from 1, that grow from pixels ``at``: over their hills first, then down from those."""
    # the image's edge is no outside
    sides = [(s.start == 0, s.stop == n) for s, n in zip(box, objects.ids.shape, strict=True)]
    necks = (objects.how or Separation()).necks(objects.spacing)
    heights = hills_of(inside, necks, sides)
    markers = np.zeros(inside.shape, np.int32)
    markers[tuple(at.T)] = np.arange(1, len(at) + 1)
    hills = hills_around(heights, inside, at, necks.depth * _LEAST_DEPTH)
    own = np.isin(hills, hills[tuple(at.T)]) & inside
    far = ndimage.distance_transform_edt(markers == 0, sampling=objects.spacing.size)
    # points on one hill share it, and no point takes of another's
    flooded = np.zeros_like(markers)
    for hill in np.unique(hills[tuple(at.T)]):
        mine = hills == hill
        flooded += watershed(far, np.where(mine, markers, 0), mask=mine)
    parts = watershed(-heights, flooded, mask=inside) if (inside & ~own).any() else flooded
    return _to_nearest(parts, inside, objects.spacing.size)


def _to_nearest(
    parts: NDArray[Any], inside: NDArray[np.bool_], size: tuple[float, ...]
) -> NDArray[Any]:
    """What no part has yet goes to the nearest."""
    if not (inside & (parts == 0)).any():
        return parts
    near = ndimage.distance_transform_edt(
        parts == 0, sampling=size, return_distances=False, return_indices=True
    )
    return np.where(inside, parts[tuple(near)], 0)


def _wall(line: Sequence[Point], box: _Box, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The pixels of a line (y, x are its last two), as wide as no side-by-side neighbours pass."""
    at = _rounded(line, len(box))[:, -2:] - np.array([side.start for side in box[-2:]])
    flat = np.zeros(shape[-2:], bool)
    for (y0, x0), (y1, x1) in pairwise(at):
        y, x = drawn_line(y0, x0, y1, x1)
        kept = (y >= 0) & (y < shape[-2]) & (x >= 0) & (x < shape[-1])
        flat[y[kept], x[kept]] = True
    return np.broadcast_to(flat, shape)


def _without_splinters(pieces: NDArray[Any], least: float) -> NDArray[Any]:
    """Pieces of some size, from 1; all of them where fewer than two have it."""
    large = np.bincount(pieces.ravel()) >= least
    large[0] = False
    if np.count_nonzero(large) < 2:
        return pieces
    return (np.cumsum(large) * large)[pieces]


def _parted(
    objects: Objects,
    wish: EditWish,
    before: ObjectRows,
    parts: NDArray[Any],
    box: _Box,
) -> ObjectEdit:
    """The edit that puts parts, numbered from 1 in their box, in the place of an object."""
    numbers = _next(objects, int(parts.max()))
    ids = np.append(0, numbers)[parts]
    corner = [side.start for side in box]
    runs = runs_in(ids, corner, before.runs.shape)
    classes = np.full(runs.count, before.class_of[0])
    return _edit(objects, wish, before, ObjectRows(runs, classes, np.zeros(runs.count)))
