"""The instant answer: strokes to a solved head in milliseconds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from unetscope.errors import LabelError, ModelError
from unetscope.images.classes import LabelClass, default_classes
from unetscope.images.micrograph import Micrograph
from unetscope.images.normalisation import Normalisation
from unetscope.learning.feature_cache import FeatureCache, Spot
from unetscope.learning.feature_reader import FeatureReader
from unetscope.learning.forest import MAX_ROWS, TREES, PixelForest, thinned
from unetscope.learning.head import Penalty, class_prior, scatter_of, solve_head
from unetscope.learning.learned_pixels import LearnedPixels
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.samples import Sample, check_samples, row_bands
from unetscope.learning.sources.classical import ClassicalFilters
from unetscope.learning.sources.loudness import Evidence, as_loud, heard
from unetscope.learning.sources.source import columns_of, feature_gains
from unetscope.learning.stroke_map import stroke_map, strokes_at
from unetscope.learning.tiling import tiles_touching

# More labelled pixels than this (dense masks) are thinned, equally over the classes.
HEAD_ROWS = 60_000
# How sure the first answer must be of an unlabelled pixel to learn from it, and from how many.
_SURE = 0.85
SURE_ROWS = 500
_FIRST_TREES = 20  # are enough to say what is sure


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """Features of labelled pixels, what they are labelled as, and where they are."""

    features: torch.Tensor  # (n, feature) float32
    targets: np.ndarray  # (n,) indices into the sorted class values
    places: np.ndarray  # (n, 4): sample, z, y, x


def fit_instant(
    model: PixelModel,
    samples: Sequence[Sample],
    *,
    cache: FeatureCache | None = None,
    with_forest: bool = True,
    classes: Sequence[LabelClass] | None = None,
    device: str = "auto",
) -> PixelModel:
    """Solve the head (and grow the forest) on the strokes of ``samples``.

    Parameters
    ----------
    classes : names and colours; only painted classes become part of the model. Defaults to the
        model's own, then to ``class 1``, ``class 2`` …
    with_forest : averaging with the forest is better, and takes some tenths of a second.

    Returns
    -------
    A new model; a fine-tuned network of ``model`` stays and keeps its share while the classes stay
    the same.
    """
    fit = InstantFit(model, samples, cache or FeatureCache(), device, classes or model.classes)
    return fit.whole(with_forest=with_forest)


class InstantFit:
    """One solution in two steps, so that a stroke is answered around it before all is solved.

    What both steps stand on, the features of the labelled pixels, is read once.
    """

    def __init__(
        self,
        model: PixelModel,
        samples: Sequence[Sample],
        cache: FeatureCache,
        device: str,
        classes: Sequence[LabelClass],
    ) -> None:
        counts = check_samples(samples)
        values = tuple(counts)
        model = prepared(model, samples, cache)
        reader = FeatureReader(model, cache, cache.machine(device))
        _read_together(reader, samples)
        self._samples = samples
        self._are_many = sum(counts.values()) > HEAD_ROWS
        self._rows = labelled_rows(reader, samples, values)
        self._model = model.with_instant(classes=named_classes(values, classes))
        self._lattice = _lattice_rows(reader, samples)
        self._scatter = scatter_of(self._lattice)
        self._penalty = _penalty(self._model, samples, self._rows, self._scatter)
        self._first: PixelModel | None = None

    def first(self) -> PixelModel:
        """The head for the strokes alone, with nothing of what it is sure of itself."""
        self._first = self._first or self._solved(0)
        return self._first

    def whole(self, *, with_forest: bool) -> PixelModel:
        """As :func:`fit_instant` has it."""
        if self._are_many:  # masks show rims and textures themselves
            model = self._solved(TREES) if with_forest else self.first()
            return model.with_instant(learned=LearnedPixels.of(self._samples))
        model = self._solved(_FIRST_TREES) if with_forest else self.first()
        # Once more, with what that is sure of: rims and textures that no stroke has met.
        seed = model.provenance.seed
        sure, believed = sure_rows(instant_rows(model, self._lattice), seed=seed)
        terms = _Terms(self._penalty, self._scatter, TREES if with_forest else 0)
        features = torch.cat([self._rows.features, self._lattice[torch.from_numpy(sure)]])
        model = _solved(model, features, np.concatenate([self._rows.targets, believed]), terms)
        model = _in_proportion(model, self._lattice)
        return model.with_instant(learned=LearnedPixels.of(self._samples))

    def _solved(self, trees: int) -> PixelModel:
        terms = _Terms(self._penalty, self._scatter, trees)
        solved = _solved(self._model, self._rows.features, self._rows.targets, terms)
        return _in_proportion(solved, self._lattice)


def _in_proportion(model: PixelModel, lattice: torch.Tensor) -> PixelModel:
    """``model`` with the classes' prior, and a forest that finds them as frequent as the head does.

    The head alone says how frequent: strokes that correct errors are many of one class and none of
    another, which a forest takes for their frequency however its rows are balanced.
    """
    head = model.with_instant(forest=None, prior=())
    share = instant_rows(head, lattice).mean(axis=0)
    forest = model.instant.forest
    if forest is not None:
        forest = forest.matched(_forest_columns(model, lattice).numpy(), share)
    prior = tuple(class_prior(share, model.features.recipe).tolist())
    return model.with_instant(forest=forest, prior=prior)


@dataclass(frozen=True, eq=False)
class _Terms:
    """What a solution costs, how features scatter on the labelled images, and how many trees."""

    penalty: Penalty
    scatter: torch.Tensor
    trees: int


def _solved(
    model: PixelModel, features: torch.Tensor, targets: np.ndarray, terms: _Terms
) -> PixelModel:
    """``model`` with head and forest for these rows (n, feature), all classes equally frequent."""
    with torch.inference_mode():
        classes = torch.from_numpy(targets)
        head = solve_head(features, classes, len(model.classes), terms.penalty, terms.scatter)
    forest = None
    if terms.trees:
        seed = model.provenance.seed
        kept = thinned(targets, MAX_ROWS, seed)
        columns = _forest_columns(model, features[torch.from_numpy(kept)]).numpy()
        forest = PixelForest(columns, targets[kept], seed, trees=terms.trees).grow()
    return model.with_instant(head=head.stored(), forest=forest, prior=())


def penalty_of(model: PixelModel) -> Penalty:
    """What the weights of this model's head cost as long as no strokes say how loud sources are."""
    gains = feature_gains(model.feature_sources, model.channels)
    return Penalty(gains, model.features.recipe.ridge)


def heard_penalty(reader: FeatureReader, samples: Sequence[Sample], rows: LabelledRows) -> Penalty:
    """What the weights of this model's head cost, where ``rows`` of ``samples`` are painted."""
    scatter = None
    if reader.model.features.sources:
        scatter = scatter_of(_lattice_rows(reader, samples))
    return _penalty(reader.model, samples, rows, scatter)


def _penalty(
    model: PixelModel,
    samples: Sequence[Sample],
    rows: LabelledRows,
    scatter: torch.Tensor | None,
) -> Penalty:
    """Added sources get their gains from evidence; ``scatter`` is needed only for these."""
    features, penalty = model.features, penalty_of(model)
    if not features.sources or scatter is None:
        return penalty
    blocks = {}
    for source in features.sources:
        blocks[source.name] = torch.zeros(len(scatter), dtype=torch.bool)
        columns = columns_of(source.name, model.feature_sources, model.channels)
        blocks[source.name][columns] = True
    if features.alone:  # as loud as the model's own sources, for which the penalty was learned
        added = torch.stack(list(blocks.values())).any(dim=0)
        loud = as_loud(penalty.gains, added, ~added, scatter, 1.0)
        return replace(penalty, gains=torch.where(added, loud, 0.0))
    labels = [np.asarray(sample.labels) for sample in samples]
    strokes = strokes_at(rows.places, labels, [stroke_map(own) for own in labels])
    evidence = Evidence(rows.features, rows.targets, strokes, scatter)
    return replace(penalty, gains=heard(penalty, blocks, features.recipe, evidence))


def prepared(model: PixelModel, samples: Sequence[Sample], cache: FeatureCache) -> PixelModel:
    """The model for the samples' channels, with grey range and pixel size of the first image.

    What ``cache`` knows of pixels that have been changed since is dropped here.
    """
    for sample in samples:
        cache.look(sample.image)
    first = samples[0].image
    if model.channels != first.channels and model.network is None:
        model = model.with_instant(head=None, forest=None)
    model = model.for_channels(first.channels)
    scale = model.features.normalisation
    if scale is None or len(scale.low) != first.channels:
        scale = _joint_range(samples, cache, model)
        model = model.with_features(normalisation=scale)
    if model.provenance.pixel_size is None and first.pixel_size is not None:
        size = tuple(first.pixel_size)
        model = model.with_provenance(pixel_size=size, unit=first.unit)
    return model


def named_classes(values: Sequence[int], known: Sequence[LabelClass]) -> tuple[LabelClass, ...]:
    """A class for every painted value, by its known name and colour where there is one."""
    by_value = {c.value: c for c in known}
    return tuple(by_value.get(c.value, c) for c in default_classes(values))


def labelled_rows(
    reader: FeatureReader,
    samples: Sequence[Sample],
    values: Sequence[int],
    limit: int = HEAD_ROWS,
) -> LabelledRows:
    """Features of (at most ``limit``) labelled pixels of all samples."""
    for sample in samples:
        reader.cache.look(sample.image)
    places = [place for index in range(len(samples)) for place in _labelled_places(samples, index)]
    if not places:
        raise LabelError("nothing is painted yet; paint a few strokes of at least two classes.")
    painted = np.concatenate([labels for *_, labels in places])
    targets = np.searchsorted(np.asarray(values), painted).astype(np.int64)
    kept = thinned(targets, limit, reader.model.provenance.seed)
    features, order, where = [], [], []
    start = 0
    for index, z, y, x, labels in places:
        stop = start + len(labels)
        own = kept[(kept >= start) & (kept < stop)] - start
        where.append(np.stack([np.full(len(own), index), np.full(len(own), z), y[own], x[own]], 1))
        for chosen, row in _plane_rows(reader, samples[index].image, z, (y[own], x[own])):
            features.append(row)
            order.append(own[chosen] + start)
        start = stop
    found = np.concatenate(order)
    back = np.argsort(found, kind="stable")  # independent of which tile came first
    return LabelledRows(
        torch.cat(features)[torch.from_numpy(back)],
        targets[found[back]],
        np.concatenate(where),
    )


def instant_rows(model: PixelModel, features: torch.Tensor) -> np.ndarray:
    """What the instant voice of ``model`` says about rows: (n, class) probabilities."""
    instant = model.instant
    if instant.head is None:
        raise ModelError("this model has no head yet; solve it with fit_instant first.")
    with torch.inference_mode():
        said = instant.head.row_scores(features)
        columns = partial(_forest_columns, model, features)
        return instant.answer(said, columns, model.features.recipe).t().numpy()


def _forest_columns(model: PixelModel, features: torch.Tensor) -> torch.Tensor:
    """Of rows (n, feature) those that the forest is grown on."""
    columns = columns_of(ClassicalFilters.name, model.feature_sources, model.channels)
    return features[:, columns].contiguous()


def sure_rows(chance: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Which of (n, class) probabilities are sure, at most :data:`SURE_ROWS` a class, and of what.

    Self-training in one step (Yarowsky 1995; Lee 2013): .0035 Dice better on the labelled image
    and .0045 on others than strokes alone; a second step gave nothing (docs/tried.md).
    """
    believed = chance.argmax(axis=1)
    sure = chance.max(axis=1) > _SURE
    rng = np.random.default_rng(seed)
    kept = []
    for value in range(chance.shape[1]):
        own = np.flatnonzero(sure & (believed == value))
        kept.append(own if len(own) <= SURE_ROWS else rng.choice(own, SURE_ROWS, replace=False))
    rows = np.sort(np.concatenate(kept))
    return rows, believed[rows].astype(np.int64)


def _lattice_rows(reader: FeatureReader, samples: Sequence[Sample]) -> torch.Tensor:
    """Features (n, feature) of every eighth pixel, both ways, of all tiles that hold strokes."""
    found = []
    for sample in samples:
        tiles = reader.grid(sample.image)
        for z, plane in enumerate(_planes(sample)):
            for tile in (tile for tile in tiles if plane[tile.core].any()):
                found.append(reader.lattice(Spot(sample.image, z, tile)))
    return torch.cat(found)


def _read_together(reader: FeatureReader, samples: Sequence[Sample]) -> None:
    """Compute the features of all labelled tiles, several at once where cores are free for it."""
    workers = max(1, (os.cpu_count() or 1) // torch.get_num_threads())
    spots = [
        Spot(sample.image, z, tile)
        for sample in samples
        for z, plane in enumerate(_planes(sample))
        for tile in reader.grid(sample.image)
        if plane[tile.core].any()
    ]
    if workers == 1 or len(spots) < 2 or not reader.machine.on_cpu:
        return  # they are computed when they are asked for
    with ThreadPoolExecutor(min(workers, len(spots))) as pool:
        for _ in pool.map(reader.lattice, spots):
            pass


def _planes(sample: Sample) -> np.ndarray:
    """The labels as (z, y, x)."""
    return np.asarray(sample.labels if sample.labels.ndim == 3 else sample.labels[None])


def _labelled_places(
    samples: Sequence[Sample], index: int
) -> Iterator[tuple[int, int, np.ndarray, np.ndarray, np.ndarray]]:
    for z, plane in enumerate(_planes(samples[index])):
        start, found = 0, [np.zeros(0, np.int64)]
        for rows in row_bands(plane):
            found.append(np.flatnonzero(rows != 0) + start)  # faster than nonzero of the labels
            start += rows.size
        places = np.concatenate(found)
        if len(places):
            y, x = np.divmod(places, plane.shape[1])
            yield index, z, y, x, plane[y, x]


def _plane_rows(
    reader: FeatureReader, image: Micrograph, z: int, places: tuple[np.ndarray, np.ndarray]
) -> Iterator[tuple[np.ndarray, torch.Tensor]]:
    """Tile by tile, which of ``places`` (y, x) lie in it, and their features."""
    y, x = places
    if not len(y):
        return
    hull = (slice(int(y.min()), int(y.max()) + 1), slice(int(x.min()), int(x.max()) + 1))
    for tile in tiles_touching(reader.grid(image), hull):
        ys, xs = tile.core
        inside = (y >= ys.start) & (y < ys.stop) & (x >= xs.start) & (x < xs.stop)
        chosen = np.nonzero(inside)[0]
        if len(chosen):
            own = torch.from_numpy(y[chosen]), torch.from_numpy(x[chosen])
            yield chosen, reader.rows(Spot(image, z, tile), *own)


def _joint_range(
    samples: Sequence[Sample], cache: FeatureCache, model: PixelModel
) -> Normalisation:
    own = model.with_features(own_normalisation=True)
    ranges = [cache.normalisation(own, sample.image) for sample in samples]
    low = np.mean([r.low for r in ranges], axis=0)
    high = np.mean([r.high for r in ranges], axis=0)
    return replace(ranges[0], low=tuple(float(v) for v in low), high=tuple(float(v) for v in high))
