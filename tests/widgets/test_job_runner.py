from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from qtpy.compat import isalive
from qtpy.QtCore import QObject

from unetscope.errors import ModelError, UnetscopeError
from unetscope.learning.events import StepDone
from unetscope.workbench.job_runner import JobEnded, JobPaused, Lane
from unetscope.workbench.job_threads import Crew, wait_for_all


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


def test_a_widget_that_goes_waits_for_no_job_and_hears_nothing_of_it(qapp: Any, qtbot: Any) -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def busy() -> Iterator[str]:
        begun.set()
        go_on.wait(60)
        try:
            yield "too late"
        finally:
            ended.set()

    widget = QObject()
    heard: list[Any] = []
    lane = Lane(widget)
    lane.happened.connect(lambda _ticket, event: heard.append(event))
    lane.start(busy)
    assert begun.wait(10)
    widget.deleteLater()
    qtbot.wait(50)
    assert not isalive(lane)
    go_on.set()
    assert ended.wait(10)
    qtbot.wait(50)
    assert heard == []


def test_a_closed_lane_returns_at_once_and_starts_nothing(qapp: Any, qtbot: Any) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def busy() -> Iterator[str]:
        begun.set()
        go_on.wait(60)
        yield "too late"

    lane = Lane()
    ears = Ears(lane)
    lane.start(busy)
    assert begun.wait(10)
    lane.close()
    lane.close()
    lane.start(lambda: iter("abc"))
    assert not lane.busy
    go_on.set()
    assert lane.wait(10)
    qtbot.wait(50)
    assert ears.events == [] and ears.end is None


def test_what_writes_comes_to_its_end_after_its_lane_was_closed(qapp: Any, tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def written() -> Iterator[str]:
        begun.set()
        go_on.wait(60)
        yield "half"
        (tmp_path / "whole").write_text("whole")

    lane = Lane(writes=True)
    lane.start(written)
    assert begun.wait(10)
    lane.close()
    go_on.set()
    assert lane.wait(10)
    assert (tmp_path / "whole").exists()


def test_finishing_hears_the_job_out(lane: Lane) -> None:
    ears = Ears(lane)
    lane.start(lambda: iter("abc"), "ticket")
    assert lane.finish(10)
    assert ears.events == ["a", "b", "c"] and ears.end == JobEnded()
    assert not lane.busy


@pytest.mark.parametrize("error", [ModelError("choose another model"), ValueError("broken")])
def test_only_what_nobody_expected_is_traced_in_the_log(
    lane: Lane, qtbot: Any, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def failing() -> Iterator[str]:
        yield "before"
        raise error

    ears = Ears(lane)
    lane.start(failing)
    qtbot.waitUntil(lambda: ears.end is not None)
    assert bool(caplog.records) == (not isinstance(error, UnetscopeError))


LEAVING = """
import pathlib, sys, time
from qtpy.QtCore import QCoreApplication
from unetscope.workbench.job_runner import Lane

app = QCoreApplication([])

def computes():
    while True:
        sum(range(1000))
    yield

def stands_still():
    import ctypes
    ctypes.CDLL(None).sleep(600)
    yield

def writes():
    with open(sys.argv[1], "w") as file:
        for _ in range(20):
            time.sleep(0.05)
            file.write("line")
            yield

kept = [Lane(), Lane(), Lane(writes=True)]
for lane, job in zip(kept, (computes, stands_still, writes), strict=True):
    lane.start(job)
time.sleep(0.2)
for lane in kept:
    lane.close()
"""


def test_python_ends_although_jobs_do_not_and_what_writes_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "written"
    ended = subprocess.run(
        [sys.executable, "-c", LEAVING, str(file)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    assert file.read_text() == "line" * 20


def test_leaving_waits_for_a_thread_to_its_very_end(monkeypatch: Any) -> None:
    """A thread that has done its work still holds on to what it worked with."""
    over, held, served = threading.Event(), threading.Event(), Crew._serve
    monkeypatch.setattr(Crew, "_serve", lambda crew: (served(crew), over.set(), held.wait(20)))
    crew = Crew()
    crew.start(crew.dismiss)
    assert over.wait(20)
    assert not wait_for_all(0.2)
    held.set()
    assert wait_for_all(20)
