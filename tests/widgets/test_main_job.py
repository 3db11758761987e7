"""Paint, see, train, predict: what a new user does, with an engine that answers at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from unetscope.errors import ModelFileError
from unetscope.session.requests import AnswerRequest, PredictRequest, TrainRequest
from unetscope.session.results.probability import PROBABILITY
from unetscope.session.results.uncertainty import UNCERTAINTY
from unetscope.session.values import BUDGETS, Phase, Scope
from unetscope.widgets.painting.advanced_panel import AdvancedPanel
from unetscope.widgets.painting.classes_panel import ClassesPanel
from unetscope.widgets.painting.image_panel import ImagePanel
from unetscope.widgets.painting.model_panel import ModelPanel
from unetscope.widgets.painting.plot_panel import PlotPanel
from unetscope.widgets.painting.prediction_panel import PredictionPanel
from unetscope.widgets.painting.training_panel import TrainingPanel
from unetscope.widgets.painting.view_panel import ViewPanel
from widgets.conftest import Opened, halves
from widgets.fake_engine import FakeJobs

Open = Callable[..., Opened]


def idle(opened: Opened) -> bool:
    return opened.session.training.phase is Phase.IDLE and bool(opened.session.training.reason)


def test_the_first_open_image_is_picked_by_itself(open_window: Open) -> None:
    opened = open_window(name="neurons", scale=(4.6, 4.6), units=("nm", "nm"))
    panel = opened.window.part(ImagePanel)
    assert panel.picker.currentText() == "neurons"
    assert panel.facts.text() == "200 × 200 · grey"
    assert panel.pixel_size.button.text() == "4.6 nm/px"


def test_without_an_image_the_window_says_how_to_begin(open_window: Open, qtbot: Any) -> None:
    opened = open_window(image=False)
    assert "Open an image" in opened.window.status.label.text()
    assert not opened.window.part(TrainingPanel).train_button.isEnabled()
    opened.viewer.add_image(halves(), name="late")
    assert opened.window.part(ImagePanel).picker.currentText() == "late"
    qtbot.waitUntil(lambda: opened.session.model is not None)


def test_a_click_on_a_class_makes_the_layer_and_takes_the_brush(
    open_window: Open, qtbot: Any
) -> None:
    opened = open_window()
    view = opened.window.part(ClassesPanel).view
    where = view.visualRect(view.model().index(1, 1)).center()
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert opened.strokes.mode == "paint"
    assert opened.strokes.selected_label == 2
    assert opened.viewer.layers.selection.active == opened.strokes


def test_strokes_of_two_classes_are_answered_at_once_below_the_strokes(
    open_window: Open, qtbot: Any
) -> None:
    opened = open_window()
    opened.paint_both()
    qtbot.waitUntil(lambda: opened.layer("prediction v1") is not None)
    qtbot.waitUntil(lambda: not opened.session.answering)
    expected = np.where(halves() > 0, 2, 1)
    assert np.array_equal(opened.layer("prediction").data, expected)
    names = [layer.name for layer in opened.viewer.layers]
    assert names[1] == "prediction v1"
    assert names[2].startswith("strokes")
    assert opened.session.painted == {1: 1000, 2: 1000}
    assert opened.viewer.layers.selection.active == opened.strokes


def test_undo_is_answered_as_well(open_window: Open, qtbot: Any) -> None:
    opened = open_window()
    opened.paint_both()
    qtbot.waitUntil(lambda: opened.session.painted == {1: 1000, 2: 1000})
    opened.strokes.undo()
    qtbot.waitUntil(lambda: opened.session.painted == {1: 1000})
    opened.strokes.redo()
    qtbot.waitUntil(lambda: opened.session.painted == {1: 1000, 2: 1000})


def test_nothing_is_answered_while_live_is_off(open_window: Open, qtbot: Any) -> None:
    opened = open_window()
    opened.window.part(TrainingPanel).live.setChecked(False)
    opened.paint_both()
    qtbot.waitUntil(lambda: bool(opened.session.painted))
    qtbot.wait(100)
    assert opened.jobs.asked(AnswerRequest) == []
    opened.window.part(TrainingPanel).live.setChecked(True)
    qtbot.waitUntil(lambda: opened.layer("prediction") is not None)


def test_training_runs_shows_its_curves_and_keeps_a_version(open_window: Open, qtbot: Any) -> None:
    opened = open_window()
    opened.paint_both()
    qtbot.waitUntil(lambda: bool(opened.session.painted))
    opened.window.part(TrainingPanel).budget.setCurrentIndex(2)
    opened.window.part(TrainingPanel).budget.activated.emit(2)
    opened.window.part(TrainingPanel).train_button.click()
    assert not opened.window.part(TrainingPanel).train_button.isVisibleTo(opened.window)
    qtbot.waitUntil(lambda: idle(opened))
    (request,) = opened.jobs.asked(TrainRequest)
    assert request.seconds == BUDGETS[2].seconds == 60
    assert len(opened.session.curves.dice) == opened.jobs.epochs
    assert opened.window.part(PlotPanel).isVisibleTo(opened.window)
    assert "held-back strokes" in opened.window.status.label.text()
    assert opened.session.versions.last_number == 2
    qtbot.waitUntil(lambda: opened.layer("prediction v2") is not None)


def test_training_can_be_paused_resumed_and_stopped(open_window: Open, qtbot: Any) -> None:
    opened = open_window(jobs=FakeJobs(epochs=100_000, steps=2))
    opened.paint_both()
    qtbot.waitUntil(lambda: bool(opened.session.painted))
    panel = opened.window.part(TrainingPanel)
    panel.train_button.click()
    qtbot.waitUntil(lambda: opened.session.training.epoch > 0)
    panel.pause_button.click()
    qtbot.waitUntil(lambda: opened.session.training.phase is Phase.PAUSED)
    assert panel.pause_button.text() == "Resume"
    held = opened.session.training.epoch
    qtbot.wait(150)
    assert opened.session.training.epoch == held
    panel.pause_button.click()
    qtbot.waitUntil(lambda: opened.session.training.epoch > held)
    panel.pause_button.click()  # a stop before the pause has taken hold must not hang
    panel.stop_button.click()
    qtbot.waitUntil(lambda: idle(opened))
    assert opened.session.training.reason == "stopped"
    assert opened.session.versions.last_number == 2
    assert opened.jobs.closed == 1


def test_strokes_painted_during_training_reach_it(open_window: Open, qtbot: Any) -> None:
    opened = open_window(jobs=FakeJobs(epochs=100_000))
    opened.paint_both()
    qtbot.waitUntil(lambda: bool(opened.session.painted))
    opened.window.part(TrainingPanel).train_button.click()
    qtbot.waitUntil(lambda: opened.session.training.epoch > 0)
    opened.paint(2, slice(100, 110), slice(140, 190))
    qtbot.waitUntil(lambda: bool(opened.jobs.handed_in), timeout=5000)
    assert int((opened.jobs.handed_in[-1][0].labels == 2).sum()) == 1500
    opened.window.part(TrainingPanel).stop_button.click()
    qtbot.waitUntil(lambda: idle(opened))


def test_going_back_and_forward_changes_the_model_that_answers(
    open_window: Open, qtbot: Any
) -> None:
    opened = open_window()
    opened.paint_both()
    qtbot.waitUntil(lambda: bool(opened.session.painted))
    opened.window.part(TrainingPanel).train_button.click()
    qtbot.waitUntil(lambda: idle(opened))
    panel = opened.window.part(ModelPanel)
    assert panel.version.text().startswith("version 2 of 2")
    panel.back.click()
    assert panel.version.text().startswith("version 1 of 2")
    assert opened.session.model.model.network is None
    panel.forward.click()
    assert opened.session.model.model.network == opened.jobs.epochs


def test_predict_covers_the_view_this_image_or_all(open_window: Open, qtbot: Any) -> None:
    opened = open_window(name="a")
    opened.viewer.add_image(halves(), name="b")
    opened.viewer.add_image(np.zeros((50, 50, 3), np.uint8), rgb=True, name="colour")
    opened.viewer.layers.selection.active = opened.viewer.layers["a"]
    opened.paint_both()
    qtbot.waitUntil(lambda: opened.layer("prediction") is not None)
    opened.window.bench.set_live(False)
    opened.window.bench.predict(Scope.ALL)
    qtbot.waitUntil(lambda: not opened.session.prediction.busy)
    (request,) = opened.jobs.asked(PredictRequest)
    assert [target.image.name for target in request.targets] == ["a", "b"]
    assert "colour" in opened.window.status.label.text()
    predicted = [item for item in opened.viewer.layers if item.name.startswith("prediction")]
    assert len(predicted) == 2


def test_an_image_of_another_kind_is_not_answered_but_explained(
    open_window: Open, qtbot: Any
) -> None:
    opened = open_window(name="grey")
    opened.paint_both()
    qtbot.waitUntil(lambda: opened.window.bench.answers.up_to_date)
    asked = len(opened.jobs.asked(AnswerRequest))
    colour = np.arange(50 * 50 * 3, dtype=np.uint16).reshape(50, 50, 3) // 32
    opened.viewer.add_image(colour.astype(np.uint8), rgb=True, name="colour")
    qtbot.waitUntil(lambda: opened.session.image.name == "colour")
    qtbot.wait(400)
    assert len(opened.jobs.asked(AnswerRequest)) == asked
    assert "3: start anew here" in opened.window.status.label.text()
    assert not opened.window.part(PredictionPanel).button.isEnabled()


def test_strokes_that_are_undone_do_not_end_a_training(open_window: Open, qtbot: Any) -> None:
    opened = open_window(jobs=FakeJobs(epochs=100_000))
    opened.paint_both()
    qtbot.waitUntil(lambda: bool(opened.session.painted))
    opened.window.part(TrainingPanel).train_button.click()
    qtbot.waitUntil(lambda: opened.session.training.epoch > 0)
    opened.strokes.undo()
    qtbot.waitUntil(lambda: opened.session.painted == {1: 1000})
    opened.window.bench.trainer.hand_in()
    epoch = opened.session.training.epoch
    qtbot.waitUntil(lambda: opened.session.training.epoch > epoch + 1)
    assert opened.jobs.handed_in == []
    opened.window.part(TrainingPanel).stop_button.click()
    qtbot.waitUntil(lambda: idle(opened))


def test_probability_and_uncertainty_come_when_they_are_asked_for(
    open_window: Open, qtbot: Any
) -> None:
    opened = open_window()
    opened.paint_both()
    qtbot.waitUntil(lambda: opened.layer("prediction") is not None)
    opened.window.part(ViewPanel).buttons[PROBABILITY].click()
    qtbot.waitUntil(lambda: opened.layer("probability of object") is not None)
    shown = opened.layer("probability")
    qtbot.waitUntil(lambda: float(shown.data[:, 150:].mean()) > 0.9)
    assert not opened.layer("prediction").visible
    opened.window.part(ViewPanel).buttons[UNCERTAINTY].click()
    qtbot.waitUntil(lambda: opened.layer("uncertainty") is not None)
    assert not opened.layer("probability").visible


def test_classes_are_renamed_recoloured_added_and_deleted_with_their_strokes(
    open_window: Open, qtbot: Any
) -> None:
    opened = open_window()
    opened.paint_both()
    qtbot.waitUntil(lambda: bool(opened.session.painted))
    table = opened.window.part(ClassesPanel).table
    assert table.setData(table.index(1, 1), "membrane")
    opened.window.bench.change_class(2, color="#D55E00")
    assert opened.session.class_of(2).name == "membrane"
    assert np.allclose(opened.strokes.get_color(2)[:3], [0xD5 / 255, 0x5E / 255, 0], atol=0.01)
    opened.window.part(ClassesPanel).add_button.click()
    assert opened.strokes.selected_label == 3
    opened.window.bench.paint_with(2)
    opened.window.part(ClassesPanel).delete_button.click()
    qtbot.waitUntil(lambda: opened.session.painted == {1: 1000})
    assert opened.session.class_of(2) is None
    opened.strokes.undo()
    qtbot.waitUntil(lambda: opened.session.painted == {1: 1000, 2: 1000})
    assert opened.session.class_of(2).name == "membrane"


def test_number_keys_choose_classes(open_window: Open) -> None:
    opened = open_window()
    opened.window.bench.paint_with(1)
    layer = opened.strokes
    keys = {str(key): call for key, call in layer.keymap.items()}
    keys["2"](layer)
    assert opened.session.current_class == 2
    assert layer.selected_label == 2
    keys["9"](layer)  # there is no ninth class
    assert layer.selected_label == 2


def test_choosing_a_label_in_naparis_own_controls_is_followed(open_window: Open) -> None:
    opened = open_window()
    opened.window.bench.paint_with(1)
    opened.strokes.selected_label = 2
    assert opened.session.current_class == 2


def test_a_label_nobody_named_becomes_a_class(open_window: Open, qtbot: Any) -> None:
    opened = open_window()
    opened.paint(1, slice(0, 9), slice(0, 9))
    opened.strokes.data_setitem((np.array([50]), np.array([50])), 7)
    qtbot.waitUntil(lambda: opened.session.class_of(7) is not None)


def test_errors_appear_in_words_and_go_with_the_next_stroke(open_window: Open, qtbot: Any) -> None:
    opened = open_window(jobs=FakeJobs(fail_with=RuntimeError("boom")))
    opened.paint_both()
    qtbot.waitUntil(lambda: "boom" in opened.window.status.label.text())
    assert "log has the details" in opened.window.status.label.text()
    opened.jobs.fail_with = None
    opened.paint(1, slice(100, 110), slice(10, 60))
    qtbot.waitUntil(lambda: "boom" not in opened.window.status.label.text())


def test_a_failed_training_leaves_the_button_ready(open_window: Open, qtbot: Any) -> None:
    opened = open_window()
    opened.window.bench.set_live(False)
    opened.paint_both()
    qtbot.waitUntil(lambda: bool(opened.session.painted))
    opened.jobs.fail_with = MemoryError("there is not enough memory to train")
    opened.window.part(TrainingPanel).train_button.click()
    qtbot.waitUntil(lambda: opened.session.message is not None)
    assert opened.window.status.label.text() == "There is not enough memory to train"
    assert opened.session.training.phase is Phase.IDLE
    assert opened.window.part(TrainingPanel).train_button.isEnabled()


def test_a_model_is_saved_and_loaded(open_window: Open, qtbot: Any, tmp_path: Path) -> None:
    opened = open_window()
    opened.paint_both()
    qtbot.waitUntil(lambda: opened.layer("prediction") is not None)
    shelf = opened.window.bench.shelf
    shelf.save(tmp_path / "halves")
    path = tmp_path / "halves.unetscope"
    qtbot.waitUntil(lambda: path in opened.jobs.saved)
    qtbot.waitUntil(lambda: "Saved halves.unetscope" in opened.window.status.label.text())
    shelf.load(path)
    qtbot.waitUntil(lambda: opened.session.model.title == "halves")
    assert opened.window.part(ModelPanel).picker.currentText() == "halves"
    opened.jobs.fail_with = ModelFileError("halves.unetscope is damaged; save it again.")
    opened.window.bench.set_live(False)
    shelf.load(path)
    qtbot.waitUntil(lambda: "is damaged" in opened.window.status.label.text())


def test_a_stack_is_answered_slice_by_slice(open_window: Open, qtbot: Any) -> None:
    stack = np.stack([halves()] * 6)
    opened = open_window(image=stack)
    bench = opened.window.bench
    opened.viewer.dims.set_current_step(0, 2)
    bench.paint_with(1)
    assert opened.strokes.data.shape == stack.shape
    where = np.arange(30)
    for value, column in ((1, 20), (2, 180)):
        bench.paint_with(value)
        opened.strokes.data_setitem((np.full(30, 2), where, np.full(30, column)), value)
    qtbot.waitUntil(lambda: opened.layer("prediction") is not None)
    qtbot.waitUntil(lambda: not opened.session.answering)
    answered = opened.layer("prediction").data
    assert answered[2].all()
    assert not answered[0].any()
    opened.viewer.dims.set_current_step(0, 0)
    qtbot.waitUntil(lambda: bool(answered[0].all()))
    bench.predict(Scope.IMAGE)
    qtbot.waitUntil(lambda: bool(answered.all()))


def test_an_ambiguous_stack_can_be_read_as_channels(open_window: Open) -> None:
    opened = open_window(image=np.zeros((6, 50, 60), np.uint8))
    panel = opened.window.part(ImagePanel)
    assert panel.reading.isVisibleTo(opened.window)
    assert opened.session.image.axes == "zyx"
    panel.reading.setCurrentIndex(1)
    panel.reading.activated.emit(1)
    assert (opened.session.image.axes, opened.session.image.channels) == ("cyx", 6)


def test_labels_that_are_there_already_can_be_learned_from(open_window: Open, qtbot: Any) -> None:
    opened = open_window()
    mine = np.zeros((200, 200), np.int32)
    mine[:5], mine[-5:] = 1, 2
    opened.viewer.add_labels(mine, name="mine")
    combo = opened.window.part(AdvancedPanel).paint_on
    assert [combo.itemText(i) for i in range(combo.count())] == ["a new layer", "mine"]
    combo.setCurrentIndex(1)
    combo.activated.emit(1)
    qtbot.waitUntil(lambda: opened.session.painted == {1: 1000, 2: 1000})


def test_advanced_settings_reach_the_training_and_each_is_explained(
    open_window: Open, qtbot: Any
) -> None:
    opened = open_window()
    fields = opened.window.part(AdvancedPanel).fields
    assert all(len(field.native.toolTip()) > 40 for field in fields.values())
    fields["batch_size"].value = 9
    opened.paint_both()
    qtbot.waitUntil(lambda: bool(opened.session.painted))
    opened.window.part(TrainingPanel).train_button.click()
    qtbot.waitUntil(lambda: idle(opened))
    assert opened.jobs.asked(TrainRequest)[0].advanced.batch_size == 9


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_nothing_is_wider_than_300_px(open_window: Open, theme: str) -> None:
    opened = open_window(name="a name that is longer than any window is wide, they exist")
    opened.viewer.theme = theme
    opened.paint_both()
    opened.window.part(AdvancedPanel).fold.expand(animate=False)
    assert opened.window.minimumSizeHint().width() <= 300
    for panel in opened.window.panels:
        assert panel.minimumSizeHint().width() <= 300 - 16, type(panel).__name__
