"""Forward and backward of a folded U-Net, written out, for training on the CPU.

Autograd spends half of a small network's step beside the convolutions: it joins skip connections
with a slow ``cat``, takes the gradient of transposed convolutions at a tenth of the speed of a
matrix product, keeps what is overwritten next, and casts every weight on its own. Here the same
derivatives are taken with the same convolution kernels, and nothing else. The numbers differ from
autograd's by rounding alone, which the tests hold.

What it is worth (docs/benchmarks.md): a training step of 114 ms became 102 ms, a tenth; with torch
2.13 forward and backward are 7 % faster than by autograd. No torch up to that one makes it
superfluous: the first in which ``tests/benchmarks/training_speed.py`` finds "network" no faster
than "network, autograd" does, and then this file goes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from unetscope.computing.flat_weights import FlatWeights
from unetscope.network.unet import UNet

_aten = torch.ops.aten
_NEIGHBOURS = ([1, 1], [1, 1], [1, 1], False, [0, 0], 1)  # a padded 3×3 convolution's geometry
_POINTWISE = ([1, 1], [0, 0], [1, 1], False, [0, 0], 1)  # a 1×1 convolution's
_POOL = ([2, 2], [2, 2], [0, 0], [1, 1], False)


@dataclass(frozen=True, eq=False)
class _Level:
    """What the way down leaves for the way back."""

    skip: Tensor  # (b, c, y, x) before pooling
    where: Tensor  # (b, c, y / 2, x / 2) int64: which of the four pixels was the largest


def can_be_written(net: UNet, device: str) -> bool:
    """Whether the pass is written for this network and device: folded, 2D, on the CPU."""
    config = net.config
    shape = (config.ndim, config.norm, config.upsampling)
    return device == "cpu" and shape == (2, "none", "transposed")


class WrittenPass:
    """One forward and one backward pass at a time, through weights kept in :class:`FlatWeights`.

    Parameters
    ----------
    weights : the flat weights; their working copy is what is multiplied.
    net : the network they belong to, for its shape; one that :func:`can_be_written`.
    """

    def __init__(self, weights: FlatWeights, net: UNet) -> None:
        self._weights = weights
        self._pools = net.config.pools
        self.forget()

    def forget(self) -> None:
        """Drop what a forward pass kept for the way back."""
        self._kept: dict[str, Tensor] = {}  # what went into a convolution; what a block answered
        self._levels: list[_Level] = []

    @torch.no_grad()
    def logits(self, images: Tensor) -> Tensor:
        """(b, channel, y, x) → (b, class, y, x) float32, without a graph."""
        maps = _channels_last(images.to(self._weights.dtype))
        for level in range(1, self._pools + 1):
            maps = self._block(f"enc{level}", maps)
            pooled, where = _aten.max_pool2d_with_indices(maps, *_POOL)
            self._levels.append(_Level(maps, where))
            maps = pooled
        maps = self._block("bottleneck", maps)
        for level in range(self._pools, 0, -1):
            up = f"dec{level}.up.conv"
            self._kept[up] = maps
            kernel, bias = self._of(up)
            wider = functional.conv_transpose2d(maps, kernel, bias, stride=2)
            maps = self._block(f"dec{level}.convs", _joined(self._levels[level - 1].skip, wider))
        self._kept["classifier"] = maps
        return functional.conv2d(maps, *self._of("classifier")).float().contiguous()

    @torch.no_grad()
    def backward(self, slope: Tensor) -> None:
        """Write the gradient of every weight, from that of the logits (b, class, y, x)."""
        slope = _channels_last(slope.to(self._weights.dtype))
        slope = self._conv_back("classifier", slope, _POINTWISE)
        beside: list[Tensor] = []  # gradients of the skip connections
        for level in range(1, self._pools + 1):
            slope = self._block_back(f"dec{level}.convs", slope)
            skip, up = slope.chunk(2, dim=1)
            beside.append(_channels_last(skip))
            slope = self._up_back(f"dec{level}.up.conv", up)
        slope = self._block_back("bottleneck", slope)
        for level in range(self._pools, 0, -1):
            kept = self._levels.pop()
            down = _aten.max_pool2d_with_indices_backward(slope, kept.skip, *_POOL, kept.where)
            slope = self._block_back(f"enc{level}", down.add_(beside.pop()))
        self.forget()

    def _of(self, name: str) -> tuple[Tensor, Tensor]:
        kept = self._weights.working
        return kept[f"{name}.weight"], kept[f"{name}.bias"]

    def _block(self, name: str, maps: Tensor) -> Tensor:
        for conv in ("conv1", "conv2"):
            self._kept[f"{name}.{conv}"] = maps
            kernel, bias = self._of(f"{name}.{conv}")
            maps = functional.conv2d(maps, kernel, bias, padding=1).relu_()
        self._kept[name] = maps  # the next one reads it, none overwrites it
        return maps

    def _block_back(self, name: str, slope: Tensor) -> Tensor:
        """The gradient of a block's input, from that of its output (which is overwritten)."""
        for conv, answer in (("conv2", name), ("conv1", f"{name}.conv2")):
            _aten.threshold_backward.grad_input(slope, self._kept[answer], 0, grad_input=slope)
            slope = self._conv_back(f"{name}.{conv}", slope, _NEIGHBOURS)
        return slope

    def _conv_back(self, name: str, slope: Tensor, geometry: tuple[object, ...]) -> Tensor:
        kernel, _ = self._of(name)
        wanted = [name != "enc1.conv1", True, True]  # nobody asks for the image's gradient
        before, of_kernel, of_bias = _aten.convolution_backward(
            slope, self._kept[name], kernel, [len(kernel)], *geometry, wanted
        )
        self._write(name, of_kernel, of_bias)
        return before

    def _up_back(self, name: str, slope: Tensor) -> Tensor:
        """Of a transposed 2x2 convolution: no two pixels overlap, so it is a matrix product."""
        kernel, _ = self._of(name)  # (c, o, 2, 2)
        maps = self._kept[name]  # (b, c, y, x)
        inputs, outputs = kernel.shape[:2]
        rows = _by_cell(slope)  # (b, y, x, 4 o)
        cells = rows.view(-1, 4 * outputs)
        of_kernel = cells.t() @ maps.permute(0, 2, 3, 1).reshape(-1, inputs)  # (4 o, c)
        of_bias = cells.sum(0).view(4, outputs).sum(0)
        self._write(name, of_kernel.view(2, 2, outputs, inputs).permute(3, 2, 0, 1), of_bias)
        flat = kernel.permute(0, 2, 3, 1).reshape(inputs, 4 * outputs, 1, 1)
        return functional.conv2d(rows.permute(0, 3, 1, 2), flat)

    def _write(self, name: str, of_kernel: Tensor, of_bias: Tensor) -> None:
        gradients = self._weights.gradients
        gradients[f"{name}.weight"].copy_(of_kernel)
        gradients[f"{name}.bias"].copy_(of_bias)


def _channels_last(maps: Tensor) -> Tensor:
    """In one piece: elementwise operations on a slice of channels take eight times longer."""
    return maps.contiguous(memory_format=torch.channels_last)


def _joined(skip: Tensor, up: Tensor) -> Tensor:
    """Both maps in one; two copies are six times faster than ``torch.cat`` along channels."""
    batch, channels, height, width = skip.shape
    both = torch.empty(
        (batch, 2 * channels, height, width),
        dtype=skip.dtype,
        memory_format=torch.channels_last,
    )
    both[:, :channels].copy_(skip)
    both[:, channels:].copy_(up)
    return both


def _by_cell(maps: Tensor) -> Tensor:
    """(b, o, 2 y, 2 x) with channels last -> (b, y, x, 4 o): the four pixels of a cell in a row."""
    batch, channels, height, width = maps.shape
    pixels = maps.permute(0, 2, 3, 1)  # (b, 2 y, 2 x, o)
    cells = pixels.reshape(batch, height // 2, 2, width // 2, 2, channels)
    return cells.transpose(2, 3).reshape(batch, height // 2, width // 2, 4 * channels)
