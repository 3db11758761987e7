"""What a project keeps of its window.

What is learned and predicted is noted; labels and models are written one after the other, then
project.json.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from unetscope.errors import OutputError, UnetscopeError
from unetscope.session.engine import projects
from unetscope.session.engine.projects import scratch
from unetscope.session.project.folder import Project
from unetscope.session.requests import SaveRequest
from unetscope.session.values import PredictionStatus, Scope, TrainingStatus
from unetscope.session.versions import is_change
from unetscope.workbench.context import Context
from unetscope.workbench.job_runner import JobEnded, Lane
from unetscope.workbench.part import Part
from unetscope.workbench.project_context import ProjectContext
from unetscope.workbench.timers import single_shot

if TYPE_CHECKING:
    from unetscope.learning.pixel_model import PixelModel

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


class ProjectFollower(Part):
    """Notes in the open project what is learned and predicted in its window.

    ``model_wanted(file, title, project's name)``: the project's model is to answer.
    """

    model_wanted = Signal(object, str, str)

    def __init__(
        self, context: Context, project: ProjectContext, saver: ProjectSaver, parent: QObject
    ) -> None:
        super().__init__(context, parent)
        self._layers, self._project, self._saver = context.layers, project, saver
        self._training = False
        self._trained_on: tuple[str, ...] = ()
        self._before: PixelModel | None = None  # what the training began with
        self._predicting: tuple[str, ...] = ()
        self._last_prediction = PredictionStatus()
        self._model_timer = self._timer(0, self._open_model)
        self._keep_timer = single_shot(self, 0, self._keep_model)
        events = context.session.events
        self._follow(events.classes, self.classes_changed)
        self._follow(events.training, self._training_changed)
        self._follow(events.prediction, self._prediction_changed)
        self._follow(events.images, self._images_changed)

    def close(self) -> None:
        """Let go of the session; a model that was trained this moment is still kept."""
        super().close()
        self.keep_now()

    def keep_now(self) -> None:
        """Keep a model that was trained this moment."""
        if self._keep_timer.isActive():
            self._keep_timer.stop()
            self._keep_model()

    def _images_changed(self, images: Any) -> None:
        """Keep pixel sizes that were read, typed or set in the window."""
        opened = self._project.writable
        if opened is None:
            return
        for key, image_id in self._project.own().items():
            image = next((one for one in images if one.key == key), None)
            if image is not None and opened.keep_pixel_size(image_id, image):
                self._saver.save_soon()

    def open_model_soon(self) -> None:
        """Answer with the project's model, once the window has come up."""
        self._model_timer.start()

    def _open_model(self) -> None:
        """Answer with the project's model."""
        opened = self._project.opened
        path = None if opened is None else opened.project.model_path()
        if opened is None or path is None or self._session.training.busy:
            return
        record = opened.project.record
        title = f"{record.name}, model {record.current_model}"
        self.model_wanted.emit(path, title, record.name)

    def classes_changed(self) -> None:
        """Take the class table over into the project."""
        opened, classes = self._project.writable, self._session.classes
        if opened is None or opened.project.record.classes == classes:
            return
        opened.project.set_classes(classes)
        self._saver.save_soon()

    def _training_changed(self, status: TrainingStatus) -> None:
        if status.busy and not self._training:
            model = self._session.model
            self._before = None if model is None else model.model
            stored = tuple(self._layers.stored)
            self._trained_on = (*stored, *(i for _, i in self._layers.noted().values()))
        elif self._training and not status.busy and status.epoch:
            self._keep_timer.start()  # the session takes the model in next
        self._training = status.busy

    def _keep_model(self) -> None:
        """Write the model that was trained into the project, and its history.

        One that has not changed is not written again.
        """
        opened, session = self._project.writable, self._session
        if opened is None or session.model is None:
            return
        file = opened.folder / "models" / ".trained.unetscope"
        images = tuple(sorted(set(self._trained_on)))
        told = projects.ModelWritten(file, session.training, images, _now())
        model, has_one = session.model.model, opened.project.model_path() is not None
        if has_one and not is_change(self._before, model, live=session.live):
            opened.keep_training(told)
            self._saver.save_soon()
            return
        save = partial(self._context.jobs.do, SaveRequest(session.model.model, file))
        self._saver.write(partial(projects.written_model, save, told))

    def _prediction_changed(self, status: PredictionStatus) -> None:
        shown = self._project.shown_id
        if status.busy:
            self._last_prediction = status
        if status.stopping:
            self._predicting = ()
        elif status.busy and status.what == Scope.IMAGE.value and not status.total:
            self._predicting = (shown,) if shown else ()
        elif status.busy and status.what == Scope.ALL.value and not status.total:
            self._predicting = tuple(image_id for _, image_id in self._layers.noted().values())
        elif not status.busy:
            self._predicted()

    def _predicted(self) -> None:
        """Mark what was predicted to the last tile; after an error it was not."""
        opened, predicted, last = self._project.writable, self._predicting, self._last_prediction
        self._predicting = ()
        if opened is None or not predicted or last.done < last.total:
            return
        for image_id in predicted:
            opened.project.mark(image_id, predicted_by=opened.project.record.current_model or 0)
        self._saver.save_soon()


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
