"""Follow a layer's output on: normalisation, activation, the pooling it takes part in.

Operations are watched, not modules, so ``F.relu`` counts as much as ``nn.ReLU``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unetscope.inspection.following.arguments import named_arguments
from unetscope.inspection.following.watching import Watcher

Values = NDArray[np.floating[Any]]

_BATCH_NORMS = (
    "native_batch_norm",
    "_native_batch_norm_legit_no_training",
    "_native_batch_norm_legit",
    "cudnn_batch_norm",
    "_batch_norm_no_update",
)
_NORMS = (*_BATCH_NORMS, "native_group_norm")
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

    def of(self, value: float) -> float:
        """The formula, in float64."""
        spread = (self.variance + self.epsilon) ** 0.5
        return (value - self.mean) / spread * self.gain + self.shift


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


class ChainOver(Exception):
    """The network does something else with the output: the pass may end."""


def array_of(maps: Tensor) -> Values:
    """(1, channel, …) as (channel, …) of at least float32."""
    maps = maps[0].detach()
    return maps.to(torch.float32 if maps.dtype.itemsize < 4 else None).cpu().numpy()


@dataclass(eq=False)
class _Done:
    """One operation of the chain: its arguments, what it read and what came out."""

    name: str
    arguments: dict[str, Any]
    read: Values
    result: Values
    statistics: dict[int, tuple[float, float]] = field(default_factory=dict)


class Chain(Watcher):
    """Watches what is done to one tensor after :meth:`start`, until it goes another way.

    Attributes
    ----------
    output : (channel, [z,] y, x) the tensor itself, before anything overwrote it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.output: Values | None = None
        self._steps: dict[str, _Done] = {}
        self._tail: Tensor | None = None
        self._held: Values | None = None

    def start(self, output: Tensor) -> None:
        """The layer has answered: follow its output."""
        self.output = self._held = array_of(output.detach().clone())
        self._tail = output

    def operation(
        self, func: torch._ops.OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Note what is done to the tensor that is followed."""
        if self._tail is None or not any(arg is self._tail for arg in args[:1]):
            return func(*args, **kwargs)
        shape = self._tail.shape
        result = func(*args, **kwargs)
        out = result[0] if isinstance(result, tuple) else result
        name = func.overloadpacket.__name__
        if isinstance(out, Tensor) and name in _VIEWS and out.shape == shape:
            self._tail = out  # instance norm: view, batch norm, view
        elif isinstance(out, Tensor):
            role = self._role(name)
            if role is None:
                raise ChainOver
            self._note(role, _Done(name, named_arguments(func, args, kwargs), *self._pair(out)))
            self._tail = out
        return result

    def _role(self, name: str) -> str | None:
        """What part of the chain an operation plays; None if it does not go straight on."""
        if name in _NORMS and not self._steps:
            return "norm"
        if name.removesuffix("_") in _ACTIVATIONS and not self._steps.keys() & {"act", "pool"}:
            return "act"
        return "pool" if name in _POOLS else None

    def _pair(self, out: Tensor) -> tuple[Values, Values]:
        assert self._held is not None
        return self._held, array_of(out.detach().clone())

    def _note(self, role: str, done: _Done) -> None:
        self._steps[role] = done
        self._held = done.result
        if role == "pool":
            raise ChainOver

    @property
    def needs_whole_map(self) -> bool:
        """Whether a normalisation reads statistics of the map itself."""
        norm = self._steps.get("norm")
        return norm is not None and _running(norm) is None

    @property
    def activation(self) -> str | None:
        """Name of the activation, e.g. ``"relu"``; None without one."""
        done = self._steps.get("act")
        return None if done is None else done.name.strip("_").removesuffix("_kernel")

    def activated(self, channel: int, cell: tuple[int, ...]) -> float | None:
        """The value after the activation."""
        done = self._steps.get("act")
        return None if done is None else float(done.result[(channel, *cell)])

    def normalised(self, channel: int, cell: tuple[int, ...]) -> Normalised | None:
        """The value after the normalisation, and its numbers."""
        done = self._steps.get("norm")
        if done is None:
            return None
        given = done.arguments
        epsilon = float(given.get("eps") or given.get("epsilon") or 0)
        middle, variance = _running(done, channel) or _measured(done, channel)
        gain = 1.0 if given.get("weight") is None else float(given["weight"][channel])
        shift = 0.0 if given.get("bias") is None else float(given["bias"][channel])
        value = float(done.result[(channel, *cell)])
        return Normalised(middle, variance, epsilon, gain, shift, value)

    def pooled(
        self,
        channel: int,
        cell: tuple[int, ...],
        first: tuple[int, ...],
        held: Sequence[tuple[int, int]],
    ) -> Pooled | None:
        """The first pooling window with ``cell`` in it; None where there is none.

        Parameters
        ----------
        first : cell 0 of the watched map in the full map, which the answer counts in.
        held : per axis, first and one past the last cell whose value is that of the full map.
        """
        done = self._steps.get("pool")
        if done is None or not cell:
            return None
        sizes = [_each(done.arguments.get(name) or 0, len(cell)) for name in _WINDOW]
        kernel, stride, padding, dilation = sizes
        stride = kernel if not any(stride) else stride
        dilation = dilation if all(dilation) else (1,) * len(cell)
        point = []
        for i, u in enumerate(cell):
            v = _first_window(u, kernel[i], stride[i], padding[i], dilation[i])
            if v is None or v >= done.result.shape[1 + i] or first[i] % stride[i]:
                return None  # cut off at the border, or between windows
            point.append(v)
        axes = zip(point, stride, padding, dilation, kernel, strict=True)
        cells = [[v * s - p + d * a for a in range(k)] for v, s, p, d, k in axes]
        for taps, size, start, (a, b) in zip(cells, done.read.shape[1:], first, held, strict=True):
            if any(0 <= u < size and not a <= u + start < b for u in taps):
                return None
        return _pooled(done, channel, tuple(point), cells, first, stride)


_WINDOW = ("kernel_size", "stride", "padding", "dilation")


def _running(done: _Done, channel: int = 0) -> tuple[float, float] | None:
    """Mean and variance that the layer remembers; None if it measures the map."""
    mean, variance = done.arguments.get("running_mean"), done.arguments.get("running_var")
    if mean is None or variance is None or done.arguments.get("training"):
        return None
    return float(mean[channel]), float(variance[channel])


def _measured(done: _Done, channel: int) -> tuple[float, float]:
    """Mean and variance of the map, or of the group of maps, that ``channel`` belongs to."""
    size = 1
    if done.name == "native_group_norm":
        size = len(done.read) // int(done.arguments["group"])
    first = channel // size * size
    if first not in done.statistics:
        part = done.read[first : first + size]
        done.statistics[first] = (
            float(part.mean(dtype=np.float64)),
            float(part.var(dtype=np.float64)),
        )
    return done.statistics[first]


def _first_window(u: int, kernel: int, stride: int, padding: int, dilation: int) -> int | None:
    """The first output cell whose taps ``v·s − p + d·a`` meet ``u``."""
    lowest = max(0, -(-(u + padding - dilation * (kernel - 1)) // stride))
    for v in range(lowest, (u + padding) // stride + 1):
        if (u + padding - v * stride) % dilation == 0:
            return v
    return None


def _pooled(
    done: _Done,
    channel: int,
    point: tuple[int, ...],
    cells: list[list[int]],
    first: tuple[int, ...],
    stride: tuple[int, ...],
) -> Pooled:
    window = window_of(done.read[channel], cells)
    winner = None
    if done.name.startswith("max"):
        best = np.unravel_index(int(np.nanargmax(window)), window.shape)
        winner = tuple(c[int(i)] + f for c, i, f in zip(cells, best, first, strict=True))
    return Pooled(
        kind="max" if winner is not None else "mean",
        point=tuple(v + f // s for v, f, s in zip(point, first, stride, strict=True)),
        origin=tuple(c[0] + f for c, f in zip(cells, first, strict=True)),
        window=window,
        winner=winner,
        value=float(done.result[(channel, *point)]),
    )


def _each(value: int | Sequence[int], axes: int) -> tuple[int, ...]:
    values = (value,) if isinstance(value, int) else tuple(value) or (0,)
    return values * axes if len(values) == 1 else values


def window_of(plane: Values, cells: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """The values of ``plane`` at the crossings of ``cells``; NaN outside."""
    grid = np.ix_(*(np.asarray(axis, dtype=np.int64) for axis in cells))
    inside = np.ones((1,) * plane.ndim, dtype=bool)
    held = []
    for index, size in zip(grid, plane.shape, strict=True):
        inside = inside & (index >= 0) & (index < size)
        held.append(np.clip(index, 0, size - 1))
    return np.where(inside, plane[tuple(held)].astype(np.float64), np.nan)
