"""What a project has to ask: its questions one after the other, and that of replaced images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from qtpy.QtCore import QObject, Signal

from unetscope.images.questions import Asked, Choice
from unetscope.session.engine import projects
from unetscope.workbench.project_context import ProjectContext

Then = Callable[[str | None], None]

KEEP, ASIDE = "keep", "aside"
_MOST_NAMES = 5


class OpenQuestions(QObject):
    """``asked(question)`` for the first that waits, ``asked(None)`` when none does any more."""

    asked = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._open: dict[str, tuple[Asked, Then]] = {}

    @property
    def first(self) -> Asked | None:
        """The question that is shown."""
        return next((question for question, _ in self._open.values()), None)

    def ask(self, about: str, question: Asked, then: Then) -> None:
        """Ask; ``then`` is called with the value of the answer, None for *Not now*.

        A question about the same that waits is replaced.
        """
        self._open[about] = (question, then)
        self.asked.emit(self.first)

    def answer(self, value: str | None) -> None:
        """The question that is shown has this answer."""
        if not self._open:
            return
        _, then = self._open.pop(next(iter(self._open)))
        then(value)
        self.asked.emit(self.first)

    def drop(self) -> None:
        """Ask nothing any more."""
        self._open.clear()
        self.asked.emit(None)


@dataclass(frozen=True)
class ReplacedQuestion:
    """What becomes of the strokes on images that were replaced."""

    text: str
    choices: tuple[Choice, ...]


class ReplacedImages(QObject):
    """Asks about the replaced images of a project; until it is answered they stay closed.

    One question is put for all whose shape is the same as before, and one for the others.
    ``answered(image ids, keep their strokes)`` says what becomes of them.
    """

    answered = Signal(object, bool)

    def __init__(self, project: ProjectContext, questions: OpenQuestions, parent: QObject) -> None:
        super().__init__(parent)
        self._project, self._questions = project, questions
        self._asked: dict[str, str] = {}  # image id -> name of those that a question is about
        self._wanted: str | None = None  # the image that was to be opened

    def found(self, changed: projects.ImageChanged, *, wanted: bool = False) -> None:
        """An image is another one now; ``wanted`` where it was to be opened."""
        opened = self._project.opened
        if opened is None:
            return
        name = opened.project.image(changed.image_id).name
        opened.changed[changed.image_id] = changed.fits
        if opened.cannot_write:
            self._project.note(f"{name} was replaced by another file since it was painted on.")
            return
        if wanted:
            self._wanted = changed.image_id
        self._asked[changed.image_id] = name
        alike = {i: n for i, n in self._asked.items() if opened.changed.get(i) == changed.fits}
        question = replaced_question(tuple(alike.values()), fits=changed.fits)
        about = f"replaced images, {'same' if changed.fits else 'another'} shape"
        self._questions.ask(about, question, partial(self._answered, tuple(alike)))
        self._project.changed.emit()

    def wanted(self) -> str | None:
        """The image that was to be opened, once it may be; it is told once."""
        opened, wanted = self._project.opened, self._wanted
        if opened is None or wanted is None or wanted in opened.changed:
            return None
        self._wanted = None
        return wanted

    def drop(self) -> None:
        """The project goes."""
        self._asked.clear()
        self._wanted = None

    def _answered(self, image_ids: Sequence[str], value: str | None) -> None:
        for image_id in image_ids:
            self._asked.pop(image_id, None)
        if self._project.opened is None or value is None:
            self._wanted = None
        else:
            self.answered.emit(image_ids, value == KEEP)


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
