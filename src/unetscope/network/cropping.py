"""Which part of every decoder stage the core of a tile needs; the rest is not computed.

A tile is read with a halo, because its core sees that far. On the way up that need shrinks: a
decoder stage looks two or three cells further than what is asked of it and no more. What lies
beyond reaches the core nowhere, so leaving it out changes no pixel of the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from unetscope.errors import ModelError

Region = tuple[slice, ...]
"""([z,] y, x) slices with start and stop, in cells of one stage."""


def decoder_regions(core: Region, sides: Sequence[int], pools: int, rim: int) -> list[Region]:
    """What dec1, dec2 … compute, so that their maps are right on the core.

    Parameters
    ----------
    core : in pixels of the image.
    sides : ([z,] y, x) of the image, multiples of ``2 ** pools``.
    rim : how many cells along a cut a decoder stage gets wrong.

    Returns
    -------
    One region for each stage, in its own cells; starts and stops are even, so that half of it is
    what the stage reads from the one below.
    """
    regions: list[Region] = []
    wanted = core
    for level in range(pools):
        region = []
        for part, side in zip(wanted, sides, strict=True):
            start, stop = (part.start - rim) // 2 * 2, -(-(part.stop + rim) // 2) * 2
            region.append(slice(max(0, start), min(side >> level, stop)))
        regions.append(tuple(region))
        wanted = coarser(regions[-1], 2)
    return regions


def coarser(region: Region, stride: int) -> Region:
    """The cells of ``stride`` pixels that ``region`` touches."""
    return tuple(slice(s.start // stride, -(-s.stop // stride)) for s in region)


def around(core: Region, reach: int, sides: Sequence[int], multiple: int) -> Region:
    """``core`` and what lies within ``reach`` of it, in an image of ``sides``.

    Starts and stops are multiples of ``multiple``, so that poolings begin in the same phase.
    """
    return tuple(
        slice(
            max(0, (part.start - reach) // multiple * multiple),
            min(side, -(-(part.stop + reach) // multiple) * multiple),
        )
        for part, side in zip(core, sides, strict=True)
    )


def relative(region: Region, frame: Region) -> Region:
    """``region`` in the coordinates of ``frame``."""
    return tuple(
        slice(r.start - f.start, r.stop - f.start) for r, f in zip(region, frame, strict=True)
    )


def cut(maps: Tensor, region: Region, placed: Region) -> Tensor:
    """``region`` of ``maps`` (batch, channel, [z,] y, x), which lie at ``placed``."""
    if region == placed:
        return maps  # not even a view: a whole pass is traced as it is drawn
    return maps[(slice(None), slice(None), *relative(region, placed))]


def checked_core(core: Region | None, sides: Sequence[int]) -> Region:
    """``core``, or all of an image of ``sides``; ModelError where it is not inside of it."""
    if core is None:
        return tuple(slice(0, int(side)) for side in sides)
    fits = len(core) == len(sides) and all(
        part.step in (None, 1) and 0 <= part.start < part.stop <= side
        for part, side in zip(core, sides, strict=True)
    )
    if not fits:
        raise ModelError(f"core {core} does not lie in an image of {tuple(sides)} px.")
    return core


@dataclass
class Taps:
    """The maps of the stages called ``names``, cut to the cells that touch ``core``."""

    names: frozenset[str]
    core: Region
    maps: dict[str, Tensor] = field(default_factory=dict)

    def offer(self, name: str, maps: Tensor, placed: Region, stride: int) -> None:
        """Keep the ``maps`` of stage ``name``, which lie at ``placed``, if they are asked for."""
        if name in self.names:
            self.maps[name] = cut(maps, coarser(self.core, stride), placed)

    @property
    def complete(self) -> bool:
        """Whether all that was asked for is there."""
        return len(self.maps) == len(self.names)
