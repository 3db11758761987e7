"""Tiles with a halo: cut an image so that every tile's core equals the untiled result exactly.

A tile is three nested boxes on the image's grid: the *core* that is answered; *grown* by one coarse
cell, so that interpolation between coarse cells finds its neighbours; and the *window* that is read
and sent through the network, grown once more by the halo, the network's reach. All are cut at the
image's rim (padded to the network's multiple), where tiled and untiled meet the same border.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unetscope.network.cropping import Region, around

Box = tuple[slice, slice]


@dataclass(frozen=True)
class Tile:
    """One tile; all boxes are (y, x) slices in pixels of the padded image."""

    core: Box
    grown: Box
    window: Box

    def inside(self, image_shape: Sequence[int]) -> Box:
        """The core without what lies beyond the image."""
        y, x = self.core
        return (
            slice(y.start, min(y.stop, image_shape[0])),
            slice(x.start, min(x.stop, image_shape[1])),
        )


def padded_shape(shape_yx: Sequence[int], multiple: int) -> tuple[int, int]:
    """``shape_yx`` rounded up to multiples."""
    height, width = shape_yx
    return (-(-height // multiple) * multiple, -(-width // multiple) * multiple)


def plan_tiles(
    shape_yx: Sequence[int],
    *,
    core_px: int,
    halo_px: int,
    margin_px: int,
    multiple: int,
    region: Box | None = None,
) -> list[Tile]:
    """Tiles that cover an image of ``shape_yx`` once, row by row, on a grid fixed at its origin.

    Cores and windows are widened to multiples of ``multiple``, so that every window starts in the
    same phase of the poolings as the whole image does. Of an image of any size only those are
    looked at whose core meets ``region``.
    """
    bounds = padded_shape(shape_yx, multiple)
    core = -(-core_px // multiple) * multiple
    y, x = region or (slice(0, bounds[0]), slice(0, bounds[1]))
    tiles = []
    for top in range(y.start // core * core, min(y.stop, bounds[0]), core):
        for left in range(x.start // core * core, min(x.stop, bounds[1]), core):
            box = (
                slice(top, min(top + core, bounds[0])),
                slice(left, min(left + core, bounds[1])),
            )
            grown = around(box, margin_px, bounds, 1)
            tiles.append(Tile(box, (grown[0], grown[1]), _window(grown, halo_px, bounds, multiple)))
    return tiles


def tiles_touching(tiles: Sequence[Tile], region: Box) -> list[Tile]:
    """The tiles whose core meets ``region``, those nearest its centre first."""
    centre = [(side.start + side.stop) / 2 for side in region]

    def distance(tile: Tile) -> float:
        return sum(
            ((side.start + side.stop) / 2 - middle) ** 2
            for side, middle in zip(tile.core, centre, strict=True)
        )

    hit = [
        tile
        for tile in tiles
        if all(
            a.start < b.stop and b.start < a.stop for a, b in zip(tile.core, region, strict=True)
        )
    ]
    return sorted(hit, key=distance)


def _window(grown: Region, halo: int, bounds: tuple[int, int], multiple: int) -> Box:
    rows, columns = around(grown, halo, bounds, multiple)
    return rows, columns
