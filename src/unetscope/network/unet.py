"""The U-Net (Ronneberger, Fischer and Brox 2015, arXiv 1505.04597), written as its diagram.

    image ─ enc1 ───────────────────────────── dec1 ─ classifier ─ logits
              └ enc2 ─────────────────── dec2 ┘
                  └ enc3 ───────── dec3 ┘
                       └ bottleneck ┘

Going down, every stage halves the map and widens it; going up, it is doubled again and joined
with the map of the same size on the way down (the skip connection), which brings back *where*
things are. Convolutions are padded, so the mask has the size of the image.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from unetscope.errors import ModelError
from unetscope.network.cropping import Region, Taps, checked_core, coarser, cut, decoder_regions

Upsampling = Literal["transposed", "interpolated"]
Normalising = Literal["batch", "group", "instance", "none"]


@dataclass(frozen=True)
class UNetConfig:
    """Everything that makes one U-Net differ from another; stored with the weights.

    Parameters
    ----------
    ndim : 2 for (y, x) images, 3 for (z, y, x) volumes.
    in_channels, classes : channels of the image, classes of the mask.
    widths : channels of every stage on the way down; the last is the bottleneck's, so
        ``len(widths) - 1`` is the number of poolings.
    upsampling : ``"transposed"`` (a learned 2×2 transposed convolution) or ``"interpolated"``
        (bilinear, then a 1×1 convolution).
    norm : after every 3×3 convolution: ``"batch"``, ``"group"``, ``"instance"`` or ``"none"``.
        With ``"none"`` the convolutions carry a bias; that is the form a folded net has.
    """

    ndim: int = 2
    in_channels: int = 1
    classes: int = 2
    widths: tuple[int, ...] = (16, 32, 64, 128)
    upsampling: Upsampling = "transposed"
    norm: Normalising = "batch"

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(int(w) for w in self.widths))
        if self.ndim not in (2, 3):
            raise ModelError(f"ndim is {self.ndim!r}; a U-Net works in 2 or 3 dimensions.")
        if not 2 <= len(self.widths) <= 7 or not all(1 <= w <= 4096 for w in self.widths):
            raise ModelError(
                f"widths are {self.widths!r}; give two to seven stage widths of 1 to 4096 channels."
            )
        if not 1 <= self.in_channels <= 4096 or not 1 <= self.classes <= 4096:
            raise ModelError(
                f"in_channels is {self.in_channels!r} and classes {self.classes!r}; "
                "both must be between 1 and 4096."
            )
        if self.upsampling not in ("transposed", "interpolated"):
            raise ModelError(f"upsampling is {self.upsampling!r}; use transposed or interpolated.")
        if self.norm not in ("batch", "group", "instance", "none"):
            raise ModelError(f"norm is {self.norm!r}; use batch, group, instance or none.")

    @property
    def pools(self) -> int:
        """Number of 2× poolings on the way down."""
        return len(self.widths) - 1

    @property
    def multiple(self) -> int:
        """Image sides must be multiples of this (2 to the number of poolings)."""
        return int(2**self.pools)

    @property
    def reach_px(self) -> int:
        """How far, in pixels, a pixel of the mask can see in any one direction.

        Two 3×3 convolutions on every level, down and up, reach ``6 · 2^p - 4`` pixels; the phase
        of the ``p`` poolings adds up to ``2^p - 1``: 51 px for three poolings, a field of 92 or
        100 px that depends on the pixel's phase. Bilinear interpolation blends the nearer coarse
        cell at every level, at most another ``2^p - 1`` pixels away.
        """
        factor = self.multiple
        phase = factor - 1
        return 6 * factor - 4 + (phase if self.upsampling == "transposed" else 2 * phase)

    @property
    def halo_px(self) -> int:
        """Border a tile needs so that its core equals the untiled result: the reach, rounded up."""
        return -(-self.reach_px // self.multiple) * self.multiple

    @property
    def decoder_rim(self) -> int:
        """How many cells along a cut a decoder stage gets wrong.

        Two 3×3 convolutions; bilinear interpolation, too, misses a neighbour there.
        """
        return 2 if self.upsampling == "transposed" else 3

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, for a model file."""
        return {**asdict(self), "widths": list(self.widths)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> UNetConfig:
        """Read what :meth:`to_dict` wrote; unknown or missing keys are an error."""
        expected = set(cls.__dataclass_fields__)
        if set(values) != expected:
            raise ModelError(
                f"the architecture names {sorted(values)}, expected exactly {sorted(expected)}."
            )
        return cls(**{**values, "widths": tuple(values["widths"])})


def _norm_layer(config: UNetConfig, channels: int) -> nn.Module:
    if config.norm == "batch":
        return (nn.BatchNorm2d if config.ndim == 2 else nn.BatchNorm3d)(channels)
    if config.norm == "group":
        return nn.GroupNorm(min(8, channels) if channels % min(8, channels) == 0 else 1, channels)
    if config.norm == "instance":
        return (nn.InstanceNorm2d if config.ndim == 2 else nn.InstanceNorm3d)(channels, affine=True)
    return nn.Identity()


def _conv(config: UNetConfig, inputs: int, outputs: int, size: int, *, bias: bool) -> nn.Module:
    layer = nn.Conv2d if config.ndim == 2 else nn.Conv3d
    return layer(inputs, outputs, size, padding=size // 2, bias=bias)


class ConvBlock(nn.Module):
    """Twice: 3×3 convolution, normalisation, ReLU. The size of the map stays."""

    def __init__(self, config: UNetConfig, inputs: int, outputs: int) -> None:
        super().__init__()
        bias = config.norm == "none"
        self.conv1 = _conv(config, inputs, outputs, 3, bias=bias)
        self.norm1 = _norm_layer(config, outputs)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = _conv(config, outputs, outputs, 3, bias=bias)
        self.norm2 = _norm_layer(config, outputs)
        self.relu2 = nn.ReLU(inplace=True)

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, inputs, [z,] y, x) → (batch, outputs, [z,] y, x)."""
        maps = self.relu1(self.norm1(self.conv1(maps)))
        return self.relu2(self.norm2(self.conv2(maps)))


class Up(nn.Module):
    """Double the map and halve its channels."""

    def __init__(self, config: UNetConfig, inputs: int, outputs: int) -> None:
        super().__init__()
        if config.upsampling == "transposed":
            layer = nn.ConvTranspose2d if config.ndim == 2 else nn.ConvTranspose3d
            self.resize: nn.Module = nn.Identity()
            self.conv: nn.Module = layer(inputs, outputs, 2, stride=2)
        else:
            mode = "bilinear" if config.ndim == 2 else "trilinear"
            self.resize = nn.Upsample(scale_factor=2, mode=mode, align_corners=False)
            self.conv = _conv(config, inputs, outputs, 1, bias=True)

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, inputs, [z,] y, x) → (batch, outputs, [2z,] 2y, 2x)."""
        return self.conv(self.resize(maps))


class DecoderStage(nn.Module):
    """Up-sample, join the skip connection, convolve twice."""

    def __init__(self, config: UNetConfig, below: int, here: int) -> None:
        super().__init__()
        self.up = Up(config, below, here)
        self.convs = ConvBlock(config, 2 * here, here)

    def forward(self, below: Tensor, skip: Tensor) -> Tensor:
        """Maps from ``below``, half as wide and high as ``skip`` → maps of the size of ``skip``."""
        return self.convs(torch.cat([skip, self.up(below)], dim=1))


class UNet(nn.Module):
    """A 2D or 3D U-Net for any number of channels and classes.

    ``forward`` takes (batch, channel, [z,] y, x), sides multiples of ``config.multiple``, and
    returns logits (batch, class, [z,] y, x) of the same size.
    """

    decoder_stage: type[DecoderStage] = DecoderStage

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.pool = (nn.MaxPool2d if config.ndim == 2 else nn.MaxPool3d)(2)
        inputs = config.in_channels
        for level, width in enumerate(widths[:-1], start=1):
            self.add_module(f"enc{level}", ConvBlock(config, inputs, width))
            inputs = width
        self.bottleneck = ConvBlock(config, widths[-2], widths[-1])
        for level in range(config.pools, 0, -1):
            stage = self.decoder_stage(config, widths[level], widths[level - 1])
            self.add_module(f"dec{level}", stage)
        self.classifier = _conv(config, widths[0], config.classes, 1, bias=True)

    def stages(self) -> dict[str, nn.Module]:
        """The named stages in the order of the data: enc1 … bottleneck … dec1, classifier."""
        levels = range(1, self.config.pools + 1)
        names = [f"enc{level}" for level in levels]
        names += ["bottleneck", *(f"dec{level}" for level in reversed(levels)), "classifier"]
        return {name: self.get_submodule(name) for name in names}

    def forward(self, image: Tensor, core: Region | None = None) -> Tensor:
        """Logits of every pixel, or of those in ``core`` (see :meth:`taps`)."""
        return self.classifier(self.taps(image, ["dec1"], core)["dec1"])

    def taps(
        self, image: Tensor, names: Iterable[str], core: Region | None = None
    ) -> dict[str, Tensor]:
        """The maps of the named stages (not the classifier), as :meth:`forward` makes them.

        Parameters
        ----------
        core : the ([z,] y, x) part of the image that is asked about. Every map is then cut to the
            cells that touch it, and the decoder computes no more than these need: the same
            numbers in less time. None asks about all of it.
        """
        self._check(image)
        taps = Taps(self._known(names), checked_core(core, image.shape[2:]))
        stages, pools = self.stages(), self.config.pools
        # The regions of whole maps, by level: enc1 and dec1 are level 0, the bottleneck the last.
        whole = [coarser(checked_core(None, image.shape[2:]), 2**n) for n in range(pools + 1)]
        skips: list[Tensor] = []
        maps = image
        for level in range(pools):  # down the left side of the U
            maps = stages[f"enc{level + 1}"](maps)  # (b, width, y / 2^level, x / 2^level)
            taps.offer(f"enc{level + 1}", maps, whole[level], 2**level)
            skips.append(maps)
            maps = self.pool(maps)  # (b, width, y / 2^(level + 1), x / 2^(level + 1))
        maps, placed = stages["bottleneck"](maps), whole[pools]
        taps.offer("bottleneck", maps, placed, 2**pools)
        regions = decoder_regions(taps.core, image.shape[2:], pools, self.config.decoder_rim)
        for level in reversed(range(pools)):  # up the right side
            if taps.complete:
                break
            below = cut(maps, coarser(regions[level], 2), placed)
            skip = cut(skips.pop(), regions[level], whole[level])
            maps, placed = stages[f"dec{level + 1}"](below, skip), regions[level]
            taps.offer(f"dec{level + 1}", maps, placed, 2**level)
        return {name: taps.maps[name] for name in stages if name in taps.maps}

    def _known(self, names: Iterable[str]) -> frozenset[str]:
        wanted, there = frozenset(names), [name for name in self.stages() if name != "classifier"]
        if unknown := wanted - set(there):
            raise ModelError(f"no stage is called {sorted(unknown)}; there are {there}.")
        return wanted

    def _check(self, image: Tensor) -> None:
        config = self.config
        if image.ndim != config.ndim + 2 or image.shape[1] != config.in_channels:
            raise ModelError(
                f"the network got a tensor of shape {tuple(image.shape)}; it takes (batch, "
                f"{config.in_channels}, {'z, ' if config.ndim == 3 else ''}y, x)."
            )
        if any(side % config.multiple for side in image.shape[2:]):
            raise ModelError(
                f"image sides {tuple(image.shape[2:])} must be multiples of {config.multiple}; "
                "pad the image first."
            )


def initialise(net: UNet, seed: int) -> UNet:
    """Draw He-normal weights (He et al. 2015) from ``seed``, in place; biases become zero."""
    generator = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)):
            fan_in = module.weight[0].numel()
            if isinstance(module, (nn.ConvTranspose2d, nn.ConvTranspose3d)):
                fan_in = module.weight.shape[0]  # every output meets each input channel once
            with torch.no_grad():
                module.weight.normal_(0.0, (2.0 / fan_in) ** 0.5, generator=generator)
                if module.bias is not None:
                    module.bias.zero_()
    return net
