"""The objects of several images as one table: a row for each object, a column for each measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.images.classes import harmless
from unetscope.measuring.columns import Column
from unetscope.measuring.summary import Measured

_IMAGE = "name of the image"
_GROUP = "specimen or session that the image belongs to"
_CLASS = "name of its class"


@dataclass(frozen=True, eq=False)
class TidyColumn:
    """One column: ``values`` (row,) are text (object), whole numbers, or float64 with NaN."""

    header: str
    unit: str
    formula: str
    values: NDArray[Any]


def tidy_columns(images: Sequence[Measured], names: Mapping[int, str]) -> list[TidyColumn]:
    """Image, group where one was told, and all measures that any image has.

    What an image does not have (a channel) is NaN. Classes are told by their names.
    """
    sizes = [len(image.table) for image in images]
    found = [TidyColumn("image", "", _IMAGE, _repeated([image.name for image in images], sizes))]
    if any(image.group for image in images):
        groups = _repeated([image.group for image in images], sizes)
        found.append(TidyColumn("group", "", _GROUP, groups))
    about = {column.header: column for image in images for column in image.table.about}
    found += [_column(images, names, column) for column in about.values()]
    return found


def _column(images: Sequence[Measured], names: Mapping[int, str], about: Column) -> TidyColumn:
    parts = [_values(image, about) for image in images]
    values = np.concatenate(parts) if parts else np.zeros(0)
    if about.key != "class":
        return TidyColumn(about.header, about.unit, about.formula, values)
    told = [names.get(int(value), f"{value}") for value in values]
    return TidyColumn(about.header, "", _CLASS, np.array([harmless(t) for t in told], object))


def _values(image: Measured, about: Column) -> NDArray[Any]:
    table = image.table
    if about in table.about:
        return np.asarray(table.columns[about.key])
    return np.full(len(table), np.nan)


def _repeated(texts: Sequence[str], sizes: Sequence[int]) -> NDArray[Any]:
    return np.repeat(np.array([harmless(text) for text in texts], object), sizes)
