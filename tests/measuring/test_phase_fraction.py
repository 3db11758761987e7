"""The share of a phase and its interval: of Boolean models, whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from unetscope.errors import MeasurementError
from unetscope.measuring import phase_fraction
from unetscope.measuring.phase_fraction import fraction, share_of
from unetscope.measuring.quantities import Spacing

PX = Spacing((1.0, 1.0))


def boolean_disks(seed: int, share: float, radius: float, size: int = 256) -> NDArray[np.bool_]:
    """Disks thrown at random until 1 - exp(-λπr²) is ``share``; the edges cut them."""
    rng = np.random.default_rng(seed)
    wide = size + 2 * radius
    count = rng.poisson(-np.log(1 - share) / (np.pi * radius**2) * wide**2)
    mask = np.zeros((size, size), bool)
    reach = int(radius) + 1
    for y, x in rng.uniform(-radius, size + radius, (count, 2)):
        rows = np.arange(max(0, int(y) - reach), min(size, int(y) + reach + 2))
        columns = np.arange(max(0, int(x) - reach), min(size, int(x) + reach + 2))
        near = (rows[:, None] - y) ** 2 + (columns - x) ** 2 <= radius**2
        mask[np.ix_(rows, columns)] |= near
    return mask


@pytest.mark.parametrize(("share", "radius"), [(0.3, 8), (0.3, 20), (0.1, 6)])
def test_the_interval_of_one_image_holds_the_truth_where_that_of_its_pixels_does_not(
    share: float, radius: float
) -> None:
    held = pixels = 0
    for seed in range(60):
        found = fraction([share_of(boolean_disks(seed, share, radius), PX)], "pores", 2)
        held += found.low <= share <= found.high
        half = 1.96 * np.sqrt(found.value * (1 - found.value) / found.n)
        pixels += abs(found.value - share) <= half
    assert held >= 60 * 0.87
    assert pixels < 60 * 0.3


def test_blocks_of_a_large_image_give_nearly_the_same_interval(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mask = boolean_disks(3, 0.3, 12)
    whole = share_of(mask, PX)
    monkeypatch.setattr(phase_fraction, "_MOST", {2: 128 * 128, 3: 1})
    blocks = share_of(mask, PX)
    assert blocks.value == whole.value
    assert blocks.variance == pytest.approx(whole.variance, rel=0.1)


def test_covariance_counts_distance_in_the_world() -> None:
    mask = boolean_disks(4, 0.3, 12)
    flat = share_of(mask[::3], Spacing((3.0, 1.0)))
    assert flat.variance == pytest.approx(share_of(mask, PX).variance, rel=0.35)


def test_a_region_counts_alone() -> None:
    mask = boolean_disks(5, 0.3, 8)
    region = np.zeros(mask.shape, bool)
    region[:, :100] = True
    part, cropped = share_of(mask, PX, region), share_of(mask[:, :100], PX)
    assert part.value == cropped.value and part.pixels == cropped.pixels
    assert part.variance == pytest.approx(cropped.variance, rel=1e-6)


def test_a_stack_has_a_volume_fraction() -> None:
    mask = np.random.default_rng(0).random((20, 30, 30)) < 0.25
    found = fraction([share_of(mask, Spacing((1.0, 1.0, 1.0)))], "pores", 3)
    assert found.name == "volume fraction of pores"
    # pixels that know nothing of each other: the binomial is right
    half = 1.96 * np.sqrt(0.25 * 0.75 / mask.size)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.35)


def test_several_images_join_theirs_and_five_speak_as_images() -> None:
    shares = [share_of(boolean_disks(seed, 0.3, 8), PX) for seed in range(5)]
    one, four, five = (fraction(shares[:n], "pores", 2) for n in (1, 4, 5))
    assert four.high - four.low < one.high - one.low
    assert five.of == "images" and five.n == 5
    assert five.value == pytest.approx(np.mean([share.value for share in shares]))


def test_a_rare_class_has_an_interval_above_nothing() -> None:
    mask = np.zeros((200, 200), bool)
    mask[50:54, 50:54] = mask[120:124, 30:34] = True
    found = fraction([share_of(mask, PX)], "cracks", 2)
    assert 0 < found.low < found.value < found.high


@pytest.mark.parametrize("value", [0, 1])
def test_a_class_without_or_with_every_pixel_has_a_share_and_no_interval(value: int) -> None:
    found = fraction([share_of(np.full((30, 30), bool(value)), PX)], "pores", 2)
    assert found.value == value and "pixel here" in found.reason


def test_structures_as_large_as_the_image_have_no_interval() -> None:
    mask = np.zeros((64, 64), bool)
    mask[:, :32] = True
    assert "nearly as large" in fraction([share_of(mask, PX)], "half", 2).reason


def test_an_empty_region_and_shapes_that_differ_are_refused() -> None:
    with pytest.raises(MeasurementError, match="no pixel"):
        share_of(np.ones((4, 4), bool), PX, np.zeros((4, 4), bool))
    with pytest.raises(MeasurementError, match="same axes"):
        share_of(np.ones((4, 4), bool), PX, np.zeros((4, 5), bool))
