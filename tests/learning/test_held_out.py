"""The judge: a network only speaks where held-back pixels say that it is better."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from learning.small_scenes import blobs, small_model, strokes
from unetscope.computing.machine import settled
from unetscope.images.micrograph import as_micrograph
from unetscope.learning import held_out
from unetscope.learning.events import Validation
from unetscope.learning.feature_cache import FeatureCache
from unetscope.learning.held_out import SHARES, HeldOut
from unetscope.learning.partition import Partition
from unetscope.learning.pixel_model import PixelModel, TunedNetwork
from unetscope.learning.prediction import predict_probabilities
from unetscope.learning.samples import Sample
from unetscope.learning.stroke_map import stroke_map
from unetscope.network.channels import with_classes
from unetscope.network.unet import UNet, initialise

SHAPE = (120, 140)


def judged_by(
    kind: str = "block", *, held_rows: slice = slice(80, None)
) -> tuple[HeldOut, PixelModel, np.ndarray, Sample]:
    """A judge for blobs whose lower part is held back."""
    image, dense = blobs(SHAPE, 2)
    noisy = image + np.random.default_rng(3).normal(0, 0.6, SHAPE).astype(np.float32)
    painted = strokes(dense)
    held, shown = np.zeros_like(painted), painted.copy()
    held[held_rows] = painted[held_rows]
    shown[held_rows] = 0
    sample = Sample(as_micrograph(noisy), painted, "a")
    parts = Partition(("a",), [shown], [held], kind, "")
    model = small_model()
    judge = HeldOut(model, [sample], parts, (1, 2), cache=FeatureCache(), device="cpu")
    return judge, model, dense, sample


class Oracle(torch.nn.Module):
    """Stands in for a network: says what it is told of the pixels of a window."""

    def __init__(self, judge: HeldOut, sure: float, right: bool) -> None:
        super().__init__()
        self.judge, self.sure, self.right, self.turn = judge, sure, right, 0

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        window = self.judge._windows[self.turn % len(self.judge._windows)]
        self.turn += 1
        logits = torch.zeros(1, 2, *image.shape[2:])
        target = torch.from_numpy(self.judge.targets[window.rows])
        said = target if self.right else 1 - target
        logits[0, said, window.y, window.x] = self.sure
        return logits


class _Echo(torch.nn.Module):
    """Says what the instant voice says of the held-back pixels."""

    def __init__(self, judge: HeldOut) -> None:
        super().__init__()
        self.judge, self.turn = judge, 0

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        window = self.judge._windows[self.turn % len(self.judge._windows)]
        self.turn += 1
        logits = torch.zeros(1, 2, *image.shape[2:])
        told = torch.from_numpy(self.judge._instant[window.rows]).clamp(min=1e-9).log()
        logits[0, :, window.y, window.x] = told.t()
        return logits


def test_a_useless_network_gets_no_share() -> None:
    judge, model, *_ = judged_by()
    random = settled(initialise(with_classes(model.features.backbone, 2), 5))
    silent = settled(with_classes(model.features.backbone, 2))
    for net in (random, silent, Oracle(judge, 8.0, right=False)):
        verdict = judge.judge(net, "fp32")
        assert verdict.share == 0


def test_a_perfect_network_gets_more_than_experience_grants() -> None:
    judge, *_ = judged_by()
    verdict = judge.judge(Oracle(judge, 8.0, right=True), "fp32")
    assert judge.largest_share >= verdict.share >= judge.largest_share * SHARES[-2] > 0.15
    assert verdict.validation is not None
    assert verdict.validation.pixels == len(judge)


def test_where_few_pixels_judge_a_network_is_granted_more_as_it_matures() -> None:
    judge, *_ = judged_by()
    same = _Echo(judge)  # neither better nor worse than the instant answer
    shares = [judge.judge(same, "fp32", maturity=m).share for m in (0.0, 0.5, 1.0)]
    assert shares[0] == 0 < shares[1] < shares[2]
    judge.targets = np.tile(judge.targets, 1 + 10_000 // len(judge))  # many pixels trust nobody
    judge._instant = np.tile(judge._instant, (len(judge) // len(judge._instant), 1))
    judge._network_answer = lambda *_: judge._instant  # type: ignore[method-assign]
    assert judge.evidence == 1 and judge.judge(same, "fp32").share == 0


@pytest.mark.parametrize("seed", range(6))
def test_the_mixture_is_never_clearly_worse_than_the_instant_answer(seed) -> None:
    judge, model, *_ = judged_by()
    net = settled(initialise(with_classes(model.features.backbone, 2), seed))
    own = judge._network_answer(net, "fp32")
    verdict = judge.judge(net, "fp32")
    mixed = (1 - verdict.share) * judge._instant + verdict.share * own
    assert judge._dice(mixed) >= judge._dice(judge._instant) - 0.05
    assert judge._loss(mixed) <= judge._loss(judge._instant) + 0.3 * 0.15


def test_without_held_pixels_the_network_stays_silent() -> None:
    judge, model, *_ = judged_by(held_rows=slice(0, 0))
    net = settled(with_classes(model.features.backbone, 2))
    assert len(judge) == 0 and judge.told is None
    verdict = judge.judge(net, "fp32")
    assert verdict.share == 0 and verdict.validation is None


def test_strokes_held_back_for_choosing_give_no_figure_and_less_trust() -> None:
    judge, *_ = judged_by("strokes")
    honest, *_ = judged_by("block")
    assert judge.judge(Oracle(judge, 8.0, right=True), "fp32").validation is None
    assert judge.largest_share < honest.largest_share


def test_the_instant_voice_that_is_compared_has_not_seen_the_held_pixels() -> None:
    judge, _, _, sample = judged_by()
    flipped = sample.labels.copy()
    flipped[80:] = np.where(flipped[80:] > 0, 3 - flipped[80:], 0)
    held, shown = np.zeros_like(flipped), flipped.copy()
    held[80:] = flipped[80:]
    shown[80:] = 0
    parts = Partition(("a",), [shown], [held], "block", "")
    other = HeldOut(
        small_model(),
        [replace(sample, labels=flipped)],
        parts,
        (1, 2),
        cache=FeatureCache(),
        device="cpu",
    )
    assert np.array_equal(other._instant, judge._instant)
    assert np.array_equal(other.targets, 1 - judge.targets)


def test_networks_are_judged_by_what_a_prediction_would_show() -> None:
    judge, model, _, sample = judged_by()
    net: UNet = settled(initialise(with_classes(model.features.backbone, 2), 4))
    assert judge.told is not None
    alone = replace(judge.told, network=TunedNetwork(net, (1, 2), 1.0))
    shown = predict_probabilities(alone, sample.image)
    y, x = np.nonzero(sample.labels[80:])
    assert np.allclose(judge._network_answer(net, "fp32"), shown[:, y + 80, x].T, atol=1e-5)
    instant = predict_probabilities(judge.told, sample.image)
    assert np.allclose(judge._instant, instant[:, y + 80, x].T, atol=1e-4)


def test_very_many_held_pixels_are_judged_in_some_windows(monkeypatch) -> None:
    monkeypatch.setattr(held_out, "_CELL_PX", 16)
    monkeypatch.setattr(held_out, "_MAX_WINDOWS", 3)
    judge, _, _, sample = judged_by()
    assert 0 < len(judge) < np.count_nonzero(sample.labels[80:])
    assert len(judge._windows) == 3
    assert sorted(np.concatenate([w.rows for w in judge._windows])) == list(range(len(judge)))


def test_strokes_and_pixels_that_judge_are_counted_by_class() -> None:
    judge, _, dense, _ = judged_by()
    held = strokes(dense)
    held[:80] = 0
    validation = judge.judge(Oracle(judge, 8.0, right=True), "fp32").validation
    assert validation is not None
    found = stroke_map(held)
    assert validation.class_pixels == {v: int((held == v).sum()) for v in (1, 2)}
    assert validation.strokes == {v: int((found.stroke_values() == v).sum()) for v in (1, 2)}


@pytest.mark.parametrize(
    ("strokes", "pixels", "told"),
    [(3, 50, True), (2, 9_999, False), (3, 49, False), (1, 10_000, True), (0, 0, False)],
)
def test_a_class_is_scored_by_enough_strokes_or_dense_labels(strokes, pixels, told) -> None:
    held = Validation({1: 0.5, 2: 1.0}, {}, 0.1, 9, "block", {1: strokes, 2: 3}, {1: pixels, 2: 60})
    assert (1 in held.told) == told and held.told[2] == 1.0
    assert held.mean_dice == (0.75 if told else 1.0)
    words = held.said(lambda value: "ab"[value - 1])
    assert ("a: too few held-back strokes to say" in words) != told
    assert "Dice" not in words and ("a 0.50 · b 1.00" in words) == told


def test_without_any_judge_no_score_is_said() -> None:
    held = Validation({1: 0.0}, {}, 0.1, 9, "block")
    assert held.told == {} and np.isnan(held.mean_dice)
    assert held.said(str) == "too few held-back strokes to say a score"


def judged_by_masks() -> HeldOut:
    """A judge with a dense mask, of which the lower part is held back."""
    image, dense = blobs(SHAPE, 2)
    noisy = image + np.random.default_rng(3).normal(0, 0.6, SHAPE).astype(np.float32)
    held, shown = np.zeros_like(dense), dense.copy()
    held[80:], shown[80:] = dense[80:], 0
    parts = Partition(("a",), [shown], [held], "block", "")
    sample = Sample(as_micrograph(noisy), dense, "a")
    return HeldOut(small_model(), [sample], parts, (1, 2), cache=FeatureCache(), device="cpu")


def test_dense_masks_give_all_of_the_answer_to_a_network_that_is_as_good() -> None:
    judge = judged_by_masks()
    assert judge.dense
    assert judge.judge(Oracle(judge, 8.0, right=True), "fp32").share == 1.0
    assert judge.judge(_Echo(judge), "fp32").share == 1.0
    assert judge.judge(Oracle(judge, 8.0, right=False), "fp32").share == 0.0


def test_scores_of_thinned_masks_are_those_of_the_classes_own_shares(monkeypatch) -> None:
    whole = judged_by_masks()
    figure = whole.judge(Oracle(whole, 8.0, right=False), "fp32").validation
    monkeypatch.setattr(held_out, "_MAX_PIXELS", len(whole) // 4)
    thinned = judged_by_masks()
    assert len(thinned) <= len(whole) // 4
    again = thinned.judge(Oracle(thinned, 8.0, right=False), "fp32").validation
    assert figure is not None and again is not None
    assert again.dice == pytest.approx(figure.dice, abs=0.03)
    truth = np.bincount(whole.targets) / np.bincount(thinned.targets)
    assert np.allclose(thinned._weights, truth)
