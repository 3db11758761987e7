"""Predict with the newest model: the view, this image, all open images, or a whole project."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, QTimer

from unetscope.errors import ModelError
from unetscope.images.claims import Claim, Role
from unetscope.images.micrograph import Micrograph
from unetscope.scaling.file_results import DONE, FAILED, UP_TO_DATE
from unetscope.session.engine import project_predicting
from unetscope.session.engine.projects import scratch
from unetscope.session.layers.answer_pyramid import is_large
from unetscope.session.requests import (
    Jobs,
    PredictRequest,
    SurpriseFound,
    TileShown,
    WriteRequest,
)
from unetscope.session.state import Session
from unetscope.session.values import BatchRow, BatchStatus, Message, PredictionStatus, Scope
from unetscope.workbench.context import Context
from unetscope.workbench.growing_answers import GROWN, GrowingAnswers
from unetscope.workbench.job_runner import JobEnded, JobPaused
from unetscope.workbench.part import Part
from unetscope.workbench.project_context import ProjectContext
from unetscope.workbench.project_keeping import ProjectSaver

REDRAW_MS = 200
_MOST_NAMED = 20  # images that could not be predicted


class Predictor(Part):
    """Drives predictions that were asked for by name; live answers go on beside them.

    Large images are answered onto the disk, one after the other, when the others are done.
    """

    def __init__(self, context: Context, growing: GrowingAnswers, parent: QObject) -> None:
        super().__init__(context, parent)
        self.growing = growing
        self.lane = self._lane(self._happened, self._ended, niceness=5)
        self._written: dict[str, int] = {}  # image key -> tiles of the prediction under way
        self._left_out, self._stopped, self._scope = "", False, Scope.IMAGE
        self._serial = 0  # of the model that predicts
        self._redraw_timer = QTimer(self)
        self._redraw_timer.setInterval(REDRAW_MS)
        self._redraw_timer.timeout.connect(context.results.redraw)
        self._timers.append(self._redraw_timer)

    def start(self, scope: Scope) -> None:
        """Predict; images of another kind than the model's are left out and named."""
        context, session = self._context, self._session
        if session.prediction.busy or session.image is None or session.model is None:
            return
        if session.size_line is not None and session.size_line.refused:
            session.message = Message(session.size_line.refused, "error")
            return
        model, self._scope = session.model.model, scope
        wanted = session.images if scope is Scope.ALL else (session.image,)
        fitting = [image for image in wanted if image.channels == model.channels]
        left_out = [image.name for image in wanted if image.channels != model.channels]
        if not fitting:
            error = ModelError(
                f"this model was trained on images of {model.channels} channel(s) and "
                f"{session.image.name} has {session.image.channels}; paint on this image and "
                "start from a bundled model, or pick an image of the same kind."
            )
            context.tell(error, "Predicting")
            return
        view = scope is Scope.VIEW
        large = [one.key for one in fitting if is_large(one.spatial_shape) and not view]
        targets = [context.target(one.key) for one in fitting if one.key not in large]
        requests: list[Any] = [self.growing.request(key) for key in large]
        if targets:
            shown = PredictRequest(model, targets, session.show, session.current_class, view)
            requests.insert(0, shown)
        self._left_out, self._written, self._stopped = _left_out(left_out), {}, False
        self._serial = session.model.serial
        session.message = Message(self._left_out) if self._left_out else None
        session.prediction = PredictionStatus(
            busy=True, what=scope.value, pausable=bool(large) and not targets
        )
        self._redraw_timer.start()
        made = {one.key: context.made(context.target(one.key)) for one in fitting}
        self.lane.start(partial(_one_after_the_other, context.jobs, requests), made)

    def go_on(self) -> None:
        """Go on with the answer to the image on screen that was begun, by the model of then."""
        session = self._session
        begun = session.unfinished.get(session.image.key) if session.image else None
        if session.prediction.busy or begun is None or session.model is None:
            return
        self._left_out, self._written, self._stopped, self._scope = "", {}, False, Scope.IMAGE
        self._serial = 0  # another model may answer
        session.message = None
        session.prediction = PredictionStatus(busy=True, what=Scope.IMAGE.value, pausable=True)
        request = self.growing.request(begun.key, begun.path)
        made = {begun.key: replace(self._context.made(request.target), model=begun.model)}
        self.lane.start(partial(self._context.jobs.do, request), made)

    def pause(self, *, on: bool) -> None:
        """Hold between two tiles, or go on."""
        if self.lane.busy:
            (self.lane.pause if on else self.lane.resume)()
            self._session.prediction = replace(self._session.prediction, paused=on)

    def stop(self) -> None:
        """Stop; what is predicted already stays."""
        if self.lane.busy:
            self._stopped = True
            session = self._session
            session.prediction = PredictionStatus(True, session.prediction.what, stopping=True)
            self.lane.stop()

    def _happened(self, ticket: Any, event: Any) -> None:
        context, session = self._context, self._session
        if isinstance(event, SurpriseFound):
            session.surprises = {**session.surprises, event.key: event.surprise}
            return
        if isinstance(event, JobPaused):
            return
        if isinstance(event, GROWN):
            self._written.setdefault(event.key, 0)
            self.growing.happened(event, (ticket or {}).get(event.key))
            return
        if not isinstance(event, TileShown):
            session.apply(event)
            return
        context.results.write(event.key, event, context.look(), (ticket or {}).get(event.key))
        self._written.setdefault(event.key, 0)
        self._written[event.key] += 1
        if not session.prediction.stopping:
            name = next((i.name for i in session.images if i.key == event.key), "")
            what = name or session.prediction.what
            session.prediction = PredictionStatus(True, what, event.done, event.total)

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        self._redraw_timer.stop()
        self.growing.ended()
        session = self._session
        session.seen |= self._written.keys()
        session.prediction = PredictionStatus()
        self._context.say_what_was_answered()
        if end.error is not None:
            self._context.tell(end.error, "Predicting")
        elif self._written:
            if not self._stopped and self._scope is not Scope.VIEW:
                done = dict.fromkeys(self._written, self._serial)
                session.predicted = {**session.predicted, **done}
            for key in self._written:
                self.growing.forget(key)
                self.growing.look(key)
            session.message = Message(f"{self._done()} {self._left_out}".strip())

    def _done(self) -> str:
        """What was predicted, and by what."""
        session, look = self._session, self._context.look()
        names = [image.name for image in session.images if image.key in self._written]
        what = names[0] if len(names) == 1 else f"{len(names)} images"
        paths = [path for path in map(self.growing.path, self._written) if path is not None]
        if self._stopped and paths:
            return f"Cancelled; what was answered of {what} stays in {paths[-1]}. Go on resumes it."
        if paths and self._scope is not Scope.VIEW:
            where = ", ".join(map(str, paths[:3]))
            return f"Done: {what}; the answer is in {where}."
        if self._stopped:
            return f"Stopped; what was predicted of {what} stays."
        part = " (what is on screen)" if self._scope is Scope.VIEW else ""
        careful = "" if part else _careful(session)
        said = f"Done: {what}{part} as version {look.version} answers.{careful}"
        return f"{said} Save result … writes it."


def _careful(session: Session) -> str:
    """That the image on screen is unlike the training, where it is."""
    image = session.image
    told = session.surprises.get(image.key) if image is not None else None
    return f" Careful: {image.name} is {told.unlike}." if image and told and told.unlike else ""


def _one_after_the_other(jobs: Jobs, requests: Sequence[Any]) -> Iterator[Any]:
    for request in requests:
        yield from jobs.do(request)


def _left_out(names: list[str]) -> str:
    if not names:
        return ""
    listed = ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
    return f"Left out, for they have other channels: {listed}."


class ProjectPredictor(Part):
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
        super().__init__(context, parent)
        self._project = project
        self._saver, self._keep_labels = saver, keep_labels
        self._stopped = False
        self.lane = self._lane(self._happened, self._ended, niceness=5)

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
        self._stopped = False
        self._keep_labels()
        session.message = None
        folder = opened.folder / project_predicting.FOLDER
        session.batch = BatchStatus(Scope.PROJECT.value, folder)
        self._progress(0, len(opened.project.record.images))

        def predict(image: Micrograph, path: Path, inputs: tuple[Path, ...]) -> Any:
            claim = Claim(Role.PREDICTION, inputs)
            return self._context.jobs.do(WriteRequest(model, image, path, claim))

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

    def _happened(self, ticket: Any, event: Any) -> None:
        opened = self._project.opened
        match event:
            case project_predicting.ImageBegun() if not self._stopped:
                self._progress(event.done, event.total)
            case project_predicting.ImagePredicted() if opened is not None:
                opened.take_prediction(event.image_id, event.prediction)
                self._saver.save_soon()
                self._row(event.image_id, DONE)
            case project_predicting.UpToDate():
                self._row(event.image_id, UP_TO_DATE)
            case project_predicting.ImageFailed():
                row = BatchRow(event.name, FAILED, event.why, image_id=event.image_id)
                self._session.batch = self._session.batch.with_row(row)

    def _row(self, image_id: str, status: str) -> None:
        """Add what came of an image to the table."""
        opened = self._project.opened
        if opened is not None:
            entry = opened.project.image(image_id)
            answered = project_predicting.answered_before(entry.prediction)
            row = BatchRow(entry.name, status, "", answered, image_id)
            self._session.batch = self._session.batch.with_row(row)

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        session, opened = self._session, self._project.opened
        session.prediction = PredictionStatus()
        session.batch = session.batch.judged({c.value: c.name for c in session.classes})
        if end.error is not None:
            self._project.tell(end.error, "Predicting the project")
        elif opened is not None:
            session.message = Message(self._told(session.batch))
        self._project.changed.emit()

    def _told(self, batch: BatchStatus) -> str:
        """What came of it, in words, with the reasons of those that failed."""
        failed = [f"{row.name}: {row.why}" for row in batch.rows if row.status == FAILED]
        if not failed:
            return batch.said(stopped=self._stopped)
        more = "" if len(failed) <= _MOST_NAMED else "; …"
        named = "; ".join(failed[:_MOST_NAMED])
        return f"{batch.said(stopped=self._stopped)} {named}{more}."
