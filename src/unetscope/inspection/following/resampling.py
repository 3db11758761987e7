"""What windows, resizing, padding and cropping do to the intervals and the grid of a map.

Formulas of the nominal grid, per axis, with ``S`` the old scale and ``t`` the offset (the first is
``c0 = −P0 + u·S0 + (r0−1)/2`` of Araujo et al. 2019, the others follow in the same way):

=========================  ==============================  =========
convolution, pooling       ``t += S·(d(k−1)/2 − p)``       ``S *= s``
transposed convolution     ``t += S·(p − d(k−1)/2)/s``     ``S /= s``
resize by ``f``            ``t += S·(1−f)/(2f)``           ``S /= f``
... with aligned corners   unchanged                       ``S *= (n−1)/(m−1)``
crop or pad                ``t ± S·c``                     unchanged
=========================  ==============================  =========
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch

from unetscope.inspection.following.intervals import (
    AxisGrid,
    AxisReach,
    Indices,
    adaptive_taps,
    cubic_taps,
    linear_taps,
    resized_period,
    strided_period,
    transposed_taps,
    window_taps,
)
from unetscope.inspection.following.reach import Reach

Sides = Sequence[int]


@dataclass(frozen=True)
class MovingWindow:
    """The window of a convolution or a pooling along one image axis, in cells of its input."""

    kernel: int
    stride: int
    padding: int
    dilation: int

    @property
    def middle(self) -> Fraction:
        """How far the middle of its taps lies behind the first one."""
        return Fraction(self.dilation * (self.kernel - 1), 2)


def convolution(
    reach: Reach, sides: Sides, windows: Sequence[MovingWindow], *, transposed: bool = False
) -> Reach:
    """A convolution to maps of ``sides`` with one window per image axis, or a transposed one."""
    if not transposed:
        return pool(reach, sides, windows)
    grids = [
        AxisGrid(g.scale / w.stride, g.offset + g.scale * (w.padding - w.middle) / w.stride)
        for g, w in zip(reach.grids, windows, strict=True)
    ]

    def rule(i: int, axis: AxisReach, grid: AxisGrid) -> AxisReach:
        w = windows[i]
        taps, used = transposed_taps(sides[i], w.kernel, w.stride, w.padding, w.dilation)
        return axis.read(taps, grid, period=axis.period * w.stride, used=used)

    return reach.mapped(rule, grids)


def pool(reach: Reach, sides: Sides, windows: Sequence[MovingWindow]) -> Reach:
    """Any window that moves over the map: pooling, or a convolution."""
    grids = [
        g.strided(-w.padding, w.middle, w.stride) for g, w in zip(reach.grids, windows, strict=True)
    ]

    def rule(i: int, axis: AxisReach, grid: AxisGrid) -> AxisReach:
        w = windows[i]
        taps = window_taps(sides[i], w.kernel, w.stride, w.padding, w.dilation)
        return axis.read(taps, grid, period=strided_period(axis.period, w.stride))

    return reach.mapped(rule, grids)


def adaptive_pool(reach: Reach, sides: Sides) -> Reach:
    """Adaptive pooling to ``sides``; nominal grid where the sides do not divide."""
    steps = [Fraction(n, m) for n, m in zip(reach.shape, sides, strict=True)]

    def rule(i: int, axis: AxisReach, grid: AxisGrid) -> AxisReach:
        taps, used = adaptive_taps(axis.size, sides[i])
        return axis.read(taps, grid, period=resized_period(axis.period, steps[i]), used=used)

    return reach.mapped(rule, [g.resized(s) for g, s in zip(reach.grids, steps, strict=True)])


def _step(size_in: int, size_out: int, factor: float | None) -> Fraction:
    """Input cells per output cell, as PyTorch takes them: the factor where one was given."""
    if factor is None or factor <= 0:
        return Fraction(size_in, size_out)
    return 1 / Fraction(factor).limit_denominator(10**6)


def resize(
    reach: Reach,
    sides: Sides,
    factors: Sequence[float | None],
    *,
    align_corners: bool,
    cubic: bool = False,
) -> Reach:
    """Bilinear, trilinear or bicubic interpolation to ``sides``."""
    steps, starts, grids = [], [], []
    for grid, size, side, factor in zip(reach.grids, reach.shape, sides, factors, strict=True):
        step = _step(size, side, factor)
        if align_corners:
            step = Fraction(size - 1, side - 1) if side > 1 else Fraction(0)
            grids.append(AxisGrid(grid.scale * step, grid.offset) if step else grid)
            starts.append(Fraction(0))
        else:
            grids.append(grid.resized(step))
            starts.append((step - 1) / 2)
        steps.append(step)
    place = cubic_taps if cubic else linear_taps

    def rule(i: int, axis: AxisReach, grid: AxisGrid) -> AxisReach:
        taps = place(axis.size, sides[i], steps[i], starts[i])
        period = resized_period(axis.period, steps[i]) if steps[i] and not align_corners else 1
        return axis.read(taps, grid, period=period)

    return reach.mapped(rule, grids)


def resize_nearest(
    reach: Reach, sides: Sides, factors: Sequence[float | None], *, centred: bool
) -> Reach:
    """Nearest-neighbour interpolation; PyTorch's own rounding, asked of PyTorch."""
    pairs = zip(reach.shape, sides, factors, strict=True)
    steps = [_step(size, side, factor) for size, side, factor in pairs]

    def rule(i: int, axis: AxisReach, grid: AxisGrid) -> AxisReach:
        taps = _nearest_cells(axis.size, sides[i], factors[i], centred=centred)
        return axis.taken(taps, period=resized_period(axis.period, steps[i]))

    return reach.mapped(rule, [g.resized(s) for g, s in zip(reach.grids, steps, strict=True)])


def _nearest_cells(size: int, side: int, factor: float | None, *, centred: bool) -> Indices:
    ramp = torch.arange(size, dtype=torch.float64)[None, None]  # (1, 1, n): every cell its number
    ops = torch.ops.aten
    function = ops._upsample_nearest_exact1d if centred else ops.upsample_nearest1d
    return function(ramp, [side], factor)[0, 0].long().numpy()


def pixel_shuffle(reach: Reach, factor: int) -> Reach:
    """Channels spread over ``factor × factor`` finer cells: every one sees what its cell saw."""
    step = Fraction(1, factor)

    def rule(i: int, axis: AxisReach, grid: AxisGrid) -> AxisReach:
        period = resized_period(axis.period, step)
        return axis.taken(np.arange(axis.size * factor) // factor, period=period)

    return reach.mapped(rule, [g.resized(step) for g in reach.grids])


def crop(reach: Reach, axis_number: int, start: int, step: int, side: int) -> Reach:
    """Cells ``start, start + step, …`` of one axis."""
    cells = start + step * np.arange(side, dtype=np.int64)
    grids = list(reach.grids)
    grids[axis_number] = grids[axis_number].strided(start, Fraction(0), step)

    def rule(i: int, axis: AxisReach, grid: AxisGrid) -> AxisReach:
        if i != axis_number:
            return axis
        return axis.taken(cells, period=strided_period(axis.period, step))

    return reach.mapped(rule, grids)


def constant_pad(reach: Reach, starts: Sides, sides: Sides) -> Reach:
    """Cells of a constant around the map: they see nothing (negative widths crop)."""
    grids = [
        AxisGrid(g.scale, g.offset - g.scale * c) for g, c in zip(reach.grids, starts, strict=True)
    ]

    def rule(i: int, axis: AxisReach, grid: AxisGrid) -> AxisReach:
        taps = np.arange(sides[i], dtype=np.int64)[:, None] - starts[i]
        return axis.read(taps, grid, period=axis.period)

    return reach.mapped(rule, grids)


def mirror_pad(reach: Reach, starts: Sides, sides: Sides) -> Reach:
    """Cells mirrored at the border: they see what their mirror image sees."""
    return _filled_pad(reach, starts, sides, mirrored=True)


def replicate_pad(reach: Reach, starts: Sides, sides: Sides) -> Reach:
    """The border cell repeated."""
    return _filled_pad(reach, starts, sides, mirrored=False)


def _filled_pad(reach: Reach, starts: Sides, sides: Sides, *, mirrored: bool) -> Reach:
    grids = [
        AxisGrid(g.scale, g.offset - g.scale * c) for g, c in zip(reach.grids, starts, strict=True)
    ]

    def rule(i: int, axis: AxisReach, grid: AxisGrid) -> AxisReach:
        cells = np.arange(sides[i], dtype=np.int64) - starts[i]
        last = axis.size - 1
        if mirrored:
            cells = np.abs(cells)
            cells = np.where(cells > last, 2 * last - cells, cells)
        return axis.taken(np.clip(cells, 0, last), period=axis.period)

    return reach.mapped(rule, grids)
