"""Images are taken into the open project: files and folders, open images, and ones found again."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Signal

from unetscope.images.files import SUFFIXES
from unetscope.images.micrograph import Micrograph
from unetscope.images.questions import Answers, Question
from unetscope.session.engine import projects
from unetscope.session.engine.projects import scratch
from unetscope.session.project.folder import Project
from unetscope.workbench.context import Context
from unetscope.workbench.job_runner import JobEnded, JobFunction
from unetscope.workbench.part import Part
from unetscope.workbench.project_context import ProjectContext
from unetscope.workbench.project_keeping import ProjectSaver
from unetscope.workbench.project_questions import OpenQuestions


class ProjectIntake(Part):
    """Takes images into the open project, in the background; they stay where they are.

    ``entered(key, image id)``: an open image has become one of the project; ``renewed(image ids)``:
    their new pixels were taken; ``ended()``: one of its jobs is done.
    """

    entered = Signal(str, str)
    renewed = Signal(object)
    ended = Signal()

    def __init__(
        self,
        context: Context,
        project: ProjectContext,
        saver: ProjectSaver,
        questions: OpenQuestions,
        parent: QObject,
    ) -> None:
        super().__init__(context, parent)
        self._layers, self._project = context.layers, project
        self._saver, self._questions = saver, questions
        self._coming: dict[Path, str] = {}  # file -> key of an open image that may be being added
        self._waiting: list[tuple[JobFunction, str]] = []
        self._unanswered: dict[str, list[projects.Unanswered]] = {}  # by what they ask
        self._answers: dict[Path, Answers] = {}  # what was said of files that ask
        self._renewed: list[str] = []  # ids of images whose new pixels were taken
        self.lane = self._lane(self._happened, self._ended)

    def add_files(self, files: Sequence[Path]) -> None:
        """Take images in by reference: files, OME-Zarr folders, and folders of images.

        One that is open becomes an image of the project.
        """
        if self._project.writable is None:
            return
        coming = self._open_files()
        self._coming.update(coming)
        known = {path: self._layers.micrograph(key) for path, key in coming.items()}
        wanted = [_absolute(path) for path in files]
        self._add(wanted, known)

    def _add(
        self,
        files: Sequence[Path],
        known: Mapping[Path, Micrograph],
        answers: Answers | None = None,
    ) -> None:
        opened = self._project.opened
        if opened is not None:
            job = partial(_added, opened.project, files, known, answers)
            self._start(job, "Adding images")

    def add_open_images(self) -> None:
        """Take in every open image that lies in a file; the others are named."""
        files = self._open_files()
        without = [i.name for i in self._session.images if i.key not in files.values()]
        if without:
            named = ", ".join(without[:3])
            self._project.note(f"{named} came from no file; save it as TIFF and add that.")
        self.add_files(list(files))

    def locate(self, image_id: str, path: Path) -> None:
        """Tell where a missing image is; others that are missing are looked for beside it."""
        opened = self._project.writable
        if opened is not None:
            job = partial(projects.located_image, scratch(opened.project), image_id, path)
            self._start(job, "Locating the image")

    def renew(self, image_ids: Sequence[str], keep_labels: bool) -> None:
        """Take the pixels of images whose file is another one now."""
        opened = self._project.opened
        if opened is not None:
            project = scratch(opened.project)
            job = partial(projects.renewed_images, project, image_ids, keep_labels=keep_labels)
            self._start(job, "Taking the new pixels")

    def _start(self, job: JobFunction, doing: str) -> None:
        """Do this after what is being done: nothing of it is given up."""
        self._waiting.append((job, doing))
        self._next()

    def drop(self) -> None:
        """The project goes: nothing more is taken in."""
        self._waiting.clear()
        self._coming.clear()
        self._renewed.clear()
        self._unanswered.clear()
        self._answers.clear()
        self.lane.drop()

    def _next(self) -> None:
        if self._waiting and not self.lane.busy:
            self.lane.start(*self._waiting.pop(0))

    def _open_files(self) -> dict[Path, str]:
        """File -> key of the open images that lie in a file of their own."""
        found = {}
        for image in self._session.images:
            path = self._layers.source(image.key)
            known = self._layers.note(image.key)
            if path is not None and path.suffix.lower() in SUFFIXES and known is None:
                found[_absolute(path)] = image.key
        return found

    def _happened(self, ticket: Any, event: Any) -> None:
        match event:
            case projects.EntryRead():
                self._entered(event)
            case projects.Renewed() if self._project.opened is not None:
                self._project.opened.take_renewed(event.entry)
                self._renewed.append(event.entry.id)
                self._saver.save_soon()
            case projects.NotRead():
                self._project.note(f"{event.what} was not taken in: {event.why}.")
            case projects.PassedOver():
                names = ", ".join(event.names[:5]) + (" …" if len(event.names) > 5 else "")
                self._project.note(
                    f"Passed over as results or masks of other images: {names}. "
                    "Add one of them alone to take it in."
                )
            case projects.Unanswered():
                self._unanswered.setdefault(_kind_of(event.question), []).append(event)

    def _entered(self, read: projects.EntryRead) -> None:
        opened = self._project.opened
        if opened is None:
            return
        opened.take(read.entry)
        path = Path(read.entry.last_seen)
        if read.entry.answers and path not in self._answers:
            told = ", ".join(f"{what} {value}" for what, value in read.entry.answers.items())
            self._project.note(f"{read.entry.name} is read as you answered before: {told}.")
        self._answers.pop(path, None)
        key = self._coming.pop(path, None)
        if key is not None and self._layers.layer(key) is not None:
            self.entered.emit(key, read.entry.id)
        self._saver.save_soon()

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        renewed, self._renewed = self._renewed, []
        if renewed:
            self.renewed.emit(renewed)
        self._ask()
        self.ended.emit()
        self._project.report(ticket, end)
        self._next()

    # ---- what the files do not say

    def _ask(self) -> None:
        """Put one question for all files that ask the same."""
        asked, self._unanswered = self._unanswered, {}
        for kind, files in asked.items():
            paths = [one.path for one in files]
            question = _in_the_panel(files[0].question, paths)
            self._questions.ask(kind, question, partial(self._answered, files))

    def _answered(self, files: Sequence[projects.Unanswered], value: str | None) -> None:
        opened = self._project.opened
        if opened is None:
            return
        if value is None:
            names = ", ".join(one.path.name for one in files[:5])
            self._project.note(
                f"Not taken in: {names}. Add them again when you know what they are."
            )
            self._project.report("", JobEnded())
            return
        together: dict[Answers, list[Path]] = {}
        for one in files:
            before = self._answers.get(one.path, Answers())
            told = self._answers[one.path] = before.with_answer(one.question, value)
            opened.project.remember(told)
            together.setdefault(told, []).append(one.path)
        for told, paths in together.items():
            self._add(paths, {}, told)


def _added(
    project: Project,
    files: Sequence[Path],
    known: Mapping[Path, Micrograph],
    answers: Answers | None,
) -> Iterator[Any]:
    """Take files into a copy of the project as it is when their turn has come."""
    yield from projects.added_images(scratch(project), files, known, answers)


def _kind_of(question: Question) -> str:
    """What is asked, without names and numbers: files with the same are asked about once."""
    told = [question.text.rpartition(question.name)[2]]
    told += [f"{choice.value} {choice.label}" for choice in question.choices]
    return re.sub(r"\d+", "#", " | ".join([question.about, *told]))


def _in_the_panel(question: Question, paths: Sequence[Path]) -> Question:
    """A question of the first of ``paths`` for all of them, without the long names of folders."""
    text = question.text.replace(str(paths[0]), paths[0].name)
    if len(paths) > 1:
        others = ", ".join(path.name for path in paths[1:5]) + (" …" if len(paths) > 5 else "")
        text = f"{text} The answer counts for {len(paths)} files: this one, {others}."
    return replace(question, text=text)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))
