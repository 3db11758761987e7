"""An added source does not hurt: what is no help is not heard, whatever the size of its maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from learning.small_scenes import blobs, sample, small_model
from unetscope.images.micrograph import as_micrograph
from unetscope.learning import instant
from unetscope.learning.advice.label_errors import label_errors
from unetscope.learning.feature_cache import FeatureCache
from unetscope.learning.instant import fit_instant
from unetscope.learning.metrics import mean_dice
from unetscope.learning.partition import partition
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import predict_labels
from unetscope.learning.samples import Sample
from unetscope.learning.sources.loudness import SHARE, as_loud
from unetscope.learning.sources.source import (
    FeatureSource,
    Look,
    SourceMaps,
    columns_of,
    feature_gains,
)
from unetscope.learning.train_options import TrainOptions
from unetscope.learning.training_run import TrainingRun


@dataclass(eq=False)
class Told(FeatureSource):
    """``width`` maps of noise, behind them, where ``truth`` is given, that picture."""

    width: int
    size: float
    truth: np.ndarray | None = None
    name: str = "told"
    fingerprint: str = "told"

    def columns(self, channels: int) -> dict[int, tuple[str, ...]]:
        return {1: tuple(f"map {i}" for i in range(self.width + (self.truth is not None)))}

    def maps(self, look: Look) -> tuple[SourceMaps, ...]:
        sides = tuple(look.image.shape[2:])
        maps = torch.randn(1, self.width, *sides, generator=torch.Generator().manual_seed(7))
        if self.truth is not None:
            shown = np.pad(
                self.truth.astype(np.float32),
                [(0, s - t) for s, t in zip(sides, self.truth.shape, strict=True)],
                mode="edge",
            )
            maps = torch.cat([maps, torch.from_numpy(shown)[None, None]], dim=1)
        return (SourceMaps("told", 1, maps * self.size),)


def lines(labels: np.ndarray, seed: int = 0) -> np.ndarray:
    """Four short strokes of each class, apart from each other."""
    rng = np.random.default_rng(seed)
    shown = np.zeros_like(labels)
    for value in np.unique(labels):
        for _ in range(4):
            y, x = rng.choice(np.argwhere(labels == value))
            part = (slice(y, y + 2), slice(x, x + 12))
            shown[part] = np.where(labels[part] == value, value, shown[part])
    return shown


def painted() -> tuple[Sample, np.ndarray]:
    picture, labels = blobs((96, 96), 5)
    return Sample(as_micrograph(picture), lines(labels), "a"), labels


def dice(model: PixelModel, told: Sample, labels: np.ndarray) -> float:
    hidden = np.where(told.labels > 0, 0, labels)
    return mean_dice(hidden, predict_labels(model, told.image))


def weight_of(model: PixelModel) -> Tensor:
    assert model.instant.head is not None
    return model.instant.head.weight[columns_of("told", model.feature_sources, 1)]


@pytest.mark.parametrize("size", [0.01, 1.0, 1000.0])
def test_noise_of_any_size_does_not_hurt(size, monkeypatch) -> None:
    told, labels = painted()
    start = small_model().with_features(sources=(Told(150, size),))
    ours = dice(fit_instant(small_model(), [told], with_forest=False), told, labels)
    beside = dice(fit_instant(start, [told], with_forest=False), told, labels)
    assert beside >= ours - 0.01
    if size >= 1:  # or else nothing would have to be done
        monkeypatch.setattr(instant, "heard", lambda penalty, *_: penalty.gains)
        assert dice(fit_instant(start, [told], with_forest=False), told, labels) < ours - 0.05


@pytest.mark.parametrize("size", [0.01, 1000.0])
def test_what_helps_is_heard_whatever_its_size(size) -> None:
    told, labels = painted()
    start = small_model().with_features(sources=(Told(0, size, labels),))
    ours = dice(fit_instant(small_model(), [told], with_forest=False), told, labels)
    model = fit_instant(start, [told], with_forest=False)
    assert weight_of(model).abs().sum() > 0
    assert dice(model, told, labels) > ours + 0.01


def test_without_a_second_stroke_of_any_class_there_is_no_evidence_and_it_is_silent() -> None:
    picture, labels = blobs((96, 96), 5)
    one = np.zeros_like(labels)
    for value in (1, 2):
        y, x = np.argwhere(labels == value)[40]
        one[y, x : x + 3] = value
    start = small_model().with_features(sources=(Told(0, 1.0, labels),))
    told = Sample(as_micrograph(picture), one, "a")
    assert weight_of(fit_instant(start, [told], with_forest=False)).abs().sum() == 0


def test_all_its_maps_together_vary_by_the_share() -> None:
    gains, varies = torch.tensor([0.5, 2.0, 1.0, 1.0]), torch.tensor([4.0, 1.0, 9.0, 7.0])
    block = torch.tensor([False, False, True, True])
    loud = as_loud(gains, block, ~block, torch.diag(varies), SHARE)
    assert torch.equal(loud[:2], gains[:2]) and loud[2] == loud[3]
    energy = varies * loud**2
    assert float(energy[2:].sum()) == pytest.approx(SHARE * float(energy[:2].sum()))
    still = as_loud(gains, block, ~block, torch.diag(varies * ~block), SHARE)
    assert still[2:].tolist() == [0.0, 0.0]


def test_without_added_sources_the_gains_are_those_of_the_recipe() -> None:
    model, told = small_model(), sample()
    penalty = instant._penalty(model, [told], None, None)  # type: ignore[arg-type]
    assert torch.equal(penalty.gains, feature_gains(model.feature_sources, 1))


def test_doubtful_strokes_are_told_with_the_same_gains(monkeypatch) -> None:
    told, _ = painted()
    start, asked = small_model().with_features(sources=(Told(150, 1.0),)), []
    monkeypatch.setattr(instant, "heard", lambda penalty, *_: asked.append(1) or penalty.gains)
    label_errors(start, [told])
    assert asked == [1]


def test_a_network_starts_as_it_does_without_added_sources() -> None:
    told, _ = painted()
    options = TrainOptions(max_seconds=None, max_epochs=1, steps_per_epoch=1, device="cpu")
    made = []
    for model in (small_model(), small_model().with_features(sources=(Told(3, 1.0),))):
        run = TrainingRun(model, options, FeatureCache())
        run.model = fit_instant(model, [told], with_forest=False)
        run.prior = (0.5, 0.5)
        parts = partition([told], guard_px=4, fraction=0.2, seed=0)
        made.append(run._network_from_head([told], parts, (1, 2)).classifier.weight)
    assert torch.allclose(made[0], made[1], atol=1e-4)
