"""Marks that preparation leaves on a surface: scratches, pits, dust. They belong to no class."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from unetscope.images.synthetic.scene import FloatImage


def add_scratches(scene: FloatImage, count: int, rng: np.random.Generator) -> FloatImage:
    """``scene`` with ``count`` thin straight scratches, mostly along one polishing direction."""
    if count <= 0:
        return scene
    y, x = (axis.astype(np.float32) for axis in np.ogrid[: scene.shape[0], : scene.shape[1]])
    main = rng.uniform(0, np.pi)
    scene = scene.copy()
    for _ in range(count):
        angle = main + rng.normal(0, 0.25)
        through = rng.uniform(0, 1, 2) * scene.shape
        off = np.abs((y - through[0]) * np.cos(angle) - (x - through[1]) * np.sin(angle))
        along = np.abs((y - through[0]) * np.sin(angle) + (x - through[1]) * np.cos(angle))
        here = off < 2
        here &= along < rng.uniform(0.1, 0.7) * max(scene.shape)
        width, depth = rng.uniform(0.4, 0.9), rng.normal(0, 0.09)
        scene[here] += np.float32(depth) * np.exp(-0.5 * (off[here] / np.float32(width)) ** 2)
    return scene


def add_pits(
    scene: FloatImage, count: int, radius_px: float, rng: np.random.Generator
) -> FloatImage:
    """``scene`` with ``count`` small dark pits (a few of them bright dust)."""
    if count <= 0:
        return scene
    height, width = scene.shape
    marks = np.zeros(scene.shape, np.float32)
    reach = int(3 * radius_px) + 2
    for y, x in zip(rng.integers(0, height, count), rng.integers(0, width, count), strict=True):
        rows = slice(max(0, y - reach), y + reach)
        columns = slice(max(0, x - reach), x + reach)
        gy, gx = np.ogrid[
            rows.start : min(rows.stop, height), columns.start : min(columns.stop, width)
        ]
        size = radius_px * rng.uniform(0.4, 1.2)
        stretch = rng.uniform(0.7, 1.4)
        far = np.hypot((gy - y) * stretch, (gx - x) / stretch)
        depth = rng.uniform(0.2, 0.45) * (-1 if rng.random() < 0.85 else 1)
        marks[rows, columns] += (depth / (1 + np.exp((far - size) * 3))).astype(np.float32)
    return scene + ndimage.gaussian_filter(marks, 0.5)
