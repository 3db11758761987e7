"""Neural tissue as serial-section TEM shows it: membranes, mitochondria, vesicles, microtubules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.signal import fftconvolve

from unetscope.images.synthetic.cells import (
    Cells,
    divide_into_cells,
    joined_cells,
    scattered_points,
)
from unetscope.images.synthetic.random_fields import Spectrum, smooth_field, spectral_texture
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
class MembraneOptions(SceneOptions):
    """Options of :func:`membranes` beside those of every scene; None is drawn from the seed.

    Attributes
    ----------
    cell_px
        Mean diameter of cell profiles in pixels at scale 1.
    membrane_px
        Full width of the membrane class in pixels at scale 1.
    mitochondria_px
        Mean diameter of mitochondria at scale 1.
    crowding
        Mitochondria per cell profile.
    """

    cell_px: float | None = None
    membrane_px: float | None = None
    mitochondria_px: float | None = None
    crowding: float | None = None


@scene(MembraneOptions, stream=2, pixel_size=4.0, unit="nm")
def membranes(
    shape: tuple[int, int], chosen: MembraneOptions, rng: np.random.Generator
) -> DrawnScene:
    """Neural tissue; classes cytoplasm, membrane, mitochondrion; one instance a mitochondrion."""
    cell_px = draw_log(rng, chosen.cell_px, (34, 80)) * chosen.scale
    membrane_px = draw(rng, chosen.membrane_px, (3.0, 5.5)) * chosen.scale
    cells = _profiles(shape, cell_px, rng)
    organelles = _mitochondria(cells, cell_px, membrane_px, chosen, rng)
    scene = _cytoplasm(cells, cell_px, chosen.scale, rng)
    scene = _add_vesicles(scene, cells, membrane_px, chosen.scale, rng)
    scene = _add_membranes(scene, cells, membrane_px, rng)
    scene = organelles.painted(scene, membrane_px, chosen.scale, rng)
    pixels = expose(
        scene,
        rng,
        chosen,
        Exposure(noise=(0.02, 0.075), blur_px=(0.5, 1.1), contrast=(0.65, 1.1), scan_lines=0.0),
    )
    membrane = (cells.border_px <= membrane_px / 2) & (organelles.instances == 0)
    labels = np.where(organelles.instances > 0, 3, np.where(membrane, 2, 1))
    names = ("cytoplasm", "membrane", "mitochondrion")
    return DrawnScene(pixels, labels, organelles.instances, names)


def _profiles(shape: tuple[int, int], cell_px: float, rng: np.random.Generator) -> Cells:
    """Cell profiles of very different sizes with curvy, sometimes concave outlines."""
    grid = np.indices(shape, dtype=np.float32)
    for length, amplitude in ((1.1, rng.uniform(0.10, 0.24)), (0.45, rng.uniform(0.03, 0.075))):
        for axis in range(2):
            moved = smooth_field(shape, length * cell_px, rng)
            grid[axis] += np.float32(amplitude * cell_px) * moved
    points = scattered_points(shape, cell_px, rng.uniform(0.25, 0.45), rng)
    small = points[rng.random(len(points)) < rng.uniform(0.1, 0.4)]
    extra = small + rng.normal(0, 0.35 * cell_px, small.shape)  # clusters of thin neurites
    cells = divide_into_cells(np.concatenate([points, extra]), grid)
    return joined_cells(cells, rng.uniform(0.25, 0.5), rng)


def _cytoplasm(cells: Cells, cell_px: float, scale: float, rng: np.random.Generator) -> FloatImage:
    """Grey of the cells with granular contents."""
    shape = cells.cell.shape
    level = rng.uniform(0.62, 0.76) + rng.uniform(0.01, 0.06) * rng.standard_normal(cells.count)
    dark = rng.random(cells.count) < 0.06  # dark degenerating or glial profiles
    level[dark] -= 0.14
    scene: FloatImage = level.astype(np.float32)[cells.cell]
    scene += np.float32(0.02) * smooth_field(shape, 0.6 * cell_px, rng)
    granules = spectral_texture(shape, Spectrum(5 * scale, 0.6), rng)
    amount = rng.uniform(0.01, 0.055, cells.count).astype(np.float32)[cells.cell]
    scene += amount * granules - amount * np.maximum(granules - 1, 0)
    return scene


def _add_membranes(
    scene: FloatImage, cells: Cells, membrane_px: float, rng: np.random.Generator
) -> FloatImage:
    """Two dark leaflets with a lighter cleft between; blurred where they are cut obliquely."""
    shape = scene.shape
    oblique = np.clip(smooth_field(shape, 22 * membrane_px / 4, rng) - 0.9, 0, 1.5)
    sigma = np.float32(0.24 * membrane_px) * (1 + 1.1 * oblique)
    cleft = np.float32(membrane_px * rng.uniform(0.16, 0.34))
    leaflet = np.exp(-0.5 * ((cells.border_px - cleft) / sigma) ** 2)
    leaflet = np.maximum(leaflet, (cells.border_px < cleft) * np.float32(rng.uniform(0.55, 1.0)))
    depth = np.float32(rng.uniform(0.28, 0.48)) / (1 + 0.8 * oblique)
    depth *= 1 + 0.12 * smooth_field(shape, 30, rng)
    density = np.clip(smooth_field(shape, 8 * membrane_px, rng) - 1.8, 0, 1)  # synapses
    thick = np.exp(-0.5 * (cells.border_px / (0.8 * membrane_px)) ** 2)
    return scene - depth * np.maximum(leaflet, thick * np.minimum(density * 1.6, 1))


def _add_vesicles(
    scene: FloatImage, cells: Cells, membrane_px: float, scale: float, rng: np.random.Generator
) -> FloatImage:
    """Small rings in clusters (vesicles) and small dark circles (microtubules)."""
    radius = rng.uniform(2.0, 3.4) * scale
    roomy = cells.border_px > membrane_px / 2 + 1.6 * radius
    place = roomy & (smooth_field(scene.shape, 30 * scale, rng) > rng.uniform(0.6, 1.6))
    spots = np.flatnonzero(place)
    if spots.size == 0:
        return scene
    count = min(len(spots), int(spots.size / (3.2 * radius) ** 2) + 1, 500)
    marks = np.zeros(scene.shape, np.float32)
    marks.ravel()[rng.choice(spots, count, replace=False)] = rng.uniform(0.5, 1.2, count)
    y, x = np.ogrid[-int(2 * radius) : int(2 * radius) + 1, -int(2 * radius) : int(2 * radius) + 1]
    far = np.hypot(y, x)
    ring = np.exp(-0.5 * ((far - radius) / (0.35 * radius)) ** 2) - 0.25 * (far < radius)
    rings = fftconvolve(marks, ring.astype(np.float32), mode="same")
    return scene - np.float32(rng.uniform(0.10, 0.22)) * np.clip(rings, -0.4, 1)


@dataclass(frozen=True, eq=False)
class _Mitochondria:
    """Where mitochondria are: instances (y, x), depth inside in px, direction of cristae."""

    instances: NDArray[np.int32]
    inside_px: FloatImage
    angle: FloatImage

    def painted(
        self, scene: FloatImage, membrane_px: float, scale: float, rng: np.random.Generator
    ) -> FloatImage:
        """``scene`` with a dark matrix, an outer membrane and cristae where mitochondria are."""
        if not self.instances.any():
            return scene
        shape, here = scene.shape, self.instances > 0
        count = int(self.instances.max()) + 1
        matrix = rng.uniform(0.34, 0.52) + rng.normal(0, 0.03, count)
        level = matrix.astype(np.float32)[self.instances]
        level += np.float32(0.035) * spectral_texture(shape, Spectrum(4 * scale, 0.6), rng)
        y, x = np.indices(shape, dtype=np.float32)
        period = (rng.uniform(6.5, 10, count) * scale).astype(np.float32)[self.instances]
        wave = y * np.cos(self.angle) + x * np.sin(self.angle)
        wave = wave + np.float32(2.2 * scale) * smooth_field(shape, 14 * scale, rng)
        cristae = np.clip(np.sin(2 * np.pi * wave / period) - 0.1, 0, 1)
        broken = np.clip(0.6 + 0.8 * smooth_field(shape, 12 * scale, rng), 0, 1)
        level += np.float32(rng.uniform(0.10, 0.24)) * cristae * broken * (self.inside_px > 1.5)
        rim = np.exp(-0.5 * ((self.inside_px - 1.0) / (0.22 * membrane_px)) ** 2)
        level -= np.float32(rng.uniform(0.12, 0.26)) * rim
        return np.where(here, level, scene)


def _mitochondria(
    cells: Cells,
    cell_px: float,
    membrane_px: float,
    chosen: MembraneOptions,
    rng: np.random.Generator,
) -> _Mitochondria:
    """Deformed ellipses inside cell profiles, cut where they would cross a membrane."""
    shape = cells.cell.shape
    instances, inside_px = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
    angle = np.zeros(shape, np.float32)
    size = draw_log(rng, chosen.mitochondria_px, (16, 30)) * chosen.scale
    per_cell = draw(rng, chosen.crowding, (0.25, 0.9))
    wanted = rng.poisson(per_cell * shape[0] * shape[1] / cell_px**2)
    room_px = cells.border_px - (0.5 * membrane_px + 1.5)
    candidates = np.flatnonzero(room_px > 0.3 * size)
    if candidates.size == 0:
        return _Mitochondria(instances, inside_px, angle)
    wobble = smooth_field(shape, 0.8 * size, rng)
    for spot in rng.choice(candidates, min(int(wanted), 60)):
        y, x = divmod(int(spot), shape[1])
        semi = 0.5 * size * rng.uniform(0.75, 1.25) * np.array([1, rng.uniform(0.55, 1.0)])
        if rng.random() < 0.25:
            semi[0] *= rng.uniform(1.3, 2.2)
        window = _window(shape, y, x, int(1.4 * semi.max()) + 2)
        turn = rng.uniform(0, np.pi)
        gy, gx = np.ogrid[window]
        u = (gy - y) * np.cos(turn) + (gx - x) * np.sin(turn)
        v = (gx - x) * np.cos(turn) - (gy - y) * np.sin(turn)
        depth = semi.min() * (1 - np.hypot(u / semi[0], v / semi[1])) + 0.1 * size * wobble[window]
        depth = np.where(
            cells.cell[window] == cells.cell[y, x], np.minimum(depth, room_px[window]), -1
        )
        here, count = ndimage.label(depth > 0)
        here = here == here[y - window[0].start, x - window[1].start]
        if count == 0 or here.sum() < 0.2 * size**2 or instances[window][here].any():
            continue
        here &= depth > 0
        instances[window][here] = instances.max() + 1
        inside_px[window][here] = depth[here]
        angle[window][here] = turn + rng.choice((0, np.pi / 2)) + rng.normal(0, 0.2)
    return _Mitochondria(instances, inside_px, angle)


def _window(shape: tuple[int, int], y: int, x: int, reach: int) -> tuple[slice, slice]:
    return (
        slice(max(0, y - reach), min(shape[0], y + reach + 1)),
        slice(max(0, x - reach), min(shape[1], x + reach + 1)),
    )
