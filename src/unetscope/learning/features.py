"""Feature maps for the instant head: decoder taps of the U-Net beside classical filters.

Maps are kept at their own resolution ("levels", by stride). The head is linear, so it is applied
there and only its scores are up-sampled; rows for single pixels are interpolated the same way,
which gives the same numbers for a fraction of the memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from unetscope.errors import ModelError
from unetscope.learning.classical import FILTERS, STRIDES, classical_maps
from unetscope.network.cropping import Region, coarser, cut
from unetscope.network.unet import UNet

Levels = dict[int, Tensor]
"""stride → (channel, y / stride, x / stride) of one image, or with a leading batch axis."""


@dataclass(frozen=True)
class Recipe:
    """What meta-training found best for the head on one set of weights; stored beside them.

    ``tap_gain`` scales the decoder taps (dec1, dec2), ``classical_gain`` every classical filter
    (one row a stride, one column a filter): a large gain is a weak penalty. ``ridge`` is the
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

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, for a model file."""
        values = asdict(self)
        values["tap_gain"] = list(self.tap_gain)
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
                # files of earlier releases know neither
                forest_share=float(values.get("forest_share", 0.5)),
                temperature=float(values.get("temperature", 1.0)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"the head's recipe in the model is damaged ({error}).") from error


def tap_names(backbone: UNet) -> tuple[str, ...]:
    """The decoder stages the head looks at: the finest two."""
    return tuple(f"dec{level}" for level in range(1, min(2, backbone.config.pools) + 1))


def side_multiple(backbone: UNet) -> int:
    """Sides of an image given to :func:`feature_levels` must be multiples of this."""
    return max(backbone.config.multiple, max(STRIDES))


def feature_levels(backbone: UNet, image: Tensor, core: Region | None = None) -> Levels:
    """All feature maps of a batch, without gains; differentiable.

    Parameters
    ----------
    image : (batch, channel, y, x), normalised, sides multiples of :func:`side_multiple`.
    core : (y, x) slices of the image that are wanted, starts and stops multiples of it, too; maps
        are cut to it, and the decoder computes no more than it needs. None: all.
    """
    levels = classical_maps(image.float())
    if core is not None:
        whole = tuple(slice(0, side) for side in image.shape[2:])
        levels = {s: cut(m, coarser(core, s), coarser(whole, s)) for s, m in levels.items()}
    taps = backbone.taps(image, tap_names(backbone), core)
    for index, name in enumerate(tap_names(backbone)):
        levels[2**index] = torch.cat([taps[name].float(), levels[2**index]], dim=1)
    return levels


def gain_vector(backbone: UNet, channels: int, tap_gain: Tensor, classical_gain: Tensor) -> Tensor:
    """The gain of every feature, (feature,), in the order of :func:`rows_at`; differentiable.

    ``tap_gain``: (taps,); ``classical_gain``: (strides, filters). Gains are applied to rows and
    weights instead of to the maps, which is the same and much cheaper.
    """
    parts = []
    for row in range(len(STRIDES)):
        if row < len(tap_names(backbone)):
            parts.append(tap_gain[row].expand(backbone.config.widths[row]))
        parts.append(classical_gain[row].repeat(channels))
    return torch.cat(parts)


def feature_count(backbone: UNet, channels: int) -> int:
    """Number of features a pixel has."""
    taps = sum(backbone.config.widths[level] for level in range(len(tap_names(backbone))))
    return taps + classical_count(channels)


def classical_count(channels: int) -> int:
    """How many of a pixel's features are classical filters."""
    return len(STRIDES) * len(FILTERS) * channels


def rows_at(levels: Levels, y: Tensor, x: Tensor) -> Tensor:
    """Features (n, feature) of the pixels ``y``, ``x`` (integers, in the levels' own frame).

    Coarse levels are interpolated bilinearly between cell centres (and held at the rim), exactly
    as :func:`scores` up-samples.
    """
    columns = [_interpolated(levels[s], s, y, x) for s in sorted(levels)]  # (channel, n) each
    return torch.cat(columns, dim=0).t()


def classical_columns(backbone: UNet, channels: int) -> Tensor:
    """Which columns of :func:`rows_at` are classical filters: the forest's columns, in order."""
    columns: list[int] = []
    start = 0
    for row in range(len(STRIDES)):
        if row < len(tap_names(backbone)):
            start += backbone.config.widths[row]
        columns.extend(range(start, start + len(FILTERS) * channels))
        start += len(FILTERS) * channels
    return torch.tensor(columns)


def classical_image(levels: Levels, channels: int) -> Tensor:
    """The classical features of every pixel, (feature, y, x), coarse ones up-sampled."""
    full = []
    for stride in STRIDES:  # where they stand last; coarser levels hold other maps
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


def network_fingerprint(net: UNet) -> str:
    """A short hash of a network's weights, to tell cached features of different nets apart."""
    digest = hashlib.sha256(repr(net.config).encode())
    for name, tensor in sorted(net.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
