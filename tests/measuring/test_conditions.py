"""Conditions as people type them, and what is said of those that cannot be read."""

from __future__ import annotations

import math

import pytest

from measuring.object_tables import table_with
from unetscope.errors import MeasurementError
from unetscope.measuring.columns import columns_of
from unetscope.measuring.conditions import read_conditions, within
from unetscope.measuring.object_table import ObjectTable
from unetscope.measuring.quantities import Spacing

NAN = math.nan
CLASSES = {1: "nucleus", 2: "cells, dead"}


@pytest.fixture
def table() -> ObjectTable:
    return table_with(
        diameter=[50.0, 100.0, 150.0, 200.0, NAN],
        area=[0.1, 0.2, 0.3, 0.4, 0.5],
        circularity=[0.5, 0.7, NAN, 0.9, 1.0],
        at_border=[1, 0, 0, 1, 0],
        **{"class": [1, 1, 2, 2, 1]},
    )


def meant(text: str, table: ObjectTable) -> list[int]:
    found = read_conditions(text, table.about, CLASSES)
    numbers = table.columns["object"]
    kept: list[int] = numbers[found.fitting(table)].tolist()
    again = read_conditions(found.text, table.about, CLASSES)
    assert numbers[again.fitting(table)].tolist() == kept, "its words mean the same"
    return kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", [1, 2, 3, 4, 5]),
        ("area > 0.2", [3, 4, 5]),
        ("area>=.2", [2, 3, 4, 5]),
        ("Area ≤ 2e-1 nm²", [1, 2]),
        ("d < 100", [1]),
        ("100 < d", [3, 4]),
        ("100 <= diameter nm < 200", [2, 3]),
        ("100 nm ≤ d < 0.2 µm", [2, 3]),
        ("d 100 to 150 nm", [2, 3]),
        ("d from 100 nm to .15 um", [2, 3]),
        ("diameter_nm > 150", [4]),
        ("area_nm2 > 0.4", [5]),
        ("area > 0,35", [4, 5]),
        ("area < 4e-7 um2", [1, 2, 3]),
        ("circ > 0.6", [2, 4, 5]),
        ("circularity != 0.5", [2, 4, 5]),
        ("at border", [1, 4]),
        ("not at_border", [2, 3, 5]),
        ("at_border = 0", [2, 3, 5]),
        ("at border >= 0", [1, 2, 3, 4, 5]),
        ("area > 0.1, not at border and d<=150", [2, 3]),
        ("area > 0.1,not at border", [2, 3, 5]),
        ("class = Nucleus", [1, 2, 5]),
        ("class ≠ 1", [3, 4]),
        ("class = 2", [3, 4]),
        ("# = 3", [3]),
    ],
)
def test_what_is_typed_means_these_objects(text: str, kept: list[int], table: ObjectTable) -> None:
    assert meant(text, table) == kept


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("size > 2", "there is no column “size”; there are object, class"),
        ("feret > 2", "“feret” may be feret max or feret min"),
        ("area", "“area” does not say how much area"),
        ("area >", "“area >” is no whole comparison"),
        ("> 2", "“> 2” is no whole comparison"),
        ("area > big", "“big” is no number to compare area with"),
        ("area > 2 nm", "area is in nm², which nm cannot be compared with"),
        ("circ > 2 nm", "circularity has no unit, which nm"),
        ("d > 100 px", "diameter is in nm, which px cannot be compared with"),
        ("d > 1,000", "may be a thousand or a decimal"),
        ("class = cell", "there is no class “cell”; there are nucleus, cells, dead"),
        ("1 < d < 2 < 3", "is no whole comparison"),
    ],
)
def test_what_cannot_be_read_is_said(text: str, said: str, table: ObjectTable) -> None:
    with pytest.raises(MeasurementError) as told:
        read_conditions(text, table.about, CLASSES)
    assert said in str(told.value)


def test_lengths_in_pixels_take_pixels() -> None:
    table = table_with(Spacing((1.0, 1.0)), diameter=[5.0, 20.0])
    assert meant("d > 10 px", table) == [2]
    assert meant("area < 2 px²", table) == [1, 2]


def test_a_range_can_be_typed_as_it_reads(table: ObjectTable) -> None:
    about = {column.key: column for column in columns_of(table.spacing)}
    found = within(about["diameter"], 100, 150)
    assert found.text == "diameter ≥ 100 nm, diameter ≤ 150 nm"
    assert meant(found.text, table) == [2, 3]
    assert within(about["angle"], -math.inf, 30).text == "angle ≤ 30°"
    assert not within(about["angle"], -math.inf, math.inf)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("", (-math.inf, math.inf)),
        ("area > 3", (-math.inf, math.inf)),
        ("d > 100, d < 300 nm, d < 0.2 µm", (100, 200)),
        ("d = 150, d ≠ 3", (150, 150)),
    ],
)
def test_the_range_that_is_left_of_a_column(
    text: str, span: tuple[float, float], table: ObjectTable
) -> None:
    assert read_conditions(text, table.about).range_of("diameter") == span
