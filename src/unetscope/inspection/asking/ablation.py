"""What becomes of the mask when a part of the network is taken away.

A skip connection, a channel or a kernel is replaced by zero, by its mean or by its own values in
another order, in a copy of the network, and both answers are compared (Morcos et al. 2018, arXiv
1803.06959, for channels). Zero is a value the layers behind may never have met; the mean takes away
*where* something is and leaves how much of it there is, so it is the fairer question.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unetscope.errors import LabelError, ModelError
from unetscope.inspection.asking.ablation_parts import (
    MODES,
    Channel,
    KernelOf,
    Mode,
    Part,
    Skip,
    answer_without,
    answer_without_channel,
    check_mode,
    only_tensor,
    parse_part,
)
from unetscope.inspection.asking.editing import kernel_of
from unetscope.inspection.asking.steps import LongWork, Step
from unetscope.inspection.following.sharing import with_same_weights
from unetscope.inspection.following.snapshot import Skeleton, finite_batch, running
from unetscope.inspection.following.trace import Trace, follow, module_of


@dataclass(frozen=True, eq=False)
class Ablation:
    """Both answers, and how they differ.

    Classes count from 0. A network with one output channel is read as two classes, background and
    foreground, by the logistic function.

    Attributes
    ----------
    what, mode : the part taken away, and what stands in its place.
    probabilities_before, probabilities_after : (class, [z,] y, x) float32.
    mask_before, mask_after : ([z,] y, x) class index of the largest probability.
    dice_between : per class, Dice of the two masks; NaN where neither mask holds the class.
    dice_before, dice_after : per class, Dice against the labels on labelled pixels, NaN for a class
        that is not among them; None without labels.
    note : what has to be said about the numbers, or "".
    """

    what: Part
    mode: Mode
    probabilities_before: NDArray[np.float32]
    probabilities_after: NDArray[np.float32]
    mask_before: NDArray[np.int64]
    mask_after: NDArray[np.int64]
    dice_between: tuple[float, ...]
    dice_before: tuple[float, ...] | None
    dice_after: tuple[float, ...] | None
    note: str = ""

    @property
    def changed(self) -> NDArray[np.bool_]:
        """([z,] y, x) where the mask is another."""
        return self.mask_before != self.mask_after

    @property
    def changed_share(self) -> float:
        """Share of the pixels where the mask is another."""
        return float(self.changed.mean())

    @property
    def probability_change(self) -> NDArray[np.float32]:
        """(class, [z,] y, x) after minus before."""
        return self.probabilities_after - self.probabilities_before


@dataclass(frozen=True)
class ChannelEffect:
    """What taking one channel away changes: share of the mask, and mean |change of probability|."""

    channel: int
    changed_share: float
    probability_change: float


def ablate(
    model: nn.Module | Trace,
    image: Tensor | NDArray[np.generic],
    what: Part | str,
    mode: Mode = "mean",
    *,
    labels: NDArray[np.integer[Any]] | None = None,
    seed: int = 0,
) -> Ablation:
    """The answer for ``image`` with and without a part of the network.

    Parameters
    ----------
    model : answers with logits (1, class, [z,] y, x); stays as it is, a copy in eval mode is run.
    image : ([channel,] [z,] y, x), scaled as the model takes it.
    what : the part, or its text (see :func:`parse_part`).
    mode : what takes its place. ``"zero"``; ``"mean"``, the mean of every map over space (of a
        kernel: of its taps); ``"shuffled"``, the pixels in another order, the same for all
        channels (of a kernel: its taps).
    labels : ([z,] y, x) with 0 for unlabelled and k for class index k - 1, for the Dice.
    seed : of the shuffling.

    Raises
    ------
    ModelError
        If there is no such part or mode, or the model's answer is no map of logits.
    LabelError
        If the labels do not fit the answer.
    """
    net = module_of(model)
    part = parse_part(what) if isinstance(what, str) else what
    check_mode(mode)
    batch = finite_batch(net, image)
    copy = Skeleton(net).with_weights()
    with torch.no_grad(), running(batch.shape):
        before = _probabilities(copy(batch))
    after = _probabilities(answer_without(model, copy, batch, part, mode, seed))
    masks = before.argmax(axis=0), after.argmax(axis=0)
    dice = None
    if labels is not None:
        dice = tuple(_dice_on_labels(labels, mask, len(before)) for mask in masks)
    return Ablation(
        what=part,
        mode=mode,
        probabilities_before=before,
        probabilities_after=after,
        mask_before=masks[0],
        mask_after=masks[1],
        dice_between=_dice(masks[0], masks[1], len(before)),
        dice_before=None if dice is None else dice[0],
        dice_after=None if dice is None else dice[1],
        note=_note(net, part, mode),
    )


@LongWork
def ablation_ranking(
    model: nn.Module | Trace,
    image: Tensor | NDArray[np.generic],
    layer: str,
    mode: Mode = "mean",
    *,
    channels: Sequence[int] | None = None,
    seed: int = 0,
) -> Iterator[Step[tuple[ChannelEffect, ...]]]:
    """Which channel of ``layer`` the mask needs most: each is taken away in turn.

    Arguments as for :func:`ablate`; ``channels`` None for all. Every step carries the effects so
    far, the largest first.
    """
    net = module_of(model)
    check_mode(mode)
    batch = finite_batch(net, image)
    copy = Skeleton(net).with_weights()
    trace = follow(model, batch.shape)
    shape = trace.call(layer).output_shape or (1, 0)
    wanted = range(shape[1]) if channels is None else [int(channel) for channel in channels]
    with torch.no_grad(), running(batch.shape):
        before = _probabilities(copy(batch))
    mask = before.argmax(axis=0)
    effects: list[ChannelEffect] = []
    for done, channel in enumerate(wanted, start=1):
        logits = answer_without_channel(copy, batch, Channel(layer, channel), mode, seed, trace)
        after = _probabilities(logits)
        share = float((after.argmax(axis=0) != mask).mean())
        effects.append(ChannelEffect(channel, share, float(np.abs(after - before).mean())))
        effects.sort(key=lambda e: (e.changed_share, e.probability_change), reverse=True)
        yield Step(done, len(wanted), tuple(effects))


ablation_ranking_steps = ablation_ranking.steps


def _note(model: nn.Module, part: Part, mode: Mode) -> str:
    if isinstance(part, KernelOf) and mode != "zero" and kernel_of(
        model, part.layer, part.out, part.inp
    ).numel() == 1:  # fmt: skip
        return "A kernel of one tap is its own mean and has no order: nothing changes; use zero."
    said = []
    if isinstance(part, KernelOf) and (also := with_same_weights(model, part.layer)):
        said.append(f"{', '.join(also)} has the same weights and is without it, too.")
    if mode == "zero":
        said.append("Zeros are values the layers behind may never have met (off-distribution).")
    return " ".join(said)


def _probabilities(output: Any) -> NDArray[np.float32]:
    """(class, [z,] y, x) from logits (1, class, [z,] y, x)."""
    logits = only_tensor(output)
    if logits.ndim not in (4, 5) or logits.shape[0] != 1:
        raise ModelError(
            f"the model's answer has shape {tuple(logits.shape)}; a mask needs logits "
            "(1, class, [z,] y, x)."
        )
    scores = logits[0].double()
    if len(scores) == 1:
        scores = torch.cat([torch.zeros_like(scores), scores])  # softmax of (0, s) is (1 − σ, σ)
    return scores.softmax(dim=0).float().cpu().numpy()


def _dice(truth: NDArray[np.int64], mask: NDArray[np.int64], classes: int) -> tuple[float, ...]:
    answers = []
    for index in range(classes):
        true, said = truth == index, mask == index
        total = int(true.sum()) + int(said.sum())
        answers.append(2 * int((true & said).sum()) / total if total else float("nan"))
    return tuple(answers)


def _dice_on_labels(
    labels: NDArray[np.integer[Any]], mask: NDArray[np.int64], classes: int
) -> tuple[float, ...]:
    if labels.shape != mask.shape:
        raise LabelError(f"labels have shape {labels.shape}, the answer {mask.shape}; give one for "
                         "every pixel of the answer.")  # fmt: skip
    if not np.issubdtype(labels.dtype, np.integer):
        raise LabelError(f"labels are {labels.dtype}; give whole numbers, 0 for unlabelled.")
    if labels.size and not 0 <= int(labels.min()) <= int(labels.max()) <= classes:
        raise LabelError(
            f"labels run from {labels.min()} to {labels.max()}; the model has {classes} classes, "
            f"so use 0 for unlabelled and 1 to {classes}."
        )
    painted = labels > 0
    truth = labels[painted].astype(np.int64) - 1
    found = _dice(truth, mask[painted], classes)
    present = set(np.unique(truth).tolist())
    return tuple(v if k in present else float("nan") for k, v in enumerate(found))


__all__ = [
    "MODES",
    "Ablation",
    "Channel",
    "ChannelEffect",
    "KernelOf",
    "Mode",
    "Part",
    "Skip",
    "ablate",
    "ablation_ranking_steps",
    "parse_part",
]
