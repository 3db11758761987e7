"""Calipers between the pixels, of soft disks and ellipses whose diameters are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtr

from unetscope.errors import MeasurementError
from unetscope.measuring.object_table import measure
from unetscope.measuring.objects import given_objects, objects_of
from unetscope.measuring.quantities import Spacing
from unetscope.measuring.soft_outlines import soft_ferets


def soft_disks(diameter: float, width: float, count: int = 60) -> NDArray[np.float64]:
    """Disks below each other, at places between the pixels, with normal edges of this width."""
    rng, cell = np.random.default_rng(int(diameter)), int(diameter + 8 * width) + 4
    y, x = np.mgrid[:cell, :cell]
    middles = (cell - 1) / 2 + rng.uniform(-0.5, 0.5, (count, 2))
    return np.concatenate(
        [ndtr((diameter / 2 - np.hypot(y - cy, x - cx)) / width) for cy, cx in middles]
    )


@pytest.mark.parametrize("diameter", [8, 12, 20, 40, 80])
@pytest.mark.parametrize("width", [0.7, 1.5])
def test_both_calipers_of_soft_disks_are_right_to_a_third_of_a_pixel(
    diameter: float, width: float
) -> None:
    p = soft_disks(diameter, width)
    objects = objects_of((p >= 0.5).astype(np.uint8), Spacing((2.0, 2.0), "nm"))
    largest, smallest = soft_ferets(objects, p)
    assert len(largest) == 60
    assert (largest.mean() / 2 - diameter) == pytest.approx(0, abs=0.3)
    assert (smallest.mean() / 2 - diameter) == pytest.approx(0, abs=0.3)
    # those of the mask are not
    assert measure(objects).columns["feret_max"].mean() / 2 - diameter > 0.3


def test_a_sharp_mask_and_neighbours_that_touch_have_the_middles_of_edges() -> None:
    ids = np.zeros((30, 40), np.uint32)
    ids[0:10, 5:15], ids[0:10, 15:25], ids[25:27, 2:4] = 7, 4_000_000_000, 9
    objects = given_objects(ids, Spacing((1.0, 1.0)))
    largest, smallest = soft_ferets(objects, (ids > 0).astype(np.float32))
    table = measure(objects).columns
    np.testing.assert_allclose(largest, table["feret_max"])
    np.testing.assert_allclose(smallest, table["feret_min"])
    assert np.isnan(largest[1])


def test_pixels_that_are_not_square_and_wrong_shapes() -> None:
    y, x = np.mgrid[:40, :80]
    far = 30 - np.hypot(2 * (y - 19.3), x - 40.2)
    p = ndtr(far / 2)
    objects = objects_of((p >= 0.5).astype(np.uint8), Spacing((2.0, 1.0)))
    largest, smallest = soft_ferets(objects, p)
    assert largest[0] == pytest.approx(60, abs=0.5)
    assert smallest[0] == pytest.approx(60, abs=0.5)
    with pytest.raises(MeasurementError, match="planes"):
        soft_ferets(objects, p[1:])
    nothing = objects_of(np.zeros((9, 9), np.uint8), Spacing((1.0, 1.0)))
    assert len(soft_ferets(nothing, np.zeros((9, 9)))[0]) == 0
