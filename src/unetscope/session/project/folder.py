"""The project folder: opened in a moment, saved without harm, and never lost with a missing image.

    name.unetproject/
        project.json          what it knows (records.py)
        labels/0001.ome.tif   labels of image 0001; a zarr where they are large
        models/0001.unetscope versions of the model

The project is changed in memory by the methods below; labels and models are written at once, the
rest by :meth:`Project.save`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from unetscope.errors import ProjectError
from unetscope.images.claims import STATE
from unetscope.images.classes import LabelClass
from unetscope.images.micrograph import Micrograph
from unetscope.images.questions import Answers
from unetscope.images.writing import replacing
from unetscope.session.kept_boxes import KeptBox
from unetscope.session.project import label_files
from unetscope.session.project.images import (
    ImageStatus,
    Presence,
    entry_of,
    found_below,
    labels_exchanged,
    moved,
    path_of,
    read_answered,
    read_as,
    renewed,
    status_of,
)
from unetscope.session.project.records import (
    FILE,
    SCHEMA,
    SUFFIX,
    ImageEntry,
    ModelEntry,
    ProjectRecord,
    TrainingEntry,
    read_record,
    record_text,
)


class Project:
    """One open project. Make it with :meth:`create` or :meth:`open`."""

    def __init__(self, folder: Path, record: ProjectRecord, *, read_only: bool = False) -> None:
        self.folder = folder
        self.record = record
        self.read_only = read_only

    @classmethod
    def create(cls, folder: str | os.PathLike[str], classes: Iterable[LabelClass] = ()) -> Project:
        """A new project in ``folder``, whose name gets the suffix ``.unetproject``.

        Raises
        ------
        ProjectError
            If there is something already, or its parent is missing.
        OutputError
            If it cannot be written.
        """
        path = Path(os.path.abspath(folder))
        if path.suffix.lower() != SUFFIX:
            path = path.with_name(path.name + SUFFIX)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise ProjectError(f"{path} is there already; choose another name")
        try:
            path.mkdir(exist_ok=True)
        except OSError as error:
            raise ProjectError(
                f"{path} cannot be made: {error.strerror}; choose another folder"
            ) from error
        now = _now()
        record = ProjectRecord(SCHEMA, path.stem, now, now, classes=tuple(classes))
        project = cls(path, record)
        project.save()
        return project

    @classmethod
    def open(cls, folder: str | os.PathLike[str], *, read_only: bool = False) -> Project:
        """The project in ``folder`` (or whose project.json is given).

        No image is opened or looked for: see :meth:`status`.

        Raises
        ------
        ProjectError
            If there is no project, it is damaged, or of a newer version.
        """
        path = Path(os.path.abspath(folder))
        path = path.parent if path.name == FILE else path
        record = read_record(path)
        return cls(path, record, read_only=read_only)

    def save(self) -> None:
        """Write project.json; the old one stays whole until the new one is complete.

        Raises
        ------
        ProjectError
            If it was opened read-only, or saved by another window in the meantime.
        OutputError
            If it cannot be written.
        """
        self._check_writable()
        file = self.folder / FILE
        if file.exists() and read_record(self.folder).revision != self.record.revision:
            raise ProjectError(
                f"{self.folder} was saved by another window since it was opened here; open it again"
            )
        saved = replace(self.record, saved_at=_now(), revision=self.record.revision + 1)
        with replacing(file, STATE) as temporary:
            temporary.write_text(record_text(saved), encoding="utf-8")
        self.record = saved

    def _check_writable(self) -> None:
        if self.read_only:
            raise ProjectError(
                f"{self.folder} was opened read-only; close it in the other window and open it "
                "again, or save a copy"
            )

    # ---- images

    def image(self, image_id: str) -> ImageEntry:
        """The entry with this id; ProjectError if there is none."""
        for entry in self.record.images:
            if entry.id == image_id:
                return entry
        raise ProjectError(f"the project {self.record.name!r} has no image {image_id!r}")

    def add_image(
        self,
        path: str | os.PathLike[str],
        image: Micrograph | None = None,
        answers: Answers | None = None,
    ) -> ImageEntry:
        """Take an image in by reference; one that is in already is given back as it is.

        Parameters
        ----------
        path
            The file, or OME-Zarr folder.
        image
            The image as it is read, where it is open already or its axes must be told.
        answers
            What the file does not say. They are kept with the image and, but for the number of a
            series, for other files of the project that ask the same.

        Raises
        ------
        Undecided
            If the file does not say what it holds, and neither these answers nor earlier ones do.
        ImageError
            If it cannot be read.
        """
        self._check_writable()
        where = Path(os.path.abspath(path))
        for entry in self.record.images:
            if self.image_path(entry.id) == where:
                return entry
        given, used = answers or Answers(), Answers()
        if image is None:
            image, used = read_answered(where, given, Answers.of_record(self.record.answers))
        self.remember(given)
        # labels of images that were taken off stay, so their numbers are not given again
        kept = [file.name.split(".")[0] for file in (self.folder / "labels").glob("*")]
        taken = [int(i) for i in [*kept, *(e.id for e in self.record.images)] if i.isdecimal()]
        number = f"{max(taken, default=0) + 1:04d}"
        entry = entry_of(image, where, self.folder, number, used)
        self.record = replace(self.record, images=(*self.record.images, entry))
        return entry

    def remember(self, answers: Answers) -> None:
        """Keep answers for other files that ask the same; another file has other series."""
        self._check_writable()
        known = Answers.of_record(self.record.answers)
        told = replace(answers, series=None).over(known).as_record()
        self.record = replace(self.record, answers=told)

    def remove_image(self, image_id: str) -> None:
        """Take an image off the list; its file stays, and its labels stay in the folder."""
        self._check_writable()
        gone = self.image(image_id)
        kept = tuple(entry for entry in self.record.images if entry is not gone)
        self.record = replace(self.record, images=kept)

    def image_path(self, image_id: str) -> Path | None:
        """Where an image is now; None if it is not there."""
        return path_of(self.image(image_id), self.folder)

    def _put(self, entry: ImageEntry) -> None:
        self.record = replace(
            self.record,
            images=tuple(entry if e.id == entry.id else e for e in self.record.images),
        )

    # ---- status

    def status(self, image_id: str) -> ImageStatus:
        """How far an image is, and by size and date alone whether it is there unchanged."""
        return status_of(self.image(image_id), self.folder)

    def verify(self, image_id: str) -> ImageStatus:
        """As :meth:`status`, but an image whose date has changed is read and compared by hash."""
        found, entry = self.status(image_id), self.image(image_id)
        if found.presence is not Presence.UNCHECKED or found.path is None:
            return found
        try:
            self._put(moved(entry, found.path, self.folder))
        except ProjectError:
            return replace(found, presence=Presence.CHANGED)
        return replace(found, presence=Presence.FOUND)

    def mark(
        self, image_id: str, *, predicted_by: int | None = None, reviewed: bool | None = None
    ) -> None:
        """Note that a model has predicted an image, or that a person has reviewed it."""
        self._check_writable()
        entry = self.image(image_id)
        if predicted_by is not None:
            entry = replace(entry, predicted_by=predicted_by)
        if reviewed is not None:
            entry = replace(entry, reviewed=reviewed)
        self._put(entry)

    def set_pixel_size(self, image_id: str, pixel_size: tuple[float, ...], unit: str) -> None:
        """Note the size of a pixel along the spatial axes of an image, as a person corrected it."""
        self._check_writable()
        self._put(replace(self.image(image_id), pixel_size=pixel_size, unit=unit))

    def set_boxes(self, image_id: str, boxes: Iterable[KeptBox]) -> None:
        """Replace the check boxes of an image."""
        self._check_writable()
        self._put(replace(self.image(image_id), boxes=tuple(boxes)))

    def relocate(self, image_id: str, path: str | os.PathLike[str]) -> None:
        """Tell where an image is now.

        Raises
        ------
        ProjectError
            If there is nothing, or an image of other content.
        """
        self._check_writable()
        self._put(moved(self.image(image_id), Path(os.path.abspath(path)), self.folder))

    def take_as_it_is(self, image_id: str, *, keep_labels: bool = True) -> None:
        """Take the file of an image as it is now, which a person was asked about.

        Parameters
        ----------
        image_id
            The image whose file is another one now.
        keep_labels
            Its labels fit the new pixels. Otherwise they are set aside: they stay in the folder
            with the pixels they were painted on, and come back with these.

        Raises
        ------
        ProjectError
            If the file is not there, or its shape is another one, which no labels fit.
        ImageError
            If it cannot be read.
        """
        self._check_writable()
        entry, path = self.image(image_id), self.image_path(image_id)
        if path is None:
            raise ProjectError(f"{entry.name} is not found at {entry.last_seen}; use Locate …")
        image = read_as(path, entry)
        if keep_labels and entry.labels is not None and tuple(image.shape) != entry.shape:
            raise ProjectError(
                f"{entry.name} has the shape {image.shape} now and had {entry.shape} when it was "
                "painted on; set its strokes aside, or put the old file back"
            )
        new = renewed(entry, path, self.folder, image)
        if not keep_labels:
            new = labels_exchanged(new, entry)
        self._put(new)

    def relocate_missing(self, folder: str | os.PathLike[str]) -> tuple[str, ...]:
        """Look for missing images below ``folder`` by size and hash; the ids that were found."""
        self._check_writable()
        missing = [e for e in self.record.images if path_of(e, self.folder) is None]
        found = found_below(missing, Path(os.path.abspath(folder)), self.folder)
        for entry in found.values():
            self._put(entry)
        return tuple(found)

    # ---- labels

    def save_labels(self, image_id: str, labels: Any) -> None:
        """Write the labels of an image, (y, x) or (z, y, x), 0 unlabelled; numpy, dask or zarr.

        Raises
        ------
        ProjectError
            If they do not have the shape of the image.
        OutputError
            If they cannot be written; those that were there before stay.
        """
        self._check_writable()
        entry = self.image(image_id)
        name, painted_px = label_files.write(self.folder, entry, labels)
        self._put(replace(entry, labels=name, painted_px=painted_px))

    def read_labels(self, image_id: str) -> Any:
        """The labels of an image: an array, a zarr array where they are large, None if unpainted.

        Raises
        ------
        ProjectError
            If the file is missing, damaged or of another shape.
        """
        return label_files.read(self.folder, self.image(image_id))

    # ---- models, training, classes, settings

    def add_model(self, note: str, write: Callable[[Path], object]) -> ModelEntry:
        """Keep a version of the model, which ``write`` writes to the path it is given.

        It becomes the current one.
        """
        self._check_writable()
        # a file that no saved project names, as after a power cut, is kept, too
        kept = [file.stem for file in (self.folder / "models").glob("*")]
        known = [*(m.number for m in self.record.models), *(int(n) for n in kept if n.isdecimal())]
        number = max(known, default=0) + 1
        name = f"models/{number:04d}.unetscope"
        file = self.folder / name
        try:
            file.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise ProjectError(
                f"{file.parent} cannot be made: {error.strerror}; move away what lies there"
            ) from error
        write(file)
        with open(file, "rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        model = ModelEntry(number, name, sha256, note, _now())
        self.record = replace(
            self.record, models=(*self.record.models, model), current_model=number
        )
        return model

    def model_path(self, number: int | None = None) -> Path | None:
        """The file of a model, of the current one without a number; None where there is none."""
        wanted = self.record.current_model if number is None else number
        file = next((m.file for m in self.record.models if m.number == wanted), None)
        return self.folder / file if file and (self.folder / file).is_file() else None

    def choose_model(self, number: int) -> None:
        """Make a kept version the current one."""
        self._check_writable()
        if self.model_path(number) is None:
            raise ProjectError(f"the project {self.record.name!r} has no model {number}")
        self.record = replace(self.record, current_model=number)

    def add_training(self, training: TrainingEntry) -> None:
        """Add a training to the history."""
        self._check_writable()
        self.record = replace(self.record, history=(*self.record.history, training))

    def set_classes(self, classes: Iterable[LabelClass]) -> None:
        """Replace the class table."""
        self._check_writable()
        self.record = replace(self.record, classes=tuple(classes))

    def set_settings(self, settings: Mapping[str, bool | int | float | str | None]) -> None:
        """Add to the settings; what has the same name is replaced."""
        self._check_writable()
        self.record = replace(self.record, settings={**self.record.settings, **settings})


def is_project(path: str | os.PathLike[str]) -> bool:
    """True for a project folder or its project.json."""
    path = Path(path)
    folder = path.parent if path.name == FILE else path
    return folder.suffix.lower() == SUFFIX and (folder / FILE).is_file()


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
