"""Through z: gaps are filled, planes are copied, and what the model proposes waits for a yes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from unetscope.widgets.painting.helpers_panel import HelpersPanel
from unetscope.widgets.painting.through_panel import ThroughPanel
from widgets.advising_engine import AdvisingFakeJobs
from widgets.conftest import Opened, halves

Open = Callable[..., Opened]
SHAPE = (6, 64, 64)


@pytest.fixture
def stack(open_window: Open, qtbot: Any) -> Opened:
    """A stack with strokes on its plane 1, that plane on screen, and the fold open."""
    opened = open_window(np.stack([halves(SHAPE[1])] * SHAPE[0]), AdvisingFakeJobs())
    opened.window.bench.read_as(opened.session.image.key, "zyx")
    paint(opened, 1, 1, slice(10, 30), slice(5, 25))
    paint(opened, 2, 1, slice(10, 30), slice(40, 60))
    qtbot.waitUntil(lambda: opened.session.model.model.can_answer, timeout=5000)
    opened.viewer.dims.set_current_step(0, 1)
    opened.window.bring_out(opened.window.part(ThroughPanel))
    return opened


def paint(opened: Opened, value: int, z: int, rows: slice, columns: slice) -> None:
    opened.window.bench.paint_with(value)
    grid = np.mgrid[z : z + 1, rows, columns]
    opened.strokes.data_setitem(tuple(part.ravel() for part in grid), value)


def press(button: Any, qtbot: Any) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_the_helper_is_there_for_stacks_alone(stack: Opened) -> None:
    panel, word = stack.window.part(ThroughPanel), stack.window.part(HelpersPanel).buttons
    assert panel.isVisibleTo(stack.window) and not panel.accept.isVisibleTo(panel)
    assert word[ThroughPanel].isVisibleTo(stack.window)
    stack.viewer.add_image(halves(), name="flat")
    stack.window.bench.choose_image(stack.session.images[-1].key)
    assert not panel.isVisibleTo(stack.window)
    assert not word[ThroughPanel].isVisibleTo(stack.window)


def test_a_gap_is_filled_as_one_edit(stack: Opened, qtbot: Any) -> None:
    panel = stack.window.part(ThroughPanel)
    press(panel.interpolate, qtbot)
    assert "lies in no gap" in panel.words.text()
    paint(stack, 1, 4, slice(16, 36), slice(11, 31))
    before = stack.strokes.data.copy()
    press(panel.interpolate, qtbot)
    middle = np.argwhere(stack.strokes.data[2] == 1)
    assert np.allclose(middle.mean(axis=0), (21.5, 16.5), atol=1), "a third of the way"
    assert not (stack.strokes.data[2:4] == 2).any(), "a class on one plane only is not carried"
    assert "planes 2 to 3" in panel.words.text()
    stack.window.bench.strokes.undo()
    assert np.array_equal(stack.strokes.data, before)


def test_a_plane_is_copied_on_and_shown(stack: Opened, qtbot: Any) -> None:
    panel = stack.window.part(ThroughPanel)
    press(panel.forth, qtbot)
    assert np.array_equal(stack.strokes.data[2], stack.strokes.data[1])
    assert stack.viewer.dims.current_step[0] == 2
    stack.viewer.dims.set_current_step(0, 0)
    press(panel.forth, qtbot)
    assert "nothing is painted on plane 0" in panel.words.text().lower()


def test_a_proposal_is_painted_only_after_yes(stack: Opened, qtbot: Any) -> None:
    panel, before = stack.window.part(ThroughPanel), stack.strokes.data.copy()
    for answer in (panel.discard, panel.accept):
        press(panel.propagate, qtbot)
        qtbot.waitUntil(lambda: panel.accept.isVisibleTo(panel), timeout=5000)
        proposal = stack.layer("proposal").data.copy()
        assert proposal[[0, 2, 3, 4]].any(axis=(1, 2)).all() and not proposal[[1, 5]].any()
        assert np.array_equal(stack.strokes.data, before)
        press(answer, qtbot)
        assert stack.layer("proposal") is None and not panel.accept.isVisibleTo(panel)
    assert np.array_equal(stack.strokes.data, np.where(before > 0, before, proposal))
    stack.window.bench.strokes.undo()
    assert np.array_equal(stack.strokes.data, before)
