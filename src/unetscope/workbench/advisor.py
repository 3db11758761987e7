"""Where to paint next: asked for in the background when an answer is complete, shown one by one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from unetscope.images.some_planes import whole_of
from unetscope.session.guidance import can_answer_image
from unetscope.session.layers.big_labels import TiledLabels, blank_labels
from unetscope.session.layers.place_marker import PAINT_HERE, PlaceMarker
from unetscope.session.layers.rounds import Rounds
from unetscope.session.layers.screen import camera_view, show_view
from unetscope.session.requests import PlacesRanked, PlacesRequest
from unetscope.session.values import ImageSummary, Message
from unetscope.workbench.context import Context
from unetscope.workbench.job_runner import JobEnded
from unetscope.workbench.part import Part

if TYPE_CHECKING:
    from unetscope.learning.advice.next_places import Place

REST_MS = 600  # after an answer: it is soon followed by a better one with the forest
ROUND_MS = 1500  # a rest as long as this, and the answer is there: a round of painting is over
NICENESS = 10  # answers, training and the window go first


class Advisor(Part):
    """The ranked places of the present image; ``changed`` says that there are others.

    Nothing is computed before :attr:`wanted` is set, by opening the list or pressing its key.
    """

    changed = Signal()

    def __init__(self, context: Context, parent: QObject) -> None:
        super().__init__(context, parent)
        self.marker = PlaceMarker(context.layers)
        self.places: tuple[Place, ...] = ()
        self.current: Place | None = None  # where the person was taken
        self._asked = False  # whether the list is wanted
        self._looked = False  # whether the list is of the present image and model
        self._go_on = False  # take the person to the best place once it is known
        self._painted_px = 0  # at the current place, when the person came there
        self._came_from: Any = None  # the camera before the first place
        self._closed = False
        self.lane = self._lane(self._happened, self._ended, niceness=NICENESS)
        self._ask_timer = self._timer(REST_MS, self._ask)
        self.rounds = Rounds(context.layers, context.results)
        self._round_timer = self._timer(ROUND_MS, self._round_ended)
        events = context.session.events
        self._follow(events.answering, self._answering_changed)
        self._follow(events.model, self._model_changed)
        self._follow(events.image, self._image_changed)

    def close(self) -> None:
        """Stop, and take the marker away."""
        self._closed = True
        super().close()
        self.marker.clear()

    @property
    def wanted(self) -> bool:
        """Whether places are looked for after each answer."""
        return self._asked

    @wanted.setter
    def wanted(self, on: bool) -> None:
        self._asked = on
        if on and not self._looked:
            self._ask()
        elif not on:
            self._ask_timer.stop()
            self.lane.drop()

    @property
    def words(self) -> str:
        """What to read where the list is, or instead of it."""
        session = self._session
        if session.image is None or not can_answer_image(session):
            return "Paint two classes: then this lists where one more stroke would help most."
        if self.places:
            return (
                "In the order in which a stroke helps: unsure, far from strokes, and not asked "
                "yet. Behind each, about how many pixels are wrong there. Click a row, or press N "
                "for the next one; Shift+N leads back."
            )
        if not self._looked or self.lane.busy:
            return "Looking for the places that help most …"
        return "No place stands out: the model is sure wherever nothing is painted."

    @property
    def stop_words(self) -> str:
        """Whether more strokes will help, from how much the last rounds corrected; or nothing."""
        names = {c.value: c.name for c in self._session.classes}
        advice = self.rounds.advice(names)
        return "" if advice is None else advice.text

    # ---- going there

    def go(self, place: Place) -> None:
        """Take the person to a place."""
        image = self._session.image
        if image is None:
            return
        if self.current is None:
            self._came_from = camera_view(self._context.layers.viewer)
        self.current = place
        self._painted_px = self._painted_at(place)
        self.marker.go(image.key, place.centre, place.size_px)
        self.changed.emit()

    def go_back(self) -> None:
        """Take the person back to what was in view before the first place."""
        if self._came_from is not None:
            self.current = None
            self.marker.clear(PAINT_HERE)
            show_view(self._context.layers.viewer, self._came_from)
            self._came_from = None
            self.changed.emit()

    def go_to_next(self) -> None:
        """Take the person to the place after the current one, or to the best.

        Before there is an answer that is said, and forgotten: later the camera stays where it is.
        """
        session = self._session
        if session.image is None or not can_answer_image(session):
            session.message = Message(
                "There is no answer yet that could be unsure somewhere. Paint two classes first."
            )
            return
        if not self._asked:
            self._asked = True
        if not self.places:
            self._go_on = True
            self._ask()
            return
        places = list(self.places)
        at = places.index(self.current) + 1 if self.current in places else 0
        self.go(places[at % len(places)])

    def strokes_read(self) -> None:
        """Something was painted: a round goes on; the place a person was taken to may be done."""
        if self._session.image is not None:
            self.rounds.begin(self._session.image.key)
            self._round_timer.start()
        self._go_on = False  # who paints is not taken elsewhere
        place = self.current
        if place is None or self._painted_at(place) <= self._painted_px:
            return
        self.current = None
        self.marker.clear(PAINT_HERE)
        self.places = tuple(other for other in self.places if other != place)
        self.changed.emit()

    def begin_rounds_anew(self) -> None:
        """Another model answers: rounds that were painted on the last one say nothing of it."""
        self._round_timer.stop()
        self.rounds.begin_anew(self._labels() if self._session.image is not None else None)
        self.changed.emit()

    # ---- asking

    def _ask(self) -> None:
        """Survey the present image with the present model, unless an answer is under way."""
        context, session = self._context, self._session
        if self._closed or not self._asked:
            return
        if session.image is None or session.model is None or session.answering:
            return
        if not can_answer_image(session) or len(session.model.model.classes) < 2:
            self.changed.emit()
            return
        request = PlacesRequest(
            model=session.model.model,
            target=context.target(session.image.key),
            labels=self._labels(),
            names={c.value: c.name for c in session.classes},
        )
        self.lane.start(partial(context.jobs.do, request), session.image.key)
        self.changed.emit()

    def _labels(self) -> np.ndarray:
        """The strokes of the present image as they were read last.

        A check box counts as painted all over: no stroke in it helps.
        """
        image = self._session.image
        assert image is not None  # asked for by those who looked
        found = self._strokes(image)
        boxes = self._context.layers.boxes(image.key)
        if boxes:
            found = found if isinstance(found, TiledLabels) else np.array(found)
            for box in boxes:
                if box.fits(found.shape):
                    found[box.region(found.ndim)] = self._session.current_class
        return found

    def _strokes(self, image: ImageSummary) -> np.ndarray:
        shown = self._context.layers.learned_as(image.key)
        for sample in self._context.layers.samples(image.channels):
            whole, _ = whole_of(sample.image)
            if whole is not shown:  # in a project a sample has a key of its own
                continue
            if whole is sample.image:
                return sample.labels
            found: Any = blank_labels(image.spatial_shape)
            for index, plane in enumerate(sample.labels):
                if plane.any():
                    found[whole_of(sample.image, index)[1]] = plane
            return found
        return np.broadcast_to(np.uint8(0), image.spatial_shape)

    def _painted_at(self, place: Place) -> int:
        if self._session.image is None:
            return 0
        half = place.size_px // 2
        box: tuple[Any, ...] = (
            *place.centre[:-2],
            *(slice(max(0, i - half), i + half + 1) for i in place.centre[-2:]),
        )
        return int(np.count_nonzero(self._labels()[box]))

    def _happened(self, ticket: Any, event: Any) -> None:
        image = self._session.image
        if not isinstance(event, PlacesRanked) or image is None or ticket != image.key:
            return
        self.places = event.places
        self._looked = event.whole
        if self._go_on and self.places:
            self._go_on = False
            self.go(self.places[0])
        self.changed.emit()

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        self._go_on = False
        if end.error is not None:
            self._looked = True  # asking again would fail again, until the model changes
            self._context.tell(end.error, "Looking where to paint next")
        self.changed.emit()

    # ---- following the session

    def _answering_changed(self, answering: bool) -> None:
        if answering:
            self.lane.drop()  # it asks a model that is about to be replaced
        else:
            self._ask_soon()

    def _model_changed(self, model: Any) -> None:
        self._looked = False
        self._ask_soon()

    def _round_ended(self) -> None:
        session = self._session
        if session.answering:  # the next round is to be painted on that answer
            self._round_timer.start()
        elif session.image is not None and self.rounds.end(self._labels()):
            self.changed.emit()

    def _image_changed(self, image: Any) -> None:
        self._round_timer.stop()
        self.rounds.look(self._labels() if image is not None else None)
        self.marker.clear()
        self.places, self.current, self._looked = (), None, False
        self.lane.drop()
        self._ask_soon()
        self.changed.emit()

    def _ask_soon(self) -> None:
        if self._asked and not self._looked:
            self._ask_timer.start()
