"""Backbones of others in the model list: found when somebody looks, downloaded when allowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox

from unetscope.errors import ModelError
from unetscope.learning.sources.kinds import SourceEntry
from unetscope.network.facts import BUNDLED_TITLES
from unetscope.session.requests import SourceRequest, SourcesRequest
from unetscope.widgets.painting.model_panel import ModelPanel
from widgets.fake_engine import FakeJobs

HERE = SourceEntry("timm:a", "DINO", "apache-2.0", "on this computer")
AWAY = SourceEntry("timm:b", "SAM", "cc-by-nc-4.0", "to download", 359)
Open = Callable[..., Any]
BUNDLED = len(BUNDLED_TITLES)


@pytest.fixture
def opened(open_window: Open, qtbot: Any) -> Any:
    """A window whose list of models has been looked at."""
    found = open_window(jobs=FakeJobs(entries=(HERE, AWAY)))
    qtbot.waitUntil(lambda: not found.window.bench.shelf.lane.busy)
    assert texts(found) == list(BUNDLED_TITLES.values())
    assert not found.jobs.asked(SourcesRequest)
    found.window.part(ModelPanel).picker.opened.emit()
    qtbot.waitUntil(lambda: len(texts(found)) == BUNDLED + 2)
    qtbot.waitUntil(lambda: not found.window.bench.shelf.lane.busy)
    return found


def texts(opened: Any) -> list[str]:
    picker = opened.window.part(ModelPanel).picker
    return [picker.itemText(index) for index in range(picker.count())]


def pick(opened: Any, index: int) -> None:
    picker = opened.window.part(ModelPanel).picker
    picker.setCurrentIndex(index)
    picker.activated.emit(index)


def answers(monkeypatch: Any, button: QMessageBox.StandardButton) -> list[str]:
    asked: list[str] = []
    monkeypatch.setattr(
        QMessageBox, "question", lambda parent, title, text, *_: asked.append(text) or button
    )
    return asked


def test_found_backbones_stand_behind_ours_with_their_licence(opened: Any, qtbot: Any) -> None:
    picker = opened.window.part(ModelPanel).picker
    assert texts(opened)[BUNDLED:] == ["General + DINO", "General + SAM (downloads 359 MB)"]
    assert "cc-by-nc-4.0" in picker.itemData(BUNDLED + 1, Qt.ItemDataRole.ToolTipRole)
    assert picker.currentText() == "General"
    opened.jobs.entries = (HERE,)  # looked at again: one is gone
    picker.opened.emit()
    qtbot.waitUntil(lambda: texts(opened) == [*BUNDLED_TITLES.values(), "General + DINO"])


def test_one_that_is_here_is_opened_without_a_question(
    opened: Any, qtbot: Any, monkeypatch: Any
) -> None:
    asked = answers(monkeypatch, QMessageBox.StandardButton.No)
    pick(opened, BUNDLED)
    qtbot.waitUntil(lambda: opened.session.model.title == "General + DINO")
    assert opened.jobs.asked(SourceRequest) == [SourceRequest("timm:a", "General + DINO")]
    assert not asked and opened.window.part(ModelPanel).picker.currentIndex() == BUNDLED


def test_a_download_is_asked_for_with_size_and_licence(
    opened: Any, qtbot: Any, monkeypatch: Any
) -> None:
    asked = answers(monkeypatch, QMessageBox.StandardButton.No)
    pick(opened, BUNDLED + 1)
    assert "359 MB" in asked[0] and "cc-by-nc-4.0" in asked[0]
    assert not opened.jobs.asked(SourceRequest)
    assert opened.window.part(ModelPanel).picker.currentText() == "General"
    answers(monkeypatch, QMessageBox.StandardButton.Yes)
    pick(opened, BUNDLED + 1)
    qtbot.waitUntil(lambda: opened.session.model.title == "General + SAM")
    (request,) = opened.jobs.asked(SourceRequest)
    assert request == SourceRequest("timm:b", "General + SAM", allow_download=True)
    assert opened.window.part(ModelPanel).picker.currentIndex() == BUNDLED + 1
    assert len(texts(opened)) == BUNDLED + 2


def test_a_failure_is_told_and_the_old_model_stays(opened: Any, qtbot: Any) -> None:
    opened.jobs.fail_with = ModelError("the weights could not be downloaded")
    pick(opened, BUNDLED)
    qtbot.waitUntil(lambda: "could not be downloaded" in opened.window.status.label.text())
    assert opened.window.part(ModelPanel).picker.currentText() == "General"


def test_a_loaded_model_takes_the_last_place(opened: Any, qtbot: Any, tmp_path: Any) -> None:
    opened.jobs.fail_with = None
    shelf = opened.window.bench.shelf
    for name in ("one", "two"):
        path = tmp_path / f"{name}.unetscope"
        opened.jobs.saved[path] = opened.session.model.model
        shelf.load(path)
        qtbot.waitUntil(lambda name=name: opened.session.model.title == name)
    assert texts(opened)[BUNDLED:] == ["General + DINO", "General + SAM (downloads 359 MB)", "two"]


def test_the_backbone_alone_is_a_choice_where_there_is_one(opened: Any, qtbot: Any) -> None:
    action = opened.window.part(ModelPanel).alone_action
    assert not action.isVisible()
    pick(opened, BUNDLED)
    qtbot.waitUntil(lambda: action.isVisible() and action.isEnabled())
    versions = opened.session.versions.last_number
    action.trigger()
    assert opened.session.model.model.alone and action.isChecked()
    assert opened.session.versions.last_number == versions + 1
    action.trigger()
    assert not opened.session.model.model.alone and not action.isChecked()
