"""What files tell in the window: notes, and pixel sizes, which are also typed or drawn."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Signal

from unetscope.errors import UnetscopeError
from unetscope.session.layers.findings import Found, find_out
from unetscope.session.layers.pixel_sizes import PixelSizes, SizeTold, told_sizes
from unetscope.workbench.context import Context
from unetscope.workbench.job_runner import JobEnded
from unetscope.workbench.part import Part


class PixelSizeDesk(Part):
    """Knows where the size of each image comes from; ``changed`` says that one has another.

    In the background it also finds out what a person should know of an image, which the layers keep
    (:class:`~unetscope.session.layers.findings.Findings`).
    """

    changed = Signal()

    def __init__(self, context: Context, parent: QObject) -> None:
        super().__init__(context, parent)
        self._sizes = PixelSizes(context.layers)
        self._origins: dict[str, str] = {}
        self._asked: set[str] = set()  # images whose file was looked into for a size
        self._looked: dict[str, int] = {}  # image key -> serial of the pixels last looked at
        self.lane = self._lane(self._happened, self._ended)

    def close(self) -> None:
        """End without waiting; the line of a scale bar goes."""
        super().close()
        self._sizes.drop_line()

    def look(self, key: str) -> None:
        """Find out about an image what is not known yet, and its size where it came without one."""
        layers = self._context.layers
        if self.lane.busy or layers.layer(key) is None:
            return
        sized = self._sizes.unread_source(key) if key not in self._asked else None
        known = self._looked.get(key) == layers.images.serial(key)
        if known and sized is None:
            return
        self._asked.add(key)
        self._looked[key] = layers.images.serial(key)
        job = partial(_told, key, sized, None if known else self._question(key))
        self.lane.start(job, "Looking into the image")

    def _question(self, key: str) -> partial[Iterator[Found]]:
        """What is to be found out; images of a project bring the notes of their file along."""
        layers = self._context.layers
        file = layers.file(key)
        own = file is None or not file.exists() or layers.fixed_reading(key) != ""
        image = layers.micrograph(key)
        return partial(find_out, key, layers.images.serial(key), image, None if own else file)

    def origin(self, key: str) -> str:
        """Where the size of an image comes from, in words."""
        told = self._origins.get(key)
        if told is not None:
            return told
        return "from file" if self._context.layers.file(key) is not None else ""

    def set_typed(self, size: float, unit: str) -> bool:
        """Take a size that was typed; False where it is none, which is said."""
        return self._set((size,), unit, "typed")

    def start_line(self) -> None:
        """Let a person draw a line along the scale bar."""
        image = self._session.image
        if image is not None:
            self._sizes.start_line(image.key)

    def set_from_line(self, length: float, unit: str) -> bool:
        """Take the size that makes the drawn line as long as this; False where it cannot."""
        image = self._session.image
        if image is None:
            return False
        try:
            sizes = self._sizes.size_of_drawn_line(image.key, length, unit)
        except UnetscopeError as error:
            self._context.tell(error, "Measuring the scale bar")
            return False
        self._sizes.drop_line()
        return self._set(sizes, unit, "from the scale bar")

    def drop_line(self) -> None:
        """No line is wanted any more."""
        self._sizes.drop_line()

    def _set(self, sizes: tuple[float, ...], unit: str, origin: str) -> bool:
        image = self._session.image
        if image is None:
            return False
        before = self._origins.get(image.key)
        self._origins[image.key] = origin
        try:
            self._sizes.set_pixel_size(image.key, sizes if len(sizes) > 1 else sizes[0], unit)
        except UnetscopeError as error:
            self._origins.pop(image.key)
            if before is not None:
                self._origins[image.key] = before
            self._context.tell(error, "Setting the pixel size")
            return False
        self.changed.emit()
        return True

    def _happened(self, ticket: Any, event: Any) -> None:
        match event:
            case SizeTold() if self._sizes.take_told(event):
                self._origins[event.key] = "from file"
                self.changed.emit()
            case Found():
                self._context.layers.take_findings(event.key, event.findings, event.serial)

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        if isinstance(end.error, UnetscopeError):
            self._context.tell(end.error, str(ticket))
        if self._session.image is not None:
            self.look(self._session.image.key)


def _told(
    key: str, sized: Path | None, question: partial[Iterator[Found]] | None
) -> Iterator[SizeTold | Found]:
    """The header first, which takes no time; for a worker."""
    if sized is not None:
        yield from told_sizes(key, sized)
    if question is not None:
        yield from question()
