"""Which rows of a table of objects are shown, in which order, and where an object stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unetscope.measuring.pixel_runs import Ints

if TYPE_CHECKING:
    from unetscope.measuring.object_table import ObjectTable


@dataclass(frozen=True, eq=False)
class RowOrder:
    """Some rows of a table in some order.

    Attributes
    ----------
    numbers
        (object,) numbers of all objects, increasing.
    rows
        (shown,) place in the table of each row that is shown, from the top.
    place
        (object,) where each is shown, from 0; -1 where it is not.
    """

    numbers: Ints
    rows: Ints
    place: Ints

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shown(self) -> Ints:
        """(shown,) the numbers of the objects, from the top."""
        return self.numbers[self.rows]

    def places_of(self, numbers: Iterable[int]) -> Ints:
        """(some,) where objects are shown, increasing; those that are not shown are left out."""
        asked = np.fromiter(numbers, np.int64)
        at, there = _found(asked, self.numbers)
        places = np.sort(self.place[at[there]])
        return places[(places >= 0) & (np.diff(places, prepend=-1) > 0)]


def row_order(
    table: ObjectTable,
    by: str = "",
    *,
    descending: bool = False,
    kept: NDArray[np.bool_] | None = None,
) -> RowOrder:
    """The rows that are ``kept``, sorted by a column; by number where none is named.

    What has no value comes last, whichever way is sorted; equal values stay by number.
    """
    order = np.arange(len(table))
    if by:
        values = np.asarray(table.columns[by], np.float64)
        order = np.argsort(-values if descending else values, kind="stable")
    return order_of(table, order if kept is None else order[kept[order]])


def order_of(table: ObjectTable, rows: Ints) -> RowOrder:
    """The rows at these places of a table, in this order."""
    place = np.full(len(table), -1, np.int64)
    place[rows] = np.arange(len(rows))
    return RowOrder(np.asarray(table.columns["object"], np.int64), rows, place)


def runs_in(places: Ints) -> Iterator[tuple[int, int]]:
    """First and last of each run of neighbours among increasing ``places``."""
    if not len(places):
        return
    breaks = np.flatnonzero(np.diff(places) != 1)
    firsts, lasts = [0, *(breaks + 1).tolist()], [*breaks.tolist(), len(places) - 1]
    for first, last in zip(firsts, lasts, strict=True):
        yield int(places[first]), int(places[last])


def differing(before: ObjectTable, after: ObjectTable) -> Ints:
    """Numbers of objects that only one of two tables has, or whose values differ between them."""
    one, other = (np.asarray(table.columns["object"], np.int64) for table in (before, after))
    at, there = _found(other, one)
    _, kept = _found(one, other)
    changed = ~there
    for key, values in after.columns.items():
        a, b = before.columns[key][at], values
        changed |= (a != b) & ~((a != a) & (b != b))  # two empty cells are the same
    return np.sort(np.concatenate([one[~kept], other[changed]]))


def _found(asked: Ints, numbers: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Where each number stands among increasing ``numbers``, and whether it is there at all."""
    if not len(numbers):
        return np.zeros(len(asked), np.int64), np.zeros(len(asked), bool)
    at = np.minimum(np.searchsorted(numbers, asked), len(numbers) - 1)
    return at, numbers[at] == asked
