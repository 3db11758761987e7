"""Marks that an electron beam leaves: loops and bubbles seen as rings, contamination as a square.

They are drawn, not simulated, and belong to no class: what a network makes of them is a lesson.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.images.synthetic.scene import FloatImage


def add_rings(
    pixels: FloatImage, count: int, radius_px: float, depth: float, rng: np.random.Generator
) -> tuple[FloatImage, NDArray[np.bool_]]:
    """Dark rings on ``pixels`` (y, x), ``depth`` in its grey values; and where they are."""
    gy, gx = (axis.astype(np.float32) for axis in np.ogrid[: pixels.shape[0], : pixels.shape[1]])
    made, where = pixels.astype(np.float32), np.zeros(pixels.shape, bool)
    for _ in range(count):
        radius = radius_px * rng.uniform(0.7, 1.3)
        cy, cx = (rng.uniform(radius + 2, size - radius - 2) for size in pixels.shape)
        off = np.abs(np.hypot(gy - cy, gx - cx) - radius)
        made = made - np.float32(depth) * np.exp(-0.5 * (off / 1.0) ** 2).astype(np.float32)
        where |= off <= 1.0
    return made, where


def add_contamination(
    pixels: FloatImage, side_px: int, depth: float
) -> tuple[FloatImage, NDArray[np.bool_]]:
    """A darkened square in the middle, as a finer scan leaves it; and its rim, 3 px wide."""
    made, inside = pixels.astype(np.float32).copy(), np.zeros(pixels.shape, bool)
    cut = tuple(slice((size - side_px) // 2, (size + side_px) // 2) for size in pixels.shape)
    inside[cut] = True
    made[inside] -= np.float32(depth)
    core = np.zeros_like(inside)
    core[tuple(slice(part.start + 3, part.stop - 3) for part in cut)] = True
    rim: NDArray[Any] = inside & ~core
    return made, rim
