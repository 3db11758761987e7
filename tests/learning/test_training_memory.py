"""Memory that runs out at any moment of a training: it goes on with less, or ends in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from learning.small_scenes import blobs, reader, sample, small_model, strokes
from unetscope.images.micrograph import as_micrograph
from unetscope.learning import feature_cache, feature_reader, held_out, instant, training_run
from unetscope.learning.events import EpochDone, Finished, LearningEvent, Notice, StepDone
from unetscope.learning.feature_cache import FeatureCache
from unetscope.learning.feature_reader import FeatureReader
from unetscope.learning.finetune import TrainOptions, fine_tune
from unetscope.learning.forest import PixelForest
from unetscope.learning.held_out import HeldOut
from unetscope.learning.optimiser_steps import OptimiserSteps
from unetscope.learning.patches import PatchSource
from unetscope.learning.prediction import predict_labels
from unetscope.learning.samples import Sample
from unetscope.learning.training_run import TrainingRun

pytestmark = pytest.mark.usefixtures("few_trees")

OPTIONS = TrainOptions(
    max_seconds=None, max_epochs=2, steps_per_epoch=2, patch_px=64, batch_size=2, device="cpu"
)
ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    MemoryError("Unable to allocate 8 GiB"),
]
# Every stage of a training, by the function that does its work.
STAGES: dict[str, tuple[Any, str]] = {
    "features": (FeatureReader, "_made"),
    "grey range": (feature_cache, "fit_normalisation"),
    "rows of the strokes": (FeatureReader, "rows"),
    "lattice": (feature_reader, "lattice_rows"),
    "solving the head": (instant, "solve_head"),
    "growing the forest": (PixelForest, "_fitted"),
    "held-back rows": (held_out, "labelled_rows"),
    "held-back windows": (held_out, "_windows"),
    "patches": (PatchSource, "__init__"),
    "head of the network": (training_run, "solve_head"),
    "optimiser": (OptimiserSteps, "_set_up"),
    "snapshot": (TrainingRun, "_snapshot"),
    "drawing a batch": (PatchSource, "draw"),
    "step": (OptimiserSteps, "learn"),
    "judge": (HeldOut, "_network_answer"),
}


class Failing:
    """A function that fails at its calls from ``first`` on, ``times`` times."""

    def __init__(self, right: Callable[..., Any], error: Exception, first: int, times: int) -> None:
        self.right, self.error, self.first, self.times = right, error, first, times
        self.calls = 0

    def __call__(self, *given: Any, **named: Any) -> Any:
        self.calls += 1
        if self.first <= self.calls < self.first + self.times:
            raise self.error
        return self.right(*given, **named)

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return lambda *given, **named: self(owner, *given, **named)


def painted() -> list[Sample]:
    """Two pictures with strokes, far enough apart that some can be held back."""
    made = []
    for seed in (0, 1):
        picture, dense = blobs((72, 88), seed)
        made.append(Sample(as_micrograph(picture), strokes(dense, seed), f"{seed}"))
    return made


def events_of(options: TrainOptions = OPTIONS) -> list[LearningEvent]:
    return list(fine_tune(small_model(), painted(), options, cache=FeatureCache()))


def of_kind(events: Sequence[Any], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


@pytest.fixture(scope="module")
def undisturbed() -> Finished:
    last = events_of()[-1]
    assert isinstance(last, Finished)
    return last


ONCE = [(stage, ERRORS[turn % 3], 1) for turn, stage in enumerate(STAGES)]
ONCE += [(stage, ERRORS[turn], 2) for turn, stage in enumerate(("features", "judge", "snapshot"))]


@pytest.mark.parametrize(
    ("stage", "error", "first"),
    ONCE,
    ids=[f"{s}, call {k}, {type(e).__name__}" for s, e, k in ONCE],
)
def test_memory_that_is_short_once_is_given_back_and_training_goes_on(
    monkeypatch, undisturbed, stage, error, first
) -> None:
    place, name = STAGES[stage]
    failing = Failing(getattr(place, name), error, first, 1)
    monkeypatch.setattr(place, name, failing)
    events = events_of()
    finished = events[-1]
    assert isinstance(finished, Finished) and finished.reason == "steps"
    assert len(of_kind(events, EpochDone)) == 2
    assert len(of_kind(events, StepDone)) == 4
    told = [event.text for event in of_kind(events, Notice)]
    assert len(told) == (failing.calls > first - 1) and all("memory" in text for text in told)
    shown = [predict_labels(m.model, painted()[0].image) for m in (undisturbed, finished)]
    assert (shown[0] == shown[1]).mean() > 0.95


@pytest.mark.parametrize("stage", ["features", "lattice", "judge", "snapshot"])
def test_memory_that_stays_short_for_a_while_is_met_with_smaller_tiles(monkeypatch, stage) -> None:
    place, name = STAGES[stage]
    monkeypatch.setattr(place, name, Failing(getattr(place, name), ERRORS[1], 1, 3))
    monkeypatch.setattr(instant.os, "cpu_count", lambda: 1)  # one tile after the other
    cache = FeatureCache()
    events = list(fine_tune(small_model(), painted(), OPTIONS, cache=cache))
    assert isinstance(events[-1], Finished)
    texts = [event.text for event in of_kind(events, Notice)]
    assert "given back" in texts[0] and "256 px" in texts[1] and "128 px" in texts[2]
    assert cache.tile_px == 128


@pytest.mark.parametrize("stage", ["judge", "snapshot", "step"])
def test_where_nothing_helps_the_last_good_model_is_kept(monkeypatch, stage) -> None:
    place, name = STAGES[stage]
    good = {"judge": 2, "snapshot": 2, "step": 3}[stage]
    failing = Failing(getattr(place, name), ERRORS[2], 10**9, 10**9)
    monkeypatch.setattr(place, name, failing)
    run = fine_tune(small_model(), painted(), replace(OPTIONS, max_epochs=9))
    events: list[Any] = [next(run)]
    while len(of_kind(events, EpochDone)) < 1 or len(of_kind(events, StepDone)) < good:
        events.append(next(run))
    kept = of_kind(events, EpochDone)[-1].model
    failing.first = failing.calls + 1
    events += run
    finished, notice = events[-1], events[-2]
    assert isinstance(finished, Finished) and finished.reason == "memory"
    assert "close other programs" in notice.text and "kept" in notice.text
    assert finished.model.provenance.record["reason"] == "memory"
    image = painted()[0].image
    assert np.array_equal(predict_labels(kept, image), predict_labels(finished.model, image))


@pytest.mark.parametrize("stage", ["features", "growing the forest", "held-back rows", "optimiser"])
def test_too_little_memory_to_begin_with_is_said_in_plain_words(monkeypatch, stage) -> None:
    place, name = STAGES[stage]
    monkeypatch.setattr(place, name, Failing(getattr(place, name), ERRORS[1], 1, 10**9))
    with pytest.raises(MemoryError, match="close other programs"):
        events_of()


def test_an_error_that_is_not_of_memory_is_not_taken_for_one(monkeypatch) -> None:
    monkeypatch.setattr(
        HeldOut, "_network_answer", Failing(HeldOut._network_answer, RuntimeError("odd"), 1, 1)
    )
    with pytest.raises(RuntimeError, match="odd"):
        events_of()


def test_strokes_that_are_sent_while_memory_is_found_are_not_lost(monkeypatch) -> None:
    place, name = STAGES["judge"]
    monkeypatch.setattr(place, name, Failing(getattr(place, name), ERRORS[1], 2, 1))
    run = fine_tune(small_model(), painted(), OPTIONS)
    events: list[Any] = [next(run)]
    while not isinstance(events[-1], Notice):
        events.append(next(run))
    three = [sample(seed=9, classes=3, key="later")]
    events += [run.send([*painted(), *three]), *run]
    finished = events[-1]
    assert isinstance(finished, Finished) and finished.model.class_values == (1, 2, 3)


def test_features_in_smaller_tiles_are_the_same() -> None:
    model, wide, narrow = small_model(), FeatureCache(), FeatureCache()
    narrow.tile_px = 128
    picture, dense = blobs((200, 280), 4)
    given = [Sample(as_micrograph(picture), strokes(dense), "a")]
    rows = [instant.labelled_rows(reader(model, cache), given, (1, 2)) for cache in (wide, narrow)]
    assert np.array_equal(rows[0].places, rows[1].places)
    assert torch.allclose(rows[0].features, rows[1].features, atol=1e-5)
