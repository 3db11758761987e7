"""The table of objects in the window: chosen, sorted, filtered and edited by numbers."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtTest import QAbstractItemModelTester

from measuring.object_tables import many, table_with
from unetscope.measuring.columns import Column
from unetscope.measuring.object_table import ObjectTable
from unetscope.widgets.kit.looks import theme_tints
from unetscope.widgets.measuring.cells import significant
from unetscope.widgets.measuring.object_view import ObjectTableView

UP, DOWN = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder
SIZES = [300.0, math.nan, 100.0, 200.0, 150.5]


@pytest.fixture
def view(qtbot: Any) -> ObjectTableView:
    made = ObjectTableView(theme_tints("dark"))
    qtbot.addWidget(made)
    made.resize(700, 300)
    made.show()
    qtbot.waitExposed(made)
    return made


def shown(view: ObjectTableView) -> list[int]:
    numbers: list[int] = view.model.order.shown.tolist()
    return numbers


def texts(view: ObjectTableView, key: str) -> list[str]:
    at = view.model.place_of(key)
    return [view.model.index(row, at).data() for row in range(view.model.rowCount())]


def sort(view: ObjectTableView, key: str, order: Qt.SortOrder) -> None:
    header = view.rows.horizontalHeader()
    assert header is not None
    header.setSortIndicator(view.model.place_of(key), order)


def without(table: ObjectTable, *numbers: int) -> ObjectTable:
    return table.where(~np.isin(table.columns["object"], numbers))


def changed(table: ObjectTable, number: int, **values: float) -> ObjectTable:
    at = table.columns["object"] == number
    columns = {
        k: np.where(at, values[k], v) if k in values else v for k, v in table.columns.items()
    }
    return replace(table, columns=columns)


# ---- cells and heads


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.412, "0.4120"),
        (724.34, "724.3"),
        (-12.345, "−12.35"),
        (99999.4, "99999"),
        (0.99999, "1.000"),
        (0.0, "0.000"),
        (0.00012345, "0.0001234"),
        (0.000012345, "1.234e-5"),
        (1234567.0, "1.235e6"),
    ],
)
def test_numbers_have_four_significant_digits(value: float, text: str) -> None:
    assert significant(value) == text


def test_heads_have_units_and_say_how_a_column_is_measured(view: ObjectTableView) -> None:
    view.show_table(table_with(diameter=SIZES))
    at, across = view.model.place_of("diameter"), Qt.Orientation.Horizontal
    assert view.model.headerData(at, across) == "diameter\nnm"
    tip = view.model.headerData(at, across, Qt.ItemDataRole.ToolTipRole)
    assert tip == "diameter in nm: of the disk of the same area, √(4A/π). 4 of 5 objects have it."


def test_every_head_of_a_length_has_its_unit(view: ObjectTableView) -> None:
    view.show_table(many(3))
    units = {column.key: column.unit for column in view.model.columns}
    heads = [view.model.headerData(at, Qt.Orientation.Horizontal) for at in range(len(units))]
    assert [head.split("\n")[1] for head in heads] == list(units.values())
    assert units["area"] == "nm²" and units["angle"] == "°"


def test_what_is_empty_is_empty_and_classes_have_names(view: ObjectTableView) -> None:
    table = table_with(diameter=SIZES, **{"class": [1, 2, 1, 1, 3]})
    view.show_table(table, {1: "nucleus", 2: "=cell"})
    assert texts(view, "diameter") == ["300.0", "", "100.0", "200.0", "150.5"]
    assert texts(view, "class")[:2] == ["nucleus", "＝cell"]  # noqa: RUF001
    assert texts(view, "class")[4] == "3"
    assert texts(view, "object") == ["1", "2", "3", "4", "5"]


def test_counts_and_pixels_are_whole_and_yes_is_a_word(view: ObjectTableView) -> None:
    view.show_table(
        table_with(touching=[0, 2, 11], area=[4.0, 5.5, 7.0], nearest_edge_sure=[1, 0, 1])
    )
    assert texts(view, "touching") == ["0", "2", "11"]
    assert texts(view, "area") == ["4.000", "5.500", "7.000"]
    assert texts(view, "nearest_edge_sure") == ["yes", "", "yes"]
    view.filter_by("not nearest edge sure")
    assert shown(view) == [2]


# ---- sorting and filtering


def test_sorting_keeps_what_is_chosen(view: ObjectTableView, qtbot: Any) -> None:
    view.show_table(table_with(diameter=SIZES))
    view.select([1, 3])
    with qtbot.assertNotEmitted(view.chosen):
        sort(view, "diameter", DOWN)
    assert shown(view) == [1, 4, 5, 3, 2]
    assert view.selected.tolist() == [1, 3]
    sort(view, "diameter", UP)
    assert shown(view) == [3, 5, 4, 1, 2]
    assert view.selected.tolist() == [3, 1]


def test_a_click_on_a_head_sorts_and_a_third_one_takes_it_back(
    view: ObjectTableView, qtbot: Any
) -> None:
    view.show_table(table_with(diameter=SIZES))
    header = view.rows.horizontalHeader()
    at = view.model.place_of("diameter")
    place = QPoint(header.sectionViewportPosition(at) + 5, 5)
    orders = []
    for _ in range(3):
        qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)
        orders.append(shown(view))
    assert orders == [[3, 5, 4, 1, 2], [1, 4, 5, 3, 2], [1, 2, 3, 4, 5]]


def test_the_line_on_top_says_what_is_left_out(view: ObjectTableView, qtbot: Any) -> None:
    view.show_table(table_with(diameter=SIZES, at_border=[1, 0, 0, 0, 0]))
    assert view.count.text() == "5 rows"
    assert not view.clear.isVisible()
    with qtbot.waitSignal(view.filtered) as told:
        view.filter_by("d > 0.1 µm, not at border")
    assert view.count.text() == "2 of 5 rows · diameter > 100 nm, not at border"
    assert told.args[0].text == "diameter > 100 nm, not at border"
    assert shown(view) == [4, 5]
    assert view.model.kept().tolist() == [False, False, False, True, True]
    view.clear.click()
    assert shown(view) == [1, 2, 3, 4, 5] and view.entry.text() == ""


def test_a_filter_that_cannot_be_read_is_said_and_changes_nothing(
    view: ObjectTableView, qtbot: Any
) -> None:
    view.show_table(table_with(diameter=SIZES))
    view.filter_by("d > 120")
    view.entry.clear()
    qtbot.keyClicks(view.entry, "size > 3")
    qtbot.keyClick(view.entry, Qt.Key.Key_Return)
    assert view.error.isVisible()
    assert view.error.text().startswith("There is no column “size”; there are")
    assert shown(view) == [1, 4, 5]
    view.filter_by("d < 120")
    assert not view.error.isVisible() and shown(view) == [3]


def test_a_filter_is_followed_while_it_is_typed(view: ObjectTableView, qtbot: Any) -> None:
    view.show_table(table_with(diameter=SIZES))
    with qtbot.waitSignal(view.filtered):
        qtbot.keyClicks(view.entry, "d > 180")
    assert shown(view) == [1, 4]


def test_a_brush_changes_only_its_own_column(view: ObjectTableView) -> None:
    view.show_table(table_with(diameter=SIZES, at_border=[1, 0, 0, 0, 0]))
    view.filter_by("d > 120, not at border")
    view.brush("diameter", 90, 160)
    assert shown(view) == [3, 5]
    assert view.entry.text() == "not at border, diameter ≥ 90 nm, diameter ≤ 160 nm"
    view.brush("diameter", -math.inf, math.inf)
    assert view.entry.text() == "not at border" and shown(view) == [2, 3, 4, 5]


def test_what_the_filter_hides_is_no_longer_chosen(view: ObjectTableView, qtbot: Any) -> None:
    view.show_table(table_with(diameter=SIZES))
    view.select([1, 3])
    with qtbot.waitSignal(view.chosen) as told:
        view.filter_by("d > 120")
    assert told.args[0].tolist() == [1] == view.selected.tolist()


def test_new_objects_keep_the_filter_if_it_can_be_read(view: ObjectTableView) -> None:
    view.show_table(table_with(diameter=SIZES))
    view.filter_by("d > 120")
    sort(view, "diameter", DOWN)
    view.show_table(table_with(diameter=[1.0, 500.0, 400.0]))
    assert shown(view) == [2, 3]
    view.show_table(None)
    assert shown(view) == [] and view.count.text() == "0 rows"


def test_an_empty_table_says_why(view: ObjectTableView) -> None:
    view.say_when_empty("No objects yet. Press “Find objects”.")
    assert view.rows.empty_text == "No objects yet. Press “Find objects”."
    view.show_table(table_with(diameter=SIZES))
    view.filter_by("d > 1 mm")
    assert view.rows.empty_text == "No object fits: diameter > 1000000 nm."
    assert view.grab().toImage().width() == 700  # it can be drawn


# ---- choosing


def test_a_click_says_the_numbers_of_objects(view: ObjectTableView, qtbot: Any) -> None:
    view.show_table(table_with(diameter=SIZES))
    sort(view, "diameter", DOWN)
    port = view.rows.viewport()
    for row, keys in ((1, Qt.KeyboardModifier.NoModifier), (3, Qt.KeyboardModifier.ShiftModifier)):
        place = QPoint(8, view.rows.rowViewportPosition(row) + 3)
        with qtbot.waitSignal(view.chosen) as told:
            qtbot.mouseClick(port, Qt.MouseButton.LeftButton, keys, place)
    assert told.args[0].tolist() == [4, 5, 3]


def test_choosing_by_number_shows_the_row_and_is_not_told(
    view: ObjectTableView, qtbot: Any
) -> None:
    view.show_table(many(1000))
    sort(view, "diameter", UP)
    wanted = shown(view)[800]
    with qtbot.assertNotEmitted(view.chosen):
        view.select([wanted, 10**6])
    assert view.selected.tolist() == [wanted]
    assert view.rows.rowAt(0) <= 800 <= view.rows.rowAt(view.rows.viewport().height() - 2)


def test_choosing_what_is_chosen_moves_nothing(view: ObjectTableView, qtbot: Any) -> None:
    view.show_table(many(1000))
    view.chosen.connect(view.select)  # as what shows a choice elsewhere tells it back
    port = view.rows.viewport()
    qtbot.mouseClick(port, Qt.MouseButton.LeftButton, pos=QPoint(8, 5))
    view.rows.scrollTo(view.model.index(500, 0))
    top, shift = view.rows.rowAt(0), Qt.KeyboardModifier.ShiftModifier
    qtbot.mouseClick(port, Qt.MouseButton.LeftButton, shift, QPoint(8, 5))
    assert len(view.selected) == top + 1 and view.rows.rowAt(0) == top
    qtbot.mouseClick(port, Qt.MouseButton.LeftButton, shift, QPoint(8, 5 + 2 * 24))
    assert view.selected[0] == 1 and len(view.selected) > top + 1


def test_keys_alone_choose_copy_and_reach_the_menu(view: ObjectTableView, qtbot: Any) -> None:
    view.show_table(table_with(diameter=SIZES))
    view.select([2])
    view.rows.setFocus()
    with qtbot.waitSignal(view.chosen) as told:
        qtbot.keyClick(view.rows, Qt.Key.Key_Down)
    assert told.args[0].tolist() == [3]
    with qtbot.waitSignal(view.chosen) as told:
        qtbot.keyClicks(view.rows, "5")
    assert told.args[0].tolist() == [5]
    with qtbot.waitSignal(view.rows.menu_wanted) as asked:
        qtbot.keyClick(view.rows, Qt.Key.Key_Menu)
    assert asked.args[0] == view.rows.currentIndex().column()
    view.findChildren(type(view.menu_of(0)))[0].close()


def test_rows_are_copied_as_they_stand_with_heads_and_all_digits(
    view: ObjectTableView,
) -> None:
    sizes = [300.0, math.nan, 100.123456789, 200.0, 150.0]
    view.show_table(table_with(diameter=sizes), {1: "nucleus"})
    keys = {column.key for column in view.model.columns}
    view.hide_columns(keys - {"object", "class", "diameter"})
    sort(view, "diameter", UP)
    view.select([2, 3, 1])
    view.copy()
    clipboard = QGuiApplication.clipboard()
    assert clipboard is not None
    assert clipboard.text() == (
        "object\tclass\tdiameter_nm\n3\tnucleus\t100.123456789\n1\tnucleus\t300.0\n2\tnucleus\t\n"
    )


# ---- columns


def test_the_menu_of_a_column_hides_colours_and_draws(view: ObjectTableView, qtbot: Any) -> None:
    view.show_table(many(20))
    at = view.model.place_of("area")
    actions = {action.text(): action for action in view.menu_of(at).actions()}
    for words, signal in (
        ("Colour by area", view.colour_by),
        ("Histogram of area", view.histogram_of),
    ):
        with qtbot.waitSignal(signal) as told:
            actions[words].trigger()
        assert told.args == ["area"]
    actions["Sort: largest first"].trigger()
    areas = view.model.values_of(at)[view.model.order.rows]
    assert (np.diff(areas) <= 0).all()
    actions["Hide area"].trigger()
    assert "area" in view.hidden_columns()
    view.show_table(many(30))
    view.show_table(None)
    view.show_table(many(30))
    assert "area" in view.hidden_columns(), "it stays hidden for the next image"
    view.hide_columns(())
    assert view.hidden_columns() == frozenset()


def test_objects_and_classes_are_nothing_to_colour_by(view: ObjectTableView) -> None:
    view.show_table(many(5))
    words = [action.text() for action in view.menu_of(0).actions()]
    assert "Sort: smallest first" in words
    assert not any(word.startswith(("Colour", "Histogram")) for word in words)


def test_columns_that_are_rarely_read_are_hidden_at_first(view: ObjectTableView) -> None:
    view.show_table(table_with(diameter=SIZES))
    hidden = view.hidden_columns()
    assert {"class", "centre_y", "weight", "nearest_edge_sure"} <= hidden
    assert not {"object", "area", "diameter", "doubt", "at_border", "touching"} & hidden
    view.show_table(None)
    view.show_table(table_with(diameter=SIZES, **{"class": [1, 1, 2, 2, 1]}))
    assert "class" not in view.hidden_columns(), "there are several"


# ---- edits


def test_an_edit_changes_its_rows_only(view: ObjectTableView, qtbot: Any) -> None:
    table = many(500)
    view.show_table(table)
    sort(view, "diameter", DOWN)
    view.filter_by("d > 30")
    before = shown(view)
    view.select(before[100:103])
    joined = before[100:102]
    edited = without(table, *joined)
    new = changed(table_with(**{k: v[:1] for k, v in table.columns.items()}), 1, diameter=1e4)
    columns = {k: np.append(v, new.columns[k]) for k, v in edited.columns.items()}
    columns["object"][-1] = 501
    top = view.rows.rowAt(0)
    with qtbot.assertNotEmitted(view.model.modelReset):
        view.replace(replace(edited, columns=columns))
    assert shown(view) == [501, *(n for n in before if n not in joined)]
    assert view.selected.tolist() == [before[102]]
    assert abs(view.rows.rowAt(0) - top) <= 2
    assert view.count.text().startswith(f"{len(before) - 1} of 499 rows")


def test_a_value_that_moves_no_row_is_only_redrawn(view: ObjectTableView, qtbot: Any) -> None:
    table = table_with(diameter=SIZES)
    view.show_table(table)
    sort(view, "diameter", DOWN)
    with (
        qtbot.assertNotEmitted(view.model.rowsInserted),
        qtbot.waitSignal(view.model.dataChanged) as told,
    ):
        view.replace(changed(table, 4, diameter=210.0))
    assert (told.args[0].row(), told.args[1].row()) == (1, 1)
    assert texts(view, "diameter") == ["300.0", "210.0", "150.5", "100.0", ""]


def test_a_chosen_row_that_moves_stays_chosen(view: ObjectTableView, qtbot: Any) -> None:
    table = table_with(diameter=SIZES)
    view.show_table(table)
    sort(view, "diameter", UP)
    view.select([3])
    with qtbot.assertNotEmitted(view.chosen):
        view.replace(changed(table, 3, diameter=1000.0))
    assert shown(view) == [5, 4, 1, 3, 2]
    assert view.selected.tolist() == [3]


@pytest.mark.parametrize("seed", range(4))
def test_edits_of_any_kind_end_as_if_shown_anew(qtbot: Any, seed: int) -> None:
    rng, order = np.random.default_rng(seed), DOWN if seed % 2 else UP
    view, table = ObjectTableView(theme_tints("dark")), many(40, seed)
    qtbot.addWidget(view)
    mode = QAbstractItemModelTester.FailureReportingMode.Fatal
    tester = QAbstractItemModelTester(view.model, mode)  # hears every step, and fails the test
    view.show_table(table)
    sort(view, "circularity", order)
    view.filter_by("d > 40" if seed > 1 else "")
    for _ in range(4):
        table = without(table, *rng.integers(1, 41, 3).tolist())
        for number in rng.choice(table.columns["object"], 3):
            values = {"circularity": float(rng.choice([np.nan, rng.random()]))}
            table = changed(table, int(number), diameter=rng.uniform(20, 80), **values)
        view.replace(table)
        again = ObjectTableView(theme_tints("dark"))
        qtbot.addWidget(again)
        again.show_table(table)
        again.filter_by(view.entry.text())
        sort(again, "circularity", order)
        for key in ("object", "circularity", "diameter"):
            assert texts(view, key) == texts(again, key)
    assert tester.model() is view.model


def test_many_changes_and_other_columns_are_shown_anew(view: ObjectTableView) -> None:
    table = many(1000)
    view.show_table(table)
    sort(view, "diameter", UP)
    view.select([7])
    view.replace(without(table, *range(10, 900, 2)))
    assert view.model.rowCount() == 555 and view.selected.tolist() == [7]
    more = (*table.about, Column("mean", "", "mean grey value of its pixels"))
    grey = replace(table, about=more, columns={**table.columns, "mean": np.ones(1000)})
    view.replace(grey)
    assert view.model.columnCount() == len(table.about) + 1 and view.model.rowCount() == 1000


# ---- looks


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_doubts_are_bars_in_both_themes(view: ObjectTableView, theme: str) -> None:
    view.show_table(table_with(doubt=[0.0, 0.3, 0.9]))
    tints = theme_tints(theme)
    view.set_tints(tints)
    at = view.model.place_of("doubt")
    view.rows.scrollTo(view.model.index(0, at))
    picture = view.rows.viewport().grab().toImage()
    lengths = []
    for row, color in ((0, tints.busy), (1, tints.busy), (2, tints.error)):
        place = view.rows.visualRect(view.model.index(row, at))
        middle = place.center().y()
        line = range(place.left(), place.right())
        lengths.append(sum(picture.pixelColor(x, middle).name() == color.lower() for x in line))
    assert lengths[0] == 0
    assert lengths[2] == pytest.approx(3 * lengths[1], rel=0.2)


def test_stale_numbers_are_grey_until_they_are_made_anew(view: ObjectTableView) -> None:
    view.show_table(many(3))
    view.set_stale(True)
    role = Qt.ItemDataRole.ForegroundRole
    assert view.model.index(0, 2).data(role).name() == theme_tints("dark").faint
    view.set_tints(theme_tints("light"))
    assert view.model.index(0, 2).data(role).name() == theme_tints("light").faint
    view.set_stale(False)
    assert view.model.index(0, 2).data(role) is None
