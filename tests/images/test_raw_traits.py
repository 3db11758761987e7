"""Numbers of a recording follow what is done to an image, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from unetscope.images.micrograph import as_micrograph
from unetscope.images.raw_traits import raw_traits, spread_crops


@pytest.fixture(scope="module")
def plain() -> np.ndarray:
    rng = np.random.default_rng(0)
    field = ndimage.gaussian_filter(rng.normal(size=(300, 400)), 4)
    return 100 + 40 * field / field.std() + rng.normal(0, 3, field.shape)


def test_noise_is_found_as_a_share_of_the_grey_range(plain) -> None:
    rng = np.random.default_rng(1)
    flat = np.linspace(0, 1000, 400)[None, :] + rng.normal(0, 20, (300, 400))
    told = raw_traits(as_micrograph(flat))
    assert told.range == pytest.approx(980, rel=0.05)
    assert told.noise == pytest.approx(20 / told.range, rel=0.05)


def test_blur_makes_the_spectrum_steeper_and_the_noise_smaller(plain) -> None:
    sharp = raw_traits(as_micrograph(plain))
    blurred = raw_traits(as_micrograph(ndimage.gaussian_filter(plain, 2)))
    assert blurred.slope < 1.5 * sharp.slope < 0
    assert blurred.noise < sharp.noise / 4


def test_other_light_changes_the_range_alone(plain) -> None:
    one, other = raw_traits(as_micrograph(plain)), raw_traits(as_micrograph(plain * 7 - 300))
    assert other.range == pytest.approx(7 * one.range)
    assert other.as_row()[:3] == pytest.approx(one.as_row()[:3])


def test_saturated_pixels_are_counted_at_both_ends(plain) -> None:
    cut = np.clip(plain, *np.percentile(plain, (10, 80)))
    assert raw_traits(as_micrograph(cut)).saturated == pytest.approx(0.3, abs=0.01)


def test_constant_tiny_and_missing_pixels_give_finite_numbers() -> None:
    for pixels in (np.zeros((40, 40)), np.ones((1, 3)), np.full((20, 20), np.nan)):
        assert np.isfinite(raw_traits(as_micrograph(pixels)).as_row()).all()


@pytest.mark.parametrize("shape", [(100, 90), (3000, 500), (40, 700, 700), (5, 60, 4000)])
def test_crops_are_few_inside_and_spread(shape) -> None:
    image = as_micrograph(np.zeros(shape, np.uint8), axes="zyx"[-len(shape) :])
    crops = spread_crops(image)
    assert 1 <= len(crops) <= 16
    assert len(set(map(str, crops))) == len(crops)
    assert max(one.y.stop for one in crops) > shape[-2] / 2
    assert max(one.x.stop for one in crops) > shape[-1] / 2
    assert all(one.y.stop <= shape[-2] and one.x.stop <= shape[-1] for one in crops)
    if len(shape) == 3:
        assert len({one.z for one in crops}) == 4
