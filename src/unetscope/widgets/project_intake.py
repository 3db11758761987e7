"""Images are taken into the open project: files and folders, open images, and ones found again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject

from unetscope.images.files import SUFFIXES
from unetscope.session import projects
from unetscope.session.project_layers import ProjectLayers
from unetscope.session.projects import scratch
from unetscope.widgets.job_runner import JobEnded, JobFunction, Lane

if TYPE_CHECKING:
    from unetscope.widgets.project_desk import ProjectDesk
    from unetscope.widgets.workbench import Workbench


class ProjectIntake(QObject):
    """Takes images in for ``desk``, in the background; they stay where they are."""

    def __init__(self, work: Workbench, layers: ProjectLayers, desk: ProjectDesk) -> None:
        super().__init__(desk)
        self._work, self._layers, self._desk = work, layers, desk
        self._coming: dict[Path, str] = {}  # file -> key of an open image that may be being added
        self._waiting: list[tuple[JobFunction, str]] = []
        self._renewed: list[str] = []  # ids of images whose new pixels were taken
        self.lane = Lane(self)
        self.lane.happened.connect(self._happened)
        self.lane.ended.connect(self._ended)

    def add_files(self, files: Sequence[Path]) -> None:
        """Take images in by reference: files, OME-Zarr folders, and folders of images.

        One that is open becomes an image of the project.
        """
        opened = self._desk.opened
        if opened is None or opened.cannot_write:
            return
        coming = self._open_files()
        self._coming.update(coming)
        known = {path: self._layers.micrograph(key) for path, key in coming.items()}
        wanted = [_absolute(path) for path in files]
        job = partial(projects.added_images, scratch(opened.project), wanted, known)
        self.start(job, "Adding images")

    def add_open_images(self) -> None:
        """Take in every open image that lies in a file; the others are named."""
        files = self._open_files()
        without = [i.name for i in self._work.session.images if i.key not in files.values()]
        if without:
            named = ", ".join(without[:3])
            self._desk.note(f"{named} came from no file; save it as TIFF and add that.")
        self.add_files(list(files))

    def locate(self, image_id: str, path: Path) -> None:
        """Tell where a missing image is; others that are missing are looked for beside it."""
        opened = self._desk.opened
        if opened is not None and not opened.cannot_write:
            job = partial(projects.located_image, scratch(opened.project), image_id, path)
            self.start(job, "Locating the image")

    def start(self, job: JobFunction, doing: str) -> None:
        """Do this after what is being done: nothing of it is given up."""
        self._waiting.append((job, doing))
        self._next()

    def drop(self) -> None:
        """The project goes: nothing more is taken in."""
        self._waiting.clear()
        self._coming.clear()
        self._renewed.clear()
        self.lane.drop()

    def _next(self) -> None:
        if self._waiting and not self.lane.busy:
            self.lane.start(*self._waiting.pop(0))

    def _open_files(self) -> dict[Path, str]:
        """File -> key of the open images that lie in a file of their own."""
        found = {}
        for image in self._work.session.images:
            path = self._layers.source(image.key)
            known = self._layers.note(image.key)
            if path is not None and path.suffix.lower() in SUFFIXES and known is None:
                found[_absolute(path)] = image.key
        return found

    def _happened(self, ticket: Any, event: Any) -> None:
        match event:
            case projects.EntryRead():
                self._entered(event)
            case projects.Renewed() if self._desk.opened is not None:
                self._desk.opened.take_renewed(event.entry)
                self._renewed.append(event.entry.id)
                self._desk.saver.save_soon()
            case projects.NotRead():
                self._desk.note(f"{event.what}: {event.why}")

    def _entered(self, read: projects.EntryRead) -> None:
        opened = self._desk.opened
        if opened is None:
            return
        opened.take(read.entry)
        key = self._coming.pop(Path(read.entry.last_seen), None)
        if key is not None and self._layers.layer(key) is not None:
            self._desk.images.adopt(key, read.entry.id)
        self._desk.saver.save_soon()

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        renewed, self._renewed = self._renewed, []
        if renewed:
            self._desk.gather(renewed)
        self._open_one()
        self._desk.report(ticket, end)
        self._next()

    def _open_one(self) -> None:
        """Open the image that was asked for when it was found to be replaced, or the first."""
        opened, images = self._desk.opened, self._desk.images
        if opened is None:
            return
        wanted = self._desk.replaced.wanted()
        if wanted is None and not images.shown_id and not images.lane.busy:
            first = opened.first_image()
            wanted = first if first not in opened.changed else None
        if wanted is not None:
            images.go_to(wanted)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))
