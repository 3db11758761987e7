"""Run only the part of an image that a view needs, with the values of the full pass.

A cell depends on its receptive field alone, so a window that holds the fields of all wanted cells
is enough, if three things are minded: the window begins at a multiple of every stride (or poolings
would change phase), its sides at the image's border stay that border (padding is read there), and
no wanted cell reads what the window's other sides cut off. The last is not assumed but followed:
the network's structure is run on the window without weights, and every cell carries along whether
all it read is there. What cannot be cropped (statistics over the whole map, global pooling, sizes
that depend on the image) is run on the whole image.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, lcm
from typing import Any

import torch
from torch import Tensor, nn

from unetscope.errors import ImageError
from unetscope.inspection.following.cut_axis import CutAxis
from unetscope.inspection.following.follower import Follower
from unetscope.inspection.following.intervals import AxisGrid
from unetscope.inspection.following.reach import Kind, Lost, Reach
from unetscope.inspection.following.snapshot import Skeleton
from unetscope.inspection.following.trace import Trace

logger = logging.getLogger(__name__)

Region = Sequence[slice]
Span = tuple[int, int]
"""First and one past the last pixel or cell."""
LARGEST_MULTIPLE = 1024


@dataclass(frozen=True)
class Crop:
    """What to run, and what to keep of it.

    Attributes
    ----------
    window : image pixels to run, one slice per image axis.
    whole : whether that is the whole image.
    first : per layer, which cell of its full map is cell 0 of the map of the window.
    cells : per layer and axis, first and one past the last wanted cell of its full map.
    """

    window: tuple[slice, ...]
    whole: bool
    first: dict[str, tuple[int, ...]]
    cells: dict[str, tuple[Span, ...]]

    def of(self, batch: Tensor) -> Tensor:
        """The window of (batch, channel, [z,] y, x)."""
        return batch[(slice(None), slice(None), *self.window)]

    def kept(self, layer: str) -> tuple[slice, ...]:
        """The wanted cells as slices of the map that the window gives."""
        pairs = zip(self.cells[layer], self.first[layer], strict=True)
        return tuple(slice(a - first, b - first) for (a, b), first in pairs)


def crop_for(
    model: nn.Module,
    trace: Trace,
    batch_shape: Sequence[int],
    layers: Sequence[str],
    region: Region,
    *,
    more_cells: int = 0,
) -> Crop:
    """The smallest window that gives ``layers`` their full-pass values over ``region``.

    Parameters
    ----------
    model : stays as it is; its structure alone is run.
    trace : of the full image.
    batch_shape : (1, channel, [z,] y, x) of the full image.
    layers : every one of them with places.
    region : pixels of the image, a slice per axis, as in NumPy; a cell that overlaps it is wanted.
    more_cells : so many cells around them too.

    Raises
    ------
    ImageError
        If the region is no part of the image, or no cell of a layer lies in it.
    """
    reaches = {layer: trace.spatial(layer)[1] for layer in layers}
    spans = _spans(region, trace.image_shape)
    cells = {name: _cells(name, reach, spans, more_cells) for name, reach in reaches.items()}
    if all(reach.kind is Kind.EXACT for reach in reaches.values()):
        full = _Noting.of(model, batch_shape, trace, layers)
        if full is not None:
            for window in _windows(trace, full, reaches, cells):
                crop = _tried(model, batch_shape, trace, full, window, cells)
                if crop is not None:
                    return crop
    whole = tuple(slice(0, side) for side in trace.image_shape)
    return Crop(whole, True, {name: (0,) * len(whole) for name in layers}, cells)


def _spans(region: Region, image_shape: tuple[int, ...]) -> tuple[Span, ...]:
    parts = tuple(region)
    if len(parts) != len(image_shape) or not all(isinstance(part, slice) for part in parts):
        raise ImageError(
            f"region is {region!r}; give a slice of pixels for each of the {len(image_shape)} axes."
        )
    spans = []
    for part, side in zip(parts, image_shape, strict=True):
        start, stop, step = part.indices(side)
        if step != 1 or stop <= start:
            raise ImageError(
                f"region {region!r} holds no pixel of an image of {image_shape} px; "
                "give slices from a first pixel to a later one, without a step."
            )
        spans.append((start, stop))
    return tuple(spans)


def _cells(layer: str, reach: Reach, spans: Sequence[Span], more: int) -> tuple[Span, ...]:
    """Cells whose square overlaps the pixels of ``spans``, and ``more`` around them."""
    found = []
    half = Fraction(1, 2)
    for grid, size, (start, stop) in zip(reach.grids, reach.shape, spans, strict=True):
        first = floor((start - half - grid.offset) / grid.scale + half) if grid.scale else 0
        last = ceil((stop - half - grid.offset) / grid.scale + half) if grid.scale else size
        if first >= size or last <= 0:
            raise ImageError(f"no cell of layer {layer!r} lies in the pixels {start} to {stop}.")
        found.append((max(0, first - more), min(size, last + more)))
    return tuple(found)


def _windows(
    trace: Trace,
    full: _Noting,
    reaches: dict[str, Reach],
    cells: dict[str, tuple[Span, ...]],
) -> Iterator[tuple[Span, ...]]:
    """Windows to try, the smallest first; none as large as the image."""
    multiples = _multiples(trace, full)
    for factor in (0, 1, 4):  # larger ones for networks that drop cells at the border of a map
        window = []
        for axis, side in enumerate(trace.image_shape):
            step = multiples[axis]
            low, high = _fields(reaches, cells, axis, side)
            start = max(0, (low - 1 - factor * step) // step * step)
            stop = min(side, start - (start - high - 2 - factor * step) // step * step)
            window.append((start, stop))
        if all(b - a == n for (a, b), n in zip(window, trace.image_shape, strict=True)):
            return
        yield tuple(window)


def _fields(
    reaches: dict[str, Reach], cells: dict[str, tuple[Span, ...]], axis: int, side: int
) -> Span:
    """First and last pixel that the wanted cells of all layers see along an axis."""
    low, high = side - 1, 0
    for name, reach in reaches.items():
        here = slice(*cells[name][axis])
        for branch in reach.branches:
            lo, hi = branch[axis].padded_lo[here], branch[axis].padded_hi[here]
            seen = lo <= hi
            if seen.any():
                low = min(low, max(0, int(lo[seen].min())))
                high = max(high, min(side - 1, int(hi[seen].max())))
    return (low, high) if low <= high else (0, side - 1)


def _multiples(trace: Trace, full: _Noting) -> list[int]:
    """Per axis, what a window has to begin at a multiple of so that every map keeps its phase."""
    used = [grids for grids in full.grids if grids is not None]
    later = [call.reach.grids for call in trace.calls if isinstance(call.reach, Reach)]
    answers = []
    for axis in range(len(trace.image_shape)):
        needed = lcm(*(grids[axis].scale.numerator for grids in used))
        # a network may ask for sides that fit its deepest stage, before it gets there
        wanted = lcm(needed, *(grids[axis].scale.numerator for grids in later))
        answers.append(wanted if 0 < wanted <= LARGEST_MULTIPLE else max(1, needed))
    return answers


def _tried(
    model: nn.Module,
    batch_shape: Sequence[int],
    trace: Trace,
    full: _Noting,
    window: tuple[Span, ...],
    cells: dict[str, tuple[Span, ...]],
) -> Crop | None:
    """The crop to ``window``, or None if a wanted cell would come out differently."""
    sides = tuple(b - a for a, b in window)
    shape = (*batch_shape[:2], *sides)
    cut = [(a > 0, b < side) for (a, b), side in zip(window, trace.image_shape, strict=True)]
    here = _Noting.of(model, shape, trace, list(cells), cut)
    if here is None or not _same_grids(full, here, [a for a, _ in window]):
        return None
    first = {}
    for name, wanted in cells.items():
        reach = here.found.get(name)
        if not isinstance(reach, Reach):
            return None
        starts = [Fraction(a) / g.scale for (a, _), g in zip(window, reach.grids, strict=True)]
        origin = tuple(int(start) for start in starts)
        if not _all_there(reach, wanted, origin):
            return None
        first[name] = origin
    return Crop(tuple(slice(a, b) for a, b in window), False, first, cells)


def _same_grids(full: _Noting, here: _Noting, starts: Sequence[int]) -> bool:
    """Whether every map of the window lies on the cells of the same map of the image."""
    if full.grids != here.grids:
        return False
    return all(
        grid.scale and (start / grid.scale).denominator == 1
        for grids in here.grids
        if grids is not None
        for grid, start in zip(grids, starts, strict=True)
    )


def _all_there(reach: Reach, wanted: tuple[Span, ...], origin: tuple[int, ...]) -> bool:
    for branch in reach.branches:
        for axis, (a, b), first in zip(branch, wanted, origin, strict=True):
            assert isinstance(axis, CutAxis)
            if a < first or b - first > axis.size or axis.wrong[a - first : b - first].any():
                return False
    return True


class _Over(Exception):
    """The last asked layer has answered."""


class _Noting(Follower):
    """Notes the grid of every tensor on the way to the asked layers, and ends there."""

    def __init__(self, image: Tensor, reach: Reach, wanted: dict[tuple[str, int], list[str]]):
        super().__init__(image, reach)
        self.grids: list[tuple[AxisGrid, ...] | None] = []
        self.found: dict[str, Reach | Lost] = {}
        self._wanted = wanted

    @classmethod
    def of(
        cls,
        model: nn.Module,
        shape: Sequence[int],
        trace: Trace,
        layers: Sequence[str],
        cut: Sequence[tuple[bool, bool]] | None = None,
    ) -> _Noting | None:
        """Run the structure on ``shape``; None where it does not run or take that shape."""
        wanted: dict[tuple[str, int], list[str]] = {}
        for layer in layers:
            call = trace.call(layer)
            wanted.setdefault((call.name, call.index), []).append(layer)
        sides = tuple(shape[2:])
        reach = Reach.of_image(sides)
        if cut is not None:
            axes = zip(sides, cut, strict=True)
            branch = tuple(CutAxis.of_window(side, ends) for side, ends in axes)
            reach = Reach((branch,), reach.grids, reach.dims)
        copy = Skeleton(model).on_meta()
        first = next((p for p in copy.parameters() if p.is_floating_point()), None)
        device = "cpu" if first is None else first.device
        kind = None if first is None else first.dtype
        image = torch.zeros(tuple(shape), device=device, dtype=kind)
        noting = cls(image, reach, wanted)
        try:
            with torch.no_grad(), noting.watching(copy), noting, suppress(_Over):
                copy(image)
        except Exception:  # a network of others may raise anything for a side it does not take
            logger.debug("not followed on %s; the whole image is run", sides, exc_info=True)
            return None
        return noting

    def _after(self, *args: Any, **kwargs: Any) -> Reach | Lost:
        reach = super()._after(*args, **kwargs)
        self.grids.append(reach.grids if isinstance(reach, Reach) else None)
        return reach

    def leaving(self, name: str) -> Any:
        """Over once all wanted layers are found."""
        hook = super().leaving(name)

        def noting(module: nn.Module, args: Any, output: Any) -> None:
            hook(module, args, output)
            call = self.calls[-1]
            for layer in self._wanted.get((call.name, call.index), ()):
                self.found[layer] = call.reach
            if len(self.found) == sum(map(len, self._wanted.values())):
                raise _Over

        return noting
