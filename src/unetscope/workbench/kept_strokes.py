"""Strokes that outlive the window: kept as they are painted, undone, and brought back."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject

from unetscope.errors import UnetscopeError
from unetscope.session.journal.places import JournalPlace
from unetscope.session.journal.status import JournalStatus
from unetscope.session.layers.stroke_keeping import StrokeKeeper
from unetscope.workbench.context import Context
from unetscope.workbench.part import Part
from unetscope.workbench.timers import repeated

TEND_MS = 1000  # what the disk did not take is tried again, and unseen edits are looked for


class KeptStrokes(Part):
    """The journals of a window's images and what a person does with them.

    ``place`` says where the journal of a project's image is, None for any other image.
    """

    def __init__(
        self, context: Context, place: Callable[[str], JournalPlace | None], parent: QObject
    ) -> None:
        super().__init__(context, parent)
        self.keeper = StrokeKeeper(context.layers, place=place)
        self._follow(context.session.events.classes, self.keeper.keep_classes)
        self._timers.append(repeated(self, TEND_MS, self.keeper.tend))

    def close(self) -> None:
        """Record what is not yet, and close the journals; before the layers are let go."""
        super().close()
        self.keeper.close()

    @property
    def status(self) -> JournalStatus:
        """What there is to say about the journal of the present image."""
        image = self._session.image
        return self.keeper.status(image.key if image else "")

    def open(self, key: str) -> None:
        """Look for strokes that were painted on this image before, and keep those to come."""
        try:
            self.keeper.open(key)
        except (UnetscopeError, OSError) as error:
            self._context.tell(error, "Keeping the strokes of this image")

    def move(self, key: str) -> None:
        """The image has become one of a project: keep its strokes there from now on."""
        try:
            self.keeper.move(key)
        except (UnetscopeError, OSError) as error:
            self._context.tell(error, "Keeping the strokes of this image in the project")

    def undo(self) -> None:
        """Take back the newest edit of the strokes, also one of an earlier day."""
        self._step(self.keeper.undo)

    def redo(self) -> None:
        """Do again what was taken back."""
        self._step(self.keeper.redo)

    def restore(self) -> None:
        """Bring back the strokes that the journal of this image offers, with their classes."""
        session, layers = self._session, self._context.layers
        if session.image is None or self.status.offer is None:
            return
        try:
            layers.paint_with(session.image.key, session.current_class, session.classes)
            brought = self.keeper.restore(session.image.key)
        except UnetscopeError as error:
            self._context.tell(error, "Bringing the strokes back")
            return
        known = {c.value: c for c in (*session.classes, *brought)}
        session.classes = tuple(known[value] for value in sorted(known))
        layers.colour(session.classes)

    def decline(self) -> None:
        """Offer them no more in this window."""
        if self._session.image is not None:
            self.keeper.decline(self._session.image.key)

    def _step(self, step: Callable[[str], bool]) -> None:
        if self._session.image is None:
            return
        try:
            step(self._session.image.key)
        except UnetscopeError as error:
            self._context.tell(error, "Going back")
