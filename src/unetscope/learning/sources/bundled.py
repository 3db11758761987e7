"""The U-Net's decoder taps as a feature source, and what a model's own two sources are.

The U-Net looks at the image twice: as it is, and, for *context*, at a quarter of its size, where
the same weights see four times as far for a sixteenth of the work.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from unetscope.learning.features import Levels
from unetscope.learning.sources.classical import ClassicalFilters
from unetscope.learning.sources.source import FeatureSource, Look, SourceMaps
from unetscope.network.cropping import Region, around, checked_core, coarser, cut, relative
from unetscope.network.fingerprint import network_fingerprint
from unetscope.network.unet import UNet

CONTEXT = 4  # how many times smaller the image is in the second look


class OwnGains(Protocol):
    """Gains of a model's own sources: a recipe's numbers, or tensors where these are learned."""

    @property
    def tap_gain(self) -> Sequence[float] | Tensor:
        """Of dec1 and dec2, (taps,)."""

    @property
    def context_gain(self) -> Sequence[float] | Tensor:
        """Of the same in the second look; empty where there is none."""

    @property
    def classical_gain(self) -> Sequence[Sequence[float]] | Tensor:
        """(strides, filters)."""


def own_sources(name: str, backbone: UNet, gains: OwnGains) -> tuple[UNetTaps, ClassicalFilters]:
    """What every model stands on; in a level the taps come first.

    ``name`` is that of the weights. ``gains`` say as well which strides and looks there are.
    """
    strides = [2**row for row in range(len(gains.classical_gain))]
    taps = UNetTaps(name, backbone, gains.tap_gain, gains.context_gain)
    return taps, ClassicalFilters(strides, gains.classical_gain)


class UNetTaps(FeatureSource):
    """The finest decoder stages of a folded 2D U-Net; their numbers are exact in tiles.

    Parameters
    ----------
    name : of the weights, e.g. ``"general-fast"``.
    backbone : settled, for the channels of the images it will get.
    tap_gain, context_gain : of every stage; it looks at the image's quarter as well where
        ``context_gain`` is not empty.
    """

    licence_note = "BSD-3-Clause, part of unetscope"

    def __init__(
        self,
        name: str,
        backbone: UNet,
        tap_gain: Sequence[float] | Tensor = (1.0, 1.0),
        context_gain: Sequence[float] | Tensor = (),
    ) -> None:
        self.name, self.backbone = name, backbone
        self.context = len(context_gain) > 0
        self._gains = tap_gain, context_gain
        smaller = CONTEXT if self.context else 1
        self.halo_px = backbone.config.halo_px * smaller
        self.side_multiple = backbone.config.multiple * smaller

    @property
    def fingerprint(self) -> str:
        """Of the weights; taken when asked for, since a source is made for every tile."""
        return network_fingerprint(self.backbone)

    def columns(self, channels: int) -> dict[int, tuple[str, ...]]:
        """One column a channel of every tap."""
        return {
            stride: tuple(f"{name}, map {channel}" for channel in range(width))
            for stride, name, width in self._taps()
        }

    def gains(self, channels: int) -> dict[int, Tensor]:
        """One gain a tap."""
        each: list[Tensor] = []
        for gains in self._gains:
            each += list(torch.as_tensor(gains)[: len(tap_names(self.backbone))])
        return {
            stride: gain.expand(width)
            for (stride, _, width), gain in zip(self._taps(), each, strict=True)
        }

    def maps(self, look: Look) -> tuple[SourceMaps, ...]:
        """The taps, as the network makes them; of the core no more is computed than it needs."""
        net, core = look.net(self.backbone), look.wanted
        found = near_maps(net, look.image, core)
        if self.context:
            found |= context_maps(net, look.image, core)
        begins = (core[0].start, core[1].start)
        return tuple(SourceMaps(n, s, found[s], begins=begins) for s, n, _ in self._taps())

    def _taps(self) -> Iterable[tuple[int, str, int]]:
        """Stride, name and number of maps."""
        widths = self.backbone.config.widths
        near = [(2**i, n, widths[i]) for i, n in enumerate(tap_names(self.backbone))]
        far = [(CONTEXT * s, f"context {name}", width) for s, name, width in near]
        return near + far if self.context else near


def tap_names(backbone: UNet) -> tuple[str, ...]:
    """The decoder stages the head looks at: the finest two."""
    return tuple(f"dec{level}" for level in range(1, min(2, backbone.config.pools) + 1))


def near_maps(backbone: UNet, image: Tensor, core: Region) -> Levels:
    """The decoder taps by stride, cut to ``core``."""
    sides, config = tuple(image.shape[2:]), backbone.config
    seen = around(core, config.reach_px, sides, config.multiple)
    near = cut(image, seen, checked_core(None, sides))
    return _taps_by_stride(backbone, near, relative(core, seen))


def context_maps(backbone: UNet, image: Tensor, core: Region) -> Levels:
    """The taps of the second look, at the image's quarter, by stride and cut to ``core``."""
    small = functional.avg_pool2d(image, CONTEXT).contiguous(memory_format=torch.channels_last)
    found = _taps_by_stride(backbone, small, coarser(core, CONTEXT))
    return {CONTEXT * stride: maps for stride, maps in found.items()}


def _taps_by_stride(backbone: UNet, image: Tensor, core: Region) -> Levels:
    taps = backbone.taps(image, tap_names(backbone), core)
    return {2**index: taps[name] for index, name in enumerate(tap_names(backbone))}
