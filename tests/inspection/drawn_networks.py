"""Networks with their table and their drawing, made once for all tests."""

from __future__ import annotations

from functools import cache

import torch
from torch import nn

from inspection.public_networks import PUBLIC
from learning.small_scenes import CONTEXT_RECIPE, sample, small_model
from unetscope.inspection import architecture
from unetscope.inspection.following.diagram import Diagram, diagram
from unetscope.inspection.following.joins import skip_connections
from unetscope.inspection.following.table import Architecture
from unetscope.learning.answering import InstantNetwork, network_input
from unetscope.learning.instant import fit_instant
from unetscope.network.shipped import load_bundled

U = ["enc1", "enc2", "enc3", "bottleneck", "dec3", "dec2", "dec1", "classifier"]
"""The stages of the bundled network."""


class Chain(nn.Module):
    """Twenty convolutions of one stride; the last block is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.block = nn.Conv2d(4, 4, 3, padding=1)
        self.between = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.block(self.between(self.block(self.first(image))))


class Squeezed(nn.Module):
    """A block whose channels are weighed by a branch of one cell."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, 2, 1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.weigh = nn.Conv2d(outputs, outputs, 1)
        self.last = nn.Conv2d(outputs, outputs, 3, 1, 1)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        maps = self.conv(maps)
        return self.last(maps * torch.sigmoid(self.weigh(self.pool(maps))))


def drawn(net: nn.Module, shape: tuple[int, ...]) -> tuple[Architecture, Diagram]:
    table = architecture(net, shape)
    return table, diagram(table, skip_connections(net, shape))


@cache
def bundled() -> tuple[Architecture, Diagram]:
    return drawn(load_bundled("general")[0], (128, 128))


@cache
def public(name: str) -> tuple[Architecture, Diagram]:
    make, (height, width) = PUBLIC[name]
    return drawn(make(), (2 * height, 2 * width))  # or the deepest maps are a cell or two


@cache
def two_looks() -> tuple[InstantNetwork, torch.Tensor]:
    """An instant answer that looks twice, with the same weights, and what it looks at."""
    painted = sample((224, 214))  # larger than the field of the second look
    model = small_model(widths=(3, 4, 5), recipe=CONTEXT_RECIPE)
    model = fit_instant(model, [painted], with_forest=False)
    net = InstantNetwork(model).eval().requires_grad_(False)
    return net, network_input(model, painted.image)


@cache
def drawn_looks() -> tuple[Architecture, Diagram]:
    net, image = two_looks()
    table = architecture(net, image.shape)
    joins = skip_connections(net, image.shape)
    return table, diagram(table, [join for join in joins if join.source != join.other])


def skips(found: Diagram) -> list[tuple[str, str]]:
    return [(link.source, link.target) for link in found.links if link.skip]
