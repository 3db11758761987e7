"""Losses equal their formulas on labelled pixels and are blind to all others."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from unetscope.learning.losses import (
    IGNORE,
    masked_cross_entropy,
    masked_dice_loss,
    segmentation_loss,
)

WEIGHTS = torch.tensor([0.2, 1.0, 3.0])


def batch(seed: int = 0, share: float = 0.3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 3, 8, 9, generator=generator).requires_grad_()
    targets = torch.randint(0, 3, (2, 8, 9), generator=generator)
    targets[torch.rand(2, 8, 9, generator=generator) > share] = IGNORE
    return logits, targets


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_cross_entropy_equals_torch(weights: torch.Tensor | None) -> None:
    logits, targets = batch()
    expected = functional.cross_entropy(logits, targets, weight=weights, ignore_index=IGNORE)
    torch.testing.assert_close(masked_cross_entropy(logits, targets, weights), expected)


def test_dice_equals_the_formula_by_hand() -> None:
    logits, targets = batch()
    targets[targets == 2] = IGNORE  # class 2 is absent and must not count
    chance = logits.softmax(1).movedim(1, -1)[targets != IGNORE]
    truth = targets[targets != IGNORE]
    parts = []
    for value in (0, 1):
        p, t = chance[:, value], (truth == value).float()
        parts.append(1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1))
    torch.testing.assert_close(masked_dice_loss(logits, targets), sum(parts) / 2)


def test_dice_of_a_perfect_answer_is_nearly_zero() -> None:
    _, targets = batch()
    logits = 50.0 * functional.one_hot(targets.clamp(min=0), 3).movedim(-1, 1).float()
    assert masked_dice_loss(logits, targets).item() < 1e-6


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_unlabelled_pixels_get_exactly_no_gradient(weights: torch.Tensor | None) -> None:
    logits, targets = batch(seed=1)
    segmentation_loss(logits, targets, weights, 0.7).backward()
    assert logits.grad is not None
    per_pixel = logits.grad.movedim(1, -1)
    assert torch.all(per_pixel[targets == IGNORE] == 0)
    assert torch.all(per_pixel[targets != IGNORE].abs().sum(-1) > 0)


@pytest.mark.parametrize("weights", [None, WEIGHTS, torch.zeros(3)])
def test_nothing_labelled_gives_zero_and_no_gradient(weights: torch.Tensor | None) -> None:
    logits, targets = batch()
    loss = segmentation_loss(logits, torch.full_like(targets, IGNORE), weights)
    loss.backward()
    assert loss.item() == 0.0
    assert logits.grad is not None and torch.all(logits.grad == 0)


def test_the_sum_is_cross_entropy_plus_weighted_dice() -> None:
    logits, targets = batch()
    expected = masked_cross_entropy(logits, targets, WEIGHTS) + 0.3 * masked_dice_loss(
        logits, targets
    )
    torch.testing.assert_close(segmentation_loss(logits, targets, WEIGHTS, 0.3), expected)


def test_half_precision_and_volumes_are_accepted() -> None:
    logits = torch.randn(1, 2, 3, 4, 5, dtype=torch.bfloat16)
    targets = torch.randint(-1, 2, (1, 3, 4, 5))
    loss = segmentation_loss(logits, targets)
    assert loss.dtype == torch.float32 and torch.isfinite(loss)
