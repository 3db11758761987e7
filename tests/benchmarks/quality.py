"""Dice against strokes and seconds: the random forest, the instant head and fine-tuning.

All systems get the same simulated strokes in one run. A task is two images of one set: strokes on
image A, judged on A's other pixels ("same") and on image B ("other").
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from skimage.feature import multiscale_basic_features
from sklearn.ensemble import RandomForestClassifier

from unetscope.images.micrograph import Micrograph
from unetscope.images.normalisation import fit_normalisation
from unetscope.learning.events import EpochDone, HeadFitted
from unetscope.learning.feature_cache import FeatureCache
from unetscope.learning.finetune import TrainOptions, fine_tune
from unetscope.learning.instant import fit_instant
from unetscope.learning.metrics import mean_dice
from unetscope.learning.persistence import start_model
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import predict_labels
from unetscope.learning.samples import Sample
from unetscope.pretraining.judge import Task, make_tasks

CHECKPOINTS_S = (5.0, 10.0, 30.0, 60.0)


@dataclass(frozen=True)
class Score:
    """One system on one task with one set of strokes."""

    task: str
    unseen: bool  # the set was not used in pretraining
    strokes_per_class: int
    seed: int
    system: str
    seconds: float  # of the update the user waits for, or of training
    same: float
    other: float


def forest_features(image: Micrograph) -> np.ndarray:
    """skimage's multiscale features (y, x, feature), sigma 1 to 16, in colour where there is any."""
    plane = fit_normalisation(image).apply(image.plane())
    grey = plane.shape[0] == 1
    return multiscale_basic_features(
        plane[0] if grey else np.moveaxis(plane, 0, -1),
        sigma_min=1,
        sigma_max=16,
        channel_axis=None if grey else -1,
    )


def forest_baseline(task: Task, strokes: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Labels of A and B by scikit-image's trainable segmentation, and the seconds on A."""
    began = time.perf_counter()
    features = forest_features(task.image_a)
    painted = strokes > 0
    forest = RandomForestClassifier(
        n_estimators=50, max_depth=10, max_samples=0.5, n_jobs=-1, random_state=seed
    ).fit(features[painted], strokes[painted])
    labels_a = forest.predict(features.reshape(-1, features.shape[-1])).reshape(strokes.shape)
    seconds = time.perf_counter() - began
    other = forest_features(task.image_b)
    labels_b = forest.predict(other.reshape(-1, other.shape[-1])).reshape(task.truth_b.shape)
    return labels_a, labels_b, seconds


def instant_scores(root: Path, *, pairs: int, seeds: int, per_class: int = 5) -> Iterator[Score]:
    """Forest, head alone, and head with forest ("instant", what the user sees at once)."""
    start = start_model("general-fast")
    for task in make_tasks(root, pairs=pairs):
        for seed in range(seeds):
            strokes = task.strokes(seed, per_class)
            about = (task.name, not task.may_train, per_class, seed)
            a, b, seconds = forest_baseline(task, strokes, seed)
            yield Score(*about, "random forest", seconds, *_dice(task, strokes, a, b))
            cache = FeatureCache()
            samples = [Sample(task.image_a, strokes, task.name)]
            fit_instant(start, samples, cache=cache, with_forest=False)  # features are warm now
            for name, with_forest in (("ridge head", False), ("instant", True)):
                began = time.perf_counter()
                model = fit_instant(start, samples, cache=cache, with_forest=with_forest)
                answer = predict_labels(model, task.image_a, cache=cache)
                seconds = time.perf_counter() - began
                other = predict_labels(model, task.image_b)
                yield Score(*about, name, seconds, *_dice(task, strokes, answer, other))


def training_scores(
    root: Path, *, pairs: int, seed: int, options: TrainOptions | None = None, per_class: int = 5
) -> Iterator[Score]:
    """What the user sees at the checkpoints of one training on every task."""
    start = start_model("general-fast")
    base = options or TrainOptions(max_seconds=CHECKPOINTS_S[-1], patience_epochs=10_000)
    for task in make_tasks(root, pairs=pairs):
        strokes = task.strokes(seed, per_class)
        about = (task.name, not task.may_train, per_class, seed)
        shown: PixelModel | None = None
        due = [c for c in CHECKPOINTS_S if c <= (base.max_seconds or 1e9)]
        samples = [Sample(task.image_a, strokes, task.name)]
        for event in fine_tune(start, samples, replace(base, seed=seed), cache=FeatureCache()):
            if isinstance(event, HeadFitted):
                yield _seen(task, strokes, about, "instant", 0.0, event.model)
            if not isinstance(event, EpochDone):
                continue
            if due and event.seconds > due[0] and shown is not None:
                yield _seen(task, strokes, about, "fine-tuned", due.pop(0), shown)
            shown = event.model
        for seconds in due:
            if shown is not None:
                yield _seen(task, strokes, about, "fine-tuned", seconds, shown)
        if shown is not None:  # not what the user sees: the network alone, without the judge
            alone = replace(shown, network_weight=1.0)
            yield _seen(task, strokes, about, "network alone", base.max_seconds or 0.0, alone)


def _seen(
    task: Task,
    strokes: np.ndarray,
    about: tuple[str, bool, int, int],
    system: str,
    seconds: float,
    model: PixelModel,
) -> Score:
    a, b = predict_labels(model, task.image_a), predict_labels(model, task.image_b)
    return Score(*about, system, seconds, *_dice(task, strokes, a, b))


def _dice(task: Task, strokes: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    hidden = np.where(strokes > 0, 0, task.truth_a)
    return mean_dice(hidden, a), mean_dice(task.truth_b, b)
