"""The windows an effective receptive field is measured on: same phase, same shape of the field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor, lcm

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from unetscope.errors import ImageError, ModelError
from unetscope.inspection.following.asked import checked_cell
from unetscope.inspection.following.crops import Crop, crop_for
from unetscope.inspection.following.reach import Box, Reach
from unetscope.inspection.following.trace import Trace, follow, module_of

Cell = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Input:
    """One window of an image.

    Attributes
    ----------
    pixels : (1, channel, [z,] y, x).
    cell : the cell asked for, in the map of the window.
    offset : where the window's first pixel lies in the theoretical field of the cell.
    """

    pixels: Tensor
    cell: Cell
    offset: tuple[int, ...]


class Inputs:
    """Cells of ``layer`` with the phase of ``point``, and the part of the image each one needs.

    Attributes
    ----------
    call : of the layer, in the first image.
    point : the cell that was asked for.
    lo, sides : first image pixel and side lengths of its theoretical field, image continued.
    """

    def __init__(
        self,
        model: nn.Module | Trace,
        batches: Sequence[Tensor],
        layer: str,
        point: Sequence[int] | None,
        rng: np.random.Generator,
    ) -> None:
        self._model, self._batches, self._layer, self._rng = model, batches, layer, rng
        self._traces: dict[tuple[int, ...], Trace] = {}
        self._crops: dict[tuple[int, ...], list[tuple[Cell, Crop]]] = {}
        self.call, reach = self._trace(batches[0]).spatial(layer)
        if reach.dims != tuple(range(2, 2 + len(reach.shape))):
            raise ModelError(
                f"layer {layer!r} has shape {self.call.output_shape}; expected (batch, channel, "
                "[z,] y, x)."
            )
        self.point = _checked(point, reach.shape, layer)
        self._period = _period(reach)
        self.lo, self.sides = _box(reach, self.point, layer)

    def windows(self, count: int) -> Iterator[Input]:
        """The window of the point itself, then ``count - 1`` others."""
        yield self._input(0, self.point)
        cells = self._candidates()
        order = [(0, self.point)] if not cells else []
        for _ in range(count - 1):
            if not order:
                order = [cells[i] for i in self._rng.permutation(len(cells))] if cells else []
                order = order or [(0, self.point)]
            yield self._input(*order.pop())

    def _trace(self, batch: Tensor) -> Trace:
        shape = tuple(batch.shape)
        if shape not in self._traces:
            self._traces[shape] = follow(self._model, shape)
        return self._traces[shape]

    def _candidates(self, most: int = 4096) -> list[tuple[int, Cell]]:
        """(image, cell) of the same phase whose field is whole; of the same phase, if none is."""
        whole, others = [], []
        for number, batch in enumerate(self._batches):
            reach = self._trace(batch).spatial(self._layer)[1]
            axes = []
            for axis, (u, period) in enumerate(zip(self.point, self._period, strict=True)):
                cells = np.arange(u % period, reach.shape[axis], period)
                axes.append((cells, _inside(reach, axis, batch.shape[2 + axis])[cells]))
            inner = [cells[good] for cells, good in axes]
            whole += _drawn(number, inner, self._rng, most)
            others += _drawn(number, [cells for cells, _ in axes], self._rng, most)
        return whole or others

    def _input(self, number: int, cell: Cell) -> Input:
        batch = self._batches[number]
        reach = self._trace(batch).spatial(self._layer)[1]
        crop, moved = self._crop(batch, cell, reach)
        window: tuple[slice, ...] = tuple(
            slice(part.start + m, part.stop + m) for part, m in zip(crop.window, moved, strict=True)
        )
        lo, _ = _box(reach, cell, self._layer)
        first = crop.first[self._layer]
        steps = zip(cell, first, moved, reach.grids, strict=True)
        inner = tuple(u - f - int(m / grid.scale) for u, f, m, grid in steps)
        offset = tuple(part.start - low for part, low in zip(window, lo, strict=True))
        part = (slice(None), slice(None), *window)
        return Input(batch[part], inner, offset)

    def _crop(self, batch: Tensor, cell: Cell, reach: Reach) -> tuple[Crop, tuple[int, ...]]:
        """A crop that was worked out before, moved here; or a new one, not moved."""
        shape = tuple(batch.shape)
        for known, crop in self._crops.setdefault(shape, []):
            if crop.whole:
                return crop, (0,) * len(cell)
            pairs = zip(cell, known, reach.grids, strict=True)
            moved = tuple((u - v) * grid.scale for u, v, grid in pairs)
            if any(m.denominator != 1 for m in moved):
                continue
            whole_px = tuple(int(m) for m in moved)
            if not any(whole_px):
                return crop, whole_px
            ends = zip(crop.window, whole_px, shape[2:], strict=True)
            # one that touches a border has that border's padding, wherever it is moved to
            if all(
                (p.start > 0 and p.stop < n and p.start + m >= 0 and p.stop + m <= n) or m == 0
                for p, m, n in ends
            ) and _in_phase(self._trace(batch), whole_px):
                return crop, whole_px
        crop = self._new_crop(batch, cell, reach)
        self._crops[shape].append((cell, crop))
        return crop, (0,) * len(cell)

    def _new_crop(self, batch: Tensor, cell: Cell, reach: Reach) -> Crop:
        trace = self._trace(batch)
        region = []
        for u, grid, side in zip(cell, reach.grids, batch.shape[2:], strict=True):
            middle = grid.scale * u + grid.offset
            first = min(side - 1, max(0, ceil(middle - grid.scale / 2)))
            last = min(side - 1, max(first, floor(middle + grid.scale / 2)))
            region.append(slice(first, last + 1))
        whole = tuple(slice(0, side) for side in batch.shape[2:])
        everything = Crop(whole, True, {self._layer: (0,) * len(cell)}, {})
        try:
            crop = crop_for(
                module_of(self._model), trace, tuple(batch.shape), [self._layer], region
            )
        except ImageError:  # a cell that lies beside the image
            return everything
        there = zip(cell, crop.cells[self._layer], strict=True)
        return crop if all(a <= u < b for u, (a, b) in there) else everything


def _in_phase(trace: Trace, moved: tuple[int, ...]) -> bool:
    """Whether all maps keep their phase when the window is moved by so many pixels."""
    reaches = [call.reach for call in trace.calls if isinstance(call.reach, Reach)]
    return all(
        distance % (reach.grids[axis].scale.numerator or 1) == 0
        for reach in reaches
        for axis, distance in enumerate(moved)
    )


def _checked(point: Sequence[int] | None, shape: tuple[int, ...], layer: str) -> Cell:
    middle = tuple(n // 2 for n in shape)
    return middle if point is None else checked_cell(point, shape, layer)


def _period(reach: Reach) -> tuple[int, ...]:
    """Cells after which the shape of the field repeats, per axis, and lies on whole pixels."""
    periods = []
    for axis, grid in enumerate(reach.grids):
        period = lcm(*(branch[axis].period for branch in reach.branches), grid.scale.denominator)
        periods.append(period)
    return tuple(periods)


def _box(reach: Reach, cell: Cell, layer: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """First pixel and sides of the unclipped field."""
    box: Box | None = reach.padded_box(cell)
    if box is None:
        raise ImageError(f"cell {cell} of {layer!r} sees no pixel.")
    lo, hi = box
    return lo, tuple(b - a + 1 for a, b in zip(lo, hi, strict=True))


def _inside(reach: Reach, axis: int, side: int) -> NDArray[np.bool_]:
    """(n,) whether the unclipped field of a cell lies inside the image along an axis."""
    good = np.ones(reach.shape[axis], dtype=bool)
    for branch in reach.branches:
        good &= (branch[axis].padded_lo >= 0) & (branch[axis].padded_hi < side)
    return good


def _drawn(
    number: int, axes: Sequence[NDArray[np.int64]], rng: np.random.Generator, most: int
) -> list[tuple[int, Cell]]:
    """All crossings of the cells of every axis, or ``most`` of them at random."""
    count = int(np.prod([len(cells) for cells in axes]))
    if not count:
        return []
    chosen = np.arange(count) if count <= most else rng.choice(count, most, replace=False)
    places = np.unravel_index(chosen, [len(cells) for cells in axes])
    columns = [cells[index] for cells, index in zip(axes, places, strict=True)]
    return [(number, tuple(int(u) for u in row)) for row in zip(*columns, strict=True)]
