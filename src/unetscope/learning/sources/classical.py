"""The classical filters as a feature source."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from torch import Tensor

from unetscope.learning.classical import FILTERS, STRIDES, classical_maps, reach_px
from unetscope.learning.sources.source import FeatureMaps


class ClassicalFilters:
    """Blur, gradient, Hessian and local deviation at every stride; nothing is learned."""

    name = "classical"
    licence_note = "no weights"
    exact_tiles = True

    def __init__(self, strides: Sequence[int] = STRIDES) -> None:
        self.strides = tuple(strides)
        self.halo_px = reach_px(max(strides))
        self.side_multiple = max(strides)

    @property
    def fingerprint(self) -> str:
        """Of filters and strides."""
        made_of = repr((FILTERS, self.strides, self.halo_px))
        return hashlib.sha256(made_of.encode()).hexdigest()[:16]

    def columns(self, channels: int) -> dict[int, tuple[str, ...]]:
        """Five filters of every channel at every stride."""
        names = tuple(f"{name}, channel {c}" for c in range(channels) for name in FILTERS)
        return dict.fromkeys(self.strides, names)

    def maps(self, image: Tensor) -> tuple[FeatureMaps, ...]:
        """The filtered image at every stride."""
        found = classical_maps(image.float(), strides=self.strides)
        return tuple(FeatureMaps(f"classical {s}", s, maps) for s, maps in found.items())
