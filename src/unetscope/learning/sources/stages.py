"""Stages of a hierarchical backbone (ResNet, ConvNeXt, Swin …) as feature maps.

Where do their cells lie? That depends on every padding on the way: a cell of a ResNet's stride-4
stage looks at a place 1.5 px above and left of where a ConvNeXt's does. Instead of reading it off
each architecture it is measured, on a copy that averages: kernels symmetric, normalisations gone,
mean instead of maximum pooling. There the gradient of a cell with respect to the image is balanced
about the place the cell looks at, and is zero where it cannot see.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from unetscope.errors import ModelError
from unetscope.learning.sources.source import SourceMaps
from unetscope.learning.sources.tokens import CONTEXT_PX

# A wider halo would cost more than the tile itself.
LARGEST_HALO_PX = 144
_STRIP_PX = 64  # height of the pictures for measuring: paddings are the same in both directions
_SAME = 1e-3  # of the maps' root mean square
# Weight of a kernel's outer taps and of layers that mix channels: little, so that the gradient lies
# where the cell looks, even if what it sees is cut by the picture's rim. Not zero, for the reach.
_FAINT = 0.01
# So bright that gates (squeeze and excitation) saturate and pass no gradient.
_BRIGHT = 1e4


@dataclass(frozen=True)
class Sight:
    """Where a stage's cells look: their offset from the plain grid, and how far they see.

    ``reach_px`` is measured from a cell's own centre; None if the probe was too small for it.
    """

    offset_px: float
    reach_px: float | None


class StageMaps:
    """The stages of a timm backbone made with ``features_only=True``.

    Parameters
    ----------
    net : returns a list of maps, one a stage, (batch, channel, y, x) or with the channel last.
    strides, channels : of its stages.
    """

    def __init__(self, net: nn.Module, strides: Sequence[int], channels: Sequence[int]) -> None:
        self.net = net
        self.strides, self.channels = tuple(strides), tuple(channels)
        self.side_multiple = max(self.strides)
        self._sights = self._measured()
        reaches = [sight.reach_px for sight in self._sights]
        halo = max(math.inf if reach is None else reach for reach in reaches) + self.side_multiple
        self.exact_tiles = halo <= LARGEST_HALO_PX and self._is_local(int(halo))
        self.halo_px = int(halo) if self.exact_tiles else CONTEXT_PX

    def raw(
        self, image: Tensor, net: nn.Module | None = None, *, jittered: bool = True
    ) -> tuple[SourceMaps, ...]:
        """The stages of (batch, 3, y, x) by ``net``; they are fine enough to need no jitter."""
        found = self._stages(net or self.net, image)
        return tuple(
            SourceMaps(f"stage {stride}", stride, maps, sight.offset_px)
            for stride, maps, sight in zip(self.strides, found, self._sights, strict=True)
        )

    def _stages(self, net: nn.Module, image: Tensor) -> list[Tensor]:
        found = []
        for maps, channels, stride in zip(net(image), self.channels, self.strides, strict=True):
            sides = tuple(side // stride for side in image.shape[2:])
            if tuple(maps.shape[1:]) == (*sides, channels):
                maps = maps.permute(0, 3, 1, 2)  # channel last, as Swin keeps it
            if tuple(maps.shape[1:]) != (channels, *sides):
                raise ModelError(
                    f"a stage of stride {stride} gives maps of shape {tuple(maps.shape)} for an "
                    f"image of {tuple(image.shape)}; this backbone cannot be used."
                )
            found.append(maps)
        return found

    def _measured(self) -> tuple[Sight, ...]:
        width = _up(2 * LARGEST_HALO_PX + self.side_multiple, 2 * self.side_multiple)
        height = _up(_STRIP_PX, self.side_multiple)
        image = torch.full((1, 3, height, width), _BRIGHT, dtype=torch.float64, requires_grad=True)
        try:
            with torch.enable_grad():
                stages = self._stages(averaging(self.net), image)
                return tuple(map(partial(_sight, image), stages, self.strides))
        except (AssertionError, RuntimeError) as error:
            raise ModelError(
                "this backbone does not take images of any size "
                f"({' '.join(str(error).split())}); choose another."
            ) from error

    def _is_local(self, halo_px: int) -> bool:
        """Whether a window answers as the whole does: gates that pool over the image do not."""
        step, halo = self.side_multiple, _up(halo_px, self.side_multiple)
        generator = torch.Generator().manual_seed(0)
        shape = (1, 3, _up(_STRIP_PX, step), 2 * halo + step)
        image = torch.rand(shape, generator=generator)
        other = torch.cat([1 - image[..., :step], image[..., step:]], dim=-1)
        with torch.inference_mode():
            pairs = zip(self._stages(self.net, image), self._stages(self.net, other), strict=True)
            for stride, (one, two) in zip(self.strides, pairs, strict=True):
                gap = (one - two)[..., (step + halo) // stride :].abs().max()
                if not gap <= _SAME * one.square().mean().sqrt():
                    return False
        return True


def averaging(net: nn.Module) -> nn.Module:
    """A float64 copy of ``net`` that averages what it sees; its gradient shows where it looks."""
    found = copy.deepcopy(net).double()
    for parent in list(found.modules()):
        for name, child in list(parent.named_children()):
            if _only_normalises(child) or isinstance(child, nn.Hardtanh):
                # ReLU6 is one of these: in so bright a picture it stands still.
                setattr(parent, name, nn.Identity())
            elif isinstance(child, nn.MaxPool2d):
                size, step, padding = child.kernel_size, child.stride, child.padding
                setattr(parent, name, nn.AvgPool2d(size, step, padding, child.ceil_mode))
    for parameter_name, parameter in found.named_parameters():
        with torch.no_grad():
            parameter.copy_(_averaging_weight(parameter_name, parameter))
    return found


def _only_normalises(module: nn.Module) -> bool:
    mixing = (nn.Conv2d, nn.Linear)
    return "Norm" in type(module).__name__ and not any(
        isinstance(part, mixing) for part in module.modules()
    )


def _averaging_weight(name: str, parameter: Tensor) -> Tensor:
    if parameter.ndim == 4:  # a kernel (out, in, y, x), peaked in its middle
        taps = torch.full_like(parameter, _FAINT)
        middle = [slice((k - 1) // 2, k // 2 + 1) for k in parameter.shape[2:]]
        taps[:, :, middle[0], middle[1]] = 1.0
        return taps / taps[0].sum()
    if parameter.ndim > 1:  # (out, in)
        return torch.full_like(parameter, _FAINT / parameter[0].numel())
    return torch.full_like(parameter, 0.0 if name.endswith("bias") else 1.0)


def _sight(image: Tensor, maps: Tensor, stride: int) -> Sight:
    row, cell = (side // 2 for side in maps.shape[2:])
    (gradient,) = torch.autograd.grad(
        maps[..., row, cell].sum(), image, retain_graph=True, materialize_grads=True
    )
    profile = gradient[0].abs().sum(dim=(0, 1))  # along x
    seen = torch.nonzero(profile)
    if not len(seen):
        raise ModelError(f"the stage of stride {stride} does not depend on the image.")
    places = torch.arange(len(profile), dtype=profile.dtype)
    looks_at = float((profile * places).sum() / profile.sum())
    centre = cell * stride + (stride - 1) / 2
    first, last = int(seen[0]), int(seen[-1])
    whole = first > 0 and last < len(profile) - 1
    reach = max(centre - first, last - centre) if whole else None
    # Paddings move it by half pixels; the rest is the faint taps cut by the rim.
    return Sight(round(2 * (looks_at - centre)) / 2, reach)


def _up(value: float, multiple: int) -> int:
    return int(-(-value // multiple) * multiple)
