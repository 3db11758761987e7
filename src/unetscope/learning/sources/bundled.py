"""The U-Net's decoder taps as a feature source."""

from __future__ import annotations

from torch import Tensor

from unetscope.learning.features import network_fingerprint, tap_names
from unetscope.learning.sources.source import FeatureMaps, beside
from unetscope.network.unet import UNet


class UNetTaps:
    """The finest decoder stages of a folded 2D U-Net; their numbers are exact in tiles.

    Parameters
    ----------
    name : of the weights, e.g. ``"general-fast"``.
    backbone : settled, for the channels of the images it will get.
    """

    exact_tiles = True

    def __init__(
        self, name: str, backbone: UNet, licence_note: str = "BSD-3-Clause, part of unetscope"
    ) -> None:
        self.name, self.licence_note, self.backbone = name, licence_note, backbone
        self.halo_px = backbone.config.halo_px
        self.side_multiple = backbone.config.multiple

    @property
    def fingerprint(self) -> str:
        """Of the weights; taken when asked for, since a source is made for every tile."""
        return network_fingerprint(self.backbone)

    def columns(self, channels: int) -> dict[int, tuple[str, ...]]:
        """One column a channel of every tap."""
        widths = self.backbone.config.widths
        return {
            2**index: tuple(f"{name}, map {channel}" for channel in range(widths[index]))
            for index, name in enumerate(tap_names(self.backbone))
        }

    def maps(self, image: Tensor) -> tuple[FeatureMaps, ...]:
        """The taps, as the network makes them."""
        names = tap_names(self.backbone)
        taps = beside(self.backbone, image).taps(image, names)
        return tuple(FeatureMaps(n, 2**index, taps[n]) for index, n in enumerate(names))
