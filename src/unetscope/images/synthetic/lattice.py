"""High-resolution TEM of gold on an amorphous film, where only order tells the two apart.

A phantom, not a multislice simulation: the film is white noise through a contrast transfer function
(Scherzer 1949, J. Appl. Phys. 20, 20), the crystal are the fringes of its lattice planes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from unetscope.images.synthetic.random_fields import smooth_field
from unetscope.images.synthetic.scene import (
    DrawnScene,
    Exposure,
    FloatImage,
    SceneOptions,
    draw,
    expose,
    scene,
)

#: Spacings of gold in nm (lattice constant .4079 nm): {111} and {200}.
GOLD_111, GOLD_200 = 0.2355, 0.2039
_PIXEL_NM = 0.04
_WAVELENGTH_NM = 0.00251  # of electrons of 200 keV
_DEFOCUS_NM = 60.0
_SPHERICAL_NM = 1.0e6  # 1 mm
_INFORMATION_NM = 0.14  # finer waves do not reach the detector


@dataclass(frozen=True)
class LatticeOptions(SceneOptions):
    """Options of :func:`lattice` beside those of every scene.

    Attributes
    ----------
    island_nm
        Usual diameter of an island.
    mass
        Extra darkness of the islands, as a part of the grey range; 0: no difference of mean grey.
    """

    island_nm: float = 3.2
    mass: float = 0.0


@scene(LatticeOptions, stream=9, pixel_size=_PIXEL_NM, unit="nm", learned_from=False)
def lattice(shape: tuple[int, int], chosen: LatticeOptions, rng: np.random.Generator) -> DrawnScene:
    """Crystalline islands in amorphous material; classes amorphous and crystalline.

    ``scale`` is the magnification: at 0.5 a pixel is 0.08 nm wide. A detector's pixel is the mean
    over its area, so that fringes fade before they are too fine to be sampled.
    """
    pixel_nm = _PIXEL_NM / chosen.scale
    islands = _islands(shape, chosen.island_nm / pixel_nm, rng)
    film = _film(shape, pixel_nm, rng)
    fringes = np.zeros(shape, np.float32)
    for number in range(1, int(islands.max()) + 1):
        here = islands == number
        fringes[here] = _fringes(shape, pixel_nm, rng)[here]
    crystal = islands > 0
    strength = float(rng.uniform(0.09, 0.12))
    drawn: FloatImage = np.float32(0.5) + np.float32(strength) * np.where(
        crystal, fringes + np.float32(0.35) * film, film
    ).astype(np.float32)
    drawn = drawn - np.float32(draw(rng, chosen.mass, (0, 0))) * crystal.astype(np.float32)
    pixels = expose(
        drawn,
        rng,
        chosen,
        Exposure(
            contrast=(1, 1),
            noise=(0.08, 0.14),
            blur_px=(0, 0),
            uneven_light=(0, 0.05),
            brightness=(-0.03, 0.03),
            gamma=(0.95, 1.05),
            scan_lines=0.0,
        ),
    )
    return DrawnScene(pixels, np.where(crystal, 2, 1), islands, ("amorphous", "crystalline"))


def _islands(shape: tuple[int, int], diameter_px: float, rng: np.random.Generator) -> np.ndarray:
    """Separate round-cornered islands from 1; between them 0."""
    islands = np.zeros(shape, np.int32)
    gy, gx = np.ogrid[: shape[0], : shape[1]]
    wanted = max(1, round(0.45 * shape[0] * shape[1] / (0.8 * diameter_px**2)))
    placed: list[tuple[float, float, float]] = []
    for y, x, size in rng.uniform(0, 1, (40 * wanted, 3)):
        radius = diameter_px / 2 * (0.7 + 0.6 * size)
        cy, cx = y * shape[0], x * shape[1]
        if len(placed) == wanted:
            break
        if all(np.hypot(cy - py, cx - px) > radius + pr + 4 for py, px, pr in placed):
            placed.append((cy, cx, radius))
    ripple = 1 + 0.18 * smooth_field(shape, max(4.0, 0.7 * diameter_px), rng)
    for number, (cy, cx, radius) in enumerate(placed, 1):
        islands[np.hypot(gy - cy, gx - cx) * ripple < radius] = number
    return islands


def _film(shape: tuple[int, int], pixel_nm: float, rng: np.random.Generator) -> FloatImage:
    """White noise through the contrast transfer function, unit standard deviation."""
    padded = [fft.next_fast_len(int(n), real=True) for n in shape]
    noise = rng.standard_normal(padded, dtype=np.float32)
    fy = fft.fftfreq(padded[0], pixel_nm)[:, None]
    fx = fft.rfftfreq(padded[1], pixel_nm)[None]
    k2 = fy**2 + fx**2  # 1/nm²
    phase = (
        np.pi * _WAVELENGTH_NM * _DEFOCUS_NM * k2
        - 0.5 * np.pi * _SPHERICAL_NM * _WAVELENGTH_NM**3 * k2**2
    )
    passed = np.sin(phase) * np.exp(-k2 * _INFORMATION_NM**2 / 2) * _averaged(fy, fx, pixel_nm)
    film = fft.irfft2(fft.rfft2(noise) * passed, s=padded)[: shape[0], : shape[1]]
    return np.asarray(film / max(float(film.std()), 1e-9), dtype=np.float32)


def _fringes(shape: tuple[int, int], pixel_nm: float, rng: np.random.Generator) -> FloatImage:
    """Lattice planes of gold along <110>, turned at random; standard deviation 1 where resolved."""
    y, x = (axis.astype(np.float32) for axis in np.ogrid[: shape[0], : shape[1]])
    turn = rng.uniform(0, np.pi)
    found = np.zeros(shape, np.float32)
    planes = ((0.0, GOLD_111), (1.2310, GOLD_111), (0.6155 + np.pi / 2, GOLD_200))  # 70.53°, 54.74°
    for angle, spacing in planes:
        ky, kx = np.sin(turn + angle) / spacing, np.cos(turn + angle) / spacing
        faded = float(_averaged(np.asarray(ky), np.asarray(kx), pixel_nm))
        wave = 2 * np.pi * pixel_nm * (ky * y + kx * x) + rng.uniform(0, 2 * np.pi)
        found += np.float32(faded) * np.cos(wave).astype(np.float32)
    return found * np.float32(np.sqrt(2 / 3))


def _averaged(fy: np.ndarray, fx: np.ndarray, pixel_nm: float) -> np.ndarray:
    """What a pixel's area leaves of a wave."""
    return np.asarray(np.sinc(fy * pixel_nm) * np.sinc(fx * pixel_nm))
