"""Two to four phases with different grey and texture, from thresholded random fields."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from unetscope.images.synthetic.marks import add_pits, add_scratches
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
    draw_log,
    expose,
    scene,
)
from unetscope.images.synthetic.surfaces import filled_regions


@dataclass(frozen=True)
class PhaseOptions(SceneOptions):
    """Options of :func:`phases` beside those of every scene; None is drawn from the seed.

    Attributes
    ----------
    classes
        Number of phases, 2 to 4.
    domain_px
        Typical size of a domain in pixels at scale 1.
    """

    classes: int | None = None
    domain_px: float | None = None


@scene(PhaseOptions, stream=6, pixel_size=0.2, unit="µm")
def phases(shape: tuple[int, int], chosen: PhaseOptions, rng: np.random.Generator) -> DrawnScene:
    """A multi-phase material; classes "phase 1" ...; instances are domains of all but phase 1."""
    drawn = int(rng.choice((2, 3, 4), p=(0.5, 0.35, 0.15)))
    count = int(np.clip(chosen.classes or drawn, 2, 4))
    domain_px = draw_log(rng, chosen.domain_px, (14, 70)) * chosen.scale
    regions = _domains(shape, count, domain_px, rng)
    scene = filled_regions(regions, chosen.scale, rng, same_grey=False)
    if rng.random() < 0.4:  # relief: one side of each edge bright, the other dark
        edges = ndimage.gaussian_filter(regions.astype(np.float32), 1.0)
        scene += np.float32(rng.uniform(-0.12, 0.12)) * ndimage.sobel(edges, axis=0) / 2
    scene = add_scratches(scene, int(rng.uniform(-3, 4)), rng)
    scene = add_pits(scene, int(rng.uniform(-8, 8)), 2.0 * chosen.scale, rng)
    pixels = expose(scene, rng, chosen, Exposure())
    instances, _ = ndimage.label(regions > 0)
    names = tuple(f"phase {value}" for value in range(1, count + 1))
    return DrawnScene(pixels, regions + 1, instances, names)


def _domains(
    shape: tuple[int, int], count: int, domain_px: float, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Phase index 0 to ``count`` - 1 of each pixel (y, x); every phase occurs where it can."""
    form = rng.choice(("spinodal", "islands", "oriented", "rough"))
    fields = [_field(str(form), shape, domain_px, rng) for _ in range(count - 1)]
    regions = np.zeros(shape, np.intp)
    if count > 2 and rng.random() < 0.4:  # nested: one phase is the rim of the other
        parts = np.sort(rng.uniform(0.25, 0.9, count - 1))
        for part in parts:
            regions += fields[0] > np.quantile(fields[0], part)
        return regions
    for value, field in enumerate(fields, start=1):
        part = rng.uniform(0.45, 0.88) if value == 1 else rng.uniform(0.75, 0.93)
        regions[field > np.quantile(field, part)] = value
    return regions


def _field(
    form: str, shape: tuple[int, int], domain_px: float, rng: np.random.Generator
) -> FloatImage:
    if form == "spinodal":
        return spectral_texture(shape, Spectrum(1.6 * domain_px, 0.2), rng)
    if form == "oriented":
        waves = Spectrum(1.2 * domain_px, 0.4, rng.uniform(0, np.pi), rng.uniform(0.2, 0.6))
        return spectral_texture(shape, waves, rng)
    if form == "islands":
        return smooth_field(shape, 1.3 * domain_px, rng)
    return rough_field(shape, 2 * domain_px, rng, octaves=4)
