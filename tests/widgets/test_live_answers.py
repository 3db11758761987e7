"""When the answer to a stroke is drawn: once for the view, but never long after its first tile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from unetscope.errors import OutOfMemoryError
from unetscope.session.requests import AnswerRequest, JobEvent, TileShown
from unetscope.workbench import live_answers
from widgets.conftest import halves
from widgets.fake_engine import FakeJobs

LATE_MS = 60_000


class Halting(FakeJobs):
    """Waits after the first tile of an answer until it is let go."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.go_on = threading.Event()

    def answer(self, request: AnswerRequest) -> Iterator[JobEvent]:
        for event in super().answer(request):
            yield event
            if isinstance(event, TileShown):
                self.go_on.wait(timeout=20)


def noted(results: Any) -> list[str]:
    """Every tile that is written and every drawing, as they happen."""
    seen: list[str] = []
    write, redraw = results.write, results.redraw

    def writing(*how: Any) -> None:
        seen.append("tile")
        write(*how)

    def drawing() -> None:
        if seen:  # something was drawn before as well, when the window had warmed up
            seen.append("drawn")
        redraw()

    results.write, results.redraw = writing, drawing
    return seen


def test_a_view_of_several_tiles_is_drawn_when_it_is_complete(
    open_window: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_answers, "FIRST_MS", LATE_MS)
    opened = open_window()
    seen = noted(opened.window.bench.results)
    opened.paint_both()
    qtbot.waitUntil(lambda: "drawn" in seen, timeout=20_000)
    assert seen[: seen.index("drawn")] == ["tile"] * 4


def test_a_view_that_takes_long_is_drawn_in_part(
    open_window: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_answers, "FIRST_MS", 1)
    jobs = Halting()
    opened = open_window(jobs=jobs)
    seen = noted(opened.window.bench.results)
    try:
        opened.paint_both()
        qtbot.waitUntil(lambda: "drawn" in seen, timeout=20_000)
        assert seen[:2] == ["tile", "drawn"]
    finally:
        jobs.go_on.set()
    qtbot.waitUntil(lambda: seen.count("tile") >= 8, timeout=20_000)


def test_memory_that_runs_out_is_said_and_the_last_answer_stays(
    open_window: Any, qtbot: Any
) -> None:
    opened = open_window()
    opened.paint_both()
    qtbot.waitUntil(lambda: opened.window.bench.answers.up_to_date)
    before = opened.layer("prediction").data.copy()
    opened.jobs.fail_with = OutOfMemoryError("Memory ran out; the last answer stays.")
    opened.paint(2, slice(60, 70), slice(140, 190))
    qtbot.waitUntil(lambda: opened.session.message is not None)
    assert opened.session.message.tone == "notice"
    assert "the last answer stays" in opened.window.status.label.text()
    np.testing.assert_array_equal(opened.layer("prediction").data, before)
    opened.jobs.fail_with = None
    opened.paint(2, slice(80, 90), slice(140, 190))
    qtbot.waitUntil(lambda: opened.session.message is None)
    qtbot.waitUntil(lambda: opened.window.bench.answers.up_to_date)


def test_what_was_answered_is_said_where_other_planes_are_on_screen(
    open_window: Any, qtbot: Any
) -> None:
    opened = open_window(np.stack([halves()] * 12))
    opened.viewer.dims.set_current_step(0, 10)
    opened.window.bench.paint_with(1)
    opened.strokes.data_setitem((np.full(90, 10), np.arange(90), np.full(90, 20)), 1)
    opened.strokes.data_setitem((np.full(90, 10), np.arange(90), np.full(90, 150)), 2)
    qtbot.waitUntil(lambda: opened.window.bench.answers.up_to_date)
    qtbot.waitUntil(lambda: not opened.session.answering)
    label = opened.window.status.label
    assert "planes" not in label.text()
    for show in (opened.viewer.dims.roll, lambda: setattr(opened.viewer.dims, "ndisplay", 3)):
        show()
        qtbot.waitUntil(lambda: "Of 12 planes, plane" in label.text())
        opened.viewer.dims.ndisplay = 2
        opened.viewer.dims.order = (0, 1, 2)
        qtbot.waitUntil(lambda: "planes" not in label.text())
