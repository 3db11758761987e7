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
from unetscope.measuring.columns import Column, columns_of
from unetscope.measuring.crossings import border_lengths
from unetscope.measuring.hulls import hulls_of_corners, hulls_of_edges
from unetscope.measuring.moments import centres_and_covariances, grey_values, pixels_on
from unetscope.measuring.objects import Objects
from unetscope.measuring.pixel_runs import Floats, Runs
from unetscope.measuring.quantities import Spacing

#: Shapes of fewer pixels are those of the grid: their columns are empty.
SHAPE_FROM_PX = 20
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
    """

    about: tuple[Column, ...]
    columns: Mapping[str, NDArray[Any]]
    spacing: Spacing
    corner: tuple[float, ...]
    field: tuple[float, ...]
    rectangular: bool = True
    notes: tuple[str, ...] = ()

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
) -> ObjectTable:
    """Measure all objects; ``image`` gives grey values, ``region`` is that objects were found in.

    Raises
    ------
    MeasurementError
        If image or region are of another shape.
    """
    looked = _looked(objects, image, region)
    rows = [_rows(objects.runs.some(part), looked) for part in _parts(objects.runs)]
    columns = {key: np.concatenate([row[key] for row in rows]) for key in rows[0]}
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
    looked = _looked(objects, image, region)
    if tuple(column.key for column in looked.about) != tuple(c.key for c in table.about):
        raise MeasurementError(
            "the table has columns of other channels; measure anew where the image is another"
        )
    old = table.columns["object"]
    kept = table.where(np.isin(old, objects.numbers)).columns
    new = np.flatnonzero(~np.isin(objects.numbers, old))
    made = _rows(objects.runs.some(new), looked)
    order = np.argsort(np.append(kept["object"], objects.numbers[new]), kind="stable")
    columns = {key: np.append(kept[key], made[key])[order] for key in made}
    return _table(objects, columns, looked)


@dataclass(frozen=True, eq=False)
class _Looked:
    """What objects are measured on.

    ``box`` and ``full`` say where was looked, and whether all of it; ``rim`` where pixels have one
    beside them that was not looked at.
    """

    spacing: Spacing
    image: Micrograph | None
    about: tuple[Column, ...]
    box: tuple[slice, ...]
    full: bool
    rim: NDArray[np.bool_] | None


def _looked(
    objects: Objects, image: Micrograph | None, region: NDArray[np.bool_] | None
) -> _Looked:
    shape = tuple(objects.ids.shape)
    if image is not None and image.spatial_shape != shape:
        raise MeasurementError(
            f"the labels have the shape {shape}, the image {image.spatial_shape}; "
            "measure labels with their own image"
        )
    if region is not None and region.shape != shape:
        raise MeasurementError(f"the region has the shape {region.shape}, the labels {shape}")
    about = columns_of(objects.spacing, 0 if image is None else image.channels)
    box, rim = tuple(slice(0, n) for n in shape), None
    if region is not None:
        box = _box_of(region)
        if not region[box].all():
            rim = ~ndimage.binary_erosion(region, border_value=1)
    return _Looked(objects.spacing, image, about, box, rim is None, rim)


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
    spacing, flat = looked.spacing, len(looked.spacing.size) == 2
    centres, spread = centres_and_covariances(runs, spacing.size)
    values: dict[str, NDArray[Any]] = {"object": runs.numbers}
    values |= {f"centre_{a}": c for a, c in zip("zyx"[-centres.shape[1] :], centres.T, strict=True)}
    shaped = _Shaped(runs, spacing, runs.pixels.astype(np.float64) * spacing.cell, spread)
    values |= shaped.flat_size() if flat else shaped.solid_size()
    shapes = shaped.flat() if flat else shaped.solid()
    small = runs.pixels < SHAPE_FROM_PX
    values |= {key: np.where(small, np.nan, column) for key, column in shapes.items()}
    cut = _cut(runs, looked)
    extent = tuple(side.stop - side.start for side in looked.box)
    values["at_border"] = cut.astype(np.int64)
    values["weight"] = _weights(runs, extent, cut) if looked.full else np.where(cut, np.nan, 1.0)
    if looked.image is not None:
        channels = looked.image.channels
        for channel, four in enumerate(grey_values(runs, looked.image)):
            name = f"_c{channel}" if channels > 1 else ""
            named = (f"{kind}{name}" for kind in ("mean", "sd", "min", "max"))
            values |= zip(named, four, strict=True)
    return values


def _table(objects: Objects, columns: dict[str, NDArray[Any]], looked: _Looked) -> ObjectTable:
    columns |= {"class": objects.class_of, "doubt": objects.doubt}
    corners = [
        (float(side.start * size), float((side.stop - side.start) * size))
        for side, size in zip(looked.box, looked.spacing.size, strict=True)
    ]
    corner, reach = zip(*corners, strict=True)
    ordered = {column.key: columns[column.key] for column in looked.about}
    return ObjectTable(looked.about, ordered, looked.spacing, corner, reach, looked.full)


@dataclass(frozen=True, eq=False)
class _Shaped:
    """What shapes are measured from: ``size`` (object,) areas or volumes, and covariances."""

    runs: Runs
    spacing: Spacing
    size: Floats
    spread: Floats

    def flat_size(self) -> dict[str, Floats]:
        return {"area": self.size, "diameter": np.sqrt(4 * self.size / np.pi)}

    def solid_size(self) -> dict[str, Floats]:
        return {"volume": self.size, "diameter": np.cbrt(6 * self.size / np.pi)}

    def _border(self) -> Floats:
        return border_lengths(self.runs, self.spacing)

    def flat(self) -> dict[str, Floats]:
        """What objects in a plane have."""
        perimeter = self._border()
        xx, yy, xy = self.spread[:, 1, 1], self.spread[:, 0, 0], self.spread[:, 0, 1]
        middle, half = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
        largest, smallest = hulls_of_edges(self.runs).ferets(self.spacing.size)
        return {
            "perimeter": perimeter,
            "circularity": 4 * np.pi * self.size / perimeter**2,
            "feret_max": largest,
            "feret_min": smallest,
            "axis_major": 4 * np.sqrt(middle + half),
            "axis_minor": 4 * np.sqrt(np.maximum(middle - half, 0)),
            # y points down in images, and angles are told as they are seen
            "angle": np.rad2deg(np.arctan2(-2 * xy, xx - yy)) / 2 % 180,
            "solidity": self.runs.pixels / hulls_of_corners(self.runs).areas(),
        }

    def solid(self) -> dict[str, Floats]:
        """What objects in a stack have."""
        surface = self._border()
        axes = 2 * np.sqrt(5 * np.maximum(np.linalg.eigvalsh(self.spread)[:, ::-1], 0))
        return {
            "surface": surface,
            "sphericity": np.cbrt(np.pi) * np.cbrt(6 * self.size) ** 2 / surface,
            **{f"axis_{at + 1}": axes[:, at] for at in range(3)},
        }


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
