"""Small pictures with strokes, and small models, that the tests of learning share."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from unetscope.computing.machine import settled
from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.learning.feature_cache import FeatureCache
from unetscope.learning.feature_reader import FeatureReader
from unetscope.learning.pixel_model import ModelFeatures, PixelModel, Provenance
from unetscope.learning.recipe import Recipe
from unetscope.learning.samples import Sample
from unetscope.network.unet import UNet, UNetConfig, initialise


def blobs(shape: tuple[int, int], seed: int = 0, classes: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """A noisy picture (y, x) float32 of smooth blobs, and its dense labels 1 … ``classes``."""
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.normal(size=shape), 6, mode="reflect")
    ranks = field.ravel().argsort().argsort().reshape(shape) / field.size
    labels = (ranks * classes).astype(np.uint8) + 1
    return (labels + rng.normal(0, 0.25, shape)).astype(np.float32), labels


def strokes(labels: np.ndarray, seed: int = 0, width_px: int = 9) -> np.ndarray:
    """A cross of lines through dense labels, with gaps: what a person might paint."""
    rng = np.random.default_rng(seed)
    shown = np.zeros(labels.shape, bool)
    for axis, side in enumerate(labels.shape[-2:]):
        for at in range(4 + int(rng.integers(4)), side, 4 * width_px):
            box = [slice(None)] * labels.ndim
            box[labels.ndim - 2 + axis] = slice(at, at + 2)
            shown[tuple(box)] = True
    shown[..., ::width_px, :] = False
    shown[..., :, ::width_px] = False
    return np.where(shown, labels, 0).astype(labels.dtype)


def sample(
    shape: tuple[int, int] = (72, 88), seed: int = 0, classes: int = 2, key: str = "blobs"
) -> Sample:
    """Blobs with strokes."""
    image, labels = blobs(shape, seed, classes)
    return Sample(as_micrograph(image, name=key), strokes(labels, seed), key)


PLAIN_RECIPE = Recipe()
# Gains of a head that stands on a second look at the image's quarter, and on one stride more.
CONTEXT_RECIPE = Recipe(context_gain=(1.0, 0.5), classical_gain=((0.25,) * 5,) * 5)


def small_model(
    *,
    channels: int = 1,
    widths: tuple[int, ...] = (4, 6, 8, 10),
    seed: int = 0,
    recipe: Recipe = PLAIN_RECIPE,
    **config: object,
) -> PixelModel:
    """A model on a random net that is much smaller than the bundled ones."""
    net = initialise(UNet(UNetConfig(widths=widths, norm="none", **config)), seed)  # type: ignore[arg-type]
    known = Provenance("random", seed=seed)
    return PixelModel(ModelFeatures(settled(net), recipe), known).for_channels(channels)


def stack(image: np.ndarray, planes: int) -> Micrograph:
    """The same picture, brighter from plane to plane, as (z, y, x)."""
    return as_micrograph(np.stack([image + 0.1 * z for z in range(planes)]), axes="zyx")


def reader(
    model: PixelModel, cache: FeatureCache | None = None, device: str = "cpu"
) -> FeatureReader:
    """The model's eyes, with a cache of their own where none is given."""
    cache = cache or FeatureCache()
    return FeatureReader(model, cache, cache.machine(device))
