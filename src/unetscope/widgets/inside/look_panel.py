"""What is there to see of the chosen layer: maps, kernels, the strongest channels, one value."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QLabel, QSpinBox, QVBoxLayout, QWidget
from superqt import QFlowLayout

from unetscope.errors import ModelError
from unetscope.widgets.inside.microscope_panel import MicroscopePanel
from unetscope.widgets.inside.question_buttons import QuestionButtons
from unetscope.widgets.inside.strongest_panel import StrongestPanel
from unetscope.widgets.kit.looks import Tints, quiet


class LookPanel(QWidget):
    """Buttons that show; below them what the probe says of the point: ``unfolded(panel)``."""

    SHOWS = frozenset({"glass", "layer", "channel", "as_sheet", "probing", "point"})
    unfolded = Signal(QWidget)

    def __init__(self, inspector: Any, tints: Tints, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._inspector, self._inside = inspector, inspector.inside
        self.questions = QuestionButtons("look", tints)
        self._connect_buttons()
        self.strongest = StrongestPanel(tints)
        self.strongest.chosen.connect(inspector.choose_channel)
        self.strongest.hide()
        self.caption = quiet(QLabel())
        self.caption.setText("Bar: how far above its own mean. Number: its value here.")
        self.caption.hide()
        self.microscope = MicroscopePanel(tints)
        self.microscope.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(self.questions.row)
        layout.addLayout(self._choice_row())
        layout.addWidget(self.strongest)
        layout.addWidget(self.caption)
        layout.addWidget(self.microscope)
        inspector.probe.strongest.connect(self._show_strongest)
        inspector.probe.arithmetic.connect(self._show_arithmetic)

    def _connect_buttons(self) -> None:
        inspector, buttons = self._inspector, self.questions.buttons
        self.maps, self.arithmetic = buttons["maps"], buttons["convolution"]
        self.maps.clicked.connect(lambda _checked: inspector.show_maps())
        self.arithmetic.toggled.connect(self._arithmetic_wanted)
        for name, button in buttons.items():
            if name not in ("maps", "convolution"):
                button.clicked.connect(lambda _checked, own=name: inspector.questions.ask(own))

    def _choice_row(self) -> QFlowLayout:
        inspector = self._inspector
        self.channel = QSpinBox()
        self.channel.setPrefix("#")
        self.channel.setAccessibleName("Channel")
        self.channel.setToolTip("The channel of the layer that is shown and asked about.")
        self.channel.valueChanged.connect(inspector.choose_channel)
        self.sheet = QCheckBox("Side by side")
        self.sheet.setToolTip("All maps of the layer as a contact sheet beside the image.")
        self.sheet.toggled.connect(inspector.set_sheet)
        self.own_contrast = QCheckBox("Own contrast")
        self.own_contrast.setToolTip(
            "Each channel between its own darkest and brightest value; else one range for all."
        )
        self.own_contrast.toggled.connect(inspector.set_own_contrast)
        choice = QFlowLayout()
        choice.setSpacing(6)
        for chosen in (QLabel("Channel"), self.channel, self.sheet, self.own_contrast):
            choice.addWidget(chosen)
        for check in (self.sheet, self.own_contrast):
            check.setStyleSheet("QCheckBox { margin-left: 6px; }")
        return choice

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        for part in (self.strongest, self.microscope, self.questions):
            part.set_tints(tints)

    def refresh(self, changed: str) -> None:
        """Show the state."""
        glass, layer = self._inside.glass, self._inside.layer
        self.setVisible(glass is not None)
        if glass is None:
            return
        self.channel.blockSignals(True)
        self.channel.setRange(0, max(0, _channels(glass, layer) - 1))
        self.channel.setValue(self._inside.channel)
        self.channel.blockSignals(False)
        self.strongest.setVisible(self._inside.probing)
        self.caption.setVisible(self._inside.probing)
        if changed in ("layer", "glass"):
            self.strongest.show_channels([])

    def _arithmetic_wanted(self, on: bool) -> None:
        self.microscope.setVisible(on)
        self._inspector.measuring.wants_microscope = on
        if not on:
            return
        self.unfolded.emit(self.microscope)
        self.microscope.show_message("Press Probe and point at the image.")
        self._inspector.measuring.read()
        if not self._inside.probing:
            self._inspector.set_probing(True)

    def _show_strongest(self, channels: Any) -> None:
        self.strongest.show_channels(channels)

    def _show_arithmetic(self, value: Any) -> None:
        if not self.arithmetic.isChecked():
            return
        if isinstance(value, str):
            self.microscope.show_message(value)
        else:
            self.microscope.show_value(value)


def _channels(glass: Any, layer: str) -> int:
    """Channels of the layer's output; 1 for a layer of another network."""
    try:
        shape = glass.trace.call(layer).output_shape
    except ModelError:
        return 1
    return int(shape[1]) if shape is not None and len(shape) > 1 else 1
