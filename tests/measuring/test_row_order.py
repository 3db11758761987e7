"""Sorted and filtered rows, and where an object is found among them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from measuring.object_tables import many, table_with
from unetscope.measuring.row_order import differing, row_order, runs_in

SIZES = [3.0, math.nan, 1.0, 2.0, 1.0]


@pytest.mark.parametrize(
    ("descending", "numbers"), [(False, [3, 5, 4, 1, 2]), (True, [1, 4, 3, 5, 2])]
)
def test_empty_cells_come_last_both_ways(descending: bool, numbers: list[int]) -> None:
    order = row_order(table_with(area=SIZES), "area", descending=descending)
    assert order.shown.tolist() == numbers


def test_large_numbers_with_gaps_are_sorted_and_found() -> None:
    table = table_with(area=[1.0, 2.0, 3.0], object=np.array([7, 2**31, 2**32 - 1], np.uint32))
    order = row_order(table, "object", descending=True)
    assert order.shown.tolist() == [2**32 - 1, 2**31, 7]
    assert order.places_of([7, 8, 2**32 - 1, 0]).tolist() == [0, 2]


def test_what_is_left_out_is_nowhere() -> None:
    table = table_with(area=SIZES)
    order = row_order(table, "area", kept=table.columns["area"] < 2.5)
    assert order.shown.tolist() == [3, 5, 4]
    assert order.place.tolist() == [-1, -1, 0, 2, 1]
    assert order.places_of([4, 1, 3, 3]).tolist() == [0, 2]


def test_no_object_at_all() -> None:
    order = row_order(many(5).where(np.zeros(5, bool)), "area")
    assert len(order) == 0
    assert order.places_of([1, 2]).tolist() == []


def test_runs_of_neighbours() -> None:
    assert list(runs_in(np.array([1, 2, 3, 7, 9, 10]))) == [(1, 3), (7, 7), (9, 10)]
    assert list(runs_in(np.array([], np.int64))) == []


def test_only_what_differs_differs() -> None:
    before = table_with(area=SIZES)
    after = table_with(area=[3.0, math.nan, 1.5, 1.0, 9.0], object=[1, 2, 3, 5, 8])
    assert differing(before, before).tolist() == []
    assert differing(before, after).tolist() == [3, 4, 8]
