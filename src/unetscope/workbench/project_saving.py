"""What a project keeps is written: labels and models one after the other, then project.json."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject

from unetscope.errors import OutputError, UnetscopeError
from unetscope.session.engine import projects
from unetscope.session.engine.projects import scratch
from unetscope.session.project.folder import Project
from unetscope.workbench.timers import single_shot
from unetscope.workbench.writing_lane import RETRY_MS, Writing, WritingLane

if TYPE_CHECKING:
    from unetscope.workbench.project_desk import ProjectDesk

SAVE_MS = 500


class ProjectSaver(QObject):
    """Writes for the open project of ``desk``; what the disk does not take is tried again."""

    def __init__(self, desk: ProjectDesk) -> None:
        super().__init__(desk)
        self._desk = desk
        self._unsaved: dict[str, np.ndarray] = {}  # image id -> labels that are to be written
        self._writing = WritingLane(self)
        self._writing.written.connect(self._written)
        self._writing.failed.connect(lambda error: desk.tell(error, "Saving the project"))
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
        self._desk.changed.emit()

    def save_all(self) -> None:
        """Write what is waiting and project.json, now and in this thread."""
        self._writing.finish()
        self._unsaved.clear()
        self._save()

    def _save(self) -> None:
        opened = self._desk.opened
        self._timer.stop()
        if opened is None or opened.cannot_write:
            return
        project, shown = opened.project, self._desk.images.shown_id
        if shown is not None:
            project.set_settings({projects.LAST_IMAGE: shown})
        try:
            project.save()
        except UnetscopeError as error:
            self._desk.tell(error, "Saving the project")
            if isinstance(error, OutputError):
                self._timer.start(RETRY_MS)

    def _written(self, event: Any) -> None:
        opened = self._desk.opened
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
            self._desk.tell(error, "Saving the model")
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
