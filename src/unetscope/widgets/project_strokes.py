"""Kept strokes, of which those on a project's images lie beside the project."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject

from unetscope.session.connections import Connections
from unetscope.session.project_journals import JournalPlace, ProjectKeeper
from unetscope.widgets.bench import Bench
from unetscope.widgets.kept_strokes import TEND_MS, KeptStrokes
from unetscope.widgets.timers import repeated


class ProjectStrokes(KeptStrokes):
    """As :class:`KeptStrokes`; ``place`` says where an image's journal is (None: as ever)."""

    def __init__(
        self, bench: Bench, place: Callable[[str], JournalPlace | None], parent: QObject
    ) -> None:
        QObject.__init__(self, parent)  # all but the keeper is the same
        self._bench = bench
        self.keeper = ProjectKeeper(bench.layers, place)
        self._connections = Connections()
        self._connections.connect(bench.session.events.classes, self.keeper.keep_classes)
        self._timer = repeated(self, TEND_MS, self.keeper.tend)
