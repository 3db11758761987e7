"""Every stroke is answered: the view first, then the rest; newer strokes replace older requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any

from qtpy.QtCore import QObject, Qt, Signal

from unetscope.errors import OutOfMemoryError
from unetscope.images.target import Box
from unetscope.learning.events import HeadFitted
from unetscope.session.guidance import can_answer_image
from unetscope.session.requests import AnswerRequest, TileShown, Warmed, WarmRequest
from unetscope.session.values import Message, painted_classes
from unetscope.workbench.context import LIVE_IMAGE_PX, LIVE_VIEW_PX, Context
from unetscope.workbench.job_runner import JobEnded
from unetscope.workbench.part import Part

REST_MS = 30  # strokes are looked at no more often than this
FIRST_MS = 40  # the first tile of an answer waits this long for the rest of the view
REDRAW_MS = 100
REFINE_MS = 400  # of rest after an answer, then the forest is grown


class LiveAnswers(Part):
    """Watches the strokes, asks the engine, and paints what it answers.

    ``strokes_read`` says that the strokes have changed and were copied.
    """

    strokes_read = Signal()
    _look_next = Signal()

    def __init__(self, context: Context, parent: QObject) -> None:
        super().__init__(context, parent)
        self.lane = self._lane(self._happened, self._ended, niceness=2)
        self._touched: set[str] = set()
        self._answered = True  # whether something of the running request was drawn
        self._waiting = False
        self._subject: tuple[Any, ...] = ()  # what the running request is about
        self._strokes = 1  # grows with each change of strokes
        self._head_of = (0, False)  # the strokes the model's head knows, and whether with forest
        self._closed = False
        self._written_keys: set[str] = set()  # images on which the present model has answered
        self._looked_at = 0.0
        self._look_posted = False
        # Queued, not timed: it comes before the canvas is drawn again, which takes its time.
        self._look_next.connect(self.look, Qt.ConnectionType.QueuedConnection)
        self._look_timer = self._timer(REST_MS, self.look)
        self._refine_timer = self._timer(REFINE_MS, self._refine)
        self._ask_timer = self._timer(REST_MS, self.ask)
        self._first_timer = self._timer(FIRST_MS, self._show_first)
        self._redraw_timer = self._timer(REDRAW_MS, self.redraw)

    def close(self) -> None:
        """Stop; nothing is painted any more."""
        self._closed = True
        super().close()

    # ---- strokes

    def touched(self, key: str) -> None:
        """The strokes of an image may have changed: look soon."""
        self._touched.add(key)
        if self._look_posted or self._look_timer.isActive():
            return
        if (perf_counter() - self._looked_at) * 1000 < REST_MS:
            self._look_timer.start()
        else:
            self._look_posted = True
            self._look_next.emit()

    def look(self) -> None:
        """Copy the strokes that changed, count them, and answer."""
        self._look_posted, self._looked_at = False, perf_counter()
        touched, self._touched = self._touched, set()
        if self._closed:
            return
        changed = [key for key in touched if self._context.layers.read_strokes(key)]
        if changed:
            self._strokes += 1
            self.count()
            if self._session.message is not None:
                self._session.message = None
            self.strokes_read.emit()
            self.ask()

    def learn_again(self) -> None:
        """Other pixels than before are learned from, though nothing was painted."""
        self._strokes += 1
        self.count()
        self.strokes_read.emit()
        self.ask()

    def count(self) -> None:
        """Bring the painted pixels of the table up to date; unknown labels become classes."""
        session = self._session
        if session.image is None:
            return
        painted = self._context.layers.painted_pixels(session.image.channels)
        session.find_classes(painted)
        if session.brush_label != session.current_class:
            session.choose_class(session.brush_label)  # a label of napari's became a class
        if painted != session.painted:
            session.painted = painted

    # ---- answers

    @property
    def up_to_date(self) -> bool:
        """Whether the newest strokes are answered, with the forest."""
        return not self._touched and self._head_of == (self._strokes, True)

    def ask_soon(self) -> None:
        """Ask after a moment of rest (a slider, a change of what is shown)."""
        self._ask_timer.start()

    def ask(self, *, quick_first: bool = True) -> None:
        """Ask for the answer to the present strokes where Live is on.

        ``quick_first``: something else is to be seen, so show it at once; not where an answer
        that is on screen only gets better.
        """
        session = self._session
        if session.image is None or session.model is None:
            return
        strokes = len(painted_classes(session.painted)) >= 2
        if not session.live:
            return
        if not strokes and not can_answer_image(session):
            self._warm()
            return
        if self.lane.busy and not self._answered and self._subject == self._present_subject():
            self._waiting = True  # let the running request show something first
            return
        self._start(strokes=strokes, quick_first=quick_first)

    def stop(self) -> None:
        """Live was switched off: what is under way is void."""
        self._waiting = False
        self._refine_timer.stop()
        self._first_timer.stop()
        self.lane.drop()
        self._session.answering = False

    def forget(self) -> None:
        """The model was replaced: its head does not know the strokes."""
        self._head_of = (0, False)
        self._written_keys.clear()
        self.stop()

    def _refine(self) -> None:
        """After a rest: the same answer, averaged with the forest."""
        if not self.lane.busy and self._session.live:
            self._start(strokes=True, with_forest=True)

    def _present_subject(self) -> tuple[Any, ...]:
        session = self._session
        key = session.image.key if session.image else ""
        return key, session.show, session.current_class, self._context.layers.visible(key)[0]

    def _start(
        self, *, strokes: bool, with_forest: bool = False, quick_first: bool = False
    ) -> None:
        context, session = self._context, self._session
        if session.image is None or session.model is None:
            return
        self._refine_timer.stop()
        known = self._head_of[0] == self._strokes and (self._head_of[1] or not with_forest)
        samples = []
        if strokes and not known:
            samples = context.layers.samples(session.image.channels)
        flat = session.image.depth == 1
        whole = flat and session.image.pixels <= LIVE_IMAGE_PX
        target = context.target(session.image.key)
        if session.image.pixels > LIVE_IMAGE_PX:
            target = replace(target, view=_middle(target.view, session.image.spatial_shape))
        request = AnswerRequest(
            model=session.model.model,
            samples=samples,
            classes=session.classes,
            target=target,
            show=session.show,
            shown_class=session.current_class,
            with_forest=with_forest,
            quick_first=quick_first,
            whole_image=whole,
        )
        self._first_timer.stop()
        self._answered, self._waiting = False, False
        self._subject = self._present_subject()
        session.answering = True
        ticket = (self._strokes, context.made(request.target))
        self.lane.start(partial(context.jobs.do, request), ticket)

    def _warm(self) -> None:
        session = self._session
        if session.image is None or session.model is None or self.lane.busy:
            return
        if not session.model.model.can_answer:  # one that can knows other channels
            target = self._context.target(session.image.key)
            self._answered = True
            job = partial(self._context.jobs.do, WarmRequest(session.model.model, target))
            self.lane.start(job)

    def _happened(self, ticket: Any, event: Any) -> None:
        context = self._context
        if isinstance(event, TileShown):
            self._written_keys.add(event.key)
            context.results.write(event.key, event, context.look(), ticket[1])
            self._written(event)
        elif isinstance(event, Warmed):
            context.session.device = event.device
        elif isinstance(event, HeadFitted):
            context.session.apply(event)
            self._head_of = (ticket[0], event.with_forest)
        else:
            context.session.apply(event)

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        self._first_timer.stop()
        self._answered = True
        self._session.answering = False
        self.redraw()
        if isinstance(end.error, OutOfMemoryError):
            self._session.message = Message(str(end.error))
        elif end.error is not None:
            self._context.tell(end.error, "The instant answer")
        elif self._waiting:
            self.ask()
        elif self._head_of == (self._strokes, False):
            self._refine_timer.start()

    # ---- drawing

    def _written(self, tile: TileShown) -> None:
        """Draw a new answer once, when the view is complete, unless that takes too long.

        Each time, the canvas is drawn as well, which costs more than the answer and slows it.
        """
        if self._answered:
            self._redraw_soon()
        elif tile.done == tile.total:
            self._show_first()
        elif not self._first_timer.isActive():
            self._first_timer.start()

    def _show_first(self) -> None:
        """Draw what is there of a new answer; from now on newer strokes may replace it."""
        self._first_timer.stop()
        self._answered = True
        self.redraw()
        if self._waiting:
            self.ask()

    def _redraw_soon(self) -> None:
        if not self._redraw_timer.isActive():
            self._redraw_timer.start()

    def redraw(self) -> None:
        """Draw new tiles, and rest at least five times as long as that took."""
        start = perf_counter()
        self._context.results.redraw()
        self._session.seen |= self._written_keys
        self._context.say_what_was_answered()
        spent_ms = (perf_counter() - start) * 1000
        self._redraw_timer.setInterval(max(REDRAW_MS, round(5 * spent_ms)))


def _middle(view: Box | None, shape: Sequence[int]) -> Box:
    """The middle of a view (None: all), no larger than :data:`LIVE_VIEW_PX`.

    Zoomed out, all that is on screen would take minutes, and no stroke would be answered meanwhile.
    """
    height, width = shape[-2:]
    rows, columns = view or (slice(0, height), slice(0, width))
    return _cut(rows), _cut(columns)


def _cut(side: slice) -> slice:
    surplus = max(0, side.stop - side.start - LIVE_VIEW_PX)
    start = side.start + surplus // 2
    return slice(start, side.stop - (surplus - surplus // 2))
