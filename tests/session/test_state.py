from __future__ import annotations

from typing import Any

import pytest

from unetscope.images.classes import LabelClass
from unetscope.learning.events import (
    EpochDone,
    Finished,
    HeadFitted,
    Notice,
    Started,
    StepDone,
    Validation,
)
from unetscope.session.curves import MAX_POINTS, Curves
from unetscope.session.state import Session
from unetscope.session.values import Phase
from widgets.fake_engine import FakeModel

HELD = Validation(
    {1: 0.9, 2: 0.7}, {1: 0.8, 2: 0.6}, 0.3, 500, "block", {1: 3, 2: 5}, {1: 250, 2: 250}
)


def epoch(number: int, model: Any, *, improved: bool = True) -> EpochDone:
    return EpochDone(number, number * 2.0, 1 / number, HELD, 0.5, improved, model)


def trained(session: Session, model: Any) -> None:
    session.begin_training()
    session.apply(Started("cpu", "fp32", {1: 10, 2: 10}, 500, "by block"))
    session.apply(StepDone(1, 0.9, 0.1))
    session.apply(epoch(1, model))
    session.apply(Finished("plateau", model, 1, 2.0, HELD))


def test_a_training_runs_from_starting_to_idle_and_keeps_a_version() -> None:
    session = Session()
    seen: list[Phase] = []
    session.events.training.connect(lambda status: seen.append(status.phase))
    trained(session, FakeModel(network=1))
    assert [seen[0], seen[1], seen[-1]] == [Phase.STARTING, Phase.RUNNING, Phase.IDLE]
    assert session.training.reason == "plateau"
    assert session.training.validation is HELD
    assert session.versions.last_number == 1
    assert session.model is not None
    assert session.model.model.version == 1


def test_curves_hold_losses_and_dice_and_stay_bounded() -> None:
    session = Session()
    trained(session, FakeModel())
    assert session.curves.step_loss == ((0.1, 0.9),)
    assert session.curves.dice == ((2.0, {1: 0.9, 2: 0.7}),)
    assert session.curves.best_s == 2.0
    curves = Curves()
    for step in range(3 * MAX_POINTS):
        curves = curves.with_step(StepDone(step, 1.0, float(step)))
    assert len(curves.step_loss) <= MAX_POINTS
    assert curves.step_loss[0][0] == 0
    assert curves.step_loss[-1][0] == 3 * MAX_POINTS - 1


def test_an_answer_to_new_strokes_keeps_what_the_training_has_learned_meanwhile() -> None:
    session = Session()
    session.use_model(FakeModel(head="old"))  # type: ignore[arg-type]
    session.apply(epoch(1, FakeModel(head="old", network="epoch 1", network_weight=0.5)))
    newest: Any = FakeModel(head="new strokes")
    session.apply(HeadFitted(newest, 0.01, {1: 1, 2: 1}, False))
    model: Any = session.model.model if session.model else None
    assert (model.head, model.network) == ("new strokes", "epoch 1")
    session.apply(epoch(2, FakeModel(head="old", network="epoch 2", network_weight=0.5)))
    model = session.model.model if session.model else None
    assert (model.head, model.network) == ("new strokes", "epoch 2")


def test_a_stopped_training_keeps_the_best_so_far() -> None:
    session = Session()
    session.begin_training()
    model: Any = FakeModel(network=1)
    session.apply(epoch(1, model))
    session.set_phase(Phase.STOPPING)
    session.end_training()
    assert session.training.reason == "stopped"
    assert session.versions.last_number == 1


def test_going_back_makes_the_older_model_answer() -> None:
    session = Session()
    for name in ("first", "second"):
        model: Any = FakeModel(name)
        session.use_model(model)
        session.keep_version(name)
    session.step_version(back=True)
    assert session.model is not None
    assert session.model.model.name == "first"
    session.step_version(back=False)
    assert session.model.model.name == "second"


def test_a_loaded_model_brings_its_classes_and_painted_ones_stay() -> None:
    session = Session(painted={2: 50})
    model: Any = FakeModel(classes=(LabelClass(1, "pore", "#112233"),), head={1: 0.0})
    session.take_model(model, "steel", loaded=True)
    assert [c.name for c in session.classes] == ["pore", "object"]


def test_classes_get_colours_that_are_not_taken_and_values_that_are_not_either() -> None:
    session = Session()
    third, fourth = session.add_class(), session.add_class()
    assert (third.value, fourth.value) == (3, 4)
    assert len({c.color for c in session.classes}) == 4
    session.remove_class(4)
    assert session.add_class().value == 5  # undo may bring class 4 back


def test_a_removed_class_comes_back_as_it_was_when_its_strokes_do() -> None:
    session = Session()
    session.change_class(2, name="membrane", color="#123456")
    session.remove_class(2)
    session.add_class(value=2)
    assert session.class_of(2) == LabelClass(2, "membrane", "#123456")


def test_an_empty_name_changes_nothing() -> None:
    session = Session()
    session.change_class(1, name="   ")
    assert session.classes[0].name == "background"


def test_notices_are_shown_and_unknown_events_refused() -> None:
    session = Session()
    session.apply(Notice("Out of memory: smaller tiles."))
    assert session.message is not None
    assert session.message.text == "Out of memory: smaller tiles."
    with pytest.raises(TypeError, match="object"):
        session.apply(object())


def ended_without_change(session: Session) -> None:
    same: Any = session.model.model if session.model else None
    session.begin_training()
    session.apply(epoch(1, same, improved=False))
    session.apply(Finished("time", same, 0, 2.0, HELD))


@pytest.mark.parametrize("live", [True, False])
def test_a_training_that_changed_nothing_makes_no_version(live: bool) -> None:
    session = Session(live=live)
    session.take_model(FakeModel(head={1: 0.0}), "steel", loaded=False)  # type: ignore[arg-type]
    ended_without_change(session)
    assert session.versions.last_number == session.training.version == 1
    trained(session, FakeModel(head={1: 0.0}, network=1, network_weight=0.2))
    assert session.versions.last_number == session.training.version == 2
    ended_without_change(session)
    assert session.versions.last_number == 2


def test_a_training_stopped_before_it_got_better_makes_no_version() -> None:
    session = Session()
    model: Any = FakeModel(head={1: 0.0})
    session.take_model(model, "steel", loaded=False)
    session.begin_training()
    session.apply(epoch(1, session.model.model if session.model else model, improved=False))
    session.set_phase(Phase.STOPPING)
    session.end_training()
    assert session.versions.last_number == 1 and session.training.reason == "stopped"


def test_the_first_answer_of_a_training_is_a_version() -> None:
    session = Session(live=False)
    session.take_model(FakeModel(), "General", loaded=False)  # type: ignore[arg-type]
    session.begin_training()
    session.apply(Finished("plateau", FakeModel(head={1: 0.0}), 0, 2.0, None))  # type: ignore[arg-type]
    assert session.versions.last_number == 2


def test_curves_leave_out_what_too_few_strokes_say() -> None:
    held = Validation({1: 0.9, 2: 0.0}, {}, 0.3, 500, "block", {1: 3, 2: 1}, {1: 250, 2: 250})
    curves = Curves().with_epoch(EpochDone(1, 2.0, 0.5, held, 0.5, True, FakeModel()))  # type: ignore[arg-type]
    assert curves.dice == ((2.0, {1: 0.9}),)
