"""Losses that see only labelled pixels.

Unlabelled pixels (`IGNORE`) get a gradient of exactly zero, and a batch without any labelled
pixel gives a loss of zero with zero gradient, not NaN.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

IGNORE = -1  # target of a pixel nobody labelled

Joined = Callable[[torch.Tensor], torch.Tensor]
"""From sums over the pixels of this process to those over the pixels of all that train together."""


def alone(sums: torch.Tensor) -> torch.Tensor:
    """Nobody trains along: the sums as they are."""
    return sums


def masked_cross_entropy(
    logits: torch.Tensor,
    targets: torch.Tensor,
    class_weights: torch.Tensor | None = None,
    *,
    joined: Joined = alone,
) -> torch.Tensor:
    """Cross-entropy averaged over labelled pixels, in nats.

    Equals ``torch.nn.functional.cross_entropy(..., weight=class_weights, ignore_index=IGNORE)``
    wherever that is a number.

    Parameters
    ----------
    logits : (b, K, y, x) tensor (or (b, K, z, y, x))
        Any float dtype; the loss is taken in float32.
    targets : (b, y, x) integer tensor
        Class indices 0..K-1, or `IGNORE`.
    class_weights : (K,) tensor, optional
        The mean is weighted by the weight of each pixel's true class.
    joined
        What makes a mean over the pixels of several processes of it.
    """
    weights = None if class_weights is None else class_weights.to(logits.device, torch.float32)
    total = functional.cross_entropy(
        logits.float(), targets.long(), weight=weights, ignore_index=IGNORE, reduction="sum"
    )
    labelled = targets != IGNORE
    if weights is None:
        mass = labelled.sum().float()
    else:
        mass = (weights[targets.long().clamp(min=0)] * labelled).sum()
    total, mass = joined(torch.stack([total, mass])).unbind()
    return total / torch.where(mass > 0, mass, torch.ones_like(mass))


def masked_dice_loss(
    logits: torch.Tensor,
    targets: torch.Tensor,
    *,
    smooth: float = 1.0,
    joined: Joined = alone,
) -> torch.Tensor:
    """One minus the soft Dice coefficient over labelled pixels, averaged over the classes present.

    For every class with a labelled pixel in the batch: 1 - (2 sum(p t) + s) / (sum(p) + sum(t) + s)
    with p the softmax, t the one-hot target, sums over all labelled pixels of the batch and
    s = ``smooth``. Source: Milletari et al. (2016), "V-Net", with plain instead of squared sums.

    Parameters
    ----------
    logits, targets, joined
        As in `masked_cross_entropy`.
    smooth : float
        Pixels added above and below the line, which calm the ratio of tiny classes.
    """
    labelled = targets != IGNORE
    classes = torch.arange(logits.shape[1], device=logits.device)
    classes = classes.reshape(-1, *[1] * (targets.ndim - 1))
    truth = targets.unsqueeze(1) == classes  # (b, K, y, x), false where nobody labelled
    chance = logits.float().softmax(dim=1) * labelled.unsqueeze(1)
    over_pixels = [0, *range(2, logits.ndim)]
    hit = (chance * truth).sum(over_pixels)  # (K,)
    true, said = truth.sum(over_pixels).float(), chance.sum(over_pixels)
    hit, true, said = joined(torch.stack([hit, true, said])).unbind()
    loss = 1 - (2 * hit + smooth) / (said + true + smooth)
    present = (true > 0).float()
    return (loss * present).sum() / present.sum().clamp(min=1)


def segmentation_loss(
    logits: torch.Tensor,
    targets: torch.Tensor,
    class_weights: torch.Tensor | None = None,
    dice_weight: float = 0.5,
    *,
    joined: Joined = alone,
) -> torch.Tensor:
    """Masked cross-entropy plus ``dice_weight`` times masked Dice loss; see there."""
    if logits.device.type == "cpu":
        # Few pixels are labelled: the rest is left out. (A GPU would have to be waited for.)
        labelled = targets != IGNORE
        logits, targets = logits.movedim(1, -1)[labelled], targets[labelled]  # (n, K), (n,)
    loss = masked_cross_entropy(logits, targets, class_weights, joined=joined)
    if dice_weight:
        loss = loss + dice_weight * masked_dice_loss(logits, targets, joined=joined)
    return loss


def guide_loss(
    logits: torch.Tensor, guide: torch.Tensor, targets: torch.Tensor, *, joined: Joined = alone
) -> torch.Tensor:
    """Cross-entropy to another model's probabilities where nobody labelled: distillation.

    Source: Hinton et al. (2015), arXiv 1503.02531.

    Parameters
    ----------
    logits : (b, K, y, x) tensor.
    guide : (b, K, y, x) integer tensor
        Probabilities in 255ths; `IGNORE` in the first map where the guide says nothing.
    targets : (b, y, x) integer tensor
        Labelled pixels, which the guide must not overrule, hold something else than `IGNORE`.
    """
    told = (guide[:, :1] != IGNORE) & (targets == IGNORE).unsqueeze(1)
    chance = guide.float() * told
    chance = chance / chance.sum(dim=1, keepdim=True).clamp(min=1)
    loss = -(chance * logits.float().log_softmax(dim=1)).sum()
    loss, pixels = joined(torch.stack([loss, told.sum().float()])).unbind()
    return loss / pixels.clamp(min=1)
