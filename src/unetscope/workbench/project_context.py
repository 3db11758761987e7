"""What the parts of the project desk share: the open project, and what is told of it."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject, Signal

from unetscope.session.engine.projects import OpenProject
from unetscope.session.journal.places import JournalPlace
from unetscope.session.values import Message
from unetscope.workbench.context import Context
from unetscope.workbench.job_runner import JobEnded

_MOST_TOLD = 50  # what does not fit into the status line is behind *more*


class ProjectContext(QObject):
    """One window's project, or none; ``changed`` says that there is something else to show.

    ``opened`` is None without a project.
    """

    changed = Signal()

    def __init__(self, context: Context, parent: QObject) -> None:
        super().__init__(parent)
        self._context = context
        self.opened: OpenProject | None = None
        self._told: list[str] = []

    @property
    def writable(self) -> OpenProject | None:
        """The open project, where it can be written."""
        return None if self.opened is None or self.opened.cannot_write else self.opened

    def own(self) -> dict[str, str]:
        """Image key -> image id of the open images of this project."""
        folder = self.opened.folder if self.opened is not None else None
        noted = self._context.layers.noted().items()
        return {key: image_id for key, (own, image_id) in noted if own == folder}

    @property
    def shown_id(self) -> str | None:
        """The id of the image that is worked on; None if it is not of this project."""
        image = self._context.session.image
        return None if image is None else self.own().get(image.key)

    def journal_place(self, key: str) -> JournalPlace | None:
        """Where strokes on an image are kept; None for one that is not of a project."""
        image_id = self.own().get(key)
        if self.opened is None or image_id is None:
            return None
        return self.opened.journal_place(image_id)

    # ---- what is told

    def note(self, text: str) -> None:
        """Tell this when the work in the background that found it has ended."""
        self._told.append(text)

    def report(self, ticket: Any, end: JobEnded) -> None:
        """Work in the background has ended: say what went wrong, and show the list anew."""
        if end.error is not None:
            self.tell(end.error, str(ticket))
        elif self._told:
            told, self._told = self._told, []
            more = f" (and {len(told) - _MOST_TOLD} more)" if len(told) > _MOST_TOLD else ""
            self._context.session.message = Message(" ".join(told[:_MOST_TOLD]) + more)
        self.changed.emit()

    def tell(self, error: Exception, doing: str) -> None:
        """Show an error in words."""
        self._context.tell(error, doing)
