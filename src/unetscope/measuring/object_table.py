"""The table of objects: every measure of every object, in the unit of the image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from unetscope.errors import MeasurementError
from unetscope.images.micrograph import Micrograph
from unetscope.measuring.background import Surroundings, backgrounds
from unetscope.measuring.columns import USUAL, Column, Extras, columns_of
from unetscope.measuring.moments import centres_and_covariances, grey_values, pixels_on
from unetscope.measuring.neighbours import centre_distances, gaps, touching
from unetscope.measuring.objects import Objects
from unetscope.measuring.pixel_runs import Floats, Ints, Runs
from unetscope.measuring.quantities import Spacing
from unetscope.measuring.shapes import shapes_of, sizes_of

#: So many runs of pixels are measured together.
_RUNS = 1 << 20


@dataclass(frozen=True, eq=False)
class ObjectTable:
    """A row for each object, by increasing number.

    Attributes
    ----------
    about
        The columns in their order.
    columns
        (object,) values by the key of the column; NaN where a measure is empty.
    spacing
        Of the image.
    corner, field
        Along each axis, where the region begins that objects were looked for in, and its length.
    rectangular
        Whether all of that box was looked at: only then can complete objects be weighted.
    notes
        What a person should know of it.
    extras
        Which columns were asked for besides the usual ones.
    """

    about: tuple[Column, ...]
    columns: Mapping[str, NDArray[Any]]
    spacing: Spacing
    corner: tuple[float, ...]
    field: tuple[float, ...]
    rectangular: bool = True
    notes: tuple[str, ...] = ()
    extras: Extras = USUAL

    def __len__(self) -> int:
        return len(self.columns["object"])

    def of_class(self, value: int) -> ObjectTable:
        """The rows of one class."""
        return self.where(self.columns["class"] == value)

    def where(self, kept: NDArray[np.bool_]) -> ObjectTable:
        """The rows that are kept."""
        rows = {key: values[kept] for key, values in self.columns.items()}
        return replace(self, columns=rows)


def measure(
    objects: Objects,
    image: Micrograph | None = None,
    region: NDArray[np.bool_] | None = None,
    extras: Extras | None = None,
) -> ObjectTable:
    """Measure all objects; ``image`` gives grey values, ``region`` is that objects were found in.

    Raises
    ------
    MeasurementError
        If image or region are of another shape.
    """
    looked = _looked(objects, image, region, extras or USUAL)
    rows = [_rows(objects.runs.some(part), looked) for part in _parts(objects.runs)]
    columns = {key: np.concatenate([row[key] for row in rows]) for key in rows[0]}
    columns |= _around(objects.runs, columns, looked, np.ones(objects.runs.count, bool))
    return _table(objects, columns, looked)


def update(
    table: ObjectTable,
    objects: Objects,
    image: Micrograph | None = None,
    region: NDArray[np.bool_] | None = None,
) -> ObjectTable:
    """The table after some objects were joined, split or dropped: only new numbers are measured.

    ``table`` is that of before, ``objects`` are those of now, image and region the same as then.
    The result is that of :func:`measure` to the last bit.

    Raises
    ------
    MeasurementError
        If image or region are of another shape, or were not those of the table.
    """
    looked = _looked(objects, image, region, table.extras)
    if tuple(column.key for column in looked.about) != tuple(c.key for c in table.about):
        raise MeasurementError(
            "the table has columns of other channels; measure anew where the image is another"
        )
    old, runs = table.columns["object"], objects.runs
    there = np.isin(old, objects.numbers)
    kept = table.where(there).columns
    new = ~np.isin(objects.numbers, old)
    made = _rows(runs.some(np.flatnonzero(new)), looked)
    order = np.argsort(np.append(kept["object"], objects.numbers[new]), kind="stable")
    columns = {key: np.append(kept[key], made[key])[order] for key in made}
    for key in _around_keys(looked):  # those of new objects are found with their neighbours
        columns[key] = np.append(kept[key], np.full(np.count_nonzero(new), np.nan))[order]
    gone = table.where(~there)
    boxes = np.concatenate([_boxes_of(gone), runs.boxes[new]])
    columns |= _around(runs, columns, looked, new | _near(runs, columns, boxes, looked))
    return _table(objects, columns, looked)


@dataclass(frozen=True, eq=False)
class _Looked:
    """What objects are measured on.

    ``box`` and ``full`` say where was looked, and whether all of it; ``rim`` where pixels have one
    beside them that was not looked at.
    """

    spacing: Spacing
    ids: NDArray[Any]
    image: Micrograph | None
    region: NDArray[np.bool_] | None
    extras: Extras
    about: tuple[Column, ...]
    box: tuple[slice, ...]
    full: bool
    rim: NDArray[np.bool_] | None


def _looked(
    objects: Objects,
    image: Micrograph | None,
    region: NDArray[np.bool_] | None,
    extras: Extras,
) -> _Looked:
    shape = tuple(objects.ids.shape)
    if image is not None and image.spatial_shape != shape:
        raise MeasurementError(
            f"the labels have the shape {shape}, the image {image.spatial_shape}; "
            "measure labels with their own image"
        )
    if region is not None and region.shape != shape:
        raise MeasurementError(f"the region has the shape {region.shape}, the labels {shape}")
    if extras.ring is not None and image is None:
        raise MeasurementError("a background needs the image; give it, or ask for no ring")
    about = columns_of(objects.spacing, 0 if image is None else image.channels, extras)
    box, rim = tuple(slice(0, n) for n in shape), None
    if region is not None:
        box = _box_of(region)
        if not region[box].all():
            rim = ~ndimage.binary_erosion(region, border_value=1)
    return _Looked(
        objects.spacing, objects.ids, image, region, extras, about, box, rim is None, rim
    )


def _box_of(region: NDArray[np.bool_]) -> tuple[slice, ...]:
    if not region.any():
        raise MeasurementError("the region holds no pixel; draw it where objects are")
    box = []
    for axis in range(region.ndim):
        inside = np.flatnonzero(region.any(tuple(a for a in range(region.ndim) if a != axis)))
        box.append(slice(int(inside[0]), int(inside[-1]) + 1))
    return tuple(box)


def _parts(runs: Runs) -> Iterator[slice]:
    """Objects some at a time, so that what is made of them stays small."""
    first = 0
    while first == 0 or first < runs.count:
        last = int(np.searchsorted(runs.first, runs.first[first] + _RUNS, "right")) - 1
        last = min(max(last, first + 1), runs.count)
        yield slice(first, last)
        first = max(last, 1)


def _rows(runs: Runs, looked: _Looked) -> dict[str, NDArray[Any]]:
    """All columns that pixels tell."""
    spacing = looked.spacing
    centres, spread = centres_and_covariances(runs, spacing.size)
    values: dict[str, NDArray[Any]] = {"object": runs.numbers}
    values |= {f"centre_{a}": c for a, c in zip("zyx"[-centres.shape[1] :], centres.T, strict=True)}
    for a, ends in zip("zyx"[-centres.shape[1] :], np.moveaxis(runs.boxes, 1, 0), strict=True):
        values |= {f"first_{a}": ends[:, 0], f"last_{a}": ends[:, 1]}
    values |= sizes_of(runs, spacing)
    values |= shapes_of(runs, spacing, spread)
    cut = _cut(runs, looked)
    extent = tuple(side.stop - side.start for side in looked.box)
    values["at_border"] = cut.astype(np.int64)
    values["weight"] = _weights(runs, extent, cut) if looked.full else np.where(cut, np.nan, 1.0)
    if looked.image is not None:
        for name, five in zip(_names(looked.image), grey_values(runs, looked.image), strict=True):
            kinds = (f"{kind}{name}" for kind in ("mean", "sd", "min", "max", "saturated"))
            values |= zip(kinds, five, strict=True)
    return values


def _names(image: Micrograph) -> list[str]:
    """What stands behind the names of the columns of each channel."""
    return [f"_c{at}" for at in range(image.channels)] if image.channels > 1 else [""]


def _around(
    runs: Runs, columns: Mapping[str, NDArray[Any]], looked: _Looked, some: NDArray[np.bool_]
) -> dict[str, NDArray[Any]]:
    """The columns that other objects and their surroundings tell; those of ``some`` anew."""
    found: dict[str, NDArray[Any]] = {}
    at, ring = np.flatnonzero(some), looked.extras.ring
    if looked.extras.neighbours:
        axes = "zyx"[-len(looked.spacing.size) :]
        centres = np.stack([columns[f"centre_{a}"] for a in axes], -1)
        found["nearest_centre"] = centre_distances(centres)
        found["nearest_edge"] = gaps(runs, looked.spacing.size, some)
        found["touching"] = touching(runs)
        if not some.all():
            found["nearest_edge"] = np.where(some, found["nearest_edge"], columns["nearest_edge"])
        found |= _sure(runs, centres, found, looked)
    if ring is not None and looked.image is not None:
        around = Surroundings(looked.image, looked.ids, looked.spacing.size, looked.region)
        medians = backgrounds(runs.some(at), ring, around)
        for name, median in zip(_names(looked.image), medians, strict=True):
            key = f"background{name}"
            found[key] = np.array(columns.get(key, np.full(runs.count, np.nan)))
            found[key][at] = median
            found[f"corrected{name}"] = columns[f"mean{name}"] - found[key]
    return found


def _around_keys(looked: _Looked) -> list[str]:
    keys = ["nearest_edge"] if looked.extras.neighbours else []
    if looked.extras.ring is not None and looked.image is not None:
        keys += [f"background{name}" for name in _names(looked.image)]
    return keys


def _sure(
    runs: Runs, centres: Floats, found: Mapping[str, Floats], looked: _Looked
) -> dict[str, NDArray[Any]]:
    """Whether no neighbour can lie nearer behind the edge of what was looked at."""
    size = np.array(looked.spacing.size)
    sides = np.array([[side.start, side.stop - 1] for side in looked.box])
    open_axes = np.array(runs.shape) > 1
    told = {}
    for name, ends in (
        ("nearest_centre", np.stack([centres / size] * 2, -1)),
        ("nearest_edge", runs.boxes),
    ):
        to_edge = np.stack([ends[..., 0] - sides[:, 0], sides[:, 1] - ends[..., 1]], -1)
        nearest = (to_edge.min(-1) * size)[:, open_axes].min(1, initial=np.inf)
        told[f"{name}_sure"] = (found[name] <= nearest).astype(np.int64)
    return told


def _boxes_of(table: ObjectTable) -> Ints:
    """(object, axis, 2) as those of runs."""
    axes = "zyx"[-len(table.spacing.size) :]
    ends = [[table.columns[f"{end}_{a}"] for end in ("first", "last")] for a in axes]
    return np.moveaxis(np.array(ends, np.int64), -1, 0)


def _near(
    runs: Runs, columns: Mapping[str, NDArray[Any]], boxes: Ints, looked: _Looked
) -> NDArray[np.bool_]:
    """(object,) which are so near to boxes that changes in those may change what is around them."""
    size, ring = np.array(looked.spacing.size), looked.extras.ring
    reach = np.full(runs.count, -1.0 if ring is None else ring.outer)
    if looked.extras.neighbours:
        gap = columns["nearest_edge"]
        reach = np.maximum(reach, np.where(np.isnan(gap), np.inf, gap))
    found = np.zeros(runs.count, bool)
    if (reach < 0).all():
        return found
    for box in boxes:
        apart = np.maximum(runs.boxes[..., 0] - box[:, 1], box[:, 0] - runs.boxes[..., 1]) - 1
        found |= np.sqrt(((np.maximum(apart, 0) * size) ** 2).sum(1)) <= reach
    return found


def _table(objects: Objects, columns: dict[str, NDArray[Any]], looked: _Looked) -> ObjectTable:
    columns |= {"class": objects.class_of, "doubt": objects.doubt}
    corners = [
        (float(side.start * size), float((side.stop - side.start) * size))
        for side, size in zip(looked.box, looked.spacing.size, strict=True)
    ]
    corner, reach = zip(*corners, strict=True)
    ordered = {column.key: columns[column.key] for column in looked.about}
    return ObjectTable(
        looked.about,
        ordered,
        looked.spacing,
        corner,
        reach,
        looked.full,
        _notes(ordered, looked),
        looked.extras,
    )


def _notes(columns: Mapping[str, NDArray[Any]], looked: _Looked) -> tuple[str, ...]:
    long = np.zeros(len(columns["object"]), bool)
    for axis, side in zip("zyx"[-len(looked.box) :], looked.box, strict=True):
        whole = side.stop - side.start
        if whole > 1:
            long |= columns[f"last_{axis}"] - columns[f"first_{axis}"] + 1 > whole / 2
    count = int(np.count_nonzero(long))
    if not count:
        return ()
    told = "1 object is" if count == 1 else f"{count:,} objects are"
    return (
        f"{told} longer than half of the field: larger ones are hardly seen whole, and the "
        "distribution is cut off",
    )


def _cut(runs: Runs, looked: _Looked) -> NDArray[np.bool_]:
    """(object,) whether it reaches the edge of what was looked at, and may go on behind it."""
    cut = np.zeros(runs.count, bool)
    for axis, side in enumerate(looked.box):
        if runs.shape[axis] > 1:
            ends = runs.boxes[:, axis]
            cut |= (ends[:, 0] == side.start) | (ends[:, 1] == side.stop - 1)
    if looked.rim is not None:
        cut |= pixels_on(runs, looked.rim) > 0
    return cut


def _weights(runs: Runs, extent: tuple[int, ...], cut: NDArray[np.bool_]) -> Floats:
    """How many objects each complete one stands for; NaN for those that are cut.

    Miles (1974) and Lantuéjoul (1980): an object is complete at (W - w)(H - h) of W·H places. In
    pixels it must not touch the first or last line, which leaves W - w - 1.
    """
    size = runs.boxes[..., 1] - runs.boxes[..., 0] + 1
    weight = np.ones(runs.count)
    for axis, whole in enumerate(extent):
        if whole > 1:
            weight *= whole / np.maximum(whole - size[:, axis] - 1, 1)
    return np.where(cut, np.nan, weight)
