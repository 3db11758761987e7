"""What counts: sizes that are left out, holes, objects at the edge, and a region of interest."""

from __future__ import annotations

import numpy as np
from qtpy.QtWidgets import QCheckBox, QGridLayout, QLabel, QWidget

from unetscope.widgets.kit.arranging import column, row
from unetscope.widgets.kit.fold import Fold
from unetscope.widgets.kit.looks import NarrowCombo, quiet, small_button
from unetscope.widgets.measuring.length_field import LengthField, unit_of
from unetscope.widgets.measuring.measure_panel import MeasurePanel
from unetscope.workbench.measuring.measure_bench import MeasureBench

_EDGES = (
    ("weight", "left out, the rest weighted", "Large objects are cut more often: each complete one "
     "stands for as many as are cut of its size (Miles-Lantuéjoul)."),
    ("drop", "left out", "Means come out too small: large objects are cut more often."),
    ("keep", "kept as they are seen", "Sizes of cut objects are too small."),
)  # fmt: skip


class CountPanel(MeasurePanel):
    """Folded at first; says before they are left out which objects are too small."""

    SHOWS = frozenset({"image", "found", "wish"})

    def __init__(self, bench: MeasureBench) -> None:
        super().__init__(bench)
        self.smallest = LengthField(
            "Smallest", "Objects of a smaller diameter are left out.", "20 pixels of area"
        )
        self.smallest.told.connect(self._smallest_told)
        self.preview = quiet(QLabel())
        self.holes = LengthField("Largest hole", "Holes up to this diameter are filled.", "none")
        self.holes.told.connect(lambda value: bench.labels.wish(holes=value))
        self.edge = NarrowCombo()
        self.edge.setAccessibleName("Objects at the edge")
        for rule, words, tip in _EDGES:
            self.edge.addItem(words, rule)
            self.edge.setItemData(self.edge.count() - 1, tip, 3)  # Qt.ToolTipRole
        self.edge.activated.connect(lambda at: bench.labels.wish(edge=self.edge.itemData(at)))
        self.drawn = QCheckBox("only in what is drawn")
        self.drawn.setToolTip("Rectangles, polygons and ellipses of the topmost shapes layer.")
        self.drawn.clicked.connect(lambda on: bench.labels.wish(drawn=on))
        self.draw = small_button("Draw …", "Draw a rectangle around what counts.")
        self.draw.clicked.connect(lambda _checked: bench.labels.draw_region())
        region = QWidget()
        row(self.drawn, self.draw, owner=region, stretched=(0,))
        self.bar = QCheckBox("leave the bar with the scale out")
        self.bar.setToolTip("Where a microscope wrote one into the image: it is found by itself.")
        self.bar.clicked.connect(lambda on: bench.labels.wish(without_bar=on))
        inner = QWidget()
        grid = QGridLayout(inner)
        grid.setContentsMargins(4, 0, 0, 0)
        grid.setColumnStretch(1, 1)
        rows = (
            ("Smallest", self.smallest), ("", self.preview), ("Fill holes", self.holes),
            ("At the edge", self.edge), ("Region", region), ("", self.bar),
        )  # fmt: skip
        for at, (word, part) in enumerate(rows):
            grid.addWidget(QLabel(word), at, 0)
            grid.addWidget(part, at, 1)
        self.fold = Fold("What counts", inner)
        self.fold.toggled.connect(lambda on: self.called_for.emit() if on else None)
        column(self, self.fold)

    def refresh(self) -> None:
        """Show what is wished for, and what it would leave out."""
        wish, unit = self._state.wish, unit_of(self._state)
        self.smallest.show_length(wish.smallest, unit)
        self.holes.show_length(wish.holes, unit)
        self.edge.setCurrentIndex(self.edge.findData(wish.edge))
        self.drawn.setChecked(wish.drawn)
        self.bar.setChecked(wish.without_bar)
        small = self._too_small()
        self.preview.setVisible(small is not None)
        if small is not None and self._state.found is not None:
            self.preview.setText(f"{len(small):,} of {self._state.found.count:,} would go.")
        self.fold.fit()

    def _too_small(self) -> list[int] | None:
        """Numbers of objects that are smaller than what is wished for; None where it is known."""
        found, smallest = self._state.found, self._state.wish.smallest
        if found is None or smallest is None or found.wish.smallest == smallest:
            return None
        table = found.measured.table
        below = np.asarray(table.columns["diameter"]) < smallest
        return [int(number) for number in table.columns["object"][below]]

    def _smallest_told(self, value: float | None) -> None:
        self._bench.labels.wish(smallest=value)
        small = self._too_small()
        if small is not None:
            self._bench.tools.choose(tuple(small))
