"""Training patches drawn around labels, every class in its turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unetscope.images.micrograph import Micrograph
from unetscope.images.normalisation import Normalisation
from unetscope.learning.events import TileDone
from unetscope.learning.feature_cache import FeatureCache, read_window
from unetscope.learning.losses import IGNORE
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import PredictOptions, predict_tiles
from unetscope.learning.samples import Sample
from unetscope.learning.tiling import Box, padded_shape

# Planes up to this size are normalised once and kept; larger ones are read patch by patch.
_KEEP_PLANE_PX = 16_000_000


@dataclass(frozen=True, eq=False)
class _Plane:
    image: Micrograph
    labels: np.ndarray  # (y, x) class values, 0 unlabelled
    z: int
    normalisation: Normalisation
    whole: Tensor | None  # (channel, y, x), padded
    guide: _Guide | None


class PatchSource:
    """Draws batches of patches whose labels belong to the training part.

    Parameters
    ----------
    samples : with the labels to learn from (what is held back is 0 there).
    values : class values in column order.
    guide : what gives the model that guides where nothing is labelled; asked when it is needed.
    """

    def __init__(
        self,
        model: PixelModel,
        samples: Sequence[Sample],
        values: Sequence[int],
        *,
        cache: FeatureCache,
        seed: int,
        guide: Callable[[], PixelModel] | None = None,
    ) -> None:
        self._guide, self._classes = guide, len(values)
        self._rng = np.random.default_rng(seed)
        self._multiple = model.features.backbone.config.multiple
        self._index_of = np.full(max(values) + 1, IGNORE, dtype=np.int16)
        self._index_of[list(values)] = np.arange(len(values))
        self._planes: list[_Plane] = []
        spots: list[list[np.ndarray]] = [[] for _ in values]
        for sample in samples:
            planes = sample.labels if sample.labels.ndim == 3 else sample.labels[None]
            for z in range(len(planes)):
                if planes[z].any():
                    self._add(model, sample.image, planes[z], z, cache)
                    self._collect(spots)
        self.spots = [np.concatenate(found) for found in spots]  # (n, 3): plane, y, x
        self._turn = 0

    @property
    def pixels(self) -> list[int]:
        """Labelled pixels a class."""
        return [len(found) for found in self.spots]

    def draw(self, batch_size: int, patch_px: int) -> tuple[Tensor, Tensor]:
        """Images (b, channel, y, x) float32 and targets (b, 1 + class, y, x) int16.

        The first target is the class index or IGNORE; the others are the guide's probabilities in
        255ths, or IGNORE where there is none. With a guide, one patch in four may lie anywhere.
        """
        images, targets = [], []
        for index in range(batch_size):
            if self._guide is not None and index % 4 == 3:
                plane = int(self._rng.integers(len(self._planes)))
                height, width = self._planes[plane].labels.shape
                y, x = int(self._rng.integers(height)), int(self._rng.integers(width))
            else:
                spots = self.spots[self._turn % len(self.spots)]
                self._turn += 1
                plane, y, x = (int(v) for v in spots[self._rng.integers(len(spots))])
            image, target = self._cut(self._planes[plane], y, x, patch_px)
            images.append(image)
            targets.append(target)
        return torch.stack(images), torch.stack(targets)

    def _add(
        self, model: PixelModel, image: Micrograph, labels: np.ndarray, z: int, cache: FeatureCache
    ) -> None:
        normalisation = cache.normalisation(model, image)
        whole = guide = None
        if labels.size <= _KEEP_PLANE_PX:
            height, width = padded_shape(labels.shape, self._multiple)
            whole = read_window(image, z, (slice(0, height), slice(0, width)), normalisation)[0]
            whole = whole.contiguous()
            if self._guide is not None and not labels.all():
                guide = _Guide(self._guide, image, z, cache)
        self._planes.append(_Plane(image, labels, z, normalisation, whole, guide))

    def _collect(self, spots: list[list[np.ndarray]]) -> None:
        labels = self._planes[-1].labels
        y, x = np.nonzero(labels)
        classes = self._index_of[labels[y, x]]
        where = np.stack([np.full(len(y), len(self._planes) - 1), y, x], axis=1)
        for index, found in enumerate(spots):
            found.append(where[classes == index])

    def _cut(self, plane: _Plane, y: int, x: int, patch_px: int) -> tuple[Tensor, Tensor]:
        """A patch with (y, x) in its middle half, moved inside the image where that is larger."""
        starts = []
        for position, side in ((y, plane.labels.shape[0]), (x, plane.labels.shape[1])):
            start = position - int(self._rng.integers(patch_px // 4, patch_px - patch_px // 4))
            starts.append(int(np.clip(start, 0, max(0, side - patch_px))))
        box = (slice(starts[0], starts[0] + patch_px), slice(starts[1], starts[1] + patch_px))
        labels = plane.labels[box]
        target = np.full((1 + self._classes, patch_px, patch_px), IGNORE, dtype=np.int16)
        inside = (slice(0, labels.shape[0]), slice(0, labels.shape[1]))
        target[(0, *inside)] = np.where(labels > 0, self._index_of[labels], IGNORE)
        # Where every pixel is labelled, a guide has nothing to say.
        if plane.guide is not None and not labels.all():
            target[(slice(1, None), *inside)] = plane.guide.at(box)
        if plane.whole is not None:
            image = plane.whole[(slice(None), *box)]
            short = [patch_px - side for side in image.shape[1:]]
            if any(short):
                pad = (0, short[1], 0, short[0])
                image = torch.nn.functional.pad(image[None], pad, mode="replicate")[0]
        else:
            image = read_window(plane.image, plane.z, box, plane.normalisation)[0]
        return image, torch.from_numpy(target)


class _Guide:
    """The guide's answer to a plane, tile by tile as patches ask for it.

    So nothing stands before the first step that only later ones need.
    """

    def __init__(
        self, asked: Callable[[], PixelModel], image: Micrograph, z: int, cache: FeatureCache
    ) -> None:
        self._asked, self._image, self._z, self._cache = asked, image, z, cache
        self._answer: np.ndarray | None = None  # (class, y, x) uint8 in 255ths
        self._known: np.ndarray | None = None  # (y, x) bool

    def at(self, box: Box) -> np.ndarray:
        """Probabilities (class, y, x) in 255ths of a box of the plane."""
        if self._answer is None or self._known is None:
            shape = self._image.spatial_shape[-2:]
            self._answer = np.zeros((len(self._asked().classes), *shape), np.uint8)
            self._known = np.zeros(shape, bool)
        if not self._known[box].all():
            self._answer_tiles(box, self._answer, self._known)
        return self._answer[(slice(None), *box)]

    def _answer_tiles(self, box: Box, answer: np.ndarray, known: np.ndarray) -> None:
        bounds = zip(box, known.shape, strict=True)
        inside = tuple(slice(side.start, min(side.stop, bound)) for side, bound in bounds)
        options = PredictOptions((inside[0], inside[1]), [self._z], probabilities=True)
        for event in predict_tiles(self._asked(), self._image, options, cache=self._cache):
            if isinstance(event, TileDone) and event.probabilities is not None:
                region = event.region[-2:]
                part = event.probabilities.reshape(len(answer), *event.labels.shape[-2:])
                answer[(slice(None), *region)] = np.rint(part * 255).astype(np.uint8)
                known[region] = True
