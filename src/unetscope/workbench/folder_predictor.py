"""Predict a folder of images that are not open into files, with a table of what came of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject

from unetscope.images.questions import Answers
from unetscope.learning.events import Notice
from unetscope.scaling.file_results import FileBegun, FileResult
from unetscope.session.requests import FilesRequest
from unetscope.session.values import BatchRow, BatchStatus, Message, PredictionStatus
from unetscope.workbench.context import Context
from unetscope.workbench.job_runner import JobEnded
from unetscope.workbench.part import Part


class FolderPredictor(Part):
    """One folder at a time; it can be stopped, and goes on where it was.

    ``answers`` gives what was said of files that leave something open.
    """

    def __init__(self, context: Context, answers: Callable[[], Answers], parent: QObject) -> None:
        super().__init__(context, parent)
        self._answers, self._stopped = answers, False
        self.lane = self._lane(self._happened, self._ended, niceness=5)

    def start(self, source: Path, folder: Path) -> None:
        """Predict the images of ``source`` into ``folder`` with the newest model."""
        session = self._session
        if session.prediction.busy or session.model is None:
            return
        model = session.model.model
        if not model.can_answer:
            session.message = Message("No model answers yet. Paint two classes first.", "error")
            return
        self._stopped, session.message = False, None
        session.batch = BatchStatus(f"the folder {source.name}", folder)
        session.prediction = PredictionStatus(True, source.name, of_what="images")
        request = FilesRequest(model, source, folder, self._answers())
        self.lane.start(partial(self._context.jobs.do, request))

    def stop(self) -> None:
        """Stop; the masks that are written stay."""
        if self.lane.busy:
            self._stopped = True
            self._session.prediction = replace(self._session.prediction, stopping=True)
            self.lane.stop()

    def _happened(self, ticket: Any, event: Any) -> None:
        session = self._session
        match event:
            case FileBegun() if not self._stopped:
                session.prediction = PredictionStatus(
                    True, event.image.name, event.done, event.total, of_what="images"
                )
            case FileResult():
                told = (event.image.name, event.status, event.why, event.answered)
                row = BatchRow(*told, file=event.image, seconds=event.seconds)
                session.batch = session.batch.with_row(row)
            case Notice():
                session.message = Message(event.text)

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        session = self._session
        session.prediction = PredictionStatus()
        session.batch = session.batch.judged({c.value: c.name for c in session.classes})
        if end.error is not None:
            self._context.tell(end.error, "Predicting the folder")
        else:
            session.message = Message(session.batch.said(stopped=self._stopped))
