"""Where the images of a project are, whether they are still the same, and how far they are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from unetscope.errors import ImageError, ProjectError
from unetscope.images.files import SUFFIXES, read_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.images.questions import Answers, Undecided
from unetscope.images.zarr_folder import is_zarr, title_of
from unetscope.session.project.contents import content_of, images_below, quick_facts
from unetscope.session.project.records import ImageEntry, SetAside


class Presence(Enum):
    """Whether an image is where the project last saw it; the value is what is shown."""

    FOUND = "found"
    UNCHECKED = "saved again since, perhaps changed"
    CHANGED = "changed"
    NOT_FOUND = "not found"


@dataclass(frozen=True)
class ImageStatus:
    """How far an image is."""

    presence: Presence
    path: Path | None
    painted_px: int
    predicted: bool
    reviewed: bool

    @property
    def word(self) -> str:
        """The one word for a list: what is wrong with the file first, then the furthest step."""
        if self.presence in (Presence.NOT_FOUND, Presence.CHANGED):
            return self.presence.value
        if self.reviewed:
            return "reviewed"
        if self.predicted:
            return "predicted"
        return "strokes" if self.painted_px else "new"


class ChangedImage(ProjectError):
    """The file of an image is another one now than when the image was added."""

    def __init__(self, entry: ImageEntry) -> None:
        super().__init__(
            f"{entry.name} has changed since it was added, so its strokes may lie on other things; "
            "put the old file back, or say in the window whether they still fit"
        )


def entry_of(
    image: Micrograph, path: Path, folder: Path, image_id: str, answers: Answers
) -> ImageEntry:
    """The entry of an image at ``path`` that was read so, for the project in ``folder``."""
    return ImageEntry(
        id=image_id,
        name=_name_of(path),
        axes=image.axes,
        shape=tuple(int(n) for n in image.shape),
        pixel_size=image.pixel_size,
        unit=image.unit,
        content=content_of(path),
        answers=answers.as_record(),
        **_place(path, folder),
    )


def _name_of(path: Path) -> str:
    """The name of a file; of an image inside a zarr also whose it is, as many are called "0"."""
    return title_of(path) if is_zarr(path.parent) else path.name


def image_files(path: Path) -> tuple[Path, ...]:
    """``path`` itself, or if it is a folder of images and no OME-Zarr, the images directly in it.

    Raises
    ------
    ProjectError
        If there are none in the folder.
    """
    if not path.is_dir() or path.suffix.lower() == ".zarr" or quick_facts(path) is not None:
        return (path,)
    found = [file for file in sorted(path.iterdir()) if file.suffix.lower() in SUFFIXES]
    shown = tuple(file for file in found if not file.name.startswith("."))
    if not shown:
        raise ProjectError(f"there is no image in {path}; choose a folder that holds some")
    return shown


def path_of(entry: ImageEntry, folder: Path) -> Path | None:
    """Where an image is now, seen from the project folder or as it last was; None if it is gone."""
    for told in (entry.path, entry.last_seen):
        path = Path(os.path.normpath(folder / told))
        if told and quick_facts(path) is not None:
            return path
    return None


def status_of(entry: ImageEntry, folder: Path) -> ImageStatus:
    """How far an image is, and by size and date whether it is there unchanged."""
    path = path_of(entry, folder)
    facts = None if path is None else quick_facts(path)
    if facts is None:
        presence = Presence.NOT_FOUND
    elif facts == (entry.bytes, entry.modified_ns):
        presence = Presence.FOUND
    else:
        presence = Presence.UNCHECKED if facts[0] == entry.bytes else Presence.CHANGED
    return ImageStatus(
        presence, path, entry.painted_px, entry.predicted_by is not None, entry.reviewed
    )


def moved(entry: ImageEntry, path: Path, folder: Path) -> ImageEntry:
    """The entry with its image at ``path``.

    Raises
    ------
    ProjectError
        If there is nothing, or an image of other content.
    """
    place = _place(path, folder)
    if content_of(path) != entry.content:
        raise ProjectError(
            f"{path} is not the image {entry.name} that was added: its content differs; choose "
            "another file, or add this one as a new image"
        )
    return replace(entry, name=_name_of(path), **place)


def labels_exchanged(new: ImageEntry, old: ImageEntry) -> ImageEntry:
    """``new`` with the labels of its own content; those of ``old`` are set aside with theirs."""
    kept = {one.content: one for one in old.set_aside}
    if old.labels is not None:
        kept[old.content] = SetAside(old.content, old.labels, old.painted_px)
    own = kept.pop(new.content, None)
    return replace(
        new,
        labels=own.labels if own else None,
        painted_px=own.painted_px if own else 0,
        set_aside=tuple(kept.values()),
        reviewed=False,
    )


def read_as(path: Path, entry: ImageEntry) -> Micrograph:
    """The image at ``path`` as ``entry`` was read; what a file does not say, the project knows."""
    axes, answers = entry.axes, Answers.of_record(entry.answers)
    try:
        image = read_micrograph(path, answers=answers)
    except ImageError:
        return read_micrograph(path, axes=axes, answers=answers)
    return image if image.axes == axes else read_micrograph(path, axes=axes, answers=answers)


def read_answered(path: Path, given: Answers, remembered: Answers) -> tuple[Micrograph, Answers]:
    """An image, and the answers it was read with.

    Those ``given``, and where it asks for more and offers what is ``remembered``, that.

    Raises
    ------
    Undecided
        If it asks for what nobody has answered.
    ImageError
        If it cannot be read.
    """
    used, asked = given, set[str]()
    while True:
        try:
            return read_micrograph(path, answers=used), used
        except Undecided as undecided:
            question = undecided.question
            value = getattr(remembered, question.about)
            offered = {choice.value for choice in question.choices}
            if value not in offered or question.about in asked:
                raise
            asked.add(question.about)
            used = used.with_answer(question, value)


def renewed(entry: ImageEntry, path: Path, folder: Path, image: Micrograph) -> ImageEntry:
    """The entry with the file at ``path`` as it is now and was read; its labels stay with it."""
    return replace(
        entry,
        name=_name_of(path),
        content=content_of(path),
        axes=image.axes,
        shape=tuple(int(n) for n in image.shape),
        predicted_by=None,
        **_place(path, folder),
    )


def found_below(
    missing: Sequence[ImageEntry], searched: Path, folder: Path
) -> dict[str, ImageEntry]:
    """Those of the ``missing`` images that lie below ``searched``, by size and hash, by id."""
    sizes = {entry.bytes for entry in missing}
    found: dict[str, ImageEntry] = {}
    for path in images_below(searched) if missing else ():
        facts = quick_facts(path)
        if facts is None or facts[0] not in sizes:
            continue
        content = content_of(path)
        for entry in missing:
            if entry.id not in found and entry.content == content:
                place = _place(path, folder)
                found[entry.id] = replace(entry, name=_name_of(path), **place)
    return found


def _place(path: Path, folder: Path) -> dict[str, Any]:
    """The fields of an entry that say where ``path`` is, its size and its date."""
    facts = quick_facts(path)
    if facts is None:
        raise ProjectError(f"{path} is not there; check the name and the folder")
    try:
        told = Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive of Windows
        told = str(path)
    return {"path": told, "last_seen": str(path), "bytes": facts[0], "modified_ns": facts[1]}
