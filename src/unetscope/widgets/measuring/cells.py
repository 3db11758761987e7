"""Cells and heads of the table of objects as they are read."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from unetscope.images.classes import harmless
from unetscope.measuring.columns import Column
from unetscope.measuring.conditions import FLAGS

DIGITS = 4  # significant ones in a cell
_PLAIN_BELOW = 10**6
_SMALLEST = 1e-4
_TITLES = {"object": "#"}


def title(column: Column) -> str:
    """The name of a column in words."""
    return _TITLES.get(column.key, column.key.replace("_", " "))


def head(column: Column) -> str:
    """The name, and the unit on a line of its own."""
    return f"{title(column)}\n{column.unit}"


def head_tip(column: Column, values: NDArray[np.float64]) -> str:
    """What a column holds, how it is measured, and how many objects have it."""
    name = column.key.replace("_", " ")
    unit = f" in {column.unit}" if column.unit else ""
    there = int(np.count_nonzero(~np.isnan(values)))
    return f"{name}{unit}: {column.formula}. {there:,} of {len(values):,} objects have it."


def are_whole(values: NDArray[np.float64]) -> bool:
    """Whether all values of a column are whole numbers, or empty."""
    there = values[~np.isnan(values)]
    return bool(np.all(there == np.floor(there)))


def cell(value: float, column: Column, classes: Mapping[int, str], *, whole: bool = False) -> str:
    """A value as it is shown: four significant digits; "" where it is empty.

    ``whole``: the column has whole numbers, which are shown as such.
    """
    if math.isnan(value):
        return ""
    if column.key == "class":
        return harmless(classes.get(int(value), f"{int(value)}"))
    if column.key in FLAGS:
        return "yes" if value else ""
    if column.key == "object":
        return f"{int(value)}"
    if column.unit == "°":
        return f"{value:.0f}"
    return significant(value, whole=whole)


def significant(value: float, digits: int = DIGITS, *, whole: bool = False) -> str:
    """A number to so many significant digits, or more before the point; a true minus sign.

    A ``whole`` number has no point.
    """
    if not math.isfinite(value):
        return "−∞" if value < 0 else "∞"
    rounded = float(f"{value:.{digits}g}")
    size = abs(rounded)
    if size and not _SMALLEST <= size < _PLAIN_BELOW:
        power, mantissa = f"{size:e}".split("e")[1], f"{size:.{digits - 1}e}".split("e")[0]
        text = f"{mantissa}e{int(power)}"
    elif whole and value == int(value):
        text = f"{abs(int(value))}"
    else:
        before = math.floor(math.log10(size)) if size else 0
        text = f"{abs(value):.{max(0, digits - 1 - before)}f}"
    return f"−{text}" if rounded < 0 else text


def copied(values: NDArray[np.float64], column: Column, classes: Mapping[int, str]) -> list[str]:
    """Values of a column with all of their digits, for a spreadsheet; "" where one is empty."""
    there = ~np.isnan(values)
    if column.key == "class":
        return [cell(value, column, classes) for value in values.tolist()]
    if are_whole(values):
        texts = [str(value) for value in np.where(there, values, 0).astype(np.int64).tolist()]
    else:
        texts = [repr(value) for value in values.tolist()]
    return texts if there.all() else np.where(there, texts, "").tolist()
