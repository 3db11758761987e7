"""What the window says is so: whose answer is seen, what is saved, what Predict has done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from unetscope.session.values import Message, Phase, Scope
from unetscope.widgets.kit.telling import TwoLines
from unetscope.widgets.painting.image_panel import ImagePanel
from unetscope.widgets.painting.model_panel import ModelPanel
from unetscope.widgets.painting.save_panel import SavePanel
from unetscope.widgets.painting.training_panel import TrainingPanel
from widgets.conftest import Opened, halves

Open = Callable[..., Opened]


def status(opened: Opened) -> str:
    return str(opened.window.status.label.text())


def trained(opened: Opened, qtbot: Any) -> None:
    session = opened.session
    opened.window.part(TrainingPanel).train_button.click()
    qtbot.waitUntil(lambda: session.training.phase is Phase.IDLE and session.training.reason != "")
    qtbot.waitUntil(lambda: not opened.window.bench.trainer.lane.busy)


def answered(opened: Opened, qtbot: Any) -> None:
    opened.paint_both()
    qtbot.waitUntil(lambda: opened.window.bench.answers.up_to_date)
    qtbot.waitUntil(lambda: not opened.session.answering)


def test_an_answer_is_not_said_to_be_seen_before_it_is_drawn(open_window: Open, qtbot: Any) -> None:
    opened = open_window()
    told = []

    def look(_: Any) -> None:
        drawn = opened.layer("prediction") is not None and opened.layer("prediction").data.any()
        told.append((drawn, status(opened)))

    opened.session.events.model.connect(look)
    opened.session.events.answering.connect(look)
    answered(opened, qtbot)
    assert told and not [text for drawn, text in told if not drawn and "You see" in text]
    assert "You see the instant answer." in status(opened)


def test_on_another_image_nothing_is_said_to_be_seen_and_no_old_training_is_told(
    open_window: Open, qtbot: Any
) -> None:
    opened = open_window(name="first")
    answered(opened, qtbot)
    trained(opened, qtbot)
    assert "after" in status(opened)
    opened.window.bench.set_live(False)
    opened.viewer.add_image(halves(), name="second")
    qtbot.waitUntil(lambda: opened.session.image.name == "second")
    assert "You see" not in status(opened) and "after" not in status(opened)


def test_predict_says_that_it_is_done_and_with_which_version(open_window: Open, qtbot: Any) -> None:
    opened = open_window(name="cells")
    answered(opened, qtbot)
    opened.window.bench.predict(Scope.IMAGE)
    qtbot.waitUntil(lambda: "Done: cells as version 1 answers." in status(opened))


def test_the_model_that_answers_is_shown_with_a_dot_until_it_is_saved(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    opened = open_window()
    panel = opened.window.part(ModelPanel)
    assert "not saved" not in panel.version.text()
    answered(opened, qtbot)
    trained(opened, qtbot)
    qtbot.waitUntil(lambda: opened.window.bench.answers.up_to_date)
    qtbot.waitUntil(lambda: not opened.session.answering)
    assert "● not saved" in panel.version.text()
    opened.window.bench.shelf.save(tmp_path / "tio2.unetscope")
    qtbot.waitUntil(lambda: panel.picker.currentText() == "tio2")
    assert "not saved" not in panel.version.text()
    assert "You see the answer of “tio2”" in status(opened) or "Saved tio2" in status(opened)


def test_a_trained_model_that_is_replaced_is_one_step_back_and_that_is_said(
    open_window: Open, qtbot: Any
) -> None:
    opened = open_window()
    panel = opened.window.part(ModelPanel)
    answered(opened, qtbot)
    trained(opened, qtbot)
    before = opened.session.versions.last_number
    opened.window.bench.shelf.open_bundled("general-fast")
    qtbot.waitUntil(lambda: panel.picker.currentText() == "General, fast")
    assert "◀ brings it back" in status(opened)
    train_button = opened.window.part(TrainingPanel).train_button
    assert train_button.text() == "▶ Train", "nothing was trained on"
    panel.back.click()
    assert opened.session.versions.current.number == before
    assert opened.session.model.model.network == opened.jobs.epochs
    assert panel.picker.currentText() == "General"
    assert opened.window.part(TrainingPanel).train_button.text() == "▶ Train on"


# ---- the card


LONG = (
    "Background 0.98 · object 0.61 on 8 held-back strokes. Nothing got better any more, so it "
    "ended after 2 min 10 s, best at epoch 12. That was too short to judge. Press Predict."
)


@pytest.mark.parametrize("text", ["Short.", LONG, "word " * 80])
def test_the_status_is_always_two_lines_high_and_holds_the_whole_text(
    show_window: Open, qtbot: Any, text: str
) -> None:
    opened = show_window(width=320)
    card, below = opened.window.status, opened.window.part(ImagePanel)
    height, place = card.height(), below.mapTo(opened.window, below.rect().topLeft())
    opened.session.message = Message(text, "error")
    qtbot.wait(30)
    assert card.height() == height
    assert below.mapTo(opened.window, below.rect().topLeft()) == place
    assert status(opened) == text
    assert card.more.isVisible() == (text != "Short.")
    if card.more.isVisible():
        qtbot.mouseClick(card.label, Qt.MouseButton.LeftButton)
        assert card.details.isVisible() and card.details.text.text() == text
        card.details.hide()


def test_of_a_long_text_the_beginning_and_the_next_step_are_read(qtbot: Any) -> None:
    label = TwoLines()
    qtbot.addWidget(label)
    label.resize(300, 40)
    label.setText(LONG)
    first, last = label.shown().split("\n")
    assert first.startswith("Background 0.98") and first.endswith("…")
    assert last == "Press Predict."


def test_an_answer_that_is_not_whole_is_not_saved(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    opened = open_window()
    panel = opened.window.part(SavePanel)
    opened.window.bench.annotations.save_result(tmp_path / "a.tif", "mask", False)
    assert "no answer to save yet" in panel.card.note.text()
    answered(opened, qtbot)
    opened.layer("prediction").data[:100] = 0
    opened.window.bench.annotations.save_result(tmp_path / "a.tif", "mask", False)
    assert "50% of the image is not answered yet" in panel.card.note.text()
    assert list(tmp_path.iterdir()) == []


def test_painted_labels_and_the_result_are_two_files_with_pixel_size_and_class_values(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    from unetscope.images.files import read_labels, read_micrograph

    opened = open_window(name="tio2.tif", scale=(2.5, 2.5), units=("nm", "nm"))
    panel = opened.window.part(SavePanel)
    answered(opened, qtbot)
    painted, answer = np.array(opened.strokes.data), np.array(opened.layer("prediction").data)
    opened.window.bench.annotations.export_to(tmp_path / "painted.tif", "mask", False)
    qtbot.waitUntil(lambda: "the labels you painted" in panel.card.note.text())
    assert (
        "Values 1 background, 2 object; 0 (nothing said) in 95%; 2.5 nm/px"
        in panel.card.note.text()
    )
    opened.window.bench.annotations.save_result(tmp_path / "result.tif", "mask", False)
    qtbot.waitUntil(lambda: "the answer on screen" in panel.card.note.text())
    np.testing.assert_array_equal(read_labels(tmp_path / "painted.tif"), painted)
    np.testing.assert_array_equal(read_labels(tmp_path / "result.tif"), answer)
    for name in ("painted", "result"):
        read = read_micrograph(tmp_path / f"{name}.tif")
        assert read.unit == "nm" and read.pixel_size == pytest.approx((2.5, 2.5), rel=1e-3)


def test_dialogs_begin_beside_the_image_and_then_where_the_last_file_went(
    open_window: Open, monkeypatch: Any, tmp_path: Path
) -> None:
    from unetscope.widgets.painting import save_panel
    from unetscope.workbench import folders

    monkeypatch.setattr(folders, "_LAST", {})
    opened = open_window(name="tio2.tif")
    panel = opened.window.part(SavePanel)
    (tmp_path / "images").mkdir()
    (tmp_path / "out").mkdir()
    opened.window.bench.annotations.image_file = lambda: tmp_path / "images" / "tio2.tif"
    asked: list[str] = []

    def ask(_parent: Any, _title: str, start: str, _kinds: str) -> tuple[str, str]:
        asked.append(start)
        return str(tmp_path / "out" / "mine.tif"), ""

    monkeypatch.setattr(save_panel.QFileDialog, "getSaveFileName", staticmethod(ask))
    for _ in range(2):
        panel.save_button.menu().actions()[0].trigger()
    assert asked == [
        str(tmp_path / "images" / "tio2_mask.tif"),
        str(tmp_path / "out" / "tio2_mask.tif"),
    ]


# ---- the size of a pixel


def test_a_pixel_size_is_typed_and_says_where_it_is_from(open_window: Open, qtbot: Any) -> None:
    opened = open_window()
    row = opened.window.part(ImagePanel).pixel_size
    assert row.button.text() == "pixel size not known"
    row.button.click()
    row.number.setText("2,5")
    row.unit.setCurrentText("nm")
    row.set_button.click()
    assert opened.session.image.pixel_size == (2.5, 2.5) and opened.session.image.unit == "nm"
    assert row.button.text() == "2.5 nm/px (typed)"
    assert not row.button.isChecked()
    row.button.click()
    row.number.setText("0")
    row.set_button.click()
    assert opened.session.message.tone == "error"
    assert row.button.text() == "2.5 nm/px (typed)"


def test_a_pixel_size_is_taken_from_a_line_along_the_scale_bar(
    open_window: Open, qtbot: Any
) -> None:
    opened = open_window()
    row = opened.window.part(ImagePanel).pixel_size
    row.button.click()
    row.draw_button.click()
    assert row.before.text() == "This line is"
    row.number.setText("200")
    row.set_button.click()  # nothing is drawn yet
    assert "no line is drawn" in status(opened).lower()
    opened.viewer.layers.selection.active.add(np.array([[150, 20], [150, 100]]), shape_type="line")
    row.set_button.click()
    assert opened.session.image.pixel_size == pytest.approx((2.5, 2.5))
    assert row.button.text() == "2.5 nm/px (from the scale bar)"
    assert opened.layer("scale bar") is None


def test_giving_the_line_up_takes_it_away(open_window: Open) -> None:
    opened = open_window()
    row = opened.window.part(ImagePanel).pixel_size
    row.button.click()
    row.draw_button.click()
    row.cancel_button.click()
    assert opened.layer("scale bar") is None and not row.button.isChecked()
    assert row.button.text() == "pixel size not known"


def test_the_size_in_the_header_of_an_opened_file_is_read(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    import tifffile

    path = tmp_path / "sem.tif"
    pixels = (halves() * 200).astype(np.uint8)
    tifffile.imwrite(
        path, pixels, imagej=True, resolution=(1 / 2.5, 1 / 2.5), metadata={"unit": "nm"}
    )
    opened = open_window()
    opened.viewer.open(path, plugin="napari")
    qtbot.waitUntil(lambda: opened.session.image.name.startswith("sem"))
    row = opened.window.part(ImagePanel).pixel_size
    qtbot.waitUntil(lambda: row.button.text() == "2.5 nm/px (from file)", timeout=5000)


def test_the_line_of_the_version_is_one_line_in_large_type(show_window: Open, qtbot: Any) -> None:
    opened = show_window(points=18, width=340)
    answered(opened, qtbot)
    trained(opened, qtbot)
    version = opened.window.part(ModelPanel).version
    assert "● not saved" in version.text()
    assert version.fontMetrics().horizontalAdvance(version.text()) <= version.width()
