"""Images at another pixel size: right values, the same bits in parts, and labels brought back."""

from __future__ import annotations

import numpy as np
import pytest

from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.images.rescaled import before, nearest, resampled


@pytest.mark.parametrize("factors", [(0.5, 0.5), (0.37, 0.8), (2.0, 2.0), (1.3, 0.6), (1.0, 1.0)])
def test_a_ramp_stays_a_ramp(factors) -> None:
    y, x = np.mgrid[0:120, 0:160]
    image = Micrograph((3.0 * y + 2.0 * x).astype(np.float32), "yx", (4.0, 8.0), "nm")
    seen = resampled(image, factors)
    assert seen.spatial_shape == (round(120 * factors[0]), round(160 * factors[1]))
    assert seen.pixel_size == pytest.approx((4.0 / factors[0], 8.0 / factors[1]))
    found = seen.plane()[0]
    rows = (np.arange(found.shape[0]) + 0.5) / factors[0] - 0.5
    columns = (np.arange(found.shape[1]) + 0.5) / factors[1] - 0.5
    expected = 3 * rows[:, None] + 2 * columns
    inner = (slice(3, -3), slice(3, -3))
    # a pixel is flat, so that a part of one is off by at most an eighth of a step at each end
    assert np.abs(found - expected)[inner].max() < (3 * 0.37 + 2 * 0.8) / 8 * 2


def test_shrinking_to_half_is_the_mean_of_four() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60)).astype(np.uint8)
    found = resampled(as_micrograph(pixels), (0.5, 0.5)).plane()[0]
    assert np.allclose(found, pixels.reshape(20, 2, 30, 2).mean((1, 3)), atol=1e-4)


@pytest.mark.parametrize("factors", [(0.5, 0.5), (0.37, 0.8), (2.1, 2.1)])
def test_parts_have_the_same_bits_as_the_whole(factors) -> None:
    pixels = np.random.default_rng(0).random((3, 90, 110), np.float32)
    seen = resampled(as_micrograph(pixels, axes="zyx"), factors)
    for z in range(3):
        whole = seen.plane(z)
        for y, x in ((slice(3, 20), slice(0, 7)), (slice(11, 12), slice(5, 40))):
            assert np.array_equal(seen.plane(z, (y, x)), whole[:, y, x])
    assert np.array_equal(seen.sample_pixels(500), seen.sample_pixels(500))


@pytest.mark.parametrize("factor", [0.25, 0.37, 0.8, 1.0, 1.7, 4.0])
def test_parts_brought_back_cover_the_image_once(factor) -> None:
    length, after = 101, round(101 * factor)
    found = nearest(slice(0, length), factor, after)
    assert found.min() >= 0 and found.max() < after and (np.diff(found) >= 0).all()
    parts = [before(slice(a, min(a + 7, after)), factor, length, after) for a in range(0, after, 7)]
    assert [i for part in parts for i in range(part.start, part.stop)] == list(range(length))
