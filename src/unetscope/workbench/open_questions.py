"""Questions of the open project, put to a person one after the other."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, Signal

from unetscope.images.questions import Asked

Then = Callable[[str | None], None]


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
