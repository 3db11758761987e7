"""The temperature of new weights: chosen so that confidence is accuracy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from unetscope.images.micrograph import as_micrograph
from unetscope.learning.pixel_model import ModelFeatures, PixelModel, Provenance
from unetscope.learning.recipe import Recipe
from unetscope.network.shipped import load_bundled
from unetscope.pretraining import calibration
from unetscope.pretraining.calibration import (
    TEMPERATURES,
    _answers,
    _errors,
    calibration_error,
    choose_temperature,
)
from unetscope.pretraining.judge import Task


def test_the_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    chance = np.array([[0.9, 0.1]] * 10)
    assert calibration_error(chance, np.array([0] * 9 + [1])) == pytest.approx(0.0, abs=1e-12)
    assert calibration_error(chance, np.array([0] * 5 + [1] * 5)) == pytest.approx(0.4)
    # Bins do not cancel each other: too sure here and too modest there are both wrong.
    mixed = np.array([[0.9, 0.1]] * 10 + [[0.6, 0.4]] * 10)
    column = np.array([0] * 6 + [1] * 4 + [0] * 9 + [1])
    assert calibration_error(mixed, column) == pytest.approx(0.3)


def _too_sure(true: float) -> tuple[np.ndarray, np.ndarray]:
    """Answers that are right as often as they were sure before they were raised to ``true``."""
    rng = np.random.default_rng(0)
    honest = rng.dirichlet([1.0, 1.0, 1.0], 40_000).clip(1e-6)
    column = (rng.random((40_000, 1)) > honest.cumsum(axis=1)).sum(axis=1).clip(max=2)
    shown = honest**true
    return (shown / shown.sum(axis=1, keepdims=True)).astype(np.float32), column


@pytest.mark.parametrize("true", TEMPERATURES)
def test_answers_that_are_too_sure_find_their_temperature(true: float) -> None:
    errors = _errors(*_too_sure(true))
    assert TEMPERATURES[int(np.argmin(errors))] == true


def test_only_sets_that_may_be_trained_on_choose(tmp_path, monkeypatch) -> None:
    net, _ = load_bundled("general-fast")
    truth = np.ones((96, 96), np.uint8)
    truth[20:70, 25:80] = 2
    image = as_micrograph((60.0 * truth).astype(np.float32))
    task = Task("squares", True, 2, image, truth, image, truth)
    monkeypatch.setattr(calibration, "make_tasks", lambda *_, **__: [task])
    assert choose_temperature(net, Recipe(), tmp_path) in TEMPERATURES
    answers = list(_answers(PixelModel(ModelFeatures(net, Recipe()), Provenance("new")), task))
    assert [chance.shape[1] for chance, _ in answers] == [2, 2]
    assert len(answers[0][1]) < len(answers[1][1]) == truth.size  # strokes judge nothing
    assert all((chance.argmax(axis=1) == column).mean() > 0.9 for chance, column in answers)

    monkeypatch.setattr(calibration, "_answers", lambda *_: [_too_sure(1.3)])
    assert choose_temperature(net, Recipe(), tmp_path) == 1.3
    kept = replace(task, may_train=False)
    monkeypatch.setattr(calibration, "make_tasks", lambda *_, **__: [kept])
    assert choose_temperature(net, Recipe(), tmp_path) == 1.0
