"""What a learner changes: a row for each control, made from what the lesson's file says of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtWidgets import QCheckBox, QGridLayout, QLabel, QSlider, QVBoxLayout, QWidget

from unetscope.inspection.asking.kernel_presets import preset
from unetscope.lessons.declaration import Control
from unetscope.lessons.templates import in_text
from unetscope.widgets.inside.kernel_grid import KernelGrid
from unetscope.widgets.kit.arranging import column, flow
from unetscope.widgets.kit.looks import NarrowCombo, Tints, line_px, quiet, small_button
from unetscope.widgets.lessons.dock_words import word

PRESETS = {
    "sobel_x": "Sobel x",
    "sobel_y": "Sobel y",
    "laplacian": "Laplacian",
    "gaussian": "Gaussian",
    "mean": "Mean",
    "identity": "Identity",
}
SIDES = (3, 5, 7, 9, 11)
_ARROWS = (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down)


class ControlRow(QWidget):
    """One control; ``changed(name, value)`` when a person changes it."""

    changed = Signal(str, object)

    def __init__(self, control: Control) -> None:
        super().__init__()
        self.control = control

    @property
    def label(self) -> str:
        """What it is called."""
        return self.control.label or self.control.name.replace("_", " ")

    def show_value(self, value: Any) -> None:
        """Show a value that came from elsewhere; nothing is told."""
        raise NotImplementedError

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""

    def _tell(self, value: Any) -> None:
        self.changed.emit(self.control.name, value)


class SliderRow(ControlRow):
    """A slider over the stops, with its value in words; up and down move it by one."""

    def __init__(self, control: Control, language: str) -> None:
        super().__init__(control)
        self._language = language
        self._stops = control.stops()
        self.slider = _UprightKeysSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, len(self._stops) - 1)
        self.slider.setAccessibleName(self.label)
        self.slider.setToolTip("↑ and ↓ move it, too, while it has the focus.")
        self.value = QLabel()
        line = QGridLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setVerticalSpacing(0)
        name = quiet(QLabel(self.label))
        line.addWidget(name, 0, 0)
        line.addWidget(self.value, 0, 1, Qt.AlignmentFlag.AlignRight)
        line.addWidget(self.slider, 1, 0, 1, 2)
        line.setColumnStretch(0, 1)
        self.slider.valueChanged.connect(self._moved)

    def show_value(self, value: Any) -> None:
        """Show a value."""
        distances = [abs(stop - value) for stop in self._stops]
        self.slider.blockSignals(True)
        self.slider.setValue(distances.index(min(distances)))
        self.slider.blockSignals(False)
        self._say(value)

    def _moved(self, place: int) -> None:
        self._say(self._stops[place])
        self._tell(self._stops[place])

    def _say(self, value: Any) -> None:
        unit = f" {self.control.unit}" if self.control.unit else ""
        self.value.setText(f"{in_text(value, language=self._language)}{unit}")


class ChoiceRow(ControlRow):
    """Words of which one is pressed; a list where there are many."""

    def __init__(self, control: Control) -> None:
        super().__init__(control)
        words = control.labels or control.of
        self.buttons: dict[str, Any] = {}
        self.combo: NarrowCombo | None = None
        if len(words) > 4:
            self.combo = NarrowCombo()
            self.combo.setAccessibleName(self.label)
            for value, text in zip(control.of, words, strict=True):
                self.combo.addItem(text, value)
            self.combo.activated.connect(lambda at: self._tell(control.of[at]))
            column(self, quiet(QLabel(self.label)), self.combo)
            return
        for value, text in zip(control.of, words, strict=True):
            button = small_button(text, f"{self.label}: {text}")
            button.setCheckable(True)
            button.clicked.connect(lambda _checked, value=value: self._press(value))
            self.buttons[value] = button
        flow(QLabel(self.label), *self.buttons.values(), owner=self)

    def show_value(self, value: Any) -> None:
        """Show a value."""
        for name, button in self.buttons.items():
            button.setChecked(name == value)
        if self.combo is not None:
            self.combo.setCurrentIndex(self.control.of.index(value))

    def _press(self, value: str) -> None:
        self.show_value(value)
        self._tell(value)


class ToggleRow(ControlRow):
    """On or off."""

    def __init__(self, control: Control) -> None:
        super().__init__(control)
        self.box = QCheckBox(self.label)
        self.box.toggled.connect(self._tell)
        column(self, self.box)

    def show_value(self, value: Any) -> None:
        """Show a value."""
        self.box.blockSignals(True)
        self.box.setChecked(bool(value))
        self.box.blockSignals(False)


class LessonGrid(KernelGrid):
    """Numbers to change, whose arrow keys choose a cell and do not turn the page."""

    def event(self, event: Any) -> bool:
        """Claim the arrows before a shortcut of the dock has them."""
        if event.type() == QEvent.Type.ShortcutOverride and event.key() in _ARROWS:
            event.accept()
            return True
        return bool(super().event(event))


class NumbersRow(ControlRow):
    """Rows of numbers; of a kernel also its size and well-known ones."""

    def __init__(self, control: Control, tints: Tints) -> None:
        super().__init__(control)
        self.grid = LessonGrid(tints)
        self.grid.setAccessibleName(self.label)
        self.grid.edited.connect(lambda: self._tell(self.grid.values.tolist()))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(quiet(QLabel(self.label)))
        layout.addWidget(self.grid)
        self.sides = NarrowCombo()
        if control.type == "kernel":
            layout.addLayout(self._presets())

    def show_value(self, value: Any) -> None:
        """Show a value."""
        values = np.asarray(value, float)
        self.grid.show_values(values, float(np.abs(values).max(initial=0.0)))
        at = self.sides.findData(values.shape[0])
        self.sides.setCurrentIndex(max(at, 0))

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self.grid.tints = tints
        self.grid.update()

    def _presets(self) -> Any:
        parts: list[QWidget] = []
        for name, text in PRESETS.items():
            button = small_button(text, f"Lay a {text} kernel into the grid.")
            button.clicked.connect(lambda _checked, name=name: self._choose(name))
            parts.append(button)
        for side in SIDES:
            self.sides.addItem(f"{side} × {side}", side)
        self.sides.setAccessibleName("Size of the kernel")
        self.sides.activated.connect(lambda _at: self._resize(self.sides.currentData()))
        parts.append(self.sides)
        return flow(*parts)

    def _choose(self, name: str) -> None:
        self._lay(preset(name, self.grid.values.shape))

    def _resize(self, side: int) -> None:
        """The same numbers in the middle of a larger square, or the middle of them."""
        old, new = self.grid.values, np.zeros((side, side))
        inner = min(side, *old.shape)
        offsets = [(n - inner) // 2 for n in (*old.shape, side)]
        new[offsets[2] : offsets[2] + inner, offsets[2] : offsets[2] + inner] = old[
            offsets[0] : offsets[0] + inner, offsets[1] : offsets[1] + inner
        ]
        self._lay(new)

    def _lay(self, values: Any) -> None:
        self.show_value(values)
        self._tell(np.asarray(values).tolist())


class PlaceRow(ControlRow):
    """A pixel, chosen by a click in the image."""

    def __init__(self, control: Control, language: str) -> None:
        super().__init__(control)
        self._hint = word("place", language)
        self.text = quiet(QLabel())
        column(self, self.text)

    def show_value(self, value: Any) -> None:
        """Show a value."""
        self.text.setText(f"{self.label}: y {value[0]}, x {value[1]} · {self._hint}")


class ControlRows(QWidget):
    """All controls of a step; ``changed(name, value)``."""

    changed = Signal(str, object)

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, ControlRow] = {}
        self._made: tuple[Any, ...] = ()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(6)

    def show_controls(
        self, controls: Sequence[Control], values: dict[str, Any], tints: Tints, language: str
    ) -> None:
        """Rows for these controls; those that are there already keep focus and hand."""
        wanted = (tuple(controls), language)
        if wanted != self._made:
            self._made = wanted
            for old in self.rows.values():
                self._layout.removeWidget(old)
                old.hide()
                old.deleteLater()
            self.rows = {one.name: _row(one, tints, language) for one in controls}
            for row in self.rows.values():
                row.changed.connect(self.changed)
                self._layout.addWidget(row)
        for name, row in self.rows.items():
            row.show_value(values[name])
        self.setVisible(bool(self.rows))

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        for row in self.rows.values():
            row.set_tints(tints)


class _UprightKeysSlider(QSlider):
    """Left and right turn the page, so up and down are the slider's."""

    def sizeHint(self) -> Any:
        """High enough for the hand in a large font."""
        hint = super().sizeHint()
        hint.setHeight(max(hint.height(), line_px(self)))
        return hint


def _row(control: Control, tints: Tints, language: str) -> ControlRow:
    if control.type == "slider":
        return SliderRow(control, language)
    if control.type == "choice":
        return ChoiceRow(control)
    if control.type == "toggle":
        return ToggleRow(control)
    if control.type == "place":
        return PlaceRow(control, language)
    return NumbersRow(control, tints)
