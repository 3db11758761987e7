"""Files that are written one after the other in the background, and none is given up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from qtpy.QtCore import QObject, Signal

from unetscope.errors import OutputError, UnetscopeError
from unetscope.workbench.job_runner import JobEnded, Lane
from unetscope.workbench.timers import single_shot

RETRY_MS = 5000
_WAIT_S = 2.5
Writing = Callable[[], Iterator[Any]]


class WritingLane(QObject):
    """``written(event)`` for what a job yields, ``failed(error)`` where it cannot be done.

    What the disk does not take is tried again; :meth:`finish` does at once what is left.
    """

    written = Signal(object)
    failed = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._waiting: list[Writing] = []
        self._finishing = False
        self._lane = Lane(self, writes=True)
        self._lane.happened.connect(lambda _ticket, event: self.written.emit(event))
        self._lane.ended.connect(self._ended)
        self._retry = single_shot(self, RETRY_MS, self._next)

    @property
    def busy(self) -> bool:
        """Whether something is still to be written."""
        return bool(self._waiting)

    def add(self, job: Writing) -> None:
        """Write this, too; ``job`` may run a second time if the first one fails."""
        self._waiting.append(job)
        self._next()

    def close(self) -> None:
        """Write what is left, and take nothing more in the background."""
        self.finish()
        self._lane.close()

    def finish(self) -> None:
        """Write what is left, now and in this thread."""
        self._retry.stop()
        self._finishing = True
        if not self._lane.finish(_WAIT_S):
            self._lane.drop()  # it goes on; that its file is written twice does no harm
        self._retry.stop()
        waiting, self._waiting = self._waiting, []
        self._finishing = False
        for job in waiting:
            try:
                for event in job():
                    self.written.emit(event)
            except (UnetscopeError, OSError) as error:
                self.failed.emit(error)

    def _next(self) -> None:
        if (
            self._waiting
            and not self._finishing
            and not self._lane.busy
            and not self._retry.isActive()
        ):
            self._lane.start(self._waiting[0])

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        if end.error is None or not isinstance(end.error, OutputError | OSError):
            del self._waiting[:1]
        if end.error is None:
            self._next()
            return
        self.failed.emit(end.error)
        if self._waiting:
            self._retry.start()
