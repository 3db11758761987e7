"""From classes to objects: components, taken apart by shape or by a painted border class.

Steps, each in this order: what lies outside the region is cleared, holes are filled, components are
found (pixels that share a side), taken apart, get their border back, the smallest are dropped, and
the rest is numbered in the order of their first pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from unetscope.errors import MeasurementError
from unetscope.measuring.apart import Apart, Necks, apart
from unetscope.measuring.pixel_runs import Floats, Ints, Runs, bands, runs_of
from unetscope.measuring.quantities import Spacing

By = Literal["components", "shape", "border"]
#: Objects of fewer pixels are noise unless a person says otherwise: a disk of 5 pixels across.
SMALLEST_PX = 20
#: Smoothing and depth in pixels where no typical size is known, and as part of one that is:
#: measured on true masks of nuclei and particles (docs/measure.md); deeper ones join.
USUAL_PX = 1.0
_OF_TYPICAL = 1 / 24
#: Pieces within a border that are less across than this part of the typical size are noise.
_SPECK = 1 / 4
MOST_OBJECTS = 2**32 - 1


@dataclass(frozen=True)
class Separation:
    """How objects are found; lengths, areas and volumes in the unit of the image.

    Attributes
    ----------
    by
        "components"; "shape" also parts them at necks; "border" gives the pixels of the class
        ``border`` back to the objects that they part, after these are parted at necks where a
        typical size is told: a border has gaps.
    classes
        Which classes are measured; all but the border where empty.
    typical
        Diameter of a good object: hills smoothed and parted by 1/24 of it, at least a pixel.
    smooth, depth
        Smoothing and depth of necks where they are not to follow the typical size.
    smallest
        Area (volume) of the smallest object; :data:`SMALLEST_PX` pixels where None.
    holes
        Area (volume) of the largest hole that is filled.
    """

    by: By = "components"
    classes: tuple[int, ...] = ()
    typical: float | None = None
    border: int | None = None
    smallest: float | None = None
    holes: float = 0.0
    smooth: float | None = None
    depth: float | None = None

    def __post_init__(self) -> None:
        if self.by not in ("components", "shape", "border"):
            raise MeasurementError(
                f"objects are told apart by components, shape or border, not by {self.by!r}"
            )
        if (self.by == "border") != (self.border is not None):
            raise MeasurementError(
                "a border class and telling objects apart by border belong together; give both"
            )
        if self.border is not None and self.border in self.classes:
            raise MeasurementError(f"class {self.border} cannot be border and object at once")
        for name in ("typical", "smallest", "holes", "smooth", "depth"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value >= 0):
                raise MeasurementError(f"{name} is {value}; give a length or area of 0 or more")
        if self.typical == 0:
            raise MeasurementError("a typical size of 0 parts nothing; give a diameter")
        if self.depth == 0:
            raise MeasurementError("a depth of 0 parts at every pixel; give a length")

    def necks(self, spacing: Spacing) -> Necks:
        """Smoothing and depth for an image of this spacing."""
        pixel = min(spacing.size)
        length = USUAL_PX * pixel if self.typical is None else self.typical * _OF_TYPICAL
        usual = max(length, pixel)
        smooth = usual if self.smooth is None else self.smooth
        return Necks(spacing.size, smooth, usual if self.depth is None else self.depth)

    @property
    def at_necks(self) -> bool:
        """Whether components are parted at necks."""
        return self.by == "shape" or (self.by == "border" and self.typical is not None)

    def smallest_px(self, spacing: Spacing) -> float:
        """The fewest pixels that an object has."""
        return SMALLEST_PX if self.smallest is None else self.smallest / spacing.cell

    def speck_px(self, spacing: Spacing) -> float:
        """Of how many pixels a piece within a border has to be to get a share of the border."""
        fewest = self.smallest_px(spacing)
        if self.smallest is not None or self.typical is None:
            return fewest
        axes = len(spacing.size)
        ball = {2: np.pi / 4, 3: np.pi / 6}[axes] * (self.typical * _SPECK) ** axes
        return float(max(fewest, ball / spacing.cell))


@dataclass(frozen=True, eq=False)
class Objects:
    """Objects of one image.

    Attributes
    ----------
    ids
        (y, x) or (z, y, x), the number of the object at each pixel, 0 where there is none.
    numbers, class_of, doubt
        (object,) the numbers in increasing order, their classes, and how near the telling apart was
        to another decision, 0 to 1 (:class:`~unetscope.measuring.apart.Apart`).
    count_range
        How many objects there would be at twice and at half the depth of necks.
    dropped
        How many were left out as smaller than the smallest.
    how
        None where the objects were given.
    largest
        The largest number that an object had before objects were joined, split or dropped.
    """

    ids: NDArray[Any]
    numbers: Ints
    class_of: Ints
    doubt: Floats
    spacing: Spacing
    count_range: tuple[int, int]
    dropped: int = 0
    how: Separation | None = None
    notes: tuple[str, ...] = field(default=())
    largest: int = 0

    @cached_property
    def runs(self) -> Runs:
        """The pixels of each object; ``ids`` are not to be changed from here on."""
        return runs_of(self.ids)

    @property
    def next_number(self) -> int:
        """A number that no object had before."""
        return max(self.largest, int(self.numbers[-1]) if len(self.numbers) else 0) + 1


def objects_of(
    labels: NDArray[Any],
    spacing: Spacing,
    how: Separation | None = None,
    region: NDArray[np.bool_] | None = None,
) -> Objects:
    """Find the objects in a label image (y, x) or (z, y, x) of whole numbers, 0 = no class.

    ``region`` is True where pixels count (a region of interest; the bar with the scale left out).

    Raises
    ------
    MeasurementError
        If the labels are no whole numbers, or spacing or region do not have their axes.
    """
    how = how or Separation()
    labels = _checked(labels, spacing, region)
    if region is not None:
        labels = np.where(region, labels, 0)
    values = _values(labels)
    classes = how.classes or tuple(v for v in values if v != how.border)
    found = _found(labels, spacing, how, classes, [(True, True)] * labels.ndim)
    return _numbered(found, spacing, how)


def parts_of(
    component: NDArray[Any], spacing: Spacing, how: Separation, sides: Sequence[Any]
) -> FoundParts:
    """The objects in one component (of classes that touch, with its border) in its own box.

    ``sides`` (axis, 2) says at which sides of the box the image ends.
    """
    classes = how.classes or tuple(v for v in _values(component) if v != how.border)
    return _found(component, spacing, how, classes, sides)


def _found(
    labels: NDArray[Any],
    spacing: Spacing,
    how: Separation,
    classes: Sequence[int],
    sides: Sequence[Any],
) -> FoundParts:
    kept = (*classes, how.border) if how.border is not None else classes
    found = FoundParts(np.zeros(labels.shape, np.uint32), sides)
    for value in classes:
        mask = labels == value
        if how.holes:
            fill_holes(mask, how.holes / spacing.cell, np.isin(labels, kept))
        found.add(value, mask, how.necks(spacing) if how.at_necks else None)
    if how.border is not None:
        border = labels == how.border
        found.merge_specks(border, how.speck_px(spacing))
        give_back(found.ids, border, spacing)
    return found


def given_objects(
    ids: NDArray[Any], spacing: Spacing, labels: NDArray[Any] | None = None, smallest: float = 0.0
) -> Objects:
    """Objects that are told apart already; their numbers are kept, with gaps as large as they are.

    ``labels`` are the classes of the same pixels: an object is of the class of its first pixel, of
    class 1 where nobody says. Those of an area (volume) below ``smallest`` are left out.

    Raises
    ------
    MeasurementError
        If the numbers are no whole numbers from 0 to 2³² − 1.
    """
    if isinstance(ids, np.ndarray):
        ids = _checked(ids, spacing, None).astype(np.uint32, copy=False)
    else:  # it lies elsewhere, and is looked at band by band
        _check_kind(ids, spacing)
    runs = runs_of(ids)
    if runs.count and not (runs.numbers[0] > 0 and runs.numbers[-1] <= MOST_OBJECTS):
        raise _out_of_range(runs.numbers[0], runs.numbers[-1])
    large = runs.pixels * spacing.cell >= smallest
    if not large.all():
        ids = np.where(np.isin(ids, runs.numbers[large]), ids, 0)
    begin = runs.first[:-1][large]
    kinds = np.ones(len(begin), np.int64)
    if labels is not None:
        flat = labels.reshape(-1, labels.shape[-1])
        kinds = flat[runs.line[begin], runs.start[begin]].astype(np.int64)
    count = len(begin)
    return Objects(
        ids, runs.numbers[large], kinds, np.zeros(count), spacing, (count, count),
        int(np.count_nonzero(~large)),
    )  # fmt: skip


class FoundParts:
    """Objects as they are found, class by class, in the order of finding.

    ``sides`` (axis, 2) says at which sides of the pixels the image ends.
    """

    def __init__(self, ids: NDArray[np.uint32], sides: Sequence[Any]) -> None:
        self.ids = ids
        self._sides = sides
        self.class_of: list[int] = []
        self.doubt: list[float] = []
        self.less, self.more = 0, 0  # how many objects fewer and more there might be

    def add(self, value: int, mask: NDArray[np.bool_], necks: Necks | None) -> None:
        """Put the components of ``mask`` in, taken apart where ``necks`` say how."""
        components, count = ndimage.label(mask)
        if necks is None:
            self._take(value, np.zeros(count))
            np.add(self.ids, components + (len(self.class_of) - count), out=self.ids,
                   where=mask, casting="unsafe")  # fmt: skip
            return
        for number, box in enumerate(ndimage.find_objects(components), start=1):
            component = components[box] == number
            ends = [
                (s.start == 0 and low, s.stop == n and high)
                for s, n, (low, high) in zip(box, mask.shape, self._sides, strict=True)
            ]
            one = apart(component, necks, ends)
            into = self.ids[box]
            into[component] = one.parts[component] + np.uint32(len(self.class_of))
            self._take(value, one.doubt)
            self._count(one)

    def merge_specks(self, border: NDArray[np.bool_], fewest_px: float) -> None:
        """Make border of pieces of fewer pixels where a larger one is near to take them.

        They are noise of the border, and would grow with their share of it. Both change in place.
        """
        runs = runs_of(self.ids)
        small = runs.pixels < fewest_px
        zone = ndimage.label((self.ids > 0) | border)[0].reshape(-1, self.ids.shape[-1])
        begin = runs.first[:-1]
        home = zone[runs.line[begin], runs.start[begin]]
        kept = runs.numbers[~small | ~np.isin(home, home[~small])]
        number = np.zeros(len(self.class_of) + 1, np.uint32)
        number[kept] = np.arange(1, len(kept) + 1)
        renumbered = number[self.ids]
        border |= (self.ids > 0) & (renumbered == 0)
        self.ids[...] = renumbered
        self.class_of = [self.class_of[old - 1] for old in kept]
        self.doubt = [self.doubt[old - 1] for old in kept]

    def _take(self, value: int, doubt: Floats) -> None:
        self.class_of += [value] * len(doubt)
        self.doubt += doubt.tolist()

    def _count(self, one: Apart) -> None:
        self.less += len(one.doubt) - min(one.fewest, len(one.doubt))
        self.more += max(one.most, len(one.doubt)) - len(one.doubt)


def fill_holes(
    mask: NDArray[np.bool_], largest_px: float, blocked: NDArray[np.bool_] | None = None
) -> None:
    """Fill holes of at most ``largest_px`` pixels in place.

    A hole does not reach the edge of the image, and holds no pixel that is ``blocked``: those of
    other objects. Pixels of a hole touch at corners, too, as those of objects do not.
    """
    outside, count = ndimage.label(~mask, np.ones((3,) * mask.ndim))
    if not count:
        return
    fill = np.bincount(outside.ravel(), minlength=count + 1) <= largest_px
    fill[0] = False
    for axis, size in enumerate(mask.shape):
        if size > 1:
            fill[np.unique(outside.take([0, -1], axis))] = False
    if blocked is not None:
        fill[np.unique(outside[blocked & ~mask])] = False
    mask |= fill[outside]


def give_back(ids: NDArray[np.uint32], border: NDArray[np.bool_], spacing: Spacing) -> None:
    """Give each pixel of a border to the object that is nearest on the way through it, in place.

    The lines lie in the middle of the border; border that touches no object is left. Components
    of objects and border are looked at one by one.
    """
    zone, _ = ndimage.label((ids > 0) | border)
    for number, box in enumerate(ndimage.find_objects(zone), start=1):
        inside = zone[box] == number
        own = np.where(inside, ids[box], 0)
        if not own.any() or not (inside & border[box]).any():
            continue
        seeds, at = np.unique(own, return_inverse=True)
        first = 0 if seeds[0] == 0 else 1
        markers = at.reshape(own.shape).astype(np.int32) + first
        distance = ndimage.distance_transform_edt(own == 0, sampling=spacing.size)
        flooded = watershed(distance, markers, mask=inside)
        ids[box][inside] = seeds[flooded[inside] - first]


def _numbered(found: FoundParts, spacing: Spacing, how: Separation) -> Objects:
    """Without what is too small, numbered in the order of the first pixels."""
    runs = runs_of(found.ids)
    first = runs.first[:-1]
    begin = runs.line[first].astype(np.int64) * found.ids.shape[-1] + runs.start[first]
    large = runs.pixels >= how.smallest_px(spacing)
    order = np.argsort(np.where(large, begin, np.iinfo(np.int64).max), kind="stable")
    old = runs.numbers[order[: np.count_nonzero(large)]]
    into = np.zeros(len(found.class_of) + 1, np.uint32)
    into[old] = np.arange(1, len(old) + 1)
    for _, band in bands(found.ids):
        band[...] = into[band]
    count = len(old)
    return Objects(
        ids=found.ids,
        numbers=np.arange(1, count + 1),
        class_of=np.array(found.class_of, np.int64)[old - 1],
        doubt=np.array(found.doubt)[old - 1],
        spacing=spacing,
        count_range=(max(count - found.less, min(count, 1)), count + found.more),
        dropped=int(np.count_nonzero(~large)),
        how=how,
    )


def _values(labels: NDArray[Any]) -> tuple[int, ...]:
    found: set[int] = set()
    for _, band in bands(labels):
        found |= set(np.unique(band).tolist())
    return tuple(sorted(found - {0}))


def _checked(
    labels: NDArray[Any], spacing: Spacing, region: NDArray[np.bool_] | None
) -> NDArray[Any]:
    labels = np.asarray(labels)
    if labels.dtype == bool:
        labels = labels.astype(np.uint8)
    _check_kind(labels, spacing)
    if region is not None and region.shape != labels.shape:
        raise MeasurementError(
            f"the region has the shape {region.shape}, the labels {labels.shape}; "
            "give both for the same image"
        )
    if labels.min() < 0 or labels.max() > MOST_OBJECTS:
        raise _out_of_range(labels.min(), labels.max())
    return np.ascontiguousarray(labels)


def _check_kind(labels: Any, spacing: Spacing) -> None:
    if labels.ndim not in (2, 3) or labels.dtype.kind not in "ui" or not labels.size:
        raise MeasurementError(
            f"labels of shape {labels.shape} and dtype {labels.dtype} are no class numbers in "
            "(y, x) or (z, y, x); give whole numbers"
        )
    if len(spacing.size) != labels.ndim:
        raise MeasurementError(
            f"a pixel size of {len(spacing.size)} axes does not fit labels of {labels.ndim}; "
            "give one length for each axis"
        )


def _out_of_range(least: int, most: int) -> MeasurementError:
    return MeasurementError(f"labels reach from {least} to {most}; give numbers from 0 to 2³² - 1")
