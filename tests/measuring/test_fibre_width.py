"""Width and direction of fibres: of strips and networks whose width is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from unetscope.errors import MeasurementError
from unetscope.measuring.fibre_width import fibre_quantities, fibres_of
from unetscope.measuring.quantities import Quantity, Spacing

PX = Spacing((1.0, 1.0))


def strips(
    width: float, degrees: float, offsets: tuple[float, ...], size: int = 200
) -> NDArray[np.bool_]:
    """Parallel strips across the image, anticlockwise from +x, at distances from its middle."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    turn = np.deg2rad(degrees)
    across = x * np.sin(turn) + y * np.cos(turn)
    return np.any([np.abs(across - offset) <= width / 2 for offset in offsets], axis=0)


def numbers_of(*masks: NDArray[np.bool_], spacing: Spacing = PX) -> dict[str, Quantity]:
    found = fibre_quantities([fibres_of(mask, spacing) for mask in masks])
    return {number.name: number for number in found}


@pytest.mark.parametrize("width", [3.0, 4.5, 7.5, 12.0, 20.0, 40.0])
def test_a_strip_has_its_width_and_direction_at_any_angle(width: float) -> None:
    for degrees in (8, 23, 38, 52, 67, 82, 98, 113, 128, 142, 157, 172):
        found = numbers_of(strips(width, degrees, (0.3,)))
        assert found["fibre width, median"].value == pytest.approx(width, abs=0.3), degrees
        turned = (found["mean direction of fibres"].value - degrees + 90) % 180 - 90
        assert abs(turned) < 1.5
        assert found["alignment of fibres"].value > 0.99


def test_strips_along_the_grid_have_its_widths_on_average() -> None:
    for degrees in (0, 45, 90):
        shifts = np.linspace(-0.5, 0.5, 8, endpoint=False)
        masks = [strips(6.4, degrees, (shift,)) for shift in shifts]
        widths = [numbers_of(mask)["fibre width, median"].value for mask in masks]
        assert np.mean(widths) == pytest.approx(6.4, abs=0.3), degrees


def test_a_network_has_the_width_of_its_fibres_and_an_interval() -> None:
    mask = np.zeros((300, 300), bool)
    for degrees in (10, 55, 100, 145):
        mask |= strips(10.0, degrees, (-90.2, 0.4, 83.1), 300)
    found = numbers_of(mask)
    median = found["fibre width, median"]
    assert median.value == pytest.approx(10, abs=0.3)
    assert median.n >= 10 and median.low <= median.value <= median.high
    assert 0.2 < found["share of the skeleton used"].value < 0.9
    assert found["alignment of fibres"].value < 0.4


def test_lengths_are_those_of_lines_whatever_their_direction() -> None:
    size = 200
    for degrees in (0, 22, 45, 70):
        found = numbers_of(strips(5.0, degrees, (0.3,), size))
        turn = np.deg2rad(degrees)
        truth = size / max(abs(np.cos(turn)), abs(np.sin(turn)))
        assert found["fibre length by area"].value * size**2 == pytest.approx(truth, rel=0.04)


def test_widths_are_in_the_unit_of_the_image_and_images_are_joined() -> None:
    masks = [strips(8.0, 33, (0.2,)), strips(8.0, 120, (0.4,))]
    nm = numbers_of(*masks, spacing=Spacing((4.0, 4.0), "nm"))
    assert nm["fibre width, median"].value == pytest.approx(32, abs=1.2)
    assert nm["fibre width, median"].n == 2 and "2 pieces" in nm["fibre width, median"].reason


def test_no_fibre_and_a_speck_have_no_width() -> None:
    empty, speck = np.zeros((50, 50), bool), np.zeros((50, 50), bool)
    speck[20:23, 20:23] = True
    for mask in (empty, speck):
        found = numbers_of(mask)
        assert math.isnan(found["fibre width, median"].value)
        assert found["fibre width, median"].reason
    assert numbers_of(empty)["fibre length by area"].value == 0


def test_stacks_and_pixels_that_are_not_square_are_refused() -> None:
    for spacing in (Spacing((2.0, 1.0)), Spacing((1.0, 1.0, 1.0))):
        with pytest.raises(MeasurementError, match="square"):
            fibres_of(np.ones((9,) * len(spacing.size), bool), spacing)
