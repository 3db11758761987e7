"""Accept and correct: a gesture is one edit of the journal, and what was painted stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from qtpy.QtCore import Qt

from unetscope.session.layers.accept_tools import Tool
from unetscope.widgets.painting.accept_panel import AcceptPanel
from unetscope.widgets.painting.helpers_panel import HelpersPanel
from unetscope.widgets.painting.prediction_panel import PredictionPanel
from widgets.conftest import SIDE, Opened

Open = Callable[..., Opened]


def answered(open_window: Open, qtbot: Any, image: Any = None, **how: Any) -> Opened:
    """A window with an answer to the first strokes; the journal knows them."""
    opened = open_window(image, **how)
    opened.paint_both()
    answers = opened.window.bench.answers
    qtbot.waitUntil(lambda: answers.up_to_date and not answers.lane.busy, timeout=10_000)
    return opened


def take(opened: Opened, tool: Tool, qtbot: Any) -> Any:
    panel = opened.window.part(AcceptPanel)
    opened.window.bring_out(panel)
    qtbot.mouseClick(panel.buttons[tool], Qt.MouseButton.LeftButton)
    assert panel.buttons[tool].isChecked()
    return panel


def drag(opened: Opened, path: Sequence[Sequence[float]], *keys: str) -> None:
    """Press, move and let go of the mouse, as napari tells of it."""
    world = [opened.strokes.data_to_world(point) for point in path]
    kinds = ["mouse_press", *["mouse_move"] * (len(path) - 1), "mouse_release"]
    for callback in list(opened.viewer.mouse_drag_callbacks):
        event = SimpleNamespace(type=kinds[0], button=1, position=world[0], modifiers=keys)
        running = callback(opened.viewer, event)
        for kind, position in zip(kinds, [*world, world[-1]], strict=True):
            event.type, event.position = kind, position
            next(running, None)


def kinds(opened: Opened) -> list[str]:
    """What the journal says was done."""
    keeper = opened.window.bench.strokes.keeper
    keeper.commit()
    journal = keeper._kept[opened.session.image.key].journal
    return [entry.kind.value for entry in journal.history.standing()]


def test_the_brush_takes_over_what_is_predicted_under_it(open_window: Open, qtbot: Any) -> None:
    opened = answered(open_window, qtbot)
    before, edits = opened.strokes.data.copy(), kinds(opened)
    panel = take(opened, Tool.BRUSH, qtbot)
    opened.strokes.brush_size = 8
    drag(opened, [(30, 40), (30, 100), (60, 160)])
    after = opened.strokes.data
    assert after[30, 70] == 1 and after[45, 130] == 2, "the class of each pixel's prediction"
    assert np.array_equal(after[before > 0], before[before > 0]), "what was painted stands"
    assert not after[100:].any() and not after[:, :35][:20].any()
    assert kinds(opened) == [*edits, "accept"]
    assert "taken over as predicted" in panel.words.text()
    opened.window.bench.strokes.undo()
    assert np.array_equal(opened.strokes.data, before)


def test_the_lasso_takes_over_what_it_encloses(open_window: Open, qtbot: Any) -> None:
    opened = answered(open_window, qtbot)
    before = opened.strokes.data.copy()
    take(opened, Tool.LASSO, qtbot)
    drag(opened, [(80, 60), (80, 140), (120, 140), (120, 60)])
    inside = opened.strokes.data[82:118, 62:138]
    assert (inside[:, : 100 - 62] == 1).all() and (inside[:, 100 - 62 :] == 2).all()
    opened.window.bench.strokes.undo()
    take_away = opened.window.part(AcceptPanel).buttons[Tool.LASSO]
    assert np.array_equal(opened.strokes.data, before) and take_away.isChecked()
    drag(opened, [(80, 60), (80, 140), (120, 140), (120, 60)], "Shift")
    assert (opened.strokes.data[82:118, 62:138] == 2).all(), "Shift: the class in the brush"


def test_one_click_takes_a_connected_region(open_window: Open, qtbot: Any) -> None:
    opened = answered(open_window, qtbot)
    edits = kinds(opened)
    panel = take(opened, Tool.REGION, qtbot)
    drag(opened, [(150, 150)])
    assert (opened.strokes.data[:, SIDE // 2 :] == 2).all()
    assert (opened.strokes.data[:, : SIDE // 2] == 2).sum() == 0
    assert kinds(opened) == [*edits, "accept"]
    drag(opened, [(150, 150)])
    assert "painted already" in panel.words.text() and kinds(opened) == [*edits, "accept"]


def test_a_patch_is_painted_with_the_class_in_the_brush(open_window: Open, qtbot: Any) -> None:
    image = np.zeros((SIDE, SIDE), np.float32)
    image[:, SIDE // 2 :] = 1
    image[100:112, 60:72] = 0.5
    opened = answered(open_window, qtbot, image)
    edits = kinds(opened)
    take(opened, Tool.PATCH, qtbot)
    opened.window.bench.paint_with(1)
    assert opened.strokes.mode == "paint"
    buttons = opened.window.part(AcceptPanel).buttons
    qtbot.waitUntil(lambda: buttons[Tool.PATCH].isChecked(), timeout=2000)
    before = opened.strokes.data.copy()
    drag(opened, [(106, 66)])
    painted = np.argwhere(opened.strokes.data != before)
    assert (opened.strokes.data[tuple(painted.T)] == 1).all() and len(painted) > 30
    assert np.abs(painted - (106, 66)).max() < 24
    assert kinds(opened) == [*edits, "fill"]


def test_napari_own_tools_and_folding_put_the_tool_away(open_window: Open, qtbot: Any) -> None:
    opened = answered(open_window, qtbot)
    callbacks, layers = len(opened.viewer.mouse_drag_callbacks), len(opened.viewer.layers)
    panel = take(opened, Tool.BRUSH, qtbot)
    assert opened.strokes.mode == "pan_zoom" and not opened.strokes.mouse_pan
    opened.strokes.mode = "erase"
    assert not panel.buttons[Tool.BRUSH].isChecked() and opened.strokes.mode == "erase"
    take(opened, Tool.REGION, qtbot)
    opened.window.part(HelpersPanel).fold.collapse()
    assert opened.strokes.mode == "paint"
    take(opened, Tool.LASSO, qtbot)
    opened.viewer.layers.selection.active = opened.viewer.layers[0]  # the image
    assert not panel.buttons[Tool.LASSO].isChecked()
    assert len(opened.viewer.mouse_drag_callbacks) == callbacks
    assert len(opened.viewer.layers) == layers


def test_without_a_prediction_the_window_says_what_to_do(open_window: Open, qtbot: Any) -> None:
    opened = open_window()
    take(opened, Tool.BRUSH, qtbot)
    drag(opened, [(30, 40), (30, 60)])
    assert "no prediction of this image yet" in opened.window.status.label.text()


def test_in_a_stack_a_region_stays_on_its_plane(open_window: Open, qtbot: Any) -> None:
    plane = np.zeros((SIDE, SIDE), np.float32)
    plane[:, SIDE // 2 :] = 1
    opened = open_window(np.stack([plane] * 3), scale=(4.0, 2.0, 2.0))
    opened.window.bench.read_as(opened.session.image.key, "zyx")
    opened.window.bench.paint_with(1)
    grid = np.mgrid[1:2, 20:40, 10:60]
    opened.strokes.data_setitem(tuple(part.ravel() for part in grid), 1)
    grid[2] += 130
    opened.strokes.data_setitem(tuple(part.ravel() for part in grid), 2)
    qtbot.waitUntil(lambda: opened.layer("prediction") is not None, timeout=5000)
    opened.window.bench.predict(opened.window.part(PredictionPanel).scope)
    qtbot.waitUntil(lambda: opened.layer("prediction").data[2].all(), timeout=5000)
    take(opened, Tool.REGION, qtbot)
    drag(opened, [(2, 50, 150)])
    assert (opened.strokes.data[2, :, SIDE // 2 :] == 2).all()
    assert not opened.strokes.data[0].any()
    take(opened, Tool.BRUSH, qtbot)
    drag(opened, [(0, 50, 150), (0, 50, 160)])
    assert opened.strokes.data[0, 50, 155] == 2


def test_the_docs_name_every_tool_as_its_button_does() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "annotate.md"
    text = page.read_text(encoding="utf-8")
    assert [tool.value for tool in Tool if f"| *{tool.value}* |" not in text] == []
