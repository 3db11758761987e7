"""Objects are found and measured: for a worker, which loads what measures.

A job gets copies and yields what is being done, then what was found. The numbers are those of
:func:`unetscope.measuring.one_image.measure_image`, the one way for window and command line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import pi
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import MeasurementError
from unetscope.images.micrograph import Micrograph
from unetscope.looking.answers import Working
from unetscope.measuring.objects import Separation
from unetscope.measuring.one_image import SegmentedImage, Wanted, measure_image, objects_in
from unetscope.measuring.quantities import Spacing, spacing_of
from unetscope.measuring.summary import class_quantities
from unetscope.session.measuring.measure_state import FoundObjects, LabelKind, LabelSource, Wish

_STEPS = 3


@dataclass(frozen=True, eq=False)
class FindRequest:
    """Find the objects of an image in ``labels`` and measure them.

    ``labels`` and ``region`` (True where pixels count) are of the shape of the image;
    ``class_name`` is what the class that is wished for is called.
    """

    image: str
    micrograph: Micrograph = field(repr=False)
    source: LabelSource
    labels: NDArray[Any] = field(repr=False)
    wish: Wish
    class_name: str
    region: NDArray[np.bool_] | None = field(default=None, repr=False)


def find(request: FindRequest) -> Iterator[Working | FoundObjects]:
    """Find objects, measure them, and tell their numbers last, for intervals take longest.

    Raises
    ------
    MeasurementError
        If the image is not answered as a whole, or something does not fit.
    """
    yield Working("Finding objects", 0, _STEPS)
    if request.source.kind is LabelKind.ANSWER:
        check_answered(request.labels)
    segmented = segmented_of(request)
    wanted = wanted_of(request.wish, segmented.spacing)
    objects = objects_in(segmented, wanted)
    yield Working("Measuring them", 1, _STEPS)
    measured = measure_image(segmented, wanted, objects)
    found = FoundObjects(
        request.image, request.source, request.wish, wanted, segmented, objects, measured
    )
    yield found
    yield Working("Computing intervals", 2, _STEPS)
    yield told(found, request.class_name)


def told(found: FoundObjects, class_name: str) -> FoundObjects:
    """With the numbers of the class, each with its interval or why there is none."""
    value, edge = found.wish.value, found.wanted.edge
    numbers = class_quantities([found.measured], value, class_name, edge)
    return replace(found, quantities=numbers)


def check_answered(labels: NDArray[Any]) -> None:
    """Refuse an answer that is not there yet in places.

    Raises
    ------
    MeasurementError
        If pixels have no answer.
    """
    answered = np.count_nonzero(labels)
    if answered == labels.size:
        return
    what = f"{answered / labels.size:.0%} of the image"
    if labels.ndim == 3:
        planes = np.count_nonzero(labels.reshape(len(labels), -1).all(axis=1))
        what = f"{planes} of {len(labels)} planes"
    raise MeasurementError(
        f"only {what} is answered so far; press Predict in the panel Paint, train, predict, then "
        "find objects"
    )


def segmented_of(request: FindRequest) -> SegmentedImage:
    """What is measured: classes, and numbers where objects are told apart already."""
    image = request.micrograph
    spacing = spacing_of(image.pixel_size, image.unit, len(image.spatial_shape))
    if request.source.kind is not LabelKind.OBJECTS:
        return SegmentedImage(image.name, request.labels, spacing, None, image, request.region)
    classes = np.where(request.labels > 0, request.wish.value, 0)
    numbers = request.labels if request.wish.apart == "numbered" else None
    return SegmentedImage(image.name, classes, spacing, numbers, image, request.region)


def wanted_of(wish: Wish, spacing: Spacing) -> Wanted:
    """A wish as the engine takes it."""
    by: Literal["components", "shape", "border"] = (
        "components" if wish.apart == "numbered" else wish.apart
    )
    axes = len(spacing.size)
    smallest = None if wish.smallest is None else extent_of(wish.smallest, axes)
    how = Separation(
        by=by,
        typical=wish.typical if by == "shape" else None,
        border=wish.border if by == "border" else None,
        smallest=smallest,
        holes=0.0 if wish.holes is None else extent_of(wish.holes, axes),
    )
    return Wanted((wish.value,), how, wish.edge, wish.grain_size, wish.fibre_width)


def extent_of(diameter: float, axes: int) -> float:
    """The area of a disk, or the volume of a ball, of this diameter."""
    return pi / 4 * diameter**2 if axes == 2 else pi / 6 * diameter**3
