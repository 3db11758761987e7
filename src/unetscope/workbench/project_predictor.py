"""Predicts all images of the open project into its folder, open or not."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject

from unetscope.images.claims import Claim, Role
from unetscope.images.micrograph import Micrograph
from unetscope.session.engine import project_predicting, projects
from unetscope.session.engine.projects import scratch
from unetscope.session.requests import WriteRequest
from unetscope.session.values import Message, PredictionStatus, Scope
from unetscope.workbench.context import Context
from unetscope.workbench.job_runner import JobEnded, Lane
from unetscope.workbench.project_context import ProjectContext
from unetscope.workbench.project_saving import ProjectSaver

_MOST_NAMED = 20


class ProjectPredictor(QObject):
    """One run over the images of the open project at a time; it can be stopped.

    ``keep_labels`` saves those that are on screen before it begins.
    """

    def __init__(
        self,
        context: Context,
        project: ProjectContext,
        saver: ProjectSaver,
        keep_labels: Callable[[], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._session, self._jobs, self._project = context.session, context.jobs, project
        self._saver, self._keep_labels = saver, keep_labels
        self._written = self._up_to_date = 0
        self._failed: list[str] = []
        self._stopped = False
        self.lane = Lane(self, niceness=5)
        self.lane.happened.connect(lambda _ticket, event: self._happened(event))
        self.lane.ended.connect(lambda _ticket, end: self._ended(end))

    def start(self) -> None:
        """Predict with the newest model; what it has answered already is passed over."""
        opened, session = self._project.opened, self._session
        if session.prediction.busy or session.model is None:
            return
        if opened is None or opened.cannot_write:
            reason = "Open a project first." if opened is None else opened.cannot_write
            session.message = Message(f"Nothing is predicted into a project. {reason}", "error")
            return
        model = session.model.model
        self._written = self._up_to_date = 0
        self._failed, self._stopped = [], False
        self._keep_labels()
        session.message = None
        self._progress(0, len(opened.project.record.images))

        def predict(image: Micrograph, path: Path, inputs: tuple[Path, ...]) -> Any:
            claim = Claim(Role.PREDICTION, inputs)
            return self._jobs.do(WriteRequest(model, image, path, claim))

        identity = model.fingerprint
        job = project_predicting.predicted_images
        self.lane.start(partial(job, scratch(opened.project), identity, predict))

    def stop(self) -> None:
        """Stop; the masks that are written stay."""
        if self.lane.busy:
            self._stopped = True
            before = self._session.prediction
            self._progress(before.done, before.total, stopping=True)
            self.lane.stop()

    def drop(self) -> None:
        """The project goes: what runs is given up."""
        if self.lane.busy:
            self._session.prediction = PredictionStatus()
        self.lane.drop()

    def _progress(self, done: int, total: int, *, stopping: bool = False) -> None:
        self._session.prediction = PredictionStatus(
            True, Scope.PROJECT.value, done, total, stopping=stopping, of_what="images"
        )

    def _happened(self, event: Any) -> None:
        opened = self._project.opened
        match event:
            case project_predicting.ImageBegun() if not self._stopped:
                self._progress(event.done, event.total)
            case project_predicting.ImagePredicted() if opened is not None:
                self._written += 1
                opened.take_prediction(event.image_id, event.prediction)
                self._saver.save_soon()
            case project_predicting.UpToDate():
                self._up_to_date += 1
            case projects.NotRead():
                self._failed.append(f"{event.what}: {event.why}")

    def _ended(self, end: JobEnded) -> None:
        session, opened = self._session, self._project.opened
        session.prediction = PredictionStatus()
        if end.error is not None:
            self._project.tell(end.error, "Predicting the project")
        elif opened is not None:
            session.message = Message(self._told(opened.folder / project_predicting.FOLDER))
        self._project.changed.emit()

    def _told(self, folder: Path) -> str:
        """What came of it, in words."""
        said = [f"{'Stopped' if self._stopped else 'Done'}: {self._written} images predicted"]
        if self._up_to_date:
            said.append(f", {self._up_to_date} were up to date")
        said.append(f"; the masks are in {folder}.")
        if self._failed:
            named = "; ".join(self._failed[:_MOST_NAMED])
            more = "" if len(self._failed) <= _MOST_NAMED else "; …"
            said.append(f" {len(self._failed)} not predicted: {named}{more}.")
        return "".join(said)
