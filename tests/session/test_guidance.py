"""The status line names the one obvious next step, and only what can work can be pressed."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from unetscope.learning.events import Validation
from unetscope.session.guidance import controls, spoken_seconds, status_line
from unetscope.session.state import Session
from unetscope.session.values import (
    ImageSummary,
    Message,
    ModelInUse,
    Phase,
    PredictionStatus,
    TrainingStatus,
)

IMAGE = ImageSummary("k", "neurons", "yx", (64, 64), 1, False, choices=("yx",))


def session(**fields: Any) -> Session:
    model: Any = SimpleNamespace(
        can_answer=fields.pop("can_answer", False),
        channels=fields.pop("channels", 1),
        network_weight=fields.pop("network_weight", 0.25),
    )
    made = Session(image=IMAGE, model=ModelInUse(1, "General", model))
    for name, value in fields.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"image": None}, "Open an image"),
        ({}, "Click “background” and paint"),
        ({"painted": {1: 200}}, "Now click “object”"),
        ({"painted": {2: 200}}, "Now click “background”"),
        ({"painted": {1: 200, 2: 9}}, "Only 9 px of “object”"),
        ({"painted": {1: 200, 2: 300}}, "first answer is on its way"),
        ({"painted": {1: 200, 2: 300}, "can_answer": True}, "Press Train, or keep painting"),
        ({"painted": {1: 200, 2: 300}, "model": None}, "Opening"),
        ({"can_answer": True}, "This model can predict at once"),
        ({"can_answer": True, "channels": 3}, "knows images of 3 channel(s), this one has 1"),
        ({"training": TrainingStatus(Phase.STARTING)}, "Getting ready"),
        ({"training": TrainingStatus(Phase.RUNNING)}, "first scores"),
        ({"training": TrainingStatus(Phase.RUNNING, epoch=3, seconds=4)}, "Epoch 3, 4 s"),
        ({"training": TrainingStatus(Phase.PAUSED, epoch=3)}, "Press Resume"),
        ({"training": TrainingStatus(Phase.STOPPING)}, "best model so far is kept"),
        ({"prediction": PredictionStatus(True, "a.tif", 3, 9)}, "Predicting a.tif … 3 of 9"),
        ({"message": Message("No room on disk.", "error")}, "No room on disk."),
    ],
)
def test_the_status_line_names_the_next_step(fields: dict[str, Any], words: str) -> None:
    assert words in status_line(session(**fields)).text


def test_errors_come_before_everything_else() -> None:
    said = status_line(session(image=None, message=Message("Broken.", "error")))
    assert (said.text, said.tone) == ("Broken.", "error")


def test_notices_are_followed_by_the_next_step() -> None:
    text = status_line(session(message=Message("Saved m.unetscope."))).text
    assert text.startswith("Saved m.unetscope. Click “background”")


def test_after_training_the_scores_are_named_and_the_weakest_class_is_asked_for() -> None:
    held = Validation({1: 0.98, 2: 0.61}, {}, 0.2, 3120, "block")
    done = TrainingStatus(epoch=14, seconds=130, best_epoch=12, validation=held, reason="plateau")
    text = status_line(session(painted={1: 100, 2: 100}, training=done)).text
    assert "background 0.98 · object 0.61 on 3,120 held-back pixels" in text
    assert "best at epoch 12" in text
    assert "Two more strokes of “object” would help most" in text


def test_a_training_that_did_not_beat_the_instant_answer_says_so() -> None:
    done = TrainingStatus(epoch=14, seconds=60, best_epoch=0, reason="plateau")
    fields = {"painted": {1: 100, 2: 100}, "training": done}
    text = status_line(session(**fields, can_answer=True, network_weight=0.0)).text
    assert "nothing beat the instant answer" in text and "epoch 0" not in text
    assert "nothing beat" not in status_line(session(**fields, can_answer=True)).text


def test_no_figure_is_given_without_held_back_pixels_but_the_reason_is() -> None:
    running = TrainingStatus(
        Phase.RUNNING, epoch=2, note="4 px of “object” are too few to hold back"
    )
    text = status_line(session(painted={1: 100, 2: 100}, training=running)).text
    assert "Dice" not in text
    assert "too few to hold back." in text


def test_training_needs_two_classes_and_says_so() -> None:
    can = controls(session(painted={1: 100}))
    assert not can.train
    assert "two classes" in can.train_reason
    assert controls(session(painted={1: 100, 2: 3})).train


@pytest.mark.parametrize(
    ("phase", "pause", "stop"),
    [
        (Phase.IDLE, False, False),
        (Phase.STARTING, False, True),
        (Phase.RUNNING, True, True),
        (Phase.PAUSED, True, True),
        (Phase.STOPPING, False, False),
    ],
)
def test_pause_and_stop_follow_the_phase(phase: Phase, pause: bool, stop: bool) -> None:
    can = controls(session(painted={1: 9, 2: 9}, training=TrainingStatus(phase)))
    assert (can.pause, can.stop, can.train) == (pause, stop, phase is Phase.IDLE)


def test_models_cannot_be_changed_under_a_running_training() -> None:
    busy = session(painted={1: 9, 2: 9}, training=TrainingStatus(Phase.RUNNING))
    assert not controls(busy).change_model
    assert not controls(busy).go_back


def test_guidance_does_not_change_the_session() -> None:
    before = session(painted={1: 100, 2: 100})
    copy = replace(before)
    status_line(before)
    controls(before)
    assert before == copy


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59, "59 s"), (60, "1 min"), (130, "2 min 10 s"), (7260, "2 h 1 min")],
)
def test_seconds_are_spoken(seconds: float, words: str) -> None:
    assert spoken_seconds(seconds) == words
