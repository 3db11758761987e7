"""Length of thin lines for each area: of circles and lines whose length is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from unetscope.errors import MeasurementError
from unetscope.measuring.line_length import length_quantities, line_lengths
from unetscope.measuring.quantities import Spacing

PX = Spacing((1.0, 1.0))


def rings(down: int = 1, seed: int = 0, size: int = 300) -> tuple[NDArray[np.bool_], float]:
    """Circles two pixels wide that do not touch the edge, and their length; every nth line."""
    rng, mask, length = np.random.default_rng(seed), np.zeros((size, size), bool), 0.0
    y, x = np.mgrid[:size, :size]
    width = 2.0 * down
    for row in range(5):
        for column in range(5):
            radius = rng.uniform(12, 26)
            middle = (np.array([row, column]) + 0.5) * size / 5 + rng.uniform(-1, 1, 2)
            far = np.hypot(y - middle[0], x - middle[1])
            mask |= np.abs(far - radius) <= width / 2
            length += 2 * math.pi * radius
    return mask[::down], length


def lines(seed: int, size: int = 256, count: int = 40) -> NDArray[np.bool_]:
    """Random straight lines across the image, three pixels wide."""
    rng, mask = np.random.default_rng(seed), np.zeros((size, size), bool)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    for turn, far in zip(
        rng.uniform(0, math.pi, count), rng.uniform(-182, 182, count), strict=True
    ):
        mask |= np.abs(x * math.sin(turn) + y * math.cos(turn) - far) <= 1.5
    return mask


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (2.0, 1.0)])
def test_circles_are_as_long_as_they_are(spacing: tuple[float, float]) -> None:
    mask, length = rings(int(spacing[0]))
    found = length_quantities([line_lengths(mask, Spacing(spacing, "nm"))], "walls")
    field = mask.size * math.prod(spacing)
    by_area, by_length, by_volume = found
    assert by_area.value == pytest.approx(length / field, rel=0.02)
    assert by_length.value == pytest.approx(2 / math.pi * by_area.value)
    assert by_volume.value == pytest.approx(4 / math.pi * by_area.value)
    assert by_area.low < by_area.value < by_area.high and by_area.unit == "1/nm"
    assert "isotropic sections only" in by_volume.method


def test_the_edge_of_image_and_region_is_no_border() -> None:
    mask = np.ones((40, 60), bool)
    assert length_quantities([line_lengths(mask, PX)], "x")[0].value == 0
    region = np.zeros(mask.shape, bool)
    region[10:30, 10:50] = True
    mask[:, 30] = False
    found = line_lengths(mask, PX, region)
    assert found.lengths.sum() == pytest.approx(
        20, rel=0.1
    )  # one direction, and the ends of diagonals
    assert found.fields.sum() == 800


def test_intervals_of_random_lines_hold_the_truth() -> None:
    # the mean of many such images is the truth
    fields = [line_lengths(lines(seed), PX) for seed in range(60)]
    truth = np.mean([field.lengths.sum() / field.fields.sum() for field in fields])
    alone = [length_quantities([field], "lines")[0] for field in fields]
    assert 0.8 <= np.mean([one.low <= truth <= one.high for one in alone]) <= 1
    six = length_quantities(fields[:6], "lines")[0]
    assert six.of == "images" and six.n == 6 and six.low <= truth <= six.high


def test_few_crossings_stacks_and_mixed_units_are_told_or_refused() -> None:
    few = np.zeros((30, 30), bool)
    few[10, 10:14] = True
    assert "an interval needs" in length_quantities([line_lengths(few, PX)], "x")[0].reason
    with pytest.raises(MeasurementError, match="planes"):
        line_lengths(np.ones((3, 4, 5), bool), Spacing((1.0, 1.0, 1.0)))
    nm = line_lengths(few, Spacing((1.0, 1.0), "nm"))
    with pytest.raises(MeasurementError, match="one"):
        length_quantities([nm, line_lengths(few, PX)], "x")
