"""The dock "Measure" in a viewer: from labels to numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from unetscope.session.measuring.measure_state import LabelKind
from unetscope.widgets.measuring.source_panel import SourcePanel

DISKS = ((20, 20, 8), (20, 60, 8), (60, 20, 10), (60, 72, 10), (60, 89, 10), (0, 100, 6))


def disks(shape: tuple[int, int] = (96, 128), at: Any = DISKS) -> np.ndarray:
    """Class 2 in disks (y, x, radius), of which two touch and one is cut; class 1 around them."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    labels = np.ones(shape, np.uint8)
    for cy, cx, r in at:
        labels[(y - cy) ** 2 + (x - cx) ** 2 <= r * r] = 2
    return labels


@dataclass
class Measuring:
    viewer: Any
    dock: Any
    wait: Callable[[], None]

    @property
    def state(self) -> Any:
        return self.dock.state

    @property
    def bench(self) -> Any:
        return self.dock.bench

    def find(self, **wish: Any) -> None:
        self.bench.labels.wish(**wish)
        self.bench.finder.find()
        self.wait()

    def layer(self, start: str) -> Any:
        return next((one for one in self.viewer.layers if one.name.startswith(start)), None)


@pytest.fixture
def open_dock(make_napari_viewer_proxy: Any, qtbot: Any) -> Iterator[Callable[..., Measuring]]:
    from unetscope.widgets.measuring.measure_dock import MeasureDock

    made = []

    def make(labels: Any = None, image: Any = None, **how: Any) -> Measuring:
        viewer = make_napari_viewer_proxy()
        labels = disks() if labels is None else labels
        grey = np.asarray(labels, np.float32) if image is None else image
        viewer.add_image(grey, name="field", **how)
        viewer.add_labels(labels, name="truth", **how)
        dock = MeasureDock(viewer)
        made.append(dock)
        viewer.window.add_dock_widget(dock, name="Measure")
        qtbot.waitUntil(lambda: not dock.bench.busy, timeout=5000)

        def wait() -> None:
            qtbot.waitUntil(lambda: not dock.bench.busy, timeout=20000)

        return Measuring(viewer, dock, wait)

    yield make
    for dock in made:
        dock.shut_down()


def test_objects_are_found_and_told_with_unit_n_and_method(open_dock: Any) -> None:
    opened = open_dock(scale=(2, 2), units=("nm", "nm"))
    opened.find()
    found = opened.state.found
    assert found.count == 6
    assert found.segmented.spacing.size == (2.0, 2.0)
    said = opened.dock.card.label.text()
    assert said.startswith("6 × class 2 · mean diameter 36.7 nm")
    assert "nm (n = 5 objects; no interval: 5 complete objects" in said
    assert "1 at the border left out" in said


def test_without_a_pixel_size_it_is_said_and_nothing_is_guessed(open_dock: Any) -> None:
    opened = open_dock()
    assert "tell the pixel size" in opened.dock.card.label.text()
    opened.find()
    assert opened.state.found.segmented.spacing.unit == "px"
    assert " px (n = 5" in opened.dock.card.label.text()
    opened.bench.labels.set_pixel_size(2.0, "nm")
    opened.wait()
    assert opened.state.found.segmented.spacing.unit == "nm"
    assert "tell the pixel size" not in opened.dock.card.label.text()


def test_objects_touching_stay_one_where_they_are_taken_as_they_are(open_dock: Any) -> None:
    opened = open_dock()
    opened.find(apart="components")
    assert opened.state.found.count == 5


def test_labels_that_number_objects_are_taken_as_they_are_numbered(open_dock: Any) -> None:
    numbers = np.zeros((96, 128), np.int32)
    for at in range(12):
        numbers[4 + 7 * at : 9 + 7 * at, 10:20] = 10 * at + 7
    opened = open_dock(numbers, np.random.default_rng(0).random((96, 128)))
    assert opened.state.source.kind is LabelKind.OBJECTS
    opened.find()
    table = opened.state.found.measured.table
    assert table.columns["object"].tolist() == [10 * at + 7 for at in range(12)]


def test_the_layer_holds_the_numbers_and_tells_measures_by_label(open_dock: Any) -> None:
    opened = open_dock()
    opened.find()
    layer, found = opened.layer("objects of class 2"), opened.state.found
    assert layer.data.dtype == np.uint16
    np.testing.assert_array_equal(layer.data, found.objects.ids)
    assert layer.features["index"].tolist() == [1, 2, 3, 4, 5, 6]
    assert layer.features["area_px2"].tolist() == found.measured.table.columns["area"].tolist()
    assert not layer.editable


def test_changed_labels_make_the_numbers_stale_and_update_renews_them(
    open_dock: Any, qtbot: Any
) -> None:
    opened = open_dock()
    opened.find()
    truth = opened.layer("truth")
    truth.data[10:30, 10:30] = 1
    qtbot.waitUntil(lambda: opened.state.stale != "", timeout=20000)
    assert "older labels" in opened.dock.card.label.text()
    assert opened.dock.part(SourcePanel).find_button.text() == "Update"
    opened.bench.finder.find()
    opened.wait()
    assert opened.state.stale == ""
    assert opened.state.found.count == 5


def test_three_clicked_objects_say_how_large_a_good_one_is(open_dock: Any) -> None:
    opened = open_dock(scale=(2, 2), units=("nm", "nm"))
    opened.bench.tools.use_tool("typical")
    opened.wait()
    for place in ((20.0, 20.0), (20.0, 60.0), (60.0, 20.0)):
        opened.bench.objects.clicked.emit(
            int(opened.state.found.objects.ids[int(place[0]), int(place[1])]), place, False
        )
    opened.wait()
    assert opened.state.wish.typical == pytest.approx(2 * 16.0, rel=0.05)
    assert opened.state.tool == ""
    assert opened.state.found.wish.typical == opened.state.wish.typical


def test_a_half_answered_image_is_refused_in_words() -> None:
    from unetscope.errors import MeasurementError
    from unetscope.session.measuring.object_jobs import check_answered

    labels = np.ones((4, 10, 10), np.uint8)
    check_answered(labels)
    labels[1:] = 0
    with pytest.raises(MeasurementError, match="only 1 of 4 planes is answered"):
        check_answered(labels)


def test_removing_the_objects_takes_the_numbers_away(open_dock: Any) -> None:
    opened = open_dock()
    opened.find()
    opened.viewer.layers.remove(opened.layer("objects of"))
    assert opened.state.found is None
    assert "Press Find objects" in opened.dock.card.label.text()


def click(opened: Measuring, y: float, x: float, *, more: bool = False) -> None:
    """A click as the layer tells it."""
    number = int(opened.layer("objects of").data[int(y), int(x)])
    opened.bench.objects.clicked.emit(number, (y, x), more)


def test_join_split_and_drop_are_steps_that_can_be_taken_back(open_dock: Any) -> None:
    opened = open_dock()
    opened.find()
    before = opened.layer("objects of").data.copy()
    editor = opened.bench.editor
    click(opened, 20, 20)
    click(opened, 20, 60, more=True)
    editor.join()
    opened.wait()
    assert opened.state.found.count == 5
    assert opened.dock.card.label.text().startswith("5 × class 2")
    click(opened, 60, 20)
    opened.bench.tools.split()
    click(opened, 60, 15)
    click(opened, 60, 26)
    opened.bench.tools.finish()
    opened.wait()
    assert opened.state.found.count == 6
    click(opened, 1, 100)
    editor.drop()
    opened.wait()
    assert opened.state.found.count == 5
    assert opened.state.selected == ()
    assert opened.state.edits == 3
    for _ in range(4):
        editor.undo()
    opened.wait()
    np.testing.assert_array_equal(opened.layer("objects of").data, before)
    assert opened.state.found.count == 6
    assert (opened.state.can_undo, opened.state.can_redo) == (False, True)


def test_edits_that_come_fast_wait_for_each_other(open_dock: Any) -> None:
    opened = open_dock()
    opened.find()
    for number in (1, 2, 3):
        opened.bench.tools.choose((number,))
        opened.bench.editor.drop()
    opened.bench.editor.undo()
    opened.wait()
    assert opened.state.found.objects.numbers.tolist() == [3, 4, 5, 6]


def test_corrections_are_there_again_in_another_viewer(open_dock: Any) -> None:
    opened = open_dock()
    opened.find()
    opened.bench.tools.choose((2,))
    opened.bench.editor.drop()
    opened.wait()
    opened.dock.shut_down()
    again = open_dock()
    again.find()
    assert again.state.found.objects.numbers.tolist() == [1, 3, 4, 5, 6]
    assert again.state.edits == 1
    assert again.state.can_undo


def test_keys_of_the_objects_are_not_those_of_painting(open_dock: Any) -> None:
    opened = open_dock()
    opened.find()
    layer = opened.layer("objects of")
    bound = {str(key) for key in layer.keymap}
    assert {"J", "K", "Z", "Backspace"} <= bound
    assert "J" not in {str(key) for key in opened.layer("truth").keymap}


# ---- table, colours, choosing


def test_a_click_on_an_object_shows_its_row_and_a_row_frames_its_object(open_dock: Any) -> None:
    opened = open_dock()
    opened.find()
    table = opened.dock.open_table()
    click(opened, 60, 20)
    assert table.view.selected.tolist() == list(opened.state.selected)
    assert opened.layer("chosen objects").data.any()
    zoom = opened.viewer.scene.camera.zoom
    table.view.chosen.emit(np.array([2]))
    assert opened.state.selected == (2,)
    assert opened.viewer.scene.camera.zoom != zoom
    centre = opened.state.found.measured.table.columns["centre_y"][1]
    assert abs(opened.viewer.scene.camera.center[-2] - centre) < 2


def test_objects_are_coloured_by_a_measure_and_a_filter_leaves_some(open_dock: Any) -> None:
    opened = open_dock()
    opened.find()
    opened.bench.colours.colour_by("area")
    opened.wait()
    layer, found = opened.layer("measure: area"), opened.state.found
    table, ids = found.measured.table, found.objects.ids
    for number, area in zip(table.columns["object"], table.columns["area"], strict=True):
        assert (layer.data[ids == number] == np.float32(area)).all()
    assert np.isnan(layer.data[ids == 0]).all()
    opened.dock.open_table().view.filter_by("not at border")
    opened.wait()
    cut = table.columns["object"][table.columns["at_border"] == 1]
    layer = opened.layer("measure: area")
    assert np.isnan(layer.data[np.isin(ids, cut)]).all()
    assert np.isfinite(layer.data).sum() == np.count_nonzero(ids) - np.isin(ids, cut).sum()


def test_the_table_follows_edits_and_its_dock_can_be_closed_and_opened(open_dock: Any) -> None:
    opened = open_dock()
    opened.find()
    table = opened.dock.open_table()
    opened.bench.tools.choose((1,))
    opened.bench.editor.drop()
    opened.wait()
    assert len(table.view.table) == 5
    opened.viewer.window.remove_dock_widget(table)
    assert opened.dock.table is None
    opened.find(apart="components")
    assert len(opened.dock.open_table().view.table) == opened.state.found.count


# ---- checking, cleaning


def test_the_most_doubtful_objects_come_first_and_ticks_stay(open_dock: Any) -> None:
    near = ((30, 30, 12), (30, 45, 12), (70, 30, 12), (70, 44, 12), (70, 90, 12))
    opened = open_dock(disks(at=near))
    opened.find()
    checker = opened.bench.checker
    table = opened.state.found.measured.table
    doubtful = table.columns["object"][np.argsort(-table.columns["doubt"], kind="stable")]
    checker.next()
    first = opened.state.selected
    assert first == (doubtful[0],)
    checker.tick()
    assert opened.state.checked == set(first)
    assert opened.state.selected != first
    opened.dock.shut_down()
    again = open_dock(disks(at=near))
    again.find()
    assert again.state.checked == set(first)
    while again.state.message is None or "No other" not in again.state.message.text:
        again.bench.checker.next()


def test_what_is_too_small_is_shown_before_it_is_left_out(open_dock: Any) -> None:
    from unetscope.widgets.measuring.count_panel import CountPanel

    opened = open_dock()
    opened.find()
    panel = opened.dock.part(CountPanel)
    panel.smallest.told.emit(18.0)
    assert panel.preview.text() == "3 of 6 would go."
    assert len(opened.state.selected) == 3
    assert opened.dock.part(SourcePanel).find_button.text() == "Update"
    opened.find()
    assert opened.state.found.count == 3
    assert opened.state.found.objects.dropped == 3


def test_only_what_is_drawn_counts(open_dock: Any) -> None:
    opened = open_dock()
    opened.find(drawn=True)
    assert "No region is drawn" in opened.dock.card.label.text()
    opened.viewer.add_shapes([[[-1, -1], [-1, 40], [40, 40], [40, -1]]], shape_type="rectangle")
    opened.find()
    assert opened.state.found.objects.numbers.tolist() == [1]
    assert opened.state.wish.edge == "weight"
    opened.viewer.add_shapes([[[0, 0], [0, 80], [40, 40]]], shape_type="polygon")
    opened.find()
    assert opened.state.wish.edge == "drop"
    assert "not weighted" in opened.dock.card.label.text()


# ---- what is told


def test_no_number_is_shown_without_unit_n_and_interval_or_reason(open_dock: Any) -> None:
    from unetscope.widgets.measuring.numbers_panel import NumbersPanel

    opened = open_dock(scale=(2, 2), units=("nm", "nm"))
    opened.find(fibre_width=True, grain_size=True)
    told = opened.state.found.quantities
    panel = opened.dock.part(NumbersPanel)
    lines = [label for part in panel.lists.values() for label in part.lines if label.text()]
    assert len(lines) == len(told) > 15
    for label in lines:
        text, tip = label.text(), label.toolTip()
        assert "n = " in text
        assert " to " in text or "no interval: " in text or "not measured: " in text
        assert "Method: " in tip
    for quantity in told:
        shown = next(one.text() for one in lines if one.text().startswith(f"{quantity.name}: "))
        unit = quantity.unit.lstrip("1/")
        assert not unit or "m" in shown or "°" in shown or "not measured" in shown
    assert "n = 5" in opened.dock.card.label.text()


def test_stale_numbers_are_grey_and_say_of_what_they_are(open_dock: Any, qtbot: Any) -> None:
    from unetscope.widgets.measuring.numbers_panel import NumbersPanel

    opened = open_dock()
    opened.find()
    panel, table = opened.dock.part(NumbersPanel), opened.dock.open_table()
    lines = panel.lists["Sizes"].lines
    assert lines[0].styleSheet() == ""
    truth = opened.layer("truth")
    truth.data[10:30, 10:30] = 1
    qtbot.waitUntil(lambda: opened.state.stale != "", timeout=20000)
    assert "color" in lines[0].styleSheet()
    assert table.view._is_stale


# ---- going out


def test_files_and_words_go_out_with_what_was_done_by_hand(open_dock: Any, tmp_path: Any) -> None:
    from qtpy.QtGui import QGuiApplication

    from unetscope.widgets.measuring.export_panel import ExportPanel

    opened = open_dock(scale=(2, 2), units=("nm", "nm"))
    opened.find()
    opened.bench.tools.choose((2,))
    opened.bench.editor.drop()
    opened.wait()
    opened.bench.tools.choose((1,))
    opened.bench.checker.tick()
    opened.bench.results.export(tmp_path / "a.csv", overwrite=True, objects=("tif",))
    opened.wait()
    assert f"Written to {tmp_path}" in opened.dock.card.label.text()
    rows = (tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 1 + 5
    methods = (tmp_path / "a_methods.txt").read_text(encoding="utf-8")
    assert "corrected by hand: 1 edit. 1 of 5 objects were checked" in methods
    opened.dock.part(ExportPanel).methods.click()
    assert QGuiApplication.clipboard().text().strip() == methods.strip()


def test_corrected_objects_are_brought_back_without_their_labels(open_dock: Any) -> None:
    grey = np.random.default_rng(0).random((96, 128)).astype(np.float32)
    opened = open_dock(image=grey)
    opened.find()
    opened.bench.tools.choose((2,))
    opened.bench.editor.drop()
    opened.wait()
    opened.dock.shut_down()
    again = open_dock(np.ones((96, 128), np.uint8), image=grey)
    assert "were corrected" in again.state.offer
    again.dock.part(SourcePanel).back.click()
    again.wait()
    assert again.state.found.objects.numbers.tolist() == [1, 3, 4, 5, 6]
    again.bench.editor.undo()
    again.wait()
    assert again.state.found.count == 6
    assert "older labels" in again.dock.card.label.text()


def test_a_typical_size_is_offered_and_used_where_a_border_parts_objects(open_dock: Any) -> None:
    opened = open_dock()
    panel = opened.dock.part(SourcePanel)
    opened.bench.labels.wish(apart="components")
    assert panel.typical.isHidden()
    opened.find(apart="border", border=1, typical=16.0)
    assert not panel.typical.isHidden()
    how = opened.state.found.objects.how
    assert (how.by, how.border, how.typical, how.at_necks) == ("border", 1, 16.0, True)
