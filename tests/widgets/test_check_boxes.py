"""Check boxes in the window: drawn, kept out of learning, kept, compared, and judged honestly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unetscope.images.files import write_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.learning.check_box import CheckBox
from unetscope.session.journal.history import EditKind
from unetscope.session.project import recent
from unetscope.session.project.folder import Project
from unetscope.session.requests import AnswerRequest, CheckRequest, TrainRequest
from unetscope.session.values import Phase
from unetscope.widgets.painting.box_panel import BoxPanel
from unetscope.workbench import box_desk
from widgets.conftest import Opened, halves
from widgets.fake_engine import FakeJobs
from widgets.test_accepter import drag

Open = Callable[..., Opened]
CORNERS = np.array([(100.0, 80.0), (139.0, 119.0)])
BOX = CheckBox(0, 100, 140, 80, 120)  # half of it is dark, half is bright


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(box_desk, "REST_MS", 20)
    monkeypatch.setattr(recent, "user_data_path", lambda *_, **__: tmp_path / "user")


def draw(opened: Opened, corners: np.ndarray = CORNERS) -> None:
    """As the mouse does it."""
    desk = opened.window.bench.boxes
    desk.draw(on=True)
    assert desk.drawing
    desk.layer.stop()
    desk.layer.drawn.emit(opened.session.image.key, corners)


def fill(opened: Opened) -> None:
    """Paint the box as it is, but for one wrong column."""
    opened.paint(1, slice(100, 140), slice(80, 100))
    opened.paint(2, slice(100, 140), slice(100, 120))


def learned(opened: Opened) -> list[np.ndarray]:
    samples = opened.window.bench.layers.samples(1)
    return [sample.labels.copy() for sample in samples]


def settle(opened: Opened, qtbot: Any) -> None:
    bench = opened.window.bench
    qtbot.waitUntil(
        lambda: (
            bench.answers.up_to_date and not bench.answers.lane.busy and not bench.boxes.lane.busy
        ),
        timeout=5000,
    )


def test_what_is_painted_in_a_box_is_never_handed_to_learning(
    open_window: Open, qtbot: Any
) -> None:
    opened = open_window()
    opened.paint_both()
    settle(opened, qtbot)
    before, counted = learned(opened), dict(opened.session.painted)
    draw(opened)
    fill(opened)
    settle(opened, qtbot)
    opened.window.bench.train()
    qtbot.waitUntil(lambda: opened.session.training.phase is Phase.IDLE, timeout=5000)
    assert opened.session.painted == counted
    assert len(before) == 1 and all(map(np.array_equal, learned(opened), before))
    asked = [r for r in opened.jobs.calls if isinstance(r, AnswerRequest | TrainRequest)]
    after_it = asked[-2:]
    assert after_it and all(
        not sample.labels[BOX.plane].any() for r in after_it for sample in r.samples
    )
    assert opened.strokes.data[BOX.plane].all()  # the strokes themselves are there


def test_strokes_that_a_box_is_drawn_on_are_learned_from_no_more_and_again_without_it(
    open_window: Open, qtbot: Any
) -> None:
    opened = open_window()
    opened.paint_both()
    fill(opened)
    settle(opened, qtbot)
    counted = dict(opened.session.painted)
    draw(opened)
    qtbot.waitUntil(lambda: opened.session.painted != counted)
    assert not learned(opened)[0][BOX.plane].any()
    opened.window.bench.boxes.remove_here()
    qtbot.waitUntil(lambda: opened.session.painted == counted)
    assert learned(opened)[0][BOX.plane].all()


def test_a_painted_box_gives_scores_and_an_unpainted_one_does_not(
    open_window: Open, qtbot: Any
) -> None:
    opened = open_window()
    opened.paint_both()
    draw(opened)
    qtbot.waitUntil(lambda: opened.session.check.boxes == 1)
    assert opened.session.check.sparse == 1 and not opened.session.check.scores
    fill(opened)
    qtbot.waitUntil(lambda: opened.session.check.counted == 1, timeout=5000)
    scores = opened.session.check.scores
    assert [score.value for score in scores] == [1, 2]
    assert all(score.dice.value == 1 and score.dice.reason for score in scores)
    assert opened.session.check.of == opened.session.model.serial


def test_the_rest_of_a_box_is_painted_in_the_class_of_the_brush_as_one_edit(
    open_window: Open, qtbot: Any
) -> None:
    opened = open_window()
    opened.paint_both()
    draw(opened)
    opened.paint(2, slice(100, 140), slice(100, 120))
    opened.window.bench.paint_with(1)
    opened.window.bench.boxes.fill_rest()
    assert (opened.strokes.data[100:140, 80:100] == 1).all()
    assert (opened.strokes.data[100:140, 100:120] == 2).all()
    opened.window.bench.strokes.undo()
    assert not opened.strokes.data[100:140, 80:100].any()
    assert (opened.strokes.data[100:140, 100:120] == 2).all()


def test_the_answer_is_never_taken_over_in_a_box(open_window: Open, qtbot: Any) -> None:
    opened = open_window()
    opened.paint_both()
    settle(opened, qtbot)
    draw(opened)
    accepting, key = opened.window.bench.accepter.accepting, opened.session.image.key
    region = accepting.predicted_at(key, (120, 90))
    assert region is not None
    assert accepting.accept(key, region) > 0
    assert not opened.strokes.data[BOX.plane].any()
    everywhere = (slice(0, 200), slice(0, 200))
    proposed = np.full((200, 200), 2, opened.strokes.data.dtype)  # as from the next plane
    assert accepting.write(key, everywhere, proposed, EditKind.ACCEPT) > 0
    assert not opened.strokes.data[BOX.plane].any()


def test_a_box_survives_a_restart(open_window: Open, qtbot: Any) -> None:
    first = open_window()
    first.paint_both()
    draw(first)
    fill(first)
    first.window.bench.strokes.keeper.sweep()
    first.window.shut_down()
    second = open_window()
    assert second.window.bench.boxes.here == (BOX,)
    second.window.bench.strokes.restore()
    settle(second, qtbot)
    assert second.strokes.data[BOX.plane].all()
    assert not learned(second)[0][BOX.plane].any()


def test_boxes_of_all_images_of_a_project_are_kept_and_compared(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    project = Project.create(tmp_path / "gold")
    for name in ("a.tif", "b.tif"):
        write_micrograph(Micrograph(halves(), "yx", (2.0, 2.0), "nm"), tmp_path / name)
        project.add_image(tmp_path / name)
    project.save()
    opened = open_window(False, FakeJobs())
    bench = opened.window.bench
    bench.project.open(project.folder)
    qtbot.waitUntil(lambda: opened.session.image is not None, timeout=5000)
    qtbot.waitUntil(lambda: opened.session.model is not None, timeout=5000)
    opened.paint_both()
    draw(opened)
    fill(opened)
    qtbot.waitUntil(lambda: opened.session.check.counted == 1, timeout=5000)
    bench.project.images.go_to("0002")
    qtbot.waitUntil(lambda: opened.session.image.name == "b.tif", timeout=5000)
    assert bench.boxes.here == ()
    draw(opened)
    fill(opened)
    qtbot.waitUntil(lambda: opened.session.check.counted == 2, timeout=5000)
    assert opened.session.check.images == 2
    with bench.layers.whole_project():
        assert not any(s.labels[BOX.plane].any() for s in bench.layers.samples(1))
    bench.project.close_project()
    again = Project.open(project.folder)
    assert [entry.check_boxes for entry in again.record.images] == [(BOX,), (BOX,)]


def test_learning_anew_begins_without_the_network(open_window: Open, qtbot: Any) -> None:
    opened = open_window()
    opened.paint_both()
    settle(opened, qtbot)
    opened.window.bench.train()
    qtbot.waitUntil(lambda: opened.session.training.phase is Phase.IDLE, timeout=5000)
    assert opened.session.model.model.network
    opened.window.bench.train(anew=True)
    qtbot.waitUntil(lambda: opened.session.training.phase is Phase.IDLE, timeout=5000)
    begun = opened.jobs.asked(TrainRequest)[-1].model
    assert begun.network is None
    assert opened.jobs.asked(CheckRequest) == []  # without a box nothing is compared


def test_a_box_that_lies_beside_the_image_is_refused(open_window: Open) -> None:
    opened = open_window()
    opened.paint_both()
    draw(opened, CORNERS - 500)
    assert opened.window.bench.boxes.here == ()
    assert opened.session.message.tone == "error"
    assert replace(BOX, z=3).fits((2, 200, 200)) is False


def test_the_mouse_draws_a_box_and_gives_the_brush_back(open_window: Open, qtbot: Any) -> None:
    opened = open_window()
    opened.paint_both()
    panel = opened.window.part(BoxPanel)
    opened.window.bring_out(panel)
    before = opened.viewer.layers.selection.active
    panel.draw.click()
    assert panel.draw.isChecked() and not opened.viewer.layers[0].mouse_pan
    drag(opened, [(100.2, 80.4), (120, 90), (138.7, 119.4)])
    assert opened.window.bench.boxes.here == (BOX,)
    assert not panel.draw.isChecked() and opened.viewer.layers[0].mouse_pan
    assert opened.viewer.layers.selection.active == before
    outlines = opened.layer("check boxes")
    assert outlines is not None and len(outlines.data) == 4
    assert np.array_equal(opened.strokes.data[BOX.plane], np.zeros((40, 40)))
    panel.remove.click()
    assert opened.layer("check boxes") is None
