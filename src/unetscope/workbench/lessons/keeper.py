"""A step of a lesson is written in the background, and told in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject

from unetscope.errors import LessonError
from unetscope.lessons.exporting import export_step
from unetscope.lessons.visit import Visit
from unetscope.looking.answers import Shown, Working
from unetscope.session.values import Message
from unetscope.workbench.job_runner import JobEnded, Lane
from unetscope.workbench.lessons.tutor import Tutor


class Keeper(QObject):
    """Exports for one dock."""

    def __init__(self, tutor: Tutor, parent: QObject) -> None:
        super().__init__(parent)
        self._tutor = tutor
        self.lane = Lane(self, writes=True)
        self.lane.happened.connect(self._happened)
        self.lane.ended.connect(self._ended)

    def close(self) -> None:
        """End without waiting; what is being written is written."""
        self.lane.close()

    def export_to(self, folder: Path) -> None:
        """Write the present step into a new folder in ``folder``."""
        state = self._tutor.state
        visit, shown = state.visit, state.shown
        if visit is None or shown is None or not visit.ready or visit.hidden:
            error = LessonError("there is nothing to export yet: answer or skip the question.")
            self._tutor.tell(error, "Export")
            return
        there = visit.now()
        there.take(shown)
        source = state.gallery.files[visit.lesson.id]
        self.lane.start(lambda: _written(there, shown, source, folder))

    def _happened(self, ticket: Any, event: Any) -> None:
        state = self._tutor.state
        if isinstance(event, str):
            state.working, state.message = None, Message(event)
        else:
            state.working = event

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        self._tutor.state.working = None
        if end.error is not None:
            self._tutor.tell(end.error, "Export")


def _written(visit: Visit, shown: Shown, source: Path, folder: Path) -> Iterator[Working | str]:
    yield Working("Exporting")
    files = export_step(visit, shown, source, folder)
    names = ", ".join(sorted(path.name for path in files))
    yield f"{len(files)} files in {files[0].parent}: {names}."
