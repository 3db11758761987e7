"""Everybody solves the same head, with or without the image's scatter as ``head.py`` says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from learning.small_scenes import blobs, reader
from unetscope.computing.machine import settled
from unetscope.images.micrograph import as_micrograph
from unetscope.learning import instant
from unetscope.learning.advice.stroke_sums import StrokeSums
from unetscope.learning.feature_cache import FeatureCache
from unetscope.learning.head import Head, Penalty, solve_head
from unetscope.learning.instant import LabelledRows, fit_instant, labelled_rows, penalty_of
from unetscope.learning.pixel_model import ModelFeatures, PixelModel, Provenance
from unetscope.learning.samples import Sample
from unetscope.learning.train_options import TrainOptions
from unetscope.learning.training_run import TrainingRun
from unetscope.pretraining import objective
from unetscope.pretraining.episodes import Episode
from unetscope.pretraining.judge import HeldOutJudge, solved_on
from unetscope.pretraining.learner import MetaLearner, PretrainConfig
from unetscope.pretraining.strokes import simulate_strokes


@pytest.fixture
def learner(tiny: PretrainConfig) -> MetaLearner:
    """Weights that are being made, with settings of their own."""
    made = MetaLearner(replace(tiny, widths=(8, 8, 8, 8))).eval()
    with torch.no_grad():
        for setting in (made.log_tap_gain, made.log_classical_gain, made.log_ridge):
            setting.add_(torch.linspace(-0.5, 0.5, setting.numel()).reshape(setting.shape))
    return made


@pytest.fixture
def model(learner: MetaLearner) -> PixelModel:
    """The same weights and settings, as a user has them."""
    return PixelModel(ModelFeatures(settled(learner.net), learner.recipe()), Provenance("new"))


@pytest.fixture
def painted() -> Sample:
    image, truth = blobs((96, 112), 3, classes=3)
    return Sample(as_micrograph(image), simulate_strokes(truth, per_class=3, length_px=16, seed=1))


def rows_of(model: PixelModel, painted: Sample) -> LabelledRows:
    return labelled_rows(reader(model), [painted], (1, 2, 3))


def strokes_alone(model: PixelModel, painted: Sample) -> Head:
    """The head of the painted pixels, which knows nothing else of the image."""
    rows = rows_of(model, painted)
    return solve_head(rows.features, torch.from_numpy(rows.targets), 3, penalty_of(model))


def assert_same(one: Head, two: Head) -> None:
    assert torch.allclose(one.weight.double(), two.weight.double(), rtol=1e-3, atol=1e-5)
    assert torch.allclose(one.bias.double(), two.bias.double(), rtol=1e-3, atol=1e-5)


def test_the_judge_solves_the_head_that_a_user_is_answered_by(
    monkeypatch, learner, model, painted
) -> None:
    monkeypatch.setattr(instant, "SURE_ROWS", 0)  # strokes alone, without what it is sure of
    users = fit_instant(model, [painted], with_forest=False).instant.head
    one = HeldOutJudge.__new__(HeldOutJudge)
    one.device = "cpu"
    with torch.inference_mode():
        levels = one._levels(learner, painted.image)
        assert_same(solved_on(learner, levels, painted.labels), users)
    other = strokes_alone(model, painted)
    assert not torch.allclose(users.weight.double(), other.weight, rtol=0.05)


def test_a_doubtful_stroke_is_judged_by_the_head_of_the_other_strokes(model, painted) -> None:
    rows = rows_of(model, painted)
    places = torch.from_numpy(rows.targets)
    strokes = np.where(np.arange(len(places)) % 2, rows.targets, rows.targets + 3)  # two a class
    sums = StrokeSums(rows.features, places, strokes, penalty_of(model))
    kept = torch.from_numpy(strokes != 1)
    head = solve_head(rows.features[kept], places[kept], 3, penalty_of(model))
    wanted = head.row_scores(rows.features[~kept].double())
    assert torch.allclose(sums.scores_without(1), wanted, atol=1e-6)


def test_the_starting_classifier_is_the_head_of_the_last_map(model, painted) -> None:
    options = TrainOptions(max_seconds=None, device="cpu")
    run = TrainingRun(model, options, FeatureCache())
    list(run.start([painted], None))
    parts = run.model.provenance.partition
    network = run._network_from_head([painted], parts, (1, 2, 3))
    shown = replace(painted, labels=parts.training[0])
    rows, recipe = rows_of(run.model, shown), model.features.recipe
    gains = torch.full((8,), recipe.tap_gain[0])
    head = solve_head(
        rows.features[:, :8], torch.from_numpy(rows.targets), 3, Penalty(gains, recipe.ridge)
    )
    wanted = head.as_logits(recipe, run.prior)
    kernel = network.classifier.weight[:, :, 0, 0].t().detach()
    assert_same(Head(kernel, network.classifier.bias.detach()), wanted)


def test_the_objective_asks_the_head_of_its_strokes(monkeypatch, learner, model, painted) -> None:
    one = HeldOutJudge.__new__(HeldOutJudge)
    one.device = "cpu"
    support = torch.from_numpy(painted.labels.astype(np.int64) - 1)
    truth = torch.randint(0, 3, support.shape, generator=torch.Generator().manual_seed(0))
    blank = torch.zeros(1)
    episode = Episode(blank, support[None], truth[None], blank, blank, 3, "blobs")
    with torch.no_grad():
        levels = one._levels(learner, painted.image)
        config = PretrainConfig("tiny", "Tiny", (8, 8, 8, 8), seed=3, minutes=1.0)
        loss = objective.episode_loss(learner, [levels], episode, config)
        head = strokes_alone(model, painted).stored().as_logits(model.features.recipe)
        logits = head.scores(levels).flatten(1).t()
        share = logits.softmax(dim=1)
    target = truth.flatten()
    counts = torch.bincount(target).float()
    entropy = functional.cross_entropy(logits, target, weight=(counts.sum() / counts) ** 0.5)
    one_hot = functional.one_hot(target, 3).float()
    dice = (2 * (share * one_hot).sum(0) + 1) / (share.sum(0) + one_hot.sum(0) + 1)
    assert float(loss) == pytest.approx(float(entropy + (1 - dice).mean()), abs=1e-4)
