"""Grain size numbers of Voronoi grains on a torus, each against its own truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from unetscope.errors import MeasurementError
from unetscope.measuring.grain_size import (
    intercepts_of,
    size_by_area,
    size_by_count,
    size_by_intercept,
)
from unetscope.measuring.object_table import measure
from unetscope.measuring.objects import given_objects
from unetscope.measuring.quantities import Spacing

MICRON = Spacing((1.0, 1.0), "µm")


def voronoi(seed: int, size: int, grains: int) -> NDArray[np.uint32]:
    """Poisson-Voronoi grains on a torus of ``size`` pixels."""
    seeds = np.random.default_rng(seed).uniform(0, size, (grains, 2))
    y, x = np.mgrid[:size, :size] + 0.5
    near = cKDTree(seeds, boxsize=size).query(np.stack([y.ravel(), x.ravel()], 1))[1]
    return (near + 1).reshape(size, size).astype(np.uint32)


def numbers_of(ids: NDArray[np.uint32]) -> dict[str, float]:
    table = measure(given_objects(ids, MICRON))
    told = [size_by_area([table]), size_by_count([table])]
    told += size_by_intercept([intercepts_of(ids, MICRON)])
    return {number.name: number for number in told}


def test_each_method_has_its_own_truth_in_small_fields() -> None:
    size, grains, frame = 300, 150, 150
    found = [numbers_of(voronoi(seed, size, grains)[:frame, :frame]) for seed in range(30)]
    per_mm2 = grains / (size * 1e-3) ** 2
    truth = {
        "G by area": -3.3223 * math.log10(1 / per_mm2) - 2.955,
        "G by count": 3.321928 * math.log10(per_mm2) - 2.954,
        # the mean chord of Poisson-Voronoi cells is π / 4 / √N
        "G by intercept": -6.643856 * math.log10(math.pi / 4 / math.sqrt(per_mm2)) - 3.288,
    }
    for name, value in truth.items():
        assert np.mean([one[name].value for one in found]) == pytest.approx(value, abs=0.12), name


def test_intervals_of_fifty_grains_hold_the_truth_mostly() -> None:
    held = dict.fromkeys(("G by area", "G by count", "G by intercept"), 0)
    per_mm2 = 200 / 0.3**2
    area = 3.321928 * math.log10(per_mm2) - 2.954
    chord = -6.643856 * math.log10(math.pi / 4 / math.sqrt(per_mm2)) - 3.288
    for seed in range(40):
        found = numbers_of(voronoi(seed, 300, 200)[:150, :150])
        for name in held:
            truth = chord if "intercept" in name else area
            held[name] += found[name].low <= truth <= found[name].high
    assert all(count >= 35 for count in held.values()), held


def test_intercepts_along_stretched_grains_differ_by_direction() -> None:
    ids = np.kron(np.arange(1, 101).reshape(10, 10), np.ones((10, 20), int)).astype(np.uint32)
    found = {n.name: n for n in size_by_intercept([intercepts_of(ids, MICRON)])}
    assert found["mean intercept along x"].value == pytest.approx(199 / 9)
    assert found["mean intercept along y"].value == pytest.approx(99 / 9)
    assert found["anisotropy index"].value == pytest.approx(199 / 99)
    falling, rising = (
        found[f"mean intercept along the {way} diagonal"] for way in ("falling", "rising")
    )
    assert falling.value == pytest.approx(rising.value)
    # a line that falls meets the sides of both directions: 1 / l = (1 / 20 + 1 / 10) / √2
    assert falling.value == pytest.approx(
        np.sqrt(2) / (1 / 20 + 1 / 10), rel=0.15
    )  # 9 of 10, corners


def test_a_boundary_between_two_grains_is_crossed_once() -> None:
    ids = np.zeros((4, 11), np.uint32)
    ids[:, :5], ids[:, 7:] = 1, 2
    found = intercepts_of(ids, MICRON)
    assert found.crossings[:2] == (4, 0)
    assert found.lengths[:2] == (40.0, 3.0 * 9)
    # one diagonal of four pixels spans the boundary of two from one grain to the other
    assert found.crossings[2:] == (1, 1)


def test_lines_along_diagonals_are_those_of_the_matrix() -> None:
    ids = np.random.default_rng(0).integers(0, 4, (17, 30)).astype(np.uint32)
    found = intercepts_of(ids, Spacing((2.0, 1.0), "µm"))
    for turned, at in ((ids, 2), (ids[::-1], 3)):
        crossed, steps = 0, 0
        for number in range(-16, 30):
            line = np.diagonal(turned, number)
            places = np.flatnonzero(line)
            crossed += np.count_nonzero(np.diff(line[places]))
            steps += places[-1] - places[0] if len(places) else 0
        assert found.crossings[at] == crossed
        assert found.lengths[at] == pytest.approx(steps * np.sqrt(5))
    assert sum(found.shares) == pytest.approx(1)


def test_without_a_pixel_size_and_in_stacks_there_is_no_grain_size() -> None:
    ids = voronoi(0, 60, 10)
    table = measure(given_objects(ids, Spacing((1.0, 1.0))))
    with pytest.raises(MeasurementError, match="pixel size"):
        size_by_area([table])
    with pytest.raises(MeasurementError, match="plane"):
        intercepts_of(ids[None], MICRON)


def test_no_grain_is_no_number() -> None:
    found = numbers_of(np.zeros((30, 30), np.uint32))
    assert all(math.isnan(number.value) and number.reason for number in found.values())
