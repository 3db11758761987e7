"""Labels of other programs in the window: in as one edit that can be undone, and out again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from napari.layers._source import layer_source
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from unetscope.images.annotations.formats import read_annotations
from unetscope.images.claims import Role
from unetscope.images.files import read_micrograph, write_labels
from unetscope.session.layers.layer_facts import layer_key
from unetscope.session.requests import WriteRequest
from unetscope.widgets.painting.annotation_panel import AnnotationPanel
from unetscope.widgets.painting.save_panel import SavePanel
from widgets.conftest import SIDE, Opened, halves

Open = Callable[..., Opened]


def said(opened: Opened, qtbot: Any, *words: str) -> str:
    """The news on the card, or its question, once these words are in it."""
    panel, saving = opened.window.part(AnnotationPanel), opened.window.part(SavePanel)

    def text() -> str:
        asked = panel.question.question
        if asked is not None:
            return str(asked.text)
        return f"{panel.card.note.text()} {saving.card.note.text()}"

    qtbot.waitUntil(lambda: all(word in text() for word in words), timeout=5000)
    return text()


@pytest.mark.parametrize(("format", "name"), [("geojson", "a.geojson"), ("ome-zarr", "a.zarr")])
def test_what_is_exported_is_imported_again_and_can_be_undone(
    open_window: Open, qtbot: Any, tmp_path: Path, format: str, name: str
) -> None:
    opened = open_window()
    opened.paint_both()
    painted = np.array(opened.strokes.data)
    opened.window.bench.annotations.export_to(tmp_path / name, format, False)
    said(opened, qtbot, "Wrote", name)
    np.testing.assert_array_equal(read_annotations(tmp_path / name, (SIDE, SIDE)).labels, painted)
    opened.paint(1, slice(100, 110), slice(0, 10))
    opened.paint(1, slice(20, 40), slice(140, 150))
    mine = np.array(opened.strokes.data)
    opened.window.bench.annotations.import_from(tmp_path / name)
    said(opened, qtbot, "Imported", "200 pixels")
    merged = np.where(painted > 0, painted, mine)
    np.testing.assert_array_equal(opened.strokes.data, merged)
    opened.window.bench.strokes.keeper.commit()
    opened.window.bench.strokes.undo()
    np.testing.assert_array_equal(opened.strokes.data, mine)


def foreign(path: Path, mask: np.ndarray) -> Path:
    """A mask as another program writes it."""
    Image.fromarray(mask).save(path)
    return path


def question(opened: Opened, qtbot: Any) -> Any:
    """The card of the question that comes."""
    card = opened.window.part(AnnotationPanel).question
    qtbot.waitUntil(lambda: card.question is not None, timeout=5000)
    return card


def cells(count: int) -> np.ndarray:
    """Squares of 20 px with a number each."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    for number in range(count):
        y, x = 40 * (number // 5), 40 * (number % 5)
        mask[y + 5 : y + 25, x + 5 : x + 25] = number + 1
    return mask


def halved(value: int) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:, SIDE // 2 :] = value
    return mask


def test_what_0_means_is_asked_once_and_again_where_it_is_wanted(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    opened = open_window()
    panel = opened.window.part(AnnotationPanel)
    foreign(tmp_path / f"{opened.session.image.name}_mask.png", halved(255))
    opened.window.bench.annotations.import_from(tmp_path)  # the folder: matched by name
    card = question(opened, qtbot)
    assert opened.strokes is None and panel.question.body is None
    assert card.buttons["background"].text().startswith("0 is the class background")
    card.buttons["background"].click()
    said(opened, qtbot, "Imported", "40,000 pixels", "0 was taken as the class 1")
    np.testing.assert_array_equal(opened.strokes.data, np.where(halved(1), 2, 1))
    assert [c.name for c in opened.session.classes] == ["background", "object"]
    assert panel.again_button.isHidden()

    opened.window.bench.annotations.import_from(foreign(tmp_path / "other.png", 1 - halved(1)))
    said(opened, qtbot, "Imported other.png", "As you said before: 0 is the class background")
    np.testing.assert_array_equal(opened.strokes.data, np.where(halved(1), 1, 2))
    panel.again_button.click()
    question(opened, qtbot).buttons["unlabelled"].click()
    said(opened, qtbot, "Imported other.png", "20,000 pixels")
    assert (np.asarray(opened.strokes.data)[:, : SIDE // 2] == 1).all()


def test_an_answer_is_taken_only_where_its_question_would_come(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    opened = open_window()
    opened.window.bench.annotations.import_from(foreign(tmp_path / "yes.png", halved(255)))
    question(opened, qtbot).buttons["background"].click()
    said(opened, qtbot, "Imported yes.png")
    classes = halved(2)
    classes[:60] = 1
    opened.window.bench.annotations.import_from(foreign(tmp_path / "classes.png", classes))
    said(opened, qtbot, "Imported classes.png", "1 is background, 2 is object")
    expected = np.where(classes, classes, np.where(halved(1), 2, 1))
    np.testing.assert_array_equal(opened.strokes.data, expected)


def test_what_was_said_of_a_file_is_said_of_a_layer_until_that_is_chosen_once_more(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    opened = open_window()
    bench, asked = opened.window.bench, []
    opened.window.bench.annotations.import_from(foreign(tmp_path / "cells.png", cells(25)))
    question(opened, qtbot).buttons["objects"].click()
    said(opened, qtbot, "Imported cells.png")
    bench.answer = lambda question: asked.append(question.about) or "classes"
    mine = opened.viewer.add_labels(cells(12).astype(np.int32), name="mine")
    bench.adopt(layer_key(mine))
    assert asked == []
    told = opened.session.message.text
    assert "12 objects of mine were copied" in told
    assert "As you said before: objects of one class" in told
    np.testing.assert_array_equal(opened.strokes.data, np.where(cells(12), 2, 0))
    bench.adopt(layer_key(mine))
    assert asked == ["values"]
    assert layer_key(opened.strokes) == layer_key(mine)
    assert opened.session.message is None
    other = opened.viewer.add_labels(cells(14).astype(np.int32), name="other")
    bench.adopt(layer_key(other))
    assert asked == ["values"]
    assert "As you said before: a class for each number" in opened.session.message.text


@pytest.mark.parametrize("count", [2, 3, 25])
def test_numbers_of_one_piece_each_are_asked_about(
    open_window: Open, qtbot: Any, tmp_path: Path, count: int
) -> None:
    opened = open_window()
    opened.window.bench.annotations.import_from(foreign(tmp_path / "m.png", cells(count)))
    card = question(opened, qtbot)
    assert list(card.buttons) == ["objects", "classes"] and opened.strokes is None
    card.buttons["objects"].click()
    said(opened, qtbot, "Imported", "taken as objects of the class 'object'")
    np.testing.assert_array_equal(opened.strokes.data, np.where(cells(count), 2, 0))
    assert len(opened.session.classes) == 2


def test_numbers_of_one_piece_each_can_be_classes_and_are_not_asked_about_as_values(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    opened = open_window()
    panel = opened.window.part(AnnotationPanel)
    opened.window.bench.annotations.import_from(foreign(tmp_path / "m.png", cells(25)))
    question(opened, qtbot).buttons["classes"].click()
    said(opened, qtbot, "Imported", "3 is class 3")
    assert panel.question.body is None
    np.testing.assert_array_equal(opened.strokes.data, cells(25))
    assert len(opened.session.classes) == 25


def test_grey_values_of_known_numbers_are_asked_about(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    opened = open_window()
    panel = opened.window.part(AnnotationPanel)
    grey = np.random.default_rng(0).integers(0, 3, (SIDE, SIDE)).astype(np.uint8)
    opened.window.bench.annotations.import_from(foreign(tmp_path / "grey.png", grey))
    said(opened, qtbot, "grey.png changes from pixel to pixel")
    assert panel.question.body.form.rowCount() == 3 and opened.strokes is None
    panel.question.later.click()
    assert opened.strokes is None


def test_of_masks_that_unetscope_wrote_nothing_is_asked_and_0_is_unlabelled(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    opened = open_window()
    panel = opened.window.part(AnnotationPanel)
    write_labels(cells(2), tmp_path / "two.png")
    opened.window.bench.annotations.import_from(tmp_path / "two.png")
    said(opened, qtbot, "Imported two.png: 800 pixels")
    write_labels(halved(255), tmp_path / "one.png")
    opened.window.bench.annotations.import_from(tmp_path / "one.png")
    said(opened, qtbot, "values that are no classes")
    assert [combo.currentText() for combo in panel.question.body.combos] == ["unlabelled", "object"]


def test_of_several_label_images_one_is_chosen_with_a_button(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    opened = open_window()
    made = zarr.create_group(tmp_path / "a.zarr", zarr_format=2)
    labels = made.create_group("labels")
    labels.attrs["labels"] = ["cells", "nuclei"]
    for value, name in enumerate(("cells", "nuclei"), 1):
        one = labels.create_group(name)
        one.create_array("0", data=halved(value))
        axes = [{"name": letter, "type": "space"} for letter in "yx"]
        one.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": [{"path": "0"}]}]
        one.attrs["image-label"] = {"version": "0.4"}
    opened.window.bench.annotations.import_from(tmp_path / "a.zarr")
    card = question(opened, qtbot)
    assert list(card.buttons) == ["cells", "nuclei"]
    card.buttons["nuclei"].click()
    said(opened, qtbot, "Imported a.zarr: 20,000 pixels")
    np.testing.assert_array_equal(opened.strokes.data, halved(2))


def test_pages_of_two_series_are_asked_about_and_not_now_imports_nothing(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    opened = open_window()
    with tifffile.TiffWriter(tmp_path / "m.tif") as writer:
        for value in (1, 2):
            writer.write(halved(value), metadata={"name": f"mask {value}"})
            writer.write(halved(value)[:-value], metadata={"name": f"other {value}"})
    panel = opened.window.part(AnnotationPanel)
    opened.window.bench.annotations.import_from(tmp_path / "m.tif")
    card = question(opened, qtbot)
    assert card.question.about == "series"
    qtbot.mouseClick(card.later, Qt.MouseButton.LeftButton)
    assert not panel.asking and opened.strokes is None


def test_pipes_and_devices_are_refused(open_window: Open, qtbot: Any, tmp_path: Path) -> None:
    opened = open_window()
    os.mkfifo(tmp_path / "pipe.tif")
    os.mkfifo(tmp_path / "pipe.geojson")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    for name in ("pipe.tif", "pipe.geojson", "zero.png"):
        opened.window.bench.annotations.import_from(tmp_path / name)
        said(opened, qtbot, name, "no ordinary file")


def test_what_was_left_out_is_said_in_short_and_in_full(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    opened = open_window()
    panel = opened.window.part(AnnotationPanel)
    features = [
        {
            "type": "Feature",
            "geometry": {"type": kind, "coordinates": corners},
            "properties": {"classification": {"name": name}},
        }
        for kind, corners, name in (
            ("Polygon", [[[5, 5], [25, 5], [25, 25], [5, 5]]], "a class of a long name " * 4),
            ("Polygon", [[[50, 5], [90, 5], [90, 25], [50, 5]]], "another of a long name " * 4),
            ("Polygon", [[[150, 5], [290, 5], [290, 25], [150, 5]]], "object"),
            ("Point", [7, 7], "object"),
            ("Point", [8, 8], "object"),
        )
    ]
    written = tmp_path / "a.geojson"
    written.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    notes = read_annotations(written, (SIDE, SIDE), opened.session.classes).notes
    opened.window.bench.annotations.import_from(written)
    short = said(opened, qtbot, "Imported a.geojson")
    assert len(notes) > 1 and not panel.card.details_button.isHidden()
    shown = [note for note in notes if note[1:] in short]
    assert 0 < len(shown) < len(notes)
    panel.card.details_button.click()
    assert all(note[1:] in panel.card.note.text() for note in notes)
    assert panel.card.details_button.isHidden()


def test_what_a_format_has_no_place_for_is_said(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    opened = open_window()
    opened.paint(1, slice(20, 40), slice(10, 60))
    opened.window.bench.annotations.export_to(tmp_path / "a.geojson", "geojson", False)
    said(opened, qtbot, "Wrote a.geojson", "1 class without a pixel", "object")


def test_exports_are_calibrated_and_named_after_the_file_of_the_image(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    with layer_source(path=str(tmp_path / "tio2 7.tif")):
        opened = open_window(name="renamed", scale=(0.25, 0.25), units=("um", "um"))
    opened.paint_both()
    painted = np.array(opened.strokes.data)
    opened.window.bench.annotations.export_to(tmp_path / "a.tif", "mask", False)
    said(opened, qtbot, "Wrote a.tif", "1 background, 2 object", "0.25 µm/px")
    mask = read_micrograph(tmp_path / "a.tif")
    assert mask.pixel_size == pytest.approx((0.25, 0.25)) and mask.unit == "µm"
    np.testing.assert_array_equal(mask.pixels, painted)
    opened.window.bench.annotations.export_to(tmp_path / "a.json", "coco", False)
    said(opened, qtbot, "Wrote a.json")
    coco = json.loads((tmp_path / "a.json").read_text())
    assert [image["file_name"] for image in coco["images"]] == ["tio2 7.tif"]
    assert {(c["id"], c["name"]) for c in coco["categories"]} == {(1, "background"), (2, "object")}
    opened.strokes.data = np.zeros_like(painted)
    opened.window.bench.annotations.import_from(tmp_path / "a.json")
    said(opened, qtbot, "Imported a.json")
    np.testing.assert_array_equal(opened.strokes.data, painted)


def test_new_values_become_new_classes_after_asking_and_cancel_changes_nothing(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    opened = open_window()
    panel = opened.window.part(AnnotationPanel)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:50], mask[50:60] = 3, 7
    write_labels(mask, tmp_path / "m.tif")
    opened.window.bench.annotations.import_from(tmp_path / "m.tif")
    said(opened, qtbot, "values that are no classes")
    panel.question.later.click()
    assert opened.strokes is None and panel.question.body is None
    opened.window.bench.annotations.import_from(tmp_path / "m.tif")
    said(opened, qtbot, "values that are no classes")
    panel.question.buttons["import"].click()
    said(opened, qtbot, "Imported")
    np.testing.assert_array_equal(opened.strokes.data, mask)
    assert [c.value for c in opened.session.classes] == [1, 2, 3, 7]


def test_labels_of_another_size_are_refused_in_words(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    opened = open_window()
    write_labels(np.ones((8, 8), np.uint8), tmp_path / "m.tif")
    opened.window.bench.annotations.import_from(tmp_path / "m.tif")
    said(opened, qtbot, "(8, 8)", "(200, 200)")
    opened.window.bench.annotations.export_to(tmp_path / "a.zip", "imagej", False)
    said(opened, qtbot, "Nothing is painted")
    assert opened.strokes is None


def test_the_dialogs_yes_to_replace_counts_for_that_very_file_of_that_kind(
    open_window: Open, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_window()
    panel = opened.window.part(SavePanel)
    opened.paint_both()
    theirs = tmp_path / "theirs.tif"
    tifffile.imwrite(theirs, np.zeros((5, 5), np.uint8))
    (tmp_path / "theirs.csv").write_text("a,b\n")

    def choose(name: str) -> None:
        monkeypatch.setattr(
            QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / name), "Mask (*.tif)")
        )
        panel.export_button.menu().actions()[0].trigger()

    choose("theirs")  # the suffix is added afterwards: nobody was asked about theirs.tif
    said(opened, qtbot, "theirs.tif", "is there already")
    choose("theirs.csv")  # what is written is no table
    said(opened, qtbot, "theirs.csv")
    assert (tmp_path / "theirs.csv").read_text() == "a,b\n"
    choose("theirs.tif")
    said(opened, qtbot, "Wrote theirs.tif")
    assert tifffile.imread(theirs).shape == (SIDE, SIDE)


def test_the_image_is_not_replaced_even_if_the_dialog_was_told_so(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, np.uint8(255 * halves()))
    before = path.read_bytes()
    opened = open_window(False)
    opened.viewer.open(path, plugin="napari")
    qtbot.waitUntil(lambda: opened.session.model is not None)
    opened.paint_both()
    opened.window.bench.annotations.export_to(path, "mask", True)
    said(opened, qtbot, "image.tif", "may not replace it")
    assert path.read_bytes() == before


def test_probabilities_are_saved_once_a_model_answers_the_image(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    opened = open_window()
    opened.window.bench.annotations.save_result(tmp_path / "p.tif", "probabilities", False)
    said(opened, qtbot, "No model answers this image yet")
    opened.paint_both()
    qtbot.waitUntil(lambda: opened.window.bench.answers.up_to_date)
    opened.window.bench.annotations.save_result(tmp_path / "p.tif", "probabilities", False)
    said(opened, qtbot, "Wrote p.tif", "one channel for each of background, object")
    claim = opened.jobs.asked(WriteRequest)[0].claim
    assert claim.role is Role.PROBABILITIES
