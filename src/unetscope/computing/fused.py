"""Layers that only answer: the same numbers as those a network learns with, in fewer passes.

A convolution and its ReLU are one pass over memory instead of two where oneDNN can do both, which
is what ``torch.compile`` uses there as well; the narrow maps of a U-Net are bound by memory.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from unetscope.network.unet import ConvBlock, UNet


class FusedConv(nn.Module):
    """A convolution and, where ``relu``, the ReLU behind it, in the precision of its weights."""

    def __init__(self, conv: nn.Conv2d | nn.Conv3d, *, relu: bool) -> None:
        super().__init__()
        self.conv, self.relu = conv, relu
        self.fuses = relu and conv.weight.device.type == "cpu" and onednn_fuses()

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, inputs, [z,] y, x) of any precision → (batch, outputs, [z,] y, x)."""
        conv, maps = self.conv, maps.to(self.conv.weight.dtype)
        if self.fuses and not (torch.is_grad_enabled() and maps.requires_grad):  # has no gradient
            ones = [1] * (maps.ndim - 2)
            return _convolution_relu(
                maps, conv.weight, conv.bias, [size // 2 for size in conv.kernel_size], ones
            )
        return functional.relu_(conv(maps)) if self.relu else conv(maps)


class Float32(nn.Module):
    """What ``layer`` says, as float32: the classifier's logits are compared and averaged."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, channel, …) of any precision → float32."""
        logits: Tensor = self.layer(maps)
        return logits.float()


class PairMaximum(nn.Module):
    """Max pooling by 2 as a maximum of neighbours along one axis after the other."""

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, channel, [z,] y, x) → half as long along every axis but the first two."""
        for axis in range(2, maps.ndim):
            before = (slice(None),) * axis
            maps = torch.maximum(
                maps[(*before, slice(0, None, 2))], maps[(*before, slice(1, None, 2))]
            )
        return maps


def fuse(net: UNet) -> UNet:
    """Put the layers of this file into a net, in place; it takes any precision from then on."""
    joined = net.config.norm == "none"  # otherwise the normalisation stands in between
    for block in net.modules():
        if isinstance(block, ConvBlock):
            for index in ("1", "2"):
                conv = getattr(block, f"conv{index}")
                setattr(block, f"conv{index}", FusedConv(conv, relu=joined))
                if joined:
                    setattr(block, f"relu{index}", nn.Identity())
    if next(net.parameters()).device.type == "cpu":
        net.add_module("pool", PairMaximum())  # a GPU's own pooling is as fast
    net.classifier = Float32(net.classifier)
    return net


@cache
def onednn_fuses() -> bool:
    """Whether oneDNN is there with the fused convolution, and answers as the two layers do."""
    if not torch.backends.mkldnn.is_available():
        return False
    maps = torch.linspace(-1, 1, 2 * 3 * 64).reshape(1, 6, 8, 8)
    weight, bias = torch.linspace(-1, 1, 4 * 6 * 9).reshape(4, 6, 3, 3), torch.linspace(-1, 1, 4)
    try:
        fused = _convolution_relu(maps, weight, bias, [1, 1], [1, 1])
    except (AttributeError, RuntimeError):  # not public: it may go, or not be built in
        return False
    return torch.allclose(fused, functional.conv2d(maps, weight, bias, padding=1).relu(), atol=1e-4)


def _convolution_relu(
    maps: Tensor, weight: Tensor, bias: Tensor | None, padding: list[int], ones: list[int]
) -> Tensor:
    answer: Tensor = torch.ops.mkldnn._convolution_pointwise(
        maps, weight, bias, padding, ones, ones, 1, "relu", [], ""
    )
    return answer
