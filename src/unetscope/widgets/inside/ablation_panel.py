"""Without this …: choose a part of the network and how it is put out of action."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QRadioButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from superqt import QFlowLayout

from unetscope.looking.questions.ablate import MODES
from unetscope.widgets.kit.looks import NarrowCombo, Tints, line_px, quiet

SKIP, CHANNEL, KERNEL = "skip", "channel", "kernel"
_TIPS = {name: tip for name, _, tip in MODES}


class AblationPanel(QWidget):
    """Chooses a part and a mode.

    Signals
    -------
    asked(part, mode) : take this away and compare. ``part`` as ``unetscope.inspection.parse_part``
        reads it: ``skip:dec1``, ``channel:enc1.conv2:3``, ``kernel:enc1.conv1:3,0``.
    ranking_asked(layer, mode) : do it with every channel of the layer, one after the other.
    """

    asked = Signal(str, str)
    ranking_asked = Signal(str, str)

    def __init__(self, tints: Tints, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layer = ""
        self.kinds = {
            SKIP: QRadioButton("Skip"),
            CHANNEL: QRadioButton("Channel"),
            KERNEL: QRadioButton("Kernel"),
        }
        self._group = QButtonGroup(self)
        for button in self.kinds.values():
            self._group.addButton(button)
            button.setStyleSheet("QRadioButton { margin-right: 10px; }")  # of the next circle
        self.kinds[SKIP].setToolTip("A skip connection, which hands on a map of the way down.")
        self.kinds[CHANNEL].setToolTip("One feature map of the layer chosen above.")
        self.kinds[KERNEL].setToolTip("One kernel of that layer: one output, one input channel.")
        self.skips = NarrowCombo()
        self.channel, self.inp = QSpinBox(), QSpinBox()
        self.channel.setPrefix("#")
        self.inp.setPrefix("#")
        self._channel_label, self._inp_label = QLabel("channel"), QLabel("reads")
        self.mode = NarrowCombo()
        for name, text, tip in MODES:
            self.mode.addItem(f"by {text}", name)
            self.mode.setItemData(self.mode.count() - 1, tip, 3)  # Qt.ToolTipRole
        self.go = QPushButton("Without this")
        self.rank = QPushButton("Rank channels")
        self.rank.setToolTip(
            "Which matters most? Take away every channel of this layer in turn and compare."
        )
        self.layer = quiet(QLabel())
        self.hint = quiet(QLabel())
        self._lay_out()
        self._connect()
        self.set_tints(tints)
        self.set_skips(())
        self.set_layer("", 0)

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self.hint.setStyleSheet(f"color: {tints.faint};")
        self.layer.setStyleSheet(f"color: {tints.text}; font-weight: bold;")

    def set_skips(self, skips: Sequence[tuple[str, str]]) -> None:
        """Offer skip connections: (name, words), e.g. ``("dec1", "enc1 → dec1")``."""
        kept = self.skips.currentData()
        self.skips.clear()
        for name, words in skips:
            self.skips.addItem(words, name)
        self.skips.setCurrentIndex(max(0, self.skips.findData(kept)))
        self._settle()

    def set_layer(self, layer: str, channels: int, inputs: int = 0) -> None:
        """The layer chosen: its output channels, and its input channels if it has kernels."""
        self._layer = layer
        self.channel.setRange(0, max(0, channels - 1))
        self.inp.setRange(0, max(0, inputs - 1))
        self.kinds[CHANNEL].setEnabled(channels > 0)
        self.kinds[KERNEL].setEnabled(inputs > 0)
        self.rank.setEnabled(channels > 0)
        self._settle()

    def set_channel(self, channel: int) -> None:
        """Choose a channel of the layer."""
        self.channel.setValue(channel)

    def part(self) -> str:
        """What is chosen, as a string; empty where there is nothing to choose."""
        checked = self._group.checkedButton()
        if checked is None or not checked.isEnabled():
            return ""
        if self.kinds[SKIP].isChecked():
            return f"skip:{self.skips.currentData()}"
        if self.kinds[CHANNEL].isChecked():
            return f"channel:{self._layer}:{self.channel.value()}"
        return f"kernel:{self._layer}:{self.channel.value()},{self.inp.value()}"

    def chosen_mode(self) -> str:
        """``mean``, ``zero`` or ``shuffled``."""
        return str(self.mode.currentData())

    def _settle(self) -> None:
        """Show what belongs to the kind that is chosen, and choose one that is possible."""
        self.kinds[SKIP].setEnabled(self.skips.count() > 0)
        checked = self._group.checkedButton()
        if checked is None or not checked.isEnabled():
            for button in self.kinds.values():
                if button.isEnabled():
                    button.setChecked(True)
                    break
        skip, kernel = self.kinds[SKIP].isChecked(), self.kinds[KERNEL].isChecked()
        self.skips.setVisible(skip)
        self.layer.setVisible(not skip)
        self.layer.setText(self._layer)
        for part in (self.channel, self._channel_label):
            part.setVisible(not skip)
        for part in (self.inp, self._inp_label):
            part.setVisible(kernel)
        self.rank.setVisible(not skip)
        possible = any(b.isEnabled() for b in self.kinds.values())
        self.go.setEnabled(possible)
        self.hint.setText(
            _TIPS[self.chosen_mode()] if possible else "Choose a layer that has channels."
        )

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        kinds = QFlowLayout()  # one below the other in a large font
        for button in self.kinds.values():
            kinds.addWidget(button)
        layout.addLayout(kinds)
        layout.addWidget(self.layer)
        layout.addWidget(self.skips)
        for label, part in ((self._channel_label, self.channel), (self._inp_label, self.inp)):
            row = QHBoxLayout()
            row.addWidget(label)
            row.addWidget(part, 1)
            layout.addLayout(row)
            part.setMinimumHeight(round(line_px(self) * 1.4))
        layout.addWidget(self.mode)
        layout.addWidget(self.hint)
        layout.addWidget(self.go)
        layout.addWidget(self.rank)

    def _connect(self) -> None:
        for button in self.kinds.values():
            button.toggled.connect(lambda _on: self._settle())
        self.mode.currentIndexChanged.connect(lambda _index: self._settle())
        self.go.clicked.connect(lambda _checked: self._ask())
        self.rank.clicked.connect(
            lambda _checked: self.ranking_asked.emit(self._layer, self.chosen_mode())
        )

    def _ask(self) -> None:
        part = self.part()
        if part:
            self.asked.emit(part, self.chosen_mode())
