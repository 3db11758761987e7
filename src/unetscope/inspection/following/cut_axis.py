"""Which cells of a map come out differently because the image was cut to a window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unetscope.errors import ModelError
from unetscope.inspection.following.intervals import AxisGrid, AxisReach, Indices, Mask


@dataclass(frozen=True, eq=False)
class CutAxis(AxisReach):
    """Intervals in a window of the image, and which cells differ from those of the full image.

    Attributes
    ----------
    wrong : (n,) a cell that read, somewhere below, something the window cut off. The outermost
        cell at a cut side always counts as one, so that whoever repeats it is wrong too.
    cut : whether the first and the last side of the window lie inside the image.
    """

    wrong: Mask = None  # type: ignore[assignment]  # a field behind one with a default
    cut: tuple[bool, bool] = (False, False)

    @classmethod
    def of_window(cls, size: int, cut: tuple[bool, bool]) -> CutAxis:
        """Every pixel sees itself; the outermost at a cut side is not trusted."""
        return cls._made(AxisReach.of_image(size), np.zeros(size, dtype=bool), cut)

    @classmethod
    def _made(cls, base: AxisReach, wrong: Mask, cut: tuple[bool, bool]) -> CutAxis:
        if not len(wrong):
            raise ModelError("no cell of a map is left in this window; take a larger one.")
        wrong = wrong.copy()
        wrong[0] |= cut[0]
        wrong[-1] |= cut[1]
        return cls(base.lo, base.hi, base.padded_lo, base.padded_hi, base.period, wrong, cut)

    def read(
        self, taps: Indices, grid: AxisGrid, *, period: int, used: Mask | None = None
    ) -> AxisReach:
        """As for :class:`AxisReach`; wrong where a tap is wrong or was cut off."""
        base = super().read(taps, grid, period=period, used=used)
        held = self.wrong[np.clip(taps, 0, self.size - 1)]
        held |= ((taps < 0) & self.cut[0]) | ((taps >= self.size) & self.cut[1])
        if used is not None:
            held &= used
        return self._made(base, np.any(held, axis=1), self.cut)

    def taken(self, cells: Indices, *, period: int = 1) -> AxisReach:
        """As for :class:`AxisReach`; wrong too where a cut side was mirrored."""
        wrong = self.wrong[cells].copy()
        back = np.flatnonzero(np.diff(cells) < 0)  # mirrored at a border
        if len(back):
            middle = len(cells) / 2
            before, after = back[back < middle], back[back >= middle]
            if self.cut[0] and len(before):
                wrong[: before[-1] + 1] = True
            if self.cut[1] and len(after):
                wrong[after[0] + 1 :] = True
        return self._made(super().taken(cells, period=period), wrong, self.cut)

    def hull(self) -> AxisReach:
        """One cell; wrong if any is."""
        return self._made(super().hull(), np.any(self.wrong, keepdims=True), self.cut)

    def contains(self, other: AxisReach) -> bool:
        """As for :class:`AxisReach`, and ``other`` is wrong nowhere that this is right."""
        assert isinstance(other, CutAxis)
        return super().contains(other) and bool((self.wrong | ~other.wrong).all())
