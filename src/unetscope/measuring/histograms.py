"""How the values of a column are spread: a histogram by number, area or volume, and percentiles.

Made while a person looks on, also of 100,000 objects: intervals are not drawn again and again, as
those of :mod:`~unetscope.measuring.populations` are, but follow from the spread of the shares.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unetscope.measuring.columns import Column
from unetscope.measuring.object_weights import (
    EDGE_WORDS,
    ON_A_SIDE,
    Base,
    EdgeRule,
    by_base,
    weights_of,
)
from unetscope.measuring.pixel_runs import Floats
from unetscope.measuring.quantities import LEVEL, Quantity

if TYPE_CHECKING:
    from unetscope.measuring.object_table import ObjectTable

PERCENTS = (10, 50, 90)
_BINS = (8, 60)  # fewest and most
_WIDE = 20.0  # the ratio of two percentiles from which on values are told by their logarithm
_WIDE_ENDS = (5, 95)


@dataclass(frozen=True, eq=False)
class Spread:
    """Values of one column with what each counts.

    Attributes
    ----------
    values
        (object,) of all objects of the table, NaN where it is empty.
    shares
        (object,) what each counts, together 1; 0 for those that are left out or empty.
    base
        What is counted: number, area or volume.
    log
        Whether values are so far apart that their logarithm is to be shown.
    method
        What was done with objects at the edge.
    """

    column: Column
    values: Floats
    shares: Floats
    base: Base
    log: bool
    method: str

    @property
    def count(self) -> int:
        """How many objects count."""
        return int(np.count_nonzero(self.shares))

    @property
    def left_out(self) -> int:
        """How many objects do not: without a value, or at the edge."""
        return len(self.shares) - self.count

    @cached_property
    def edges(self) -> Floats:
        """(bin + 1,) equal steps of values, or of their logarithm (Freedman-Diaconis 1981)."""
        values = self._shown(self.values[self.shares > 0])
        if not len(values):
            return np.array([0.0, 1.0])
        low, high = float(values.min()), float(values.max())
        if high == low:
            half = max(abs(low) * 0.05, 1e-9)
            low, high = low - half, high + half
        quartiles = np.percentile(values, (25, 75))
        step = 2 * float(quartiles[1] - quartiles[0]) / len(values) ** (1 / 3)
        wanted = math.ceil((high - low) / step) if step > 0 else _BINS[0]
        edges = np.linspace(low, high, min(max(wanted, _BINS[0]), _BINS[1]) + 1)
        return 10**edges if self.log else edges

    def heights(self, kept: NDArray[np.bool_] | None = None) -> Floats:
        """(bin,) shares of all that counts, of the objects that are ``kept``."""
        counted = self.shares > 0 if kept is None else (self.shares > 0) & kept
        inner = np.searchsorted(self.edges[1:-1], self.values[counted], side="right")
        heights = np.bincount(inner, self.shares[counted], minlength=len(self.edges) - 1)
        return np.asarray(heights, np.float64)

    def percentile(self, percent: float) -> Quantity:
        """The value that ``percent`` of the number, area or volume of all objects lie below.

        The interval is Woodruff's (Journal of the American Statistical Association 47, 1952): that
        of the share of objects below it, read at the same heap of objects.
        """
        name = f"{percentile_name(self.column, percent)} by {self.base}"
        unit, counted = self.column.unit, (self.count, "objects")
        if not self.count:
            reason = "no object that counts has a value"
            return Quantity(name, math.nan, unit, *counted, self.method, reason=reason)
        values, heap, shares = self._heap
        share = percent / 100
        told = (name, float(np.interp(share, heap, values)), unit, *counted)
        needed = math.ceil(ON_A_SIDE / min(share, 1 - share))
        if self.count < needed:
            reason = f"{self.count} objects that count, an interval needs {needed}"
            return Quantity(*told, self.method, reason=reason)
        half = _half(shares, heap < share, share)
        low, high = np.interp((share - half, share + half), heap, values)
        method = f"{self.method}; Woodruff's interval"
        return Quantity(*told, method, float(low), float(high))

    def _shown(self, values: Floats) -> Floats:
        return np.log10(values) if self.log else values

    @cached_property
    def _heap(self) -> tuple[Floats, Floats, Floats]:
        """Values by size, the share that is heaped up at the middle of each one's own, its own."""
        counted = np.flatnonzero(self.shares > 0)
        order = counted[np.argsort(self.values[counted], kind="stable")]
        shares = self.shares[order]
        return self.values[order], np.cumsum(shares) - shares / 2, shares


def spread_of(
    table: ObjectTable, key: str, base: Base = "number", edge: EdgeRule = "weight"
) -> Spread:
    """The values of a column; each object counts with its weight, area or volume.

    Areas and volumes are the square and the cube of the diameter. Objects at the edge that are
    left out of other numbers are left out of this.

    Raises
    ------
    MeasurementError
        If there is no such base.
    """
    column = next(one for one in table.about if one.key == key)
    values = np.asarray(table.columns[key], np.float64)
    if edge == "weight" and not table.rectangular:
        edge = "drop"  # a region that is no box gives no weights
    counts = by_base(weights_of(table, edge), table.columns["diameter"], base)
    counts = np.where(np.isnan(values), 0.0, counts)
    total = float(counts.sum())
    return Spread(
        column=column,
        values=values,
        shares=counts / total if total > 0 else counts,
        base=base,
        log=_is_wide(values[counts > 0]),
        method=EDGE_WORDS[edge],
    )


def percentile_name(column: Column, percent: float) -> str:
    """The name of a percentile: "d50" of diameters, "50 % of area" of others."""
    if column.key == "diameter":
        return f"d{percent:g}"
    return f"{percent:g} % of {column.key.replace('_', ' ')}"


def percentiles_of(spread: Spread, known: Sequence[Quantity] = ()) -> Iterator[Quantity]:
    """The percentiles that are marked; those of ``known`` by the same name stand as they are."""
    by_name = {number.name: number for number in known}
    for percent in PERCENTS:
        name = f"{percentile_name(spread.column, percent)} by {spread.base}"
        yield by_name.get(name) or spread.percentile(percent)


def _is_wide(values: Floats) -> bool:
    if not len(values) or values.min() <= 0:
        return False
    low, high = np.percentile(values, _WIDE_ENDS)
    return bool(high > _WIDE * low)


def _half(shares: Floats, below: NDArray[np.bool_], share: float) -> float:
    """Half of the interval of the share that lies below, of objects that count unequally."""
    count = len(shares)
    variance = float((shares**2 * (below - share) ** 2).sum()) * count / max(count - 1, 1)
    return NormalDist().inv_cdf((1 + LEVEL) / 2) * math.sqrt(variance)
