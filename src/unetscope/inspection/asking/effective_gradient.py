"""The gradient of one cell with respect to the image, and where it lies in the cell's field."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unetscope.inspection.asking.effective_inputs import Input
from unetscope.inspection.following.asked import checked_channel
from unetscope.inspection.following.follower import LayerCall


def channels_in_turn(
    call: LayerCall, channel: int | None, rng: np.random.Generator
) -> Iterator[int]:
    """The named channel for ever, or all channels in a random order, again and again.

    Raises
    ------
    ModelError
        If the layer has no such channel.
    """
    shape = call.output_shape or ()
    count = shape[1] if len(shape) > 2 else 0
    if channel is not None:
        return cycle([checked_channel(channel, count, call.name)])
    return cycle(rng.permutation(count).tolist())


class _Seen(Exception):
    """The layer has answered; what comes after it need not be computed."""


def gradient_at(
    model: nn.Module, window: Input, call: LayerCall, channel: int, *, fixed: bool
) -> Tensor:
    """([z,] y, x) |∂y/∂x| added over the image's channels, for the pixels of the window.

    A channel that is not ``fixed`` and zero here gives way to one that fires: a closed rectifier
    has no gradient, which adds nothing to the mean.
    """
    answers: list[Tensor] = []
    calls = 0

    def hook(module: nn.Module, args: Any, output: Tensor) -> None:
        nonlocal calls
        calls += 1
        if calls == call.index:
            values = output[0].flatten(start_dim=1)[:, _flat(window.cell, output.shape[2:])]
            firing = torch.nonzero(values.detach()).flatten()
            if not fixed and len(firing) and not values[channel]:
                answers.append(values[firing[channel % len(firing)]])
            else:
                answers.append(values[channel])
            raise _Seen

    image = window.pixels.detach().clone().requires_grad_(True)
    handle = model.get_submodule(call.name).register_forward_hook(hook)
    try:
        with torch.enable_grad(), suppress(_Seen):
            model(image * 1.0)  # a copy: a network may write into what it is given
    finally:
        handle.remove()
    if not answers[0].requires_grad:
        return torch.zeros(image.shape[2:])
    (gradient,) = torch.autograd.grad(answers[0], image)
    return gradient[0].abs().sum(dim=0)


def _flat(cell: tuple[int, ...], shape: torch.Size) -> int:
    return int(np.ravel_multi_index(cell, tuple(shape)))


def laid(
    gradient: Tensor, window: Input, sides: tuple[int, ...]
) -> tuple[NDArray[np.float64], float]:
    """The gradient laid into the theoretical field, and the weight that lies beside it."""
    values = gradient.double().cpu().numpy().copy()
    field_values = np.zeros(sides)
    here, there = [], []
    for offset, have, side in zip(window.offset, values.shape, sides, strict=True):
        first, last = max(0, offset), min(side, offset + have)
        there.append(slice(first, max(first, last)))
        here.append(slice(first - offset, max(first, last) - offset))
    field_values[tuple(there)] = values[tuple(here)]
    values[tuple(here)] = 0.0
    return field_values, float(values.sum())
