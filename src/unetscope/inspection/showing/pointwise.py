"""One value of a layer that works cell by cell: a normalisation or an activation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from math import erf, exp, log1p, sqrt, tanh
from typing import Any

import numpy as np
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.instancenorm import _InstanceNorm

from unetscope.inspection.showing.aftermath import Normalised
from unetscope.inspection.showing.capture import Captured


@dataclass(frozen=True, eq=False)
class Pointwise:
    """How one value of a normalisation or an activation comes about.

    Attributes
    ----------
    layer, channel, point : channel and cell ([z,] y, x), the same in input and output.
    kind : ``"normalisation"`` or ``"activation"``.
    name : which one, e.g. ``"BatchNorm2d"`` or ``"ReLU"``.
    value : what the layer read there.
    total : by hand, in float64. computed : the value PyTorch computed.
    formula : the same in words and numbers.
    normalised : mean, variance, gain and shift of a normalisation; None for an activation.
    """

    layer: str
    channel: int
    point: tuple[int, ...]
    kind: str
    name: str
    value: float
    total: float
    computed: float
    formula: str
    normalised: Normalised | None = None


def _sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x)) if x >= 0 else exp(x) / (1 + exp(x))


def _softplus(x: float, beta: float = 1.0, threshold: float = 20.0) -> float:
    return x if x * beta > threshold else (max(x * beta, 0) + log1p(exp(-abs(x * beta)))) / beta


def _gelu(x: float, m: Any) -> float:
    if m.approximate == "tanh":
        return 0.5 * x * (1 + tanh(sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + erf(x / sqrt(2)))


def _selu(x: float) -> float:
    alpha, scale = 1.6732632423543772, 1.0507009873554805  # Klambauer et al. 2017
    return scale * (x if x > 0 else alpha * (exp(x) - 1))


def _clipped(x: float, low: float, high: float) -> float:
    return min(max(x, low), high)


ACTIVATIONS: dict[type[nn.Module], Callable[[float, Any, int], float]] = {
    nn.Identity: lambda x, m, c: x,
    nn.ReLU: lambda x, m, c: max(0.0, x),
    nn.ReLU6: lambda x, m, c: _clipped(x, 0.0, 6.0),
    nn.LeakyReLU: lambda x, m, c: x if x > 0 else m.negative_slope * x,
    nn.PReLU: lambda x, m, c: x if x > 0 else float(m.weight[c % len(m.weight)]) * x,
    nn.ELU: lambda x, m, c: x if x > 0 else m.alpha * (exp(x) - 1),
    nn.CELU: lambda x, m, c: x if x > 0 else m.alpha * (exp(x / m.alpha) - 1),
    nn.SELU: lambda x, m, c: _selu(x),
    nn.GELU: lambda x, m, c: _gelu(x, m),
    nn.SiLU: lambda x, m, c: x * _sigmoid(x),
    nn.Mish: lambda x, m, c: x * tanh(_softplus(x)),
    nn.Sigmoid: lambda x, m, c: _sigmoid(x),
    nn.LogSigmoid: lambda x, m, c: -_softplus(-x),
    nn.Tanh: lambda x, m, c: tanh(x),
    nn.Softplus: lambda x, m, c: _softplus(x, m.beta, m.threshold),
    nn.Softsign: lambda x, m, c: x / (1 + abs(x)),
    nn.Hardtanh: lambda x, m, c: _clipped(x, m.min_val, m.max_val),
    nn.Hardsigmoid: lambda x, m, c: _clipped(x / 6 + 0.5, 0.0, 1.0),
    nn.Hardswish: lambda x, m, c: x * _clipped(x / 6 + 0.5, 0.0, 1.0),
    nn.Threshold: lambda x, m, c: x if x > m.threshold else m.value,
}
"""Value, layer and channel to value, as in PyTorch's documentation."""


def activation_of(module: nn.Module) -> Callable[[float, Any, int], float] | None:
    """The formula of an activation layer; dropout does nothing outside training."""
    if isinstance(module, _DropoutNd):
        return ACTIVATIONS[nn.Identity]
    return ACTIVATIONS.get(type(module))


def is_normalisation(module: nn.Module) -> bool:
    """Batch, instance or group normalisation."""
    return isinstance(module, (_BatchNorm, _InstanceNorm, nn.GroupNorm))


class PointwiseLens:
    """Explains the values of a captured normalisation or activation."""

    def __init__(self, held: Captured) -> None:
        self._held = held
        self._measured: dict[int, tuple[float, float]] = {}
        self.kind = "normalisation" if is_normalisation(held.module) else "activation"

    def at(self, channel: int, point: tuple[int, ...]) -> Pointwise:
        """The formula of one value."""
        held, module = self._held, self._held.module
        cell = tuple(u - first for u, first in zip(point, held.first, strict=True))
        value = float(held.read[(channel, *cell)])
        computed = float(held.output[(channel, *cell)])
        name, normalised = type(module).__name__, None
        rule = activation_of(module)
        if rule is not None:
            total = float(rule(value, module, channel))
            formula = f"{name}({value:.4g}) = {total:.4g}"
        else:
            normalised = self._numbers(channel, computed)
            n, total = normalised, normalised.of(value)
            spread = f"√({n.variance:.4g} + {n.epsilon:.1g})"
            formula = f"({value:.4g} − {n.mean:.4g}) / {spread} × {n.gain:.4g} + {n.shift:.4g}"
            formula += f" = {total:.4g}"
        names = (held.layer, channel, point, self.kind, name)
        return Pointwise(*names, value, total, computed, formula, normalised)

    def _numbers(self, channel: int, computed: float) -> Normalised:
        module = self._held.module
        assert isinstance(module, (_NormBase, nn.GroupNorm))
        gain = 1.0 if module.weight is None else float(module.weight[channel])
        shift = 0.0 if module.bias is None else float(module.bias[channel])
        running = getattr(module, "running_mean", None), getattr(module, "running_var", None)
        if running[0] is not None and running[1] is not None:
            mean, variance = float(running[0][channel]), float(running[1][channel])
        else:
            mean, variance = self._statistics(channel)
        return Normalised(mean, variance, float(module.eps), gain, shift, computed)

    def _statistics(self, channel: int) -> tuple[float, float]:
        """Mean and variance over the map, or over the maps of a group."""
        held, size = self._held, 1
        if isinstance(held.module, nn.GroupNorm):
            size = len(held.read) // held.module.num_groups
        first = channel // size * size
        if first not in self._measured:
            part = held.read[first : first + size]
            mean = float(part.mean(dtype=np.float64))
            self._measured[first] = mean, float(part.var(dtype=np.float64))
        return self._measured[first]
