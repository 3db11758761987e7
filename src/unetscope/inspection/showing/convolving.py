"""One value of a convolution, a transposed convolution or a linear layer, term by term."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from unetscope.inspection.showing.aftermath import Normalised, Pooled, Values
from unetscope.inspection.showing.capture import Captured
from unetscope.inspection.showing.weights import Kernels, kernels

Positions = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class Convolution:
    """How one value of a convolution comes about, and what the next layers make of it.

    ``total = partial_sums.sum() + bias``; then ``normalised``, ``activated`` and ``pooled`` follow
    as far as the network goes straight on from the convolution to them.

    Attributes
    ----------
    layer, channel, point : output channel and cell ([z,] y, x) asked for.
    window : (in, [z,] y, x) float64, the input values under the kernel, zero in the padding.
    kernel : (in, [z,] y, x) float64, the weights that meet the window. A transposed convolution
        writes its kernel over the output; here stand the taps that reach the point.
    positions : per axis, the input cells of the window; outside the map where padding is read
        (for a padding that mirrors or repeats, cells of the padded map).
    input_channels : the channels of the input the rows of ``window`` are.
    partial_sums : (in,) sum of window times kernel, channel by channel.
    bias, total : the bias (0 without one) and the sum, in float64.
    computed : the value PyTorch computed; equals ``total`` up to its rounding.
    normalised, activation, activated, pooled : what follows; None where it does not.
    kind : ``"convolution"``, ``"transposed convolution"`` or ``"linear"``; a linear layer has no
        places, so ``point`` and ``positions`` are empty and window and kernel are (in,).
    """

    layer: str
    channel: int
    point: tuple[int, ...]
    window: NDArray[np.float64]
    kernel: NDArray[np.float64]
    positions: Positions
    input_channels: tuple[int, ...]
    partial_sums: NDArray[np.float64]
    bias: float
    total: float
    computed: float
    normalised: Normalised | None = None
    activation: str | None = None
    activated: float | None = None
    pooled: Pooled | None = None
    kind: str = "convolution"


class ConvolutionLens:
    """Explains the values of a captured convolution or linear layer."""

    def __init__(self, held: Captured) -> None:
        self._held = held
        module = held.module
        assert isinstance(module, (_ConvNd, nn.Linear))
        self._module = module
        self._bank: Kernels = _bank(module)
        self._read = held.read
        self.kind = "linear"
        if isinstance(module, _ConvNd):
            self.kind = "transposed convolution" if self._bank.transposed else "convolution"
            self._read = _padded(module, held.read)

    def at(self, channel: int, point: tuple[int, ...]) -> Convolution:
        """The arithmetic of one value."""
        held, bank = self._held, self._bank
        cell = tuple(u - first for u, first in zip(point, held.first, strict=True))
        positions: Positions = ()
        taps: Positions = ()
        if isinstance(self._module, _ConvNd):
            positions, taps = _taps(self._module, cell, self._read.shape[1:])
        count = bank.values.shape[1]
        start = channel // (len(bank.values) // bank.groups) * count
        window = gathered(self._read[start : start + count], positions)
        kernel = gathered(bank.values[channel], taps)
        partial = (window * kernel).reshape(count, -1).sum(axis=1)
        bias = 0.0 if bank.bias is None else float(bank.bias[channel])
        chain = held.chain
        return Convolution(
            layer=held.layer,
            channel=channel,
            point=point,
            window=window,
            kernel=kernel,
            positions=self._shifted(positions),
            input_channels=tuple(range(start, start + count)),
            partial_sums=partial,
            bias=bias,
            total=float(partial.sum()) + bias,
            computed=float(held.output[(channel, *cell)]),
            normalised=chain.normalised(channel, cell),
            activation=chain.activation,
            activated=chain.activated(channel, cell),
            pooled=chain.pooled(channel, cell, held.first, held.cells),
            kind=self.kind,
        )

    def _shifted(self, positions: Positions) -> Positions:
        """Cells of the input in the window, as cells of the full input."""
        module, shifted = self._module, []
        for i, cells in enumerate(positions):
            assert isinstance(module, _ConvNd)
            first, stride = self._held.first[i], module.stride[i]
            start = first // stride if self._bank.transposed else first * stride
            shifted.append(tuple(cell + start for cell in cells))
        return tuple(shifted)


def _bank(module: nn.Module) -> Kernels:
    if not isinstance(module, nn.Linear):
        return kernels(module, "")
    weight = module.weight.detach().float().cpu().numpy()
    bias = None if module.bias is None else module.bias.detach().float().cpu().numpy()
    return Kernels("", weight, bias, groups=1, transposed=False)


def _padded(conv: _ConvNd, maps: Values) -> Values:
    """The maps with the padding of a convolution that pads other than with zeros."""
    if conv.padding_mode == "zeros":
        return maps
    widths = conv._reversed_padding_repeated_twice
    padded = nn.functional.pad(torch.from_numpy(maps)[None], widths, mode=conv.padding_mode)
    return np.asarray(padded[0].numpy())


def _taps(
    conv: _ConvNd, cell: tuple[int, ...], shape: tuple[int, ...]
) -> tuple[Positions, Positions]:
    """Per axis, the input cell of every kernel tap (−1 for none), and the taps themselves."""
    positions, taps = [], []
    for i, u in enumerate(cell):
        size, stride, dilation = conv.kernel_size[i], conv.stride[i], conv.dilation[i]
        padding = _padding_before(conv, i)
        if isinstance(conv, _ConvTransposeNd):
            reached = [u + padding - dilation * a for a in range(size)]
            met = [(r // stride, a) for a, r in enumerate(reached) if r % stride == 0]
            met = [(cell_in, a) for cell_in, a in met if 0 <= cell_in < shape[i]]
            positions.append(tuple(cell_in for cell_in, _ in met))
            taps.append(tuple(a for _, a in met))
        else:
            positions.append(tuple(u * stride - padding + dilation * a for a in range(size)))
            taps.append(tuple(range(size)))
    return tuple(positions), tuple(taps)


def _padding_before(conv: _ConvNd, axis: int) -> int:
    if conv.padding_mode != "zeros":
        return 0  # the maps were padded already
    if conv.padding == "valid":
        return 0
    if conv.padding == "same":
        return int(conv.dilation[axis] * (conv.kernel_size[axis] - 1) // 2)
    return int(conv.padding[axis])


def gathered(values: Values, positions: Positions) -> NDArray[np.float64]:
    """(channel, …) values at the crossings of ``positions``; zero outside the map."""
    grid = np.ix_(np.arange(len(values)), *(np.asarray(p, dtype=np.int64) for p in positions))
    inside = np.ones((1,) * values.ndim, dtype=bool)
    held = [grid[0]]
    for index, size in zip(grid[1:], values.shape[1:], strict=True):
        inside = inside & (index >= 0) & (index < size)
        held.append(np.clip(index, 0, size - 1))
    return np.where(inside, values[tuple(held)].astype(np.float64), 0.0)
