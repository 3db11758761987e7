"""Two versions of a model on every labelled image, judged by pixels neither has learned from.

A version is judged as it was: its network with its share, and an instant voice that is solved anew
on the strokes which that version knew, without the judging pixels. So what newer strokes did to an
older image is seen as well as what training did.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from unetscope.computing.precision import choose_device
from unetscope.images.micrograph import Micrograph
from unetscope.learning.block_split import beyond_guard
from unetscope.learning.events import TileDone
from unetscope.learning.feature_cache import GRID_PX, FeatureCache, grid
from unetscope.learning.instant import fit_instant
from unetscope.learning.metrics import mean_dice
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import PredictOptions, predict_tiles
from unetscope.learning.samples import Sample
from unetscope.learning.tiling import Box
from unetscope.network.cropping import relative

LEAST_PX = 50  # held-back pixels of a class on an image; with fewer the class takes no part
LEAST_CLASSES = 2  # one class alone would call a model better that sees it everywhere
MOST_TILES = 8  # of an image, those with most held-back pixels: a comparison must not take minutes


@dataclass(frozen=True)
class ImageScore:
    """Mean Dice of two versions on the judging pixels of one image; None: too few to tell.

    ``key``: of the sample. ``pixels``: that judge. ``is_figure``: whether they lie so far from all
    that was learned that the figures can be told; else they only serve to compare.
    """

    key: str
    pixels: int
    before: float | None
    after: float | None
    is_figure: bool


@dataclass(frozen=True, eq=False)
class _Place:
    """A tile of one plane: its labels (y, x) that judge, 0 elsewhere."""

    z: int
    box: Box
    labels: np.ndarray


def version_scores(
    before: PixelModel,
    after: PixelModel,
    samples: Sequence[Sample],
    *,
    cache: FeatureCache | None = None,
    device: str = "auto",
    tile_px: int = GRID_PX,
) -> Iterator[ImageScore | None]:
    """Score ``before`` and ``after`` on each image; None in between, so that it can be stopped.

    Parameters
    ----------
    before, after : two trained versions with their partitions, ``after`` the later one.
    samples : the images with their labels as they are now. What was held back in the training of
        ``after`` judges, see :func:`judging_labels`; which epoch was best was chosen on it as well,
        in both versions.

    Yields
    ------
    A score for every sample. None can be judged where an image that one of the versions learned
    from is not among them.
    """
    cache, device = cache or FeatureCache(), choose_device(device)
    parts = after.provenance.partition
    is_figure = parts is not None and parts.kind != "strokes"
    taught = [_learned_from(model, samples) for model in (before, after)]
    versions: list[PixelModel] = []
    judging: list[list[_Place]] = [[] for _ in samples]
    if all(taught):
        judging = [
            _places(judging_labels(before, after, sample), sample.image, after, tile_px)
            for sample in samples
        ]
    if any(judging):
        for model, learned in zip((before, after), taught, strict=True):
            versions.append(fit_instant(model, learned, cache=cache, device=device))
            yield None
    options = PredictOptions(device=device, tile_px=tile_px)
    for sample, places in zip(samples, judging, strict=True):
        found: list[float] = []
        for version in versions if places else ():
            found.append((yield from _judged(version, sample.image, places, options, cache)))
        pixels = sum(int(np.count_nonzero(place.labels)) for place in places)
        was, now = found or (None, None)
        yield ImageScore(sample.key, pixels, was, now, is_figure)


def judging_labels(before: PixelModel, after: PixelModel, sample: Sample) -> np.ndarray:
    """Labels of ``sample`` that neither version has learned from, 0 elsewhere.

    They are those held back in the training of ``after`` that still stand, without those that
    ``before`` learned from or, for a figure, from whose neighbourhood it did. Where it is not known
    what ``before`` learned from (it came from a file, or the image was closed) none are left.
    """
    nothing = np.zeros_like(sample.labels)
    parts, earlier = after.provenance.partition, before.provenance.partition
    if parts is None or earlier is None or sample.key not in parts.keys:
        return nothing
    held = parts.held[parts.keys.index(sample.key)]
    if held.shape != sample.labels.shape or sample.key in earlier.earlier:
        return nothing
    left = np.where(held == sample.labels, sample.labels, 0)
    if sample.key not in earlier.keys:
        return left
    seen = earlier.training[earlier.keys.index(sample.key)]
    if seen.shape != left.shape:
        return nothing
    left = np.where(seen > 0, 0, left)
    guard_px = 2 * after.features.backbone.config.reach_px
    return left if parts.kind == "strokes" else beyond_guard(left, seen, guard_px)


def _learned_from(model: PixelModel, samples: Sequence[Sample]) -> list[Sample]:
    """The samples with the labels that ``model`` learned from; none where one of them is gone."""
    parts, known = model.provenance.partition, {sample.key: sample for sample in samples}
    learned = []
    for key, labels in zip(parts.keys, parts.training, strict=True) if parts is not None else ():
        if not labels.any():
            continue
        if key not in known or known[key].labels.shape != labels.shape:
            return []
        learned.append(replace(known[key], labels=labels))
    return learned


def _places(labels: np.ndarray, image: Micrograph, model: PixelModel, tile_px: int) -> list[_Place]:
    """Where ``labels`` judge, richest tiles first; empty where there are too few."""
    if not labels.any():
        return []
    boxes = [tile.inside(image.spatial_shape[-2:]) for tile in grid(model, image, tile_px)]
    planes = labels if labels.ndim == 3 else labels[None]
    found = [_Place(z, box, plane[box]) for z, plane in enumerate(planes) for box in boxes]
    found = [place for place in found if place.labels.any()]
    found = sorted(found, key=lambda place: -np.count_nonzero(place.labels))[:MOST_TILES]
    counts = np.bincount(np.concatenate([place.labels.ravel() for place in found]))
    heard = [value for value in np.flatnonzero(counts) if value and counts[value] >= LEAST_PX]
    if len(heard) < LEAST_CLASSES:
        return []
    return [
        replace(place, labels=np.where(np.isin(place.labels, heard), place.labels, 0))
        for place in found
    ]


def _judged(
    model: PixelModel,
    image: Micrograph,
    places: Sequence[_Place],
    options: PredictOptions,
    cache: FeatureCache,
) -> Generator[None, None, float]:
    """Mean Dice of ``model`` at ``places``, as the return value."""
    truth, said = [], []
    for place in places:
        only = replace(options, region=place.box, planes=[place.z], clip=True)
        for event in predict_tiles(model, image, only, cache=cache):
            if isinstance(event, TileDone):
                rows, columns = event.region[-2:]
                own = place.labels[relative((rows, columns), place.box)]
                truth.append(own[own > 0])
                said.append(event.labels.reshape(own.shape)[own > 0])
            yield None
    return mean_dice(np.concatenate(truth), np.concatenate(said))
