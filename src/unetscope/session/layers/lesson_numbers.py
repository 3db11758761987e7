"""Figures in the cells of a small picture, as a layer of points without a mark."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_NUMBERS = 256


def number_points(
    values: NDArray[Any], limits: tuple[float, float], text_size: int
) -> dict[str, Any]:
    """What ``add_points`` takes: a text in each cell (y, x), light on dark and dark on light."""
    rows, columns = np.indices(values.shape)
    flat = np.asarray(values, float).ravel()
    low, high = limits
    share = (flat - low) / max(high - low, 1e-12)
    return {
        "data": np.stack([rows.ravel(), columns.ravel()], axis=1).astype(float),
        "features": {"figure": [written(value) for value in flat]},
        "text": {
            "string": "{figure}",
            "size": text_size,
            "anchor": "center",
            "color": np.where(share[:, None] > 0.5, (0.0, 0.0, 0.0, 1.0), (1.0, 1.0, 1.0, 1.0)),
        },
        "size": 0.05,
        "face_color": "transparent",
        "border_color": "transparent",
        "border_width": 0,
    }


def written(value: float) -> str:
    """A value in few signs: ``6``, ``3.75``, ``−0.4``."""
    if not np.isfinite(value):
        return "–"
    return f"{value:.3g}".replace("-", "−")
