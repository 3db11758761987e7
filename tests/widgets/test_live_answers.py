"""When the answer to a stroke is drawn: once for the view, but never long after its first tile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from unetscope.session.requests import AnswerRequest, JobEvent, TileShown
from unetscope.widgets import live_answers
from widgets.fake_engine import FakeJobs

LATE_MS = 60_000


class Halting(FakeJobs):
    """Waits after the first tile of an answer until it is let go."""

    def __init__(self) -> None:
        super().__init__()
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
