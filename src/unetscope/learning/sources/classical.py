"""The classical filters as a feature source."""

from __future__ import annotations

import hashlib

from torch import Tensor

from unetscope.learning.classical import FILTERS, REACH_PX, STRIDES, classical_maps
from unetscope.learning.sources.source import FeatureMaps


class ClassicalFilters:
    """Blur, gradient, Hessian and local deviation at four scales; nothing is learned."""

    name = "classical"
    licence_note = "no weights"
    exact_tiles = True
    halo_px = REACH_PX
    side_multiple = max(STRIDES)
    fingerprint = hashlib.sha256(repr((FILTERS, STRIDES, REACH_PX)).encode()).hexdigest()[:16]

    def columns(self, channels: int) -> dict[int, tuple[str, ...]]:
        """Five filters of every channel at every stride."""
        names = tuple(f"{name}, channel {c}" for c in range(channels) for name in FILTERS)
        return dict.fromkeys(STRIDES, names)

    def maps(self, image: Tensor) -> tuple[FeatureMaps, ...]:
        """The filtered image at every stride."""
        found = classical_maps(image.float())
        return tuple(FeatureMaps(f"classical {s}", s, maps) for s, maps in found.items())
