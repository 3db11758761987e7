"""The table of objects with a histogram beside it, each following what is filtered in the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSplitter, QWidget

from unetscope.measuring.conditions import Conditions
from unetscope.measuring.object_weights import EdgeRule
from unetscope.measuring.quantities import Quantity
from unetscope.widgets.kit.arranging import column
from unetscope.widgets.kit.looks import Tints
from unetscope.widgets.measuring.colour_legend import ColourLegend
from unetscope.widgets.measuring.measure_histogram import MeasureHistogram
from unetscope.widgets.measuring.object_view import ObjectTableView

if TYPE_CHECKING:
    from unetscope.measuring.object_table import ObjectTable

_SHARES = (7, 3)  # of the width: the table's and the histogram's


class ObjectBrowser(QWidget):
    """``table``, ``histogram`` and ``legend``; the histogram is hidden until it is asked for.

    Its brush filters the table, and what the table leaves out is faint in the histogram.
    """

    def __init__(self, tints: Tints, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = ObjectTableView(tints)
        self.histogram = MeasureHistogram(tints)
        self.legend = ColourLegend(tints)
        self._edge: EdgeRule = "weight"
        self._known: tuple[Quantity, ...] = ()
        self._beside = QWidget()
        column(self._beside, self.histogram)
        self.sides = QSplitter(Qt.Orientation.Horizontal)
        for side, share in zip((self.table, self._beside), _SHARES, strict=True):
            self.sides.addWidget(side)
            self.sides.setStretchFactor(self.sides.count() - 1, share)
        self.sides.setChildrenCollapsible(False)
        self._beside.setVisible(False)
        lines = column(self, self.sides, self.legend)
        lines.setSpacing(2)
        lines.setStretch(0, 1)
        self._connect()

    def show_table(
        self,
        table: ObjectTable | None,
        classes: Mapping[int, str] | None = None,
        edge: EdgeRule = "weight",
        known: Sequence[Quantity] = (),
    ) -> None:
        """Show other objects.

        ``edge`` says what numbers do with objects at the edge; ``known`` are numbers that are told
        elsewhere, which the histogram repeats.
        """
        self._edge, self._known = edge, tuple(known)
        self.table.show_table(table, classes)
        self._draw(self.histogram.key)

    def replace(self, table: ObjectTable, known: Sequence[Quantity] = ()) -> None:
        """Show the same objects after an edit."""
        self._known = tuple(known)
        self.table.replace(table)
        self._draw(self.histogram.key)

    def tell_numbers(self, known: Sequence[Quantity]) -> None:
        """Numbers of the same objects have come."""
        self._known = tuple(known)
        self._draw(self.histogram.key)

    def show_histogram(self, key: str) -> None:
        """Show how a column is spread."""
        was_hidden = not self._beside.isVisibleTo(self)
        self._beside.setVisible(True)
        if was_hidden:
            wide = self.sides.width()
            self.sides.setSizes([wide * share // sum(_SHARES) for share in _SHARES])
        self._draw(key)

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        for part in (self.table, self.histogram, self.legend):
            part.set_tints(tints)

    # ---- inside

    def _connect(self) -> None:
        self.table.histogram_of.connect(self.show_histogram)
        self.table.filtered.connect(self._filtered)
        self.histogram.brushed.connect(self.table.brush)
        self.histogram.closed.connect(lambda: self._beside.setVisible(False))

    def _draw(self, key: str) -> None:
        if key and self._beside.isVisibleTo(self):
            self.histogram.show_table(self.table.table, key, self._edge, self._known)
            self._filtered(self.table.conditions)

    def _filtered(self, conditions: Conditions) -> None:
        drawn = self._beside.isVisibleTo(self) and self.histogram.key
        if drawn and self.histogram.table is self.table.table:
            self.histogram.show_kept(self.table.model.kept() if conditions else None)
            self.histogram.set_brush(*conditions.range_of(self.histogram.key))
