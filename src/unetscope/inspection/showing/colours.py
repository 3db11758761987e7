"""Which value gets which colour: symmetric about 0 where there is a sign, white for zero."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Values = NDArray[np.floating[Any]]
Rgba = NDArray[np.uint8]

_DIVERGING, _RISING = "RdBu_r", "viridis"
_FIELDS = [
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#f0e442",
    "#cc79a7",
    "#d55e00",
    "#0072b2",
    "#999999",
    "#aa4499",
]


@dataclass(frozen=True)
class ColourRange:
    """Which value gets which colour: ``low`` and ``high`` are the ends of the map ``name``."""

    low: float
    high: float
    name: str

    @classmethod
    def of(cls, values: Values, *, signed: bool | None = None) -> ColourRange:
        """Symmetric about 0 for values with a sign, else from 0 or the smallest to the largest.

        Parameters
        ----------
        values : NaN and infinite entries do not count.
        signed : None looks whether there are negative values.
        """
        real = values[np.isfinite(values)]
        low, high = (float(real.min()), float(real.max())) if real.size else (0.0, 0.0)
        if signed or (signed is None and low < 0):
            limit = max(-low, high) or 1.0
            return cls(-limit, limit, _DIVERGING)
        low = min(0.0, low) if high > 0 else low
        return cls(low, high if high > low else low + 1.0, _RISING)

    def paint(self, values: Values) -> Rgba:
        """Values (…) as colours (…, 4) uint8; NaN is transparent."""
        import matplotlib

        share = (np.asarray(values, dtype=np.float64) - self.low) / (self.high - self.low)
        known = np.isfinite(share)
        painted = matplotlib.colormaps[self.name](np.where(known, share, 0.0), bytes=True)
        painted = np.array(painted, dtype=np.uint8)
        painted[~known] = 0
        return painted

    def png(self, values: Values, *, enlarge: int = 1) -> bytes:
        """Values (y, x) as a small PNG with a palette; NaN is transparent."""
        import matplotlib

        steps = np.linspace(0, 1, 255)
        palette = matplotlib.colormaps[self.name](steps, bytes=True)[:, :3]
        share = (np.asarray(values, dtype=np.float64) - self.low) / (self.high - self.low)
        known = np.isfinite(share)
        index = np.round(np.clip(np.where(known, share, 0.0), 0, 1) * 254)
        index[~known] = 255
        index = index.astype(np.uint8).repeat(enlarge, axis=0).repeat(enlarge, axis=1)
        image = Image.fromarray(index, "L")
        image.putpalette([*palette.flatten().tolist(), 0, 0, 0])
        kept = io.BytesIO()
        image.save(kept, "PNG", transparency=255)
        return kept.getvalue()

    @property
    def bar(self) -> bytes:
        """The colours from low to high as a PNG, one pixel high."""
        return self.png(np.linspace(self.low, self.high, 255)[None])


def field_colour(number: int) -> str:
    """The colour of the ``number``-th field: apart for colour-blind people (Okabe and Ito 2008)."""
    return _FIELDS[number % len(_FIELDS)]
