"""Objects as files of other programs: numbers as TIFF, ROIs, GeoJSON with measures, OME-Zarr."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.images.annotations.formats import write_annotations
from unetscope.images.annotations.geojson import write_geojson
from unetscope.images.annotations.values import Annotations, as_annotations
from unetscope.images.claims import Claim
from unetscope.images.classes import LabelClass
from unetscope.images.files import write_labels
from unetscope.images.micrograph import Micrograph
from unetscope.measuring.object_table import ObjectTable
from unetscope.measuring.objects import Objects
from unetscope.measuring.quantities import PIXELS, Spacing

#: Kinds of files of objects, and how their names end.
OBJECT_FILES = {"tif": ".tif", "imagej": ".zip", "geojson": ".geojson", "zarr": ".zarr"}
_NOT_MEASURED = ("object", "class")


def write_objects(
    objects: Objects,
    table: ObjectTable,
    classes: Sequence[LabelClass],
    path: Path,
    claim: Claim,
) -> None:
    """Write the objects that ``table`` holds, in the format that the end of the name says.

    TIFF and OME-Zarr have their numbers and the pixel size; OME-Zarr, ImageJ ROIs and GeoJSON have
    their classes as well, and GeoJSON every measure, with its unit in the name.

    Raises
    ------
    OutputError
        If the file cannot be written there.
    """
    numbers = np.asarray(table.columns["object"])
    ids = objects.ids
    if len(numbers) < len(objects.numbers):
        ids = np.where(np.isin(ids, numbers), ids, 0)
    like = _like(ids, table.spacing)
    if path.suffix == ".tif":
        write_labels(ids, path, like, claim)
        return
    annotations = _annotations(ids, numbers, np.asarray(table.columns["class"]), classes)
    if path.suffix == ".geojson":
        write_geojson(annotations, path, claim, measures_of(table))
    else:
        write_annotations(annotations, path, claim=claim, like=like)


def measures_of(table: ObjectTable) -> dict[int, dict[str, float]]:
    """All measures of each object by its number, named with their units."""
    told = [column for column in table.about if column.key not in _NOT_MEASURED]
    values = [table.columns[column.key].tolist() for column in told]
    headers = [column.header for column in told]
    return {
        int(number): dict(zip(headers, map(float, row), strict=True))
        for number, *row in zip(table.columns["object"].tolist(), *values, strict=True)
    }


def _annotations(
    ids: NDArray[Any],
    numbers: NDArray[Any],
    class_of: NDArray[Any],
    classes: Sequence[LabelClass],
) -> Annotations:
    """The class of each pixel is that of its object."""
    labels = np.zeros(ids.shape, np.uint16)
    if len(numbers):
        place = np.searchsorted(numbers, ids).clip(max=len(numbers) - 1)
        labels = np.where(ids > 0, class_of[place], 0).astype(np.uint16)
    used = [one for one in classes if (class_of == one.value).any()]
    return as_annotations(labels, used, ids)


def _like(ids: NDArray[Any], spacing: Spacing) -> Micrograph:
    """An image of the shape and the pixel size, without pixels of its own."""
    known = spacing.unit != PIXELS
    blank = np.broadcast_to(np.uint8(0), ids.shape)
    size, unit = (spacing.size, spacing.unit) if known else (None, None)
    return Micrograph(blank, "zyx"[-ids.ndim :], size, unit)
