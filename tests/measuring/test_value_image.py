"""Measures as images, and between which values they are coloured."""

from __future__ import annotations

import math

import numpy as np
import pytest

from unetscope.measuring.pixel_runs import runs_of
from unetscope.measuring.value_image import colour_limits, value_image


@pytest.mark.parametrize("shape", [(30, 40), (4, 20, 25), (1, 1), (1, 7)])
def test_every_pixel_has_the_value_of_its_object(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    numbers = np.array([0, 3, 4, 70_000, 2**32 - 1], np.uint32)
    ids = numbers[rng.integers(0, 5, shape)]
    runs = runs_of(ids)
    values = rng.random(runs.count)
    wanted = np.full(shape, np.nan, np.float32)
    for number, value in zip(runs.numbers, values, strict=True):
        wanted[ids == number] = value
    image = value_image(runs, values)
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, wanted)


def test_an_image_without_objects_or_full_of_one() -> None:
    empty = runs_of(np.zeros((5, 6), np.uint32))
    assert np.isnan(value_image(empty, np.zeros(0))).all()
    full = runs_of(np.ones((5, 6), np.uint32))
    assert (value_image(full, np.array([2.5])) == 2.5).all()
    assert np.isnan(value_image(full, np.array([math.nan]))).all()


def test_colours_run_between_two_and_ninety_eight_percent_of_the_objects() -> None:
    values = np.append(np.arange(101.0), [math.nan, math.inf])
    assert colour_limits(values) == (2.0, 98.0)
    assert colour_limits(np.array([])) == colour_limits(np.array([math.nan])) == (0.0, 1.0)
    low, high = colour_limits(np.array([7.0, 7.0]))
    assert low == 7.0 < high
    assert colour_limits(np.array([0.0])) == (0.0, 1.0)
