"""Dice against strokes and seconds: the random forest, the instant head and fine-tuning.

All systems get the same simulated strokes in one run. A task is two images of one set: strokes on
image A, judged on A's other pixels ("same") and on image B ("other").
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from skimage.feature import multiscale_basic_features
from sklearn.ensemble import RandomForestClassifier

from unetscope.images.micrograph import Micrograph
from unetscope.images.normalisation import fit_normalisation
from unetscope.learning.events import EpochDone, Finished, HeadFitted
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
FOREST, HEAD, INSTANT = "random forest", "ridge head", "instant"
TUNED, ALONE = "fine-tuned", "network alone"


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
    network_weight: float = 0.0  # share of the fine-tuned network in the answer
    steps: int = 0  # of the optimiser, so far


class ForestTask:
    """A task with the features of scikit-image's trainable segmentation, computed once."""

    def __init__(self, task: Task) -> None:
        self.task = task

    @cached_property
    def features_a(self) -> np.ndarray:
        """Features (y, x, feature) of image A."""
        return forest_features(self.task.image_a)

    @cached_property
    def features_b(self) -> np.ndarray:
        """Features (y, x, feature) of image B."""
        return forest_features(self.task.image_b)

    def labels(self, strokes: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
        """Labels of A and B, and the seconds from strokes to the labels of A."""
        features = self.features_a
        began = time.perf_counter()
        forest = grown_forest(features, strokes, seed)
        labels_a = forest_labels(forest, features)
        seconds = time.perf_counter() - began
        return labels_a, forest_labels(forest, self.features_b), seconds


def forest_features(image: Micrograph) -> np.ndarray:
    """skimage's multiscale features (y, x, feature), sigma 1 to 16, in colour where it is."""
    plane = fit_normalisation(image).apply(image.plane())
    grey = plane.shape[0] == 1
    return multiscale_basic_features(
        plane[0] if grey else np.moveaxis(plane, 0, -1),
        sigma_min=1,
        sigma_max=16,
        channel_axis=None if grey else -1,
    )


def grown_forest(features: np.ndarray, strokes: np.ndarray, seed: int) -> RandomForestClassifier:
    """The forest of scikit-image's example of trainable segmentation, on painted pixels."""
    painted = strokes > 0
    forest = RandomForestClassifier(
        n_estimators=50, max_depth=10, max_samples=0.5, n_jobs=-1, random_state=seed
    )
    return forest.fit(features[painted], strokes[painted])


def forest_labels(forest: RandomForestClassifier, features: np.ndarray) -> np.ndarray:
    """Labels (y, x) of every pixel."""
    return forest.predict(features.reshape(-1, features.shape[-1])).reshape(features.shape[:-1])


def task_instant_scores(
    start: PixelModel, task: Task, seeds: Sequence[int], per_class: int = 5
) -> Iterator[Score]:
    """Forest, head alone, and head with forest ("instant", what the user sees at once)."""
    forest, cache, cache_b = ForestTask(task), FeatureCache(), FeatureCache()
    for seed in seeds:
        strokes = task.strokes(seed, per_class)
        about = (task.name, not task.may_train, per_class, seed)
        a, b, seconds = forest.labels(strokes, seed)
        yield Score(*about, FOREST, seconds, *_dice(task, strokes, a, b))
        samples = [Sample(task.image_a, strokes, task.name)]
        fit_instant(start, samples, cache=cache, with_forest=False)  # features are warm now
        for name, with_forest in ((HEAD, False), (INSTANT, True)):
            began = time.perf_counter()
            model = fit_instant(start, samples, cache=cache, with_forest=with_forest)
            answer = predict_labels(model, task.image_a, cache=cache)
            seconds = time.perf_counter() - began
            other = predict_labels(model, task.image_b, cache=cache_b)
            yield Score(*about, name, seconds, *_dice(task, strokes, answer, other))


def task_training_scores(
    start: PixelModel,
    task: Task,
    seed: int,
    options: TrainOptions,
    checkpoints_s: Sequence[float] = CHECKPOINTS_S,
    per_class: int = 5,
) -> Iterator[Score]:
    """What the user sees at the checkpoints of one training (0 s: the instant answer).

    A checkpoint shows the last check of training before it; the clock stands still while Dice is
    computed. The last row is what nobody sees: the network alone, without the judge.
    """
    strokes = task.strokes(seed, per_class)
    about = (task.name, not task.may_train, per_class, seed)
    shown: PixelModel | None = None
    steps, due = 0, sorted(checkpoints_s)
    samples = [Sample(task.image_a, strokes, task.name)]
    for event in fine_tune(start, samples, options, cache=FeatureCache()):
        if isinstance(event, HeadFitted):
            shown = event.model
            yield _seen(task, strokes, about, INSTANT, 0.0, shown, steps)
        elif isinstance(event, EpochDone):
            while due and event.seconds > due[0] and shown is not None:
                yield _seen(task, strokes, about, TUNED, due.pop(0), shown, steps)
            shown, steps = event.model, steps + options.steps_per_epoch
        elif isinstance(event, Finished):
            shown = event.model
    if shown is None:
        return
    for seconds in due:
        yield _seen(task, strokes, about, TUNED, seconds, shown, steps)
    if shown.network is not None:
        alone = replace(shown, network_weight=1.0)
        yield _seen(task, strokes, about, ALONE, max(checkpoints_s), alone, steps)


def instant_scores(root: Path, *, pairs: int, seeds: int, per_class: int = 5) -> Iterator[Score]:
    """:func:`task_instant_scores` of every set."""
    start = start_model("general-fast")
    for task in make_tasks(root, pairs=pairs):
        yield from task_instant_scores(start, task, range(seeds), per_class)


def training_scores(
    root: Path, *, pairs: int, seed: int, options: TrainOptions | None = None, per_class: int = 5
) -> Iterator[Score]:
    """:func:`task_training_scores` of every set."""
    start = start_model("general-fast")
    base = replace(options or full_budget(CHECKPOINTS_S), seed=seed)
    due = [c for c in CHECKPOINTS_S if c <= (base.max_seconds or 1e9)]
    for task in make_tasks(root, pairs=pairs):
        yield from task_training_scores(start, task, seed, base, due, per_class)


def full_budget(checkpoints_s: Sequence[float]) -> TrainOptions:
    """Default options that train until the last checkpoint, plateau or not."""
    return TrainOptions(max_seconds=max(checkpoints_s), patience_epochs=10_000, max_epochs=10**6)


def _seen(
    task: Task,
    strokes: np.ndarray,
    about: tuple[str, bool, int, int],
    system: str,
    seconds: float,
    model: PixelModel,
    steps: int,
) -> Score:
    a, b = predict_labels(model, task.image_a), predict_labels(model, task.image_b)
    share = model.network_weight if model.network_speaks else 0.0
    return Score(*about, system, seconds, *_dice(task, strokes, a, b), share, steps)


def _dice(task: Task, strokes: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    hidden = np.where(strokes > 0, 0, task.truth_a)
    return mean_dice(hidden, a), mean_dice(task.truth_b, b)
