"""One small interface for everything that turns an image into feature maps.

A source gives maps at any spacing, and says where their cells lie on the image. Here they are
brought onto the grids of the instant head (:data:`~unetscope.learning.features.Levels`: strides
that are powers of two, cell ``i`` over the pixels ``i · stride`` to ``(i + 1) · stride - 1``), so
that a head can stand on any sources together. The bundled U-Net and the classical filters are
sources like any other.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from unetscope.errors import ModelError
from unetscope.learning.features import Levels
from unetscope.network.cropping import Region, checked_core

_STRIP_ROWS = 48


@dataclass(frozen=True, eq=False)
class Look:
    """What a source is asked about.

    Attributes
    ----------
    image : (batch, channel, y, x), normalised; the sides are multiples of all ``side_multiple``.
    core : (y, x) slices of the image whose maps are wanted, starts and stops multiples of the
        coarsest level; None: all. A source may give more, and may see the whole image for it.
    net_here : gives the copy of a network that answers where the image is.
    """

    image: Tensor
    core: Region | None = None
    net_here: Callable[[nn.Module], nn.Module] | None = None

    @property
    def sides(self) -> tuple[int, ...]:
        """(y, x) of the image."""
        return tuple(self.image.shape[2:])

    @property
    def wanted(self) -> Region:
        """The core, or all of the image.

        Raises
        ------
        ModelError
            The core does not lie in the image.
        """
        return checked_core(self.core, self.sides)

    def net(self, own: nn.Module) -> Any:
        """The copy of a source's ``own`` network that answers here; it may be itself."""
        return own if self.net_here is None else self.net_here(own)


@dataclass(frozen=True, eq=False)
class SourceMaps:
    """Maps (batch, channel, y, x) and where they lie on the image.

    Attributes
    ----------
    stride : pixels from one cell to the next, the same in both directions; need not be a whole
        number.
    offset_px : how far right and down of the plain grid the cells' centres lie. On the plain grid
        the centre of cell 0 is at pixel ``(stride - 1) / 2``.
    begins : (y, x) pixel of the image where the maps' grid begins; that of the core where they are
        cut to it.
    """

    name: str
    stride: float
    maps: Tensor
    offset_px: float = 0.0
    begins: tuple[int, int] = (0, 0)

    @property
    def level(self) -> int:
        """The stride of the head's level that these maps join: the nearest power of two."""
        return int(2 ** max(0, round(math.log2(self.stride))))


class FeatureSource(ABC):
    """Turns a normalised image into feature maps; never changes once made, lives on the CPU.

    Attributes
    ----------
    name : what :func:`~unetscope.learning.sources.catalogue.open_source` opens it by.
    licence_note : under which terms the weights may be used.
    exact_tiles : whether ``halo_px`` around a tile gives the numbers of the whole image. Where not
        (attention sees everything), the answer belongs to the tiles. These then come from one grid
        that is fixed on the image, so that it does not depend on the view.
    halo_px : what to read around a tile.
    side_multiple : sides of the image, and places where tiles start, must be multiples of this.
    """

    name: str
    licence_note: str = "no weights"
    exact_tiles: bool = True
    halo_px: int = 0
    side_multiple: int = 1

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """A short hash of everything the numbers depend on."""

    @abstractmethod
    def columns(self, channels: int) -> Mapping[int, tuple[str, ...]]:
        """Level → names of its maps, for images of ``channels`` channels."""

    @abstractmethod
    def maps(self, look: Look) -> tuple[SourceMaps, ...]:
        """Feature maps of what is looked at, on the device of its image."""

    def gains(self, channels: int) -> Mapping[int, Tensor]:
        """Level → the gain of every column: a feature with a large one is cheap for the head.

        Of an added source only their proportions count, for how loud it is comes from evidence
        (:mod:`unetscope.learning.sources.loudness`).
        """
        return {level: torch.ones(len(names)) for level, names in self.columns(channels).items()}

    def options(self) -> dict[str, Any]:
        """What it is opened with, as JSON values for a model file."""
        return {}

    def state(self) -> dict[str, Tensor]:
        """Tensors that a model file keeps for it; large weights stay where they are."""
        return {}


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


def levels_of(sources: Sequence[FeatureSource], look: Look) -> Levels:
    """The maps of all sources by level, cut to the core, with a leading batch axis; differentiable.

    ``sources``: in this order their maps stand in a level.
    """
    multiple = tile_needs(sources, look.image.shape[1]).side_multiple
    if any(side % multiple for side in look.sides):
        raise ModelError(
            f"image sides {look.sides} must be multiples of {multiple}; pad the image first."
        )
    parts: dict[int, list[Tensor]] = {}
    for source in sources:
        for found in source.maps(look):
            parts.setdefault(found.level, []).append(by_channel(placed(found, look.wanted)))
    return {level: _together(parts[level]) for level in sorted(parts)}


def _together(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts), dim=1)


def by_channel(maps: Tensor) -> Tensor:
    """``maps`` (batch, channel, y, x) as float32, one channel after the other in memory."""
    if maps.dtype == torch.float32 and maps.is_contiguous():
        return maps
    # In strips, as a processor turns around what its caches hold several times as fast.
    strips = maps.split(_STRIP_ROWS, dim=2) if maps.is_cpu else (maps,)
    turned = [s.to(torch.float32, memory_format=torch.contiguous_format) for s in strips]
    return torch.cat(turned, dim=2)


def feature_columns(sources: Sequence[FeatureSource], channels: int) -> tuple[FeatureColumn, ...]:
    """What every column of a row is, in the order of the rows."""
    return tuple(
        FeatureColumn(source.name, level, name)
        for source, level in _in_order(sources, channels)
        for name in source.columns(channels)[level]
    )


def feature_gains(sources: Sequence[FeatureSource], channels: int) -> Tensor:
    """The gain of every feature, (feature,), in the order of the rows; differentiable.

    Gains are applied to rows and weights instead of to the maps, which is the same and cheaper.
    """
    return torch.cat([s.gains(channels)[level] for s, level in _in_order(sources, channels)])


def columns_of(name: str, sources: Sequence[FeatureSource], channels: int) -> Tensor:
    """Which features are those of the source called ``name``: their indices, in order."""
    found = feature_columns(sources, channels)
    return torch.tensor([index for index, column in enumerate(found) if column.source == name])


def _in_order(
    sources: Sequence[FeatureSource], channels: int
) -> tuple[tuple[FeatureSource, int], ...]:
    """Every source with each of its levels, as their columns follow each other."""
    has = [(source, source.columns(channels)) for source in sources]
    levels = sorted({level for _, columns in has for level in columns})
    return tuple((source, level) for level in levels for source, own in has if level in own)


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


def placed(found: SourceMaps, core: Region) -> Tensor:
    """Maps on the grid of their level: (batch, channel, y / level, x / level) of ``core``.

    Between cells they are interpolated linearly, beyond the outermost centres they are held.
    """
    level, maps = found.level, found.maps
    first_px = (found.stride - 1) / 2 + found.offset_px
    for axis, (part, begin) in enumerate(zip(core, found.begins, strict=True), 2):
        cells = torch.arange(part.start // level, part.stop // level, dtype=torch.float64)
        centres = (cells + 0.5) * level - 0.5
        maps = _interpolated(maps, (centres - begin - first_px) / found.stride, axis)
    return maps


def _interpolated(maps: Tensor, at: Tensor, axis: int) -> Tensor:
    """``maps`` at the fractional places ``at`` along ``axis``."""
    length, first = maps.shape[axis], int(at[0].clamp(min=0))
    if first + len(at) <= length and torch.equal(at, torch.arange(len(at), dtype=at.dtype) + first):
        # already there; not even a view of it where that is all
        return maps if len(at) == length else maps.narrow(axis, first, len(at))
    at = at.clamp(0, length - 1).to(maps.device)
    below = at.long()
    above = (below + 1).clamp(max=length - 1)
    shape = [1] * maps.ndim
    shape[axis] = len(at)
    part = (at - below).to(maps.dtype).reshape(shape)
    return torch.lerp(maps.index_select(axis, below), maps.index_select(axis, above), part)
