"""Doubtful strokes: looked for when asked, shown one by one, deleted or relabelled as one edit."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from unetscope.errors import UnetscopeError
from unetscope.images.some_planes import whole_of
from unetscope.session.guidance import class_name
from unetscope.session.layers.accepting import Accepting
from unetscope.session.layers.place_marker import DOUBTFUL_STROKE, PlaceMarker
from unetscope.session.requests import StrokesChecked, StrokesRequest
from unetscope.session.values import painted_classes
from unetscope.workbench.context import Context
from unetscope.workbench.job_runner import JobEnded
from unetscope.workbench.part import Part

if TYPE_CHECKING:
    from unetscope.learning.advice.accepting import GrownRegion
    from unetscope.learning.advice.label_errors import DoubtfulStroke
    from unetscope.learning.samples import Sample

NICENESS = 10
PRUNE_MS = 300  # of rest after an edit, then strokes that it changed leave the list
_MARGIN_PX = 12  # between a stroke and the box around it
_IDLE = "Finds strokes that may be in the wrong class, by comparing each with all the others."


@dataclass(frozen=True, eq=False)
class Doubt:
    """A doubtful stroke and the image it is on; ``key`` is empty where that is not open."""

    key: str
    image: str
    stroke: DoubtfulStroke
    region: GrownRegion = field(repr=False)


class StrokeChecker(Part):
    """The doubtful strokes of the open images; ``changed`` says that there is something to show.

    ``image_wanted(key)`` asks for the image of a stroke before the camera goes there.
    """

    changed = Signal()
    image_wanted = Signal(str)

    def __init__(
        self, context: Context, marker: PlaceMarker, accepting: Accepting, parent: QObject
    ) -> None:
        super().__init__(context, parent)
        self._marker, self._accepting = marker, accepting
        self.doubts: tuple[Doubt, ...] = ()
        self.current: Doubt | None = None
        self._samples: list[Sample] = []  # that were asked about
        self._images: list[tuple[str, str]] = []  # (key, name) of each sample that was asked about
        self._said = _IDLE
        self.lane = self._lane(self._happened, self._ended, niceness=NICENESS)
        self._prune_timer = self._timer(PRUNE_MS, self._prune)
        self._follow(context.session.events.images, self._images_changed)
        self._follow(context.session.events.image, self._image_changed)

    @property
    def words(self) -> str:
        """What to read below the list, or instead of it."""
        if self.current is not None:
            return self.where(self.current) + self.current.stroke.text
        return self._said

    def where(self, doubt: Doubt) -> str:
        """The image a stroke is on, unless that is the present one."""
        image = self._session.image
        if image is not None and doubt.key == image.key:
            return ""
        return f"{doubt.image}: " if doubt.key else f"{doubt.image} (not open): "

    # ---- asking

    def check(self) -> None:
        """Compare the strokes that live answers know, of this image and of others."""
        context, session = self._context, self._session
        if session.image is None or session.model is None:
            return
        if len(painted_classes(session.painted)) < 2:
            self._say("Paint two classes first: a stroke is judged by the others.")
            return
        samples = context.layers.samples(session.image.channels)
        opened = {id(context.layers.learned_as(i.key)): (i.key, i.name) for i in session.images}
        named = [whole_of(sample.image)[0] for sample in samples]
        self._images = [
            opened.get(id(image), ("", image.name or sample.key))
            for image, sample in zip(named, samples, strict=True)
        ]
        self._samples = samples
        self.doubts, self.current = (), None
        names = {c.value: c.name for c in session.classes}
        request = StrokesRequest(session.model.model, samples, names)
        self.lane.start(partial(context.jobs.do, request))
        self._say("Comparing each stroke with all the others …")

    def _happened(self, ticket: Any, event: Any) -> None:
        if not isinstance(event, StrokesChecked):
            return
        self.doubts = tuple(
            Doubt(*self._images[stroke.sample], stroke, self._in_whole(stroke.sample, region))
            for stroke, region in event.doubts
        )
        self._said = self._counted()
        self._prune()  # of strokes that were changed meanwhile

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        if end.error is not None:
            self._context.tell(end.error, "Checking the strokes")
            self._said = _IDLE
        self.changed.emit()  # it may be asked again

    def _in_whole(self, sample: int, region: GrownRegion) -> GrownRegion:
        """A region of some planes of a stack as one of all of it; neighbours are so there, too."""
        image = self._samples[sample].image
        whole, first = whole_of(image, region.box[0].start if len(region.box) == 3 else 0)
        if whole is image:
            return region
        planes = slice(first, first + region.mask.shape[0])
        return replace(region, box=(planes, *region.box[1:]))

    def _counted(self) -> str:
        if not self.doubts:
            return "No stroke stands out: they agree with each other."
        if len(self.doubts) == 1:
            return "One stroke looks like another class. Click it to see it."
        return f"{len(self.doubts)} strokes look like another class. Click one to see it."

    # ---- one of them

    def go(self, doubt: Doubt) -> None:
        """Take the person to a stroke."""
        self.current = doubt
        image = self._session.image
        if doubt.key and image is not None:
            if doubt.key != image.key:
                self.image_wanted.emit(doubt.key)
            sides = (side.stop - side.start for side in doubt.region.box[-2:])
            size_px = max(sides) + 2 * _MARGIN_PX
            self._marker.go(doubt.key, _middle(doubt), size_px, DOUBTFUL_STROKE)
        self.changed.emit()

    @property
    def editable(self) -> bool:
        """Whether there is a chosen stroke, on an open image."""
        return self.current is not None and bool(self.current.key)

    def delete(self) -> None:
        """Erase the chosen stroke."""
        self._replace(0, "deleted")

    def relabel(self) -> None:
        """Paint the chosen stroke in the class it looks like."""
        if self.current is not None:
            value = self.current.stroke.believed
            self._replace(value, f"painted as {class_name(self._session, value)}")

    def _replace(self, value: int, done: str) -> None:
        doubt = self.current
        if doubt is None or not doubt.key:
            return
        if not self._is_there(doubt):
            self._prune()
            self._say("This stroke has changed meanwhile; check again.")
            return
        try:
            pixels = self._accepting.replace(doubt.key, doubt.region, value)
        except UnetscopeError as error:
            self._context.tell(error, "Changing the stroke")
            return
        self._leave(doubt)
        self._say(f"{pixels:,} px {done}. Z takes it back.")

    # ---- following

    def strokes_read(self) -> None:
        """Something was painted: strokes that are no longer as they were judged leave the list."""
        if self.doubts:
            self._prune_timer.start()

    def _images_changed(self, images: Any) -> None:
        if self.doubts:
            self._prune()

    def _image_changed(self, image: Any) -> None:
        self.changed.emit()  # a row names its image where that is another one

    def _prune(self) -> None:
        for doubt in self.doubts:
            if doubt.key and not self._is_there(doubt):
                self._leave(doubt)
                self._said = self._counted() if self.doubts else _IDLE
        self.changed.emit()

    def _leave(self, doubt: Doubt) -> None:
        self.doubts = tuple(other for other in self.doubts if other is not doubt)
        if self.current is doubt:
            self.current = None
            self._marker.clear(DOUBTFUL_STROKE)

    def _is_there(self, doubt: Doubt) -> bool:
        return self._accepting.is_painted(doubt.key, doubt.region, doubt.stroke.painted)

    def _say(self, text: str) -> None:
        self._said = text
        self.changed.emit()


def _middle(doubt: Doubt) -> tuple[int, ...]:
    """The middle of the box around a stroke; in a stack, on the plane of its own middle pixel."""
    flat = ((side.start + side.stop) // 2 for side in doubt.region.box[-2:])
    return (*doubt.stroke.centre[:-2], *flat)
