"""Fine-tuning: repeatable, interruptible, open to new strokes, and safe when numbers go wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from learning.small_scenes import blobs, sample, small_model, stack, strokes
from unetscope.computing.machine import settled
from unetscope.errors import LabelError
from unetscope.images.micrograph import as_micrograph
from unetscope.learning import optimiser_steps, training_run
from unetscope.learning.augmentation import AugmentOptions
from unetscope.learning.events import (
    EpochDone,
    Finished,
    HeadFitted,
    LearningEvent,
    Notice,
    Started,
    StepDone,
)
from unetscope.learning.finetune import TrainOptions, fine_tune
from unetscope.learning.instant import fit_instant
from unetscope.learning.losses import IGNORE
from unetscope.learning.optimiser_steps import OptimiserSteps
from unetscope.learning.patches import PatchSource
from unetscope.learning.persistence import load_model, save_model
from unetscope.learning.pixel_model import PixelModel, TunedNetwork
from unetscope.learning.prediction import predict_labels, predict_probabilities
from unetscope.learning.samples import Sample
from unetscope.learning.training_run import TrainingRun
from unetscope.network.channels import with_classes
from unetscope.network.fingerprint import network_fingerprint
from unetscope.network.unet import UNet, initialise

pytestmark = pytest.mark.usefixtures("few_trees")

QUICK = TrainOptions(
    max_seconds=None, max_epochs=2, steps_per_epoch=3, patch_px=64, batch_size=2, device="cpu"
)


def events_of(
    model: PixelModel, samples: Sequence[Sample], options: TrainOptions = QUICK
) -> list[LearningEvent]:
    return list(fine_tune(model, samples, options))


def trained(*given, **more) -> Finished:
    last = events_of(*given, **more)[-1]
    assert isinstance(last, Finished)
    return last


def of_kind(events: Sequence[Any], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def weights(net: UNet | None) -> list[torch.Tensor]:
    assert net is not None
    return list(net.state_dict().values())


def same(one: UNet | None, other: UNet | None) -> bool:
    pairs = zip(weights(one), weights(other), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.fixture
def last_average(monkeypatch) -> list[OptimiserSteps]:
    """Every optimiser that is made: held-back pixels may not choose the last weights."""
    made: list[OptimiserSteps] = []
    init = OptimiserSteps.__init__
    monkeypatch.setattr(
        OptimiserSteps,
        "__init__",
        lambda self, *given: made.append(self) or init(self, *given),
    )
    return made


def test_the_story_is_told_in_order() -> None:
    events = events_of(small_model(), [sample()])
    kinds = [type(event) for event in events]
    expected = [HeadFitted, Started, *([StepDone] * 3 + [EpochDone]) * 2, Finished]
    assert kinds == expected
    steps = of_kind(events, StepDone)
    assert [e.step for e in steps] == list(range(1, 7))
    assert all(np.isfinite(e.loss) for e in steps)
    assert [e.epoch for e in of_kind(events, EpochDone)] == [1, 2]
    times = [e.seconds for e in events if isinstance(e, (StepDone, EpochDone, Finished))]
    assert times == sorted(times)
    started, finished = events[1], events[-1]
    assert isinstance(started, Started) and isinstance(finished, Finished)
    assert 0 < sum(started.training_pixels.values()) < np.count_nonzero(sample().labels)
    assert finished.reason == "steps" and finished.model.can_answer
    assert json.loads(json.dumps(dict(finished.model.provenance.record)))["steps"] == 6


def test_one_seed_gives_bitwise_the_same_weights(last_average) -> None:
    for seed in (1, 1, 2):
        events_of(small_model(), [sample()], replace(QUICK, seed=seed))
    first, again, other = (steps.average for steps in last_average)
    assert same(first, again)
    assert not same(first, other)
    assert same(last_average[0].net, last_average[1].net)


def test_the_given_model_is_never_changed() -> None:
    model = fit_instant(small_model(), [sample()])
    net = settled(initialise(with_classes(model.features.backbone, 2), 3))
    model = replace(model, network=TunedNetwork(net, (1, 2), 0.5))
    before = dict(vars(model).items())
    prints = [network_fingerprint(n) for n in (model.features.backbone, net)]
    head = model.instant.head.weight.clone()
    models = [e.model for e in events_of(model, [sample()]) if hasattr(e, "model")]
    assert prints == [network_fingerprint(n) for n in (model.features.backbone, net)]
    assert torch.equal(head, model.instant.head.weight)
    assert all(before[k] is v for k, v in vars(model).items())
    assert not any(p.requires_grad for p in net.parameters())
    assert all(m is not model and m.network.net is not net for m in models[1:])


def test_a_second_training_goes_on_from_the_weights_of_the_first(last_average) -> None:
    model = fit_instant(small_model(), [sample()])
    net = settled(initialise(with_classes(model.features.backbone, 2), 3))
    known = replace(model, network=TunedNetwork(net, (1, 2), 0.5))
    assert same(trained(known, [sample()], replace(QUICK, max_epochs=0)).model.network.net, net)
    trained(known, [sample()], replace(QUICK, learning_rate=1e-6))
    # It knows other classes: of no use here.
    other = replace(known, network=TunedNetwork(net, (1, 3), 0.5))
    trained(other, [sample()], replace(QUICK, learning_rate=1e-6))
    gaps = [
        (steps.net.enc1.conv1.weight - net.enc1.conv1.weight).abs().max() for steps in last_average
    ]
    assert gaps[1] < 1e-4 < gaps[2]


def test_what_was_held_back_first_stays_held_back_in_the_second_training() -> None:
    first = trained(small_model(), [sample()]).model
    second = trained(first, [sample()]).model
    parts = [one.provenance.partition for one in (first, second)]
    for one, two in zip(*(part.held for part in parts), strict=True):
        assert np.array_equal(one, two)


def drawn(guide_weight: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The gradient of the loss at some logits, and the targets they were compared with."""
    model = fit_instant(small_model(), [sample()])
    patches = PatchSource(model, [sample()], (1, 2), cache=_cache(), seed=0, guide=lambda: model)
    _, targets = patches.draw(4, 64)
    logits = torch.randn((4, 2, 64, 64), generator=torch.Generator().manual_seed(0))
    logits.requires_grad_(True)
    steps = OptimiserSteps(replace(QUICK, guide_weight=guide_weight))
    steps.loss(logits, targets, patches.pixels, (0.7, 0.3)).backward()
    assert logits.grad is not None
    return logits.grad, targets


def _cache():
    from unetscope.learning.feature_cache import FeatureCache

    return FeatureCache()


def test_unlabelled_pixels_have_no_gradient_without_the_guide() -> None:
    gradient, targets = drawn(0.0)
    unlabelled = (targets[:, :1] == IGNORE).expand_as(gradient)
    assert unlabelled.any() and (gradient[unlabelled] == 0).all()
    assert (gradient[~unlabelled] != 0).all()


def test_the_guide_speaks_only_where_nothing_is_painted() -> None:
    with_guide, targets = drawn(1.0)
    without, _ = drawn(0.0)
    painted = (targets[:, :1] != IGNORE).expand_as(without)
    assert torch.equal(with_guide[painted], without[painted])
    told = (~painted) & (targets[:, 1:2] != IGNORE)
    assert (with_guide[told] != 0).all() and (without[told] == 0).all()


def test_pixels_no_patch_can_see_change_nothing(last_average) -> None:
    image, labels = blobs((72, 300))
    painted = strokes(labels)
    painted[:, 90:] = 0
    wild = image.copy()
    wild[:, 280:] = wild[:, 280:][:, ::-1]  # the same grey values, far from every stroke
    model = small_model()
    # The prior looks at all pixels around the strokes, so it is left out.
    model = model.with_features(recipe=replace(model.features.recipe, prior_strength=0.0))
    for pixels in (image, wild):
        events_of(model, [Sample(as_micrograph(pixels), painted)], replace(QUICK, guide_weight=0))
    first, second = last_average
    assert same(first.net, second.net) and not same(first.net, first.average)


@pytest.mark.parametrize("at", [HeadFitted, Started, StepDone, EpochDone])
def test_strokes_sent_at_any_moment_are_learned_from(at) -> None:
    first, second = sample(), sample((72, 88), seed=5, key="more")
    run = fine_tune(small_model(), [first], QUICK)
    event = next(run)
    while not isinstance(event, at):
        event = next(run)
    later = [run.send([first, second]), *run]
    fitted = of_kind(later, HeadFitted)
    assert len(fitted) == 1
    both = [s.labels for s in (first, second)]
    assert fitted[0].pixels == {k: sum(int((p == k).sum()) for p in both) for k in (1, 2)}
    assert isinstance(later[-1], Finished)
    assert set(later[-1].model.provenance.partition.keys) == {"blobs", "more"}


def test_a_class_that_is_sent_later_becomes_an_answer() -> None:
    image, labels = blobs((72, 88), classes=3)
    picture = as_micrograph(image, name="a")
    painted = strokes(labels)
    two = Sample(picture, np.where(painted == 3, 0, painted), "a")
    run = fine_tune(small_model(), [two], QUICK)
    while not isinstance(next(run), StepDone):
        pass
    later = [run.send([Sample(picture, painted, "a")]), *run]
    model = later[-1].model
    assert model.class_values == model.network.classes == (1, 2, 3)
    assert model.network.net.config.classes == 3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"max_seconds": 0.0}, "time"),
        ({"max_epochs": 1}, "steps"),
        ({"max_epochs": 50, "patience_epochs": 2, "learning_rate": 0.0}, "plateau"),
    ],
)
def test_training_says_why_it_ends(change, reason) -> None:
    events = events_of(small_model(), [sample()], replace(QUICK, **change))
    finished = events[-1]
    assert isinstance(finished, Finished) and finished.reason == reason
    assert finished.model.provenance.record["reason"] == reason
    if reason == "plateau":
        assert len(of_kind(events, EpochDone)) == 3  # the last one at a falling rate


class Slow:
    """A clock by which every look takes a second."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        self.now += 1.0
        return self.now


def test_the_budget_begins_with_the_first_step_and_reaches_a_check(monkeypatch) -> None:
    monkeypatch.setattr(training_run, "time", Slow())
    start = TrainingRun.start

    def slow(self, *given):
        found = yield from start(self, *given)
        training_run.time.now += 1000.0  # a busy machine: getting ready takes many minutes
        return found

    monkeypatch.setattr(TrainingRun, "start", slow)
    options = replace(QUICK, max_seconds=4.0, max_epochs=50, steps_per_epoch=100)
    events = events_of(small_model(), [sample()], options)
    epochs, finished = of_kind(events, EpochDone), events[-1]
    assert isinstance(finished, Finished) and finished.reason == "time"
    assert len(epochs) == 1 and len(of_kind(events, StepDone)) == 4  # in the midst of an epoch
    assert finished.seconds < 10


def test_a_budget_of_one_moment_still_reaches_a_check(monkeypatch) -> None:
    monkeypatch.setattr(training_run, "time", Slow())
    options = replace(QUICK, max_seconds=1e-9, max_epochs=50)
    events = events_of(small_model(), [sample()], options)
    assert [type(e) for e in events[-3:]] == [StepDone, EpochDone, Finished]
    assert len(of_kind(events, StepDone)) == 1


def test_strokes_that_come_late_do_not_keep_a_check_from_coming(monkeypatch) -> None:
    monkeypatch.setattr(training_run, "time", Slow())
    options = replace(QUICK, max_seconds=6.0, max_epochs=50, steps_per_epoch=100)
    run = fine_tune(small_model(), [sample()], options)
    events = [next(run)]
    while not isinstance(events[-1], StepDone):
        events.append(next(run))
    events += [run.send([sample()]), *run]
    assert [type(e) for e in events[-2:]] == [EpochDone, Finished]
    assert events[-1].reason == "time"


def test_the_best_weights_are_kept_when_training_ruins_them() -> None:
    ruin = replace(QUICK, learning_rate=50.0, max_epochs=3, average_decay=0.5)
    events = events_of(small_model(), [sample()], ruin)
    best = min([*of_kind(events, EpochDone)], key=lambda e: e.network_weight)
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert finished.best_epoch == 0 and not best.improved
    instant = fit_instant(small_model(), [sample()])
    shown = [predict_labels(m, sample().image) for m in (instant, finished.model)]
    assert (shown[0] == shown[1]).mean() > 0.95


def test_a_run_can_be_closed_at_any_event(last_average) -> None:
    run = fine_tune(small_model(), [sample()], QUICK)
    while not isinstance(next(run), StepDone):
        pass
    run.close()
    with pytest.raises(StopIteration):
        next(run)
    assert last_average[0].steps == 1


OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    MemoryError("Unable to allocate 8 GiB"),
]


def short_of_memory(monkeypatch, error: BaseException, batch_size: int, patch_px: int) -> None:
    draw = PatchSource.draw

    def failing(self, batch, patch):
        if batch > batch_size or patch > patch_px:
            raise error
        return draw(self, batch, patch)

    monkeypatch.setattr(PatchSource, "draw", failing)


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=["cuda", "cpu", "numpy"])
def test_out_of_memory_halves_the_batch_then_the_patch_and_says_so(monkeypatch, error) -> None:
    short_of_memory(monkeypatch, error, 1, 64)
    options = replace(QUICK, batch_size=4, patch_px=128)
    events = events_of(small_model(), [sample()], options)
    texts = [notice.text for notice in of_kind(events, Notice)]
    assert len(texts) == 3
    assert "batches of 2" in texts[0] and "batches of 1" in texts[1] and "64 px" in texts[2]
    assert len(of_kind(events, StepDone)) == 6 and isinstance(events[-1], Finished)


def test_no_memory_at_all_is_said_in_plain_words(monkeypatch) -> None:
    short_of_memory(monkeypatch, OUT_OF_MEMORY[0], 0, 0)
    with pytest.raises(MemoryError, match="close other programs"):
        events_of(small_model(), [sample()])


def test_other_errors_are_not_swallowed(monkeypatch) -> None:
    short_of_memory(monkeypatch, RuntimeError("shapes differ"), 0, 0)
    with pytest.raises(RuntimeError, match="shapes differ"):
        events_of(small_model(), [sample()])


def test_the_cpu_takes_over_from_a_full_gpu() -> None:
    model = small_model()
    steps = OptimiserSteps(replace(QUICK, batch_size=1, guide_weight=0.0))
    steps.start_from(with_classes(model.features.backbone, 2))
    steps.device = "cuda"  # as if; its tensors are here
    assert "cuda" in steps.use_less_memory()
    assert steps.device == "cpu"
    patches = PatchSource(model, [sample()], (1, 2), cache=_cache(), seed=0)
    loss = steps.step(patches, (0.5, 0.5))
    assert loss is not None and np.isfinite(loss) and steps.steps == 1


def broken(kind: str, times: int) -> Iterator[Any]:
    """Losses that break ``times`` times and are right afterwards."""
    right = optimiser_steps.segmentation_loss
    calls = 0

    def loss(logits, *given, **joined):
        nonlocal calls
        calls += 1
        if calls > times:
            return right(logits, *given)
        if kind == "nan loss":
            return logits.sum() * float("nan")
        return torch.sqrt((logits * 0).sum())  # zero, with an infinite slope

    return loss  # type: ignore[return-value]


@pytest.mark.parametrize("kind", ["nan loss", "nan gradient"])
def test_steps_that_are_not_finite_never_reach_the_weights(monkeypatch, kind, last_average) -> None:
    monkeypatch.setattr(optimiser_steps, "segmentation_loss", broken(kind, 6))
    options = replace(QUICK, max_epochs=4, guide_weight=0.0)
    events = events_of(small_model(), [sample()], options)
    (notice,) = of_kind(events, Notice)
    assert "unstable" in notice.text
    losses = [e.loss for e in of_kind(events, StepDone)]
    assert np.isnan(losses[:4]).all() and np.isfinite(losses[-5:]).all()
    assert all(torch.isfinite(w).all() for w in weights(last_average[0].net))
    assert last_average[0].options.learning_rate == QUICK.learning_rate / 4
    finished = events[-1]
    assert isinstance(finished, Finished) and finished.model.can_answer


def test_too_few_strokes_to_hold_any_back_train_without_a_figure(monkeypatch) -> None:
    monkeypatch.setattr(optimiser_steps, "segmentation_loss", broken("nan loss", 6))
    image, _ = blobs((72, 88))
    painted = np.zeros(image.shape, np.uint8)
    painted[20, 20], painted[40, 60] = 1, 2
    options = replace(QUICK, max_epochs=4, guide_weight=0.0)
    events = events_of(small_model(), [Sample(as_micrograph(image), painted)], options)
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert finished.validation is None and finished.model.network_weight == 0
    assert of_kind(events, Started)[0].validation_pixels == 0
    assert len(of_kind(events, Notice)) == 1


def test_a_single_class_is_refused_before_anything_starts() -> None:
    lone = replace(sample(), labels=np.ones((72, 88), np.uint8))
    with pytest.raises(LabelError, match="only class 1"):
        next(fine_tune(small_model(), [lone], QUICK))


def test_stacks_and_colour_are_fine_tuned() -> None:
    image, labels = blobs((48, 56))
    volume = stack(image, 2)
    painted = np.stack([strokes(labels), np.zeros_like(labels)])
    once = replace(QUICK, max_epochs=1, augmentation=AugmentOptions())
    model = trained(small_model(), [Sample(volume, painted)], once).model
    assert predict_labels(model, volume).shape == (2, 48, 56)
    colour = as_micrograph(np.stack([image] * 3, -1).clip(0, 3).astype(np.float32), axes="yxc")
    model = trained(small_model(), [Sample(colour, strokes(labels))], once).model
    assert model.channels == 3 and model.network.net.config.in_channels == 3


def test_a_trained_model_survives_its_file(tmp_path) -> None:
    model = trained(small_model(), [sample()]).model
    model = model.with_network(model.network.net, max(model.network_weight, 0.25))
    save_model(model, tmp_path / "m.unetscope")
    loaded = load_model(tmp_path / "m.unetscope")
    answers = [predict_probabilities(m, sample().image) for m in (model, loaded)]
    assert np.array_equal(*answers)
    again = trained(loaded, [sample()], replace(QUICK, max_epochs=0))
    assert same(again.model.network.net, model.network.net)
