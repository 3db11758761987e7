"""Surfaces that regions are filled with: textures a network must tell apart beside their grey."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from unetscope.images.synthetic.random_fields import (
    Spectrum,
    rough_field,
    smooth_field,
    spectral_texture,
)
from unetscope.images.synthetic.scene import FloatImage

KINDS = ("plain", "granular", "oriented", "lamellar", "dotted", "cloudy", "mesh")


def surface(
    kind: str, shape: tuple[int, int], scale: float, rng: np.random.Generator
) -> FloatImage:
    """A texture (y, x) of one of :data:`KINDS`, mean about 0 and standard deviation about 1."""
    angle = rng.uniform(0, np.pi)
    if kind == "plain":
        return 0.15 * rough_field(shape, 20 * scale, rng)
    if kind == "granular":
        wave = rng.uniform(3, 14) * scale
        return spectral_texture(shape, Spectrum(wave, rng.uniform(0.3, 0.7)), rng)
    if kind == "oriented":
        wave = rng.uniform(4, 16) * scale
        return spectral_texture(shape, Spectrum(wave, 0.5, angle, rng.uniform(0.12, 0.5)), rng)
    if kind == "lamellar":
        return _lamellae(shape, rng.uniform(4, 14) * scale, angle, rng)
    if kind == "dotted":
        return _dots(shape, rng.uniform(1.2, 3.5) * scale, rng)
    if kind == "mesh":
        wave = rng.uniform(6, 18) * scale
        walls = np.abs(spectral_texture(shape, Spectrum(wave, 0.4), rng))
        return np.asarray(1.5 - 2.2 * walls, np.float32)
    return rough_field(shape, rng.uniform(12, 40) * scale, rng, octaves=4)


def filled_regions(
    regions: NDArray[np.intp], scale: float, rng: np.random.Generator, *, same_grey: bool
) -> FloatImage:
    """One grey level and one surface per region value 0 to K - 1 of ``regions`` (y, x).

    With ``same_grey`` only the texture tells regions apart.
    """
    count = int(regions.max()) + 1
    levels = np.linspace(0.3, 0.7, max(count, 2))[:count] + rng.normal(0, 0.03, count)
    rng.shuffle(levels)
    levels = 0.5 + rng.uniform(0.25, 1.1) * (levels - levels.mean())
    if same_grey:
        levels = 0.5 + rng.normal(0, 0.015, count)
    kinds = rng.permutation(KINDS if not same_grey else KINDS[1:])
    scene = np.empty(regions.shape, np.float32)
    for value in range(count):
        here = regions == value
        strength = rng.uniform(0.07, 0.14) if same_grey else rng.uniform(0.01, 0.09)
        texture = surface(str(kinds[value % len(kinds)]), regions.shape, scale, rng)
        scene[here] = np.float32(levels[value]) + np.float32(strength) * texture[here]
    return scene


def _lamellae(
    shape: tuple[int, int], period_px: float, angle: float, rng: np.random.Generator
) -> FloatImage:
    """Bent parallel plates, as in pearlite or eutectics."""
    y, x = (axis.astype(np.float32) for axis in np.ogrid[: shape[0], : shape[1]])
    along = y * np.float32(np.cos(angle)) + x * np.float32(np.sin(angle))
    bent = along + np.float32(0.6 * period_px) * smooth_field(shape, 6 * period_px, rng)
    plates: FloatImage = 1.6 * np.tanh(2 * np.sin(2 * np.pi * bent / np.float32(period_px)))
    return plates


def _dots(shape: tuple[int, int], radius_px: float, rng: np.random.Generator) -> FloatImage:
    """Small round precipitates or pores, all dark or all bright."""
    seeds = (rng.random(shape, dtype=np.float32) < 0.05 / radius_px**2).astype(np.float32)
    dots = ndimage.gaussian_filter(seeds, radius_px * 0.6)
    dots = np.minimum(dots * np.float32(2.3 * radius_px**2), 1.2)
    sign = 1 if rng.random() < 0.5 else -1
    return sign * (dots - dots.mean()) * np.float32(3.0)
