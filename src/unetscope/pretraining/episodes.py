"""Episodes: small few-stroke tasks drawn on the fly from synthetic and real scenes.

An episode is four crops of one kind of scene. Some crops carry simulated strokes, from which the
instant head is solved; all other annotated pixels ask how good it is: on the same crop, on another
crop, and on another image of the set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from unetscope.images.micrograph import as_micrograph
from unetscope.images.normalisation import fit_normalisation
from unetscope.images.synthetic import SYNTHETIC
from unetscope.pretraining.datasets import DATASETS, scenes
from unetscope.pretraining.strokes import simulate_strokes

CROPS = 4
MIN_SUPPORT_PIXELS = 6


@dataclass(frozen=True, eq=False)
class Plate:
    """A normalised image (channel, y, x) in float16 and its dense labels (0 = not annotated)."""

    pixels: np.ndarray
    labels: np.ndarray
    instances: np.ndarray | None
    group: str


_Crop = tuple[np.ndarray, np.ndarray, np.ndarray]  # image, labels and bodies, each (y, x)


@dataclass(frozen=True, eq=False)
class Episode:
    """Crops of one task.

    ``image`` (crop, 1, y, x), with the margin on all sides; ``support`` and ``query`` (crop, y, x)
    class indices, -1 elsewhere; ``edges`` (crop, y, x) in {0, 1}: where annotated regions meet;
    ``depth`` (crop, y, x): distance to the nearest edge in units of 16 px, clipped at 1.
    """

    image: Tensor
    support: Tensor
    query: Tensor
    edges: Tensor
    depth: Tensor
    classes: int
    source: str


@dataclass(frozen=True)
class EpisodeOptions:
    """What episodes are drawn from, and how.

    Attributes
    ----------
    crop_px, scene_px
        Side of a crop, and of the synthetic scenes it is cut from.
    synthetic_share, mosaic_share, rare_share
        Part of the episodes from synthetic scenes, of two scenes side by side, with a rare class.
    pool
        Synthetic scenes of each kind that are held at a time.
    real_limit
        Images taken of each real set.
    """

    crop_px: int = 128
    synthetic_share: float = 0.5
    pool: int = 12
    real_limit: int = 40
    mosaic_share: float = 0.05
    rare_share: float = 0.2
    scene_px: int = 320


class EpisodeSource:
    """Draws episodes from a pool of synthetic scenes (renewed while it runs) and real sets."""

    def __init__(
        self, seed: int, options: EpisodeOptions | None = None, data_root: Path | None = None
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.options = options = options or EpisodeOptions()
        self.margin_px = 0  # around a crop, of which only the picture is shown
        pool = range(options.pool)
        self.synthetic = {kind: [self._paint(kind) for _ in pool] for kind in SYNTHETIC}
        self.real = _real_plates(data_root, options.real_limit) if data_root else {}
        self.synthetic_share = options.synthetic_share if self.real else 1.0

    def _paint(self, kind: str) -> Plate:
        scene = SYNTHETIC[kind]((self.options.scene_px,) * 2, seed=int(self.rng.integers(2**31)))
        return Plate(_normalised(scene.image), scene.labels.astype(np.uint8), scene.instances, kind)

    def draw(self) -> Episode:
        """The next episode; also repaints one synthetic scene now and then."""
        if self.rng.random() < 0.5:
            kind = str(self.rng.choice(list(self.synthetic)))
            self.synthetic[kind][int(self.rng.integers(self.options.pool))] = self._paint(kind)
        while True:
            episode = self._try()
            if episode is not None:
                return episode

    def _try(self) -> Episode | None:
        rng = self.rng
        synthetic = rng.random() < self.synthetic_share
        shelf = self.synthetic if synthetic else self.real
        name = str(rng.choice(list(shelf)))
        plates = shelf[name]
        first = plates[int(rng.integers(len(plates)))]
        # A synthetic scene's neighbour in the pool has another style, so its "other image" is
        # another look at the same scene.
        others = [first] if synthetic else [p for p in plates if p.group != first.group] or [first]
        other = others[int(rng.integers(len(others)))]
        look = _draw_look(rng)
        zoom = float(np.exp(rng.uniform(np.log(0.5), np.log(2.0))))
        # A colour image becomes grey by a mixture drawn anew for every episode.
        mixture = rng.dirichlet(np.ones(len(first.pixels)))
        crops = [
            self._crop(
                first if index < CROPS - 1 else other,
                zoom,
                look,
                mixture,
                jitter=index == CROPS - 1,
            )
            for index in range(CROPS)
        ]
        if synthetic and len(shelf) > 1 and rng.random() < self.options.mosaic_share:
            crops = self._mosaic(crops, name, zoom, look)
        return self._with_strokes(crops, name)

    def _mosaic(self, crops: list[_Crop], name: str, zoom: float, look: _Look) -> list[_Crop]:
        """Each crop beside one of a second kind of scene, for episodes of up to six classes."""
        rng = self.rng
        plates = self.synthetic[str(rng.choice([kind for kind in self.synthetic if kind != name]))]
        plate = plates[int(rng.integers(len(plates)))]
        joined = []
        for index, (image, labels, bodies) in enumerate(crops):
            other = self._crop(plate, zoom, look, np.ones(1), jitter=index == CROPS - 1)
            side = _smooth_half(labels.shape, rng)
            first = int(max(labels.max() for _, labels, _ in crops))
            moved = np.where(other[1] > 0, other[1] + first, 0).astype(labels.dtype)
            joined.append(
                (
                    np.where(side, image, other[0]),
                    np.where(side, labels, moved),
                    np.where(side, bodies, other[2].astype(np.int64) + 1_000_000),
                )
            )
        return joined

    def _crop(
        self, plate: Plate, zoom: float, look: _Look, mixture: np.ndarray, *, jitter: bool
    ) -> _Crop:
        rng = self.rng
        px = self.options.crop_px + 2 * self.margin_px
        height, width = plate.labels.shape
        side = min(px * zoom, height, width)
        reach = side / 2
        centre = (
            rng.uniform(reach, height - reach) if height > side else height / 2,
            rng.uniform(reach, width - reach) if width > side else width / 2,
        )
        turn = rng.uniform(0, 2 * np.pi) if side * 1.42 < min(height, width) else 0.0
        step = side / px
        grid = (np.arange(px) - (px - 1) / 2) * step
        gy, gx = np.meshgrid(grid, grid, indexing="ij")
        y = centre[0] + gy * np.cos(turn) - gx * np.sin(turn) - 0.5
        x = centre[1] + gy * np.sin(turn) + gx * np.cos(turn) - 0.5
        if rng.random() < 0.5:
            y = y[:, ::-1]
            x = x[:, ::-1]
        y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
        weights = mixture if len(mixture) == len(plate.pixels) else None
        image = np.average(_bilinear(plate.pixels, y, x), axis=0, weights=weights)
        iy, ix = np.rint(y).astype(np.intp), np.rint(x).astype(np.intp)
        labels = plate.labels[iy, ix]
        bodies = labels if plate.instances is None else plate.instances[iy, ix]
        image = look.apply(image, rng, jitter=jitter)
        return image, labels, bodies

    def _with_strokes(self, crops: Sequence[_Crop], name: str) -> Episode | None:
        rng = self.rng
        middle = (slice(self.margin_px, self.margin_px + self.options.crop_px),) * 2
        pictures = [image for image, _, _ in crops]
        crops = [(image, labels[middle], bodies[middle]) for image, labels, bodies in crops]
        supported = int(rng.integers(1, CROPS))
        settings = {
            "per_class": int(rng.integers(1, 6)),
            "length_px": int(rng.integers(10, 41)),
            "width_px": int(rng.integers(1, 4)),
        }
        strokes = [
            simulate_strokes(labels, seed=int(rng.integers(2**31)), **settings)
            if index < supported
            else np.zeros_like(labels)
            for index, (_, labels, _) in enumerate(crops)
        ]
        if rng.random() < self.options.rare_share:
            _make_rare(strokes, rng)
        counts = np.bincount(np.stack(strokes).ravel(), minlength=256)[:256]
        values = [v for v in range(1, 256) if counts[v] >= MIN_SUPPORT_PIXELS]
        if len(values) < 2:
            return None
        index_of = np.full(256, -1, np.int64)
        index_of[values] = np.arange(len(values))
        support = np.stack([index_of[s] for s in strokes])
        truth = np.stack([index_of[labels] for _, labels, _ in crops])
        query = np.where(support >= 0, -1, truth)
        edges, depth = zip(*(_edges_and_depth(b) for *_, b in crops), strict=True)
        return Episode(
            image=torch.from_numpy(np.stack(pictures)[:, None]).float(),
            support=torch.from_numpy(support),
            query=torch.from_numpy(query),
            edges=torch.from_numpy(np.stack(edges)),
            depth=torch.from_numpy(np.stack(depth)),
            classes=len(values),
            source=name,
        )


@dataclass(frozen=True)
class _Look:
    """How an image was taken: polarity, gamma, contrast, light, focus, noise."""

    invert: bool
    gamma: float
    gain: float
    offset: float
    slope: tuple[float, float]
    blur: float
    noise: float

    def apply(self, image: np.ndarray, rng: np.random.Generator, *, jitter: bool) -> np.ndarray:
        """The image seen this way; ``jitter`` adds what differs between two images of a set."""
        gain = self.gain * (np.exp(rng.normal(0, 0.12)) if jitter else 1.0)
        offset = self.offset + (rng.normal(0, 0.06) if jitter else 0.0)
        gamma = self.gamma * (np.exp(rng.normal(0, 0.1)) if jitter else 1.0)
        image = 1.0 - image if self.invert else image
        image = np.sign(image) * np.abs(image) ** gamma
        if self.blur > 0.3:
            image = ndimage.gaussian_filter(image, self.blur)
        ramp = np.linspace(-0.5, 0.5, image.shape[0])
        image = image + self.slope[0] * ramp[:, None] + self.slope[1] * ramp[None, :]
        image = (image - 0.5) * gain + 0.5 + offset
        if self.noise > 0:
            image = image + rng.normal(0, self.noise, image.shape)
        return np.clip(image, -1.0, 2.0).astype(np.float32)


def _draw_look(rng: np.random.Generator) -> _Look:
    return _Look(
        invert=bool(rng.random() < 0.35),
        gamma=float(np.exp(rng.normal(0, 0.35))),
        gain=float(np.exp(rng.normal(0, 0.2))),
        offset=float(rng.normal(0, 0.07)),
        slope=(float(rng.normal(0, 0.15)), float(rng.normal(0, 0.15))),
        blur=float(max(0.0, rng.normal(0, 0.9))),
        noise=float(abs(rng.normal(0, 0.07))) if rng.random() < 0.7 else 0.0,
    )


def _smooth_half(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """A boolean (y, x) that is true on one side of a wavy line through the middle."""
    y, x = np.meshgrid(*(np.linspace(-1, 1, side) for side in shape), indexing="ij")
    turn, phase = rng.uniform(0, 2 * np.pi, 2)
    across, along = y * np.cos(turn) + x * np.sin(turn), x * np.cos(turn) - y * np.sin(turn)
    return across > 0.15 * np.sin(3 * along + phase) + rng.uniform(-0.3, 0.3)


def _make_rare(strokes: list[np.ndarray], rng: np.random.Generator) -> None:
    """Leave one class a single stroke, in place: as a person paints a rare thing."""
    values = np.unique(np.stack(strokes))
    rare = int(rng.choice(values[values > 0])) if len(values) > 1 else 0
    found = [
        (crop, part)
        for crop, painted in enumerate(strokes)
        for part in range(1, ndimage.label(painted == rare)[1] + 1)
    ]
    if rare == 0 or len(found) < 2:
        return
    crop, part = found[int(rng.integers(len(found)))]
    kept = ndimage.label(strokes[crop] == rare)[0] == part
    for index, painted in enumerate(strokes):
        painted[(painted == rare) & ~(kept if index == crop else False)] = 0


def _bilinear(pixels: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """(channel, y, x) ``pixels`` at the places ``y``, ``x``, both (v, u): (channel, v, u)."""
    grid = torch.from_numpy(np.stack([x, y], axis=-1).astype(np.float32))[None]
    height, width = pixels.shape[1:]
    grid = (grid * 2 + 1) / torch.tensor([width, height], dtype=torch.float32) - 1
    source = torch.from_numpy(pixels.astype(np.float32))[None]
    sampled = functional.grid_sample(source, grid, padding_mode="border", align_corners=False)
    return sampled[0].numpy()


def _edges_and_depth(bodies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    edges = np.zeros(bodies.shape, bool)
    edges[:-1] |= bodies[:-1] != bodies[1:]
    edges[:, :-1] |= bodies[:, :-1] != bodies[:, 1:]
    if edges.any():
        depth = np.minimum(ndimage.distance_transform_edt(~edges) / 16.0, 1.0)
    else:
        depth = np.ones(bodies.shape)
    return edges.astype(np.float32), depth.astype(np.float32)


def _normalised(image: object) -> np.ndarray:
    micrograph = as_micrograph(image)
    return fit_normalisation(micrograph).apply(micrograph.plane()).astype(np.float16)


def _real_plates(root: Path, limit: int) -> dict[str, list[Plate]]:
    shelf: dict[str, list[Plate]] = {}
    for entry in DATASETS:
        if not entry.may_train:
            continue
        plates = [
            Plate(_normalised(scene.image), scene.labels, None, scene.group)
            for scene in scenes(root, entry, limit)
        ]
        if plates:
            shelf[entry.name] = plates
    return shelf
