"""The class table: names are typed where they stand, keys rest meanwhile, eyes hide classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractSpinBox, QApplication, QLineEdit, QTableView

from unetscope.images.classes import PALETTE
from unetscope.session.requests import TrainRequest
from unetscope.widgets.kit.looks import color_words
from unetscope.widgets.painting.advanced_panel import AdvancedPanel
from unetscope.widgets.painting.class_rows import COLOR, EYE, NAME
from unetscope.widgets.painting.classes_panel import ClassesPanel
from unetscope.widgets.painting.view_panel import ViewPanel
from widgets.conftest import Opened

Open = Callable[..., Opened]


def editor(opened: Opened) -> QLineEdit:
    found = opened.window.part(ClassesPanel).view.findChild(QLineEdit)
    assert found is not None, "no name is open for typing"
    return found


def click(opened: Opened, qtbot: Any, row: int, column: int) -> None:
    view = opened.window.part(ClassesPanel).view
    where = view.visualRect(view.model().index(row, column)).center()
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=where)


@pytest.mark.parametrize("name", ["matrix", "info bar", "boundary ton", "1 [2] ,.?"])
def test_a_new_class_is_named_by_typing_at_once_and_no_letter_is_a_key(
    show_window: Open, qtbot: Any, name: str
) -> None:
    opened = show_window()
    bench, before = opened.window.bench, opened.session.opacity
    qtbot.mouseClick(opened.window.part(ClassesPanel).add_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: QApplication.focusWidget() is editor(opened))
    qtbot.keyClicks(QApplication.focusWidget(), name)
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
    named = ["background", "object", name.strip()]
    qtbot.waitUntil(lambda: [c.name for c in opened.session.classes] == named)
    assert opened.session.brush_label == 3 == opened.strokes.selected_label
    assert opened.jobs.asked(TrainRequest) == []
    assert not bench.advisor.wanted and not opened.window.part(ViewPanel).outlines.isChecked()
    assert opened.session.opacity == before and opened.session.live
    assert not opened.window.keyboard.card.isVisible()


def test_esc_keeps_the_proposed_name_and_f2_opens_a_name(show_window: Open, qtbot: Any) -> None:
    opened = show_window()
    view = opened.window.part(ClassesPanel).view
    opened.window.part(ClassesPanel).add_button.click()
    qtbot.keyClicks(editor(opened), "nonsense")
    qtbot.keyClick(editor(opened), Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: view.state() != QTableView.State.EditingState)
    assert opened.session.class_of(3).name == "class 3"
    qtbot.waitUntil(lambda: view.findChild(QLineEdit) is None)
    click(opened, qtbot, 1, NAME)
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_F2)
    qtbot.keyClicks(editor(opened), "tin")
    qtbot.keyClick(editor(opened), Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: opened.session.class_of(2).name == "tin")


def test_a_double_click_opens_a_name(show_window: Open, qtbot: Any) -> None:
    opened = show_window()
    view = opened.window.part(ClassesPanel).view
    where = view.visualRect(view.model().index(0, NAME)).center()
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=where)
    qtbot.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=where)
    qtbot.keyClicks(editor(opened), "not brown")
    qtbot.keyClick(editor(opened), Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: opened.session.class_of(1).name == "not brown")
    assert opened.jobs.asked(TrainRequest) == [] and not opened.window.bench.advisor.wanted


def test_keys_rest_in_number_fields(show_window: Open, qtbot: Any) -> None:
    opened = show_window()
    opened.window.part(AdvancedPanel).fold.expand(animate=False)
    field = opened.window.part(AdvancedPanel).fields["seed"].native
    assert isinstance(field, QAbstractSpinBox)
    field.setFocus()
    qtbot.keyClicks(field, "2n")
    assert opened.session.brush_label == 1
    assert not opened.window.bench.advisor.wanted


def test_tab_leaves_the_table_and_keeps_the_class(show_window: Open, qtbot: Any) -> None:
    opened = show_window()
    view = opened.window.part(ClassesPanel).view
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_Tab)
    assert not view.hasFocus()
    assert QApplication.focusWidget() is opened.window.part(ClassesPanel).add_button
    assert opened.session.brush_label == 1


def test_every_table_of_the_window_lets_tab_go_on(show_window: Open) -> None:
    from qtpy.QtWidgets import QAbstractItemView

    views = show_window().window.findChildren(QTableView)
    assert len(views) >= 3
    assert not [v.accessibleName() for v in views if QAbstractItemView.tabKeyNavigation(v)]


def test_arrow_keys_choose_the_marked_class(show_window: Open, qtbot: Any) -> None:
    opened = show_window()
    view = opened.window.part(ClassesPanel).view
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_Down)
    assert opened.session.brush_label == 2 == opened.strokes.selected_label
    assert view.hasFocus()


def test_the_table_shows_the_value_that_a_file_holds(open_window: Open, qtbot: Any) -> None:
    opened = open_window()
    bench, table = opened.window.bench, opened.window.part(ClassesPanel).table
    bench.add_class()
    bench.delete_class(3)
    bench.add_class()
    assert table.data(table.index(2, COLOR)) == "4"
    bench.paint_with(1)
    bench.choose_place(3)  # the key 3 is the third row
    assert opened.strokes.selected_label == 4
    assert "key 3" in table.data(table.index(2, COLOR), Qt.ItemDataRole.ToolTipRole)


def test_what_the_brush_holds_is_marked_an_eraser_as_no_class(
    open_window: Open, qtbot: Any
) -> None:
    opened = open_window()
    view = opened.window.part(ClassesPanel).view
    opened.window.bench.paint_with(2)
    opened.strokes.selected_label = 0
    assert not view.selectionModel().hasSelection()
    assert not opened.window.part(ClassesPanel).delete_button.isEnabled()
    opened.strokes.selected_label = 7  # of napari's own controls; no class yet
    assert not view.selectionModel().hasSelection()
    opened.strokes.data_setitem((np.array([50]), np.array([50])), 7)
    qtbot.waitUntil(lambda: opened.session.class_of(7) is not None)
    assert view.currentIndex().row() == 2 and view.selectionModel().hasSelection()
    assert opened.session.current_class == 7


def test_the_background_is_left_clear_until_its_eye_is_opened(
    open_window: Open, qtbot: Any
) -> None:
    opened = open_window()
    panel = opened.window.part(ClassesPanel)
    assert opened.session.hidden_classes == {1}
    for row, hidden in ((0, set()), (1, {2}), (0, {1, 2})):
        panel.view.clicked.emit(panel.table.index(row, EYE))
        assert opened.session.hidden_classes == hidden
    assert opened.session.brush_label == 1, "an eye is no choice of a class"
    opened.paint_both()
    qtbot.waitUntil(lambda: opened.layer("prediction") is not None)
    opened.window.bench.switch_eye(2)
    alpha = {value: opened.layer("prediction").get_color(value)[3] for value in (1, 2)}
    assert alpha == {1: 0, 2: 1}
    assert opened.strokes.get_color(1)[3] == 1, "strokes stay to be seen"
    opened.window.bench.switch_eye(2)
    panel.table.setData(panel.table.index(0, NAME), "matrix")
    assert opened.session.hidden_classes == {1, 2}, "what was chosen stays"


def test_colours_have_names() -> None:
    words = [color_words(color) for color in PALETTE]
    assert len(set(words)) == len(PALETTE)
    assert not [word for word in words if word.startswith("#")]
    assert color_words("#123456") == "#123456"


def test_a_class_that_is_chosen_can_be_painted_and_seen(open_window: Open) -> None:
    opened = open_window()
    opened.window.bench.paint_with(1)
    opened.strokes.visible, opened.strokes.editable = False, False
    opened.window.bench.paint_with(2)
    assert opened.strokes.visible and opened.strokes.editable
    assert opened.strokes.mode == "paint"
