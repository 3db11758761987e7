"""Which image pixels reach a cell of a map, along one axis: integer intervals, exact.

A map has ``n`` cells along an axis. ``lo[u]`` and ``hi[u]`` are the first and the last image pixel
that cell ``u`` depends on. Every layer is a table of taps (which input cells an output cell reads),
so every layer is the same step: the minimum of ``lo`` and the maximum of ``hi`` over the taps.
This is the forward form of the recursion in Araujo et al. 2019 (Distill, "Computing receptive
fields"), and unlike one (size, stride, padding) triple it stays true in a decoder, where the field
depends on the phase of the pixel.

Beside the true interval an *unclipped* one is kept, in which taps that fall into padding count as
if the image went on: it shows how much padding a cell sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import gcd

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]

NOWHERE = 2**40
"""``lo`` of a cell that no image pixel reaches (its ``hi`` is the negative): min and max hold."""


@dataclass(frozen=True)
class AxisGrid:
    """Where the cells of a map lie along one image axis: cell ``u`` at pixel ``scale·u + offset``.

    Exact fractions, so that a misregistered skip connection cannot hide in rounding.
    """

    scale: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)

    def strided(self, first_tap: int, taps_centre: Fraction, stride: int) -> AxisGrid:
        """The grid after a window whose first tap is ``first_tap`` and moves by ``stride``."""
        return AxisGrid(self.scale * stride, self.offset + self.scale * (first_tap + taps_centre))

    def resized(self, step: Fraction) -> AxisGrid:
        """The grid after a resize in which one output cell is ``step`` input cells wide."""
        return AxisGrid(self.scale * step, self.offset + self.scale * (step - 1) / 2)


@dataclass(frozen=True, eq=False)
class AxisReach:
    """The intervals of all cells of a map along one axis, in image pixels, inclusive.

    Attributes
    ----------
    lo, hi : (n,) true intervals, inside the image; ``lo > hi`` where nothing reaches the cell.
    padded_lo, padded_hi : (n,) the same with the image continued beyond its border.
    period : cells after which ``padded_lo`` and ``padded_hi`` repeat, moved by ``period · scale``.
    """

    lo: Indices
    hi: Indices
    padded_lo: Indices
    padded_hi: Indices
    period: int = 1

    @classmethod
    def of_image(cls, size: int) -> AxisReach:
        """Every pixel sees itself."""
        cells = np.arange(size, dtype=np.int64)
        return cls(cells, cells, cells, cells)

    @property
    def size(self) -> int:
        """Number of cells."""
        return len(self.lo)

    @property
    def is_empty(self) -> Mask:
        """(n,) where no image pixel reaches the cell."""
        return self.lo > self.hi

    def read(
        self, taps: Indices, grid: AxisGrid, *, period: int, used: Mask | None = None
    ) -> AxisReach:
        """The intervals of a map whose cell ``u`` reads the cells ``taps[u]`` of this one.

        Parameters
        ----------
        taps : (m, k) cells of this map; those outside ``0 … n-1`` are padding.
        grid : where this map's cells lie (for the continuation into padding).
        period : period of the new map.
        used : (m, k) which taps exist at all (a transposed convolution skips some).
        """
        inside = (taps >= 0) & (taps < self.size)
        held = np.clip(taps, 0, self.size - 1)
        padded_lo, padded_hi = self._continued(taps, grid)
        if used is not None:
            inside = inside & used
            padded_lo = np.where(used, padded_lo, NOWHERE)
            padded_hi = np.where(used, padded_hi, -NOWHERE)
        return AxisReach(
            np.where(inside, self.lo[held], NOWHERE).min(axis=1),
            np.where(inside, self.hi[held], -NOWHERE).max(axis=1),
            padded_lo.min(axis=1),
            padded_hi.max(axis=1),
            max(1, period),
        )

    def _continued(self, cells: Indices, grid: AxisGrid) -> tuple[Indices, Indices]:
        """Unclipped intervals of any cells, also of those outside the map."""
        period = self.period if self.period <= self.size else 1
        before = np.where(cells < 0, (period - 1 - cells) // period, 0)
        after = np.where(cells >= self.size, (cells - self.size) // period + 1, 0)
        held = cells + (before - after) * period  # a cell of the map in the same phase
        moved = (after - before) * period * grid.scale.numerator
        lo, hi = self.padded_lo[held], self.padded_hi[held]
        step_down, step_up = moved // grid.scale.denominator, -(-moved // grid.scale.denominator)
        seen = lo <= hi
        return np.where(seen, lo + step_down, NOWHERE), np.where(seen, hi + step_up, -NOWHERE)

    def taken(self, cells: Indices, *, period: int = 1) -> AxisReach:
        """A map whose cell ``u`` is the cell ``cells[u]`` of this one (crop, mirror, broadcast)."""
        return AxisReach(
            self.lo[cells], self.hi[cells], self.padded_lo[cells], self.padded_hi[cells], period
        )

    def hull(self) -> AxisReach:
        """One cell that sees what all cells see together."""
        return AxisReach(
            self.lo.min(keepdims=True),
            self.hi.max(keepdims=True),
            self.padded_lo.min(keepdims=True),
            self.padded_hi.max(keepdims=True),
        )

    def contains(self, other: AxisReach) -> bool:
        """Whether every interval of ``other`` lies in the interval of the same cell here."""
        return bool(
            (self.lo <= other.lo).all()
            and (self.hi >= other.hi).all()
            and (self.padded_lo <= other.padded_lo).all()
            and (self.padded_hi >= other.padded_hi).all()
        )


def window_taps(size_out: int, kernel: int, stride: int, padding: int, dilation: int) -> Indices:
    """(size_out, kernel) cells that a convolution or pooling reads: ``u·s − p + d·a``."""
    starts = np.arange(size_out, dtype=np.int64) * stride - padding
    return starts[:, None] + dilation * np.arange(kernel, dtype=np.int64)


def transposed_taps(
    size_out: int, kernel: int, stride: int, padding: int, dilation: int
) -> tuple[Indices, Mask]:
    """Cells that reach each output of a transposed convolution, and which of them exist.

    Input cell ``i`` reaches the outputs ``i·s − p + d·a``, so output ``u`` hears from
    ``(u + p − d·a) / s`` wherever that is whole.
    """
    outputs = np.arange(size_out, dtype=np.int64)[:, None]
    reached = outputs + padding - dilation * np.arange(kernel, dtype=np.int64)
    return reached // stride, reached % stride == 0


def _positions(size_out: int, step: Fraction, start: Fraction) -> tuple[Indices, int]:
    """Positions ``start + u·step`` as whole numerators over one denominator: no rounding."""
    cells = np.arange(size_out, dtype=np.int64)
    numerators = start.numerator * step.denominator + cells * step.numerator * start.denominator
    return numerators, start.denominator * step.denominator


def linear_taps(size_in: int, size_out: int, step: Fraction, start: Fraction) -> Indices:
    """(size_out, 2) cells that linear interpolation blends around ``start + u·step``.

    Held inside the map as PyTorch holds them; where the position is a cell, that cell alone.
    """
    position, one = _positions(size_out, step, start)
    position = np.clip(position, 0, (size_in - 1) * one)
    return np.stack([position // one, -(-position // one)], axis=1)


def cubic_taps(size_in: int, size_out: int, step: Fraction, start: Fraction) -> Indices:
    """(size_out, 4) cells that cubic interpolation blends; at a cell, that cell alone."""
    position, one = _positions(size_out, step, start)
    below = (position // one)[:, None]
    spread = np.where((position % one == 0)[:, None], 0, np.array([-1, 0, 1, 2]))
    return np.clip(below + spread, 0, size_in - 1)


def adaptive_taps(size_in: int, size_out: int) -> tuple[Indices, Mask]:
    """Windows of adaptive pooling: cells ``⌊u·n/m⌋ … ⌈(u+1)·n/m⌉ − 1``."""
    outputs = np.arange(size_out, dtype=np.int64)
    first = outputs * size_in // size_out
    last = -(-(outputs + 1) * size_in // size_out) - 1
    taps = first[:, None] + np.arange(int((last - first).max()) + 1, dtype=np.int64)
    return taps, taps <= last[:, None]


def strided_period(period: int, stride: int) -> int:
    """Period after keeping every ``stride``-th cell."""
    return period // gcd(period, stride)


def resized_period(period: int, step: Fraction) -> int:
    """Period after a resize in which an output cell is ``step`` input cells wide."""
    cells = step.denominator * period
    return cells // gcd(step.numerator, cells)
