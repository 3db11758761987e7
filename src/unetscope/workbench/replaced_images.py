"""Images whose file is another one now: a person says what becomes of their strokes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from unetscope.images.questions import Choice
from unetscope.session.engine import projects
from unetscope.session.engine.projects import scratch

if TYPE_CHECKING:
    from unetscope.workbench.project_desk import ProjectDesk

KEEP, ASIDE = "keep", "aside"
_MOST_NAMES = 5


@dataclass(frozen=True)
class ReplacedQuestion:
    """What becomes of the strokes on images that were replaced."""

    text: str
    choices: tuple[Choice, ...]


class ReplacedImages(QObject):
    """Asks about the replaced images of ``desk``; until it is answered they stay closed.

    One question is put for all whose shape is the same as before, and one for the others.
    """

    def __init__(self, desk: ProjectDesk) -> None:
        super().__init__(desk)
        self._desk = desk
        self._asked: dict[str, str] = {}  # image id -> name of those that a question is about
        self._wanted: str | None = None  # the image that was to be opened

    def found(self, changed: projects.ImageChanged, *, wanted: bool = False) -> None:
        """An image is another one now; ``wanted`` where it was to be opened."""
        opened = self._desk.opened
        if opened is None:
            return
        name = opened.project.image(changed.image_id).name
        opened.changed[changed.image_id] = changed.fits
        if opened.cannot_write:
            self._desk.note(f"{name} was replaced by another file since it was painted on.")
            return
        if wanted:
            self._wanted = changed.image_id
        self._asked[changed.image_id] = name
        alike = {i: n for i, n in self._asked.items() if opened.changed.get(i) == changed.fits}
        question = replaced_question(tuple(alike.values()), fits=changed.fits)
        about = f"replaced images, {'same' if changed.fits else 'another'} shape"
        self._desk.questions.ask(about, question, partial(self._answered, tuple(alike)))
        self._desk.changed.emit()

    def wanted(self) -> str | None:
        """The image that was to be opened, once it may be; it is told once."""
        opened, wanted = self._desk.opened, self._wanted
        if opened is None or wanted is None or wanted in opened.changed:
            return None
        self._wanted = None
        return wanted

    def drop(self) -> None:
        """The project goes."""
        self._asked.clear()
        self._wanted = None

    def _answered(self, image_ids: Sequence[str], value: str | None) -> None:
        opened = self._desk.opened
        for image_id in image_ids:
            self._asked.pop(image_id, None)
        if opened is None or value is None:
            self._wanted = None
            return
        keep = value == KEEP
        project = scratch(opened.project)
        job = partial(projects.renewed_images, project, image_ids, keep_labels=keep)
        self._desk.intake.start(job, "Taking the new pixels")


def replaced_question(names: Sequence[str], *, fits: bool) -> ReplacedQuestion:
    """The question about images of these names; strokes can only be kept where they fit."""
    told = ", ".join(names[:_MOST_NAMES])
    if len(names) > _MOST_NAMES:
        told = f"{told} and {len(names) - _MOST_NAMES} more"
    one = len(names) == 1
    were, its, them = ("was", "its", "it") if one else ("were", "their", "them")
    aside = Choice(ASIDE, "Set the strokes aside")
    what = (
        f"{told} {were} replaced since {its} strokes were painted: these are new pixels. Nothing "
        f"is shown on {them} or learned from {them} until you answer."
    )
    if not fits:
        text = f"{what} The shape is another one, so the strokes cannot lie on {them}."
        return ReplacedQuestion(text, (aside,))
    text = f"{what} Do the strokes still fit?"
    return ReplacedQuestion(text, (Choice(KEEP, "They fit: keep the strokes"), aside))
