"""Save the answer: what, of which images, where; without a dialog, names are told afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from unetscope.errors import as_sentence
from unetscope.learning.events import Notice
from unetscope.session.engine.projects import scratch
from unetscope.session.layers.layer_facts import note_of, role_of
from unetscope.session.project.reading import read_image
from unetscope.session.requests import (
    Answerable,
    ResultBegun,
    ResultFailed,
    ResultFile,
    ResultsRequest,
    What,
)
from unetscope.session.values import Message, PredictionStatus, Scope
from unetscope.workbench.annotation_files import News
from unetscope.workbench.context import Context
from unetscope.workbench.folders import start_folder
from unetscope.workbench.job_runner import JobEnded
from unetscope.workbench.part import Part
from unetscope.workbench.project_context import ProjectContext

FOLDER = "results"  # in a project
_OBJECTS = "objects"  # role of a layer of objects
_MOST_NAMED = 3


class ResultSaver(Part):
    """``told(News)`` what was written, with the names; ``failed(text)`` where nothing was."""

    told = Signal(object)
    failed = Signal(str)

    def __init__(self, context: Context, project: ProjectContext, parent: QObject) -> None:
        super().__init__(context, parent)
        self._project = project
        self._files: list[ResultFile] = []
        self._not: list[ResultFailed] = []
        self._stopped = False
        self.lane = self._lane(self._happened, self._ended, niceness=5)

    def folder(self) -> Path:
        """Where results go unless a person says otherwise: the project, or beside the image."""
        opened, image = self._project.writable, self._session.image
        if opened is not None:
            return opened.folder / FOLDER
        return start_folder("results", self._context.layers.file(image.key) if image else None)

    def save(self, what: Sequence[What], scope: Scope, folder: Path) -> None:
        """Save these kinds of results of the image on screen, of all open ones, or the project."""
        session = self._session
        if session.prediction.busy:
            return
        if session.model is None or not session.model.model.can_answer:
            self.failed.emit("No model answers yet. Paint two classes first.")
            return
        if not what:
            self.failed.emit("Choose what is to be saved: the mask, objects, probabilities …")
            return
        images = self._images(scope)
        if not images:
            self.failed.emit("There is no image to save the answer of.")
            return
        self._files, self._not, self._stopped = [], [], False
        session.prediction = PredictionStatus(True, "results", of_what="images")
        request = ResultsRequest(session.model.model, images, tuple(what), folder, session.classes)
        self.lane.start(partial(self._context.jobs.do, request), folder)

    def stop(self) -> None:
        """Stop; what is written stays."""
        if self.lane.busy:
            self._stopped = True
            self.lane.stop()

    # ---- which images

    def _images(self, scope: Scope) -> list[Answerable]:
        session, opened = self._session, self._project.opened
        if scope is Scope.PROJECT and opened is not None:
            own = {image_id: key for key, image_id in self._project.own().items()}
            project = scratch(opened.project)
            return [
                self._open(own[entry.id])
                if entry.id in own
                else Answerable(
                    entry.name,
                    partial(read_image, project, entry.id),
                    project.image_path(entry.id),
                )
                for entry in opened.project.record.images
            ]
        keys = [image.key for image in session.images] if scope is Scope.ALL else []
        if scope is Scope.IMAGE and session.image is not None:
            keys = [session.image.key]
        return [self._open(key) for key in keys]

    def _open(self, key: str) -> Answerable:
        """An open image; with the answer on screen where the model that is there predicted it."""
        context, session = self._context, self._session
        image = context.layers.learned_as(key)
        labels = None
        if session.model is not None and session.predicted.get(key) == session.model.serial:
            labels = context.results.answer(key)
            labels = labels if labels is not None and labels.all() else None
        name = next((i.name for i in session.images if i.key == key), image.name)
        found = self._objects(key, image.spatial_shape)
        return Answerable(name, lambda: image, context.layers.file(key), labels, found)

    def _objects(self, key: str, shape: tuple[int, ...]) -> np.ndarray | None:
        """The objects of an image that were found in *Measure*, as they are corrected now."""
        for layer in self._context.layers.viewer.layers:
            if role_of(layer) == _OBJECTS and note_of(layer).get("image") == key:
                ids = np.array(layer.data)
                return ids if ids.shape == shape else None
        return None

    # ---- what comes of it

    def _happened(self, ticket: Any, event: Any) -> None:
        session = self._session
        match event:
            case ResultBegun():
                session.prediction = PredictionStatus(
                    True, event.name, event.done, event.total, of_what="images"
                )
            case ResultFile():
                self._files.append(event)
            case ResultFailed():
                self._not.append(event)
            case Notice():
                session.message = Message(event.text)

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        self._session.prediction = PredictionStatus()
        if end.error is not None:
            self._context.tell(end.error, "Saving results")
            return
        failed = [f"{one.name}: {as_sentence(one.why)}" for one in self._not]
        if not self._files:
            self.failed.emit(" ".join(failed) or "Nothing was saved.")
            return
        names = [file.path.name for file in self._files]
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        word = "Stopped; wrote" if self._stopped else "Wrote"
        count = Counter(file.path.name for file in self._files)
        text = f"{word} {', '.join(list(count)[:_MOST_NAMED])}{more} in {ticket}."
        if failed:
            text += f" {len(failed)} not written: {' '.join(failed[:_MOST_NAMED])}"
        notes = tuple(
            f"{file.path.name}: {as_sentence(note)}" for file in self._files for note in file.notes
        )
        self.told.emit(News(text, (*notes, *failed[_MOST_NAMED:])))
        image = self._session.image
        if image is not None:
            words = f"{len(names)} files saved" if len(names) > 1 else f"{names[0]} saved"
            self._session.note_outcome(image.key, words)
