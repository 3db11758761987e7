"""Feature tiles, computed once and kept: what makes every stroke after the first instant."""

from __future__ import annotations

import math
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from unetscope.computing.machine import Engine, Machine
from unetscope.images.micrograph import Micrograph
from unetscope.images.normalisation import Normalisation, fit_normalisation
from unetscope.images.some_planes import whole_of
from unetscope.learning.features import Levels
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.sources.source import tile_needs
from unetscope.learning.tiling import Box, Tile, plan_tiles
from unetscope.network.fingerprint import network_fingerprint
from unetscope.network.unet import UNet

GRID_PX = 512
_SMALLEST_TILE_PX = 128
_SEEN_IMAGES = 256
_CHECKED_PX = 1024**2  # images up to this size are checked as a whole, in less than 1 ms


@dataclass(frozen=True, eq=False)
class Spot:
    """One tile of plane ``z`` of an image."""

    image: Micrograph
    z: int
    tile: Tile


@dataclass(frozen=True, eq=False)
class TileFeatures:
    """What is known of a tile: its levels, and rows (n, feature) of every eighth pixel."""

    levels: Levels
    lattice: Tensor

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(t.numel() * t.element_size() for t in (*self.levels.values(), self.lattice))


@dataclass(frozen=True, eq=False)
class _Kept:
    image: Micrograph  # holds the image alive, so that its id stays its own
    features: TileFeatures


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
    engine : what computes the networks of all models here, as :class:`Machine` takes it. Strokes
        and answers share it.
    """

    def __init__(self, max_bytes: int = 1_500_000_000, engine: Engine | None = None) -> None:
        self.max_bytes, self._engine = max_bytes, engine
        self._machines: dict[str, Machine] = {}
        self._fingerprints: WeakKeyDictionary[UNet, str] = WeakKeyDictionary()
        self.tile_px = GRID_PX
        self._kept: OrderedDict[tuple[object, ...], _Kept] = OrderedDict()
        self._seen: OrderedDict[int, _Seen] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def machine(self, device: str = "auto") -> Machine:
        """What computes on ``device``; the same one at every call."""
        with self._lock:
            if device not in self._machines:
                made = Machine(device, self._engine)
                self._machines[device] = self._machines.setdefault(made.device, made)
            return self._machines[device]

    def release(self) -> None:
        """Drop the copies of networks on all devices, and give a GPU's memory back."""
        with self._lock:
            machines = list(self._machines.values())
        for machine in machines:
            machine.release()

    def tile(self, spot: Spot, whose: str, made: Callable[[], TileFeatures]) -> TileFeatures:
        """The features that ``whose`` tells apart of one tile, made at the first call."""
        image, z = whole_of(spot.image, spot.z)
        key = (id(image), self._known(image).pixels, z, str(spot.tile), whose)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key].features
        found = made()
        with self._lock:
            if key not in self._kept and found.size <= self.max_bytes:
                self._kept[key] = _Kept(image, found)
                self._bytes += found.size
                while self._bytes > self.max_bytes:
                    _, oldest = self._kept.popitem(last=False)
                    self._bytes -= oldest.features.size
        return found

    def features_key(self, model: PixelModel) -> str:
        """Tells apart models whose features differ (weights, sources or grey range)."""
        features = model.features
        own = "own" if features.own_normalisation else repr(features.normalisation)
        looks = repr((features.recipe.strides, len(features.recipe.context_gain)))
        parts = [self._fingerprint(features.backbone), looks, own]
        return ":".join([*parts, *(source.fingerprint for source in features.sources)])

    def _fingerprint(self, net: UNet) -> str:
        """Taken once, as a settled network never changes."""
        with self._lock:
            known = self._fingerprints.get(net)
        if known is None:
            known = network_fingerprint(net)
            with self._lock:
                self._fingerprints[net] = known
        return known

    def normalisation(self, model: PixelModel, image: Micrograph) -> Normalisation:
        """The grey range ``image`` is seen in: its own, or the one stored in the model."""
        if (scale := model.features.scale) is not None:
            return scale
        image, _ = whole_of(image)
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
        image, _ = whole_of(image)
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
                self._bytes -= self._kept.pop(key).features.size
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


def grid(
    model: PixelModel, image: Micrograph, tile_px: int = GRID_PX, region: Box | None = None
) -> list[Tile]:
    """The tiles of an image for this model: one grid for strokes, window and whole predictions.

    ``tile_px`` is a wish: where what a source says depends on its tile, tiles are ``GRID_PX``.
    With a ``region`` only the tiles whose core meets it.
    """
    needs = tile_needs(model.feature_sources, model.channels)
    network = (model.network.net if model.network else model.features.backbone).config
    return plan_tiles(
        image.spatial_shape[-2:],
        core_px=tile_px if needs.exact else GRID_PX,
        halo_px=max(needs.halo_px, network.halo_px),
        margin_px=needs.margin_px,
        multiple=math.lcm(needs.side_multiple, network.multiple),
        region=region,
    )


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
