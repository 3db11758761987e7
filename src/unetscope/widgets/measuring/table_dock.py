"""The table below the image, linked with the objects' layer both ways."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, Signal
from qtpy.QtWidgets import QWidget

from unetscope.session.layers.connections import Connections
from unetscope.widgets.kit.arranging import column
from unetscope.widgets.kit.looks import Tints
from unetscope.widgets.measuring.object_browser import ObjectBrowser
from unetscope.workbench.measuring.measure_bench import MeasureBench

TITLE = "Objects"


class TableDock(QWidget):
    """A click on a row frames its object, a click on an object shows its row.

    ``left()``: its dock was closed.
    """

    left = Signal()

    def __init__(self, bench: MeasureBench, tints: Tints) -> None:
        super().__init__()
        self._docked = False
        self._bench, self._state = bench, bench.state
        self._shown: Any = None  # what was found, as it is in the table
        self.browser = ObjectBrowser(tints)
        self.view = self.browser.table
        self.view.say_when_empty("Press Find objects in the panel Measure.")
        self.view.chosen.connect(self._row_chosen)
        self.view.filtered.connect(self._filtered)
        self.view.colour_by.connect(bench.colours.colour_by)
        self.browser.legend.cleared.connect(lambda: bench.colours.colour_by(""))
        column(self, self.browser, margins=(4, 2, 4, 4))
        self._connections = Connections()
        self._connections.connect(bench.state.events, self._changed)
        self._show()
        self._tell_colours()

    def let_go(self) -> None:
        """Hear nothing any more."""
        self._connections.close()

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self.browser.set_tints(tints)

    def event(self, event: Any) -> bool:
        """Notice when the dock is closed by its cross: napari takes its content out."""
        if event.type() == QEvent.Type.ParentChange:
            if self.parentWidget() is not None:
                self._docked = True
            elif self._docked:
                self._docked = False
                self.left.emit()
        return bool(super().event(event))

    def _changed(self, change: Any) -> None:
        name = change.signal.name
        if name == "found":
            self._show()
        elif name == "names":
            self._shown = None
            self._show()
        elif name == "selected":
            self.view.select(self._state.selected)
        elif name == "stale":
            self.view.set_stale(bool(self._state.stale))
        elif name == "limits":
            self._tell_colours()

    def _tell_colours(self) -> None:
        """What the colours mean, where objects are coloured."""
        found, limits = self._state.found, self._state.limits
        about = None
        if found is not None and limits is not None:
            key = self._state.colour_by
            about = next((c for c in found.measured.table.about if c.key == key), None)
        self.browser.legend.tell(about, limits or (0.0, 1.0))

    def _show(self) -> None:
        found, before = self._state.found, self._shown
        self._shown = found
        if found is None:
            self.browser.show_table(None)
            return
        known = found.quantities
        if before is not None and before.measured is found.measured:
            self.browser.tell_numbers(known)
        elif before is not None and before.looked is found.looked:
            self.browser.replace(found.measured.table, known)
        else:
            names, edge = dict(self._state.names), found.wanted.edge
            self.browser.show_table(found.measured.table, names, edge, known)
            if not self.browser.histogram.key:
                self.browser.show_histogram("diameter")
        self.view.set_stale(bool(self._state.stale))

    def _row_chosen(self, numbers: Any) -> None:
        self._bench.tools.choose(tuple(int(number) for number in numbers), frame=True)

    def _filtered(self, conditions: Any) -> None:
        table = self.view.table
        if table is None:
            return
        kept = table.columns["object"][conditions.fitting(table)] if conditions else None
        self._bench.colours.show_only(None if kept is None else tuple(kept.tolist()))
