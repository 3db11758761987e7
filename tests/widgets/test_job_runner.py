from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from unetscope.learning.events import StepDone
from unetscope.widgets.job_runner import JobEnded, JobPaused, Lane


class Ears:
    """What a lane says, in the GUI thread."""

    def __init__(self, lane: Lane) -> None:
        self.events: list[Any] = []
        self.end: JobEnded | None = None
        self.tickets: list[Any] = []
        lane.happened.connect(self._happened)
        lane.ended.connect(self._ended)

    def _happened(self, ticket: Any, event: Any) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.tickets.append(ticket)
        self.events.append(event)

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        self.end = end


@pytest.fixture
def lane(qapp: Any) -> Iterator[Lane]:
    made = Lane()
    yield made
    made.drop()
    assert made.wait(3)


def endless() -> Generator[str, str | None, None]:
    while True:
        time.sleep(0.002)
        got = yield "tick"
        if got is not None:
            yield f"got {got}"


def test_events_arrive_in_order_with_their_ticket(lane: Lane, qtbot: Any) -> None:
    ears = Ears(lane)
    lane.start(lambda: iter("abc"), "ticket")
    qtbot.waitUntil(lambda: ears.end is not None)
    assert ears.events == ["a", "b", "c"]
    assert set(ears.tickets) == {"ticket"}
    assert ears.end == JobEnded()
    assert not lane.busy


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, MemoryError, StopIteration])
def test_an_error_is_reported_whatever_its_kind(
    lane: Lane, qtbot: Any, kind: type[Exception]
) -> None:
    def failing() -> Iterator[str]:
        yield "before"
        raise kind("broken")

    ears = Ears(lane)
    lane.start(failing)
    qtbot.waitUntil(lambda: ears.end is not None)
    assert ears.events == ["before"]
    assert ears.end is not None
    assert ears.end.error is not None


def test_stop_ends_the_job_and_runs_its_last_words(lane: Lane, qtbot: Any) -> None:
    closed: list[str] = []

    def careful() -> Iterator[str]:
        try:
            yield from endless()
        finally:
            closed.append("closed")

    ears = Ears(lane)
    lane.start(careful)
    qtbot.waitUntil(lambda: bool(ears.events))
    lane.stop()
    qtbot.waitUntil(lambda: ears.end is not None)
    assert ears.end == JobEnded(stopped=True)
    assert closed == ["closed"]


@pytest.mark.parametrize("paused_first", [True, False])
def test_a_paused_job_waits_and_can_be_stopped(lane: Lane, qtbot: Any, paused_first: bool) -> None:
    ears = Ears(lane)
    lane.start(endless)
    qtbot.waitUntil(lambda: bool(ears.events))
    lane.pause()
    if paused_first:
        qtbot.waitUntil(lambda: JobPaused() in ears.events)
        said = len(ears.events)
        qtbot.wait(100)
        assert len(ears.events) == said
    lane.stop()
    qtbot.waitUntil(lambda: ears.end is not None)


def test_a_paused_job_goes_on(lane: Lane, qtbot: Any) -> None:
    ears = Ears(lane)
    lane.start(endless)
    lane.pause()
    qtbot.waitUntil(lambda: JobPaused() in ears.events)
    said = len(ears.events)
    lane.resume()
    qtbot.waitUntil(lambda: len(ears.events) > said + 3)


def test_what_is_posted_reaches_the_generator(lane: Lane, qtbot: Any) -> None:
    ears = Ears(lane)
    lane.start(endless)
    qtbot.waitUntil(lambda: bool(ears.events))
    lane.post("strokes")
    qtbot.waitUntil(lambda: "got strokes" in ears.events)


def test_a_newer_job_silences_the_older(lane: Lane, qtbot: Any) -> None:
    ears = Ears(lane)
    lane.start(endless, "old")
    qtbot.waitUntil(lambda: bool(ears.events))
    lane.start(lambda: iter(["fresh"]), "new")
    ears.events.clear()
    ears.tickets.clear()
    qtbot.waitUntil(lambda: ears.end is not None)
    qtbot.wait(50)
    assert ears.events == ["fresh"]
    assert ears.tickets == ["new"]


def test_steps_are_thinned_but_the_last_before_anything_else_is_told(
    lane: Lane, qtbot: Any
) -> None:
    def stepping() -> Iterator[Any]:
        for step in range(300):
            time.sleep(0.001)
            yield StepDone(step, 1.0, step / 1000)
        yield "epoch"

    ears = Ears(lane)
    lane.start(stepping)
    qtbot.waitUntil(lambda: ears.end is not None)
    steps = [event.step for event in ears.events if isinstance(event, StepDone)]
    assert 2 <= len(steps) <= 20
    assert steps[-1] == 299
    assert ears.events[-1] == "epoch"
