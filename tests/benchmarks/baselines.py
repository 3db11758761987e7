"""What everybody uses today, on the same strokes: forests and boosting on classical filters.

- *random forest*: scikit-image's ``TrainableSegmenter`` as it is without arguments: 100 trees of
  full depth on ``multiscale_basic_features`` (sigma 0.5 to 16).
- *ilastik-like forest*: 100 trees of full depth on ilastik's features at all its scales (Berg et
  al. 2019, Nature Methods 16:1226), computed here with SciPy.
- *gradient boosting*: scikit-learn's histogram boosting on the forest's features.

All of them see the image in our grey range, channel by channel where it has colour.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage
from skimage.feature import multiscale_basic_features
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from threadpoolctl import threadpool_limits

from benchmarks.scoring import Answer, Spent, answer_from
from unetscope.images.micrograph import Micrograph
from unetscope.images.normalisation import fit_normalisation
from unetscope.pretraining.judge import Task

FOREST, ILASTIK, BOOSTING = "random forest", "ilastik-like forest", "gradient boosting"
ILASTIK_SIGMAS = (0.3, 0.7, 1.0, 1.6, 3.5, 5.0, 10.0)
_LEAST_SIGMA = 0.7  # below it ilastik offers smoothing only: a pixel is wider than the derivative
_TREES = 100


@dataclass(frozen=True)
class Baseline:
    """Which features a system looks at, and what learns from them."""

    features: Callable[[Micrograph], np.ndarray]  # → (y, x, feature) float32
    learner: Callable[[int], Any]  # seed → a classifier of scikit-learn


def forest_features(image: Micrograph) -> np.ndarray:
    """``TrainableSegmenter``'s features (y, x, feature) float32, of every channel."""
    plane = _plane(image)
    grey = plane.shape[0] == 1
    return multiscale_basic_features(
        plane[0] if grey else np.moveaxis(plane, 0, -1), channel_axis=None if grey else -1
    ).astype(np.float32, copy=False)


def ilastik_features(image: Micrograph) -> np.ndarray:
    """ilastik's seven kinds of features at its seven scales: (y, x, feature) float32."""
    maps = [m for channel in _plane(image) for m in _ilastik_maps(channel.astype(np.float32))]
    return np.stack(maps, axis=-1)


def grown_forest(
    features: np.ndarray, strokes: np.ndarray, seed: int, threads: int = -1
) -> RandomForestClassifier:
    """``TrainableSegmenter``'s forest, grown on painted pixels."""
    painted = strokes > 0
    return _forest(seed, threads).fit(features[painted], strokes[painted])


def forest_labels(forest: RandomForestClassifier, features: np.ndarray) -> np.ndarray:
    """Labels (y, x) of every pixel."""
    return forest.predict(features.reshape(-1, features.shape[-1])).reshape(features.shape[:-1])


def _forest(seed: int, threads: int = 1) -> RandomForestClassifier:
    return RandomForestClassifier(n_estimators=_TREES, n_jobs=threads, random_state=seed)


def _boosting(seed: int) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(early_stopping=False, random_state=seed)


BASELINES = {
    FOREST: Baseline(forest_features, _forest),
    ILASTIK: Baseline(ilastik_features, _forest),
    BOOSTING: Baseline(forest_features, _boosting),
}


class BaselineTask:
    """A task whose features are computed once, for all strokes and systems."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self._kept: dict[object, tuple[np.ndarray, np.ndarray]] = {}

    def answers(self, system: str, strokes: np.ndarray, seed: int) -> tuple[Answer, Answer, Spent]:
        """A system's answers to images A and B, and what the answer to A cost."""
        baseline = BASELINES[system]
        features_a, features_b = self._features(baseline.features)
        painted = strokes > 0
        with threadpool_limits(1):
            began = time.process_time()
            learner = baseline.learner(seed).fit(features_a[painted], strokes[painted])
            a = _asked(learner, features_a)
            spent = Spent(seconds=time.process_time() - began)
            return a, _asked(learner, features_b), spent

    def _features(
        self, features: Callable[[Micrograph], np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        if features not in self._kept:
            self._kept[features] = features(self.task.image_a), features(self.task.image_b)
        return self._kept[features]


def _asked(learner: Any, features: np.ndarray) -> Answer:
    rows = features.reshape(-1, features.shape[-1])
    chance = learner.predict_proba(rows).T.reshape(-1, *features.shape[:-1])
    return answer_from(chance, learner.classes_)


def _plane(image: Micrograph) -> np.ndarray:
    return fit_normalisation(image).apply(image.plane())  # (channel, y, x)


def _ilastik_maps(channel: np.ndarray) -> Iterable[np.ndarray]:
    for sigma in ILASTIK_SIGMAS:
        smooth = ndimage.gaussian_filter(channel, sigma)
        yield smooth
        if sigma < _LEAST_SIGMA:
            continue
        yield smooth - ndimage.gaussian_filter(channel, 0.66 * sigma)
        hessian = [
            ndimage.gaussian_filter(channel, sigma, order) for order in ((2, 0), (1, 1), (0, 2))
        ]
        yield hessian[0] + hessian[2]  # the Laplacian of the Gaussian
        yield from _eigenvalues(*hessian)
        dy, dx = (ndimage.gaussian_filter(channel, sigma, order) for order in ((1, 0), (0, 1)))
        yield np.hypot(dy, dx)
        products = (dy * dy, dy * dx, dx * dx)
        yield from _eigenvalues(*(ndimage.gaussian_filter(p, 0.5 * sigma) for p in products))


def _eigenvalues(yy: np.ndarray, yx: np.ndarray, xx: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The larger and the smaller eigenvalue of a symmetric matrix at every pixel."""
    middle, reach = (yy + xx) / 2, np.hypot((yy - xx) / 2, yx)
    return middle + reach, middle - reach
