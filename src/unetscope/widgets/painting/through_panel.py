"""Through z: labels carried along a stack."""

from __future__ import annotations

from qtpy.QtWidgets import QLabel, QSpinBox

from unetscope.widgets.kit.arranging import column, flow
from unetscope.widgets.kit.looks import quiet, small_button
from unetscope.widgets.kit.panel import Panel
from unetscope.workbench.workbench import Workbench

_IDLE = "Carry the labels of painted planes to others. What is painted stays."


class ThroughPanel(Panel):
    """The helper *Through z*: buttons, a number of planes, a sentence, and yes or no."""

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self._through = through = work.through
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
        copies = (self.interpolate, self.back, self.forth)
        begin = flow(*copies, self.propagate, self.reach, self.unit)
        column(self, begin, flow(self.accept, self.discard), self.words)
        self.interpolate.clicked.connect(lambda _checked: through.interpolate())
        self.back.clicked.connect(lambda _checked: through.copy(-1))
        self.forth.clicked.connect(lambda _checked: through.copy(1))
        self.propagate.clicked.connect(lambda _checked: through.propagate(self.reach.value()))
        self.accept.clicked.connect(lambda _checked: through.accept())
        self.discard.clicked.connect(lambda _checked: through.discard())
        through.told.connect(self._told)

    def refresh(self) -> None:
        """Show what is possible now."""
        waits = self._through.planes.proposed and not self._through.lane.busy
        for button in (self.accept, self.discard):
            button.setVisible(waits)

    def _told(self, text: str) -> None:
        self.words.setText(text or _IDLE)
        self.refresh()
