"""Doubtful strokes: found when asked, one click goes there, one edit deletes or relabels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from unetscope.session.layers.stroke_keeping import FOLDER_VARIABLE
from unetscope.session.requests import StrokesRequest
from unetscope.widgets.painting.doubts_panel import DoubtsPanel
from widgets.advising_engine import AdvisingFakeJobs
from widgets.conftest import Opened, halves

Open = Callable[..., Opened]
WRONG = (slice(100, 110), slice(20, 40))  # painted bright on the dark half


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))


def painted(open_window: Open, qtbot: Any) -> Opened:
    """A window with strokes of two classes, one of them in the wrong class."""
    opened = open_window(halves(), AdvisingFakeJobs(), name="first")
    opened.paint_both()
    opened.paint(2, slice(60, 80), slice(140, 190))
    opened.paint(2, *WRONG)
    settled(opened, qtbot)
    return opened


def settled(opened: Opened, qtbot: Any) -> None:
    answers = opened.window.bench.answers
    qtbot.waitUntil(lambda: answers.up_to_date and not answers.lane.busy, timeout=10_000)


def checked(opened: Opened, qtbot: Any) -> Any:
    """The panel after the button; its lane has ended."""
    panel, checker = opened.window.part(DoubtsPanel), opened.window.bench.checker
    opened.window.bring_out(panel)
    panel.check.click()
    qtbot.waitUntil(lambda: not checker.lane.busy and panel.check.isEnabled(), timeout=5000)
    return panel


def test_a_wrong_stroke_is_listed_shown_and_relabelled_as_one_edit(
    open_window: Open, qtbot: Any
) -> None:
    opened = painted(open_window, qtbot)
    panel = checked(opened, qtbot)
    names = {c.value: c.name for c in opened.session.classes}
    assert panel.table.rowCount() == 1 and not panel.relabel.isVisibleTo(panel)
    assert panel.table.item(0, 0).text() == f"{names[2]} → {names[1]}?"

    panel.table.cellClicked.emit(0, 0)
    assert np.allclose(opened.viewer.scene.camera.center[-2:], (105, 30))
    assert opened.layer("doubtful stroke") is not None
    assert panel.words.text() == f"Painted {names[2]}, looks like {names[1]}."
    before = np.array(opened.strokes.data)
    panel.relabel.click()
    expected = before.copy()
    expected[WRONG] = 1
    np.testing.assert_array_equal(opened.strokes.data, expected)
    assert panel.table.rowCount() == 0 and "200 px" in panel.words.text()
    assert opened.layer("doubtful stroke") is None
    opened.window.bench.strokes.undo()
    np.testing.assert_array_equal(opened.strokes.data, before)

    panel = checked(opened, qtbot)
    panel.table.cellClicked.emit(0, 0)
    panel.delete.click()
    expected[WRONG] = 0
    np.testing.assert_array_equal(opened.strokes.data, expected)
    settled(opened, qtbot)
    assert "agree" in checked(opened, qtbot).words.text()


def test_a_stroke_that_was_painted_over_is_not_touched(open_window: Open, qtbot: Any) -> None:
    opened = painted(open_window, qtbot)
    panel = checked(opened, qtbot)
    panel.table.cellClicked.emit(0, 0)
    opened.paint(2, slice(108, 130), slice(20, 40))  # the stroke goes on
    before = np.array(opened.strokes.data)
    opened.window.bench.checker.delete()
    np.testing.assert_array_equal(opened.strokes.data, before)
    assert "check again" in panel.words.text() and panel.table.rowCount() == 0


def test_a_stroke_of_another_image_names_it_and_takes_the_person_there(
    open_window: Open, qtbot: Any
) -> None:
    opened = painted(open_window, qtbot)
    first = opened.session.image.key
    opened.viewer.add_image(halves(), name="second")
    opened.window.bench.choose_image(opened.session.images[-1].key)
    assert opened.session.image.key != first
    settled(opened, qtbot)
    panel = checked(opened, qtbot)
    assert panel.table.item(0, 0).text().startswith("first: ")
    panel.table.cellClicked.emit(0, 0)
    assert opened.session.image.key == first
    panel.delete.click()
    assert not opened.strokes.data[WRONG].any()


def test_with_one_class_it_says_what_is_missing(open_window: Open, qtbot: Any) -> None:
    opened = open_window(halves(), AdvisingFakeJobs())
    opened.paint(1, slice(20, 40), slice(10, 60))
    qtbot.waitUntil(lambda: bool(opened.session.painted), timeout=5000)
    panel = checked(opened, qtbot)
    assert "two classes" in panel.words.text() and opened.jobs.asked(StrokesRequest) == []
