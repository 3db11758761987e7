"""What a whole tensor sees of the image: one separable box per cell, or several joined.

Every layer acts on each axis by itself, so the cells that reach ``(v, u)`` are an interval in y
times an interval in x. A concatenation or addition joins two such families; a family that lies
inside the other is dropped (in a U-Net the deep path always contains the skip), the rest is
carried along as branches, so that boxes stay exact even where one input is padding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from unetscope.inspection.following.intervals import NOWHERE, AxisGrid, AxisReach

Branch = tuple[AxisReach, ...]
Box = tuple[tuple[int, ...], tuple[int, ...]]
AxisRule = Callable[[int, AxisReach, AxisGrid], AxisReach]


class Kind(StrEnum):
    """How far a number can be trusted."""

    EXACT = "exact"
    """Follows from the layers alone."""
    STRUCTURAL = "structural"
    """True of the convolutions; a normalisation also mixes in statistics of the whole map."""
    EMPIRICAL = "empirical"
    """Measured on the stated images; others may give other numbers."""


@dataclass(frozen=True)
class Lost:
    """The trail of a tensor ends: ``reason`` says at which operation."""

    reason: str


@dataclass(frozen=True, eq=False)
class Reach:
    """What the cells of one tensor see, and where they lie.

    Attributes
    ----------
    branches : families of boxes, each one :class:`AxisReach` per image axis.
    grids : one :class:`AxisGrid` per image axis.
    dims : which dimension of the tensor each image axis is; empty for a vector, whose entries all
        see what the single cell of the branches sees.
    kind : :class:`Kind`.
    """

    branches: tuple[Branch, ...]
    grids: tuple[AxisGrid, ...]
    dims: tuple[int, ...]
    kind: Kind = Kind.EXACT

    @classmethod
    def of_image(cls, image_shape: Sequence[int]) -> Reach:
        """The image itself, a tensor (batch, channel, [z,] y, x)."""
        branch = tuple(AxisReach.of_image(size) for size in image_shape)
        dims = tuple(range(2, 2 + len(image_shape)))
        return cls((branch,), tuple(AxisGrid() for _ in image_shape), dims)

    @property
    def shape(self) -> tuple[int, ...]:
        """Cells along each image axis."""
        return tuple(axis.size for axis in self.branches[0])

    def nearest(self, pixel: Sequence[float]) -> tuple[int, ...]:
        """The cell of this map whose centre is nearest to image pixel ([z,] y, x)."""
        cells = []
        for grid, size, p in zip(self.grids, self.shape, pixel, strict=True):
            # Cells without a distance (what all of an axis became one) lie at one place.
            cell = round((p - float(grid.offset)) / float(grid.scale)) if grid.scale else 0
            cells.append(min(max(cell, 0), size - 1))
        return tuple(cells)

    def mapped(self, rule: AxisRule, grids: Sequence[AxisGrid]) -> Reach:
        """Apply ``rule(axis number, intervals, grid)`` to every axis of every branch."""
        branches = [
            tuple(rule(i, axis, self.grids[i]) for i, axis in enumerate(branch))
            for branch in self.branches
        ]
        return replace(self, branches=without_contained(branches), grids=tuple(grids))

    def pooled(self, axes: Sequence[int]) -> Reach:
        """The named image axes reduced to one cell that sees everything along them."""
        middle = [
            AxisGrid(grid.scale * size, grid.offset + grid.scale * (size - 1) / 2)
            if i in axes
            else grid
            for i, (grid, size) in enumerate(zip(self.grids, self.shape, strict=True))
        ]
        return self.mapped(lambda i, axis, _: axis.hull() if i in axes else axis, middle)

    def as_vector(self) -> Reach:
        """Entries without a place, each of which sees everything."""
        return replace(self.pooled(range(len(self.grids))), dims=())

    def box(self, point: Sequence[int]) -> Box | None:
        """The smallest box that holds all that ``point`` sees; None where it sees no pixel."""
        return hull_of(self.boxes(point))

    def boxes(self, point: Sequence[int]) -> list[Box]:
        """The box of every branch that sees something."""
        found = []
        for branch in self.branches:
            lo = tuple(int(axis.lo[u]) for axis, u in zip(branch, point, strict=True))
            hi = tuple(int(axis.hi[u]) for axis, u in zip(branch, point, strict=True))
            if all(a <= b for a, b in zip(lo, hi, strict=True)):
                found.append((lo, hi))
        return found

    def padded_box(self, point: Sequence[int]) -> Box | None:
        """The box as if the image went on beyond its border."""
        found = []
        for branch in self.branches:
            lo = tuple(int(axis.padded_lo[u]) for axis, u in zip(branch, point, strict=True))
            hi = tuple(int(axis.padded_hi[u]) for axis, u in zip(branch, point, strict=True))
            if all(a <= b for a, b in zip(lo, hi, strict=True)):
                found.append((lo, hi))
        return hull_of(found)

    def largest(self) -> tuple[int, ...]:
        """Side lengths, in pixels, of the largest unclipped field along each axis."""
        lows = [[axis.padded_lo for axis in branch] for branch in self.branches]
        highs = [[axis.padded_hi for axis in branch] for branch in self.branches]
        sides = []
        for axis in range(len(self.grids)):
            lo = np.minimum.reduce([branch[axis] for branch in lows])
            hi = np.maximum.reduce([branch[axis] for branch in highs])
            sides.append(max(0, int((hi - lo).max()) + 1))
        return tuple(sides)


def hull_of(boxes: Sequence[Box]) -> Box | None:
    """The smallest box around all boxes, or None for none."""
    if not boxes:
        return None
    lo = tuple(min(corner) for corner in zip(*(box[0] for box in boxes), strict=True))
    hi = tuple(max(corner) for corner in zip(*(box[1] for box in boxes), strict=True))
    return lo, hi


def without_contained(branches: Sequence[Branch]) -> tuple[Branch, ...]:
    """Drop every branch that lies inside another one, cell by cell."""
    kept: list[Branch] = []
    for branch in branches:
        if any(_contains(other, branch) for other in kept):
            continue
        kept = [other for other in kept if not _contains(branch, other)]
        kept.append(branch)
    return tuple(kept)


def _contains(outer: Branch, inner: Branch) -> bool:
    return all(a.contains(b) for a, b in zip(outer, inner, strict=True))


@dataclass(frozen=True)
class GridMismatch:
    """Two maps were joined whose cells do not lie on each other.

    Attributes
    ----------
    where : the module in which it happened ("" for the model itself).
    shift_px : per image axis, how far cell 0 of the second map lies from cell 0 of the first.
    scale_ratio : per image axis, scale of the second map over that of the first.
    """

    where: str
    shift_px: tuple[float, ...]
    scale_ratio: tuple[float, ...]

    def __str__(self) -> str:
        shift = ", ".join(f"{value:+g}" for value in self.shift_px)
        return f"{self.where or 'the model'}: skip misregistered by ({shift}) px"


def spread(reach: Reach, sizes: Sequence[int]) -> Reach:
    """Axes of one cell repeated to ``sizes``, as broadcasting does."""
    branches = [
        tuple(_spread(axis, size) for axis, size in zip(branch, sizes, strict=True))
        for branch in reach.branches
    ]
    return replace(reach, branches=tuple(branches))


def joined(reaches: Sequence[Reach], where: str) -> tuple[Reach, list[GridMismatch]]:
    """What a concatenation, addition or product of tensors sees, and what does not line up.

    An axis of one cell is spread over the others, as broadcasting does.
    """
    first = max(reaches, key=lambda reach: int(np.prod(reach.shape)))  # not a broadcast one
    sizes = [max(sides) for sides in zip(*(reach.shape for reach in reaches), strict=True)]
    branches: list[Branch] = []
    mismatches = []
    for reach in reaches:
        branches += spread(reach, sizes).branches
        found = _mismatch(first, reach, where)
        if found is not None:
            mismatches.append(found)
    structural = any(reach.kind is Kind.STRUCTURAL for reach in reaches)
    kind = Kind.STRUCTURAL if structural else Kind.EXACT
    return replace(first, branches=without_contained(branches), kind=kind), mismatches


def _spread(axis: AxisReach, size: int) -> AxisReach:
    return axis if axis.size == size else axis.taken(np.zeros(size, dtype=np.int64))


def _mismatch(first: Reach, second: Reach, where: str) -> GridMismatch | None:
    if first.shape != second.shape or first.grids == second.grids:
        return None  # a map of one cell that is spread has no place of its own
    pairs = list(zip(first.grids, second.grids, strict=True))
    return GridMismatch(
        where,
        tuple(float(b.offset - a.offset) for a, b in pairs),
        tuple(float(b.scale / a.scale) for a, b in pairs),
    )


__all__ = ["NOWHERE", "Box", "Branch", "GridMismatch", "Kind", "Lost", "Reach", "joined", "spread"]
