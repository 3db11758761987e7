"""A step of fine-tuning recorded once as a CUDA graph and replayed from then on.

A small network's step is a few hundred kernels of microseconds each, and launching them takes
longer than running them. Nothing in the recording waits for the GPU: a step that is not finite
is skipped there, and its loss is read afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from unetscope.computing.cuda_graphs import record
from unetscope.computing.flat_weights import FlatWeights


@dataclass(frozen=True, eq=False)
class Learner:
    """What a step reads and changes; all of it stays where it is in memory.

    ``loss`` takes images and targets and must not wait for the GPU. ``optimiser`` is capturable,
    with its rate in a tensor. ``averaged`` is the vector of the averaged weights.
    """

    loss: Callable[[Tensor, Tensor], Tensor]
    weights: FlatWeights
    optimiser: torch.optim.AdamW
    averaged: Tensor
    steepest: float


class CapturedStep:
    """Record the step for batches of one shape; weights are as before when that is done."""

    def __init__(self, learner: Learner, images: Tensor, targets: Tensor) -> None:
        self._learner = learner
        self._images = images.clone(memory_format=torch.channels_last)
        self._targets = targets.clone()
        self._share = torch.zeros((), device=images.device)  # of the new weights in the average
        before = self._changing()
        kept = [tensor.detach().clone() for tensor in before]
        try:
            self._graph, self._answer = record(self._step, images.device)
        finally:
            with torch.no_grad():
                for tensor in self._changing()[len(before) :]:
                    tensor.zero_()  # moments that did not exist before
                for tensor, value in zip(before, kept, strict=True):
                    tensor.copy_(value)

    def replay(self, images: Tensor, targets: Tensor, share: float) -> tuple[float, bool]:
        """One step: its loss, and whether loss and gradient were finite (else nothing changed)."""
        self._images.copy_(images)
        self._targets.copy_(targets)
        self._share.fill_(share)
        self._graph.replay()
        loss, finite = self._answer.tolist()  # the only wait
        return loss, bool(finite)

    def _changing(self) -> list[Tensor]:
        """Everything a step changes, the optimiser's state last."""
        learner = self._learner
        state = learner.optimiser.state.get(learner.weights.master, {})
        return [learner.weights.master, learner.averaged, *state.values()]

    def _step(self) -> Tensor:
        """(2,): the loss, and 1 where loss and gradient are finite."""
        learner, gradient = self._learner, self._learner.weights.gradient
        gradient.zero_()
        loss = learner.loss(self._images, self._targets)
        loss.backward()
        length = gradient.norm()
        gradient.mul_((learner.steepest / (length + 1e-6)).clamp(max=1.0))
        finite = (torch.isfinite(loss.detach()) & torch.isfinite(length)).float()
        learner.optimiser.found_inf = 1 - finite  # type: ignore[attr-defined]  # skips its step
        learner.optimiser.step()
        master = learner.weights.master.detach()
        learner.averaged.lerp_(master, self._share * finite)
        return torch.stack([loss.detach(), finite])
