"""Crossing curved fibres: electrospun mats in SEM, filaments in fluorescence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from unetscope.images.synthetic.random_fields import (
    Spectrum,
    rough_field,
    smooth_field,
    spectral_texture,
)
from unetscope.images.synthetic.scene import (
    DrawnScene,
    Exposure,
    FloatImage,
    SceneOptions,
    draw,
    draw_log,
    expose,
    scene,
)


@dataclass(frozen=True)
class FibreOptions(SceneOptions):
    """Options of :func:`fibres` beside those of every scene; None is drawn from the seed.

    Attributes
    ----------
    fibre_px
        Median fibre width in pixels at scale 1.
    coverage
        Length of all fibres times their width, as a part of the image.
    curl
        Change of direction in radians over a length of 100 px at scale 1.
    alignment
        0 every direction, 1 nearly parallel.
    """

    fibre_px: float | None = None
    coverage: float | None = None
    curl: float | None = None
    alignment: float | None = None


@scene(FibreOptions, stream=5, pixel_size=0.05, unit="µm")
def fibres(shape: tuple[int, int], chosen: FibreOptions, rng: np.random.Generator) -> DrawnScene:
    """Curved fibres over and under each other; classes background and fibre."""
    fibre_px = draw_log(rng, chosen.fibre_px, (4, 16)) * chosen.scale
    scene = _ground(shape, chosen.scale, rng)
    instances = np.zeros(shape, np.int32)
    coverage = draw(rng, chosen.coverage, (0.15, 0.6))
    curl = draw(rng, chosen.curl, (0.1, 1.0)) / chosen.scale
    aligned = draw(rng, chosen.alignment, (0, 1)) ** 2
    wanted = int(np.clip(coverage * min(shape) / fibre_px, 1, 60))
    main, glossy = rng.uniform(0, 2 * np.pi), rng.uniform(-0.2, 1.0)
    lit = rng.uniform(-0.7, 0.7)
    width_spread = rng.uniform(0.08, 0.4)
    for number in range(1, wanted + 1):
        width = max(2.0, fibre_px * float(np.exp(width_spread * rng.standard_normal())))
        heading = main + (1 - aligned) * rng.uniform(-np.pi, np.pi) / 2
        path = _path(shape, heading, curl, rng)
        depth = number / wanted  # later fibres lie on top and are brighter
        level = rng.uniform(0.30, 0.42) + 0.22 * depth + rng.normal(0, 0.03)
        _draw_fibre(scene, instances, path, _Look(number, width, level, glossy, lit))
    # The scattered strokes leave pin holes on tight bends.
    instances = _closed(instances)
    scene += np.float32(rng.uniform(0.0, 0.03)) * rough_field(shape, 5 * chosen.scale, rng)
    pixels = expose(scene, rng, chosen, Exposure(noise=(0.015, 0.09), blur_px=(0.6, 1.4)))
    labels = np.where(instances > 0, 2, 1)
    return DrawnScene(pixels, labels, instances, ("background", "fibre"))


def _ground(shape: tuple[int, int], scale: float, rng: np.random.Generator) -> FloatImage:
    """Dark ground with out-of-focus fibres deep below."""
    deep = spectral_texture(shape, Spectrum(rng.uniform(14, 40) * scale, 0.5), rng)
    ground: FloatImage = np.float32(rng.uniform(0.08, 0.24)) + np.float32(
        rng.uniform(0.005, 0.05)
    ) * np.abs(deep)
    ground += np.float32(0.02) * smooth_field(shape, 60 * scale, rng)
    return ground


def _path(
    shape: tuple[int, int], heading: float, curl: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """A curve (n, 4): y, x and the unit normal, in steps of half a pixel."""
    length_px = 1.6 * float(np.hypot(*shape))
    steps = int(length_px * 2)
    knots = rng.standard_normal(max(4, int(length_px / 60)) + 3)
    bend = np.interp(np.linspace(0, len(knots) - 1, steps), np.arange(len(knots)), knots)
    angle = heading + curl / 100 * 1.6 * np.cumsum(bend) * 0.5
    angle -= angle[steps // 2] - heading
    direction = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    path = np.cumsum(direction * 0.5, axis=0)
    path += rng.uniform(0, 1, 2) * shape - path[steps // 2]
    normal = np.stack([direction[:, 1], -direction[:, 0]], axis=1)
    curve = np.concatenate([path, normal], axis=1).astype(np.float32)
    margin = 40
    seen = (curve[:, :2] > -margin).all(axis=1) & (curve[:, :2] < np.array(shape) + margin).all(
        axis=1
    )
    return curve[seen]


@dataclass(frozen=True)
class _Look:
    number: int
    width_px: float
    level: float
    glossy: float
    lit: float


def _draw_fibre(
    scene: FloatImage, instances: NDArray[np.int32], path: NDArray[np.float32], look: _Look
) -> None:
    """Sweep a shaded cross-section along ``path``; what lies below is shadowed at its sides."""
    radius = look.width_px / 2
    across = np.arange(-radius - 2.5, radius + 2.51, 0.5, dtype=np.float32)
    part = across / np.float32(radius)
    bulge = np.sqrt(np.clip(1 - part**2, 0, 1))
    bright_edges = 0.7 * (1 - bulge) if look.glossy > 0.3 else 0.55 * bulge
    shade = look.level * (0.55 + bright_edges + 0.3 * look.lit * part)
    inside = np.abs(across) <= radius
    y = (path[:, 0, np.newaxis] + across * path[:, 2, np.newaxis] + 0.5).astype(np.intp)
    x = (path[:, 1, np.newaxis] + across * path[:, 3, np.newaxis] + 0.5).astype(np.intp)
    valid = (y >= 0) & (y < scene.shape[0]) & (x >= 0) & (x < scene.shape[1])
    flat = y * scene.shape[1] + x
    shadow = np.unique(flat[valid & ~inside])
    scene.ravel()[shadow] *= np.float32(0.8)
    drawn = valid & inside
    scene.ravel()[flat[drawn]] = np.broadcast_to(shade, flat.shape)[drawn]
    instances.ravel()[flat[drawn]] = look.number


def _closed(instances: NDArray[np.int32]) -> NDArray[np.int32]:
    """Fill single missing pixels from their neighbourhood."""
    filled = ndimage.maximum_filter(instances, 3)
    inner = ndimage.binary_closing(np.pad(instances > 0, 1, mode="edge"))[1:-1, 1:-1]
    return np.where((instances == 0) & inner, filled, instances)
