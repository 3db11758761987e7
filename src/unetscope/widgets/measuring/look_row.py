"""How objects are looked at: coloured by a measure, and in a table."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel

from unetscope.widgets.kit.arranging import row
from unetscope.widgets.kit.looks import NarrowCombo, small_button
from unetscope.widgets.measuring.measure_panel import MeasurePanel
from unetscope.widgets.measuring.source_panel import fill
from unetscope.workbench.measuring.measure_bench import MeasureBench

_OWN = "as objects"
_NO_MEASURES = ("object", "class", "weight")


class LookRow(MeasurePanel):
    """Colour by a measure, and the button that opens the table (``table_wanted``)."""

    SHOWS = frozenset({"found", "colour_by"})

    table_wanted = Signal()

    def __init__(self, bench: MeasureBench) -> None:
        super().__init__(bench)
        self.measure = NarrowCombo()
        self.measure.setAccessibleName("Colour by")
        self.measure.setToolTip("Colour objects by a measure, from its 2nd to its 98th percentile.")
        self.measure.activated.connect(
            lambda at: bench.colours.colour_by(self.measure.itemData(at))
        )
        self.table = small_button("Table ⤢", "Every object with its measures, below the image.")
        self.table.clicked.connect(lambda _checked: self.table_wanted.emit())
        row(QLabel("Colour by"), self.measure, self.table, owner=self, stretched=(1,))

    def refresh(self) -> None:
        """Show the measures that there are."""
        found = self._state.found
        self.setVisible(found is not None)
        if found is None:
            return
        about = [c for c in found.measured.table.about if c.key not in _NO_MEASURES]
        words = [
            (f"{c.key.replace('_', ' ')}{f' ({c.unit})' if c.unit else ''}", c.key) for c in about
        ]
        fill(self.measure, [(_OWN, ""), *words])
        self.measure.setCurrentIndex(max(self.measure.findData(self._state.colour_by), 0))
