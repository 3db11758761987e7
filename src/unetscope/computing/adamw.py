"""AdamW on one vector of weights.

Torch's own optimiser imports its compiler with the first object that is made (two seconds of a
core before the first step of a training), which one vector has no use for.
"""

from __future__ import annotations

import torch
from torch import Tensor


class FlatAdamW:
    """AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101) of a vector (n,) that holds its gradient.

    The same numbers as ``torch.optim.AdamW`` to rounding.
    """

    _DECAYS = 0.9, 0.999  # of the moments
    _LEAST = 1e-8  # that is divided by

    def __init__(self, weights: Tensor, *, weight_decay: float) -> None:
        self._weights, self._weight_decay = weights, weight_decay
        self._mean = torch.zeros_like(weights)
        self._square = torch.zeros_like(weights)
        self._steps = 0

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Change the weights along ``weights.grad``."""
        gradient = self._weights.grad
        assert gradient is not None
        self._steps += 1
        slow, slower = self._DECAYS
        self._mean.lerp_(gradient, 1 - slow)
        self._square.mul_(slower).addcmul_(gradient, gradient, value=1 - slower)
        self._weights.mul_(1 - rate * self._weight_decay)
        divisor = self._square.div(1 - slower**self._steps).sqrt_().add_(self._LEAST)
        self._weights.addcdiv_(self._mean, divisor, value=-rate / (1 - slow**self._steps))
