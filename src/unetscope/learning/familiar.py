"""What a model keeps of the images that it learned from: numbers of crops, no pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unetscope.images.raw_traits import RawTraits
from unetscope.network.unet import UNet

MOST_VECTORS, MOST_IMAGES = 256, 64
TRAITS = 4


@dataclass(frozen=True, eq=False)
class Familiar:
    """How images look to the backbone, and how they were recorded.

    Attributes
    ----------
    crops : (crop, 2 · maps) float16, mean and standard deviation of each map; at most 256 crops.
    image_of : (crop,) int64, index of the image.
    raw : (image, 4) float64, of :class:`RawTraits`; at most 64 images.
    kinds : dtype of each image.
    keys : of each image, so that none counts twice.
    """

    crops: NDArray[np.float16]
    image_of: NDArray[np.int64]
    raw: NDArray[np.float64]
    kinds: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    @classmethod
    def nothing(cls, width: int) -> Familiar:
        """No image yet."""
        none = np.zeros(0, np.int64)
        return cls(np.zeros((0, width), np.float16), none, np.zeros((0, TRAITS)))

    def joined(
        self, key: str, crops: NDArray[np.float32], traits: RawTraits, kind: str
    ) -> Familiar:
        """With one more image; where they get many, fewer crops are kept of each."""
        if len(self.keys) >= MOST_IMAGES:
            return self
        limit = np.finfo(np.float16).max
        whole = np.concatenate([self.crops, np.clip(crops, -limit, limit).astype(np.float16)])
        images = np.concatenate([self.image_of, np.full(len(crops), len(self.keys))])
        keys = (*self.keys, key)
        if len(whole) > MOST_VECTORS:
            share = MOST_VECTORS // len(keys)
            kept = np.concatenate(
                [_spread_over(np.flatnonzero(images == one), share) for one in range(len(keys))]
            )
            whole, images = whole[kept], images[kept]
        raw = np.concatenate([self.raw, [traits.as_row()]])
        return Familiar(whole, images, raw, (*self.kinds, kind), keys)


def _spread_over(places: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """At most ``count`` of them, evenly."""
    if len(places) <= count:
        return places
    return places[np.linspace(0, len(places) - 1, count).round().astype(np.int64)]


def stages_of(backbone: UNet) -> list[str]:
    """The stages that are looked at: all but the coarsest of the way up."""
    left_out = ("classifier", f"dec{backbone.config.pools}")
    return [name for name in backbone.stages() if name not in left_out]


def vector_size(backbone: UNet) -> int:
    """How many numbers a crop has: two for every map."""
    widths = backbone.config.widths
    return 2 * (sum(widths) + sum(widths[:-2]))
