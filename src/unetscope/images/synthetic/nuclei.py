"""Cell nuclei in fluorescence: touching, textured, unevenly lit, few photons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
    FloatImage,
    SceneOptions,
    draw,
    draw_log,
    scene,
)


@dataclass(frozen=True)
class NucleusOptions(SceneOptions):
    """Options of :func:`nuclei` beside those of every scene; None is drawn from the seed.

    Attributes
    ----------
    nucleus_px
        Median diameter in pixels at scale 1.
    coverage
        Part of the image covered by nuclei.
    clustering
        0 nuclei avoid each other, 1 they crowd and touch.
    texture
        Strength of the chromatin texture (0 to 0.5).
    photons
        Photons in the brightest pixels: 30 is very noisy, 1000 smooth.
    """

    nucleus_px: float | None = None
    coverage: float | None = None
    clustering: float | None = None
    texture: float | None = None
    photons: float | None = None
    bits: int = 16


@scene(NucleusOptions, stream=4, pixel_size=0.4, unit="µm")
def nuclei(shape: tuple[int, int], chosen: NucleusOptions, rng: np.random.Generator) -> DrawnScene:
    """Fluorescent nuclei; classes background and nucleus, one instance each."""
    nucleus_px = draw_log(rng, chosen.nucleus_px, (15, 46)) * chosen.scale
    depth_px, instances = _outlines(shape, nucleus_px, chosen, rng)
    scene = _stain(depth_px, instances, nucleus_px, chosen, rng)
    pixels = _camera(scene, nucleus_px, chosen, rng)
    labels = np.where(instances > 0, 2, 1)
    return DrawnScene(pixels, labels, instances, ("background", "nucleus"))


def _outlines(
    shape: tuple[int, int], nucleus_px: float, chosen: NucleusOptions, rng: np.random.Generator
) -> tuple[FloatImage, NDArray[np.int32]]:
    """Depth inside the nuclei in px (y, x) and their instances."""
    coverage = draw(rng, chosen.coverage, (0.06, 0.32))
    crowded = draw(rng, chosen.clustering, (0, 1))
    wanted = min(500, max(1, round(coverage * shape[0] * shape[1] / (0.7 * nucleus_px**2))))
    liking = smooth_field(shape, 5 * nucleus_px, rng)
    apart = 0.92 - 0.3 * crowded
    depth_px = np.full(shape, -1, np.float32)
    instances = np.zeros(shape, np.int32)
    centres: list[tuple[float, float, float]] = []
    variety = rng.uniform(0.08, 0.28)
    for _ in range(4 * wanted):
        if len(centres) >= wanted:
            break
        y, x = rng.uniform(-0.02, 1.02, 2) * shape
        inside = liking[min(max(int(y), 0), shape[0] - 1), min(max(int(x), 0), shape[1] - 1)]
        radius = 0.5 * nucleus_px * float(np.exp(variety * rng.standard_normal()))
        if rng.random() > 0.5 + (0.5 * np.tanh(2.5 * inside) if crowded > 0.3 else 0.5):
            continue
        if any(np.hypot(y - cy, x - cx) < apart * (radius + cr) for cy, cx, cr in centres):
            continue
        centres.append((y, x, radius))
        _add_outline(depth_px, instances, (y, x, radius), len(centres), rng)
    return depth_px, instances


def _add_outline(
    depth_px: FloatImage,
    instances: NDArray[np.int32],
    circle: tuple[float, float, float],
    number: int,
    rng: np.random.Generator,
) -> None:
    """Draw one nucleus: an ellipse with a few harmonics, where it is deeper than its neighbours."""
    y, x, radius = circle
    reach = int(1.7 * radius) + 2
    window = tuple(
        slice(max(0, int(c) - reach), min(n, int(c) + reach + 1))
        for c, n in zip((y, x), instances.shape, strict=True)
    )
    gy, gx = np.ogrid[window]
    dy, dx = gy - y, gx - x
    if 0 in (dy.size, dx.size):
        return
    angle = np.arctan2(dy, dx)
    edge = 1 + rng.uniform(0, 0.22) * np.cos(2 * angle + rng.uniform(0, 6.3))
    for order, size in ((3, 0.05), (4, 0.03), (5, 0.02)):
        edge = edge + rng.normal(0, size) * np.cos(order * angle + rng.uniform(0, 6.3))
    depth = (radius * edge - np.hypot(dy, dx)).astype(np.float32)
    here = (depth > 0) & (depth > depth_px[window])
    depth_px[window][here] = depth[here]
    instances[window][here] = number


def _stain(
    depth_px: FloatImage,
    instances: NDArray[np.int32],
    nucleus_px: float,
    chosen: NucleusOptions,
    rng: np.random.Generator,
) -> FloatImage:
    """Brightness of the nuclei: level each, dome, chromatin, dark nucleoli, some mitoses."""
    shape, count = instances.shape, int(instances.max()) + 1
    level = np.exp(rng.uniform(0.08, 0.45) * rng.standard_normal(count))
    level[rng.random(count) < 0.04] *= 2.2  # condensed
    strength = np.clip(0.5 * level, 0.12, 1.3).astype(np.float32)
    strength[0] = 0
    stain: FloatImage = strength[instances]
    dome = np.clip(depth_px / (rng.uniform(0.12, 0.5) * nucleus_px), 0, 1)
    stain *= 0.55 + 0.45 * np.sqrt(dome)
    texture = draw(rng, chosen.texture, (0.03, 0.4))
    chromatin = 0.7 * spectral_texture(shape, Spectrum(max(4.0, 0.25 * nucleus_px), 0.6), rng)
    chromatin += 0.6 * rough_field(shape, 0.4 * nucleus_px, rng, octaves=2)
    nucleoli = np.clip(smooth_field(shape, 0.3 * nucleus_px, rng) - 1.3, 0, 1)
    stain *= np.clip(
        1 + np.float32(0.7 * texture) * chromatin - np.float32(1.6 * texture) * nucleoli, 0.15, 2
    )
    return stain


def _camera(
    stain: FloatImage, nucleus_px: float, chosen: NucleusOptions, rng: np.random.Generator
) -> NDArray[Any]:
    """Blur, haze from out of focus, uneven light, photons and read noise as 8 or 16 bit counts."""
    shape = stain.shape
    blur = draw(rng, chosen.blur_px, (0.6, 2.2))
    seen = ndimage.gaussian_filter(stain, blur)
    seen += np.float32(rng.uniform(0.05, 0.3)) * ndimage.gaussian_filter(stain, 0.5 * nucleus_px)
    seen += np.float32(rng.uniform(0.01, 0.12))
    seen *= np.float32(draw(rng, chosen.contrast, (0.7, 1.1)))
    light = draw(rng, chosen.uneven_light, (0.0, 0.35))
    seen *= np.clip(1 + light * smooth_field(shape, 0.8 * max(shape), rng), 0.3, 2)
    photons = draw_log(rng, chosen.photons, (40, 800))
    noise = draw(rng, chosen.noise, (0.003, 0.02))
    counted = rng.poisson(np.clip(seen, 0, 2) * photons).astype(np.float32) / np.float32(photons)
    counted += np.float32(noise) * rng.standard_normal(shape, dtype=np.float32)
    if chosen.bits == 8:
        return np.clip(counted * 170 + 8, 0, 255).astype(np.uint8)
    gain = rng.uniform(600, 16000)  # the camera seldom fills its 16 bits
    return np.clip(counted * gain + rng.uniform(90, 400), 0, 65535).astype(np.uint16)
