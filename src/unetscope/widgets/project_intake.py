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
from unetscope.widgets.job_runner import JobEnded, Lane

if TYPE_CHECKING:
    from unetscope.widgets.project_desk import ProjectDesk
    from unetscope.widgets.workbench import Workbench


class ProjectIntake(QObject):
    """Takes images in for ``desk``, in the background; they stay where they are."""

    def __init__(self, work: Workbench, layers: ProjectLayers, desk: ProjectDesk) -> None:
        super().__init__(desk)
        self._work, self._layers, self._desk = work, layers, desk
        self._coming: dict[Path, str] = {}  # file -> key of an open image that may be being added
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
        self._coming = self._open_files()
        known = {path: self._layers.micrograph(key) for path, key in self._coming.items()}
        wanted = [_absolute(path) for path in files]
        job = partial(projects.added_images, scratch(opened.project), wanted, known)
        self.lane.start(job, "Adding images")

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
            self.lane.start(job, "Locating the image")

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
        opened, images = self._desk.opened, self._desk.images
        if opened is not None and not images.shown_id:
            first = opened.first_image()
            if first is not None:
                images.go_to(first)
        self._desk.report(ticket, end)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))
