"""A large image in the window: what is told before and while its answer grows, pause, cancel."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unetscope.scaling.layout import Layout
from unetscope.session.layers import answer_pyramid
from unetscope.session.requests import (
    AnswerBegun,
    AnswerComplete,
    AnswerGoesOn,
    AnswerReckoned,
    GrowRequest,
    PredictRequest,
    UnfinishedRequest,
)
from unetscope.session.values import Scope, UnfinishedAnswer
from unetscope.widgets.painting.growing_line import GrowingLine
from unetscope.widgets.painting.prediction_panel import PredictionPanel
from unetscope.workbench import context, live_answers
from widgets.conftest import Opened, halves
from widgets.fake_engine import FakeJobs


class Growing(FakeJobs):
    """Says how it goes on once for each time that it is let."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.go = threading.Semaphore(0)
        self.does[GrowRequest] = self.grow
        self.does[UnfinishedRequest] = self.unfinished
        self.left = True

    def grow(self, request: GrowRequest) -> Iterator[Any]:
        key, path = request.target.key, request.folder / "cells_labels.zarr"
        if request.go_on is None:
            yield AnswerReckoned(key, path, 1000.0, 3.2e6, 2.5e9)
        layout = Layout.of(request.target.image.spatial_shape, 2048)
        none = np.zeros(layout.level_shape(layout.coarse_level), np.uint8)
        yield AnswerBegun(key, path, layout, (), "m v1", none)
        for done in range(1, 9):
            self.go.acquire(timeout=20)
            yield AnswerGoesOn(key, done, 8, 90.0)
        self.left = False
        yield AnswerComplete(key, path, {1: 0.5, 2: 0.5})

    def unfinished(self, request: UnfinishedRequest) -> Iterator[Any]:
        if self.left:
            path = request.folder / "cells_labels.zarr"
            yield UnfinishedAnswer(request.key, path, 3, 8, "m v1")


@pytest.fixture
def opened(
    open_window: Callable[..., Opened], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> Opened:
    monkeypatch.setattr(answer_pyramid, "LARGE_PX", 10_000)
    found = open_window(halves(600), jobs=Growing())
    found.paint(1, slice(20, 40), slice(10, 60))
    found.paint(2, slice(20, 40), slice(440, 490))
    qtbot.waitUntil(lambda: found.window.bench.answers.up_to_date, timeout=5000)
    qtbot.waitUntil(lambda: bool(found.session.unfinished), timeout=5000)
    return found


def test_a_large_image_grows_with_a_line_of_time_and_room_and_can_be_held_and_cancelled(
    opened: Opened, qtbot: Any
) -> None:
    jobs, session, panel = opened.jobs, opened.session, opened.window.part(PredictionPanel)
    words = opened.window.part(GrowingLine).words
    assert opened.layer("prediction").multiscale  # the live answer, too
    opened.window.bench.predict(Scope.IMAGE)
    jobs.go.release()
    qtbot.waitUntil(lambda: session.prediction.done == 1, timeout=5000)
    told = words.text().replace("\u200b", "")
    assert told.startswith(
        "About 1 min 30 s left. Reckoned from a few tiles: 12 min to 22 min, 3 MB (at most 2.5 GB)"
    )
    assert "cells_labels.zarr, a temporary folder, for there is none of the image" in told
    assert not jobs.asked(PredictRequest) and not session.unfinished
    panel.pause_button.click()
    jobs.go.release()  # the tile under way ends, and no other begins
    qtbot.waitUntil(lambda: session.prediction.done == 2, timeout=5000)
    jobs.go.release(2)
    qtbot.wait(200)
    assert session.prediction.done == 2 and panel.pause_button.text() == "Go on"
    panel.pause_button.click()
    qtbot.waitUntil(lambda: session.prediction.done == 4, timeout=5000)
    panel.stop_button.click()
    jobs.go.release()
    qtbot.waitUntil(lambda: not session.prediction.busy, timeout=5000)
    assert session.message.text.startswith("Cancelled; what was answered of ")
    assert session.predicted == {}


def test_what_was_begun_is_offered_and_gone_on_with(opened: Opened, qtbot: Any) -> None:
    jobs, session, line = opened.jobs, opened.session, opened.window.part(GrowingLine)
    assert "begun and not completed: 3 of 8 blocks by m v1, in " in line.words.text()
    line.button.click()
    jobs.go.release(8)
    qtbot.waitUntil(lambda: not session.prediction.busy, timeout=5000)
    asked = jobs.asked(GrowRequest)[0]
    assert asked.go_on == Path(asked.folder) / "cells_labels.zarr"
    assert "the answer is in " in session.message.text
    qtbot.waitUntil(lambda: not opened.window.bench.growing.lane.busy, timeout=5000)
    assert not session.unfinished and line.isHidden()


def test_a_view_that_is_zoomed_out_is_answered_in_its_middle(
    open_window: Callable[..., Opened], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (context, live_answers):
        monkeypatch.setattr(module, "LIVE_IMAGE_PX", 10_000)
        monkeypatch.setattr(module, "LIVE_VIEW_PX", 64)
    found = open_window()
    found.paint_both()
    qtbot.waitUntil(lambda: found.window.bench.answers.up_to_date, timeout=5000)
    target = found.jobs.calls[-1].target
    assert target.view == (slice(68, 132), slice(68, 132))
    assert found.session.answered_of == "Of what is on screen, the middle is answered live."
