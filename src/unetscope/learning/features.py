"""Feature maps as the head takes them: levels, rows of single pixels, and scores.

Maps are kept at their own resolution ("levels", by stride). The head is linear, so it is applied
there and only its scores are up-sampled; rows for single pixels are interpolated the same way,
which gives the same numbers for a fraction of the memory. Where maps come from is said in
:mod:`unetscope.learning.sources`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from unetscope.errors import ModelError
from unetscope.network.cropping import Region

Levels = dict[int, Tensor]
"""stride → (channel, y / stride, x / stride) of one image, or with a leading batch axis."""

LATTICE_PX = 8  # a pixel in so many, both ways, shows how features scatter


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


def cropped(levels: Levels, frame: Region, part: Region) -> tuple[Levels, Region]:
    """The cells that ``part`` of ``frame`` needs, and the frame of these; values stay the same.

    Frames are in pixels of the image, and begin and end at whole cells of all strides.
    """
    coarsest = max(levels)
    kept, inside = [], []
    for side, whole in zip(part, frame, strict=True):
        length = whole.stop - whole.start
        start = max(0, (side.start - whole.start) // coarsest - 1) * coarsest
        stop = min(length, (-(-(side.stop - whole.start) // coarsest) + 1) * coarsest)
        inside.append(slice(start, stop))
        kept.append(slice(whole.start + start, whole.start + stop))
    cells = {}
    for stride, maps in levels.items():
        y, x = (slice(side.start // stride, side.stop // stride) for side in inside)
        cells[stride] = maps[:, y, x].contiguous()
    return cells, tuple(kept)


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
        # A 1×1 convolution is faster than a matrix product here (see docs/tried.md).
        here = functional.conv2d(maps[None], block.t()[:, :, None, None])[0]
        here = upsampled(here, stride)
        total = here if total is None else total.add_(here)
    if total is None or start != weight.shape[0]:
        raise ModelError(f"the head has {weight.shape[0]} weights but the maps give {start}.")
    return total.add_(bias[:, None, None])


def upsampled(maps: Tensor, stride: int) -> Tensor:
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
