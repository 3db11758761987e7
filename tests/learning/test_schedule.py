"""The learning rate falls to the end of the budget, and begins anew with new labels."""

from __future__ import annotations

import pytest

from unetscope.learning.schedule import Schedule
from unetscope.learning.train_options import TrainOptions


def test_the_pace_falls_with_the_time_and_new_strokes_begin_it_anew() -> None:
    schedule = Schedule(TrainOptions(max_seconds=60.0))
    schedule.begin(0, 0.0)
    paces = [schedule.pace(step, step / 10) for step in (0, 150, 300, 450, 600, 900)]
    assert paces[0] == 1 and paces[2] == pytest.approx(0.5, abs=0.01) and paces[-1] == 0.02
    assert paces == sorted(paces, reverse=True)
    schedule.begin(300, 30.0)
    assert schedule.pace(300, 30.0) == 1
    assert schedule.pace(450, 45.0) == pytest.approx(0.5, abs=0.01)


def test_what_has_no_end_gets_one_when_nothing_is_gained() -> None:
    options = TrainOptions(max_seconds=None, patience_epochs=4, steps_per_epoch=10)
    schedule = Schedule(options)
    schedule.begin(0, 0.0)
    assert schedule.pace(100, 1e9) > 0.99 and not schedule.has_settled(10**6)
    schedule.settle(100)
    schedule.settle(110)  # once
    assert [schedule.has_settled(step) for step in (100, 119, 120)] == [False, False, True]
    assert schedule.pace(110, 0.0) == pytest.approx(0.5) and schedule.pace(120, 0.0) == 0.02
    schedule.begin(120, 0.0)
    assert not schedule.has_settled(500)


def test_a_budget_that_is_spent_is_no_fault() -> None:
    schedule = Schedule(TrainOptions(max_seconds=0.0, max_epochs=1, steps_per_epoch=5))
    schedule.begin(7, 3.0)
    assert schedule.pace(7, 3.0) == 0.02
