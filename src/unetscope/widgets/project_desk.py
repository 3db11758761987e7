"""The open project and what a person does with it: images come and go, and all of it is saved."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from unetscope.errors import OutputError, UnetscopeError
from unetscope.images.files import SUFFIXES
from unetscope.learning.samples import Sample
from unetscope.session import projects
from unetscope.session.connections import Connections
from unetscope.session.project.folder import Project
from unetscope.session.project.recent import remember_project
from unetscope.session.project_journals import JournalPlace
from unetscope.session.project_layers import ProjectLayers, sample_key
from unetscope.session.project_reader import LayerData
from unetscope.session.projects import ImageRow, OpenProject, scratch
from unetscope.session.values import Message
from unetscope.widgets.job_runner import JobEnded, Lane
from unetscope.widgets.project_follower import ProjectFollower
from unetscope.widgets.timers import single_shot
from unetscope.widgets.writing_lane import RETRY_MS, Writing, WritingLane

if TYPE_CHECKING:
    from unetscope.widgets.workbench import Workbench

SAVE_MS = 500
_WAIT_S = 2.5


class ProjectDesk(QObject):
    """One window's project, or none; ``changed`` says that the list has.

    ``opened`` is None without a project.
    """

    changed = Signal()

    def __init__(self, work: Workbench, layers: ProjectLayers) -> None:
        super().__init__(work)
        self._work, self._layers = work, layers
        self.opened: OpenProject | None = None
        self._closed = self._has_strokes = False
        self._settled: set[str] = set()  # keys of images that were taken up
        self._touched: set[str] = set()  # keys of images whose labels are to be saved
        self._coming: dict[Path, str] = {}  # file -> key of an open image that is being added
        self._told: list[str] = []
        self._reading, self._entering, self._gathering = Lane(self), Lane(self), Lane(self)
        self._writing = WritingLane(self)
        self._save_timer = single_shot(self, SAVE_MS, self._save)
        self._take_timer = single_shot(self, 0, self._take_dropped)
        self._record = ProjectFollower(work, layers, self)
        self._connections = Connections()
        self._connect()

    def _connect(self) -> None:
        events, connect = self._work.session.events, self._connections.connect
        connect(self._layers.images_changed, self._layers_changed)
        connect(self._layers.painted, self._painted)
        connect(events.image, lambda: self.changed.emit())
        for lane in (self._reading, self._entering, self._gathering):
            lane.happened.connect(self._happened)
            lane.ended.connect(partial(self._ended, lane))
        self._writing.written.connect(self._written)
        self._writing.failed.connect(lambda error: self._tell(error, "Saving the project"))
        self._layers_changed()

    def close(self) -> None:
        """Save everything and let another window write; twice is harmless."""
        self._closed = True
        self._connections.close()
        for timer in (self._save_timer, self._take_timer):
            timer.stop()
        self._record.close()
        self._put_away(None)
        for lane in (self._reading, self._entering, self._gathering):
            lane.drop()
            lane.wait(_WAIT_S)

    # ---- what is shown

    @property
    def shown_id(self) -> str | None:
        """The id of the image that is worked on; None if it is not of this project."""
        image = self._work.session.image
        note = None if image is None else self._layers.note(image.key)
        same = self.opened is not None and note is not None and note[0] == self.opened.folder
        return note[1] if same and note is not None else None

    def rows(self) -> tuple[ImageRow, ...]:
        """The list of images."""
        if self.opened is None:
            return ()
        self._has_strokes = self._work.strokes.status.can_undo
        return self.opened.rows(self.shown_id, painted=self._has_strokes)

    def strokes_changed(self) -> None:
        """An edit was recorded: the first one changes the list."""
        if self._work.strokes.status.can_undo != self._has_strokes:
            self.changed.emit()

    def journal_place(self, key: str) -> JournalPlace | None:
        """Where strokes on an image are kept; None for one that is not of a project."""
        note = self._layers.note(key)
        if self.opened is None or note is None or note[0] != self.opened.folder:
            return None
        return self.opened.journal_place(note[1])

    # ---- projects

    def create(self, folder: Path) -> None:
        """Make a project; open images that lie in files are its first ones."""
        try:
            made = Project.create(folder, self._work.session.classes)
        except UnetscopeError as error:
            self._tell(error, "Making the project")
            return
        if self._open_folder(made.folder):
            self._add_open_images()

    def open(self, folder: Path) -> None:
        """Open a project and the image that was worked on last."""
        if not self._open_folder(folder) or self.opened is None:
            return
        first = self.opened.first_image()
        if first is not None:
            self.go_to(first)

    def _open_folder(self, folder: Path) -> bool:
        folder = Path(os.path.abspath(folder))
        if self.opened is not None and self.opened.folder == folder:
            return True
        try:
            opened = OpenProject(folder)
        except (UnetscopeError, OSError) as error:
            self._tell(error, "Opening the project")
            return False
        self._put_away(opened)
        remember_project(folder)
        session, record = self._work.session, opened.project.record
        if record.classes:
            session.classes = record.classes
        else:
            self._record.classes_changed()
        self._record.open_model_soon()
        self._gather(opened)
        self.changed.emit()
        return True

    def close_project(self) -> None:
        """Save the project and take its images off."""
        self._put_away(None)

    def _put_away(self, following: OpenProject | None) -> None:
        """Save the open project and let it go; ``following`` takes its place."""
        opened = self.opened
        keys = [] if opened is None or self._closed else list(self._own_images())
        if opened is not None:
            for key, image_id in self._own_images().items():
                self._keep_labels(key, image_id)
            self._writing.finish()
            self._save()
            for lane in (self._reading, self._entering, self._gathering):
                lane.drop()
            opened.close()
        self._layers.stored.clear()
        self.opened = following  # before layers go, for another image may be chosen then
        for key in keys:
            self._layers.remove(key)
        self.changed.emit()

    def _own_images(self) -> dict[str, str]:
        """Image key -> image id of the open images of this project."""
        folder = self.opened.folder if self.opened is not None else None
        noted = self._layers.noted().items()
        return {key: image_id for key, (own, image_id) in noted if own == folder}

    # ---- images

    def add_files(self, files: Sequence[Path]) -> None:
        """Take images in by reference; one that is open becomes an image of the project."""
        opened = self.opened
        if opened is None or opened.cannot_write:
            return
        open_files = self._open_files()
        self._coming = {
            path: open_files[path] for path in map(_absolute, files) if path in open_files
        }
        images = [
            (path, self._layers.micrograph(open_files[path]) if path in open_files else None)
            for path in map(_absolute, files)
        ]
        job = partial(projects.added_images, scratch(opened.project), images)
        self._entering.start(job, "Adding images")

    def _add_open_images(self) -> None:
        files = self._open_files()
        without = [i.name for i in self._work.session.images if i.key not in files.values()]
        if without:
            self._told = [
                f"{', '.join(without[:3])} came from no file; save it as TIFF and add that."
            ]
        self.add_files(list(files))

    def _open_files(self) -> dict[Path, str]:
        """File -> key of the open images that lie in a file of their own."""
        found = {}
        for image in self._work.session.images:
            path = self._layers.source(image.key)
            known = self._layers.note(image.key)
            if path is not None and path.suffix.lower() in SUFFIXES and known is None:
                found[_absolute(path)] = image.key
        return found

    def locate(self, image_id: str, path: Path) -> None:
        """Tell where a missing image is; others that are missing are looked for beside it."""
        if self.opened is not None and not self.opened.cannot_write:
            copy = scratch(self.opened.project)
            job = partial(projects.located_image, copy, image_id, path)
            self._entering.start(job, "Locating the image")

    def go_to(self, image_id: str) -> None:
        """Open an image of the project; the labels of the one before are saved."""
        opened = self.opened
        if opened is None or image_id == self.shown_id:
            return
        key = self._layers.key_of(opened.folder, image_id)
        if key is not None:
            self._work.choose_image(key)
            return
        job = partial(projects.opened_image, scratch(opened.project), image_id)
        self._reading.start(job, f"Opening {opened.project.image(image_id).name}")

    def review(self, *, done: bool) -> None:
        """The image on screen has been reviewed, or not."""
        image_id = self.shown_id
        if self.opened is not None and image_id is not None and not self.opened.cannot_write:
            self.opened.project.mark(image_id, reviewed=done)
            self.save_soon()

    def _show(self, read: projects.ImageRead) -> None:
        opened = self.opened
        if opened is None:
            return
        for key, image_id in self._own_images().items():
            self._leave(key, image_id)
        opened.take(read.entry)
        self._layers.stored.pop(read.entry.id, None)
        key = self._layers.add_image(read.image)
        self._settle(key, read.labels, read.labels_saved_at)

    def _settle(self, key: str, labels: LayerData | None, saved_at: float) -> None:
        """Work on an image with its saved labels, or with newer ones that its journal holds."""
        self._settled.add(key)
        self._work.choose_image(key)
        offer = self._work.strokes.keeper.status(key).offer
        newer = offer is not None and offer.painted_at > saved_at
        if newer:
            self._layers.drop_brought(key)
            self._work.strokes.restore()
            self._touched.add(key)
        else:
            self._layers.show_labels(key, labels)
            self._touched.discard(key)
        self._layers.colour(self._work.session.classes)
        self.save_soon()

    def _leave(self, key: str, image_id: str) -> None:
        """Save the labels of an image, take it off, and learn from it all the same."""
        opened = self.opened
        if opened is None:
            return
        labels = self._keep_labels(key, image_id)
        if labels is not None:
            name = sample_key(opened.folder, image_id)
            self._layers.stored[image_id] = Sample(self._layers.micrograph(key), labels, name)
        self._settled.discard(key)
        self._layers.remove(key)

    def _keep_labels(self, key: str, image_id: str) -> np.ndarray | None:
        """Save the labels of an open image where they have changed; a copy of them."""
        opened = self.opened
        if opened is None or self._layers.strokes_layer(key) is None:
            return None  # strokes whose layer was deleted are in the journal
        self._work.strokes.keeper.sweep()
        labels = self._layers.painted_labels(key)
        if key in self._touched and not opened.cannot_write:
            self._touched.discard(key)
            project, values = opened.project, labels
            if values is None and project.image(image_id).labels is not None:
                values = np.zeros(self._layers.micrograph(key).spatial_shape, np.uint8)
            if values is not None:
                self._writing.add(partial(_saved, project, image_id, values))
        return labels

    # ---- images that were dropped into napari

    def _layers_changed(self) -> None:
        noted = self._layers.noted()
        self._settled &= set(noted)
        new = {key: note for key, note in noted.items() if key not in self._settled}
        for folder, _ in list(new.values())[:1]:
            if self.opened is None:
                self._open_folder(folder)  # now, for its journal is asked for next
        if new:
            self._take_timer.start()

    def _take_dropped(self) -> None:
        for key, (folder, image_id) in list(self._layers.noted().items()):
            if key in self._settled:
                continue
            self._settled.add(key)
            if not self._open_folder(folder) or self.opened is None:
                continue
            for other, other_id in self._own_images().items():
                if other != key:
                    self._leave(other, other_id)
            self._layers.stored.pop(image_id, None)
            self._settle(key, None, projects.labels_saved_at(self.opened.project, image_id))

    # ---- samples of images that are not open

    def _gather(self, opened: OpenProject) -> None:
        job = partial(projects.stored_samples, scratch(opened.project), opened.first_image())
        self._gathering.start(job, "Reading the strokes of the project")

    def _gathered(self, read: projects.SampleRead) -> None:
        opened = self.opened
        if opened is not None and self._layers.key_of(opened.folder, read.image_id) is None:
            self._layers.stored.setdefault(read.image_id, read.sample)

    # ---- what the lanes say

    def _happened(self, ticket: Any, event: Any) -> None:
        match event:
            case projects.ImageRead():
                self._show(event)
            case projects.EntryRead():
                self._entered(event)
            case projects.SampleRead():
                self._gathered(event)
            case projects.NotRead():
                self._told.append(f"{event.what}: {event.why}")
            case projects.SamplesLeftOut():
                self._told.append(
                    f"{event.count} images are not learned from while they are closed: together "
                    "they are too large for the memory set aside."
                )

    def _entered(self, read: projects.EntryRead) -> None:
        opened = self.opened
        if opened is None:
            return
        opened.take(read.entry)
        key = self._coming.pop(Path(read.entry.last_seen), None)
        if key is not None and self._layers.layer(key) is not None:
            self._settled.add(key)
            self._layers.set_note(key, opened.folder, read.entry.id)
            self._touched.add(key)
            self._keep_labels(key, read.entry.id)
        self.save_soon()

    def _ended(self, lane: Lane, ticket: Any, end: JobEnded) -> None:
        if end.error is not None:
            self._tell(end.error, str(ticket))
        elif self._told:
            told, self._told = self._told, []
            more = f" (and {len(told) - 3} more)" if len(told) > 3 else ""
            self._work.session.message = Message(" ".join(told[:3]) + more)
        if lane is self._gathering:
            self._work.answers.count()
            self._work.answers.ask()
        if lane is self._entering and self.opened is not None and not self.shown_id:
            first = self.opened.first_image()
            if first is not None:
                self.go_to(first)
        self.changed.emit()

    def _written(self, event: Any) -> None:
        opened = self.opened
        if opened is None:
            return
        try:
            if isinstance(event, projects.EntryRead):
                opened.take(event.entry)
            elif isinstance(event, projects.ModelWritten):
                opened.keep_model(event)
        except (UnetscopeError, OSError) as error:
            self._tell(error, "Saving the model")
        self.save_soon()

    # ---- saving

    def write(self, job: Writing) -> None:
        """Write a file after those that are waiting."""
        self._writing.add(job)

    def save_soon(self) -> None:
        """Save project.json when there is a moment of rest."""
        self._save_timer.start(SAVE_MS)
        self.changed.emit()

    def _save(self) -> None:
        opened = self.opened
        self._save_timer.stop()
        if opened is None or opened.cannot_write:
            return
        project = opened.project
        if self.shown_id is not None:
            project.set_settings({projects.LAST_IMAGE: self.shown_id})
        try:
            project.save()
        except UnetscopeError as error:
            self._tell(error, "Saving the project")
            if isinstance(error, OutputError):
                self._save_timer.start(RETRY_MS)

    def _tell(self, error: Exception, doing: str) -> None:
        self._work.bench.tell(error, doing)

    def _painted(self, key: str) -> None:
        if key in self._settled:
            self._touched.add(key)


def _saved(project: Project, image_id: str, labels: np.ndarray) -> Iterator[Any]:
    """Save labels on a copy of the record as it is when this runs."""
    yield from projects.saved_labels(scratch(project), image_id, labels)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))
