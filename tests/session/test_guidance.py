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
        (
            {
                "painted": {1: 200, 2: 300},
                "can_answer": True,
                "seen": frozenset("k"),
                "predicted": {"k": 1},
            },
            "Measure it, save the result",
        ),
    ],
)
def test_the_status_line_names_the_next_step(fields: dict[str, Any], words: str) -> None:
    assert words in status_line(session(**fields)).text


def judged(dice: dict[int, float], strokes: int = 4, pixels: int = 900) -> Validation:
    counts = dict.fromkeys(dice, strokes), dict.fromkeys(dice, pixels)
    return Validation(dice, dice, 0.2, pixels * len(dice), "block", *counts)


def test_errors_come_before_everything_else() -> None:
    said = status_line(session(image=None, message=Message("Broken.", "error")))
    assert (said.text, said.tone) == ("Broken.", "error")


def test_notices_are_followed_by_the_next_step() -> None:
    text = status_line(session(message=Message("Saved m.unetscope."))).text
    assert text.startswith("Saved m.unetscope. Click “background”")


def test_after_training_the_scores_are_named_and_the_weakest_class_is_asked_for() -> None:
    held = judged({1: 0.98, 2: 0.61})
    done = TrainingStatus(epoch=14, seconds=130, best_epoch=12, validation=held, reason="plateau")
    text = status_line(session(painted={1: 100, 2: 100}, training=done)).text
    assert "Background 0.98 · object 0.61 on 8 held-back strokes." in text
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


def ended(**fields: Any) -> Any:
    shown: dict[str, Any] = {"painted": {1: 100, 2: 100}, "can_answer": True}
    weight = fields.pop("network_weight", 0.25)
    done = TrainingStatus(**{"epoch": 20, "seconds": 60, "best_epoch": 3, **fields})
    return session(**shown, training=done, network_weight=weight)


def test_a_score_of_a_few_strokes_is_not_told() -> None:
    held = judged({1: 0.95, 2: 0.0})
    held = replace(held, strokes={1: 5, 2: 1})
    said = status_line(ended(reason="plateau", validation=held))
    assert "Background 0.95 on 5 held-back strokes; object: too few held-back strokes" in said.text
    assert "0.00" not in said.text and "Dice" not in said.text
    nothing = replace(held, strokes={1: 2, 2: 1})
    said = status_line(ended(reason="plateau", validation=nothing))
    assert said.text.startswith("Too few held-back strokes to say a score.")
    assert "0." not in said.text and said.tone != "good"


@pytest.mark.parametrize(("worst", "good"), [(0.0, False), (0.7, False), (0.8, True)])
def test_a_poor_score_is_not_shown_in_green(worst: float, good: bool) -> None:
    said = status_line(ended(reason="plateau", validation=judged({1: 0.99, 2: worst})))
    assert (said.tone == "good") == good
    assert f"object {worst:.2f}" in said.text


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("time", "The time was up after 1 min"),
        ("stopped", "You stopped it after 1 min"),
        ("plateau", "Nothing got better any more, so it ended after 1 min"),
        ("memory", "Memory ran out after 1 min"),
    ],
)
def test_what_ended_a_training_is_said(reason: str, words: str) -> None:
    assert words in status_line(ended(reason=reason)).text
    before = status_line(ended(reason=reason, epoch=0, best_epoch=0)).text
    assert words.split(" after")[0] in before and "nothing has changed" in before


def test_a_training_too_short_to_judge_says_so() -> None:
    short = status_line(ended(reason="time", epoch=4, network_weight=0.04)).text
    assert "too short to judge: the network has 4% of the answer" in short
    silent = status_line(ended(reason="time", epoch=4, network_weight=0.0)).text
    assert "too short to judge" in silent and "nothing beat" not in silent
    assert "too short" not in status_line(ended(reason="time", network_weight=0.1)).text


def test_what_is_said_of_a_training_belongs_to_the_version_on_screen() -> None:
    here = ended(reason="plateau", validation=judged({1: 0.9, 2: 0.8}), version=2)
    for note in ("opened General", "trained 60 s"):
        here.versions = here.versions.added(here.model.model, note, "now")
    assert "0.90" in status_line(here).text
    here.versions = here.versions.gone_back()
    text = status_line(here).text
    assert "You see version 1 (opened General)" in text
    assert "0.90" not in text and "held-back" not in text
    here.versions = here.versions.gone_forward()
    assert "0.90" in status_line(here).text


def test_advice_to_paint_ends_when_it_was_followed() -> None:
    held = judged({1: 0.9, 2: 0.5})
    here = ended(reason="plateau", validation=held, painted={1: 100, 2: 100})
    assert "Two more strokes of “object”" in status_line(here).text
    here.painted = {1: 100, 2: 180}
    text = status_line(here).text
    assert "Two more strokes" not in text and "Press Train again to learn from" in text
