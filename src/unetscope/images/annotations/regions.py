"""The common form of files that list outlines: regions, taken from labels and painted as labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import AnnotationError
from unetscope.images.annotations.edges import Placed
from unetscope.images.annotations.values import (
    AnnotatedClass,
    Annotations,
    ClassLike,
    ClassTable,
    as_annotations,
)

_MOST_PIXELS = 2**30
_MOST_PIXELS_PER_IMAGE = 16


@dataclass(frozen=True, eq=False)
class Region:
    """Pixels of one class on one plane.

    ``mask`` (y, x) is cut to the region, whose first pixel is ``corner`` (y, x) on plane ``z``.
    ``value`` is the label value a file proposes for its class; ``number`` tells the object, 0 where
    it is none, and None where the file says nothing about it.
    """

    name: str | None
    corner: tuple[int, int]
    mask: NDArray[np.bool_]
    z: int = 0
    color: str | None = None
    value: int | None = None
    number: int | None = None

    @property
    def placed(self) -> Placed:
        """The mask in its place."""
        return self.corner, self.mask

    @classmethod
    def of(cls, named: AnnotatedClass, placed: Placed, z: int, number: int | None) -> Region:
        """A region of the class ``named``."""
        return cls(named.name, placed[0], placed[1], z, named.color, named.value, number)


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
    from scipy import ndimage  # here, or the panel would open later

    return (placed for _, placed in _objects(ndimage.label(inside)[0]))


def _objects(numbers: NDArray[Any]) -> Iterator[tuple[int, Placed]]:
    """Number and mask of each object of an image of numbers (y, x)."""
    found = np.arange(1, int(numbers.max()) + 1) if numbers.max() < numbers.size else None
    if found is None:  # a list as long as the largest number would be longer than the image
        found, numbers = np.unique(numbers, return_inverse=True)
        numbers = numbers + (0 if found[0] == 0 else 1)
        found = found[found > 0]
    from scipy import ndimage

    for place, box in enumerate(ndimage.find_objects(numbers.astype(np.int64, copy=False)), 1):
        if box is not None:
            yield int(found[place - 1]), ((box[0].start, box[1].start), numbers[box] == place)


def painted(
    regions: Iterable[Region],
    image_shape: tuple[int, ...],
    classes: Iterable[ClassLike] | None = None,
    notes: Iterable[str] = (),
) -> Annotations:
    """Labels of all regions; where some overlap, the smaller one lies on top.

    Parameters
    ----------
    regions
        Parts outside the image are cut off.
    image_shape
        (y, x) or (z, y, x).
    classes
        The class table that names are looked up in; names it lacks are added.
    notes
        What is to be told besides.

    Raises
    ------
    AnnotationError
        If nothing lies inside the image, or the regions are so large that memory would not do.
    """
    shape = image_shape if len(image_shape) == 3 else (1, *image_shape)
    canvas = _Canvas(shape, ClassTable(classes))
    kept = _bounded(regions, shape)
    for number, region in enumerate(sorted(kept, key=lambda r: -int(r.mask.sum())), start=1):
        canvas.paint(region, number)
    if kept and not canvas.painted:
        raise AnnotationError(
            f"none of the {len(kept)} regions lies inside the image, whose shape is "
            f"{tuple(image_shape)}; choose the annotations of this image"
        )
    return as_annotations(
        canvas.labels.reshape(image_shape),
        canvas.table.classes,
        canvas.objects.reshape(image_shape),
        [*notes, *canvas.notes()],
    )


def _bounded(regions: Iterable[Region], shape: tuple[int, ...]) -> list[Region]:
    """All regions as a list, unless they hold more pixels than memory should."""
    most = max(_MOST_PIXELS, _MOST_PIXELS_PER_IMAGE * int(np.prod(shape)))
    kept: list[Region] = []
    total = 0
    for region in regions:
        total += region.mask.size
        if total > most:
            raise AnnotationError(
                f"the first {len(kept) + 1} regions span {total} pixels of an image of shape "
                f"{shape}, as they cover it many times; export fewer of them"
            )
        kept.append(region)
    return kept


class _Canvas:
    """Label image and object numbers (z, y, x) while regions are painted onto them."""

    def __init__(self, shape: tuple[int, ...], table: ClassTable) -> None:
        self.labels = np.zeros(shape, np.uint16)
        self.objects = np.zeros(shape, np.uint32)
        self.table = table
        self.painted = self._cut = self._overlapping = 0

    def paint(self, region: Region, number: int) -> None:
        depth, height, width = self.labels.shape
        top, left = region.corner
        y, x = max(0, top), max(0, left)
        bottom = min(height, top + region.mask.shape[0])
        right = min(width, left + region.mask.shape[1])
        inside = region.mask[y - top : max(y, bottom) - top, x - left : max(x, right) - left]
        if not 0 <= region.z < depth:
            inside = inside[:0]
        self._cut += int(inside.sum()) < int(region.mask.sum())
        if not inside.any():
            return
        self.painted += 1
        place = (region.z, slice(y, bottom), slice(x, right))
        value = self.table.value_of(region.name, region.color, region.value)
        self._overlapping += bool((self.labels[place][inside] != 0).any())
        self.labels[place][inside] = value
        self.objects[place][inside] = number if region.number is None else region.number

    def notes(self) -> list[str]:
        """What happened while painting, in words."""
        said = []
        if self._cut:
            said.append(f"{self._cut} regions reach beyond the image and were cut off there")
        if self._overlapping:
            said.append(f"{self._overlapping} regions overlap larger ones and lie on top of them")
        if self.table.added:
            named = ", ".join(self.table.added[:10]) + (" …" if len(self.table.added) > 10 else "")
            said.append(f"{len(self.table.added)} classes are new: {named}")
        return said
