"""A part of the workbench: what follows the session, works in the background, and ends at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, QTimer

from unetscope.session.layers.connections import Connections
from unetscope.workbench.context import Context
from unetscope.workbench.job_runner import JobEnded, Lane
from unetscope.workbench.timers import single_shot

Heard = Callable[[Any, Any], None]  # ticket, event
Ended = Callable[[Any, JobEnded], None]


class Part(QObject):
    """Gets the context and emits; :meth:`close` ends its timers, connections and lanes."""

    def __init__(self, context: Context, parent: QObject) -> None:
        super().__init__(parent)
        self._context, self._session = context, context.session
        self._connections = Connections()
        self._timers: list[QTimer] = []
        self._lanes: list[Lane] = []

    def close(self) -> None:
        """End without waiting; what is being written is written."""
        for timer in self._timers:
            timer.stop()
        self._connections.close()
        for lane in self._lanes:
            lane.close()

    def _follow(self, emitter: Any, call: Callable[..., Any]) -> None:
        """Call when a field of the session, or anything else that outlives this, changes."""
        self._connections.connect(emitter, call)

    def _timer(self, interval_ms: int, call: Callable[[], object]) -> QTimer:
        """A timer that calls once, ``interval_ms`` after its last start."""
        timer = single_shot(self, interval_ms, call)
        self._timers.append(timer)
        return timer

    def _lane(self, heard: Heard, ended: Ended, *, niceness: int = 0, writes: bool = False) -> Lane:
        """A lane whose events and end are heard."""
        lane = Lane(self, niceness=niceness, writes=writes)
        lane.happened.connect(heard)
        lane.ended.connect(ended)
        self._lanes.append(lane)
        return lane
