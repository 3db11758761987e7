"""The open project of a window: opened, shown as a list, reviewed, saved and closed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Signal

from unetscope.errors import UnetscopeError
from unetscope.images.questions import Answers
from unetscope.session.engine import projects
from unetscope.session.engine.projects import ListedImage, OpenProject, scratch
from unetscope.session.project.folder import Project
from unetscope.session.project.recent import remember_project
from unetscope.session.values import Message
from unetscope.workbench.context import Context
from unetscope.workbench.job_runner import JobEnded
from unetscope.workbench.kept_strokes import KeptStrokes
from unetscope.workbench.part import Part
from unetscope.workbench.predictor import ProjectPredictor
from unetscope.workbench.project_context import ProjectContext
from unetscope.workbench.project_images import ProjectImages
from unetscope.workbench.project_intake import ProjectIntake
from unetscope.workbench.project_keeping import ProjectFollower, ProjectSaver
from unetscope.workbench.project_questions import OpenQuestions, ReplacedImages


class ProjectDesk(Part):
    """Joins the parts of a project; ``changed`` says that the list has.

    ``images`` are those on screen, ``intake`` takes new ones in, ``saver`` writes, ``questions``
    wait for a person, ``replaced`` are images whose file is another one now, ``predictor`` answers
    all images. ``image_wanted(key)`` and ``model_wanted(file, title, project's name)`` are asked
    for; ``gathered`` says that the strokes of closed images were read.
    """

    changed = Signal()
    image_wanted = Signal(str)
    model_wanted = Signal(object, str, str)
    gathered = Signal()

    def __init__(
        self, context: Context, project: ProjectContext, strokes: KeptStrokes, parent: QObject
    ) -> None:
        super().__init__(context, parent)
        self._layers, self._project = context.layers, project
        self._closed = False
        self._painted: frozenset[str] = frozenset()  # ids of open images as they were last shown
        project.changed.connect(self.changed)
        self.saver = ProjectSaver(project, self)
        self.questions = OpenQuestions(self)
        self.replaced = ReplacedImages(project, self.questions, self)
        shared = (context, project, self.saver)
        self.images = ProjectImages(*shared, strokes, self)
        self.intake = ProjectIntake(*shared, self.questions, self)
        self._gathering = self._lane(self._gathered, self._all_gathered)
        self.predictor = ProjectPredictor(*shared, self.images.keep_all, self)
        self._record = ProjectFollower(*shared, self)
        self._follow(context.session.events.image, lambda: self.changed.emit())
        self._join()

    def _join(self) -> None:
        self.images.dropped.connect(self.open_folder)
        self.images.chosen.connect(self.image_wanted)
        self.images.replaced.connect(lambda changed: self.replaced.found(changed, wanted=True))
        self.replaced.answered.connect(self.intake.renew)
        self.intake.entered.connect(self.images.adopt)
        self.intake.renewed.connect(self.gather)
        self.intake.ended.connect(self._open_one)
        self._record.model_wanted.connect(self.model_wanted)

    def begin(self) -> None:
        """Take up images of a project that are open already."""
        self.images.look()

    def close(self) -> None:
        """Save everything and let another window write; twice is harmless."""
        self._closed = True
        self.images.close()
        self._record.close()
        self._put_away(None)
        self.saver.close()
        self.predictor.close()
        self.intake.close()
        super().close()

    # ---- what is shown

    @property
    def opened(self) -> OpenProject | None:
        """The open project."""
        return self._project.opened

    def rows(self) -> tuple[ListedImage, ...]:
        """The list of images."""
        if self.opened is None:
            return ()
        self._painted = self.images.painted()
        return self.opened.rows(self._project.shown_id, self._painted)

    def strokes_changed(self) -> None:
        """An edit was recorded: the first one on an image changes the list."""
        if self.images.painted() != self._painted:
            self.changed.emit()

    def review(self, *, done: bool) -> None:
        """The image on screen has been reviewed, or not."""
        image_id, opened = self._project.shown_id, self._project.writable
        if opened is not None and image_id is not None:
            opened.project.mark(image_id, reviewed=done)
            self.saver.save_soon()

    def kept_answers(self) -> Answers:
        """What was said of files of the project, which counts for others that ask the same."""
        if self.opened is None:
            return Answers()
        return Answers.of_record(self.opened.project.record.answers)

    def remember(self, answers: Answers) -> None:
        """Keep what was said of a file for others that ask the same."""
        opened = self._project.writable
        if opened is not None:
            opened.project.remember(answers)
            self.saver.save_soon()

    # ---- projects

    def create(self, folder: Path) -> None:
        """Make a project; open images that lie in files are its first ones."""
        try:
            made = Project.create(folder, self._session.classes)
        except UnetscopeError as error:
            self._project.tell(error, "Making the project")
            return
        if self.open_folder(made.folder):
            self.intake.add_open_images()

    def open(self, folder: Path) -> None:
        """Open a project and the image that was worked on last."""
        if not self.open_folder(folder) or self.opened is None:
            return
        first = self.opened.first_image()
        if first is not None:
            self.images.go_to(first)

    def open_folder(self, folder: Path) -> bool:
        """Open a project without an image of it; say whether it is open."""
        folder = Path(os.path.abspath(folder))
        if self.opened is not None and self.opened.folder == folder:
            return True
        try:
            opened = OpenProject(folder)
        except (UnetscopeError, OSError) as error:
            self._project.tell(error, "Opening the project")
            return False
        self._put_away(opened)
        remember_project(folder)
        session, record = self._session, opened.project.record
        if record.classes:
            session.classes = record.classes
        else:
            self._record.classes_changed()
        self._record.open_model_soon()
        self.gather()
        self.changed.emit()
        return True

    def gather(self, only: Sequence[str] | None = None) -> None:
        """Read the strokes of the images that are not open; ``only`` of these, where given."""
        opened = self.opened
        if opened is not None:
            only = None if self._gathering.busy else only  # what is read now is given up
            project, first = scratch(opened.project), opened.first_image()
            job = partial(projects.stored_samples, project, first, only)
            self._gathering.start(job, "Reading the strokes of the project")

    def close_project(self) -> None:
        """Save the project and take its images off; it is said what was kept."""
        opened = self.opened
        self._put_away(None)
        if opened is not None and not opened.cannot_write:
            record = opened.project.record
            model = f" and model {record.current_model}" if record.current_model else ""
            kept = f"Labels{model} are kept in {opened.folder}."
            self._session.message = Message(f"Closed {record.name}. {kept}")

    def _put_away(self, following: OpenProject | None) -> None:
        """Save the open project and let it go; ``following`` takes its place."""
        opened = self.opened
        keys = [] if opened is None or self._closed else list(self._project.own())
        if opened is not None:
            self.images.keep_all()
            self._record.keep_now()
            self.saver.save_all()
            lanes = (self.images.lane, self._gathering)
            for gone in (self.predictor, *lanes, self.intake, self.questions, self.replaced):
                gone.drop()
            opened.close()
        self._layers.stored.clear()
        self._project.opened = following  # before layers go, for another image may be chosen then
        for key in keys:
            self._layers.remove(key)
        self.changed.emit()

    # ---- samples of images that are not open

    def _gathered(self, ticket: Any, event: Any) -> None:
        opened = self.opened
        match event:
            case projects.SampleRead() if opened is not None:
                if self._layers.key_of(opened.folder, event.image_id) is None:
                    self._layers.stored.setdefault(event.image_id, event.closed)
            case projects.ImageChanged() if opened is not None:
                self.replaced.found(event)
            case projects.NotRead():
                self._project.note(f"{event.what}: {event.why}")
            case projects.SamplesLeftOut():
                self._project.note(
                    f"{event.count} images are not learned from while they are closed: together "
                    "they are too large for the memory set aside."
                )

    def _all_gathered(self, ticket: Any, end: JobEnded) -> None:
        self.gathered.emit()
        self._project.report(ticket, end)

    def _open_one(self) -> None:
        """Open the image that was asked for when it was found to be replaced, or the first."""
        opened, images = self.opened, self.images
        if opened is None:
            return
        wanted = self.replaced.wanted()
        if wanted is None and not self._project.shown_id and not images.lane.busy:
            first = opened.first_image()
            wanted = first if first not in opened.changed else None
        if wanted is not None:
            images.go_to(wanted)
