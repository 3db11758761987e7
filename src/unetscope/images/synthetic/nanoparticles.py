"""Metal nanoparticles on an amorphous support, as bright-field or dark-field (S)TEM shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
class NanoparticleOptions(SceneOptions):
    """Options of :func:`nanoparticles` beside those of every scene; None is drawn from the seed.

    Attributes
    ----------
    particle_px
        Median particle diameter in pixels at scale 1.
    coverage
        Part of the support that is covered (0 to about 0.5).
    spread
        Spread of the logarithm of diameters: 0.05 monodisperse, 0.5 very different sizes.
    dark_field
        1 for bright particles on dark support, 0 for the reverse.
    """

    particle_px: float | None = None
    coverage: float | None = None
    spread: float | None = None
    dark_field: float | None = None


@scene(NanoparticleOptions, stream=3, pixel_size=0.4, unit="nm")
def nanoparticles(
    shape: tuple[int, int], chosen: NanoparticleOptions, rng: np.random.Generator
) -> DrawnScene:
    """Faceted particles on a speckled support; classes support and particle."""
    particle_px = draw_log(rng, chosen.particle_px, (12, 42)) * chosen.scale
    dark_field = draw(rng, chosen.dark_field, (0, 1)) > 0.75
    absorbed, instances = _particles(shape, particle_px, chosen, rng)
    scene = _support(shape, chosen.scale, dark_field=bool(dark_field), rng=rng)
    strength = np.float32(rng.uniform(0.28, 0.6))
    if dark_field:
        scene = scene + np.float32(1.3) * strength * absorbed
        noise = (0.02, 0.09)
    else:
        scene = scene * np.exp(-np.float32(2.0) * strength * absorbed)
        noise = (0.015, 0.08)
    pixels = expose(
        scene,
        rng,
        chosen,
        Exposure(noise=noise, blur_px=(0.4, 1.0), scan_lines=0.012 if dark_field else 0.0),
    )
    labels = np.where(instances > 0, 2, 1)
    return DrawnScene(pixels, labels, instances, ("support", "particle"))


def _support(
    shape: tuple[int, int], scale: float, *, dark_field: bool, rng: np.random.Generator
) -> FloatImage:
    """Amorphous film: phase-contrast speckle, slow thickness changes, sometimes holes."""
    level = rng.uniform(0.12, 0.3) if dark_field else rng.uniform(0.6, 0.75)
    film = np.float32(rng.uniform(0.01, 0.07)) * spectral_texture(
        shape, Spectrum(rng.uniform(3, 7) * scale, rng.uniform(0.3, 0.7)), rng
    )
    film += np.float32(rng.uniform(0.01, 0.05)) * rough_field(shape, 80 * scale, rng)
    scene: FloatImage = np.float32(level) + film * np.float32(0.7 if dark_field else 1.0)
    if rng.random() < 0.25:  # lacey carbon: thick strands beside thin film or vacuum
        strands = np.abs(smooth_field(shape, rng.uniform(90, 200) * scale, rng))
        edge = 1 / (1 + np.exp(np.clip((strands - rng.uniform(0.1, 0.35)) * 60, -30, 30)))
        scene += (0.10 if dark_field else -0.12) * edge.astype(np.float32)
    return scene


def _particles(
    shape: tuple[int, int],
    particle_px: float,
    chosen: NanoparticleOptions,
    rng: np.random.Generator,
) -> tuple[FloatImage, NDArray[np.int32]]:
    """Mass thickness of all particles (y, x), about 0 to 1.5, and their instances."""
    coverage = draw(rng, chosen.coverage, (0.05, 0.3))
    spread = draw(rng, chosen.spread, (0.06, 0.4))
    touching = rng.uniform(0.82, 1.15)
    mean_area = 0.72 * particle_px**2 * np.exp(2 * spread**2)
    wanted = int(min(600, max(1, round(coverage * shape[0] * shape[1] / mean_area))))
    radii = np.sort(0.5 * particle_px * np.exp(spread * rng.standard_normal(wanted)))[::-1]
    radii = np.clip(radii, 1.2, 3 * particle_px)
    centres = _placed(shape, radii, touching, rng)
    absorbed = np.zeros(shape, np.float32)
    instances = np.zeros(shape, np.int32)
    round_part = rng.choice((0.1, 0.35, 0.8))
    for centre, radius in zip(centres, radii[: len(centres)], strict=True):
        reach = int(1.7 * radius) + 3
        top, left = (max(0, int(c) - reach) for c in centre)
        window = (
            slice(top, min(shape[0], int(centre[0]) + reach)),
            slice(left, min(shape[1], int(centre[1]) + reach)),
        )
        if window[0].stop <= top or window[1].stop <= left:
            continue
        gy, gx = np.ogrid[window]
        depth = _facets(gy - centre[0], gx - centre[1], radius, round_part, rng)
        absorbed[window] += _thickness(depth, gy, gx, radius, rng)
        instances[window][depth > 0] = instances.max() + 1
    return absorbed, _renumbered(instances)


def _placed(
    shape: tuple[int, int], radii: NDArray[np.float64], touching: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Centres (n, 2) by random trials, largest first, ``touching`` times the radii apart."""
    tries = rng.uniform(-0.03, 1.03, (len(radii), 12, 2)) * shape
    centres = np.empty((len(radii), 2))
    placed = np.zeros(len(radii), bool)
    for i, radius in enumerate(radii):
        before = np.flatnonzero(placed)
        gap = np.linalg.norm(tries[i][:, np.newaxis] - centres[before], axis=2)
        fits = (gap > touching * (radii[before] + radius)).all(axis=1)
        if fits.any():
            centres[i], placed[i] = tries[i][np.argmax(fits)], True
    radii[: placed.sum()] = radii[placed]
    return centres[placed]


def _facets(
    y: NDArray[Any], x: NDArray[Any], radius: float, round_part: float, rng: np.random.Generator
) -> FloatImage:
    """Depth in px inside a particle: a rounded polygon or a disc; positive inside."""
    stretch = rng.uniform(1.0, 1.0 + 0.35 * rng.random())
    turn = rng.uniform(0, np.pi)
    u = (y * np.cos(turn) + x * np.sin(turn)) / stretch
    v = (x * np.cos(turn) - y * np.sin(turn)) * stretch
    disc = radius - np.hypot(u, v)
    if rng.random() < round_part:
        return np.asarray(disc, np.float32)
    sides = int(rng.choice((3, 4, 5, 6, 6, 6, 8), p=(0.1, 0.1, 0.2, 0.2, 0.2, 0.1, 0.1)))
    angles = 2 * np.pi * np.arange(sides) / sides
    reach = radius * rng.uniform(0.72, 0.95, sides) * (0.75 if sides == 3 else 0.95)
    sharp = np.float32(rng.uniform(0.05, 0.16) * radius)
    total = np.zeros(disc.shape, np.float32)
    for angle, limit in zip(angles, reach, strict=True):  # a soft minimum rounds the corners
        side = (limit - u * np.cos(angle) - v * np.sin(angle)) / sharp
        total += np.exp(-np.clip(side, -30, 30)).astype(np.float32)
    corner: FloatImage = np.minimum(-sharp * np.log(total), disc + np.float32(0.3 * radius))
    return corner


def _thickness(
    depth: FloatImage, gy: NDArray[Any], gx: NDArray[Any], radius: float, rng: np.random.Generator
) -> FloatImage:
    """Mass thickness: rounded or flat-topped, with diffraction contrast, twins or fringes."""
    rise = np.clip(depth / (radius * rng.uniform(0.2, 0.9)), 0, 1)
    profile = np.sqrt(1 - (1 - rise) ** 2)
    profile = (0.35 + 0.65 * profile) * np.clip(depth + 0.5, 0, 1)  # anti-aliased edge
    level = rng.uniform(0.75, 1.15) * (rng.uniform(1.1, 1.5) if rng.random() < 0.2 else 1)
    inside = profile * level
    if rng.random() < 0.35 and radius > 5:  # bend contours, twins or lattice fringes
        turn, period = rng.uniform(0, np.pi), rng.choice((3.0, 0.9 * radius, 1.6 * radius))
        wave = np.sin(2 * np.pi * (gy * np.cos(turn) + gx * np.sin(turn)) / max(period, 2.5))
        inside = inside * (1 + rng.uniform(0.08, 0.25) * wave)
    fringe = np.exp(-0.5 * ((depth + 1.6) / 1.1) ** 2)  # Fresnel fringe of slight defocus
    return np.asarray(inside - rng.uniform(0, 0.1) * fringe, np.float32)


def _renumbered(instances: NDArray[np.int32]) -> NDArray[np.int32]:
    """Instances 1 to N without gaps."""
    present = np.unique(instances)
    table = np.zeros(int(present[-1]) + 1, np.int32)
    present = present[present > 0]
    table[present] = np.arange(1, len(present) + 1)
    return table[instances]
