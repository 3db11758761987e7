"""The panel of results and the explanations; numbers and colours."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QGuiApplication

from unetscope.images.classes import PALETTE
from unetscope.looking.questions import QUESTIONS
from unetscope.widgets.inside.ablation_panel import AblationPanel
from unetscope.widgets.inside.help_button import FOLDER, HelpButton, explained
from unetscope.widgets.inside.kernel_editor import KernelEditor
from unetscope.widgets.inside.microscope_panel import MicroscopePanel
from unetscope.widgets.inside.number_grid import color_of, grey_grid, number, short, signed_grid
from unetscope.widgets.inside.result_panel import ResultPanel
from unetscope.widgets.inside.result_plots import BARS, Series, seen_on
from unetscope.widgets.inside.result_table import Row, shown
from widgets.inside_panels import DARK, shown_at

# ---- numbers and colours


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.412, ".41"),
        (-0.031, "−.03"),
        (0.0, "0"),
        (-0.001, "0"),
        (0.996, "1.0"),
        (-1.25, "−1.2"),
        (12.3, "12"),
        (-153.4, "−153"),
        (23456.0, "2e4"),
        (float("nan"), ""),
    ],
)
def test_a_number_in_a_cell_is_short(value: float, text: str) -> None:
    assert short(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.412, "0.4120"), (-12.3, "−12.300"), (3.1e-7, "3.1e−7"), (0.0, "0.0000")],
)
def test_a_number_in_a_line(value: float, text: str) -> None:
    assert number(value) == text


def test_signed_colours_are_symmetric_about_zero() -> None:
    grid = signed_grid(np.array([[-2.0, 0.0, 1.0]]))
    assert (grid.low, grid.high) == (-2.0, 2.0)
    blue, white, red = (color_of(v, grid) for v in (-2.0, 0.0, 2.0))
    assert blue.blue() > 150 > blue.red()
    assert white.lightness() > 240
    assert red.red() > 150 > red.blue()
    half = color_of(1.0, grid)
    assert white.lightness() > half.lightness() > red.lightness()


def test_a_flat_grey_grid_has_a_colour() -> None:
    assert color_of(3.0, grey_grid(np.full((2, 2), 3.0))).lightness() > 100


# ---- results


@pytest.fixture
def results(qtbot: Any) -> ResultPanel:
    panel = ResultPanel(DARK)
    shown_at(panel, qtbot)
    return panel


COLUMNS = ("Layer", "Channel", "IoU")
ROWS = [
    Row(("enc1", 3, 0.25), "first"),
    Row(("enc2", 21, 0.61234), "second"),
    Row(("enc3", 7, None), "third"),
]


def texts(panel: ResultPanel, column: int) -> list[str]:
    model = panel.sorted
    return [str(model.index(row, column).data()) for row in range(model.rowCount())]


def test_rows_come_in_the_order_given_and_sort_by_value(results: ResultPanel) -> None:
    results.show_table("Which class?", COLUMNS, ROWS, "a note")
    assert texts(results, 0) == ["enc1", "enc2", "enc3"]
    assert texts(results, 2) == ["0.250", "0.612", "–"]
    results.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    assert texts(results, 1) == ["21", "7", "3"]
    results.table.sortByColumn(2, Qt.SortOrder.DescendingOrder)
    assert texts(results, 2) == ["0.612", "0.250", "–"]
    assert results.note.text() == "a note"


def test_the_first_click_on_a_column_of_numbers_shows_the_largest(
    results: ResultPanel, qtbot: Any
) -> None:
    results.show_table("Which class?", COLUMNS, ROWS)
    head = results.table.horizontalHeader()
    place = QPoint(head.sectionViewportPosition(1) + 5, head.height() // 2)
    qtbot.mouseClick(head.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert texts(results, 1) == ["21", "7", "3"]


def test_a_growing_result_stays_sorted_and_a_new_one_does_not(results: ResultPanel) -> None:
    results.show_table("Ranking", COLUMNS, ROWS)
    results.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    results.show_table("Ranking", COLUMNS, [*ROWS, ("enc4", 50, 0.1)])
    assert texts(results, 1) == ["50", "21", "7", "3"]
    results.show_table("Other", COLUMNS, ROWS)
    assert texts(results, 1) == ["3", "21", "7"]


def test_a_clicked_row_hands_over_its_payload(results: ResultPanel, qtbot: Any) -> None:
    results.show_table("Which class?", COLUMNS, ROWS)
    results.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    place = results.table.visualRect(results.sorted.index(1, 0)).center()
    with qtbot.waitSignal(results.row_chosen) as heard:
        qtbot.mouseClick(results.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert heard.args == ["third"]


def test_payloads_may_stand_beside_the_rows(results: ResultPanel) -> None:
    results.show_table("A", ("x",), [(1,), (2,)], payloads=("one", "two"))
    assert [row.payload for row in results.rows.rows] == ["one", "two"]
    results.show_table("B", ("x",), [(1,)])
    assert results.rows.rows[0].payload == (1,)


def test_the_table_is_copied_as_sorted_with_all_digits(results: ResultPanel) -> None:
    results.show_table("Which class?", COLUMNS, ROWS)
    results.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    results.copy.click()
    clipboard = QGuiApplication.clipboard()
    assert clipboard is not None
    wanted = "Layer,Channel,IoU\nenc2,21,0.61234\nenc3,7,\nenc1,3,0.25\n"
    assert clipboard.text() == wanted


def test_a_row_of_the_wrong_length_is_refused(results: ResultPanel) -> None:
    with pytest.raises(ValueError, match=r"3 columns, but a row of 1 cells"):
        results.show_table("Bad", COLUMNS, [("enc1",)])


def test_table_plot_and_text_of_one_title_stand_together(results: ResultPanel) -> None:
    results.show_text("Shift test", "Exactly 0 at multiples of 8 px.")
    results.show_plot("Shift test", [Series("error", [1, 2, 4], [0.3, 0.2, 0.0])], "px", "error")
    results.show_table("Shift test", ("px",), [(1,)])
    parts = (results.text, results.plot, results.table)
    assert [part.isVisible() for part in parts] == [True, True, True]
    results.show_text("Health", "Nothing found.")
    assert [part.isVisible() for part in parts] == [True, False, False]
    results.clear()
    assert not results.isVisible()


def test_a_logarithmic_plot_leaves_out_what_has_no_logarithm(results: ResultPanel) -> None:
    results.show_plot("E", {"e": ([1, 2, 3, 4], [0.1, 0.0, np.nan, 0.01])}, "x", "y", log=True)
    (line,) = results.plot._graph.listDataItems()
    x, y = line.getOriginalDataset()
    assert list(x) == [1, 4]
    assert list(y) == [0.1, 0.01]


def test_bars_touch_but_do_not_overlap(results: ResultPanel) -> None:
    results.show_plot("H", [Series("h", [0.0, 0.5, 1.0], [1, 4, 2], BARS)], "value", "pixels")
    (bars,) = [i for i in results.plot._graph.getPlotItem().items if hasattr(i, "opts")]
    assert 0.4 < bars.opts["width"] < 0.5
    assert list(bars.opts["height"]) == [1, 4, 2]


def test_numbers_are_whole_in_a_narrow_table_and_names_of_columns_give_way(
    results: ResultPanel, qtbot: Any
) -> None:
    columns = ("class", "a figure with a long name", "another long one", "the third of them")
    results.show_table("T", columns, [("mitochondrion", 0.995, 0.993, 0.891)])
    table, head = results.table, results.table.horizontalHeader()
    assert table.horizontalScrollBar().maximum() == 0
    assert all(head.sectionSize(i) >= table.sizeHintForColumn(i) for i in range(1, 4))
    tip = Qt.ItemDataRole.ToolTipRole
    assert results.rows.headerData(1, Qt.Orientation.Horizontal, tip) == columns[1]


def test_a_plot_takes_the_colours_of_the_classes_that_its_ground_lets_see() -> None:
    dark, light = seen_on("#262930"), seen_on("#ffffff")
    assert dark == [color for color in PALETTE if color in dark] and "#882255" not in dark
    assert light == [color for color in PALETTE if color in light] and "#FFFFFF" not in light
    assert min(len(dark), len(light)) >= 6


def test_a_new_label_stands_in_the_middle_of_its_axis(results: ResultPanel) -> None:
    for label in ("px", "values of a layer with a long name"):
        results.show_plot("T", [Series("e", [0, 1], [0, 1])], label, "y")
        axis = results.plot._graph.getAxis("bottom")
        middle = axis.label.pos().x() + axis.label.boundingRect().width() / 2
        assert middle == pytest.approx(axis.size().width() / 2, abs=2)


def test_columns_of_words_give_way_where_it_is_narrow(results: ResultPanel, qtbot: Any) -> None:
    row = ("a long name of a layer", "a long name of a class", 3, 0.25)
    results.show_table("T", ("Layer", "Class", "Channel", "IoU"), [row])
    bar, head = results.table.horizontalScrollBar(), results.table.horizontalHeader()
    narrow = head.sectionSize(0)
    assert bar.maximum() == 0
    results.resize(700, 600)
    qtbot.waitUntil(lambda: head.sectionSize(0) > narrow)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "yes"),
        (12345, "12,345"),
        (np.int64(-3), "−3"),
        (np.float32(0.5), "0.500"),
        (float("nan"), "–"),
        (float("inf"), "∞"),
        ("enc1", "enc1"),
    ],
)
def test_cells_are_written_for_people(value: Any, text: str) -> None:
    assert shown(value) == text


# ---- help


def test_every_topic_is_explained_with_a_small_picture() -> None:
    helps = {one.name: one.help for one in QUESTIONS.values() if one.help is not None}
    assert set(QUESTIONS) - set(helps) == {"report", "table", "pca"}
    for entry in helps.values():
        assert len(entry.text) < 330
        path = FOLDER / entry.picture
        assert path.is_file(), path.name
        assert path.stat().st_size <= 15_000
        assert entry.caption
    used = {entry.picture for entry in helps.values()}
    assert {path.name for path in FOLDER.glob("*.png")} == used


def test_the_button_opens_its_explanation_and_esc_closes_it(qtbot: Any) -> None:
    button = HelpButton("kernels", DARK)
    shown_at(button, qtbot)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    popup = button.popup
    assert popup is not None
    assert popup.isVisible()
    assert explained("kernels").text == popup.accessibleDescription()
    qtbot.keyClick(popup, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: button.popup is None)


def test_an_unknown_topic_is_an_error(qtbot: Any) -> None:
    with pytest.raises(KeyError):
        HelpButton("nonsense", DARK)


# ---- all of them


@pytest.mark.parametrize(
    "panel", [ResultPanel, KernelEditor, AblationPanel, MicroscopePanel], ids=lambda p: p.__name__
)
def test_panels_fit_a_narrow_dock_and_follow_the_theme(panel: Any, qtbot: Any) -> None:
    widget = panel(DARK)
    shown_at(widget, qtbot)
    assert widget.minimumSizeHint().width() <= 300
    widget.set_tints(replace(DARK, text="#101010"))
    named = widget.layer if panel is AblationPanel else widget.title
    assert "#101010" in named.styleSheet()


def test_curves_without_a_table_can_be_copied(qtbot: Any) -> None:
    panel = ResultPanel(DARK)
    shown_at(panel, qtbot)
    panel.show_plot(
        "Health", {"bottleneck": (np.array([0.5, 1.5]), np.array([3.0, 4.0]))}, "v", "n"
    )
    assert panel.copy.isVisible()
    assert panel.as_csv().splitlines() == ["curve,v,n", "bottleneck,0.5,3.0", "bottleneck,1.5,4.0"]
    panel.show_table("Other", ("a",), [(1,)])
    assert panel.as_csv().splitlines() == ["a", "1"]
