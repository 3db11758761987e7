"""One value of a layer that only moves values: padding and pixel shuffle, as a window of one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import nn
from torch.nn.modules import padding as torch_padding

from unetscope.inspection.showing.capture import Captured
from unetscope.inspection.showing.pooling import Pooling

PADDINGS = (
    torch_padding._ConstantPadNd,
    torch_padding._ReflectionPadNd,
    torch_padding._ReplicationPadNd,
    torch_padding._CircularPadNd,
)
SHUFFLES = (nn.PixelShuffle, nn.PixelUnshuffle)
Cell = tuple[int, ...]


class MovingLens:
    """Explains where the values of a captured padding or pixel shuffle come from."""

    def __init__(self, held: Captured) -> None:
        self._held = held
        self.kind = "padding" if isinstance(held.module, PADDINGS) else "pixel shuffle"

    def at(self, channel: int, point: Cell) -> Pooling:
        """The one input value that becomes this value; in a constant padding, the constant."""
        held = self._held
        cell = tuple(u - first for u, first in zip(point, held.first, strict=True))
        source, place, moved = self._source(channel, cell)
        inside = all(0 <= u < n for u, n in zip(place, held.read.shape[1:], strict=True))
        # Only a constant padding reads outside of the map.
        value = float(held.read[(source, *place)] if inside else getattr(held.module, "value", 0))
        full = tuple(u + m for u, m in zip(place, moved, strict=True))
        words = f"the value of channel {source} at {full}, {value:.4g}"
        if not inside:
            words = f"outside of the map, filled with {value:.4g}"
        shape = (1,) * len(point)
        return Pooling(
            *(held.layer, channel, point, self.kind),
            window=np.full(shape, value),
            weights=np.ones(shape),
            positions=tuple((u,) for u in full),
            winner=None,
            total=value,
            computed=float(held.output[(channel, *cell)]),
            formula=words,
            source=source,
        )

    def _source(self, channel: int, cell: Cell) -> tuple[int, Cell, Cell]:
        """Input channel, cell of the input that was run, and how far that lies in the full one."""
        module, first = self._held.module, self._held.first
        if isinstance(module, nn.PixelShuffle):
            r = module.upscale_factor
            (y, x), begin = cell, tuple(f // r for f in first)
            return channel * r * r + y % r * r + x % r, (y // r, x // r), begin
        if isinstance(module, nn.PixelUnshuffle):
            r = module.downscale_factor
            source, inner = divmod(channel, r * r)
            finer = (cell[0] * r + inner // r, cell[1] * r + inner % r)
            return source, finer, tuple(f * r for f in first)
        axes, sides = len(cell), self._held.read.shape[1:]
        widths: tuple[int, ...] = module.padding  # type: ignore[assignment]  # from the last axis on
        fold = _folding(module)
        place = tuple(
            fold(u - widths[2 * (axes - 1 - axis)], n)
            for axis, (u, n) in enumerate(zip(cell, sides, strict=True))
        )
        return channel, place, first


def _folding(module: nn.Module) -> Callable[[int, int], int]:
    """From a cell before the padding, perhaps outside of 0 … n - 1, to the one that is read."""
    if isinstance(module, torch_padding._ReflectionPadNd):
        return lambda u, n: n - 1 - abs(n - 1 - abs(u))
    if isinstance(module, torch_padding._ReplicationPadNd):
        return lambda u, n: min(max(u, 0), n - 1)
    if isinstance(module, torch_padding._CircularPadNd):
        return lambda u, n: u % n
    return lambda u, n: u
