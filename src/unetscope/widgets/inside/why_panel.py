"""Why this pixel?: by which method, for which class, and where."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from unetscope.looking.questions.why_pixel import METHODS, PREDICTED, REGIONS
from unetscope.widgets.kit.looks import NarrowCombo


class WhyPanel(QWidget):
    """``asked(method, region, class)``: the class is an index, None for what is predicted there."""

    asked = Signal(str, str, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.method, self.region, self.target = NarrowCombo(), NarrowCombo(), NarrowCombo()
        for combo, entries in ((self.method, METHODS), (self.region, REGIONS)):
            for name, text, tip in entries:
                combo.addItem(text, name)
                combo.setItemData(combo.count() - 1, tip, 3)  # Qt.ToolTipRole
        self.target.addItem(PREDICTED, None)
        self.go = QPushButton("Ask why")
        self.go.clicked.connect(self._ask)
        rows = QGridLayout()
        rows.setColumnStretch(1, 1)
        for line, (text, combo) in enumerate(
            (("By", self.method), ("For", self.target), ("At", self.region))
        ):
            rows.addWidget(QLabel(text), line, 0)
            rows.addWidget(combo, line, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(rows)
        layout.addWidget(self.go)

    def set_classes(self, names: Sequence[str]) -> None:
        """The outputs that can be asked about, in their order."""
        known = [self.target.itemText(i) for i in range(1, self.target.count())]
        if known == list(names):
            return
        while self.target.count() > 1:
            self.target.removeItem(1)
        for index, name in enumerate(names):
            self.target.addItem(name, index)

    def _ask(self) -> None:
        self.asked.emit(
            str(self.method.currentData()),
            str(self.region.currentData()),
            self.target.currentData(),
        )
