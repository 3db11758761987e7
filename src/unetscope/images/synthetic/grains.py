"""Polycrystals: grains with boundaries, as in SEM, EBSD band contrast and etched light images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unetscope.images.synthetic.cells import Cells, divide_into_cells, scattered_points
from unetscope.images.synthetic.marks import add_pits, add_scratches
from unetscope.images.synthetic.random_fields import rough_field, smooth_field, warped_grid
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
class GrainOptions(SceneOptions):
    """Options of :func:`grains` beside those of every scene; None is drawn from the seed.

    Attributes
    ----------
    grain_px
        Mean grain diameter in pixels at scale 1.
    boundary_px
        Full width of the boundary class in pixels (not scaled: it is what is painted).
    grain_contrast
        Spread of the grey values of grains: 0 etched metal, 0.2 channelling contrast.
    boundary_grey
        Grey of boundaries against their surroundings: negative dark, positive bright.
    twins
        Part of the grains with parallel twin bands.
    scratches
        Number of polishing scratches.
    """

    grain_px: float | None = None
    boundary_px: float | None = None
    grain_contrast: float | None = None
    boundary_grey: float | None = None
    twins: float | None = None
    scratches: int | None = None


@scene(GrainOptions, stream=1, pixel_size=0.1, unit="µm")
def grains(shape: tuple[int, int], chosen: GrainOptions, rng: np.random.Generator) -> DrawnScene:
    """A polycrystal; classes grain and boundary, one instance per grain."""
    grain_px = draw_log(rng, chosen.grain_px, (18, 70)) * chosen.scale
    boundary_px = draw(rng, chosen.boundary_px, (2.0, 4.5))
    grid = warped_grid(shape, 0.8 * grain_px, rng.uniform(0.0, 0.05) * grain_px, rng)
    points = scattered_points(shape, grain_px, rng.uniform(0.15, 0.4), rng)
    cells = divide_into_cells(points, grid)
    scene = _crystal(cells, grain_px, chosen, rng) + _grooves(cells, boundary_px, chosen, rng)
    scene += np.float32(rng.uniform(0.0, 0.025)) * rough_field(shape, 6 * chosen.scale, rng)
    lines = int(
        draw(rng, chosen.scratches, (0, 7)) * (rng.random() < 0.7 or chosen.scratches is not None)
    )
    scene = add_scratches(scene, lines, rng)
    scene = add_pits(scene, int(rng.uniform(0, 14)), 2.2 * chosen.scale, rng)
    pixels = expose(scene, rng, chosen, Exposure(noise=(0.012, 0.07), blur_px=(0.5, 1.2)))
    boundary = cells.border_px <= boundary_px / 2
    labels = np.where(boundary, 2, 1)
    instances = np.where(boundary, 0, cells.cell + 1)
    return DrawnScene(pixels, labels, instances, ("grain", "boundary"))


def _crystal(
    cells: Cells, grain_px: float, chosen: GrainOptions, rng: np.random.Generator
) -> FloatImage:
    """Grey of the grains: one level each, a slight slope within, twin bands in some."""
    spread = draw(rng, chosen.grain_contrast, (0.0, 0.2) if rng.random() < 0.75 else (0.0, 0.03))
    levels = (0.5 + spread * np.clip(rng.standard_normal(cells.count), -2, 2)).astype(np.float32)
    scene: FloatImage = levels[cells.cell]
    y, x = np.indices(cells.cell.shape, dtype=np.float32)
    slope = (rng.normal(0, 0.25 * spread + 0.02, (cells.count, 2)) / grain_px).astype(np.float32)
    centre = cells.points.astype(np.float32)
    scene += slope[cells.cell, 0] * (y - centre[cells.cell, 0])
    scene += slope[cells.cell, 1] * (x - centre[cells.cell, 1])
    twinned = rng.random(cells.count) < draw(rng, chosen.twins, (-0.15, 0.35))
    if twinned.any() and spread > 0.03:
        angle = rng.uniform(0, np.pi, cells.count)
        step = rng.uniform(0.35, 0.9, cells.count) * grain_px
        width = rng.uniform(0.08, 0.35, cells.count)
        wave_y = (np.sin(angle) / step).astype(np.float32)[cells.cell]
        wave_x = (np.cos(angle) / step).astype(np.float32)[cells.cell]
        phase = (wave_y * y + wave_x * x) % 1
        band = (phase < width.astype(np.float32)[cells.cell]) & twinned[cells.cell]
        other = (0.5 + spread * rng.standard_normal(cells.count)).astype(np.float32)
        scene = np.where(band, other[cells.cell], scene)
    return scene


def _grooves(
    cells: Cells, boundary_px: float, chosen: GrainOptions, rng: np.random.Generator
) -> FloatImage:
    """Dark or bright boundaries, stronger between some grains than between others."""
    usual = (-0.42, -0.12) if rng.random() < 0.75 else (0.1, 0.35)
    depth = draw(rng, chosen.boundary_grey, usual)
    pair = cells.cell * 7919 + cells.neighbour * 7919  # the same for both sides of a boundary
    strength = rng.uniform(rng.uniform(0.25, 1.0), 1.0, 1009).astype(np.float32)[pair % 1009]
    uneven = 1 + 0.2 * smooth_field(cells.cell.shape, 40 * chosen.scale, rng)
    width = np.float32(max(0.5, boundary_px * rng.uniform(0.22, 0.4))) * uneven
    profile = np.exp(-0.5 * (cells.border_px / np.maximum(width, 0.4)) ** 2)
    grooves: FloatImage = np.float32(depth) * strength * profile
    if rng.random() < 0.3:  # a bright rim beside the groove, as edges give in SEM
        rim = np.exp(-0.5 * ((cells.border_px - 2.2 * width) / width) ** 2)
        grooves += np.float32(0.25 * abs(depth)) * rim
    return grooves
