"""How values are spread: shares, bins, percentiles and whether their intervals hold."""

from __future__ import annotations

import math

import numpy as np
import pytest

from measuring.object_tables import NM, many, table_with
from unetscope.errors import MeasurementError
from unetscope.measuring.histograms import percentiles_of, spread_of
from unetscope.measuring.populations import percentile, population_of
from unetscope.measuring.quantities import Quantity

SIZES = [1.0, 1.0, 1.0, 2.0, 10.0]


@pytest.mark.parametrize(
    ("base", "shares"),
    [
        ("number", [0.2, 0.2, 0.2, 0.2, 0.2]),
        ("area", [1 / 107, 1 / 107, 1 / 107, 4 / 107, 100 / 107]),
        ("volume", [1 / 1011, 1 / 1011, 1 / 1011, 8 / 1011, 1000 / 1011]),
    ],
)
def test_an_object_counts_as_one_as_its_area_or_as_its_volume(
    base: str, shares: list[float]
) -> None:
    spread = spread_of(table_with(diameter=SIZES), "diameter", base)
    assert spread.shares == pytest.approx(shares)


def test_another_base_is_refused() -> None:
    with pytest.raises(MeasurementError, match="by number, area or volume, not by 'mass'"):
        spread_of(table_with(diameter=SIZES), "diameter", "mass")


def test_objects_at_the_edge_and_empty_cells_are_left_out() -> None:
    table = table_with(
        circularity=[0.5, 0.6, math.nan, 0.8],
        at_border=[0, 1, 0, 0],
        weight=[1.0, math.nan, 1.0, 3.0],
    )
    spread = spread_of(table, "circularity")
    assert spread.shares == pytest.approx([0.25, 0, 0, 0.75])
    assert (spread.count, spread.left_out) == (2, 2)
    assert spread_of(table, "circularity", edge="drop").shares[3] == 0.5
    assert spread_of(table, "circularity", edge="keep").count == 3


def test_all_that_counts_lies_in_some_bin() -> None:
    spread = spread_of(many(2000), "circularity")
    edges = spread.edges
    heights = spread.heights()
    assert 8 <= len(heights) <= 60 and (np.diff(edges) > 0).all()
    assert heights.sum() == pytest.approx(1)
    kept = spread.values > 0.8
    assert spread.heights(kept).sum() == pytest.approx(spread.shares[kept].sum())


def test_values_far_apart_are_told_by_their_logarithm() -> None:
    rng = np.random.default_rng(0)
    near, far = rng.lognormal(3, 0.5, 500), rng.lognormal(3, 1.5, 500)
    assert not spread_of(table_with(area=near), "area").log
    spread = spread_of(table_with(area=far), "area")
    edges = spread.edges
    assert spread.log
    assert np.diff(np.log(edges)) == pytest.approx(np.log(edges[1] / edges[0]))
    assert edges[[0, -1]] == pytest.approx([far.min(), far.max()])
    far[0] = 0.0  # which has no logarithm
    assert not spread_of(table_with(area=far), "area").log


@pytest.mark.parametrize("values", [[], [5.0], [5.0, 5.0, 5.0], [math.nan, math.nan]])
def test_little_or_nothing_still_has_bins(values: list[float]) -> None:
    spread = spread_of(table_with(circularity=np.array(values)), "circularity")
    edges = spread.edges
    assert (np.diff(edges) > 0).all()
    assert spread.heights().sum() == pytest.approx(1 if 5.0 in values else 0)
    for number in percentiles_of(spread):
        assert number.low is None and number.reason


@pytest.mark.parametrize("base", ["number", "area", "volume"])
def test_percentiles_of_diameters_are_those_of_the_population(base: str) -> None:
    table = many(3000)
    inside = table.where(table.columns["at_border"] == 0)
    spread = spread_of(table, "diameter", base)
    for percent in (10, 50, 90):
        quick = spread.percentile(percent)
        slow = percentile(population_of([inside]), percent, base)
        assert quick.value == pytest.approx(slow.value, rel=1e-12)
        assert (quick.name, quick.unit, quick.n) == (slow.name, "nm", slow.n)
        assert slow.low is not None and slow.high is not None
        assert quick.low == pytest.approx(slow.low, rel=0.1)
        assert quick.high == pytest.approx(slow.high, rel=0.1)


def test_known_percentiles_stand_as_they_are() -> None:
    spread = spread_of(many(300), "diameter")
    known = Quantity("d50 by number", 55.0, "nm", 300, "objects", "bootstrap", 50.0, 60.0)
    numbers = list(percentiles_of(spread, [known]))
    assert numbers[1] is known and numbers[0].value < 55 < numbers[2].value


@pytest.mark.parametrize("base", ["number", "area"])
def test_intervals_of_percentiles_hold_the_truth(base: str) -> None:
    rng, sigma = np.random.default_rng(5), 0.4
    shift = {"number": 0.0, "area": 2 * sigma**2}[base]  # of a lognormal law (Hatch and Choate)
    held = []
    for _ in range(300):
        table = table_with(NM, diameter=rng.lognormal(4, sigma, 400))
        number = spread_of(table, "diameter", base).percentile(50)
        assert number.low is not None and number.high is not None
        held.append(number.low <= math.exp(4 + shift) <= number.high)
    assert 0.9 <= np.mean(held) <= 0.98
