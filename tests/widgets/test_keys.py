"""Keys: one table that is bound, shown, changed and documented; conflicts are refused in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml
from qtpy.QtCore import Qt

from unetscope.widgets.kit.keys import ACTIONS, KeyTable, chosen_keys
from unetscope.widgets.kit.napari_keys import as_written, keys_on_labels, known_key
from unetscope.widgets.painting.brush_panel import BrushPanel
from unetscope.widgets.painting.prediction_panel import PredictionPanel
from widgets.conftest import Opened

Open = Callable[..., Opened]
DOCS = Path(__file__).resolve().parents[2] / "docs"
BESIDE_THE_DEFAULTS = {"E": "take the eraser", "P": "take the brush"}


def press(owner: Any, key: str) -> None:
    """What napari does when ``key`` is pressed while ``owner`` is active."""
    {str(bound): call for bound, call in owner.keymap.items()}[key](owner)


def test_no_default_key_means_two_things() -> None:
    assert len({action.key for action in ACTIONS}) == len(ACTIONS)
    for action in ACTIONS:
        assert action.fixed or known_key(action.key) == action.key
    assert chosen_keys({}, keys_on_labels()) == (KeyTable(), ())


@pytest.mark.parametrize(
    ("written", "key"),
    [("shift+z", "Shift-Z"), ("t", "T"), ("-", "-"), ("?", "?"), ("foo", ""), ("Shift+[", "")],
)
def test_a_key_may_be_written_in_any_way_or_is_none(written: str, key: str) -> None:
    assert known_key(written) == key


@pytest.mark.parametrize(
    ("wishes", "reason"),
    [
        ({"train": "P"}, "P already means “Predict”"),
        ({"train": "E"}, "napari uses E to take the eraser"),
        ({"train": "3"}, "3 is fixed"),
        ({"train": "Shift+1"}, "“Shift+1” is not a key"),
        ({"train": ""}, "“” is not a key"),
    ],
)
def test_a_conflict_is_refused_in_words_and_the_default_stays(
    wishes: dict[str, str], reason: str
) -> None:
    keys, refused = chosen_keys(wishes, BESIDE_THE_DEFAULTS)
    assert keys == KeyTable()
    assert len(refused) == 1
    assert refused[0].startswith("The key for “Train or stop” stays T: ")
    assert reason in refused[0]


def test_two_keys_change_places_and_a_key_of_napari_s_that_is_ours_may_be_given() -> None:
    keys, refused = chosen_keys({"train": "P", "predict": "T"}, BESIDE_THE_DEFAULTS)
    assert (keys.shown("train"), keys.shown("predict"), refused) == ("P", "T", ())


def test_every_key_means_one_thing_whatever_is_wished() -> None:
    rng = np.random.default_rng(0)
    names = [action.name for action in ACTIONS if not action.fixed]
    pool = [action.key for action in ACTIONS] + ["Q", "E", "F5", "Ctrl+Q", "nonsense"]
    for _ in range(200):
        wishes = {str(n): str(rng.choice(pool)) for n in rng.choice(names, 6)}
        keys, refused = chosen_keys(wishes, BESIDE_THE_DEFAULTS)
        assert len(set(keys.keys.values())) == len(names)
        kept = sum(keys.keys[n] == known_key(w) for n, w in wishes.items())
        assert kept + len(refused) >= len(wishes), "a wish is met or refused in words"


def test_the_docs_name_every_key() -> None:
    text = (DOCS / "annotate.md").read_text(encoding="utf-8")
    for key, title, meaning in KeyTable().rows():
        assert f"| {key} | {title} | {meaning} |" in text


def test_keys_work_on_the_image_and_on_the_strokes(open_window: Open, qtbot: Any) -> None:
    opened = open_window()
    image = opened.viewer.layers[0]
    press(image, "2")
    assert opened.session.current_class == 2
    press(opened.strokes, "1")
    assert opened.session.current_class == 1
    size = opened.strokes.brush_size
    press(opened.strokes, "]")
    assert opened.strokes.brush_size == size + 1
    assert opened.window.part(BrushPanel).brush.text() == f"Brush {size + 1} px"
    for _ in range(size + 3):
        press(opened.strokes, "[")
    assert opened.strokes.brush_size == 1
    opened.paint_both()
    qtbot.waitUntil(lambda: opened.layer("prediction") is not None)
    mask = opened.layer("prediction")
    press(opened.strokes, "V")
    assert not mask.visible
    opened.paint(1, slice(60, 70), slice(10, 60))
    press(opened.strokes, "O")
    assert mask.contour == 1
    assert not mask.visible, "hidden stays hidden"
    press(mask, "V")
    assert mask.visible
    before = opened.session.opacity
    press(opened.viewer, ".")
    assert opened.session.opacity == pytest.approx(before + 0.1)
    opened.window.shut_down()
    assert not mask.keymap and not opened.strokes.keymap and not image.keymap


def test_undo_and_redo_have_buttons_that_know_when(open_window: Open, qtbot: Any) -> None:
    opened = open_window()
    panel = opened.window.part(BrushPanel)
    assert not panel.undo_button.isEnabled()
    opened.paint(1, slice(20, 40), slice(10, 60))
    qtbot.waitUntil(lambda: panel.undo_button.isEnabled())
    panel.undo_button.click()
    assert not opened.strokes.data.any()
    assert panel.redo_button.isEnabled() and not panel.undo_button.isEnabled()
    panel.redo_button.click()
    assert opened.strokes.data.any()


def test_a_changed_key_is_bound_and_shown_everywhere(open_window: Open) -> None:
    opened = open_window()
    window = opened.window
    window._preferences._settings = SimpleNamespace(keys=SimpleNamespace(train="G", predict="E"))
    window._preferences_changed(None)
    keys = {str(key) for key in opened.viewer.keymap}
    assert "G" in keys and "T" not in keys
    assert "P" in keys
    assert "napari uses E to take the eraser" in opened.session.message.text
    assert "<b" in window.keyboard.card.table.text() and "G" in window.keyboard.card.table.text()
    window._preferences._settings = SimpleNamespace(keys=SimpleNamespace(predict="Shift+p"))
    window._preferences_changed(None)
    assert "(Shift+P)" in window.part(PredictionPanel).button.toolTip() or not (
        window.part(PredictionPanel).button.isEnabled()
    )
    assert as_written("Shift-P") in window.keyboard.card.table.text()


def test_the_card_of_keys_opens_and_closes(open_window: Open) -> None:
    window = open_window(image=False).window
    window.part(BrushPanel).help_button.click()
    assert window.keyboard.card.isVisible()
    for action in ACTIONS:
        assert action.title in window.keyboard.card.table.text()
    window.keyboard.card.toggle()
    assert not window.keyboard.card.isVisible()


def test_the_preferences_hold_every_key_that_can_be_changed() -> None:
    manifest = yaml.safe_load((DOCS.parent / "napari.yaml").read_text())
    page = manifest["contributions"]["configurations"]["keys"]["properties"]
    offered = {name: (entry["title"], entry["default"]) for name, entry in page.items()}
    assert offered == {a.name: (a.title, a.key) for a in ACTIONS if not a.fixed}


def test_next_before_an_answer_is_explained_and_forgotten(open_window: Open, qtbot: Any) -> None:
    opened = open_window()
    advisor = opened.window.bench.advisor
    press(opened.viewer.layers[0], "N")
    assert "There is no answer yet" in opened.window.status.label.text()
    opened.paint_both()
    qtbot.waitUntil(lambda: opened.window.bench.answers.up_to_date)
    assert not advisor.wanted and not advisor._go_on


def test_the_question_mark_closes_the_card_it_opened(show_window: Open, qtbot: Any) -> None:
    card = show_window().window.keyboard.card
    card.toggle()
    qtbot.keyPress(card, Qt.Key.Key_Shift)
    assert card.isVisible(), "Shift alone is half of a question mark"
    qtbot.keyClick(card, Qt.Key.Key_Question, Qt.KeyboardModifier.ShiftModifier)
    assert not card.isVisible()


def test_digits_work_while_the_hidden_truth_of_a_sample_is_active(open_window: Open) -> None:
    opened = open_window()
    truth = opened.viewer.add_labels(np.ones((200, 200), np.uint8), name="truth", visible=False)
    opened.viewer.layers.selection.active = truth
    press(truth, "2")
    assert opened.session.brush_label == 2
    assert opened.viewer.layers.selection.active == opened.strokes
    assert opened.strokes.mode == "paint"


def test_keys_walk_through_the_open_images(open_window: Open, qtbot: Any) -> None:
    opened = open_window(name="a")
    for name in "bc":
        opened.viewer.add_image(np.zeros((40, 40), np.float32), name=name)
    qtbot.waitUntil(lambda: opened.session.image.name == "c")
    walked = []
    for key in "JJKK":
        press(opened.viewer, key)
        walked.append(opened.session.image.name)
    assert walked == ["a", "b", "a", "c"]


def test_a_key_leads_back_from_a_place(open_window: Open, qtbot: Any) -> None:
    from types import SimpleNamespace

    opened = open_window()
    advisor, camera = opened.window.bench.advisor, opened.viewer.scene.camera
    camera.center, camera.zoom = (0.0, 33.0, 44.0), 1.5
    for centre in ((20, 30), (150, 160)):
        advisor.go(SimpleNamespace(centre=centre, size_px=40))
    assert tuple(camera.center)[-2:] != (33.0, 44.0)
    press(opened.viewer, "Shift+N")
    assert tuple(camera.center)[-2:] == (33.0, 44.0) and camera.zoom == 1.5
    assert opened.layer("paint here") is None
