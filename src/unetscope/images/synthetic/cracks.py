"""Thin dark cracks on a textured ground: a rare class, beside scratches and pores that are none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from unetscope.images.synthetic.marks import add_pits, add_scratches
from unetscope.images.synthetic.random_fields import rough_field, smooth_field
from unetscope.images.synthetic.scene import DrawnScene, Exposure, SceneOptions, draw, expose, scene
from unetscope.images.synthetic.surfaces import KINDS, surface


@dataclass(frozen=True)
class CrackOptions(SceneOptions):
    """Options of :func:`cracks` beside those of every scene; None is drawn from the seed.

    Attributes
    ----------
    count
        Number of cracks, without their branches.
    crack_px
        Width of the widest part in pixels at scale 1.
    waviness
        How far a crack turns, in radians a step of 1 px (0.02 straight, 0.2 tortuous).
    """

    count: int | None = None
    crack_px: float | None = None
    waviness: float | None = None


@scene(CrackOptions, stream=7, pixel_size=0.5, unit="µm")
def cracks(shape: tuple[int, int], chosen: CrackOptions, rng: np.random.Generator) -> DrawnScene:
    """A cracked surface; classes background and crack, one instance per crack with its branches."""
    drawn = int(rng.integers(1, 5))
    count = drawn if chosen.count is None else max(1, int(chosen.count))
    crack_px = draw(rng, chosen.crack_px, (1.6, 4.0)) * chosen.scale
    waviness = draw(rng, chosen.waviness, (0.04, 0.16))
    kind = str(rng.choice(KINDS))
    scene = np.float32(rng.uniform(0.45, 0.62)) + np.float32(rng.uniform(0.01, 0.06)) * surface(
        kind, shape, chosen.scale, rng
    )
    scene += np.float32(rng.uniform(0.0, 0.05)) * rough_field(shape, 70, rng)
    scene = add_scratches(scene, int(rng.uniform(-1, 5)), rng)
    scene = add_pits(scene, int(rng.uniform(-4, 22)), 2.6 * chosen.scale, rng)
    widths, instances = _crack_widths(shape, count, (crack_px, waviness), rng)
    depth = rng.uniform(0.2, 0.5) * (1 + 0.2 * smooth_field(shape, 40, rng))
    scene -= depth.astype(np.float32) * np.minimum(widths, 1)
    if rng.random() < 0.35:  # bright charged lips beside the crack
        lips = ndimage.gaussian_filter(np.minimum(widths, 1), 2.2)
        scene += np.float32(rng.uniform(0.1, 0.35)) * lips * (1 - np.minimum(widths, 1))
    pixels = expose(scene, rng, chosen, Exposure(blur_px=(0.4, 1.0)))
    crack = widths > 0.5
    labels = np.where(crack, 2, 1)
    instances = np.where(crack, instances, 0)
    return DrawnScene(pixels, labels, instances, ("background", "crack"))


def _crack_widths(
    shape: tuple[int, int], count: int, form: tuple[float, float], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """How far each pixel (y, x) is inside a crack, 0 to 1 and more, and the crack it belongs to."""
    crack_px, waviness = form
    inside = np.zeros(shape, np.float32)
    instances = np.zeros(shape, np.int32)
    for number in range(1, count + 1):
        start = rng.uniform(0.1, 0.9, 2) * shape
        if number > 1 and rng.random() < 0.3:
            start = rng.uniform(0, 1, 2) * shape * (1, 0)  # from the edge
        heading = rng.uniform(0, 2 * np.pi)
        length = int(rng.uniform(0.35, 1.2) * max(shape)) + 8
        trunk = _walk(start, heading, length, waviness, rng)
        paths = [(trunk, crack_px * rng.uniform(0.7, 1.0))]
        for _ in range(int(rng.integers(0, 4))):
            at = int(rng.uniform(0.15, 0.85) * length)
            turn = trunk[at, 2] + rng.choice((-1, 1)) * rng.uniform(0.4, 1.1)
            side = _walk(
                trunk[at, :2], turn, int(length * rng.uniform(0.1, 0.45)) + 4, waviness, rng
            )
            paths.append((side, 0.7 * paths[0][1]))
        for path, width_px in paths:
            value = _cut(inside, path, width_px, rng)
            instances[value > 0] = number
    return inside, instances


def _walk(
    start: NDArray[Any], heading: float, steps: int, waviness: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """A random walk (n, 3): y, x and heading; it kinks now and then and keeps its main course."""
    turns = waviness * rng.standard_normal(steps)
    turns += (rng.random(steps) < 0.03) * rng.normal(0, 0.6, steps)
    wander = np.cumsum(turns)
    wander -= 0.8 * ndimage.uniform_filter1d(wander, max(3, steps // 3))
    angle = heading + wander
    y = start[0] + np.cumsum(np.sin(angle))
    x = start[1] + np.cumsum(np.cos(angle))
    return np.stack([y, x, angle], axis=1)


def _cut(
    inside: NDArray[np.float32],
    path: NDArray[np.float64],
    width_px: float,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Cut ``path`` into ``inside``, tapering to its tip; returns this cut alone (y, x)."""
    shape = inside.shape
    along = np.linspace(0, 1, len(path))
    rough = np.interp(along, np.linspace(0, 1, 12), rng.uniform(0.55, 1.1, 12))
    half = 0.5 * np.maximum(0.9, width_px * rough * np.sqrt(np.clip(1.05 - along, 0, 1)))
    reach = int(np.ceil(half.max() + 1))
    offsets = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 2, indexing="ij"), -1)
    centre = np.floor(path[:, :2] + 0.5).astype(np.intp)
    near = centre[:, np.newaxis] + offsets.reshape(-1, 2)  # (step, offset, 2)
    far = np.linalg.norm(near - path[:, np.newaxis, :2], axis=2)
    value = np.clip(half[:, np.newaxis] - far + 0.5, 0, 1).astype(np.float32)
    valid = ((near >= 0) & (near < np.array(shape))).all(axis=2) & (value > 0)
    flat = near[..., 0] * shape[1] + near[..., 1]
    cut = np.zeros(shape, np.float32)
    np.maximum.at(cut.ravel(), flat[valid], value[valid])
    np.maximum(inside, cut, out=inside)
    return cut
