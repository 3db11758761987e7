"""The table of objects: every measure of every object, in the unit of the image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import MeasurementError
from unetscope.images.micrograph import Micrograph
from unetscope.measuring.columns import Column, columns_of
from unetscope.measuring.crossings import border_lengths
from unetscope.measuring.hulls import hulls_of_corners, hulls_of_edges
from unetscope.measuring.moments import centres_and_covariances, grey_values
from unetscope.measuring.objects import Objects
from unetscope.measuring.pixel_runs import Floats, Runs, runs_of
from unetscope.measuring.quantities import Spacing

#: Shapes of fewer pixels are those of the grid: their columns are empty.
SHAPE_FROM_PX = 20


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
    if image is not None and image.spatial_shape != objects.ids.shape:
        raise MeasurementError(
            f"the labels have the shape {objects.ids.shape}, the image {image.spatial_shape}; "
            "measure labels with their own image"
        )
    if region is not None and region.shape != objects.ids.shape:
        raise MeasurementError(
            f"the region has the shape {region.shape}, the labels {objects.ids.shape}"
        )
    runs, spacing = runs_of(objects.ids), objects.spacing
    flat = len(spacing.size) == 2
    values: dict[str, NDArray[Any]] = {
        "object": objects.numbers,
        "class": objects.class_of,
        "doubt": objects.doubt,
    }
    centres, spread = centres_and_covariances(runs, spacing.size)
    values |= {
        f"centre_{a}": c for a, c in zip("zyx"[-len(spacing.size) :], centres.T, strict=True)
    }
    shaped = _Shaped(objects, runs, runs.pixels.astype(np.float64) * spacing.cell, spread)
    values |= shaped.flat_size() if flat else shaped.solid_size()
    shapes = shaped.flat() if flat else shaped.solid()
    small = runs.pixels < SHAPE_FROM_PX
    values |= {key: np.where(small, np.nan, column) for key, column in shapes.items()}
    box, cut, rectangular = _field(runs, objects, region)
    extent = tuple(side.stop - side.start for side in box)
    values["at_border"] = cut.astype(np.int64)
    values["weight"] = _weights(runs, extent, cut) if rectangular else np.where(cut, np.nan, 1.0)
    channels = 0 if image is None else image.channels
    for channel in range(channels):
        name = f"_c{channel}" if channels > 1 else ""
        named = (f"{kind}{name}" for kind in ("mean", "sd", "min", "max"))
        values |= zip(named, grey_values(runs, _channel(image, channel)), strict=True)
    about = columns_of(spacing, channels)
    corner = tuple(float(s.start * size) for s, size in zip(box, spacing.size, strict=True))
    reach = tuple(float(n * size) for n, size in zip(extent, spacing.size, strict=True))
    columns = {column.key: values[column.key] for column in about}
    return ObjectTable(about, columns, spacing, corner, reach, rectangular)


@dataclass(frozen=True, eq=False)
class _Shaped:
    """What shapes are measured from: ``size`` (object,) areas or volumes, and covariances."""

    objects: Objects
    runs: Runs
    size: Floats
    spread: Floats

    def flat_size(self) -> dict[str, Floats]:
        return {"area": self.size, "diameter": np.sqrt(4 * self.size / np.pi)}

    def solid_size(self) -> dict[str, Floats]:
        return {"volume": self.size, "diameter": np.cbrt(6 * self.size / np.pi)}

    def _border(self) -> Floats:
        return border_lengths(self.objects.ids, self.runs.numbers, self.objects.spacing)

    def flat(self) -> dict[str, Floats]:
        """What objects in a plane have."""
        perimeter = self._border()
        xx, yy, xy = self.spread[:, 1, 1], self.spread[:, 0, 0], self.spread[:, 0, 1]
        middle, half = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
        largest, smallest = hulls_of_edges(self.runs).ferets(self.objects.spacing.size)
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


def _field(
    runs: Runs, objects: Objects, region: NDArray[np.bool_] | None
) -> tuple[tuple[slice, ...], NDArray[np.bool_], bool]:
    """The box looked at in pixels, which objects reach its edge, and whether it is full."""
    if region is None:
        return tuple(slice(0, n) for n in runs.shape), runs.at_border, True
    if not region.any():
        raise MeasurementError("the region holds no pixel; draw it where objects are")
    box = []
    for axis in range(region.ndim):
        inside = np.flatnonzero(region.any(tuple(a for a in range(region.ndim) if a != axis)))
        box.append(slice(int(inside[0]), int(inside[-1]) + 1))
    inner = region[tuple(box)]
    cut = np.zeros(runs.count, bool)
    for axis, side in enumerate(box):
        ends = runs.boxes[:, axis]
        if region.shape[axis] > 1:
            cut |= (ends[:, 0] == side.start) | (ends[:, 1] == side.stop - 1)
    if inner.all():
        return tuple(box), cut, True
    touching = _touching_outside(objects.ids, region)
    return tuple(box), cut | np.isin(runs.numbers, touching), False


def _touching_outside(ids: NDArray[Any], region: NDArray[np.bool_]) -> NDArray[Any]:
    """The numbers of objects with a pixel beside one that is outside the region."""
    found = [np.zeros(0, ids.dtype)]
    for axis in range(ids.ndim):
        first = tuple(slice(None, -1) if a == axis else slice(None) for a in range(ids.ndim))
        second = tuple(slice(1, None) if a == axis else slice(None) for a in range(ids.ndim))
        found += [ids[first][~region[second]], ids[second][~region[first]]]
    return np.unique(np.concatenate(found))


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


def _channel(image: Micrograph | None, channel: int) -> NDArray[Any]:
    """One channel of all of the image, (y, x) or (z, y, x)."""
    assert image is not None
    planes = np.stack([image.plane(z)[channel] for z in range(image.depth)])
    return planes if len(image.spatial_axes) == 3 else planes[0]
