"""A panel does nothing by accident: the wheel scrolls, Tab goes on, the focus can be seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import (
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollBar,
    QSlider,
    QSpinBox,
    QTabBar,
    QTableWidget,
    QVBoxLayout,
    QWidget,
)

from unetscope.session.requests import BundledRequest
from unetscope.widgets.kit.docked_panel import DockedPanel
from unetscope.widgets.painting.advanced_panel import AdvancedPanel
from unetscope.widgets.project.project_panel import ProjectPanel
from widgets.conftest import Opened
from widgets.inside_panels import shown_at

Open = Callable[..., Opened]


class Panel(DockedPanel):
    """A panel with whatever is to be tried in it."""

    def __init__(self, *parts: QWidget) -> None:
        super().__init__()
        self.head = QLabel("status")
        filler = QLabel("\n" * 80)
        self.lay_out(self.head, (*parts, filler))

    def shut_down(self) -> None:
        """Nothing runs."""

    @property
    def scrolled(self) -> int:
        bar = self._scroll.verticalScrollBar()
        assert bar is not None
        return int(bar.value())


def turn(widget: QWidget, notches: int = -1) -> None:
    """The wheel over the middle of a widget, as Qt sends it: up to whoever accepts it."""
    over: QWidget | None = widget
    while over is not None:
        middle = QPointF(over.rect().center())
        event = QWheelEvent(
            middle, QPointF(over.mapToGlobal(middle.toPoint())), QPoint(), QPoint(0, 120 * notches),
            Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        event.accept()
        if QApplication.sendEvent(over, event) and event.isAccepted():
            return
        over = over.parentWidget()


def combo() -> QComboBox:
    made = QComboBox()
    made.addItems([str(n) for n in range(9)])
    made.setCurrentIndex(4)
    return made


def ranged(made: Any) -> Any:
    made.setRange(0, 9)
    made.setValue(4)
    return made


def tabs() -> QTabBar:
    made = QTabBar()
    for name in "abc":
        made.addTab(name)
    made.setCurrentIndex(1)
    return made


def value_of(widget: Any) -> Any:
    return widget.value() if hasattr(widget, "value") else widget.currentIndex()


VALUES: dict[str, Callable[[], QWidget]] = {
    "combo": combo,
    "spin": lambda: ranged(QSpinBox()),
    "double": lambda: ranged(QDoubleSpinBox()),
    "slider": lambda: ranged(QSlider(Qt.Orientation.Horizontal)),
    "tabs": tabs,
}


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("late", [False, True])
def test_the_wheel_over_a_value_scrolls_the_panel_and_leaves_the_value(
    qtbot: Any, kind: str, late: bool
) -> None:
    widget = VALUES[kind]()
    holder = QWidget()
    QVBoxLayout(holder)
    panel = Panel(holder)
    if not late:
        holder.layout().addWidget(widget)
    shown_at(panel, qtbot)
    if late:
        holder.layout().addWidget(widget)
        qtbot.waitUntil(widget.isVisible)
    before = value_of(widget)
    turn(widget)
    assert value_of(widget) == before
    assert panel.scrolled > 0
    assert not widget.hasFocus()


@pytest.mark.parametrize("kind", ["spin", "double", "slider"])
def test_a_value_that_was_clicked_takes_the_wheel_until_the_pointer_leaves(
    qtbot: Any, kind: str
) -> None:
    widget = VALUES[kind]()
    panel = Panel(widget)
    shown_at(panel, qtbot)
    inner = widget.findChild(QLineEdit) or widget
    qtbot.mouseClick(inner, Qt.MouseButton.LeftButton)
    before = value_of(widget)
    turn(widget, 1)
    clicked = value_of(widget)
    assert clicked != before
    QApplication.sendEvent(widget, QEvent(QEvent.Type.Leave))
    turn(widget, 1)
    assert value_of(widget) == clicked


def test_a_combo_box_that_has_the_focus_keeps_its_entry_all_the_same(qtbot: Any) -> None:
    widget = combo()
    shown_at(Panel(widget), qtbot)
    widget.setFocus()
    turn(widget)
    assert widget.currentIndex() == 4


def test_no_wheel_in_the_whole_window_changes_model_time_or_opacity(
    open_window: Open, qtbot: Any
) -> None:
    opened = open_window()
    for fold in (opened.window.part(AdvancedPanel).fold, opened.window.part(ProjectPanel).fold):
        fold.expand(animate=False)
    loaded = len(opened.jobs.asked(BundledRequest))
    values = [
        widget
        for kind in (QComboBox, QAbstractSpinBox, QAbstractSlider)
        for widget in opened.window.findChildren(kind)
        if not isinstance(widget, QScrollBar)
    ]
    assert len(values) > 8
    before = [value_of(widget) for widget in values]
    for widget in values:
        for notches in (1, -1, -1):
            turn(widget, notches)
    assert [value_of(widget) for widget in values] == before
    assert len(opened.jobs.asked(BundledRequest)) == loaded


# ---- the focus


def ring_seen(panel: QWidget, control: QWidget) -> bool:
    """Whether the rim of a control looks other than without the focus."""
    panel.setFocus(Qt.FocusReason.OtherFocusReason)
    QApplication.processEvents()
    place = control.rect().translated(control.mapTo(panel, QPoint(0, 0)))
    without = panel.grab(place).toImage()
    control.setFocus(Qt.FocusReason.TabFocusReason)
    QApplication.processEvents()
    with_focus = panel.grab(place).toImage()
    rim = range(4, min(without.width(), 40))
    changed = sum(without.pixelColor(x, 1) != with_focus.pixelColor(x, 1) for x in rim)
    return changed > len(rim) // 2


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_focus_is_seen_on_every_control(qtbot: Any, theme: str) -> None:
    from napari._qt.qt_resources import get_stylesheet

    controls = [
        QPushButton("Train"), QCheckBox("Live"), combo(), QSpinBox(), QLineEdit("name"),
        QSlider(Qt.Orientation.Horizontal), QTableWidget(2, 2),
    ]  # fmt: skip
    panel = Panel(*controls)
    panel.setStyleSheet(get_stylesheet(theme))
    shown_at(panel, qtbot)
    panel.activateWindow()
    panel.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    qtbot.waitUntil(panel.isActiveWindow)
    for control in controls:
        assert ring_seen(panel, control), type(control).__name__
