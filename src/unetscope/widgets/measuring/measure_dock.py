"""The dock widget "Measure": from labels to numbers with intervals, a table, and the sentence."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from unetscope.session.layers.connections import Connections
from unetscope.widgets.kit.docked_panel import DockedPanel
from unetscope.widgets.kit.looks import theme_tints
from unetscope.widgets.measuring.count_panel import CountPanel
from unetscope.widgets.measuring.edit_panel import EditPanel
from unetscope.widgets.measuring.export_panel import ExportPanel
from unetscope.widgets.measuring.look_row import LookRow
from unetscope.widgets.measuring.measure_card import MeasureCard
from unetscope.widgets.measuring.measure_panel import MeasurePanel
from unetscope.widgets.measuring.numbers_panel import NumbersPanel
from unetscope.widgets.measuring.object_keys import ObjectKeys
from unetscope.widgets.measuring.source_panel import SourcePanel
from unetscope.widgets.measuring.table_dock import TITLE, TableDock
from unetscope.widgets.measuring.ticks_row import TicksRow
from unetscope.workbench.measuring.measure_bench import MeasureBench

#: The parts, from top to bottom; the card stays above them.
PARTS: tuple[type[MeasurePanel], ...] = (
    SourcePanel,
    EditPanel,
    TicksRow,
    LookRow,
    CountPanel,
    NumbersPanel,
    ExportPanel,
)
Kind = TypeVar("Kind", bound=MeasurePanel)


class MeasureDock(DockedPanel):
    """Find objects in an answer or in labels, correct them, and read their numbers.

    Parameters
    ----------
    napari_viewer
        The viewer (napari hands it in).
    """

    preferred_width = 380

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._connections = Connections()
        self.bench = MeasureBench(napari_viewer, self)
        self.state = self.bench.state
        self.card = MeasureCard(self.bench)
        self.parts = (self.card, *(kind(self.bench) for kind in PARTS))
        self.lay_out(self.card, self.parts[1:])
        for part in self.parts:
            part.called_for.connect(partial(self.bring_into_view, part))
        self.table: TableDock | None = None
        self.part(LookRow).table_wanted.connect(self.open_table)
        calls = {key: call for part in self.parts for key, call in part.keys().items()}
        self.object_keys = ObjectKeys(calls)
        self.object_keys.add_to(self)
        self._theme_changed()
        self._connect()
        self.destroyed.connect(self.bench.close)

    def part(self, kind: type[Kind]) -> Kind:
        """The part of this kind.

        Raises
        ------
        KeyError
            If the dock has none.
        """
        for part in self.parts:
            if isinstance(part, kind):
                return part
        raise KeyError(f"this dock has no {kind.__name__}; add it to PARTS")

    def _connect(self) -> None:
        self._connections.connect(self.state.events, self._state_changed)
        self.bench.objects_shown.connect(self.object_keys.bind_layer)
        self._connections.connect(self._viewer.events.theme, self._theme_changed)
        self._connections.connect(self._viewer.layers.events.removing, self.make_canvas_current)

    def _state_changed(self, change: Any) -> None:
        for part in self.parts:
            if change.signal.name in part.SHOWS:
                part.refresh()

    def _theme_changed(self, event: Any = None) -> None:
        tints = theme_tints(self._viewer.theme)
        for part in self.parts:
            part.set_tints(tints)
            part.refresh()
        if self.table is not None:
            self.table.set_tints(tints)

    # ---- the table

    def open_table(self) -> TableDock:
        """Show the table below the image."""
        if self.table is not None:
            dock = self.table.parentWidget()
            if dock is not None:
                dock.show()  # it may have been hidden
                dock.raise_()
            return self.table
        table = self.table = TableDock(self.bench, theme_tints(self._viewer.theme))
        self._viewer.window.add_dock_widget(table, name=TITLE, area="bottom")
        self.object_keys.add_to(table)
        table.left.connect(self._table_left)
        return table

    def _table_left(self) -> None:
        """Its dock was closed: a new one is made when it is wanted again."""
        table, self.table = self.table, None
        if table is not None:
            table.let_go()
            table.deleteLater()

    # ---- ending

    def taken_out(self) -> None:
        """The panel is gone and the viewer stays: the table goes with it."""
        table = self.table
        super().taken_out()
        if table is not None:
            with suppress(LookupError):
                self._viewer.window.remove_dock_widget(table)

    def shut_down(self) -> None:
        """End all work and let go of the viewer; called when the window or napari closes."""
        self._connections.close()
        if self.table is not None:
            self.table.let_go()
        self.object_keys.close()
        self.bench.close()
