"""Random fields: the raw material of textures, warps and uneven light.

All fields are float32 with mean about 0 and standard deviation about 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

FloatImage = NDArray[np.float32]


def smooth_field(shape: tuple[int, ...], length_px: float, rng: np.random.Generator) -> FloatImage:
    """A smooth random field (y, x) that changes over about ``length_px`` pixels.

    Random values on a coarse grid, interpolated by cubic B-splines along y and x; as two matrix
    products this costs well under a millisecond for 256 x 256 pixels.
    """
    spacing_px = max(1.0, length_px / 2)
    rows, columns = (_spline_weights(n, spacing_px, rng.uniform()) for n in shape)
    coarse = rng.standard_normal((rows.shape[1], columns.shape[1]), dtype=np.float32)
    # 0.4793 is the mean of the sum of squared cubic B-spline weights: the spread along one axis.
    field = (rows @ coarse @ columns.T) / 0.4793
    return np.asarray(field, np.float32)


def _spline_weights(size_px: int, spacing_px: float, phase: float) -> FloatImage:
    """Weights (pixel, knot) of uniform cubic B-splines; each row has 4 values that sum to 1."""
    position = np.arange(size_px) / spacing_px + phase
    first = position.astype(np.intp)
    t = (position - first)[:, np.newaxis]
    weights = np.concatenate(
        [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1
    )
    matrix = np.zeros((size_px, int(first[-1]) + 4), np.float32)
    np.put_along_axis(matrix, first[:, np.newaxis] + np.arange(4), weights / 6, axis=1)
    return matrix


def rough_field(
    shape: tuple[int, ...], length_px: float, rng: np.random.Generator, octaves: int = 3
) -> FloatImage:
    """Smooth fields of ever shorter length added up, as natural surfaces look."""
    total = np.zeros(shape, np.float32)
    strength = power = 0.0
    for octave in range(octaves):
        strength = 0.6**octave
        total += np.float32(strength) * smooth_field(shape, length_px / 2**octave, rng)
        power += strength**2
    return total / np.float32(np.sqrt(power))


@dataclass(frozen=True)
class Spectrum:
    """Which waves a texture is made of.

    Attributes
    ----------
    wavelength_px
        The strongest wavelength.
    bandwidth
        Spread of the wavelength as a part of it: 0.1 regular, 1 irregular.
    angle
        Direction of the wave vector in radians, 0 along y.
    spread
        Spread of the direction in radians; 3 or more means every direction.
    """

    wavelength_px: float
    bandwidth: float = 0.4
    angle: float = 0.0
    spread: float = 4.0


def spectral_texture(
    shape: tuple[int, ...], spectrum: Spectrum, rng: np.random.Generator
) -> FloatImage:
    """White noise filtered to the waves of ``spectrum``, (y, x), with unit standard deviation."""
    padded = [fft.next_fast_len(int(n), real=True) for n in shape]
    noise = rng.standard_normal(padded, dtype=np.float32)
    fy = fft.fftfreq(padded[0])[:, np.newaxis].astype(np.float32)
    fx = fft.rfftfreq(padded[1])[np.newaxis].astype(np.float32)
    frequency = np.sqrt(fy**2 + fx**2) + np.float32(1e-9)
    octaves = np.log(frequency * np.float32(spectrum.wavelength_px))
    passed = np.exp(-0.5 * (octaves / np.float32(spectrum.bandwidth)) ** 2)
    if spectrum.spread < 3:
        turned = np.abs(
            fy * np.float32(np.cos(spectrum.angle)) + fx * np.float32(np.sin(spectrum.angle))
        )
        off_axis = np.arccos(np.clip(turned / frequency, 0, 1))
        passed *= np.exp(-0.5 * (off_axis / np.float32(spectrum.spread)) ** 2)
    texture = fft.irfft2(fft.rfft2(noise) * passed, s=padded)[: shape[0], : shape[1]]
    filtered: FloatImage = (texture / max(float(texture.std()), 1e-6)).astype(np.float32)
    return filtered


def warped_grid(
    shape: tuple[int, int], length_px: float, amplitude_px: float, rng: np.random.Generator
) -> FloatImage:
    """Pixel positions (2, y, x), moved about by ``amplitude_px`` over ``length_px``."""
    grid = np.indices(shape, dtype=np.float32)
    if amplitude_px > 0:
        for axis in range(2):
            grid[axis] += np.float32(amplitude_px) * smooth_field(shape, length_px, rng)
    return grid
