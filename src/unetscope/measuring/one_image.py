"""One image measured, from its labels to all that is told of it: one way for window and scripts.

What is asked for (:class:`Wanted`) is the same for all images of a batch; what is looked at
(:class:`SegmentedImage`) is one image. :func:`objects_in` finds the objects, which a person may
then correct, and :func:`measure_image` measures them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import MeasurementError
from unetscope.images.micrograph import Micrograph
from unetscope.measuring.columns import USUAL, Extras
from unetscope.measuring.fibre_width import check_square_plane, fibres_of
from unetscope.measuring.grain_size import (
    Intercepts,
    check_plane_of_known_size,
    intercepts_of,
)
from unetscope.measuring.line_length import line_lengths
from unetscope.measuring.object_table import measure
from unetscope.measuring.objects import Objects, Separation, given_objects, objects_of
from unetscope.measuring.phase_fraction import share_of
from unetscope.measuring.populations import EDGE_WORDS, EdgeRule
from unetscope.measuring.quantities import Spacing
from unetscope.measuring.summary import Measured, Seen


@dataclass(frozen=True)
class Wanted:
    """What is measured, and how.

    Attributes
    ----------
    classes
        The classes that are measured.
    separation
        How objects are found in their pixels; its own ``classes`` are not looked at. Objects that
        are numbered already are taken as they are where it asks for components alone.
    edge
        What is done with objects at the edge.
    grain_size, fibre_width
        Whether those are told, too: in planes of a known pixel size, and of square pixels.
    extras
        Which columns are measured besides the usual ones.
    """

    classes: tuple[int, ...]
    separation: Separation = field(default_factory=Separation)
    edge: EdgeRule = "weight"
    grain_size: bool = False
    fibre_width: bool = False
    extras: Extras = USUAL

    def __post_init__(self) -> None:
        if self.edge not in EDGE_WORDS:
            raise MeasurementError(
                f"objects at the edge are told to weight, drop or keep, not to {self.edge!r}"
            )


@dataclass(frozen=True, eq=False)
class SegmentedImage:
    """One image to be measured.

    Attributes
    ----------
    name
        Its name in tables.
    labels
        (y, x) or (z, y, x) whole numbers, the class of each pixel, 0 = none.
    numbers
        The same shape, the number of the object at each pixel, where objects are told apart
        already; None where they are not.
    image
        Gives grey values.
    region
        The same shape, True where pixels count.
    group
        The specimen or session that it belongs to; "" where none was told.
    """

    name: str
    labels: NDArray[Any]
    spacing: Spacing
    numbers: NDArray[Any] | None = None
    image: Micrograph | None = None
    region: NDArray[np.bool_] | None = None
    group: str = ""

    @property
    def pixels(self) -> int:
        """How many pixels count."""
        return self.labels.size if self.region is None else int(np.count_nonzero(self.region))


def objects_in(segmented: SegmentedImage, wanted: Wanted) -> Objects:
    """Find the objects of an image; ``how`` of them is None where they were numbered already.

    Raises
    ------
    MeasurementError
        If labels, numbers, spacing or region do not fit each other.
    """
    how, region = replace(wanted.separation, classes=wanted.classes), segmented.region
    if segmented.numbers is None or how.by != "components":
        return objects_of(segmented.labels, segmented.spacing, how, region)
    numbers = segmented.numbers if region is None else np.where(region, segmented.numbers, 0)
    return given_objects(numbers, segmented.spacing, segmented.labels, how.smallest or 0.0)


def measure_image(
    segmented: SegmentedImage, wanted: Wanted, objects: Objects | None = None
) -> Measured:
    """Measure one image; ``objects`` are those of :func:`objects_in`, as found or as corrected.

    Raises
    ------
    MeasurementError
        If something does not fit, or what is wanted cannot be had of this image.
    """
    spacing, labels, region = segmented.spacing, segmented.labels, segmented.region
    if wanted.grain_size:
        check_plane_of_known_size(spacing)
    if wanted.fibre_width:
        check_square_plane(spacing)
    objects = objects_in(segmented, wanted) if objects is None else objects
    table = measure(objects, segmented.image, region, wanted.extras)
    kept = np.isin(table.columns["class"], wanted.classes)
    classes = wanted.classes
    thin = classes if wanted.fibre_width else ()
    seen = Seen(
        shares={v: share_of(labels == v, spacing, region) for v in classes},
        pixels=segmented.pixels,
        count_range=objects.count_range,
        dropped=objects.dropped,
        intercepts={v: _crossed(objects, v) for v in classes if wanted.grain_size},
        fibres={v: fibres_of(labels == v, spacing, region) for v in thin},
        lines={v: line_lengths(labels == v, spacing, region) for v in thin},
    )
    return Measured(segmented.name, table.where(kept), seen, segmented.group)


def _crossed(objects: Objects, value: int) -> Intercepts:
    """What lines meet of the grains of one class."""
    grains = objects.numbers[objects.class_of == value]
    return intercepts_of(np.where(np.isin(objects.ids, grains), objects.ids, 0), objects.spacing)
