"""Small networks that show one thing each: a kernel, a stack, poolings, depth. Untrained."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from unetscope.errors import ModelError


class OneKernel(nn.Module):
    """One convolution from one channel to one, its weights set by hand.

    Takes (batch, 1, y, x) and gives the same size, zeros around the image.
    """

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        if weights.ndim != 2 or any(side % 2 == 0 for side in weights.shape):
            raise ModelError(f"a kernel has two odd sides, not {tuple(weights.shape)}.")
        rows, columns = weights.shape
        self.conv = nn.Conv2d(1, 1, (rows, columns), padding=(rows // 2, columns // 2), bias=False)
        with torch.no_grad():
            self.conv.weight.copy_(weights)

    def forward(self, image: Tensor) -> Tensor:
        """(batch, 1, y, x) → the same."""
        return self.conv(image)


class LayerStack(nn.Module):
    """3×3 convolutions (plain or dilated by 2) with ReLU, and 2×2 poolings, in any order.

    Layers are called ``conv1``, ``pool2``, ``dilated3`` after their place. After n plain
    convolutions a value sees 2n + 1 pixels a side.
    """

    def __init__(
        self, layers: tuple[Literal["conv", "pool", "dilated"], ...], channels: int = 4
    ) -> None:
        super().__init__()
        inputs = 1
        for number, kind in enumerate(layers, 1):
            if kind == "pool":
                self.add_module(f"pool{number}", nn.MaxPool2d(2))
                continue
            gap = 2 if kind == "dilated" else 1
            layer = nn.Conv2d(inputs, channels, 3, padding=gap, dilation=gap)
            self.add_module(f"{kind}{number}", layer)
            self.add_module(f"relu{number}", nn.ReLU())
            inputs = channels

    def forward(self, image: Tensor) -> Tensor:
        """(batch, 1, y, x) → (batch, channels, y / 2^poolings, x / 2^poolings)."""
        maps = image
        for layer in self.children():
            maps = layer(maps)
        return maps


class ConvPoolBlocks(nn.Module):
    """Convolution, ReLU, 2×2 pooling, again and again; the channels double each time.

    Takes (batch, 1, y, x); block n gives ``first · 2^(n−1)`` channels of sides halved n times.
    """

    def __init__(self, first: int = 64, blocks: int = 4) -> None:
        super().__init__()
        inputs = 1
        for number in range(1, blocks + 1):
            outputs = first * 2 ** (number - 1)
            self.add_module(f"conv{number}", nn.Conv2d(inputs, outputs, 3, padding=1))
            self.add_module(f"relu{number}", nn.ReLU())
            self.add_module(f"pool{number}", nn.MaxPool2d(2))
            inputs = outputs

    def forward(self, image: Tensor) -> Tensor:
        """(batch, 1, y, x) → (batch, channel, y / 2^blocks, x / 2^blocks)."""
        maps = image
        for layer in self.children():
            maps = layer(maps)
        return maps


class DeepNet(nn.Module):
    """Many 3×3 convolutions of eight channels, to watch gradients before any training.

    Takes (batch, 8, y, x). ``start`` is PyTorch's own first weights or He's, without biases (He et
    al. 2015, arXiv 1502.01852); with ``skips`` every layer adds to what went in, with ``norm``
    batch normalisation follows it.
    """

    def __init__(
        self,
        depth: int,
        *,
        start: Literal["pytorch", "he"] = "pytorch",
        skips: bool = False,
        norm: bool = False,
        tanh: bool = False,
    ) -> None:
        super().__init__()
        self.skips, self.depth = skips, depth
        for number in range(1, depth + 1):
            layer = nn.Conv2d(8, 8, 3, padding=1, bias=start != "he")
            if start == "he":
                nn.init.kaiming_normal_(layer.weight)
            self.add_module(f"conv{number}", layer)
            self.add_module(f"norm{number}", nn.BatchNorm2d(8) if norm else nn.Identity())
        self.activation: nn.Module = nn.Tanh() if tanh else nn.ReLU()

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, 8, y, x) → the same."""
        for number in range(1, self.depth + 1):
            convolved = self.get_submodule(f"conv{number}")(maps)
            made = self.activation(self.get_submodule(f"norm{number}")(convolved))
            maps = made + maps if self.skips else made
        return maps
