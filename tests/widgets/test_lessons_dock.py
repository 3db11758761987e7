"""The dock Lessons in a viewer: walked by keys, on the text's numbers and on one's own image."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from unetscope.session.lessons.learner_record import LearnerRecord
from unetscope.widgets.kit.keys import ACTIONS
from unetscope.widgets.kit.napari_keys import keys_on_labels
from unetscope.widgets.lessons.lesson_keys import LESSON_ACTIONS

TWO_STEPS = """
title = "Two steps"
idea = "A place and an order."
[lesson]
id = "two"
order = 900
[scene]
make = "numbers"
with = { values = [[1, 2], [3, 9]] }
own = "crop"
[[control]]
name = "kind"
type = "choice"
of = ["max", "average"]
[[control]]
name = "kernel"
type = "kernel"
start = [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
[[control]]
name = "here"
type = "place"
[[control]]
name = "quick"
type = "toggle"
[[step]]
do = "pool"
with = { kind = "$kind" }
ask = { text = "Where?", type = "click", answer = "{here}", tolerance = 0 }
notice = "{pooled}"
[[step]]
do = "pool"
ask = { text = "Which?", type = "choice", of = ["9", "1"], answer = "{pooled[0][0]}" }
"""


@pytest.fixture
def open_lessons(
    make_napari_viewer_proxy: Any, qtbot: Any, tmp_path: Path
) -> Iterator[Callable[..., Any]]:
    from unetscope.widgets.lessons.lessons_dock import LessonsDock

    (tmp_path / "two.toml").write_text(TWO_STEPS)
    (tmp_path / "broken.toml").write_text("title = 3")
    made: list[Any] = []

    def make(**how: Any) -> Any:
        viewer = make_napari_viewer_proxy()
        record = LearnerRecord(tmp_path / "lessons.json")
        dock = LessonsDock(viewer, [tmp_path], record, **how)
        made.append(dock)
        viewer.window.add_dock_widget(dock, name="Lessons")
        dock.rest = lambda: qtbot.waitUntil(lambda: not dock.tutor.busy, timeout=8000)
        return viewer, dock

    yield make
    for dock in made:
        dock.shut_down()


def _state(viewer: Any) -> Any:
    """All of a person's that a lesson must leave as it was."""
    camera = viewer.scene.camera
    layers = [
        (
            layer.name,
            bool(layer.visible),
            tuple(layer.scale),
            hashlib.sha256(np.ascontiguousarray(layer.data).tobytes()).hexdigest(),
        )
        for layer in viewer.layers
    ]
    return (
        layers,
        sorted(layer.name for layer in viewer.layers.selection),
        getattr(viewer.layers.selection.active, "name", None),
        tuple(np.round(camera.center, 9)),
        round(float(camera.zoom), 9),
        tuple(viewer.dims.current_step),
        int(viewer.dims.ndisplay),
        tuple(viewer.dims.order),
    )


def test_a_lesson_is_walked_and_its_result_waits_for_the_guess(
    open_lessons: Callable[..., Any],
) -> None:
    viewer, dock = open_lessons()
    assert any("broken.toml" in line for line in dock.gallery.problems.text().splitlines())
    dock.gallery.words.setText("window pooling")
    assert [card.lesson.id for card in dock.gallery.cards] == ["pooling"]
    dock.gallery.cards[0].chosen.emit("pooling")
    dock.rest()
    assert dock.page.guess.text.text() == "Which number stands at the top left?"
    assert dock.tutor.stage.layers.find("pooled") is None
    dock.page.guess.number.setText("six")
    dock.page.guess.check.click()
    assert "not a number" in dock.page.message.text()
    dock.page.guess.number.setText("5")
    dock.page.guess.check.click()
    assert dock.page.verdict.text().startswith("✗ It is 6.")
    pooled = dock.tutor.stage.layers.find("pooled")
    np.testing.assert_array_equal(pooled.data, [[6, 8], [3, 4]])
    assert pooled.contrast_limits[0] < 3  # the darkest is no black on the canvas's black
    assert "6 8 / 3 4" in dock.page.notice.text() and "exact" in dock.page.notice.text()
    dock.page.controls.rows["shift"].slider.setValue(1)
    dock.page.controls.rows["kind"].buttons["average"].click()
    dock.rest()
    assert dock.state.visit.values["shift"] == 1
    assert dock.state.shown.facts["pooled"] != [[6, 8], [3, 4]]
    grid = dock.page.controls.rows["numbers"].grid
    grid.set_value((0, 0), 40.0)
    dock.rest()
    assert float(dock.tutor.stage.layers.find("bench").data[0, 0]) == 40.0
    for _ in range(2 * len(dock.state.visit.lesson.step) - 1):  # shows a result, then goes on
        dock.keys._calls["Right"]()
        dock.rest()
    assert dock.state.visit is None and len(viewer.layers) == 0
    card = next(one for one in dock.gallery.cards if one.lesson.id == "pooling")
    assert "done" in card.accessibleName()


def test_places_choices_kernels_and_the_step_that_was_left(
    open_lessons: Callable[..., Any],
) -> None:
    _, dock = open_lessons()
    dock.open_lesson("two")
    dock.rest()
    dock.tutor.stage.pointer.clicked.emit((1.0, 1.0))
    assert dock.page.guess.place.text() == "y 1, x 1"
    dock.page.guess.check.click()
    assert not dock.state.judged.right
    dock.tutor.stage.pointer.clicked.emit((0.0, 1.0))
    dock.rest()
    assert dock.state.visit.values["here"] == [0, 1]
    rows = dock.page.controls.rows
    rows["kernel"]._choose("sobel_x")
    rows["kernel"]._resize(5)
    assert np.shape(dock.state.visit.values["kernel"]) == (5, 5)
    assert dock.state.visit.values["kernel"][2][3] == 2.0
    rows["quick"].box.click()
    assert dock.state.visit.values["quick"] is True
    dock.tutor.go_on()
    dock.rest()
    dock.page.guess.buttons["9"].click()
    dock.page.guess.check.click()
    assert dock.state.judged.right
    dock.tutor.reset()
    dock.rest()
    assert dock.state.visit.hidden and dock.state.visit.at == 1
    dock.tutor.leave()
    assert "two,1," in dock.tutor.record.as_csv()
    dock.gallery.copy_answers()
    assert "Nothing was sent" in dock.gallery.said.text()


def test_on_ones_own_image_pictures_lie_at_its_place_and_nothing_of_it_is_changed(
    open_lessons: Callable[..., Any],
) -> None:
    viewer, dock = open_lessons()
    dock.open_lesson("pooling")
    dock.tutor.use_own(True)
    assert "open an image first" in dock.page.message.text().lower()
    dock.tutor.leave()
    rng = np.random.default_rng(0)
    place = {"scale": (30, 4, 4), "translate": (0, 40, 8)}
    image = viewer.add_image(rng.random((12, 96, 80), np.float32), name="stack", **place)
    viewer.add_labels(np.ones((12, 96, 80), np.uint8), name="mine", **place).visible = False
    viewer.layers.selection.active = image
    viewer.dims.set_current_step(0, 2)
    viewer.scene.camera.zoom = 0.9
    before = _state(viewer)
    dock.open_lesson("pooling", 0)
    dock.rest()
    assert not image.visible
    dock.tutor.use_own(True)
    dock.tutor.skip()
    dock.rest()
    assert image.visible and "96 × 80 px" in dock.page.missing.text()
    pooled = dock.tutor.stage.layers.find("pooled")
    assert pooled.data.shape == (1, 48, 40)
    np.testing.assert_allclose(pooled.scale[-2:], (8, 8))
    np.testing.assert_allclose(pooled.translate, (60, 42, 10))
    expected = image.data[2].reshape(48, 2, 40, 2).max(axis=(1, 3))
    np.testing.assert_array_equal(pooled.data[0], expected)
    assert dock.tutor.stage.layers.find("part") is None  # it is all of the plane
    dock.tutor.leave()
    assert _state(viewer) == before
    wide = viewer.add_image(rng.random((40, 600), np.float32), name="wide")
    dock.open_lesson("pooling")
    dock.tutor.use_own(True)
    dock.rest()
    frame = dock.tutor.stage.layers.find("part")
    y, x = dock.tutor.things.laid.origin
    np.testing.assert_array_equal(frame.data[0], [[y - 0.5, x - 0.5], [40, 0]])
    dock.tutor.leave()
    viewer.layers.remove(wide)
    viewer.layers.selection.active = image
    dock.open_lesson("pooling")
    dock.tutor.use_own(True)
    viewer.layers.remove("stack")
    dock.rest()
    assert "closed" in dock.page.message.text() and dock.state.visit.own is None


def test_keys_do_not_clash_and_are_given_back(open_lessons: Callable[..., Any]) -> None:
    ours = {one.key for one in LESSON_ACTIONS}
    assert not ours & {one.key for one in ACTIONS}
    assert not (ours - {"Left", "Right"}) & set(keys_on_labels())
    viewer, dock = open_lessons()
    bound = {str(key) for key in viewer.keymap}
    dock.open_lesson("pooling")
    assert ours <= {str(key) for key in viewer.keymap} | ours
    assert len(viewer.keymap) == len(bound) + len(ours)
    dock.tutor.leave()
    assert {str(key) for key in viewer.keymap} == bound


def test_german_words_lie_over_the_dock(open_lessons: Callable[..., Any]) -> None:
    _, dock = open_lessons()
    dock.open_lesson("pooling")
    dock.rest()
    dock.languages["de"].click()
    assert dock.page.reset.text() == "Zurücksetzen" and dock.page.guess.check.text() == "Prüfen"
    assert dock.page.guess.text.text() == "Welche Zahl steht oben links?"
    dock.page.guess.number.setText("6")
    dock.page.guess.check.click()
    assert dock.page.verdict.text().startswith("✓ Ja, 6.")
    dock.languages["en"].click()
    assert dock.page.reset.text() == "Reset"


def test_a_classroom_has_the_dock_and_the_image_alone(
    make_napari_viewer_proxy: Any, monkeypatch: Any, qtbot: Any
) -> None:
    from napari.settings import get_settings
    from qtpy.QtWidgets import QDockWidget

    from unetscope.widgets.lessons.classroom import open_lessons

    monkeypatch.setattr(get_settings().appearance, "font_size", 10)
    viewer = make_napari_viewer_proxy()
    dock = open_lessons(viewer, large=True)
    assert get_settings().appearance.font_size == 15
    shown = [one for one in dock.window().findChildren(QDockWidget) if not one.isHidden()]
    assert shown == [dock.dock()]
    dock.go_on()
    qtbot.waitUntil(lambda: not dock.tutor.busy, timeout=8000)
    qtbot.keyClick(dock.page.help, Qt.Key.Key_Right)
    dock.tutor.leave()
    dock.shut_down()
