"""Feature maps for the instant head: decoder taps of the U-Net beside classical filters.

The U-Net looks at the image twice: as it is, and, for *context*, at a quarter of its size, where
the same weights see four times as far for a sixteenth of the work.

Maps are kept at their own resolution ("levels", by stride). The head is linear, so it is applied
there and only its scores are up-sampled; rows for single pixels are interpolated the same way,
which gives the same numbers for a fraction of the memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from unetscope.errors import ModelError
from unetscope.learning.classical import FILTERS, STRIDES, classical_maps
from unetscope.network.cropping import Region, around, checked_core, coarser, cut, relative
from unetscope.network.unet import UNet

Levels = dict[int, Tensor]
"""stride → (channel, y / stride, x / stride) of one image, or with a leading batch axis."""

CONTEXT = 4  # how many times smaller the image is in the second look
LATTICE_PX = 8  # a pixel in so many, both ways, shows how features scatter
_STRIP_ROWS = 48


@dataclass(frozen=True)
class Layout:
    """Which maps a head stands on; at each stride taps come first, classical filters last.

    ``strides`` are those of the classical filters: 1, 2, 4 …, at least up to 8. ``context``: the
    taps of the second look are there, too, at strides 4 and 8.
    """

    strides: tuple[int, ...] = STRIDES
    context: bool = False


@dataclass(frozen=True)
class Recipe:
    """What meta-training found best for the head on one set of weights; stored beside them.

    ``tap_gain`` scales the decoder taps (dec1, dec2), ``context_gain`` those of the look at the
    image's quarter (empty: there is none), ``classical_gain`` every classical filter (one row a
    stride 1, 2, 4 …, one column a filter): a large gain is a weak penalty. ``ridge`` is the
    penalty for 200 labelled pixels a class, ``sharpness`` turns scores into logits.
    ``prior_strength`` is the power of the classes' estimated shares of the image in the answer: 0
    takes all classes for equally frequent, as they are in the strokes, 1 is Bayes' rule.
    ``forest_share`` is the forest's part in the instant answer unless held-back strokes ask for
    another; ``temperature`` above 1 makes probabilities less sure, so that they can be believed.
    """

    tap_gain: tuple[float, ...] = (1.0, 1.0)
    classical_gain: tuple[tuple[float, ...], ...] = ((0.25,) * len(FILTERS),) * len(STRIDES)
    ridge: float = 0.03
    sharpness: float = 8.0
    prior_strength: float = 0.75
    forest_share: float = 0.5
    temperature: float = 1.0
    context_gain: tuple[float, ...] = ()

    @property
    def layout(self) -> Layout:
        """The maps that the gains are for."""
        strides = tuple(2**row for row in range(len(self.classical_gain)))
        return Layout(strides, context=bool(self.context_gain))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, for a model file."""
        values = asdict(self)
        values["tap_gain"] = list(self.tap_gain)
        values["context_gain"] = list(self.context_gain)
        values["classical_gain"] = [list(row) for row in self.classical_gain]
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """Read what :meth:`to_dict` wrote."""
        try:
            return cls(
                tap_gain=tuple(float(g) for g in values["tap_gain"]),
                classical_gain=tuple(
                    tuple(float(g) for g in row) for row in values["classical_gain"]
                ),
                ridge=float(values["ridge"]),
                sharpness=float(values["sharpness"]),
                prior_strength=float(values["prior_strength"]),
                # files of earlier releases know none of these
                forest_share=float(values.get("forest_share", 0.5)),
                temperature=float(values.get("temperature", 1.0)),
                context_gain=tuple(float(g) for g in values.get("context_gain", ())),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"the head's recipe in the model is damaged ({error}).") from error


def tap_names(backbone: UNet) -> tuple[str, ...]:
    """The decoder stages the head looks at: the finest two."""
    return tuple(f"dec{level}" for level in range(1, min(2, backbone.config.pools) + 1))


def side_multiple(backbone: UNet, layout: Layout = Layout()) -> int:
    """Sides of an image given to :func:`feature_levels` must be multiples of this."""
    network = backbone.config.multiple * (CONTEXT if layout.context else 1)
    return max(network, *layout.strides)  # all are powers of two


def feature_levels(
    backbone: UNet, image: Tensor, core: Region | None = None, layout: Layout = Layout()
) -> Levels:
    """All feature maps of a batch, without gains; differentiable.

    Parameters
    ----------
    image : (batch, channel, y, x), normalised, sides multiples of :func:`side_multiple`.
    core : (y, x) slices of the image that are wanted, starts and stops multiples of the coarsest
        stride; maps are cut to it, and no more is computed than it needs. None: all.
    """
    sides = tuple(image.shape[2:])
    core = checked_core(core, sides)
    levels = classical_maps(image.float(), core, layout.strides)
    for stride, maps in tap_maps(backbone, image, core, context=layout.context).items():
        levels[stride] = torch.cat([_by_channel(maps), levels[stride]], dim=1)
    return levels


def _by_channel(maps: Tensor) -> Tensor:
    """``maps`` (batch, channel, y, x) as float32, one channel after the other in memory."""
    # In strips, as a processor turns around what its caches hold several times as fast.
    strips = maps.split(_STRIP_ROWS, dim=2) if maps.is_cpu else (maps,)
    turned = [s.to(torch.float32, memory_format=torch.contiguous_format) for s in strips]
    return torch.cat(turned, dim=2)


def tap_maps(backbone: UNet, image: Tensor, core: Region, *, context: bool) -> Levels:
    """The decoder taps by stride, cut to ``core``; with ``context`` those of both looks."""
    sides, config = tuple(image.shape[2:]), backbone.config
    seen = around(core, config.reach_px, sides, config.multiple)
    near = cut(image, seen, checked_core(None, sides))
    found = _taps_by_stride(backbone, near, relative(core, seen))
    return found | context_maps(backbone, image, core) if context else found


def context_maps(backbone: UNet, image: Tensor, core: Region) -> Levels:
    """The taps of the second look, at the image's quarter, by stride and cut to ``core``."""
    small = functional.avg_pool2d(image, CONTEXT).contiguous(memory_format=torch.channels_last)
    found = _taps_by_stride(backbone, small, coarser(core, CONTEXT))
    return {CONTEXT * stride: maps for stride, maps in found.items()}


def _taps_by_stride(backbone: UNet, image: Tensor, core: Region) -> Levels:
    taps = backbone.taps(image, tap_names(backbone), core)
    return {2**index: taps[name] for index, name in enumerate(tap_names(backbone))}


def gain_vector(
    backbone: UNet,
    channels: int,
    tap_gain: Tensor,
    classical_gain: Tensor,
    context_gain: Tensor | None = None,
) -> Tensor:
    """The gain of every feature, (feature,), in the order of :func:`rows_at`; differentiable.

    ``tap_gain``, ``context_gain``: (taps,), the latter None or empty where there is no context;
    ``classical_gain``: (strides, filters). Gains are applied to rows and weights instead of to the
    maps, which is the same and much cheaper.
    """
    taps = [2**index for index in range(len(tap_names(backbone)))]
    gains = dict(zip(taps, tap_gain, strict=False))
    if context_gain is not None and len(context_gain):
        gains |= dict(zip((CONTEXT * stride for stride in taps), context_gain, strict=False))
    widths = _tap_widths(backbone, context=True)
    parts = []
    for row, of_filters in enumerate(classical_gain):
        if 2**row in gains:
            parts.append(gains[2**row].expand(widths[2**row]))
        parts.append(of_filters.repeat(channels))
    return torch.cat(parts)


def feature_count(backbone: UNet, channels: int, layout: Layout = Layout()) -> int:
    """Number of features a pixel has."""
    taps = sum(_tap_widths(backbone, context=layout.context).values())
    return taps + classical_count(channels, layout)


def classical_count(channels: int, layout: Layout = Layout()) -> int:
    """How many of a pixel's features are classical filters."""
    return len(layout.strides) * len(FILTERS) * channels


def _tap_widths(backbone: UNet, *, context: bool) -> dict[int, int]:
    """Stride → how many of its maps are taps."""
    widths = {2**i: backbone.config.widths[i] for i in range(len(tap_names(backbone)))}
    if context:
        widths |= {CONTEXT * stride: width for stride, width in widths.items()}
    return widths


def rows_at(levels: Levels, y: Tensor, x: Tensor) -> Tensor:
    """Features (n, feature) of the pixels ``y``, ``x`` (integers, in the levels' own frame).

    Coarse levels are interpolated bilinearly between cell centres (and held at the rim), exactly
    as :func:`scores` up-samples.
    """
    columns = [_interpolated(levels[s], s, y, x) for s in sorted(levels)]  # (channel, n) each
    return torch.cat(columns, dim=0).t()


def lattice_rows(levels: Levels, core: Region) -> Tensor:
    """Features (n, feature) of every eighth pixel of ``core``, both ways, in the levels' frame."""
    spots = []
    for side in core:
        first = min(side.start + LATTICE_PX // 2, side.stop - 1)
        spots.append(torch.arange(first, side.stop, LATTICE_PX, device=levels[1].device))
    y, x = torch.meshgrid(*spots, indexing="ij")
    return rows_at(levels, y.flatten(), x.flatten())


def classical_columns(backbone: UNet, channels: int, layout: Layout = Layout()) -> Tensor:
    """Which columns of :func:`rows_at` are classical filters: the forest's columns, in order."""
    columns: list[int] = []
    taps = _tap_widths(backbone, context=layout.context)
    start = 0
    for stride in layout.strides:
        start += taps.get(stride, 0)
        columns.extend(range(start, start + len(FILTERS) * channels))
        start += len(FILTERS) * channels
    return torch.tensor(columns)


def classical_image(levels: Levels, channels: int, layout: Layout = Layout()) -> Tensor:
    """The classical features of every pixel, (feature, y, x), coarse ones up-sampled."""
    full = []
    for stride in layout.strides:  # where they stand last; other levels hold other maps
        own = levels[stride][-len(FILTERS) * channels :]
        full.append(_upsampled(own, stride))
    return torch.cat(full, dim=0)


def scores(levels: Levels, weight: Tensor, bias: Tensor) -> Tensor:
    """A linear head's scores for every pixel: (class, y, x).

    ``weight``: (feature, class) in the order of :func:`rows_at`; ``bias``: (class,).
    """
    total: Tensor | None = None
    start = 0
    for stride in sorted(levels):
        maps = levels[stride]
        block = weight[start : start + maps.shape[0]]  # (channel, class)
        start += maps.shape[0]
        # A 1×1 convolution is faster than a matrix product here (see docs/benchmarks.md).
        here = functional.conv2d(maps[None], block.t()[:, :, None, None])[0]
        here = _upsampled(here, stride)
        total = here if total is None else total.add_(here)
    if total is None or start != weight.shape[0]:
        raise ModelError(f"the head has {weight.shape[0]} weights but the maps give {start}.")
    return total.add_(bias[:, None, None])


def _upsampled(maps: Tensor, stride: int) -> Tensor:
    """Bilinear between cell centres, held at the rim: (channel, y / stride, x / stride) → full."""
    if stride == 1:
        return maps
    if maps.device.type != "cpu":
        return functional.interpolate(
            maps[None], scale_factor=stride, mode="bilinear", align_corners=False
        )[0]
    # The same in two steps: along x while the rows are few, then whole rows along y, which the
    # processor blends many pixels at a time. torch's own kernel takes four taps a pixel instead.
    wide = functional.interpolate(maps, scale_factor=stride, mode="linear", align_corners=False)
    held = functional.pad(wide[None], (0, 0, 1, 1), mode="replicate")[0]  # (channel, y / s + 2, x)
    height = maps.shape[1]
    phases = []
    for phase in range(stride):
        at = (phase + 0.5) / stride + 0.5  # of the phase's first pixel, in rows of ``held``
        above = int(at)
        pair = held[:, above : above + height], held[:, above + 1 : above + 1 + height]
        phases.append(torch.lerp(*pair, at - above))
    return torch.stack(phases, dim=2).flatten(1, 2)


def _interpolated(maps: Tensor, stride: int, y: Tensor, x: Tensor) -> Tensor:
    height, width = maps.shape[1:]
    flat = maps.flatten(1)

    def at(row: Tensor, column: Tensor) -> Tensor:
        return flat.index_select(1, row * width + column)  # much faster than maps[:, row, column]

    if stride == 1:
        return at(y, x)
    v = ((y.float() + 0.5) / stride - 0.5).clamp(min=0)
    u = ((x.float() + 0.5) / stride - 0.5).clamp(min=0)
    v0, u0 = v.long(), u.long()  # floor, for neither is negative
    v1, u1 = (v0 + 1).clamp(max=height - 1), (u0 + 1).clamp(max=width - 1)
    fv, fu = v - v0, u - u0
    upper = at(v0, u0) * (1 - fu) + at(v0, u1) * fu
    lower = at(v1, u0) * (1 - fu) + at(v1, u1) * fu
    return upper * (1 - fv) + lower * fv
