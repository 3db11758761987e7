"""A U-Net of slices that also sees the planes above and below: planar-first 3D (experimental).

Pools and up-sampling stay in the plane, so any depth and any pixel ratio will do. Only the second
convolution of each block gets taps in the planes next to it, which begin at zero (centre
inflation): until they are trained the network answers as slice by slice. Replicating kernels along
z and dividing (Carreira and Zisserman 2017, arXiv 1705.07750) is not exact at the first and last
planes. Compared with slices in docs/benchmarks.md.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import Tensor, nn

from unetscope.errors import ModelError
from unetscope.network.unet import ConvBlock, UNet


class DeepConv(nn.Module):
    """A 3×3 convolution, plus one of the plane above and one of the plane below: 3×3×3 in all.

    Planes lie along the batch axis; beyond the first and the last there is nothing (zeros).
    """

    def __init__(self, flat: nn.Conv2d) -> None:
        super().__init__()
        self.here = flat
        outputs, inputs = flat.out_channels, flat.in_channels
        self.near = nn.Conv2d(inputs, 2 * outputs, 3, padding=1, bias=False)
        nn.init.zeros_(self.near.weight)

    def forward(self, maps: Tensor) -> Tensor:
        """(z, inputs, y, x) → (z, outputs, y, x)."""
        here = self.here(maps)
        if len(maps) == 1:
            return here
        from_above, from_below = self.near(maps).chunk(2, dim=1)
        nothing = torch.zeros_like(here[:1])
        above = torch.cat([nothing, from_above[:-1]])
        below = torch.cat([from_below[1:], nothing])
        return here + above + below


def deepened(net: UNet) -> UNet:
    """A copy of a 2D U-Net whose batch is a volume, plane by plane; it answers as ``net`` does.

    Raises
    ------
    ModelError
        If ``net`` is not one of planes.
    """
    if net.config.ndim != 2:
        raise ModelError(
            f"a network of {net.config.ndim} dimensions cannot be deepened; give a 2D one"
        )
    deep = copy.deepcopy(net)
    for block in [module for module in deep.modules() if isinstance(module, ConvBlock)]:
        assert isinstance(block.conv2, nn.Conv2d)
        block.conv2 = DeepConv(block.conv2)
    return deep


def reach_z(net: UNet) -> int:
    """How many planes up and down a deepened network sees: one for each block."""
    return sum(isinstance(module, DeepConv) for module in net.modules())


class MiddlePlane(nn.Module):
    """The logits of the middle plane of slabs, which training asks for.

    (batch, z, y, x) of one channel → (batch, class, y, x); strokes lie in single planes.
    """

    def __init__(self, net: UNet) -> None:
        super().__init__()
        self.net = net
        self.config = replace(net.config, ndim=3)

    def forward(self, slabs: Tensor) -> Tensor:
        """One slab after the other."""
        middle = slabs.shape[1] // 2
        answers = [
            self.net(slab[:, None].contiguous(memory_format=torch.channels_last)) for slab in slabs
        ]
        return torch.stack([answer[middle] for answer in answers])
