"""Objects are coloured by one of their measures."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from qtpy.QtCore import QObject

from unetscope.session.layers.object_layers import ObjectLayers
from unetscope.session.measuring.measure_state import FoundObjects, MeasureState
from unetscope.workbench.job_runner import Lane
from unetscope.workbench.measuring.measure_jobs import jobs


class ObjectColours(QObject):
    """Makes the picture of a measure in a lane, and lays it over the objects."""

    def __init__(self, state: MeasureState, objects: ObjectLayers, parent: QObject) -> None:
        super().__init__(parent)
        self._state, self._objects = state, objects
        self.lane = Lane(self)
        self.lane.happened.connect(self._coloured)

    def colour_by(self, key: str) -> None:
        """Colour objects by a measure, the key of its column; "" gives each a colour of its own."""
        self._state.colour_by = key
        self.renew()

    def show_only(self, numbers: tuple[int, ...] | None) -> None:
        """Colour these objects alone; None: all."""
        self._state.kept = numbers
        self.renew()

    def renew(self) -> None:
        """Colour again, as objects or what is wished for have changed."""
        found, key = self._state.found, self._state.colour_by
        self.lane.drop()
        if found is None or not key or key not in found.measured.table.columns:
            self._objects.colour_no_more()
            self._state.limits = None
            return
        self.lane.start(partial(_colouring, found, key, self._state.kept))

    def _coloured(self, ticket: Any, event: Any) -> None:
        if self._state.found is not None and event.found.objects is self._state.found.objects:
            self._objects.colour_by(event.title, event.picture, event.limits)
            self._state.limits = event.limits


def _colouring(found: FoundObjects, key: str, kept: tuple[int, ...] | None) -> Iterator[Any]:
    yield from jobs().coloured(found, key, kept)
