"""A project that is open in a window: who may write, what the list shows, work for the background.

The record of a project is changed on the window's thread alone. What takes time (hashes, pixels,
labels) is done by the iterators below in a worker, on a :func:`scratch` copy; what they yield is
taken in by :meth:`OpenProject.take`.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from unetscope.errors import UnetscopeError
from unetscope.images.annotations.mask_names import looks_like_labels
from unetscope.images.locking import WriterLock
from unetscope.images.micrograph import Micrograph
from unetscope.images.questions import Answers, Question, Undecided
from unetscope.learning.samples import Sample
from unetscope.session.journal.places import JournalPlace
from unetscope.session.project.folder import Project
from unetscope.session.project.images import ChangedImage, Presence, image_files, read_as
from unetscope.session.project.reading import (
    ClosedImage,
    closed_image,
    read_image,
    sample_key,
)
from unetscope.session.project.records import ImageEntry, Prediction, TrainingEntry
from unetscope.session.values import ImageSummary, TrainingStatus

_log = logging.getLogger(__name__)

LOCK = "project.lock"
JOURNAL = "journal.sqlite"
LAST_IMAGE = "last_image"  # a setting: which image was worked on
#: What samples of images that are not open may take of memory.
STORED_BYTES = 1 * 2**30


@dataclass(frozen=True)
class ListedImage:
    """One line of the list of images."""

    image_id: str
    name: str
    word: str
    where: str
    reviewed: bool = False
    shown: bool = False

    @property
    def missing(self) -> bool:
        """True if a person must say where the image is, or that it is the right one, to open it."""
        return self.word in (Presence.NOT_FOUND.value, Presence.CHANGED.value)


@dataclass(frozen=True, eq=False)
class ImageRead:
    """An image of a project, with its entry as it is now; labels None: none saved."""

    entry: ImageEntry
    image: Micrograph
    labels: np.ndarray | None  # (y, x) or (z, y, x), to be painted on
    labels_saved_at: float  # seconds since 1970, 0 without labels


@dataclass(frozen=True)
class EntryRead:
    """The entry of an image that was added or located."""

    entry: ImageEntry


@dataclass(frozen=True)
class NotRead:
    """An image that could not be taken in, and why."""

    what: str
    why: str


@dataclass(frozen=True)
class PassedOver:
    """Files of a folder that are results or masks of others, by name."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Unanswered:
    """A file that does not say what it holds, and what a person is to be asked."""

    path: Path
    question: Question


@dataclass(frozen=True)
class ImageChanged:
    """The file of an image is another one now; nothing is learned from it until that is answered.

    ``fits`` says whether it has the shape its strokes were painted on.
    """

    image_id: str
    fits: bool


@dataclass(frozen=True)
class LabelsSaved:
    """Labels of an image were written to the file ``labels`` of the project."""

    image_id: str
    labels: str | None
    painted_px: int


@dataclass(frozen=True)
class Renewed:
    """The entry of an image whose file was taken as it is now."""

    entry: ImageEntry


@dataclass(frozen=True, eq=False)
class SampleRead:
    """The image and the saved labels of an image that is not open."""

    image_id: str
    closed: ClosedImage


@dataclass(frozen=True)
class SamplesLeftOut:
    """So many images with labels are not learned from while they are not open."""

    count: int


class OpenProject:
    """A project in one window; only the first window that opens it may write.

    Raises
    ------
    ProjectError
        If there is no project, or it is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._lock = WriterLock(folder / LOCK)
        #: image id -> whether its strokes have the shape of the file that took its place
        self.changed: dict[str, bool] = {}
        self._why_not, self._fix = "", "Close it there, and open it again here."
        try:
            if not self._lock.acquire():
                self._why_not = f"it is open in another window ({self._lock.holder()})"
        except OSError as error:
            self._why_not = f"nothing can be written there ({error.strerror})"
            self._fix = "Make the folder writable, or open a copy."
        try:
            self.project = Project.open(folder, read_only=bool(self._why_not))
        except UnetscopeError:
            self._lock.release()
            raise

    def close(self) -> None:
        """Let another window write."""
        self._lock.release()

    # ---- what is shown

    @property
    def folder(self) -> Path:
        """The project's folder, absolute."""
        return self.project.folder

    @property
    def banner(self) -> str:
        """What must be known at once; "" where all is well."""
        if not self._why_not:
            return ""
        return (
            f"Read-only: {self._why_not}. You can look, paint and train; nothing of it is saved "
            f"in the project. {self._fix}"
        )

    @property
    def cannot_write(self) -> str:
        """Why buttons that write cannot be pressed; "" where they can."""
        return f"The project is read-only: {self._why_not}." if self._why_not else ""

    def rows(self, shown: str | None, painted: Collection[str]) -> tuple[ListedImage, ...]:
        """The list of images; ``shown`` is on screen, those ``painted`` on are open with strokes.

        Sizes and dates are looked at, no image is opened.
        """
        rows = []
        for entry in self.project.record.images:
            status = self.project.status(entry.id)
            if entry.id in self.changed and status.presence is Presence.UNCHECKED:
                status = replace(status, presence=Presence.CHANGED)
            if entry.id in painted:
                status = replace(status, painted_px=status.painted_px or 1)
            where = str(status.path or entry.last_seen)
            rows.append(
                ListedImage(
                    entry.id, entry.name, status.word, where, entry.reviewed, entry.id == shown
                )
            )
        return tuple(rows)

    def first_image(self) -> str | None:
        """The image to begin with: that of the last time, or the first that is there."""
        last = self.project.record.settings.get(LAST_IMAGE)
        there = [
            entry.id
            for entry in self.project.record.images
            if self.project.status(entry.id).presence is not Presence.NOT_FOUND
        ]
        return str(last) if last in there else next(iter(there), None)

    def journal_place(self, image_id: str) -> JournalPlace | None:
        """Where strokes on an image are kept; None where the project cannot be written."""
        if self.project.read_only or image_id not in {e.id for e in self.project.record.images}:
            return None
        path = self.project.image_path(image_id)
        return JournalPlace(self.folder / JOURNAL, str(path or image_id))

    # ---- what happens

    def take(self, entry: ImageEntry) -> None:
        """Take in an image that a worker has added, or where one was found.

        A worker's copy may be older than what was saved or marked in the meantime, so of an image
        that is known only its place is taken over.
        """
        here = next((one for one in self.project.record.images if one.id == entry.id), None)
        if here is not None:
            entry = replace(
                here,
                name=entry.name,
                path=entry.path,
                last_seen=entry.last_seen,
                bytes=entry.bytes,
                modified_ns=entry.modified_ns,
                pixel_size=here.pixel_size or entry.pixel_size,
                unit=here.unit or entry.unit,
            )
        self._put(entry)

    def take_labels(self, saved: LabelsSaved) -> None:
        """Note labels that a worker has written."""
        here = next((one for one in self.project.record.images if one.id == saved.image_id), None)
        if here is not None:
            self._put(replace(here, labels=saved.labels, painted_px=saved.painted_px))

    def take_prediction(self, image_id: str, prediction: Prediction) -> None:
        """Note a prediction that a worker has written."""
        here = next((one for one in self.project.record.images if one.id == image_id), None)
        if here is not None:
            number = self.project.record.current_model or 0
            self._put(replace(here, prediction=prediction, predicted_by=number))

    def take_renewed(self, entry: ImageEntry) -> None:
        """Take in an image whose file was replaced and is taken as it is now."""
        self.changed.pop(entry.id, None)
        self._put(entry)

    def _put(self, entry: ImageEntry) -> None:
        known = {one.id: one for one in self.project.record.images}
        known[entry.id] = entry
        self.project.record = replace(self.project.record, images=tuple(known.values()))

    def keep_pixel_size(self, image_id: str, image: ImageSummary) -> bool:
        """Note the pixel size of an open image where it is another one; say whether it is."""
        entry = next((one for one in self.project.record.images if one.id == image_id), None)
        told = (image.pixel_size, image.unit)
        if entry is None or image.axes != entry.axes or told == (entry.pixel_size, entry.unit):
            return False
        if image.pixel_size is None or image.unit is None:
            return False
        self.project.set_pixel_size(image_id, image.pixel_size, image.unit)
        return True

    def keep_model(self, written: ModelWritten) -> None:
        """Keep a trained model, whose file is moved to its place, and add it to the history."""
        note, file = f"trained {written.status.seconds:.0f} s", written.file
        model = self.project.add_model(note, lambda path: os.replace(file, path))
        self.keep_training(written, model.number)

    def keep_training(self, written: ModelWritten, number: int | None = None) -> None:
        """Add a training to the history; without a number it gave no other model."""
        project, status = self.project, written.status
        names = {c.value: c.name for c in project.record.classes}
        told = status.validation.told if status.validation is not None else {}
        scores = {
            f"{names.get(v, f'class {v}')} on held-back strokes": float(d) for v, d in told.items()
        }
        project.add_training(
            TrainingEntry(
                made_at=written.made_at,
                seconds=float(status.seconds),
                epochs=status.epoch,
                reason=status.reason,
                device=status.device,
                model=number,
                images=written.images,
                scores={name: score for name, score in scores.items() if np.isfinite(score)},
            )
        )


# ---- work for the background


def scratch(project: Project) -> Project:
    """A copy a worker may change: records are frozen, so it shares nothing that is written."""
    return Project(project.folder, project.record, read_only=project.read_only)


def opened_image(
    project: Project, image_id: str, unsaved: np.ndarray | None = None
) -> Iterator[ImageRead | ImageChanged | Renewed]:
    """Read an image and its labels: ``unsaved`` where they are still to be written, or its file's.

    One whose date has changed is compared by hash. One that was replaced comes as an
    :class:`ImageChanged` and nothing more, unless nothing was painted on it.
    """
    try:
        pixels = read_image(project, image_id)
    except ChangedImage:
        painted = unsaved is not None or project.image(image_id).labels is not None
        if painted or project.read_only:
            yield image_changed(project, image_id)
            return
        project.take_as_it_is(image_id, keep_labels=False)
        yield Renewed(project.image(image_id))
        pixels = read_image(project, image_id)
    entry = project.image(image_id)
    saved = project.read_labels(image_id) if unsaved is None else unsaved
    if saved is None:
        yield ImageRead(entry, pixels, None, 0.0)
        return
    saved_at = labels_saved_at(project, image_id) if unsaved is None else time.time()
    yield ImageRead(entry, pixels, np.array(saved), saved_at)  # never a file's own pixels


def image_changed(project: Project, image_id: str) -> ImageChanged:
    """That an image was replaced, and whether its strokes can lie on what is there now.

    Raises
    ------
    ImageError
        If what is there now cannot be read.
    """
    entry, path = project.image(image_id), project.image_path(image_id)
    fits = path is not None and tuple(read_as(path, entry).shape) == entry.shape
    return ImageChanged(image_id, fits)


def renewed_images(
    project: Project, image_ids: Sequence[str], *, keep_labels: bool
) -> Iterator[Renewed | NotRead]:
    """Take images that were replaced as they are now, with their labels or without."""
    for image_id in image_ids:
        try:
            project.take_as_it_is(image_id, keep_labels=keep_labels)
        except (UnetscopeError, OSError) as error:
            yield NotRead(project.image(image_id).name, str(error))
        else:
            yield Renewed(project.image(image_id))


def labels_saved_at(project: Project, image_id: str) -> float:
    """When the labels of an image were saved, in seconds since 1970; 0 where they are not."""
    name = project.image(image_id).labels
    try:
        return os.stat(project.folder / name).st_mtime if name else 0.0
    except OSError:
        return 0.0


def added_images(
    project: Project,
    paths: Sequence[Path],
    known: Mapping[Path, Micrograph],
    answers: Answers | None = None,
) -> Iterator[EntryRead | NotRead | PassedOver | Unanswered]:
    """Take images in, one after the other; what cannot be read is named and left out.

    Of a folder that is no OME-Zarr the images directly in it are taken. Where there are several
    files, results and masks of others among them are passed over. ``known`` are the images that
    are open, with the axes a person has chosen for them; ``answers`` are what the files do not say.
    """
    files: list[Path] = []
    for given in paths:
        try:
            files.extend(image_files(given))
        except (UnetscopeError, OSError) as error:
            yield NotRead(given.name, why(error))
    files = list(dict.fromkeys(files))
    unknown = [path for path in files if len(files) > 1 and path not in known]
    passed = [path for path in unknown if looks_like_labels(path, files)]
    if passed:
        yield PassedOver(tuple(path.name for path in passed))
    for path in files:
        if path not in passed:
            yield _added(project, path, known.get(path), answers)


def _added(
    project: Project, path: Path, image: Micrograph | None, answers: Answers | None
) -> EntryRead | NotRead | Unanswered:
    try:
        return EntryRead(project.add_image(path, image, answers))
    except Undecided as undecided:
        return Unanswered(path, undecided.question)
    except Exception as error:  # whatever is wrong with one file, the others are taken in
        return NotRead(path.name, why(error))


def located_image(project: Project, image_id: str, path: Path) -> Iterator[EntryRead | Renewed]:
    """Find an image again, and others that are missing below the same folder.

    One that has changed is taken as it is now where the person chooses its own file.
    """
    if project.image_path(image_id) == Path(os.path.abspath(path)):
        project.take_as_it_is(image_id)
        yield Renewed(project.image(image_id))
    else:
        project.relocate(image_id, path)
    found = {image_id, *project.relocate_missing(path.parent)}
    for entry in project.record.images:
        if entry.id in found:
            yield EntryRead(entry)


def saved_labels(project: Project, image_id: str, labels: Any) -> Iterator[LabelsSaved]:
    """Write the labels of an image."""
    project.save_labels(image_id, labels)
    entry = project.image(image_id)
    yield LabelsSaved(image_id, entry.labels, entry.painted_px)


def stored_samples(
    project: Project, last: str | None, only: Collection[str] | None = None
) -> Iterator[SampleRead | NotRead | ImageChanged | SamplesLeftOut]:
    """Image and labels of every image that has some, until :data:`STORED_BYTES` are in memory.

    Pixels that stay on disk do not count; they are read where strokes are. The image ``last`` comes
    last, for it is probably being opened just now. ``only`` names the images that are read.
    """
    wanted = [e for e in project.record.images if e.painted_px and (not only or e.id in only)]
    wanted.sort(key=lambda entry: entry.id == last)
    held = left_out = 0
    for entry in wanted:
        try:
            labels = np.asarray(project.read_labels(entry.id))
            image = read_image(project, entry.id)
        except ChangedImage:
            yield from _changed_or_not_read(project, entry)
            continue
        except (UnetscopeError, OSError, MemoryError) as error:
            yield NotRead(entry.name, why(error))
            continue
        held += labels.nbytes
        held += image.pixels.nbytes if isinstance(image.pixels, np.ndarray) else 0
        if held > STORED_BYTES:
            left_out += 1
            continue
        sample = Sample(image, labels, sample_key(project.folder, entry.id))
        yield SampleRead(entry.id, closed_image(sample, entry.check_boxes))
    if left_out:
        yield SamplesLeftOut(left_out)


def _changed_or_not_read(project: Project, entry: ImageEntry) -> Iterator[ImageChanged | NotRead]:
    try:
        yield image_changed(project, entry.id)
    except (UnetscopeError, OSError, MemoryError) as error:
        yield NotRead(entry.name, why(error))


def why(error: BaseException) -> str:
    """Why a file could not be taken in, in words; what nobody expected is traced in the log."""
    if isinstance(error, MemoryError):
        return "it takes more memory than there is; cut it into parts"
    if isinstance(error, OSError):
        return f"it cannot be read: {error.strerror or error}"
    if isinstance(error, UnetscopeError):
        return str(error)
    _log.error("an image was left out for a reason that is not known", exc_info=error)
    return f"{type(error).__name__}: {error}"


@dataclass(frozen=True)
class ModelWritten:
    """A trained model lies at ``file``, to be moved to its place; how it was trained."""

    file: Path
    status: TrainingStatus
    images: tuple[str, ...]
    made_at: str


def written_model(save: Callable[[], Iterable[object]], told: ModelWritten) -> Iterator[Any]:
    """Write a model with ``save`` and tell."""
    told.file.parent.mkdir(exist_ok=True)
    for _ in save():
        pass
    yield told
