"""Deleting, renaming, closing and quitting while work is under way end cleanly and soon."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from unetscope.session.values import Phase, Scope
from unetscope.widgets.painting.image_panel import ImagePanel
from unetscope.widgets.painting.training_panel import TrainingPanel
from widgets.conftest import Opened, halves
from widgets.fake_engine import FakeJobs

Open = Callable[..., Opened]
LONG = 100_000
SOON_S = 30.0  # far below what a job takes here; the machine may be busy


def training(open_window: Open, qtbot: Any) -> Opened:
    opened = open_window(jobs=FakeJobs(epochs=LONG, steps=3))
    opened.paint_both()
    qtbot.waitUntil(lambda: bool(opened.session.painted))
    opened.window.part(TrainingPanel).train_button.click()
    qtbot.waitUntil(lambda: opened.session.training.epoch > 1)
    return opened


def test_closing_the_viewer_during_training_ends_it(open_window: Open, qtbot: Any) -> None:
    opened = training(open_window, qtbot)
    jobs, start = opened.jobs, time.monotonic()
    opened.viewer.close()
    assert time.monotonic() - start < SOON_S
    qtbot.waitUntil(lambda: jobs.closed == 1)


def test_closing_a_paused_training_ends_it(open_window: Open, qtbot: Any) -> None:
    opened = training(open_window, qtbot)
    opened.window.part(TrainingPanel).pause_button.click()
    qtbot.waitUntil(lambda: opened.session.training.phase is Phase.PAUSED)
    start = time.monotonic()
    opened.window.shut_down()
    assert time.monotonic() - start < SOON_S
    qtbot.waitUntil(lambda: opened.jobs.closed == 1)


def test_removing_the_dock_widget_ends_the_training(open_window: Open, qtbot: Any) -> None:
    opened = training(open_window, qtbot)
    window, jobs = opened.window, opened.jobs
    opened.viewer.window.remove_dock_widget(window)
    qtbot.waitUntil(lambda: jobs.closed == 1, timeout=3000)
    opened.viewer.layers[-1].data_setitem((np.array([90]), np.array([90])), 1)  # nobody listens


def test_renaming_layers_during_training_changes_nothing(open_window: Open, qtbot: Any) -> None:
    opened = training(open_window, qtbot)
    for layer in list(opened.viewer.layers):
        layer.name = f"renamed {layer.name}"
    epoch = opened.session.training.epoch
    qtbot.waitUntil(lambda: opened.session.training.epoch > epoch)
    assert opened.window.part(ImagePanel).picker.currentText().startswith("renamed")
    opened.paint(2, slice(100, 110), slice(140, 190))
    qtbot.waitUntil(lambda: opened.session.painted == {1: 1000, 2: 1500})
    opened.window.part(TrainingPanel).stop_button.click()
    qtbot.waitUntil(lambda: opened.session.training.phase is Phase.IDLE)


@pytest.mark.parametrize("which", ["strokes", "prediction", "image", "all"])
def test_deleting_layers_during_training_is_survived(
    open_window: Open, qtbot: Any, which: str
) -> None:
    opened = training(open_window, qtbot)
    qtbot.waitUntil(lambda: opened.layer("prediction") is not None)
    if which == "all":
        opened.viewer.layers.clear()
    else:
        image = opened.viewer.layers[0]
        opened.viewer.layers.remove(image if which == "image" else opened.layer(which))
    epoch = opened.session.training.epoch
    qtbot.waitUntil(lambda: opened.session.training.epoch > epoch)
    opened.window.part(TrainingPanel).stop_button.click()
    qtbot.waitUntil(lambda: opened.session.training.phase is Phase.IDLE)
    assert opened.session.message is None or opened.session.message.tone != "error"
    if which in ("strokes", "all"):
        assert opened.session.painted == {}
    if which in ("image", "all"):
        assert opened.session.image is None
    opened.viewer.add_image(halves(), name="next")
    opened.viewer.layers.selection.active = opened.viewer.layers["next"]
    opened.paint_both()
    qtbot.waitUntil(lambda: opened.session.painted == {1: 1000, 2: 1000})


def test_deleting_the_image_while_it_is_predicted_is_survived(
    open_window: Open, qtbot: Any
) -> None:
    opened = open_window(image=halves(1500))
    opened.paint_both()
    qtbot.waitUntil(lambda: opened.layer("prediction") is not None)
    opened.window.bench.predict(Scope.IMAGE)
    opened.viewer.layers.clear()
    qtbot.waitUntil(lambda: not opened.session.prediction.busy)
    assert [layer.name for layer in opened.viewer.layers] == []


def test_two_windows_on_one_viewer_do_not_disturb_each_other(open_window: Open, qtbot: Any) -> None:
    from unetscope.widgets.painting.paint_train_predict import PaintTrainPredict

    opened = open_window()
    second = PaintTrainPredict(opened.viewer, FakeJobs())
    qtbot.addWidget(second)
    second.shut_down()
    opened.paint_both()
    qtbot.waitUntil(lambda: opened.layer("prediction") is not None)


def test_the_keys_are_given_back(open_window: Open) -> None:
    opened = open_window()
    opened.window.bench.paint_with(1)
    strokes = opened.strokes
    assert any(str(key) == "1" for key in strokes.keymap)
    opened.window.shut_down()
    assert not any(str(key) == "1" for key in strokes.keymap)
    assert not any(str(key) == "1" for key in opened.viewer.keymap)


LEAVING = """
import atexit, os, sys

heard = []  # what of ours is called while the binding of Qt deletes its objects
atexit.register(lambda: os.write(1, repr(heard[:5]).encode()))  # the last of all

from qtpy.QtWidgets import QApplication, QLabel


def listen(frame, what, argument):
    if "unetscope" in frame.f_code.co_filename:
        heard.append(frame.f_code.co_name)


atexit.register(sys.setprofile, listen)  # begins right before the binding's turn

from unetscope.widgets.kit.docked_panel import DockedPanel


class Panel(DockedPanel):
    ended = 0

    def shut_down(self):
        Panel.ended += 1
        assert Panel.ended == 1


application = QApplication([])
panel = Panel()
panel.lay_out(QLabel("status"), [QLabel(str(number)) for number in range(20)])
"""


def test_no_part_of_a_panel_is_left_to_the_binding_of_qt_when_python_ends() -> None:
    """PyQt's walk over its objects ends with a fault when a deletion makes new ones."""
    ended = subprocess.run(
        [sys.executable, "-c", LEAVING], capture_output=True, text=True, timeout=120
    )
    assert (ended.returncode, ended.stdout) == (0, "[]"), ended.stderr
    assert ended.stderr == ""
