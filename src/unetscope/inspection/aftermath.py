"""Follow one value on from a convolution: normalisation, activation, the pooling it takes part in.

Operations are watched, not modules, so ``F.relu`` counts as much as ``nn.ReLU``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from unetscope.inspection.arguments import named_arguments

_BATCH_NORMS = (
    "native_batch_norm",
    "_native_batch_norm_legit_no_training",
    "_native_batch_norm_legit",
    "cudnn_batch_norm",
    "_batch_norm_no_update",
)
_ACTIVATIONS = frozenset(
    (
        *("relu", "leaky_relu", "elu", "gelu", "silu", "mish", "sigmoid", "tanh", "softplus"),
        *("hardswish", "hardsigmoid", "hardtanh", "clamp", "clamp_min", "threshold"),
        "_prelu_kernel",
    )
)
_VIEWS = ("view", "_unsafe_view", "alias", "detach", "clone")
_POOLS = ("max_pool2d_with_indices", "max_pool3d_with_indices", "avg_pool2d", "avg_pool3d")


@dataclass(frozen=True)
class Normalised:
    """``value = (total − mean) / √(variance + epsilon) · gain + shift``."""

    mean: float
    variance: float
    epsilon: float
    gain: float
    shift: float
    value: float


@dataclass(frozen=True, eq=False)
class Pooled:
    """The pooling window the value falls into (the first, where windows overlap).

    Attributes
    ----------
    kind : ``"max"`` or ``"mean"``.
    point : the output cell; ``origin`` the first cell of its window (negative in the padding).
    window : the values in it; NaN in the padding.
    winner : the cell ([z,] y, x) whose value is passed on by a max pooling, None for a mean.
    value : what PyTorch computed.
    """

    kind: str
    point: tuple[int, ...]
    origin: tuple[int, ...]
    window: NDArray[np.float64]
    winner: tuple[int, ...] | None
    value: float


class Aftermath(TorchDispatchMode):
    """Watches what is done to one tensor after :meth:`start`, at one channel and cell."""

    def __init__(self, channel: int, cell: tuple[int, ...]) -> None:
        super().__init__()
        self.channel, self.cell = channel, cell
        self.computed = float("nan")
        self._forget()

    def _forget(self) -> None:
        self.normalised: Normalised | None = None
        self.activation: str | None = None
        self.activated: float | None = None
        self.pooled: Pooled | None = None
        self._tail: Tensor | None = None

    def start(self, output: Tensor) -> None:
        """The convolution has answered: follow its output."""
        self._forget()
        self.computed = self._value(output)
        self._tail = output

    def _value(self, maps: Tensor) -> float:
        return float(maps[(0, self.channel, *self.cell)])

    def __torch_dispatch__(
        self,
        func: torch._ops.OpOverload,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        concerned = self._tail is not None and any(arg is self._tail for arg in args[:1])
        arguments = named_arguments(func, args, kwargs or {}) if concerned else {}
        name = func.overloadpacket.__name__
        read = args[0].detach().clone() if concerned and name in _NORMS else None
        result = func(*args, **(kwargs or {}))
        if concerned:
            self._step(name, arguments, args[0] if read is None else read, result)
        return result

    def _step(self, name: str, arguments: dict[str, Any], maps: Tensor, result: Any) -> None:
        out = result[0] if isinstance(result, tuple | list) else result
        activation = name.removesuffix("_")
        if name in _NORMS and self.normalised is None and self.activation is None:
            self.normalised = self._normalised(name, arguments, maps, self._value(out))
            self._tail = out
        elif activation in _ACTIVATIONS and self.activation is None and self.pooled is None:
            self.activation = activation.strip("_").removesuffix("_kernel")
            self.activated = self._value(out)
            self._tail = out
        elif name in _VIEWS and out.shape == maps.shape:  # instance norm: view, batch norm, view
            self._tail = out
        elif name in _POOLS and self.pooled is None:
            self.pooled = self._pool(name, arguments, maps, out)

    def _normalised(
        self, name: str, arguments: dict[str, Any], maps: Tensor, value: float
    ) -> Normalised:
        channel, epsilon = (
            self.channel,
            float(arguments.get("eps") or arguments.get("epsilon") or 0),
        )
        mean, variance = arguments.get("running_mean"), arguments.get("running_var")
        if name == "native_group_norm":
            size = maps.shape[1] // int(arguments["group"])
            first = channel // size * size
            part = maps[0, first : first + size].double()
            middle, spread = float(part.mean()), float(part.var(correction=0))
        elif mean is None or variance is None or arguments.get("training"):
            part = maps[:, channel].double()
            middle, spread = float(part.mean()), float(part.var(correction=0))
        else:
            middle, spread = float(mean[channel]), float(variance[channel])
        weight, bias = arguments.get("weight"), arguments.get("bias")
        gain = 1.0 if weight is None else float(weight[channel])
        shift = 0.0 if bias is None else float(bias[channel])
        return Normalised(middle, spread, epsilon, gain, shift, value)

    def _pool(
        self, name: str, arguments: dict[str, Any], maps: Tensor, out: Tensor
    ) -> Pooled | None:
        axes = len(self.cell)
        size = _each(arguments["kernel_size"], axes)
        stride = _each(arguments.get("stride") or size, axes)
        padding = _each(arguments.get("padding") or 0, axes)
        dilation = _each(arguments.get("dilation") or 1, axes)
        point = []
        for i, u in enumerate(self.cell):
            windows = range(out.shape[2 + i])
            taps = [
                {v * stride[i] - padding[i] + dilation[i] * a for a in range(size[i])}
                for v in windows
            ]
            hits = [v for v in windows if u in taps[v]]
            if not hits:
                return None  # cut off at the border, or between windows
            point.append(hits[0])
        origin = tuple(v * s - p for v, s, p in zip(point, stride, padding, strict=True))
        cells = [
            [o + d * a for a in range(k)] for o, d, k in zip(origin, dilation, size, strict=True)
        ]
        plane = maps[0, self.channel].detach().double().cpu().numpy()
        window = _window(plane, cells)
        winner = None
        if name.startswith("max"):
            best = np.unravel_index(int(np.nanargmax(window)), window.shape)
            winner = tuple(cells[i][int(index)] for i, index in enumerate(best))
        kind = "max" if name.startswith("max") else "mean"
        value = float(out[(0, self.channel, *point)])
        return Pooled(kind, tuple(point), origin, window, winner, value)


_NORMS = (*_BATCH_NORMS, "native_group_norm")


def _each(value: int | Sequence[int], axes: int) -> tuple[int, ...]:
    values = (value,) if isinstance(value, int) else tuple(value)
    return values * axes if len(values) == 1 else values


def _window(plane: NDArray[np.float64], cells: list[list[int]]) -> NDArray[np.float64]:
    window = np.full([len(axis) for axis in cells], np.nan)
    for index in np.ndindex(*window.shape):
        cell = tuple(axis[i] for axis, i in zip(cells, index, strict=True))
        if all(0 <= u < n for u, n in zip(cell, plane.shape, strict=True)):
            window[index] = plane[cell]
    return window
