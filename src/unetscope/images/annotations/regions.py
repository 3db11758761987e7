"""The common form of files that list outlines: regions, taken from labels and painted as labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from unetscope.images.annotations.edges import Placed
from unetscope.images.annotations.values import (
    UNNAMED,
    Annotations,
    ClassTable,
    as_annotations,
    harmless,
)
from unetscope.images.classes import LabelClass


@dataclass(frozen=True, eq=False)
class Region:
    """Pixels of one class on one plane.

    ``mask`` (y, x) is cut to the region, whose first pixel is ``corner`` (y, x) on plane ``z``.
    ``value`` is the label value a file proposes for its class; ``number`` tells the object, 0 where
    it is none, and None where the file says nothing about it. ``beyond`` tells that more of it lies
    outside of the plane.
    """

    name: str | None
    corner: tuple[int, int]
    mask: NDArray[np.bool_]
    z: int = 0
    color: str | None = None
    value: int | None = None
    number: int | None = None
    beyond: bool = False

    @property
    def placed(self) -> Placed:
        """The mask in its place."""
        return self.corner, self.mask

    @classmethod
    def of(cls, named: LabelClass, placed: Placed, z: int, number: int | None) -> Region:
        """A region of the class ``named``."""
        return cls(harmless(named.name), placed[0], placed[1], z, named.color, named.value, number)


def regions_of(annotations: Annotations) -> Iterator[Region]:
    """Each object on each plane, or each connected piece where objects are not told apart."""
    labels = annotations.labels
    planes = labels.reshape(-1, *labels.shape[-2:])
    objects = annotations.instances
    told = None if objects is None else objects.reshape(planes.shape)
    for z, plane in enumerate(planes):
        for named in annotations.classes:
            inside = plane == named.value
            if not inside.any():
                continue
            if told is None:
                for placed in _pieces(inside):
                    yield Region.of(named, placed, z, None)
                continue
            numbers = np.where(inside, told[z], 0)
            for number, placed in _objects(numbers):
                yield Region.of(named, placed, z, number)
            for placed in _pieces(inside & (numbers == 0)):
                yield Region.of(named, placed, z, 0)


def _pieces(inside: NDArray[np.bool_]) -> Iterator[Placed]:
    return (placed for _, placed in _objects(scipy.ndimage.label(inside)[0]))


def _objects(numbers: NDArray[Any]) -> Iterator[tuple[int, Placed]]:
    """Number and mask of each object of an image of numbers (y, x)."""
    found = np.arange(1, int(numbers.max()) + 1) if numbers.max() < numbers.size else None
    if found is None:  # a list as long as the largest number would be longer than the image
        found, numbers = np.unique(numbers, return_inverse=True)
        numbers = numbers + (0 if found[0] == 0 else 1)
        found = found[found > 0]
    for place, box in enumerate(
        scipy.ndimage.find_objects(numbers.astype(np.int64, copy=False)), 1
    ):
        if box is not None:
            yield int(found[place - 1]), ((box[0].start, box[1].start), numbers[box] == place)


def painted(
    regions: Sequence[Region],
    image_shape: tuple[int, ...],
    classes: Iterable[LabelClass] | None = None,
    notes: Iterable[str] = (),
) -> Annotations:
    """Labels of all regions; where some overlap, the smaller one lies on top.

    Parameters
    ----------
    regions
        Inside the image, on planes that it has.
    image_shape
        (y, x) or (z, y, x).
    classes
        The class table that names are looked up in; names it lacks are added.
    notes
        What is to be told besides.
    """
    shape = image_shape if len(image_shape) == 3 else (1, *image_shape)
    canvas = _Canvas(shape, ClassTable(classes))
    canvas.table.expect(region.name for region in regions)
    told_numbers = {region.number for region in regions}
    free = (number for number in count(1) if number not in told_numbers)
    for region in sorted(regions, key=lambda region: -np.count_nonzero(region.mask)):
        canvas.paint(region, next(free) if region.number is None else region.number)
    nameless = sum(region.name is None and not region.value for region in regions)
    say = "says no class and is" if nameless == 1 else "say no class and are"
    told = [f"{nameless:,} of {len(regions):,} {say} {UNNAMED!r}"] * bool(nameless)
    return as_annotations(
        canvas.labels.reshape(image_shape),
        canvas.table.classes,
        canvas.objects.reshape(image_shape),
        [*notes, *told, *canvas.notes()],
    )


class _Canvas:
    """Label image and object numbers (z, y, x) while regions are painted onto them."""

    def __init__(self, shape: tuple[int, ...], table: ClassTable) -> None:
        self.labels = np.zeros(shape, np.uint16)
        self.objects = np.zeros(shape, np.uint32)
        self.table = table
        self._overlapping = self._count = 0

    def paint(self, region: Region, number: int) -> None:
        (top, left), (height, width) = region.corner, region.mask.shape
        place = (region.z, slice(top, top + height), slice(left, left + width))
        value = self.table.value_of(region.name, region.color, region.value)
        labels, inside = self.labels[place], region.mask
        self._count += 1
        self._overlapping += bool((labels.astype(bool) & inside).any())
        np.copyto(labels, value, where=inside)
        np.copyto(self.objects[place], np.uint32(number), where=inside)

    def notes(self) -> list[str]:
        """What happened while painting, in words."""
        said = []
        if self._overlapping:
            overlap = (
                "overlaps a larger one and lies"
                if self._overlapping == 1
                else ("overlap larger ones and lie")
            )
            said.append(f"{self._overlapping:,} of {self._count:,} regions {overlap} on top")
        return [*said, *self.table.notes()]
