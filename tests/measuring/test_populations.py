"""Numbers of many objects against truth: weights at the edge, bases, intervals that hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from unetscope.errors import MeasurementError
from unetscope.measuring import populations
from unetscope.measuring.columns import Extras, columns_of
from unetscope.measuring.object_table import ObjectTable, measure
from unetscope.measuring.objects import Separation, given_objects, objects_of
from unetscope.measuring.populations import (
    Population,
    counted,
    density,
    enough_for,
    mean_diameter,
    nearest_distance,
    objects_needed,
    percentile,
    population_of,
    t_over_images,
)
from unetscope.measuring.quantities import Quantity, Spacing

PX = Spacing((1.0, 1.0))


def population(
    diameter: NDArray[np.float64], weight: NDArray[np.float64] | None = None, images: int = 1
) -> Population:
    weight = np.ones(len(diameter)) if weight is None else weight
    image = np.arange(len(diameter)) % images
    return Population(diameter, weight, image, images, 0, "nm", 2, "weight")


def clipped(sizes: NDArray[np.float64], centres: NDArray[np.float64], field: float) -> ObjectTable:
    """A table of disks (not drawn) at centres (object, 2) in a field whose edges cut some of them.

    Disks that lie outside are not seen; weights are those of their boxes, without pixels.
    """
    reach = sizes[:, None] / 2
    seen = ((centres + reach > 0) & (centres - reach < field)).all(1)
    inside = ((centres - reach >= 0) & (centres + reach <= field)).all(1)
    weight = np.where(inside, (field / (field - np.minimum(sizes, field * 0.999))) ** 2, np.nan)
    zeros = np.zeros(len(sizes))
    values = {column.key: zeros for column in columns_of(PX)}
    values |= {"diameter": sizes, "weight": weight, "at_border": (~inside).astype(np.int64)}
    values |= {"centre_y": centres[:, 0], "centre_x": centres[:, 1]}
    rows = {key: column[seen] for key, column in values.items()}
    return ObjectTable(columns_of(PX), rows, PX, (0.0, 0.0), (field, field))


def scattered(seed: int, field: float, count: int, spread: float = 0.4) -> ObjectTable:
    """Lognormal disks of median 10 thrown at random."""
    rng = np.random.default_rng(seed)
    sizes = 10 * np.exp(spread * rng.standard_normal(count))
    return clipped(sizes, rng.uniform(-60, field + 60, (count, 2)), field)


def test_left_out_alone_makes_the_mean_too_small_and_weights_make_it_right() -> None:
    tables = [scattered(seed, 80.0, 120) for seed in range(200)]
    truth = 10 * np.exp(0.4**2 / 2)
    means = {
        edge: mean_diameter(replace(population_of(tables, edge), images=1)).value
        for edge in ("weight", "drop", "keep")
    }
    assert means["weight"] == pytest.approx(truth, rel=0.02)
    assert means["drop"] < 0.96 * truth
    assert means["keep"] > 1.02 * truth


@pytest.mark.parametrize("percent", [10, 50, 90])
def test_percentiles_of_clipped_lognormal_disks_are_those_of_the_distribution(
    percent: float,
) -> None:
    objects = replace(population_of([scattered(s, 150.0, 400) for s in range(30)]), images=1)
    sigma, z = 0.4, {10: -1.2815516, 50: 0.0, 90: 1.2815516}[percent]
    for base, power in (("number", 0), ("area", 2), ("volume", 3)):
        found = percentile(objects, percent, base)
        assert found.name == f"d{percent} by {base}"
        # by a power of the diameter a lognormal stays one, its median times exp(power · σ²)
        truth = 10 * np.exp(power * sigma**2 + sigma * z)
        assert found.value == pytest.approx(truth, rel=0.03 if power == 0 else 0.06)


def test_percentiles_of_equal_and_of_few_objects() -> None:
    assert percentile(population(np.full(30, 7.0)), 90, "volume").value == 7
    assert percentile(population(np.array([1.0, 3.0])), 50).value == 2


def test_bootstrap_intervals_hold_the_truth_about_as_often_as_they_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(populations, "RESAMPLES", 199)
    held = {"mean": 0, "median": 0}
    for seed in range(120):
        sizes = 10 * np.exp(0.4 * np.random.default_rng(seed).standard_normal(200))
        mean, median = mean_diameter(population(sizes)), percentile(population(sizes), 50)
        held["mean"] += mean.low <= 10 * np.exp(0.08) <= mean.high
        held["median"] += median.low <= 10 <= median.high
    assert all(0.88 <= count / 120 <= 0.99 for count in held.values()), held


def test_from_five_images_on_images_are_drawn_and_their_interval_is_wider() -> None:
    rng = np.random.default_rng(0)
    shift = rng.normal(0, 3, 6)[np.arange(600) % 6]
    sizes = 20 + shift + rng.normal(0, 1, 600)
    one, six = mean_diameter(population(sizes)), mean_diameter(population(sizes, images=6))
    assert six.high - six.low > 4 * (one.high - one.low)
    assert "images" in six.method and "objects, 999" in one.method


def test_the_same_objects_have_the_same_interval() -> None:
    sizes = np.random.default_rng(1).random(50)
    assert mean_diameter(population(sizes)) == mean_diameter(population(sizes))


def test_few_objects_have_a_number_and_the_reason_why_it_has_no_interval() -> None:
    few = population(np.arange(1.0, 8.0))
    for found in (mean_diameter(few), percentile(few, 90), percentile(few, 50, "volume")):
        assert found.low is None and "7 complete objects" in found.reason
    none = mean_diameter(population(np.zeros(0)))
    assert np.isnan(none.value) and none.reason == "no object" and none.n == 0


def test_density_counts_what_the_edges_cut_and_its_interval_holds_it() -> None:
    held, values = 0, []
    for seed in range(100):
        found = density([scattered(seed, 150.0, 400)])
        truth = 400 / 270**2
        values.append(found.value / truth)
        held += found.low <= truth <= found.high
    assert np.mean(values) == pytest.approx(1, abs=0.02)
    assert held >= 88
    assert found.unit == "1/px²"


def test_density_of_five_images_is_theirs_and_of_few_objects_has_no_interval() -> None:
    tables = [scattered(seed, 150.0, 400) for seed in range(5)]
    assert "t over images" in density(tables).method and density(tables).n == 5
    assert density([scattered(0, 40.0, 60)]).reason


def test_a_count_says_that_it_is_counted() -> None:
    table = scattered(0, 150.0, 400)
    found = counted([table, table])
    assert found.value == 2 * len(table) and "counted" in found.reason


def test_mixed_units_and_regions_that_are_no_box_are_refused() -> None:
    table = scattered(0, 100.0, 50)
    with pytest.raises(MeasurementError, match="one unit"):
        population_of([table, replace(table, spacing=Spacing((1.0, 1.0), "nm"))])
    with pytest.raises(MeasurementError, match="no box"):
        population_of([replace(table, rectangular=False)])
    with pytest.raises(MeasurementError, match="at least one"):
        population_of([])


def test_a_number_without_interval_and_without_reason_cannot_be_made() -> None:
    with pytest.raises(MeasurementError, match="reason"):
        Quantity("d50", 1.0, "nm", 3, "objects", "method")
    with pytest.raises(MeasurementError, match="reason"):
        Quantity("d50", 1.0, "nm", 3, "objects", "method", 0.5, 1.5, "none")


def test_a_number_is_said_with_unit_interval_and_count() -> None:
    found = t_over_images("size", np.array([9.0, 10.0, 11.0]), "nm", "mean")
    # t with 2 degrees of freedom is 4.303
    assert str(found) == "size: 10 nm (7.516 to 12.48, 95%; n = 3 images)"
    assert found.as_record()["level"] == 0.95


def test_weights_of_drawn_objects_make_the_mean_of_a_small_field_right() -> None:
    """Squares of 6 and 18 pixels, as many of each, at all places on a torus of 60 pixels."""
    sums = np.zeros(2)
    for size, kind in ((6, 0), (18, 1)):
        for at in range(60):
            labels = np.zeros((60, 60), np.uint8)
            rows = (np.arange(size) + at) % 60
            labels[np.ix_(rows, np.arange(20, 20 + size))] = 1
            table = measure(objects_of(labels, PX, Separation()))
            kept = table.columns["at_border"] == 0
            # the factor of x is that of a place that never touches; y has been moved everywhere
            along_x = 60 / (60 - size - 1)
            sums[kind] += table.columns["weight"][kept].sum() / along_x
    np.testing.assert_allclose(sums, 60)


@pytest.mark.parametrize("axes", [2, 3])
def test_the_mean_distance_of_points_thrown_at_random_is_that_of_poisson(axes: int) -> None:
    side = (40, 40, 40) if axes == 3 else (160, 160)
    values, plain = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        ids = np.zeros(side, np.uint32)
        at = np.unique(rng.integers(0, side[0], (160, axes)), axis=0)
        ids[tuple(at.T)] = np.arange(1, len(at) + 1)
        extras = Extras(neighbours=True)
        table = measure(given_objects(ids, Spacing((1.0,) * axes)), extras=extras)
        found = nearest_distance([table])
        values.append(found.value)
        plain.append(table.columns["nearest_centre"].mean())
        assert found.low < found.value < found.high and "Hanisch" in found.method
    rate = 160 / np.prod(side)
    truth = 0.5 / np.sqrt(rate) if axes == 2 else 0.55396 / np.cbrt(rate)
    assert np.mean(values) == pytest.approx(truth, rel=0.03)
    assert np.mean(plain) > 1.02 * truth  # neighbours behind the edge are missed


def test_the_mean_gap_leaves_out_who_is_nearer_to_the_edge() -> None:
    ids = np.zeros((50, 100), np.uint32)
    ids[20:30, 20:30], ids[20:30, 36:46], ids[2:6, 90:94] = 1, 2, 3
    table = measure(given_objects(ids, PX), extras=Extras(neighbours=True))
    found = nearest_distance([table], "nearest_edge")
    assert found.value == 6 and found.n == 2 and "2 complete objects" in found.reason
    with pytest.raises(MeasurementError, match="ask for their columns"):
        nearest_distance([measure(given_objects(ids, PX))])
    assert np.isnan(nearest_distance([table.where(np.zeros(3, bool))]).value)


@pytest.mark.parametrize(("percent", "base"), [(50, "number"), (90, "number"), (50, "volume")])
def test_as_many_objects_as_are_needed_come_as_near_as_was_asked(percent: float, base: str) -> None:
    rng, sigma, power = np.random.default_rng(0), 0.3, {"number": 0, "volume": 3}[base]
    z = {50: 0.0, 90: 1.2815516}[percent]
    truth = 10 * np.exp(power * sigma**2 + sigma * z)
    many = population(10 * np.exp(sigma * rng.standard_normal(40_000)))
    needed = objects_needed(many, percent, base)
    near = 0
    for _ in range(200):
        sizes = 10 * np.exp(sigma * rng.standard_normal(needed))
        near += abs(np.log(percentile_alone(sizes, percent, power) / truth)) <= np.log(1.05)
    assert 0.9 <= near / 200 <= 0.99
    assert objects_needed(many, percent, base, 0.1) < needed / 3


def percentile_alone(sizes: NDArray[np.float64], percent: float, power: int) -> float:
    sizes = np.sort(sizes)
    heap = np.cumsum(sizes**power)
    return float(np.interp(percent / 100, (heap - sizes**power / 2) / heap[-1], sizes))


def test_it_is_said_for_what_there_are_enough_objects() -> None:
    rng = np.random.default_rng(1)
    told = enough_for(population(20 * np.exp(0.47 * rng.standard_normal(700))))
    assert told.startswith("n = 700: enough for d50 by number, not for d50 by volume (")
    assert "d90 by volume (" in told and told.endswith("to be within 5%.")
    assert enough_for(population(np.full(700, 5.0))).count("not for") == 0
    assert "too few" in enough_for(population(np.arange(1.0, 5.0)))
    with pytest.raises(MeasurementError, match="needs 10"):
        objects_needed(population(np.arange(1.0, 5.0)), 50, "number")


def test_objects_longer_than_half_of_the_field_are_noted() -> None:
    ids = np.zeros((40, 40), np.uint32)
    ids[5:15, 5:25] = 1
    assert measure(given_objects(ids, PX)).notes == ()
    ids[5:15, 5:26] = 1
    assert "1 object is longer than half" in measure(given_objects(ids, PX)).notes[0]
