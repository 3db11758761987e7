"""Labels of other programs in the window: in as one edit that can be undone, and out again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unetscope.images.annotations.files import read_annotations
from unetscope.images.files import write_labels
from widgets.conftest import SIDE, Opened

Open = Callable[..., Opened]


def said(opened: Opened, qtbot: Any, *words: str) -> str:
    note = opened.window.projects.labels.note
    qtbot.waitUntil(lambda: all(word in note.text() for word in words), timeout=5000)
    return str(note.text())


@pytest.mark.parametrize(("format", "name"), [("geojson", "a.geojson"), ("ome-zarr", "a.zarr")])
def test_what_is_exported_is_imported_again_and_can_be_undone(
    open_window: Open, qtbot: Any, tmp_path: Path, format: str, name: str
) -> None:
    opened = open_window()
    panel = opened.window.projects.labels
    opened.paint_both()
    painted = np.array(opened.strokes.data)
    panel.exported.emit(tmp_path / name, format)
    said(opened, qtbot, "Wrote", name)
    np.testing.assert_array_equal(read_annotations(tmp_path / name, (SIDE, SIDE)).labels, painted)
    opened.paint(1, slice(100, 110), slice(0, 10))
    opened.paint(1, slice(20, 40), slice(140, 150))
    mine = np.array(opened.strokes.data)
    panel.imported.emit(tmp_path / name)
    said(opened, qtbot, "Imported", "200 pixels")
    merged = np.where(painted > 0, painted, mine)
    np.testing.assert_array_equal(opened.strokes.data, merged)
    opened.window.bench.strokes.keeper.commit()
    opened.window.bench.strokes.undo()
    np.testing.assert_array_equal(opened.strokes.data, mine)


def test_a_mask_of_object_and_rest_is_asked_about_and_becomes_classes(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    opened = open_window()
    panel = opened.window.projects.labels
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:, SIDE // 2 :] = 255
    name = opened.session.image.name
    write_labels(mask, tmp_path / f"{name}_mask.png")
    panel.imported.emit(tmp_path)  # the folder: matched by name
    said(opened, qtbot, "values that are no classes")
    assert panel.form.rowCount() == 2 and opened.strokes is None
    panel.confirm_button.click()
    said(opened, qtbot, "Imported", "40,000 pixels")
    np.testing.assert_array_equal(opened.strokes.data, np.where(mask, 2, 1))
    assert [c.name for c in opened.session.classes] == ["background", "object"]


def test_new_values_become_new_classes_after_asking_and_cancel_changes_nothing(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    opened = open_window()
    panel = opened.window.projects.labels
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:50], mask[50:60] = 3, 7
    write_labels(mask, tmp_path / "m.tif")
    panel.imported.emit(tmp_path / "m.tif")
    said(opened, qtbot, "values that are no classes")
    panel.cancel_button.click()
    assert opened.strokes is None and panel.form.rowCount() == 0
    panel.imported.emit(tmp_path / "m.tif")
    said(opened, qtbot, "values that are no classes")
    panel.confirm_button.click()
    said(opened, qtbot, "Imported")
    np.testing.assert_array_equal(opened.strokes.data, mask)
    assert [c.value for c in opened.session.classes] == [1, 2, 3, 7]


def test_labels_of_another_size_are_refused_in_words(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    opened = open_window()
    write_labels(np.ones((8, 8), np.uint8), tmp_path / "m.tif")
    opened.window.projects.labels.imported.emit(tmp_path / "m.tif")
    said(opened, qtbot, "(8, 8)", "(200, 200)")
    opened.window.projects.labels.exported.emit(tmp_path / "a.zip", "imagej")
    said(opened, qtbot, "Nothing is painted")
    assert opened.strokes is None
