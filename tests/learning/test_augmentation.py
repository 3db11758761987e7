"""Augmentation moves labels with their image, repeats from its seed, and is quick."""

from __future__ import annotations

import pytest
import torch

from unetscope.learning.augmentation import Augmenter, AugmentOptions
from unetscope.learning.losses import IGNORE

NEUTRAL = AugmentOptions(
    flips=False,
    quarter_turns=False,
    rotation_degrees=0.0,
    scale=(1.0, 1.0),
    brightness=0.0,
    contrast=(1.0, 1.0),
    gamma=(1.0, 1.0),
    noise=0.0,
    blur_px=0.0,
    probability=1.0,
)
GEOMETRY = AugmentOptions(
    brightness=0.0, contrast=(1.0, 1.0), gamma=(1.0, 1.0), noise=0.0, blur_px=0.0, probability=1.0
)


def batch(size: int = 64, count: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    images = torch.rand(count, 1, size, size, generator=generator) * 3 - 1
    targets = torch.randint(-1, 3, (count, size, size), generator=generator)
    return images, targets


def test_the_same_seed_gives_bitwise_the_same_and_another_does_not() -> None:
    first, second, third = (Augmenter(AugmentOptions(), seed) for seed in (5, 5, 6))
    for _ in range(3):
        images, targets = first(*batch())
        again_images, again_targets = second(*batch())
        other_images, _ = third(*batch())
        assert torch.equal(images, again_images) and torch.equal(targets, again_targets)
        assert not torch.equal(images, other_images)


def test_the_global_random_state_is_neither_read_nor_moved() -> None:
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    images, _ = Augmenter(AugmentOptions(), 0)(*batch())
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(Augmenter(AugmentOptions(), 0)(*batch())[0], images)


def test_inputs_stay_as_they_were() -> None:
    images, targets = batch()
    kept_images, kept_targets = images.clone(), targets.clone()
    Augmenter(AugmentOptions(probability=1.0), 0)(images, targets)
    assert torch.equal(images, kept_images) and torch.equal(targets, kept_targets)


def test_neutral_options_change_nothing() -> None:
    images, targets = batch()
    new_images, new_targets = Augmenter(NEUTRAL, 0)(images, targets)
    torch.testing.assert_close(new_images, images, atol=1e-6, rtol=0)
    assert torch.equal(new_targets, targets)


def test_labels_move_with_the_image() -> None:
    """An image that shows its own labels still shows them after any move."""
    size = 96
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    targets = ((y // 12 + 2 * (x // 16)) % 3).expand(8, size, size).contiguous()
    images = targets[:, None].float() / 2
    for seed in range(4):
        moved, moved_targets = Augmenter(GEOMETRY, seed)(images, targets)
        labelled = moved_targets != IGNORE
        assert labelled.float().mean() > 0.6
        shown = (moved[:, 0] * 2).round().long()
        # Interpolation blurs borders between labels; everywhere else they must agree.
        assert (shown == moved_targets)[labelled].float().mean() > 0.88


def test_a_shrunken_patch_is_surrounded_by_unlabelled_pixels() -> None:
    options = AugmentOptions(
        flips=False, quarter_turns=False, rotation_degrees=0.0, scale=(0.5, 0.5), probability=1.0
    )
    targets = torch.ones(2, 64, 64, dtype=torch.int64)
    _, moved = Augmenter(options, 0)(torch.rand(2, 1, 64, 64), targets)
    assert torch.all(moved[:, :14] == IGNORE) and torch.all(moved[:, :, -14:] == IGNORE)
    assert torch.all(moved[:, 18:46, 18:46] == 1)


def test_all_eight_symmetries_occur_and_only_half_turns_when_not_square() -> None:
    options = AugmentOptions(probability=0.0)
    corners = torch.zeros(64, 1, 8, 8)
    corners[:, :, 0, 1] = 1.0
    moved, _ = Augmenter(options, 0)(corners, torch.zeros(64, 8, 8, dtype=torch.int64))
    assert len({int(image.argmax()) for image in moved}) == 8
    wide, _ = Augmenter(options, 0)(
        torch.rand(16, 1, 8, 12), torch.zeros(16, 8, 12, dtype=torch.int64)
    )
    assert wide.shape == (16, 1, 8, 12)


def test_values_stay_finite_and_within_the_range_of_normalised_images() -> None:
    options = AugmentOptions(noise=0.5, brightness=1.0, gamma=(0.2, 5.0), probability=1.0)
    for seed in range(5):
        images, targets = Augmenter(options, seed)(*batch())
        assert torch.isfinite(images).all()
        assert images.min() >= -1 and images.max() <= 2
        assert targets.dtype == torch.int64 and targets.min() >= IGNORE and targets.max() <= 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tiny_patches_and_several_channels_are_accepted(dtype: torch.dtype) -> None:
    images = torch.rand(2, 3, 4, 5, dtype=dtype)
    moved, targets = Augmenter(AugmentOptions(probability=1.0), 0)(
        images, torch.zeros(2, 4, 5, dtype=torch.int64)
    )
    assert moved.shape == images.shape and moved.dtype == dtype and targets.shape == (2, 4, 5)
