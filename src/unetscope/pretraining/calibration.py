"""How sure the instant answer of new weights may be: its temperature.

Chosen on the sets that the weights may learn from, so that what is reported of the others stays
honest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from unetscope.computing.machine import settled
from unetscope.learning.feature_cache import FeatureCache
from unetscope.learning.head import tempered
from unetscope.learning.instant import fit_instant
from unetscope.learning.pixel_model import ModelFeatures, PixelModel, Provenance
from unetscope.learning.prediction import predict_probabilities
from unetscope.learning.recipe import Recipe
from unetscope.learning.samples import Sample
from unetscope.network.unet import UNet
from unetscope.pretraining.judge import Task, make_tasks

TEMPERATURES = (1.0, 1.1, 1.2, 1.3, 1.4, 1.5)
_BINS = 15
_CROP_PX = 384


def choose_temperature(net: UNet, recipe: Recipe, root: Path) -> float:
    """The temperature with the smallest expected calibration error on both images of a task.

    Temperature scaling and the error's bins are those of Guo et al. (2017, arXiv 1706.04599).

    Parameters
    ----------
    net, recipe : the folded network and the head's settings.
    root : the folder of the real sets; 1 is returned where it has none that may be trained on.
    """
    tasks = [t for t in make_tasks(root, pairs=2, crop_px=_CROP_PX) if t.may_train]
    features = ModelFeatures(settled(net), replace(recipe, temperature=1.0))
    model = PixelModel(features, Provenance("new"))
    errors = [_errors(*answer) for task in tasks for answer in _answers(model, task)]
    if not errors:
        return 1.0
    return TEMPERATURES[int(np.mean(errors, axis=0).argmin())]


def _answers(model: PixelModel, task: Task) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(pixel, class) probabilities and (pixel,) true columns of annotated pixels, by image."""
    strokes, cache = task.strokes(seed=0), FeatureCache()
    fitted = fit_instant(
        model.for_channels(task.image_a.channels),
        [Sample(task.image_a, strokes, task.name)],
        cache=cache,
    )
    column_of = np.full(256, -1)
    column_of[list(fitted.class_values)] = np.arange(len(fitted.classes))
    asked = (
        (task.image_a, np.where(strokes > 0, 0, task.truth_a)),
        (task.image_b, task.truth_b),
    )
    for image, truth in asked:
        column = column_of[truth]
        known = (truth > 0) & (column >= 0)
        if known.any():
            chance = predict_probabilities(fitted, image, cache=cache)  # (class, y, x)
            yield chance[:, known].T, column[known]


def _errors(chance: np.ndarray, column: np.ndarray) -> list[float]:
    """The calibration error at each of :data:`TEMPERATURES`."""
    plain = torch.from_numpy(np.ascontiguousarray(chance.T))
    return [calibration_error(tempered(plain, t).numpy().T, column) for t in TEMPERATURES]


def calibration_error(chance: np.ndarray, column: np.ndarray, bins: int = _BINS) -> float:
    """Expected calibration error: how far confidence and accuracy lie apart, over equal bins.

    Parameters
    ----------
    chance : (pixel, class) probabilities.
    column : (pixel,) index of the true class.
    """
    sure = chance.max(axis=1)
    right = chance.argmax(axis=1) == column
    found = np.minimum((sure * bins).astype(np.intp), bins - 1)
    gaps = np.bincount(found, weights=sure - right.astype(np.float64), minlength=bins)
    return float(np.abs(gaps).sum() / max(1, len(column)))
