"""Objects are found and measured: for a worker, which loads what measures.

A job gets copies and yields what is being done, then what was found. The numbers are those of
:func:`unetscope.measuring.one_image.measure_image`, the one way for window and command line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import pi
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import MeasurementError
from unetscope.images.micrograph import Micrograph
from unetscope.looking.answers import Working
from unetscope.measuring.certainty import certainty_of, objects_by_choice
from unetscope.measuring.info_bar import info_bar_of
from unetscope.measuring.object_edits import EditWish, ObjectEdit, ObjectRows, edited, wished
from unetscope.measuring.object_table import update
from unetscope.measuring.objects import Objects, Separation
from unetscope.measuring.one_image import SegmentedImage, Wanted, measure_image, objects_in
from unetscope.measuring.pixel_runs import Runs, runs_in
from unetscope.measuring.populations import mean_diameter, population_of
from unetscope.measuring.quantities import Spacing, spacing_of
from unetscope.measuring.summary import class_quantities
from unetscope.measuring.value_image import colour_limits, value_image
from unetscope.session.measuring.measure_state import (
    FoundObjects,
    LabelKind,
    LabelSource,
    Looked,
    Wish,
)
from unetscope.session.measuring.object_place import ObjectPlace, place_of
from unetscope.session.measuring.object_store import (
    FoundBeginning,
    corrected,
    read_beginning,
    write_beginning,
)

_STEPS = 3
Box = tuple[slice, ...]


@dataclass(frozen=True, eq=False)
class Edited:
    """Objects were corrected: they differ from those of before in ``box`` alone."""

    found: FoundObjects
    wish: EditWish
    box: Box


@dataclass(frozen=True, eq=False)
class FindRequest:
    """Find the objects of an image in ``labels`` and measure them.

    ``labels`` and ``region`` (True where pixels count) are of the shape of the image;
    ``class_name`` is what the class that is wished for is called. ``folder`` is where corrections
    are kept, ``content`` says which image it is.
    """

    image: str
    micrograph: Micrograph = field(repr=False)
    source: LabelSource
    labels: NDArray[Any] = field(repr=False)
    wish: Wish
    class_name: str
    folder: Path
    content: str
    region: NDArray[np.bool_] | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class Sureness:
    """On what the size of some objects depends: sentences, which are not to be added up."""

    found: FoundObjects
    lines: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Coloured:
    """A picture of a measure of some objects, NaN where there is none, and the ends of colours."""

    found: FoundObjects
    title: str
    picture: NDArray[np.float32] = field(repr=False)
    limits: tuple[float, float]


def sureness(found: FoundObjects, class_name: str) -> Iterator[Working | Sureness]:
    """What the size on the card depends on besides the place: how objects are told apart.

    Objects are found anew with necks of half and of twice the depth, without corrections by hand.
    """
    yield Working("Telling objects apart in other ways", 0, _STEPS)
    number = next((q for q in found.quantities if q.name == "mean diameter"), None)
    if number is None:
        return
    others = []
    how = found.objects.how
    if how is not None:
        asked = (found.segmented.spacing, how, found.segmented.region)
        tried = objects_by_choice(found.segmented.labels, None, *asked)
        for at, (_, objects) in enumerate(tried):
            yield Working("Telling objects apart in other ways", at, _STEPS)
            measured = measure_image(found.segmented, found.wanted, objects)
            population = population_of([measured.table], found.wanted.edge)
            others.append(mean_diameter(population))
    lines = [str(line) for line in certainty_of(number, (), others).lines]
    lines.append("edge: not known here, for it needs the probabilities of the classes")
    yield Sureness(found, (f"{number}.", *(f"{line}." for line in lines)))


def find(request: FindRequest) -> Iterator[Working | FoundObjects]:
    """Find objects, measure them, and tell their numbers last, for intervals take longest.

    Where the same objects were corrected before, the corrections stand.

    Raises
    ------
    MeasurementError
        If the image is not answered as a whole, or something does not fit.
    JournalError
        If corrections are kept and cannot be read.
    """
    yield Working("Finding objects", 0, _STEPS)
    looked, wanted, segmented, objects = _looked_for(request)
    yield from _measured(looked, wanted, segmented, objects, request.class_name)


def find_without_intervals(request: FindRequest) -> FoundObjects:
    """As :func:`find`, at once, without the numbers of the class.

    Raises
    ------
    MeasurementError
        As there.
    JournalError
        As there.
    """
    looked, wanted, segmented, objects = _looked_for(request)
    measured = measure_image(segmented, wanted, objects)
    return FoundObjects(looked, wanted, segmented, objects, measured)


def _looked_for(request: FindRequest) -> tuple[Looked, Wanted, SegmentedImage, Objects]:
    """The objects of an image, with the corrections that are kept of them."""
    if request.source.kind is LabelKind.ANSWER:
        check_answered(request.labels)
    request = without_bar(request)
    segmented = segmented_of(request)
    wanted = wanted_of(request.wish, segmented.spacing)
    objects = objects_in(segmented, wanted)
    place = place_of(request.folder, request.content, objects.ids)
    asked = request.image, request.source, request.wish, request.labels, place
    looked = Looked(*asked, objects.numbers, objects.doubt, objects.count_range)
    kept = corrected(place, objects.ids.shape)
    if kept is not None:
        everything = tuple(slice(0, n) for n in kept.ids.shape)
        before = replace(objects, largest=kept.largest)
        objects = followed(looked, before, everything, kept.ids)
    return looked, wanted, segmented, objects


def bring_back(request: FindRequest, place: ObjectPlace) -> Iterator[Working | FoundObjects]:
    """Objects that were corrected before, with all corrections, in what they were found in.

    Of the request the image counts, and the key of its source where the labels are still there.

    Raises
    ------
    MeasurementError
        If what is kept cannot be read.
    JournalError
        The same, of the corrections.
    """
    yield Working("Bringing objects back", 0, _STEPS)
    kept = read_beginning(place)
    request = replace(
        request, source=kept.source, labels=kept.labels, wish=kept.wish, region=kept.region
    )
    found = corrected(place, kept.labels.shape)
    if found is None:
        raise MeasurementError("these objects are kept no more; find objects anew")
    segmented = segmented_of(request)
    wanted = wanted_of(kept.wish, segmented.spacing)
    asked = request.image, kept.source, kept.wish, kept.labels, place
    looked = Looked(*asked, kept.numbers, kept.doubt, kept.count_range)
    how = (
        None
        if segmented.numbers is not None
        else replace(wanted.separation, classes=wanted.classes)
    )
    none = Objects(
        np.zeros_like(found.ids), kept.numbers[:0], kept.numbers[:0], kept.doubt[:0],
        segmented.spacing, kept.count_range, kept.dropped, how, largest=found.largest,
    )  # fmt: skip
    everything = tuple(slice(0, n) for n in found.ids.shape)
    objects = followed(looked, none, everything, found.ids)
    yield from _measured(looked, wanted, segmented, objects, kept.class_name)


def edit(found: FoundObjects, wish: EditWish, class_name: str) -> Iterator[Edited | FoundObjects]:
    """Correct objects by hand: what changes and the rows of that first, then the numbers.

    What the objects were found in is kept before the first edit of them.

    Raises
    ------
    MeasurementError
        If it cannot be done with these objects.
    OutputError
        If nothing can be kept.
    """
    done = wished(found.objects, wish)
    after = edited(found.objects, done)
    write_beginning(found.looked.place, beginning_of(found, class_name))
    renewed = _renewed(found, after)
    yield Edited(renewed, wish, done.box)
    yield told(renewed, class_name)


def follow(
    found: FoundObjects, box: Box, ids: NDArray[Any], class_name: str
) -> Iterator[FoundObjects]:
    """The objects after ``ids`` took the place of their numbers in ``box``: an undo, a redo."""
    after = followed(found.looked, found.objects, box, ids)
    renewed = _renewed(found, after)
    yield renewed
    yield told(renewed, class_name)


def followed(looked: Looked, objects: Objects, box: Box, ids: NDArray[Any]) -> Objects:
    """Objects whose numbers in ``box`` are ``ids`` now.

    Those that were found have the doubt that they were found with, others none.
    """
    old = objects.ids[box]
    changed = old != ids
    touched = np.union1d(old[changed], ids[changed])
    touched = touched[touched > 0].astype(np.int64)
    before = objects.runs.of(touched)
    boxes = [[side.start, side.stop - 1] for side in box]
    ends = np.concatenate([before.boxes, np.array([boxes])])  # they may go on beside the box
    corner, stop = ends[..., 0].min(axis=0), ends[..., 1].max(axis=0) + 1
    wide = tuple(slice(int(low), int(high)) for low, high in zip(corner, stop, strict=True))
    whole = np.array(objects.ids[wide])
    shifts = zip(box, corner.tolist(), strict=True)
    whole[tuple(slice(side.start - low, side.stop - low) for side, low in shifts)] = ids
    own = np.where(np.isin(whole, touched), whole, 0)
    after = runs_in(own, corner.tolist(), objects.ids.shape)
    more = after.count - before.count
    count = len(objects.numbers) + more
    low, high = looked.count_range
    total = count - len(looked.numbers)
    ranges = (objects.count_range, (max(low + total, min(count, 1)), max(high + total, count)))
    change = ObjectEdit(EditWish("drop", ()), _rows(looked, before), _rows(looked, after), ranges)
    return edited(objects, change)


def coloured(found: FoundObjects, key: str, kept: Sequence[int] | None) -> Iterator[Coloured]:
    """A measure at each pixel of its object, for objects that are ``kept`` (None: all)."""
    table = found.measured.table
    values = np.asarray(table.columns[key], np.float64)
    numbers = table.columns["object"]
    if kept is not None:
        values = np.where(np.isin(numbers, kept), values, np.nan)
    runs = found.objects.runs
    each = values[np.searchsorted(numbers, runs.numbers)]
    picture = value_image(runs, each)
    unit = next(column.unit for column in table.about if column.key == key)
    title = f"measure: {key.replace('_', ' ')}{f' ({unit})' if unit else ''}"
    yield Coloured(found, title, picture, colour_limits(values))


def beginning_of(found: FoundObjects, class_name: str) -> FoundBeginning:
    """What is kept of objects as they were found."""
    looked = found.looked
    return FoundBeginning(
        looked.source, looked.wish, class_name, looked.labels, found.segmented.region,
        looked.numbers, looked.doubt, looked.count_range, found.objects.dropped,
    )  # fmt: skip


def _rows(looked: Looked, runs: Runs) -> ObjectRows:
    doubt = np.zeros(runs.count)
    at = np.searchsorted(looked.numbers, runs.numbers).clip(max=max(len(looked.numbers) - 1, 0))
    if len(looked.numbers):
        known = looked.numbers[at] == runs.numbers
        doubt[known] = looked.doubt[at[known]]
    return ObjectRows(runs, np.full(runs.count, looked.wish.value, np.int64), doubt)


def _renewed(found: FoundObjects, objects: Objects) -> FoundObjects:
    """With other objects: only rows that changed are measured."""
    measured, region = found.measured, found.segmented.region
    table = update(measured.table, objects, found.segmented.image, region)
    seen = replace(measured.seen, count_range=objects.count_range)
    if found.wanted.grain_size:
        anew = measure_image(found.segmented, found.wanted, objects)
        seen = anew.seen
    measured = replace(measured, table=table, seen=seen)
    return replace(found, objects=objects, measured=measured, quantities=())


def _measured(
    looked: Looked,
    wanted: Wanted,
    segmented: SegmentedImage,
    objects: Objects,
    class_name: str,
) -> Iterator[Working | FoundObjects]:
    yield Working("Measuring them", 1, _STEPS)
    measured = measure_image(segmented, wanted, objects)
    found = FoundObjects(looked, wanted, segmented, objects, measured)
    yield found
    yield Working("Computing intervals", 2, _STEPS)
    yield told(found, class_name)


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


def without_bar(request: FindRequest) -> FindRequest:
    """Without the bar with scale and text that microscopes write into images, where that is wished.

    What a region leaves out anyway stays out.
    """
    bar = info_bar_of(request.micrograph) if request.wish.without_bar else None
    if bar is None:
        return request
    region = bar.region if request.region is None else request.region & bar.region
    return replace(request, region=region)


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
        typical=None if by == "components" else wish.typical,
        border=wish.border if by == "border" else None,
        smallest=smallest,
        holes=0.0 if wish.holes is None else extent_of(wish.holes, axes),
    )
    return Wanted((wish.value,), how, wish.edge, wish.grain_size, wish.fibre_width)


def extent_of(diameter: float, axes: int) -> float:
    """The area of a disk, or the volume of a ball, of this diameter."""
    return pi / 4 * diameter**2 if axes == 2 else pi / 6 * diameter**3
