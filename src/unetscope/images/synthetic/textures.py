"""Regions that differ in texture more than in grey."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unetscope.images.synthetic.cells import divide_into_cells, scattered_points
from unetscope.images.synthetic.random_fields import smooth_field, warped_grid
from unetscope.images.synthetic.scene import (
    DrawnScene,
    Exposure,
    SceneOptions,
    draw_log,
    expose,
    scene,
)
from unetscope.images.synthetic.surfaces import filled_regions


@dataclass(frozen=True)
class TextureOptions(SceneOptions):
    """Options of :func:`textures` beside those of every scene; None is drawn from the seed.

    Attributes
    ----------
    classes
        Number of textures, 2 to 4.
    region_px
        Typical size of a region in pixels at scale 1.
    same_grey
        True for regions that only their texture tells apart.
    """

    classes: int | None = None
    region_px: float | None = None
    same_grey: bool | None = None


@scene(TextureOptions, stream=8, pixel_size=0.2, unit="µm")
def textures(
    shape: tuple[int, int], chosen: TextureOptions, rng: np.random.Generator
) -> DrawnScene:
    """Regions of different texture; classes "texture 1" ..., one instance per region."""
    drawn = int(rng.choice((2, 3, 4), p=(0.45, 0.35, 0.2)))
    count = int(np.clip(chosen.classes or drawn, 2, 4))
    region_px = draw_log(rng, chosen.region_px, (50, 130)) * chosen.scale
    alike = bool(rng.random() < 0.6) if chosen.same_grey is None else chosen.same_grey
    regions, instances = _regions(shape, count, region_px, rng)
    scene = filled_regions(regions, chosen.scale, rng, same_grey=alike)
    pixels = expose(scene, rng, chosen, Exposure(blur_px=(0.3, 0.9), noise=(0.01, 0.05)))
    names = tuple(f"texture {value}" for value in range(1, count + 1))
    return DrawnScene(pixels, regions + 1, instances, names)


def _regions(
    shape: tuple[int, int], count: int, region_px: float, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Class index 0 to ``count`` - 1 and region number of each pixel, both (y, x)."""
    if rng.random() < 0.5:
        grid = warped_grid(shape, 0.6 * region_px, rng.uniform(0.02, 0.12) * region_px, rng)
        cells = divide_into_cells(scattered_points(shape, region_px, 0.35, rng), grid)
        of_cell = rng.integers(0, count, cells.count)
        return of_cell[cells.cell], cells.cell + 1
    votes = np.stack([smooth_field(shape, 1.2 * region_px, rng) for _ in range(count)])
    regions = votes.argmax(axis=0)
    return regions, regions + 1
