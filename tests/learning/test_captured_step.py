"""A recorded step on CUDA: the same learning, or a warning and plain steps."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from learning.small_scenes import sample, small_model
from unetscope.computing import captured_step
from unetscope.learning import optimiser_steps
from unetscope.learning.feature_cache import FeatureCache
from unetscope.learning.instant import fit_instant
from unetscope.learning.optimiser_steps import OptimiserSteps
from unetscope.learning.patches import PatchSource
from unetscope.learning.train_options import TrainOptions
from unetscope.learning.training_run import TrainingRun
from unetscope.network.channels import with_classes

OPTIONS = TrainOptions(patch_px=64, batch_size=2, device="cpu")


def source() -> PatchSource:
    model = fit_instant(small_model(), [sample()])
    cache = FeatureCache()
    return PatchSource(
        model, [sample()], [sample().labels], (1, 2), cache=cache, seed=0, guide=model
    )


def learner(device: str, *, captured: bool) -> OptimiserSteps:
    steps = OptimiserSteps(replace(OPTIONS, device=device), captured=captured)
    steps.start_from(with_classes(small_model().backbone, 2))
    return steps


def test_on_the_cpu_nothing_is_recorded() -> None:
    made = []
    for captured in (False, True):
        steps, patches = learner("cpu", captured=captured), source()
        losses = [steps.step(patches, (0.6, 0.4)) for _ in range(3)]
        made.append((losses, steps._weights.master.detach().clone()))
    assert made[0][0] == made[1][0] and torch.equal(made[0][1], made[1][1])


def test_a_recording_that_fails_is_said_and_training_goes_on(monkeypatch) -> None:
    def refuse(*_):
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(optimiser_steps, "CapturedStep", refuse)
    steps, patches = learner("cpu", captured=True), source()
    images, targets = patches.draw(2, 64)
    with pytest.warns(RuntimeWarning, match="not permitted.*without"):
        assert steps._recording(images, targets, patches.pixels, (0.6, 0.4)) is None
    assert not steps.captured
    loss = steps.step(patches, (0.6, 0.4))
    assert loss is not None and np.isfinite(loss)


@pytest.fixture
def played(monkeypatch) -> None:
    """Instead of a CUDA graph: the step again, its answer in the same memory."""

    def record(run, device):
        for _ in range(3):
            run()
        answer = run().clone()
        return SimpleNamespace(replay=lambda: answer.copy_(run())), answer

    monkeypatch.setattr(captured_step, "record", record)
    monkeypatch.setattr(optimiser_steps, "can_be_written", lambda net, device: False)


@pytest.mark.usefixtures("played")
def test_recording_changes_nothing_and_a_replay_is_a_step() -> None:
    runs = []
    for replays in (False, True):
        steps, patches = learner("cpu", captured=False), source()
        losses = []
        for _ in range(4):
            images, targets = patches.draw(2, 64)
            images, targets = steps._augment(images, targets)
            if replays:
                before = steps._weights.master.detach().clone()
                recorded = steps._recording(images, targets, patches.pixels, (0.6, 0.4))
                assert recorded is not None
                assert torch.equal(steps._weights.master, before)
                losses.append(steps._replayed(recorded, images, targets))
            else:
                losses.append(steps.learn(images, targets, patches.pixels, (0.6, 0.4)))
            steps.steps += 1
        runs.append((losses, steps._weights.master.detach(), steps._averaged))
    np.testing.assert_allclose(runs[0][0], runs[1][0], rtol=1e-4)
    for plain, recorded in zip(runs[0][1:], runs[1][1:], strict=True):
        assert (plain - recorded).norm() < 1e-3 * plain.norm()


def test_a_training_that_ends_drops_its_recording_at_once(monkeypatch) -> None:
    monkeypatch.setattr(captured_step, "record", lambda run, device: (None, torch.zeros(2)))
    run = TrainingRun(small_model(), OPTIONS, FeatureCache())
    run.learner.start_from(with_classes(small_model().backbone, 2))
    patches = source()
    recorded = run.learner._recording(*patches.draw(2, 64), patches.pixels, (0.6, 0.4))
    assert recorded is not None
    gone = weakref.ref(recorded)
    gc.disable()  # not some time later
    try:
        del recorded
        run.release()
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.gpu
def test_a_recorded_step_learns_what_plain_steps_learn() -> None:
    runs = []
    for captured in (False, True):
        steps, patches = learner("cuda", captured=captured), source()
        losses = [steps.step(patches, (0.6, 0.4)) for _ in range(12)]
        assert steps.captured is captured  # it did not fall back
        runs.append((losses, steps._weights.master.detach(), steps._averaged))
    np.testing.assert_allclose(runs[0][0], runs[1][0], rtol=0.02)
    for plain, recorded in zip(runs[0][1:], runs[1][1:], strict=True):
        assert (plain - recorded).norm() < 0.01 * plain.norm()


@pytest.mark.gpu
def test_a_recorded_step_that_is_not_finite_changes_nothing() -> None:
    steps, patches = learner("cuda", captured=True), source()
    assert np.isfinite(steps.step(patches, (0.6, 0.4)))
    with torch.no_grad():
        steps._weights.master[0] = float("inf")
    before = steps._weights.master[1:].detach().clone()
    assert np.isnan(steps.step(patches, (0.6, 0.4)))
    assert torch.equal(steps._weights.master[1:], before)
