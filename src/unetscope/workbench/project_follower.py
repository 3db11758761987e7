"""Follows the session for the open project: its classes, models, trainings and predictions."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from unetscope.session.engine import projects
from unetscope.session.layers.connections import Connections
from unetscope.session.requests import SaveRequest
from unetscope.session.values import PredictionStatus, Scope, TrainingStatus
from unetscope.session.versions import is_change
from unetscope.workbench.context import Context
from unetscope.workbench.project_context import ProjectContext
from unetscope.workbench.project_saving import ProjectSaver
from unetscope.workbench.timers import single_shot

if TYPE_CHECKING:
    from unetscope.learning.pixel_model import PixelModel


class ProjectFollower(QObject):
    """Notes in the open project what is learned and predicted in its window.

    ``model_wanted(file, title, project's name)``: the project's model is to answer.
    """

    model_wanted = Signal(object, str, str)

    def __init__(
        self, context: Context, project: ProjectContext, saver: ProjectSaver, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._session, self._layers, self._jobs = context.session, context.layers, context.jobs
        self._project, self._saver = project, saver
        self._training = False
        self._trained_on: tuple[str, ...] = ()
        self._before: PixelModel | None = None  # what the training began with
        self._predicting: tuple[str, ...] = ()
        self._last_prediction = PredictionStatus()
        self._model_timer = single_shot(self, 0, self._open_model)
        self._keep_timer = single_shot(self, 0, self._keep_model)
        self._connections = Connections()
        events = context.session.events
        self._connections.connect(events.classes, self.classes_changed)
        self._connections.connect(events.training, self._training_changed)
        self._connections.connect(events.prediction, self._prediction_changed)
        self._connections.connect(events.images, self._images_changed)

    def close(self) -> None:
        """Let go of the session; a model that was trained this moment is still kept."""
        self._connections.close()
        self._model_timer.stop()
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
        save = partial(self._jobs.do, SaveRequest(session.model.model, file))
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
