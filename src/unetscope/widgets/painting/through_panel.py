"""Through z: labels carried along a stack; hidden where the image is none."""

from __future__ import annotations

from qtpy.QtWidgets import QLabel, QSpinBox, QVBoxLayout, QWidget
from superqt import QFlowLayout

from unetscope.widgets.kit.fold import Fold
from unetscope.widgets.kit.looks import quiet, small_button
from unetscope.workbench.through import Through

_IDLE = "Carry the labels of painted planes to others. What is painted stays."


class ThroughPanel(QWidget):
    """The fold *Through z*: buttons, a number of planes, a sentence, and yes or no."""

    def __init__(self, through: Through, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._through = through
        self.interpolate = small_button(
            "Fill gap", "Interpolate the shapes of two painted planes into those between them."
        )
        self.back = small_button("← Copy", "Copy the labels of this plane to the one before.")
        self.forth = small_button("Copy →", "Copy the labels of this plane to the next one.")
        self.propagate = small_button(
            "Propose", "Let the model carry the labels on; nothing is painted before you say so."
        )
        self.reach = QSpinBox()
        self.reach.setRange(1, 100)
        self.reach.setValue(3)
        self.reach.setPrefix("± ")
        self.unit = QLabel("planes")
        self.reach.setToolTip("How many planes to both sides of this one.")
        self.accept = small_button("Accept", "Take the proposal over into the labels, as one edit.")
        self.discard = small_button("Discard", "Remove the proposal.")
        self.words = quiet(QLabel())
        self.words.setText(_IDLE)  # a text that is set later is given the lines it needs
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(4, 0, 0, 0)
        for widgets in (
            (self.interpolate, self.back, self.forth, self.propagate, self.reach, self.unit),
            (self.accept, self.discard),
        ):
            row = QFlowLayout()  # beside each other where there is room, else below
            row.setSpacing(2)
            for widget in widgets:
                row.addWidget(widget)
            column.addLayout(row)
        column.addWidget(self.words)
        self.fold = Fold("Through z", inner, "Labels along a stack.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.fold)
        self.interpolate.clicked.connect(lambda _checked: through.interpolate())
        self.back.clicked.connect(lambda _checked: through.copy(-1))
        self.forth.clicked.connect(lambda _checked: through.copy(1))
        self.propagate.clicked.connect(lambda _checked: through.propagate(self.reach.value()))
        self.accept.clicked.connect(lambda _checked: through.accept())
        self.discard.clicked.connect(lambda _checked: through.discard())
        through.told.connect(self._told)

    def refresh(self) -> None:
        """Show what is possible now."""
        self.setVisible(self._through.possible)
        waits = self._through.planes.proposed and not self._through.lane.busy
        for button in (self.accept, self.discard):
            button.setVisible(waits)
        self.fold.fit()

    def _told(self, text: str) -> None:
        self.words.setText(text or _IDLE)
        self.refresh()
