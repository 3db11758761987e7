"""What a project keeps is written: labels and models one after the other, then project.json."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from unetscope.errors import OutputError, UnetscopeError
from unetscope.session.engine import projects
from unetscope.session.engine.projects import scratch
from unetscope.session.project.folder import Project
from unetscope.workbench.job_runner import JobEnded, Lane
from unetscope.workbench.project_context import ProjectContext
from unetscope.workbench.timers import single_shot

SAVE_MS = 500
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


class ProjectSaver(QObject):
    """Writes for the open project; what the disk does not take is tried again."""

    def __init__(self, project: ProjectContext, parent: QObject) -> None:
        super().__init__(parent)
        self._project = project
        self._unsaved: dict[str, np.ndarray] = {}  # image id -> labels that are to be written
        self._writing = WritingLane(self)
        self._writing.written.connect(self._written)
        self._writing.failed.connect(lambda error: project.tell(error, "Saving the project"))
        self._timer = single_shot(self, SAVE_MS, self._save)

    def close(self) -> None:
        """Write what is waiting, and nothing more in the background."""
        self._timer.stop()
        self._writing.close()

    def write(self, job: Writing) -> None:
        """Write a file after those that are waiting."""
        self._writing.add(job)

    def write_labels(self, project: Project, image_id: str, labels: np.ndarray) -> None:
        """Write the labels of an image, which nobody changes any more."""
        self._unsaved[image_id] = labels
        self._writing.add(partial(_saved, project, image_id, labels))

    def unsaved(self, image_id: str) -> np.ndarray | None:
        """Labels that are newer than those on disk; None where the disk has them."""
        return self._unsaved.get(image_id)

    def save_soon(self) -> None:
        """Save project.json when there is a moment of rest."""
        self._timer.start(SAVE_MS)
        self._project.changed.emit()

    def save_all(self) -> None:
        """Write what is waiting and project.json, now and in this thread."""
        self._writing.finish()
        self._unsaved.clear()
        self._save()

    def _save(self) -> None:
        opened = self._project.writable
        self._timer.stop()
        if opened is None:
            return
        project, shown = opened.project, self._project.shown_id
        if shown is not None:
            project.set_settings({projects.LAST_IMAGE: shown})
        try:
            project.save()
        except UnetscopeError as error:
            self._project.tell(error, "Saving the project")
            if isinstance(error, OutputError):
                self._timer.start(RETRY_MS)

    def _written(self, event: Any) -> None:
        opened = self._project.opened
        if opened is None:
            return
        try:
            if isinstance(event, projects.LabelsSaved):
                opened.take_labels(event)
            elif isinstance(event, _OnDisk):
                if self._unsaved.get(event.image_id) is event.labels:
                    del self._unsaved[event.image_id]
            elif isinstance(event, projects.ModelWritten):
                opened.keep_model(event)
        except (UnetscopeError, OSError) as error:
            self._project.tell(error, "Saving the model")
        self.save_soon()


@dataclass(frozen=True, eq=False)
class _OnDisk:
    """These labels of an image are written."""

    image_id: str
    labels: np.ndarray


def _saved(project: Project, image_id: str, labels: np.ndarray) -> Iterator[Any]:
    """Save labels on a copy of the record as it is when this runs."""
    yield from projects.saved_labels(scratch(project), image_id, labels)
    yield _OnDisk(image_id, labels)
