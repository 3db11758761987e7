"""One value of a pooling or an interpolation: the window, and what every value in it counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn
from torch.nn.modules import pooling as torch_pooling

from unetscope.inspection.showing.aftermath import window_of
from unetscope.inspection.showing.capture import Captured

Taps = tuple[list[int], list[float]]
"""Along one axis: cells of the input, and their weights."""

MAX_POOLS = (torch_pooling._MaxPoolNd, torch_pooling._AdaptiveMaxPoolNd)
MEAN_POOLS = (nn.AvgPool2d, nn.AvgPool3d, torch_pooling._AdaptiveAvgPoolNd)
ADAPTIVE = (torch_pooling._AdaptiveMaxPoolNd, torch_pooling._AdaptiveAvgPoolNd)
_CUBIC = -0.75  # PyTorch's coefficient of bicubic interpolation (Keys 1981)


@dataclass(frozen=True, eq=False)
class Pooling:
    """How one value of a pooling or an interpolation comes about, or of what only moves values.

    Attributes
    ----------
    layer, channel, point : channel and output cell ([z,] y, x) asked for.
    kind : ``"max pooling"``, ``"mean pooling"``, ``"interpolation"``, ``"padding"`` or
        ``"pixel shuffle"``.
    window : ([z,] y, x) float64, the values that are read; NaN in the padding.
    weights : of the same shape, what every value counts: a max pooling gives its winner 1 and the
        others 0, so that ``total`` is always the sum of window times weights.
    positions : per axis, the input cells of the window; ``origin`` is the first.
    winner : the input cell that is passed on by a max pooling, otherwise None.
    total : by hand, in float64. computed : the value PyTorch computed.
    formula : the same in words and numbers.
    source : the input channel where it may be another one (pixel shuffle), otherwise None.
    """

    layer: str
    channel: int
    point: tuple[int, ...]
    kind: str
    window: NDArray[np.float64]
    weights: NDArray[np.float64]
    positions: tuple[tuple[int, ...], ...]
    winner: tuple[int, ...] | None
    total: float
    computed: float
    formula: str
    source: int | None = None

    @property
    def origin(self) -> tuple[int, ...]:
        """The first input cell of the window along each axis."""
        return tuple(cells[0] for cells in self.positions)


class PoolingLens:
    """Explains the values of a captured pooling or interpolation."""

    def __init__(self, held: Captured) -> None:
        self._held = held
        self.kind = "interpolation" if isinstance(held.module, nn.Upsample) else "pooling"

    def at(self, channel: int, point: tuple[int, ...]) -> Pooling:
        """The window of one value."""
        held, module = self._held, self._held.module
        cell = tuple(u - first for u, first in zip(point, held.first, strict=True))
        taps = [self._taps(axis, u) for axis, u in enumerate(cell)]
        window = window_of(held.read[channel], [cells for cells, _ in taps])
        weights, winner, kind = np.ones(()), None, "mean pooling"
        for _, share in taps:
            weights = np.multiply.outer(weights, np.asarray(share))
        if isinstance(module, MAX_POOLS):
            kind = "max pooling"
            best = np.unravel_index(_first_largest(window), window.shape)
            weights = np.zeros(window.shape)
            weights[best] = 1.0
        elif isinstance(module, nn.Upsample):
            kind = "interpolation"
        else:
            weights = weights / self._divisor(cell, window)
        positions = self._shifted([cells for cells, _ in taps])
        if kind == "max pooling":
            winner = tuple(p[int(i)] for p, i in zip(positions, best, strict=True))
        total = float(np.nansum(np.where(weights == 0, 0.0, window * weights)))
        computed = float(held.output[(channel, *cell)])
        words = _in_words(kind, window, weights, total)
        ends = (total, computed, words)
        names = (held.layer, channel, point, kind)
        return Pooling(*names, window, weights, positions, winner, *ends)

    def _taps(self, axis: int, u: int) -> Taps:
        module, axes = self._held.module, len(self._held.first)
        size_in, size_out = self._held.read.shape[1 + axis], self._held.output.shape[1 + axis]
        if isinstance(module, nn.Upsample):
            return resize_taps(module, axis, u, size_in, size_out)
        if isinstance(module, ADAPTIVE):
            first, last = u * size_in // size_out, -(-(u + 1) * size_in // size_out)
            return list(range(first, last)), [1.0] * (last - first)
        kernel, stride, padding = _sizes(module, axes)
        dilation = _each(getattr(module, "dilation", 1), axes)[axis]
        start = u * stride[axis] - padding[axis]
        cells = [start + dilation * a for a in range(kernel[axis])]
        return cells, [1.0] * len(cells)

    def _divisor(self, cell: tuple[int, ...], window: NDArray[np.float64]) -> float:
        """By what a mean pooling divides: the window as far as image, or padding, goes."""
        module = self._held.module
        if isinstance(module, ADAPTIVE):
            return float(window.size)
        if getattr(module, "divisor_override", None):
            return float(module.divisor_override)  # type: ignore[arg-type]  # an int, as asked
        if not getattr(module, "count_include_pad", True):
            return float(np.isfinite(window).sum())
        kernel, stride, padding = _sizes(module, len(cell))
        ends = self._held.read.shape[1:]
        counts = [
            min(u * s - p + k, n + p) - (u * s - p)  # ceil_mode may go beyond the padding
            for u, k, s, p, n in zip(cell, kernel, stride, padding, ends, strict=True)
        ]
        return float(math.prod(counts))

    def _shifted(self, cells: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
        """Cells of the input in the window that was run, as cells of the full input."""
        held, starts = self._held, self._held.first
        if any(starts) and isinstance(held.module, nn.Upsample):
            factors = _each(held.module.scale_factor or 1, len(starts))
            starts = tuple(round(first / f) for first, f in zip(starts, factors, strict=True))
        elif any(starts):
            stride = _sizes(held.module, len(starts))[1]
            starts = tuple(first * s for first, s in zip(starts, stride, strict=True))
        return tuple(tuple(c + a for c in axis) for axis, a in zip(cells, starts, strict=True))


def resize_taps(module: nn.Upsample, axis: int, u: int, size_in: int, size_out: int) -> Taps:
    """Which input cells PyTorch blends into cell ``u`` along one axis, and their weights."""
    mode, aligned = module.mode, bool(module.align_corners)
    step = size_in / size_out
    if module.scale_factor is not None and not module.recompute_scale_factor:
        factors = module.scale_factor
        step = 1.0 / (factors[axis] if isinstance(factors, tuple) else factors)
    if mode.startswith("nearest"):
        half = 0.5 if mode == "nearest-exact" else 0.0
        place = np.floor(np.float32(u + half) * np.float32(step))  # PyTorch rounds in float32
        return [min(int(place), size_in - 1)], [1.0]
    if aligned:
        position = u * (size_in - 1) / (size_out - 1) if size_out > 1 else 0.0
    else:
        position = (u + 0.5) * step - 0.5
    if mode == "bicubic":
        below = math.floor(position)
        cells = [min(max(below + a, 0), size_in - 1) for a in (-1, 0, 1, 2)]
        return cells, [_cubic(position - below - a) for a in (-1, 0, 1, 2)]
    position = min(max(0.0, position), size_in - 1)
    below = int(position)
    above = min(below + 1, size_in - 1)
    return [below, above], [1.0 - (position - below), position - below]


def _cubic(distance: float) -> float:
    x, a = abs(distance), _CUBIC
    if x <= 1:
        return ((a + 2) * x - (a + 3)) * x * x + 1
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a


def _first_largest(window: NDArray[np.float64]) -> int:
    return int(np.argmax(np.where(np.isnan(window), -np.inf, window)))


def _sizes(module: nn.Module, axes: int) -> tuple[tuple[int, ...], ...]:
    """Kernel, stride and padding of a pooling, per axis."""
    kernel = _each(module.kernel_size, axes)
    stride = _each(module.stride or module.kernel_size, axes)
    return kernel, stride, _each(module.padding, axes)


def _each(value: object, axes: int) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * axes  # type: ignore[return-value]  # numbers, as PyTorch keeps them


def _in_words(
    kind: str, window: NDArray[np.float64], weights: NDArray[np.float64], total: float
) -> str:
    read = window[np.isfinite(window)]
    if kind == "max pooling":
        return f"largest of {read.size} values = {total:.4g}"
    if kind == "mean pooling":
        return f"{read.sum():.4g} / {1 / weights.flat[0]:.4g} = {total:.4g}"
    parts = [
        f"{share:.3g} × {value:.4g}"
        for value, share in zip(window.ravel(), weights.ravel(), strict=True)
        if share
    ]
    return f"{' + '.join(parts)} = {total:.4g}"
