"""What a model sees of an image, tile by tile: its features, and the windows they come from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from unetscope.computing.machine import Machine
from unetscope.images.micrograph import Micrograph
from unetscope.images.normalisation import Normalisation
from unetscope.learning.feature_cache import FeatureCache, Spot, TileFeatures, grid, read_window
from unetscope.learning.features import Levels, lattice_rows, rows_at
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.sources.source import Look, levels_of
from unetscope.learning.tiling import Tile
from unetscope.network.cropping import relative


@dataclass(frozen=True, eq=False)
class FeatureReader:
    """A model's eyes: where its features are kept, and the machine that computes them."""

    model: PixelModel
    cache: FeatureCache
    machine: Machine

    def of(self, model: PixelModel) -> FeatureReader:
        """The same for another model."""
        return replace(self, model=model)

    def grid(self, image: Micrograph) -> list[Tile]:
        """The tiles that strokes are read in."""
        return grid(self.model, image, self.cache.tile_px)

    def normalisation(self, image: Micrograph) -> Normalisation:
        """The grey range the image is seen in."""
        return self.cache.normalisation(self.model, image)

    def window(self, spot: Spot) -> Tensor:
        """What has to be seen for a tile: (1, channel, y, x), as :func:`read_window` reads it."""
        scale = self.normalisation(spot.image)
        return read_window(spot.image, spot.z, spot.tile.window, scale)

    def levels(self, spot: Spot) -> Levels:
        """The feature levels of ``tile.grown``, computed at the first call."""
        return self._features(spot).levels

    def lattice(self, spot: Spot) -> Tensor:
        """Features (n, feature) of every eighth pixel of the tile in both directions."""
        return self._features(spot).lattice

    def levels_in(self, window: Tensor, tile: Tile) -> Levels:
        """As :meth:`levels`, of a window that is read already; not kept."""
        image = window.to(self.machine.device)
        look = Look(image, relative(tile.grown, tile.window), net_here=self.machine.net)
        with torch.inference_mode():
            found = levels_of(self.model.feature_sources, look)
            return {level: maps[0].contiguous() for level, maps in found.items()}

    def rows(self, spot: Spot, y: Tensor, x: Tensor) -> Tensor:
        """Features (n, feature) of the pixels ``y``, ``x`` of the image, which are in the tile."""
        levels, (top, left) = self.levels(spot), spot.tile.grown
        device = self.machine.device
        with torch.inference_mode():
            return rows_at(levels, (y - top.start).to(device), (x - left.start).to(device)).cpu()

    def _features(self, spot: Spot) -> TileFeatures:
        whose = f"{self.machine.key} {self.cache.features_key(self.model)}"
        return self.cache.tile(spot, whose, lambda: self._made(spot))

    def _made(self, spot: Spot) -> TileFeatures:
        levels = self.levels_in(self.window(spot), spot.tile)
        core = relative(spot.tile.inside(spot.image.spatial_shape[-2:]), spot.tile.grown)
        with torch.inference_mode():
            # Whole rows, as strokes join and choose from them.
            return TileFeatures(levels, lattice_rows(levels, core).cpu().contiguous())
