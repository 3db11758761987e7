"""A walk through the layers, outwards from the image: the field grows 3 → 5 → 7 …"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from qtpy.QtCore import QEvent, Qt, QTimer, Signal
from qtpy.QtGui import QFontMetrics
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QSlider, QVBoxLayout, QWidget

from unetscope.widgets.inside.layer_card import wrapping
from unetscope.widgets.kit.looks import Tints, line_px, quiet, small_button

STEP_MS = 700  # long enough to see the box grow, short enough for a walk of 30 layers
_ARROW = " → "


class DepthSlider(QWidget):
    """A slider over layers in the order of the data; ``moved(layer)`` as it goes."""

    moved = Signal(str)

    def __init__(self, tints: Tints, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tints = tints
        self._layers: tuple[tuple[str, int], ...] = ()
        self._is_telling = True
        self.play = small_button("▶", "Walk through the layers by itself.")
        self.play.setCheckable(True)
        self.play.setAccessibleName("Play")
        self.play.toggled.connect(self._play_toggled)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setPageStep(1)
        self.slider.setAccessibleName("Depth")
        self.slider.setToolTip("From the first layer to the mask: how far each one sees.")
        self.slider.valueChanged.connect(self._value_changed)
        self.trail = QLabel()
        self.trail.setTextFormat(Qt.TextFormat.RichText)
        self.trail.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.trail.setToolTip("Sides of the receptive fields in image pixels, layer by layer.")
        self.caption = quiet(QLabel())
        self._timer = QTimer(self)
        self._timer.setInterval(STEP_MS)
        self._timer.timeout.connect(self._step)
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(self.play)
        row.addWidget(self.slider, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(row)
        layout.addWidget(self.trail)
        layout.addWidget(self.caption)
        self._refresh()

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        self._refresh()

    def show_layers(self, layers: Sequence[tuple[str, int]]) -> None:
        """Show ``(layer, largest side of its field in px)``; the place is kept where it can be."""
        before = self.layer
        self._stop()
        self._layers = tuple(layers)
        names = [name for name, _ in self._layers]
        self._is_telling = False
        self.slider.setRange(0, max(0, len(names) - 1))
        self.slider.setValue(names.index(before) if before in names else 0)
        self._is_telling = True
        self._refresh()

    def select(self, layer: str) -> None:
        """Go to a layer; one that is not there changes nothing. No signal."""
        names = [name for name, _ in self._layers]
        if layer in names:
            self._is_telling = False
            self.slider.setValue(names.index(layer))
            self._is_telling = True
            self._refresh()

    @property
    def layer(self) -> str:
        """The present layer, or ""."""
        return self._layers[self.slider.value()][0] if self._layers else ""

    def resizeEvent(self, event: Any) -> None:
        """Show as much of the trail as fits."""
        super().resizeEvent(event)
        self._refresh()

    def changeEvent(self, event: Any) -> None:
        """Follow the font."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._refresh()

    def hideEvent(self, event: Any) -> None:
        """Nobody watches: stop walking."""
        super().hideEvent(event)
        self._stop()

    # ---- walking

    def _play_toggled(self, on: bool) -> None:
        self.play.setText("❚❚" if on else "▶")
        if not on:
            self._timer.stop()
            return
        if self.slider.value() >= self.slider.maximum():
            self.slider.setValue(0)
        self._timer.start()

    def _step(self) -> None:
        self.slider.setValue(self.slider.value() + 1)
        if self.slider.value() >= self.slider.maximum():
            self._stop()

    def _stop(self) -> None:
        self._timer.stop()
        self.play.setChecked(False)

    def _value_changed(self, value: int) -> None:
        self._refresh()
        if self._is_telling and self._layers:
            self.moved.emit(self.layer)

    # ---- what it says

    def _refresh(self) -> None:
        some = bool(self._layers)
        self.slider.setEnabled(some)
        self.play.setEnabled(len(self._layers) > 1)
        self.trail.setFixedHeight(round(line_px(self.trail) * 1.2))
        if not some:
            self.trail.setText("")
            self.caption.setText("No layers to walk through yet.")
            return
        at = self.slider.value()
        name, field = self._layers[at]
        rest = f" · field {field:,} px · layer {at + 1} of {len(self._layers)}"
        self.caption.setText(wrapping(name) + rest)
        self.slider.setAccessibleDescription(name + rest)
        fields, here = runs(self._layers, at)
        first, last = window(fields, here, self.trail.fontMetrics(), max(self.width(), 60) - 8)
        tints, parts = self._tints, []
        for index in range(first, last + 1):
            text = f"{fields[index]:,}"
            parts.append(f"<b><u>{text}</u></b>" if index == here else text)
        text = _ARROW.join(parts)
        start, end = "… " if first > 0 else "", " …" if last < len(fields) - 1 else ""
        self.trail.setText(f'<span style="color:{tints.text}">{start}{text}{end}</span>')


def runs(layers: Sequence[tuple[str, int]], at: int) -> tuple[list[int], int]:
    """The fields with repeats left out, and which of them layer ``at`` has."""
    fields: list[int] = []
    here = passed = 0
    for field, group in groupby(layers, key=lambda pair: pair[1]):
        count = len(list(group))
        if passed <= at < passed + count:
            here = len(fields)
        passed += count
        fields.append(field)
    return fields, here


def window(fields: Sequence[int], here: int, metrics: QFontMetrics, room: float) -> tuple[int, int]:
    """First and last index of the numbers around ``here`` that fit into ``room`` pixels."""

    def wide(first: int, last: int) -> float:
        text = _ARROW.join(f"{n:,}" for n in fields[first : last + 1])
        bold = metrics.averageCharWidth() * 2  # the present one is bold
        return metrics.horizontalAdvance(f"… {text} …") + bold

    first = last = here
    while first > 0 or last < len(fields) - 1:
        left = last >= len(fields) - 1 or (first > 0 and here - first <= last - here)
        wider = (first - 1, last) if left else (first, last + 1)
        if wide(*wider) > room:
            break
        first, last = wider
    return first, last
