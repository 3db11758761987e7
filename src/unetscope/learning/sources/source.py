"""One small interface for everything that turns an image into feature maps.

A source gives maps at any spacing, and says where their cells lie on the image. Here they are
brought onto the grids of the instant head (:data:`~unetscope.learning.features.Levels`: strides
that are powers of two, cell ``i`` over the pixels ``i · stride`` to ``(i + 1) · stride - 1``), so
that a head can stand on any sources together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from unetscope.computing.ready import on_device
from unetscope.errors import ModelError
from unetscope.learning.features import Levels


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """Maps (batch, channel, y, x) and where they lie on the image.

    Attributes
    ----------
    stride : pixels from one cell to the next, the same in both directions; need not be a whole
        number.
    offset_px : how far right and down of the plain grid the cells' centres lie. On the plain grid
        the centre of cell 0 is at pixel ``(stride - 1) / 2``.
    """

    name: str
    stride: float
    maps: Tensor
    offset_px: float = 0.0

    @property
    def level(self) -> int:
        """The stride of the head's level that these maps join: the nearest power of two."""
        return int(2 ** max(0, round(math.log2(self.stride))))


class FeatureSource(Protocol):
    """Turns a normalised image into feature maps; never changes once made, lives on the CPU."""

    @property
    def name(self) -> str:
        """What :func:`~unetscope.learning.sources.catalogue.open_source` opens it by."""

    @property
    def licence_note(self) -> str:
        """Under which terms the weights may be used."""

    @property
    def exact_tiles(self) -> bool:
        """Whether ``halo_px`` around a tile gives the numbers of the whole image.

        Where not (attention sees everything), the answer belongs to the tiles. These must then
        come from one grid that is fixed on the image, so that it does not depend on the view.
        """

    @property
    def halo_px(self) -> int:
        """What to read around a tile."""

    @property
    def side_multiple(self) -> int:
        """Sides of the image, and places where tiles start, must be multiples of this."""

    @property
    def fingerprint(self) -> str:
        """A short hash of everything the numbers depend on."""

    def columns(self, channels: int) -> Mapping[int, tuple[str, ...]]:
        """Level → names of its maps, for images of ``channels`` channels."""

    def maps(self, image: Tensor) -> tuple[FeatureMaps, ...]:
        """Feature maps of (batch, channel, y, x), on the device of the image."""


@dataclass(frozen=True)
class FeatureColumn:
    """What one column of :func:`~unetscope.learning.features.rows_at` is."""

    source: str
    level: int
    name: str


@dataclass(frozen=True)
class TileNeeds:
    """What several sources together ask of a grid of tiles.

    ``margin_px`` is one cell of the coarsest level, for the interpolation between cells.
    """

    halo_px: int
    margin_px: int
    side_multiple: int
    exact: bool


def levels_of(sources: Sequence[FeatureSource], image: Tensor) -> Levels:
    """The maps of all sources by level, with a leading batch axis; differentiable.

    Parameters
    ----------
    sources : in this order their maps stand in a level.
    image : (batch, channel, y, x), normalised; sides multiples of every ``side_multiple``.
    """
    sides = tuple(image.shape[2:])
    multiple = tile_needs(sources, image.shape[1]).side_multiple
    if any(side % multiple for side in sides):
        raise ModelError(
            f"image sides {sides} must be multiples of {multiple}; pad the image first."
        )
    parts: dict[int, list[Tensor]] = {}
    for source in sources:
        for found in source.maps(image):
            parts.setdefault(found.level, []).append(placed(found, sides).float())
    return {level: torch.cat(parts[level], dim=1) for level in sorted(parts)}


def feature_columns(sources: Sequence[FeatureSource], channels: int) -> tuple[FeatureColumn, ...]:
    """What every column of a row is, in the order of the rows."""
    found = [(source.name, source.columns(channels)) for source in sources]
    levels = sorted({level for _, columns in found for level in columns})
    return tuple(
        FeatureColumn(name, level, column)
        for level in levels
        for name, columns in found
        for column in columns.get(level, ())
    )


def tile_needs(sources: Sequence[FeatureSource], channels: int) -> TileNeeds:
    """The halo, margin and multiple that suit all sources."""
    if not sources:
        raise ModelError("there is no feature source; name at least one.")
    coarsest = max(level for source in sources for level in source.columns(channels))
    return TileNeeds(
        halo_px=max(source.halo_px for source in sources),
        margin_px=coarsest,
        side_multiple=math.lcm(coarsest, *(source.side_multiple for source in sources)),
        exact=all(source.exact_tiles for source in sources),
    )


def placed(found: FeatureMaps, shape_yx: Sequence[int]) -> Tensor:
    """Maps on the grid of their level, (batch, channel, y / level, x / level).

    Between cells they are interpolated linearly, beyond the outermost centres they are held.
    """
    level, maps = found.level, found.maps
    first_px = (found.stride - 1) / 2 + found.offset_px
    for axis, side in zip((2, 3), shape_yx, strict=True):
        centres = (torch.arange(side // level, dtype=torch.float64) + 0.5) * level - 0.5
        maps = _interpolated(maps, (centres - first_px) / found.stride, axis)
    return maps


def beside(net: nn.Module, image: Tensor) -> Any:
    """``net``, or its copy on the device where ``image`` is."""
    device = image.device
    name = device.type if not device.index else str(device)  # "cuda" is what all call the first
    return on_device(net, name)


def _interpolated(maps: Tensor, at: Tensor, axis: int) -> Tensor:
    """``maps`` at the fractional places ``at`` along ``axis``."""
    length = maps.shape[axis]
    if len(at) == length and torch.equal(at, torch.arange(length, dtype=at.dtype)):
        return maps  # already there
    at = at.clamp(0, length - 1).to(maps.device)
    below = at.long()
    above = (below + 1).clamp(max=length - 1)
    shape = [1] * maps.ndim
    shape[axis] = len(at)
    part = (at - below).to(maps.dtype).reshape(shape)
    return torch.lerp(maps.index_select(axis, below), maps.index_select(axis, above), part)
