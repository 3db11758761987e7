"""What every activation of a network did on some images: dead channels, saturated ones, values.

Operations are watched, not modules, so that ``torch.relu`` in a ``forward`` counts as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from unetscope.inspection.following.watching import Watcher

BINS = 64
FEWEST_VALUES = 16  # per channel; of fewer (a fully connected layer) nothing can be said
MOST_VALUES = 200_000  # per layer and image, for the histogram
NEAR = 0.01  # so close to its limit a sigmoid or tanh has stopped answering

_CUTTING = ("relu", "clamp_min", "threshold", "hardtanh")  # exactly 0 below
_LIMITS = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}
_OTHERS = ("leaky_relu", "elu", "gelu", "silu", "mish", "softplus", "hardswish", "hardsigmoid",
           "_prelu_kernel")  # fmt: skip


@dataclass(frozen=True, eq=False)
class LayerHealth:
    """One activation, over all images.

    Attributes
    ----------
    layer : the module in which it happens; activations called inside one module share its name.
    activation : the operation, as PyTorch names it: ``"relu"``, ``"silu"``, …
    channels : how many.
    dead : channels that a ReLU (or its like) never let through: never above 0.
    constant : channels, not dead, that have one value everywhere.
    saturated : channels that are always on, so that the ReLU does nothing; of a sigmoid or tanh,
        those always within 0.01 of one of its limits.
    low, high : smallest and largest value.
    counts, edges : (64,) and (65,) histogram of the values from ``low`` to ``high``, of at most
        200,000 evenly spaced ones an image.
    judged : whether there were enough values (16 a channel) to call a channel anything.
    finite : whether all values were numbers.
    """

    layer: str
    activation: str
    channels: int
    dead: tuple[int, ...]
    constant: tuple[int, ...]
    saturated: tuple[int, ...]
    low: float
    high: float
    counts: NDArray[np.int64]
    edges: NDArray[np.float64]
    judged: bool
    finite: bool

    @property
    def dead_share(self) -> float:
        """Dead channels over all."""
        return len(self.dead) / self.channels

    @property
    def saturated_share(self) -> float:
        """Saturated and constant channels over all."""
        return (len(self.saturated) + len(self.constant)) / self.channels


def layer_health(copy: nn.Module, batches: Iterable[Tensor]) -> tuple[LayerHealth, ...]:
    """One entry an activation, in the order of the data; ``copy`` is run in eval mode as it is."""
    watch = _Watch()
    with torch.no_grad(), watch.watching(copy):
        for batch in batches:
            watch.start_image()
            with watch:
                copy(batch)
    return tuple(noted.made() for noted in watch.noted.values())


@dataclass(eq=False)
class _Noted:
    """What is kept of one activation from image to image."""

    layer: str
    activation: str
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    values: int = 0
    finite: bool = True
    some: list[NDArray[np.float32]] = field(default_factory=list)

    def add(self, flat: NDArray[np.float32]) -> None:
        """``flat``: (channel, value)."""
        numbers = np.isfinite(flat)
        if not numbers.all():
            self.finite = False
            flat = np.where(numbers, flat, 0.0).astype(np.float32)
        self.low = np.minimum(self.low, flat.min(axis=1))
        self.high = np.maximum(self.high, flat.max(axis=1))
        self.values += flat.shape[1]
        self.some.append(flat.ravel()[:: max(1, -(-flat.size // MOST_VALUES))].copy())

    def made(self) -> LayerHealth:
        """The result."""
        judged = self.values >= FEWEST_VALUES
        none = np.zeros(len(self.low), dtype=bool)
        dead = self.high <= 0 if self.activation in _CUTTING and judged else none
        constant = (self.low == self.high) & ~dead if judged else none
        stuck = self._stuck() & ~dead & ~constant if judged else none
        low, high = float(self.low.min()), float(self.high.max())
        counts, edges = np.histogram(np.concatenate(self.some), bins=BINS, range=(low, high))
        dead_at, constant_at, stuck_at = (
            tuple(np.flatnonzero(which).tolist()) for which in (dead, constant, stuck)
        )
        return LayerHealth(
            self.layer, self.activation, len(self.low), dead_at, constant_at, stuck_at,
            low, high, counts.astype(np.int64), edges.astype(float), judged, self.finite,
        )  # fmt: skip

    def _stuck(self) -> NDArray[np.bool_]:
        if self.activation in _LIMITS:
            bottom, top = _LIMITS[self.activation]
            return (self.high < bottom + NEAR) | (self.low > top - NEAR)
        if self.activation in _CUTTING:
            return self.low > 0
        return np.zeros(len(self.low), dtype=bool)


class _Watch(Watcher):
    """Notes the output of every activation under the innermost module that is being run."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: dict[tuple[str, int, int], _Noted] = {}
        self._inside: list[tuple[str, int]] = [("", 1)]
        self._calls: dict[str, int] = {}
        self._seen: dict[tuple[str, int], int] = {}

    def start_image(self) -> None:
        """Calls are counted anew."""
        self._calls, self._seen = {}, {}

    def entering(self, name: str) -> Any:
        """Its operations are this module's, in a call of its own."""

        def hook(module: nn.Module, args: Any) -> None:
            self._calls[name] = self._calls.get(name, 0) + 1
            self._inside.append((name, self._calls[name]))

        return hook

    def leaving(self, name: str) -> Any:
        """Back to the module around it."""

        def hook(module: nn.Module, args: Any, output: Any) -> None:
            self._inside.pop()

        return hook

    def operation(
        self, func: torch._ops.OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Note what an activation gives."""
        result = func(*args, **kwargs)
        name = func.overloadpacket.__name__
        name = name[:-1] if name.endswith("_") else name  # in place
        if name in _CUTTING or name in _LIMITS or name in _OTHERS:
            (maps,) = (leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor))
            if maps.ndim >= 2 and maps.shape[0] == 1 and maps.numel():
                self._note(name, maps)
        return result

    def _note(self, activation: str, maps: Tensor) -> None:
        layer, call = self._inside[-1]
        number = self._seen[layer, call] = self._seen.get((layer, call), 0) + 1
        key = (layer, call, number)
        flat = maps[0].detach().float().cpu().numpy().reshape(maps.shape[1], -1)
        if key not in self.noted:
            shown = layer if call == 1 else f"{layer}:{call}"
            low = np.full(len(flat), np.inf)
            self.noted[key] = _Noted(shown, activation, low, -low)
        self.noted[key].add(flat)
