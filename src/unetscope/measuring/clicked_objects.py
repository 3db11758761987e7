"""What clicks on objects say: the typical size, and the necks at which objects are parted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from unetscope.errors import MeasurementError
from unetscope.measuring.apart import Necks, apart
from unetscope.measuring.objects import Objects, Separation
from unetscope.measuring.pixel_runs import Ints

Point = Sequence[float]
#: What is tried, as parts of the smoothing and depth that are there.
_SMOOTH, _DEPTH = (1.0, 2.0, 4.0), (0.5, 1.0, 2.0, 4.0)
#: An object counts as kept where so much of it and of what is found is common to both.
_KEPT_IOU = 0.75
#: Of so many components the change of the count is taken.
_COUNTED = 50


def typical_size(objects: Objects, clicked: Sequence[Point]) -> float:
    """The median equivalent diameter of the objects at these points, in the unit of the image.

    Points are (y, x) or (z, y, x) in pixels; an object that is clicked twice counts once.

    Raises
    ------
    MeasurementError
        If no point lies on an object.
    """
    numbers = {number for number in _at(objects, clicked).tolist() if number}
    if not numbers:
        raise MeasurementError("no object is clicked on; click on good objects, three or more")
    sizes = objects.runs.of(sorted(numbers)).pixels * objects.spacing.cell
    if len(objects.spacing.size) == 2:
        return float(np.median(np.sqrt(4 * sizes / np.pi)))
    return float(np.median(np.cbrt(6 * sizes / np.pi)))


@dataclass(frozen=True)
class ClickFit:
    """A separation, and how many of the clicked objects and pairs it does right."""

    how: Separation
    met: int
    asked: int


def fitted(
    objects: Objects, whole: Sequence[Point], pairs: Sequence[tuple[Point, Point]]
) -> ClickFit:
    """Smoothing and depth that leave clicked objects as they are, and clicked pairs apart.

    Twelve of them are tried; of those that do the same number of clicks right the one that changes
    the count least (of at most 50 components), then the one nearest to what is there.

    Raises
    ------
    MeasurementError
        If nothing is clicked on, or a click lies beside all objects.
    """
    how = replace(objects.how or Separation(), by="shape", border=None)
    clicks = [(point,) for point in whole] + [tuple(pair) for pair in pairs]
    numbers = [_at(objects, click) for click in clicks]
    if not clicks or any((number == 0).any() for number in numbers):
        raise MeasurementError("click on objects: on good ones, and on pairs that are to be parted")
    places = [_pixels(objects, click) for click in clicks]
    parted = _Components(objects)
    base = how.necks(objects.spacing)
    tried = []
    for smooth, depth in product(_SMOOTH, _DEPTH):
        necks = Necks(base.spacing, base.smooth * smooth, base.depth * depth)
        met = sum(
            parted.is_kept(at[0], int(number[0]), necks)
            if len(at) == 1
            else parted.is_apart(at, necks)
            for at, number in zip(places, numbers, strict=True)
        )
        tried.append((met, necks, abs(np.log2(smooth)) + abs(np.log2(depth))))
    best = max(met for met, _, _ in tried)
    equal = [(necks, far) for met, necks, far in tried if met == best]
    changes = [parted.change_of_count(necks) if len(equal) > 1 else 0 for necks, _ in equal]
    at = min(range(len(equal)), key=lambda i: (changes[i], equal[i][1]))
    chosen = equal[at][0]
    told = replace(how, smooth=chosen.smooth, depth=chosen.depth)
    return ClickFit(told, best, len(clicks))


def _pixels(objects: Objects, points: Sequence[Point]) -> Ints:
    axes = len(objects.spacing.size)
    if any(len(point) != axes or not np.isfinite(point).all() for point in points):
        raise MeasurementError(f"a point has {axes} numbers here; give pixels along each axis")
    return np.floor(np.array(points, np.float64).reshape(-1, axes) + 0.5).astype(np.int64)


def _at(objects: Objects, points: Sequence[Point]) -> Ints:
    """(point,) the object at each, 0 beside all."""
    at = _pixels(objects, points)
    inside = ((at >= 0) & (at < np.array(objects.ids.shape))).all(1)
    found = np.zeros(len(at), np.int64)
    found[inside] = [int(objects.ids[tuple(place)]) for place in at[inside].tolist()]
    return found


class _Components:
    """Components of the objects' pixels, class by class, taken apart when asked, once for each."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._parts: dict[tuple[int, Necks], tuple[NDArray[Any], int]] = {}
        self._found = np.zeros(objects.ids.shape, np.int32)
        count = 0
        for value in np.unique(objects.class_of).tolist():
            mask = np.isin(objects.ids, objects.numbers[objects.class_of == value])
            components, more = ndimage.label(mask)
            np.add(self._found, components + count, out=self._found, where=mask)
            count += more
        self._boxes = ndimage.find_objects(self._found)

    def is_kept(self, place: Ints, number: int, necks: Necks) -> bool:
        """Whether the part at a pixel is that object."""
        own, parts, box = self._of(place, necks)
        part = parts == own
        object_there = np.asarray(self._objects.ids[box]) == number
        common = np.count_nonzero(part & object_there)
        size = int(self._objects.runs.of([number]).pixels[0])
        return bool(common >= _KEPT_IOU * (np.count_nonzero(part) + size - common))

    def is_apart(self, places: Ints, necks: Necks) -> bool:
        """Whether pixels lie on different parts."""
        components = [int(self._found[tuple(place)]) for place in places.tolist()]
        owns = [self._of(place, necks)[0] for place in places]
        return len(set(zip(components, owns, strict=True))) == len(places)

    def change_of_count(self, necks: Necks) -> int:
        """How many objects there would be more or fewer, in some of the components."""
        step = max(1, len(self._boxes) // _COUNTED)
        change = 0
        for component in range(1, len(self._boxes) + 1, step):
            box = self._boxes[component - 1]
            there = self._objects.ids[box][self._found[box] == component]
            change += self._apart(component, necks)[1] - len(np.unique(there))
        return abs(change)

    def _of(self, place: Ints, necks: Necks) -> tuple[int, NDArray[Any], tuple[slice, ...]]:
        component = int(self._found[tuple(place)])
        box = self._boxes[component - 1]
        parts = self._apart(component, necks)[0]
        own = parts[tuple(at - side.start for at, side in zip(place.tolist(), box, strict=True))]
        return int(own), parts, box

    def _apart(self, component: int, necks: Necks) -> tuple[NDArray[Any], int]:
        key = (component, necks)
        if key not in self._parts:
            box = self._boxes[component - 1]
            shape: tuple[int, ...] = self._found.shape
            sides = [(s.start == 0, s.stop == end) for s, end in zip(box, shape, strict=True)]
            one = apart(self._found[box] == component, necks, sides)
            self._parts[key] = one.parts, len(one.doubt)
        return self._parts[key]
