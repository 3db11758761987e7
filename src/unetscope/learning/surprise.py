"""How unlike an image is to those that a model learned from, in a number and in words.

Means and standard deviations of the backbone's maps, in crops spread over an image, are compared
with those of the training images by the distance of the nearest three (Sun et al. 2022, *Out-of-
distribution detection with deep nearest neighbors*, arXiv 2204.06507). How far apart images of one
kind are is what the training images say of each other, each left out in its turn. Percentiles of
grey values hide much from a network, so four numbers of the recording are judged beside it. What
that finds and what not stands in docs/tried.md.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from unetscope.computing.machine import Machine
from unetscope.images.micrograph import Micrograph
from unetscope.images.normalisation import fit_normalisation
from unetscope.images.raw_traits import MOST_CROPS, RawTraits, raw_traits, spread_crops
from unetscope.images.some_planes import whole_of
from unetscope.learning.events import Surprise
from unetscope.learning.familiar import MOST_VECTORS, Familiar, stages_of, vector_size
from unetscope.learning.feature_cache import read_window
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.samples import Sample

#: Fewer training images do not say how much images of one kind differ.
FEWEST = 4
_NEAREST = 3
_SAMPLE_PX = 20_000
#: How much farther than any training image is from the others: ever, and what few leave open.
_MARGIN, _OPEN = 1.75, 0.75
#: By which factor a number of the recording is beyond all training images where it is odd.
_BEYOND = 2.2
_LEAST_SATURATED = 0.1  # of the pixels, by which shares are compared: few are never odd
_STEEPER = 1.15  # a spectrum that says "blurred" beside too little noise


def familiar_with(
    model: PixelModel, samples: Iterable[Sample], machine: Machine | None = None
) -> Familiar:
    """What ``model`` knows of images, and of those of ``samples`` as well."""
    known = model.provenance.familiar
    width = vector_size(model.features.backbone)
    if known is None or known.crops.shape[1] != width:
        known = Familiar.nothing(width)
    learned = (whole_of(one.image)[0] for one in samples if np.any(one.labels))
    images = {image_key(image): image for image in learned}
    most = max(1, min(MOST_CROPS, MOST_VECTORS // 2 // max(len(images), 1)))
    machine = machine or Machine("cpu")
    for key, image in images.items():
        if key not in known.keys:
            crops = crop_vectors(model, image, machine, most)
            known = known.joined(key, crops, raw_traits(image), str(image.dtype))
    return known


def surprise_of(
    model: PixelModel, image: Micrograph, machine: Machine | None = None
) -> Surprise | None:
    """How unlike ``image`` is to what ``model`` learned from; None where that is not known.

    A second of work at most, of 16 crops.
    """
    known = model.provenance.familiar
    if known is None or not known.keys:
        return None
    crops = crop_vectors(model, image, machine or Machine("cpu"))
    return judged(known, crops, raw_traits(image), str(image.dtype))


def judged(known: Familiar, crops: NDArray[np.float32], traits: RawTraits, kind: str) -> Surprise:
    """How unlike the training images an image of such crops, traits and dtype is."""
    view = _View(known)
    distance = view.distance(crops)
    count = len(known.keys)
    if count < FEWEST:
        said = "one training image" if count == 1 else f"{count} training images"
        return Surprise(round(distance, 3), unjudged=f"{said}: cannot be judged")
    score = distance / view.farthest
    odd = _odd_trait(known, traits, kind)
    if not odd and score > 1:
        odd = f"unlike all {count} images it was trained on"
    return Surprise(round(score, 3), odd)


def image_key(image: Micrograph) -> str:
    """Tells images apart by a fixed sample of their pixels."""
    sample = np.ascontiguousarray(image.sample_pixels(_SAMPLE_PX))
    return f"{zlib.crc32(repr(image.shape).encode(), zlib.crc32(sample.tobytes())):08x}"


class _View:
    """Crop vectors in units of their scatter, and how far training images are from each other."""

    def __init__(self, known: Familiar) -> None:
        crops = known.crops.astype(np.float32)
        self._middle = crops.mean(axis=0)
        scatter = crops.std(axis=0)
        # maps that hardly differ in the training images would drown all others
        self._scatter = np.maximum(scatter, max(0.1 * float(np.median(scatter)), 1e-6))
        self._known, self._crops = known, self._seen(crops)

    def distance(self, crops: NDArray[np.float32], without: int | None = None) -> float:
        """Of an image; of one among the training images, from the others."""
        among = self._crops
        if without is not None:
            among = among[self._known.image_of != without]
        apart = np.sqrt(
            np.maximum(
                (self._seen(crops) ** 2).mean(axis=1)[:, None]
                + (among**2).mean(axis=1)
                - 2 * self._seen(crops) @ among.T / among.shape[1],
                0,
            )
        )
        nearest = np.sort(apart, axis=1)[:, :_NEAREST].mean(axis=1)
        return float(np.median(nearest))

    @cached_property
    def farthest(self) -> float:
        """The largest distance of a training image, with a margin that shrinks as they get more."""
        known = self._known
        count = len(known.keys)
        apart = [
            self.distance(known.crops[known.image_of == one].astype(np.float32), one)
            for one in range(count)
        ]
        return max(max(apart), 1e-6) * (_MARGIN + _OPEN / (count - FEWEST + 1))

    def _seen(self, crops: NDArray[np.float32]) -> NDArray[np.float32]:
        return ((crops - self._middle) / self._scatter).astype(np.float32)


def crop_vectors(
    model: PixelModel, image: Micrograph, machine: Machine, most: int = MOST_CROPS
) -> NDArray[np.float32]:
    """Mean and standard deviation of every map in crops of an image: (crop, 2 · maps)."""
    net, features = machine.net(model.features.backbone), model.features
    scale = features.scale or fit_normalisation(image)
    multiple, stages = net.config.multiple, stages_of(net)
    found = []
    for crop in spread_crops(image, most):
        window = tuple(
            slice(side.start, side.start + -(-(side.stop - side.start) // multiple) * multiple)
            for side in (crop.y, crop.x)
        )
        seen = read_window(image, crop.z, window, scale).to(machine.device)  # type: ignore[arg-type]
        with torch.inference_mode():
            maps = net.taps(seen, stages)
            told = [maps[name].float().flatten(2)[0] for name in stages]
            found.append(torch.cat([part(m) for m in told for part in (_mean, _spread)]).cpu())
    return np.stack([one.numpy() for one in found]).astype(np.float32)


def _mean(maps: torch.Tensor) -> torch.Tensor:
    return maps.mean(dim=1)


def _spread(maps: torch.Tensor) -> torch.Tensor:
    return maps.std(dim=1, correction=0)


def _odd_trait(known: Familiar, now: RawTraits, kind: str) -> str:
    """The number of the recording that is farthest beyond the training images, in words."""
    than = "than anything it was trained on"
    before = np.abs(known.raw)
    away: dict[str, float] = {}

    def compare(value: float, of: NDArray[np.float64], more: str, less: str) -> None:
        low, high = max(float(of.min()), 1e-9), max(float(of.max()), 1e-9)
        value = max(abs(value), 1e-9)
        for said, factor in ((more, value / high), (less, low / value)):
            away[f"{said} {than}"] = max(factor, away.get(f"{said} {than}", 0.0))

    steeper = abs(now.slope) > _STEEPER * before[:, 1].max()
    compare(now.noise, before[:, 0], "noisier", "blurrier" if steeper else "smoother")
    compare(now.slope, before[:, 1], "blurrier", "noisier")
    away[f"more saturated {than}"] = (_LEAST_SATURATED + now.saturated) / (
        _LEAST_SATURATED + float(before[:, 2].max())
    )
    same = np.array([one == kind for one in known.kinds])
    if same.any():
        compare(now.range, before[same, 3], "of a wider grey range", "of a narrower grey range")
    said, most = max(away.items(), key=lambda item: item[1])
    return said if most > _BEYOND else ""
