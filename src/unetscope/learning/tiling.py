"""Tiles with a halo: cut an image so that every tile's core equals the untiled result exactly.

A tile is three nested boxes on the image's grid: the *core* that is answered; *grown* by one coarse
cell, so that interpolation between coarse cells finds its neighbours; and the *window* that is read
and sent through the network, grown once more by the halo, the network's reach. All are cut at the
image's rim (padded to the network's multiple), where tiled and untiled meet the same border.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    shape_yx: Sequence[int], *, core_px: int, halo_px: int, margin_px: int, multiple: int
) -> list[Tile]:
    """Tiles that cover an image of ``shape_yx`` once, row by row, on a grid fixed at its origin.

    ``core_px``, ``halo_px`` and ``margin_px`` are rounded up to ``multiple``, so that every window
    starts in the same phase of the poolings as the whole image does.
    """
    bounds = padded_shape(shape_yx, multiple)
    core, halo, margin = (-(-v // multiple) * multiple for v in (core_px, halo_px, margin_px))
    tiles = []
    for top in range(0, bounds[0], core):
        for left in range(0, bounds[1], core):
            box = (
                slice(top, min(top + core, bounds[0])),
                slice(left, min(left + core, bounds[1])),
            )
            grown = _grow(box, margin, bounds)
            tiles.append(Tile(box, grown, _grow(grown, halo, bounds)))
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


def _grow(box: Box, by: int, bounds: tuple[int, int]) -> Box:
    return (
        slice(max(0, box[0].start - by), min(bounds[0], box[0].stop + by)),
        slice(max(0, box[1].start - by), min(bounds[1], box[1].stop + by)),
    )
