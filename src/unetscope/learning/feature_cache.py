"""Feature tiles, computed once and kept: what makes every stroke after the first instant."""

from __future__ import annotations

import math
import threading
import zlib
from collections import OrderedDict
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from unetscope.computing.ready import on_device
from unetscope.images.micrograph import Micrograph
from unetscope.images.normalisation import Normalisation, fit_normalisation
from unetscope.learning.features import Levels, lattice_rows
from unetscope.learning.pixel_model import PixelModel, in_precision
from unetscope.learning.sources.source import Look, levels_of, tile_needs
from unetscope.learning.tiling import Box, Tile, plan_tiles
from unetscope.network.cropping import relative
from unetscope.network.fingerprint import network_fingerprint
from unetscope.network.unet import UNet

GRID_PX = 512
_SMALLEST_TILE_PX = 128
_SEEN_IMAGES = 256
_CHECKED_PX = 1024**2  # images up to this size are checked as a whole, in less than 1 ms


@dataclass(frozen=True, eq=False)
class _Kept:
    image: Micrograph  # holds the image alive, so that its id stays its own
    levels: Levels
    lattice: Tensor
    size: int


@dataclass(frozen=True, eq=False)
class _Seen:
    image: Micrograph  # holds the image alive, so that its id stays its own
    pixels: int  # a checksum of them
    range: Normalisation | None = None


class FeatureCache:
    """The most recently used feature tiles of any images, up to ``max_bytes``; thread-safe.

    Arrays can be changed in place. What asks for an answer therefore calls :meth:`look` first,
    which drops what was computed from other pixels.

    Parameters
    ----------
    precision : in which the networks of all models answer here: ``"fp32"``, ``"bf16"``, or
        ``"auto"``, as is faster and equal enough. Strokes and answers share it. None: as the models
        say, otherwise float32 on the CPU.
    """

    def __init__(self, max_bytes: int = 1_500_000_000, precision: str | None = None) -> None:
        self.max_bytes, self.precision = max_bytes, precision
        self.tile_px = GRID_PX
        self._kept: OrderedDict[tuple[object, ...], _Kept] = OrderedDict()
        self._seen: OrderedDict[int, _Seen] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def levels(
        self, model: PixelModel, image: Micrograph, z: int, tile: Tile, device: str
    ) -> Levels:
        """The feature levels of ``tile.grown`` on plane ``z``, computed at the first call."""
        return self._tile(model, image, z, tile, device).levels

    def lattice(
        self, model: PixelModel, image: Micrograph, z: int, tile: Tile, device: str
    ) -> Tensor:
        """Features (n, feature) of every eighth pixel of ``tile`` in both directions."""
        return self._tile(model, image, z, tile, device).lattice

    def _tile(self, model: PixelModel, image: Micrograph, z: int, tile: Tile, device: str) -> _Kept:
        pixels = self._known(image).pixels
        key = (id(image), pixels, z, str(tile), device, features_key(model))
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        scale = self.normalisation(model, image)
        levels = compute_levels(self.asked(model), image, z, tile, device, scale)
        core = relative(tile.inside(image.spatial_shape[-2:]), tile.grown)
        with torch.inference_mode():
            # Whole rows, as strokes join and choose from them.
            lattice = lattice_rows(levels, core).cpu().contiguous()
        size = sum(t.numel() * t.element_size() for t in (*levels.values(), lattice))
        kept = _Kept(image, levels, lattice, size)
        with self._lock:
            if key not in self._kept and size <= self.max_bytes:
                self._kept[key] = kept
                self._bytes += size
                while self._bytes > self.max_bytes:
                    _, oldest = self._kept.popitem(last=False)
                    self._bytes -= oldest.size
        return kept

    def asked(self, model: PixelModel) -> PixelModel:
        """``model`` with networks that answer in the precision of this cache."""
        return model if self.precision is None else in_precision(model, self.precision)

    def normalisation(self, model: PixelModel, image: Micrograph) -> Normalisation:
        """The grey range ``image`` is seen in: its own, or the one stored in the model."""
        if (scale := model.features.scale) is not None:
            return scale
        seen = self._known(image)
        if seen.range is None:
            seen = replace(seen, range=fit_normalisation(image))
            with self._lock:
                known = self._seen.get(id(image))
                if known is not None and known.pixels == seen.pixels:
                    self._seen[id(image)] = seen
        assert seen.range is not None
        return seen.range

    def look(self, image: Micrograph) -> bool:
        """Forget what is known of ``image`` where its pixels are others by now; say whether.

        A fixed sample of at most about a million pixels is compared (one or two milliseconds).
        """
        pixels = _checksum(image)
        with self._lock:
            known = self._seen.get(id(image))
        if known is not None and known.pixels == pixels:
            return False
        self.forget(image)
        self._note(_Seen(image, pixels))
        return known is not None

    def _known(self, image: Micrograph) -> _Seen:
        with self._lock:
            if id(image) in self._seen:
                return self._seen[id(image)]
        return self._note(_Seen(image, _checksum(image)))

    def _note(self, seen: _Seen) -> _Seen:
        with self._lock:
            self._seen[id(seen.image)] = seen
            while len(self._seen) > _SEEN_IMAGES:
                self._seen.popitem(last=False)
        return seen

    def forget(self, image: Micrograph | None = None) -> None:
        """Drop the tiles of one image, or of all."""
        with self._lock:
            for key in [k for k in self._kept if image is None or self._kept[k].image is image]:
                self._bytes -= self._kept.pop(key).size
            if image is None:
                self._seen.clear()
            else:
                self._seen.pop(id(image), None)

    def use_smaller_tiles(self) -> bool:
        """Compute features for strokes with half of the memory from now on; False if that is all.

        The features stay the same; fewer pixels around the strokes tell what the rest is like.
        """
        if self.tile_px <= _SMALLEST_TILE_PX:
            return False
        self.tile_px //= 2
        return True

    @property
    def used_bytes(self) -> int:
        """Memory held by tiles."""
        return self._bytes


def _checksum(image: Micrograph) -> int:
    """Of a fixed sample of the pixels; 0 for arrays that are read from elsewhere.

    Those (dask, zarr) may have to be read from a disk, and are not changed in place.
    """
    if not isinstance(image.pixels, np.ndarray):
        return 0
    return zlib.crc32(np.ascontiguousarray(image.sample_pixels(_CHECKED_PX)).data)


def features_key(model: PixelModel) -> str:
    """Tells apart models whose features differ (weights, sources or grey range)."""
    features = model.features
    own = "own" if features.own_normalisation else repr(features.normalisation)
    looks = repr((features.recipe.strides, len(features.recipe.context_gain)))
    parts = [_fingerprint(features.backbone), looks, own]
    return ":".join([*parts, *(source.fingerprint for source in features.sources)])


def _fingerprint(net: UNet) -> str:
    known = net.__dict__.get("_unetscope_fingerprint")
    if known is None:  # a settled network never changes, so its hash is taken once
        known = network_fingerprint(net)
        net.__dict__["_unetscope_fingerprint"] = known
    return str(known)


def grid(model: PixelModel, image: Micrograph, tile_px: int = GRID_PX) -> list[Tile]:
    """The tiles of an image for this model: one grid for strokes, window and whole predictions.

    ``tile_px`` is a wish: where what a source says depends on its tile, tiles are ``GRID_PX``.
    """
    needs = tile_needs(model.feature_sources, model.channels)
    network = (model.network.net if model.network else model.features.backbone).config
    return plan_tiles(
        image.spatial_shape[-2:],
        core_px=tile_px if needs.exact else GRID_PX,
        halo_px=max(needs.halo_px, network.halo_px),
        margin_px=needs.margin_px,
        multiple=math.lcm(needs.side_multiple, network.multiple),
    )


def compute_levels(
    model: PixelModel,
    image: Micrograph,
    z: int,
    tile: Tile,
    device: str,
    normalisation: Normalisation,
) -> Levels:
    """Read a tile's window, send it through all sources, keep ``tile.grown``."""
    return levels_of_window(model, tile, read_window(image, z, tile.window, normalisation), device)


def levels_of_window(model: PixelModel, tile: Tile, window: Tensor, device: str) -> Levels:
    """As :func:`compute_levels`, of ``tile.window`` as :func:`read_window` reads it."""
    look = Look(
        window.to(device),
        relative(tile.grown, tile.window),
        net_here=lambda net: on_device(net, device),
    )
    with torch.inference_mode():
        found = levels_of(model.feature_sources, look)
        return {level: maps[0].contiguous() for level, maps in found.items()}


def read_window(image: Micrograph, z: int, window: Box, normalisation: Normalisation) -> Tensor:
    """A window of plane ``z``, normalised: (1, channel, y, x) float32, channels-last.

    What lies beyond the image repeats its rim.
    """
    height, width = image.spatial_shape[-2:]
    y, x = window
    region = (slice(y.start, min(y.stop, height)), slice(x.start, min(x.stop, width)))
    plane = normalisation.apply(image.plane(z, region))  # (channel, y, x)
    down, right = y.stop - region[0].stop, x.stop - region[1].stop
    if down or right:
        plane = np.pad(plane, [(0, 0), (0, down), (0, right)], mode="edge")
    tensor = torch.from_numpy(np.ascontiguousarray(plane))[None]
    return tensor.contiguous(memory_format=torch.channels_last)
