"""Lessons and *Look inside* hand over to each other; no word of the dock is cut."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QLabel

from unetscope.lessons.gallery import all_lessons
from unetscope.session.lessons.learner_record import LearnerRecord
from unetscope.widgets.inside.help_button import HelpButton
from unetscope.widgets.kit import lesson_link
from unetscope.widgets.kit.looks import theme_tints
from unetscope.widgets.lessons import dock_words
from unetscope.widgets.lessons.hand_over import open_inside
from unetscope.workbench.lessons.tutor import Tutor
from widgets.test_nothing_is_cut import flaws, settled


def test_the_question_mark_ends_in_the_lesson_about_it(qtbot: Any, monkeypatch: Any) -> None:
    opened: list[str] = []
    dock = SimpleNamespace(open_lesson=opened.append)
    window = SimpleNamespace(add_plugin_dock_widget=lambda plugin, name: (None, dock))
    monkeypatch.setattr(lesson_link, "current_viewer", lambda: SimpleNamespace(window=window))
    button = HelpButton("convolution", theme_tints("dark"))
    qtbot.addWidget(button)
    button.open()
    link = button.popup.findChildren(QLabel)[-1]
    assert "Lesson: Pooling" in link.text()
    link.linkActivated.emit("pooling")
    assert opened == ["pooling"]
    assert lesson_link.lesson_link(("no such part",), theme_tints("dark")) is None


def test_look_inside_gets_image_layer_and_point(qtbot: Any) -> None:
    viewer, owner, seen = ViewerModel(), QObject(), {}
    image = viewer.add_image(np.random.default_rng(0).random((96, 80), np.float32), name="mine")
    tutor = Tutor(viewer, owner, record=LearnerRecord(None))
    inspector = SimpleNamespace(
        images=SimpleNamespace(choose=lambda key: seen.update(image=key)),
        networks=SimpleNamespace(choose=lambda key: seen.update(net=key)),
        inside=SimpleNamespace(layer="", image=SimpleNamespace(depth=1)),
        probe=SimpleNamespace(point_at=lambda at: seen.update(point=at)),
    )
    window = SimpleNamespace(
        add_plugin_dock_widget=lambda plugin, name: (None, SimpleNamespace(inspector=inspector))
    )
    tutor.open("pooling")
    tutor.use_own(True)
    qtbot.waitUntil(lambda: not tutor.busy, timeout=8000)
    assert tutor.things is not None
    open_inside(SimpleNamespace(window=window), tutor)
    assert seen == {"image": str(image.unique_id), "point": (48.0, 40.0)}
    assert tutor.state.visit is None and [layer.name for layer in viewer.layers] == ["mine"]
    tutor.close()


@pytest.mark.parametrize(("points", "width", "language"), [(14, 320, "en"), (18, 360, "de")])
def test_nothing_is_cut_in_lessons(
    make_napari_viewer_proxy: Any,
    qtbot: Any,
    monkeypatch: Any,
    points: int,
    width: int,
    language: str,
) -> None:
    from napari._qt.qt_resources import get_stylesheet
    from napari.settings import get_settings

    from unetscope.widgets.lessons.lessons_dock import LessonsDock

    monkeypatch.setattr(get_settings().appearance, "font_size", points)
    longer = {  # as other languages are; German is so by itself
        name: (f"{two[0]} {'o' * (4 * len(two[0]) // 10)}", two[1])
        for name, two in dock_words._WORDS.items()
        if "{" not in two[0]
    }
    monkeypatch.setattr(dock_words, "_WORDS", {**dock_words._WORDS, **longer})
    viewer = make_napari_viewer_proxy()
    dock = LessonsDock(viewer, record=LearnerRecord(None))
    qtbot.addWidget(dock)
    dock.setStyleSheet(get_stylesheet("dark", extra_variables={"font_size": f"{points}pt"}))
    dock.resize(width, 1400)
    dock.show()
    qtbot.waitExposed(dock)
    dock.tutor.speak(language)
    settled(dock)
    assert not list(flaws(dock))
    for lesson in all_lessons().lessons[:6]:
        dock.open_lesson(lesson.id)
        qtbot.waitUntil(lambda: not dock.tutor.busy, timeout=30_000)
        settled(dock)
        assert dock.width() == width
        assert not list(flaws(dock))
        dock.tutor.skip()
        settled(dock)
        assert not list(flaws(dock))
    dock.shut_down()
