"""The U-Net's decoder taps as a feature source."""

from __future__ import annotations

from torch import Tensor

from unetscope.learning.features import CONTEXT, tap_maps, tap_names
from unetscope.learning.sources.source import FeatureMaps, beside
from unetscope.network.cropping import checked_core
from unetscope.network.fingerprint import network_fingerprint
from unetscope.network.unet import UNet


class UNetTaps:
    """The finest decoder stages of a folded 2D U-Net; their numbers are exact in tiles.

    Parameters
    ----------
    name : of the weights, e.g. ``"general-fast"``.
    backbone : settled, for the channels of the images it will get.
    context : whether it looks at the image's quarter as well.
    """

    exact_tiles = True

    def __init__(
        self,
        name: str,
        backbone: UNet,
        licence_note: str = "BSD-3-Clause, part of unetscope",
        *,
        context: bool = False,
    ) -> None:
        self.name, self.licence_note, self.backbone = name, licence_note, backbone
        self.context = context
        smaller = CONTEXT if context else 1
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
            for stride, (name, width) in self._taps().items()
        }

    def maps(self, image: Tensor) -> tuple[FeatureMaps, ...]:
        """The taps, as the network makes them."""
        whole = checked_core(None, image.shape[2:])
        found = tap_maps(beside(self.backbone, image), image, whole, context=self.context)
        names = self._taps()
        return tuple(FeatureMaps(names[s][0], s, maps) for s, maps in found.items())

    def _taps(self) -> dict[int, tuple[str, int]]:
        """Stride → name and number of maps."""
        widths = self.backbone.config.widths
        taps = {2**i: (n, widths[i]) for i, n in enumerate(tap_names(self.backbone))}
        if self.context:
            taps |= {CONTEXT * s: (f"context {n}", width) for s, (n, width) in taps.items()}
        return taps
