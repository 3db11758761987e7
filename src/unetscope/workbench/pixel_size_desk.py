"""What files tell in the window: notes, and pixel sizes, which are also typed or drawn."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from unetscope.errors import UnetscopeError
from unetscope.scaling.matching import Difference, difference
from unetscope.session.layers.findings import Found, find_out
from unetscope.session.layers.pixel_sizes import PixelSizes, SizeTold, told_sizes
from unetscope.session.project.reading import sample_key
from unetscope.session.values import ImageSummary, SizeLine
from unetscope.workbench.context import Context
from unetscope.workbench.job_runner import JobEnded
from unetscope.workbench.part import Part

if TYPE_CHECKING:
    from unetscope.learning.pixel_model import PixelModel


class PixelSizeDesk(Part):
    """Knows where the size of each image comes from; ``changed`` says that one has another.

    Where the model that answers learned from pixels of another size, a person chooses how images
    are seen (:mod:`unetscope.scaling.matching`); ``seen_otherwise`` says that it is done anew.

    In the background it also finds out what a person should know of an image, which the layers keep
    (:class:`~unetscope.session.layers.findings.Findings`).
    """

    changed = Signal()
    seen_otherwise = Signal()

    def __init__(self, context: Context, parent: QObject) -> None:
        super().__init__(context, parent)
        self._sizes = PixelSizes(context.layers)
        self._origins: dict[str, str] = {}
        self._asked: set[str] = set()  # images whose file was looked into for a size
        self._looked: dict[str, int] = {}  # image key -> serial of the pixels last looked at
        self.lane = self._lane(self._happened, self._ended)
        for emitter in (self._session.events.model, self._session.events.image):
            self._follow(emitter, self._match)
        self._follow(self._session.events.size_choice, self._match)

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

    # ---- beside the model's

    def choose(self, how: str) -> None:
        """See the image on screen at the size that the model knows ("resample"), or "as-is"."""
        session = self._session
        if session.image is not None:
            session.size_choice = {**session.size_choice, session.image.key: how}

    def _match(self, *_: Any) -> None:
        """Say how pixels differ from those of the model, and see images as was chosen."""
        session = self._session
        model = session.model.model if session.model is not None else None
        if getattr(model, "provenance", None) is None or session.image is None:
            session.size_line = None
            return
        assert session.model is not None
        changed, seen_at = False, dict[str, str]()
        for image in session.images:
            found = self._difference(session.model.model, image)
            chosen = session.size_choice.get(image.key)
            resample = found is not None and chosen == "resample" and not found.is_absurd
            factors = found.ratios if found is not None and resample else None
            changed |= self._context.layers.see_at(image.key, factors)
            if found is not None and resample:
                seen_at[image.key] = f"{found.learned} a pixel (the image has {found.own})"
            if image.key == session.image.key:
                session.size_line = None if found is None else _line(found, chosen)
        session.seen_at = seen_at
        if changed:
            self.seen_otherwise.emit()

    def _difference(self, model: PixelModel, image: ImageSummary) -> Difference | None:
        """None also where the model learned from this very image and from nothing else."""
        note, learned = self._context.layers.note(image.key), model.instant.learned
        own = {image.key, sample_key(*note) if note is not None else ""}
        known = model.network is None and learned is not None and learned.latest
        if known and own.issuperset(known):
            return None
        return difference(model, image)[0]

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


def _line(found: Difference, chosen: str | None) -> SizeLine:
    both = f"Model {found.learned}/px, image {found.own}/px: {found.words}."
    if chosen == "as-is":
        return SizeLine(f"{both} It is seen as it is.", resample=not found.is_absurd)
    if chosen == "resample" and not found.is_absurd:
        steps = " Labels that are brought back have steps." if min(found.ratios) < 1 else ""
        text = (
            f"Seen at {found.learned}/px, as the model learned it: resampled from {found.own}/px."
        )
        return SizeLine(f"{text}{steps}", as_is=True)
    if not found.is_far:
        return SizeLine(both, resample=True, as_is=True)
    wrong = f"{both} That is mostly a wrong unit: correct the pixel size, or say that it is meant."
    return SizeLine(wrong, resample=not found.is_absurd, as_is=True, refused=wrong)


def _told(
    key: str, sized: Path | None, question: partial[Iterator[Found]] | None
) -> Iterator[SizeTold | Found]:
    """The header first, which takes no time; for a worker."""
    if sized is not None:
        yield from told_sizes(key, sized)
    if question is not None:
        yield from question()
