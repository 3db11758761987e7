"""Labels of other programs come into the strokes of the image on screen, and go out of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from unetscope.errors import UnetscopeError, as_sentence, in_words
from unetscope.images.claims import Role
from unetscope.images.classes import LabelClass
from unetscope.images.questions import Answers
from unetscope.session.engine.annotation_jobs import (
    AnswerWanted,
    Exported,
    ExportRequest,
    Imported,
    ImportRequest,
    MeaningsWanted,
    exported,
    imported,
    new_classes,
    probabilities_saved,
)
from unetscope.session.guidance import can_answer_image
from unetscope.workbench.context import Context
from unetscope.workbench.job_runner import JobEnded
from unetscope.workbench.part import Part


@dataclass(frozen=True)
class News:
    """What happened, and what was left out or changed, a sentence each.

    ``repeated`` is the import for which answers given before were taken again, None without any.
    """

    text: str
    notes: tuple[str, ...] = ()
    repeated: ImportRequest | None = None


class AnnotationFiles(Part):
    """``told(News)`` what was imported, ``failed(text)`` what not and why, ``asked(question)``.

    ``written(News)`` and ``not_written(text)`` are the same of what is saved.

    A question is a :class:`MeaningsWanted`, which :meth:`confirm` answers, or an
    :class:`AnswerWanted` for :meth:`answer`. What was answered (``said``: kind of question ->
    answer) is not asked again while napari runs, for other files that leave the same open;
    :meth:`ask_again` forgets it.
    ``answered(Answers)`` are to be kept in the project, ``kept`` tells what is.
    """

    told = Signal(object)
    failed = Signal(str)
    asked = Signal(object)
    written = Signal(object)
    not_written = Signal(str)
    answered = Signal(object)

    def __init__(
        self,
        context: Context,
        said: dict[tuple[str, ...], str],
        kept: Callable[[], Answers],
        parent: QObject,
    ) -> None:
        super().__init__(context, parent)
        self._kept = kept
        self._layers, self._results, self._jobs = context.layers, context.results, context.jobs
        self._written = self._written_of = ""  # what is being written, in words; image key
        self._named: tuple[LabelClass, ...] = ()
        self._said = said
        self._reading = self._lane(self._happened, self._read)
        self._writing = self._lane(self._happened, self._wrote, writes=True)

    def image_file(self) -> Path | None:
        """The file of the image on screen, where it has one."""
        image = self._session.image
        return None if image is None else self._layers.file(image.key)

    def import_from(self, source: Path) -> None:
        """Read labels of the image on screen from a file or a folder."""
        image = self._session.image
        if image is None:
            return
        file = self.image_file()
        request = ImportRequest(
            source,
            image.key,
            file.name if file is not None else image.name,
            image.spatial_shape,
            self._session.classes,
            image.channels,
            kept=self._kept(),
        )
        self._named = ()
        self._start(request)

    def _start(self, request: ImportRequest) -> None:
        now = replace(request, classes=self._session.classes, remembered=dict(self._said))
        self._reading.start(partial(imported, now), f"Importing {request.source.name}")

    def answer(self, asked: AnswerWanted, value: str) -> None:
        """Import with this answer, and take it for other files that leave the same open."""
        self._said[asked.question.kind] = value
        answers = asked.request.answers.with_answer(asked.question, value)
        self.answered.emit(Answers().with_answer(asked.question, value))
        self._start(replace(asked.request, answers=answers))

    def ask_again(self, request: ImportRequest) -> None:
        """Forget the answers that were taken again for an import, and ask them."""
        for question in request.repeated:
            self._said.pop(question.kind, None)
        self._start(replace(request, answers=Answers(), kept=Answers(), repeated=()))

    def confirm(self, asked: MeaningsWanted, meant: Mapping[int, LabelClass | None]) -> None:
        """Import a mask whose values mean these classes; None is unlabelled."""
        self._named = tuple({c.value: c for c in meant.values() if c is not None}.values())
        meanings = {value: c.value if c is not None else 0 for value, c in meant.items()}
        self._start(replace(asked.request, meanings=meanings))

    def export_to(self, path: Path, format: str, overwrite: bool = False) -> None:
        """Write the labels that are painted on the image on screen."""
        image = self._session.image
        labels = None if image is None else self._layers.painted_labels(image.key)
        if image is None or labels is None:
            self.not_written.emit(
                "Nothing is painted on this image yet; there is nothing to save. "
                "The answer of the model is under “Save result”."
            )
            return
        request = self._request(labels, image.key, Role.LABELS, overwrite=overwrite)
        self._write(request, "the labels you painted", path, format)

    def save_result(self, path: Path, format: str, overwrite: bool = False) -> None:
        """Write the answer to the image on screen, where it is there as a whole.

        ``overwrite``: a person said that the file which is there may be replaced.
        """
        if format == "probabilities":
            self._save_probabilities(path, overwrite=overwrite)
            return
        image = self._session.image
        answer = None if image is None else self._results.answer(image.key)
        if image is None or answer is None:
            self.not_written.emit(
                "There is no answer to save yet. Paint two classes or press Predict."
            )
            return
        if not answer.all():
            share = 1 - np.count_nonzero(answer) / answer.size
            self.not_written.emit(
                f"{share:.0%} of the image is not answered yet. Press Predict, then save."
            )
            return
        request = self._request(answer, image.key, Role.PREDICTION, overwrite=overwrite)
        self._write(request, "the answer on screen", path, format)

    def _save_probabilities(self, path: Path, *, overwrite: bool) -> None:
        """Write the probability of each class, computed anew by the model that answers."""
        session = self._session
        if session.image is None or session.model is None or not can_answer_image(session):
            self.not_written.emit("No model answers this image yet. Paint two classes first.")
            return
        key, model = session.image.key, session.model.model
        request = self._request(np.zeros(0), key, Role.PROBABILITIES, overwrite=overwrite)
        self._written = "the probabilities of the classes"
        job = partial(probabilities_saved, self._jobs, model, request, path)
        self.written.emit(News(f"Computing {path.name} …"))
        self._writing.start(job, f"Saving {path.name}")

    def _request(
        self, labels: np.ndarray, key: str, role: Role, *, overwrite: bool
    ) -> ExportRequest:
        self._written_of = key
        like = replace(self._layers.learned_as(key), notes=self._layers.images.notes(key))
        file = self._layers.file(key)
        return ExportRequest(labels, self._session.classes, like, role, file, overwrite)

    def _write(self, request: ExportRequest, what: str, path: Path, format: str) -> None:
        self._written = what
        self._writing.start(partial(exported, request, path, format), f"Saving {path.name}")

    def _happened(self, ticket: Any, event: Any) -> None:
        match event:
            case MeaningsWanted() | AnswerWanted():
                self.asked.emit(event)
            case Imported():
                self._take(event)
            case Exported():
                path, what = event.path, event.what
                text = f"Wrote {path.name} in {path.parent}: {self._written}. {as_sentence(what)}"
                self._session.note_outcome(self._written_of, f"saved {path.name}")
                self.written.emit(News(text, tuple(map(as_sentence, event.notes))))

    def _take(self, event: Imported) -> None:
        """Write labels into the strokes, as one edit that can be undone."""
        session, layers, read = self._session, self._layers, event.annotations
        key, source = event.request.key, event.request.source
        if layers.layer(key) is None:
            self.failed.emit(f"{source.name} was read, but its image was closed meanwhile.")
            return
        added = new_classes(read, session.classes, self._named)
        classes = tuple(sorted((*session.classes, *added), key=lambda c: c.value))
        try:
            changed = layers.write_labels(key, read.labels, classes)
        except UnetscopeError as error:
            self.failed.emit(f"{source.name}: {error}.")
            return
        if added:
            session.classes = classes
            layers.colour(classes)
        answers = event.request.answers
        text = f"Imported {source.name}: {changed:,} pixels are new. Z takes them back."
        again = [
            f"As you said before: {question.words_of(getattr(answers, question.about))}"
            for question in event.request.repeated
        ]
        notes = tuple(map(as_sentence, (*again, *read.notes)))
        self.told.emit(News(text, notes, event.request if again else None))

    def _read(self, ticket: Any, end: JobEnded) -> None:
        if end.error is not None:
            self.failed.emit(as_sentence(in_words(end.error, str(ticket))))

    def _wrote(self, ticket: Any, end: JobEnded) -> None:
        if end.error is not None:
            self.not_written.emit(as_sentence(in_words(end.error, str(ticket))))
