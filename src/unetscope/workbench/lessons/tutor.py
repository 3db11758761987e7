"""What happens when a person is at a lesson: opened, asked, guessed, changed, put back.

An experiment runs in a lane of its own. While a short one runs a newer wish waits for its end, so
that a slider that is dragged shows pictures on the way; a long one is dropped for the newer wish.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Signal

from unetscope.errors import LessonError, UnetscopeError
from unetscope.lessons.bench import Laid
from unetscope.lessons.gallery import all_lessons
from unetscope.lessons.lesson_files import LANGUAGES
from unetscope.lessons.visit import Visit
from unetscope.looking.answers import Shown, Working
from unetscope.session.layers.connections import Connections
from unetscope.session.layers.project_layers import layers_of
from unetscope.session.lessons.learner_record import LearnerRecord, new_guess
from unetscope.session.lessons.lesson_state import AtLessons
from unetscope.session.values import Message
from unetscope.workbench.job_runner import JobEnded, Lane
from unetscope.workbench.lessons.lesson_stage import LessonStage
from unetscope.workbench.lessons.own_images import OwnImages, OwnThings
from unetscope.workbench.timers import single_shot

PATIENCE_MS = 150  # how long a newer wish waits for an experiment that runs


class Tutor(QObject):
    """One viewer's lessons; :meth:`close` ends all of it.

    Signals
    -------
    clicked(place) : (y, x) of what the lesson works on, where a click was waited for.

    Parameters
    ----------
    folders : more folders of lessons.
    record : what is kept of the learner; the user's own file where nothing is said.
    """

    clicked = Signal(object)

    def __init__(
        self,
        viewer: Any,
        parent: QObject,
        folders: Iterable[Path] = (),
        record: LearnerRecord | None = None,
    ) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.record = LearnerRecord() if record is None else record
        self.layers = layers_of(viewer)
        self.stage = LessonStage(self.layers, self)
        self.stage.pointed.connect(self._pointed)
        self.own_images = OwnImages(viewer, self.layers)
        self.state = AtLessons(language=_known(self.record.language))
        self.things: OwnThings | None = None
        self._folders = tuple(folders)
        self._nets: dict[tuple[Any, ...], Any] = {}  # of the network that was built last
        self._closed = False
        self._started = 0.0
        self.lane = Lane(self)
        self.lane.happened.connect(self._happened)
        self.lane.ended.connect(self._ended)
        self._again = single_shot(self, PATIENCE_MS, self._run)
        self._connections = Connections()
        self._connections.connect(self.layers.images_changed, self._images_changed)
        self.read_gallery()
        if self.record.problem:
            self.state.message = Message(self.record.problem)

    def close(self) -> None:
        """Stop, and put back what was on screen; twice is harmless."""
        if self._closed:
            return
        self.leave()
        self._closed = True
        self._again.stop()
        self.stage.close()
        self.lane.close()
        self._connections.close()
        self.layers.close()

    @property
    def busy(self) -> bool:
        """Whether an experiment runs, or waits to."""
        return self.lane.busy or self._again.isActive() or self.stage.busy

    # ---- the gallery

    def read_gallery(self) -> None:
        """Read the lessons, also those that were dropped into the folder meanwhile."""
        self.state.gallery = all_lessons(self.state.language, self._folders)

    def speak(self, language: str) -> None:
        """Another language, of the lesson that is open as well."""
        state = self.state
        if language == state.language or language not in LANGUAGES:
            return
        state.language = language
        self._keep(partial(self.record.choose_language, language))
        self.read_gallery()
        visit = state.visit
        if visit is not None:
            visit.lesson = state.gallery.lesson(visit.lesson.id)
        state.turn += 1

    def open(self, wanted: str, step: int | None = None) -> None:
        """Open a lesson by its id or number, at ``step`` (from 0) or where it was left."""
        try:
            lesson = self.state.gallery.lesson(wanted)
        except LessonError as error:
            self.tell(error, "Opening")
            return
        if self._closed:
            return
        self._drop()
        self.stage.enter()
        self.things = None
        if step is None:
            seen = self.record.of(lesson.id).seen
            unseen = [at for at in range(len(lesson.step)) if at + 1 not in seen]
            step = unseen[0] if unseen else 0
        self.state.message = None
        self.state.visit = Visit(lesson, at=min(step, len(lesson.step) - 1))
        self._check_own()
        self._arrive()

    def leave(self) -> None:
        """Back to the gallery: work stops, the screen is as it was."""
        if self._closed:
            return
        self._drop()
        self.stage.leave()
        self.things, self.state.visit = None, None
        self.state.turn += 1

    # ---- the lesson

    def go(self, step: int) -> None:
        """Go to a step, from 0; beyond the last one is the gallery."""
        visit = self.state.visit
        if visit is None:
            return
        if step >= len(visit.lesson.step):
            self.leave()
            return
        if 0 <= step != visit.at:
            visit.at = step
            self._arrive()

    def go_on(self) -> None:
        """The next step; a question that waits is passed over first."""
        visit = self.state.visit
        if visit is not None and visit.hidden:
            self.skip()
        elif visit is not None:
            self.go(visit.at + 1)

    def go_back(self) -> None:
        """The step before; before the first there is the gallery."""
        visit = self.state.visit
        if visit is not None:
            if visit.at:
                self.go(visit.at - 1)
            else:
                self.leave()

    def change(self, name: str, value: Any) -> None:
        """Change a control; what it cannot be is told."""
        visit = self.state.visit
        if visit is None:
            return
        try:
            visit.change(name, value)
        except LessonError as error:
            self.tell(error, "Changing")
            return
        self._run_soon()

    def guess(self, said: Any) -> None:
        """Answer the question of the step."""
        visit = self.state.visit
        if visit is None:
            return
        try:
            judged = visit.guess(said)
        except UnetscopeError as error:
            self.tell(error, "Checking")
            return
        on = visit.own.name if visit.own is not None else "text"
        guess = new_guess(visit.at + 1, said, right=judged.right, on=on)
        self._keep(partial(self.record.answer, visit.lesson.id, visit.at + 1, guess))
        self.state.judged = judged
        self._unveil()

    def skip(self) -> None:
        """Show the result without a guess."""
        visit = self.state.visit
        if visit is not None:
            visit.skip()
            self._keep(partial(self.record.answer, visit.lesson.id, visit.at + 1, None))
            self._unveil()

    def reset(self) -> None:
        """The lesson as at first, and the screen as it was before it."""
        visit = self.state.visit
        if visit is not None:
            self._drop()
            visit.reset()
            visit.net, visit.net_name, self.things = None, "", None
            self.stage.leave()
            self.stage.enter()
            self._arrive()

    def use_own(self, on: bool) -> None:
        """Do the lesson on one's own image as it is on screen now, or on the text's numbers."""
        visit = self.state.visit
        if visit is None:
            return
        if not on:
            visit.own, visit.net, visit.net_name, self.things = None, None, "", None
            self._anew(visit)
            return
        try:
            if visit.own is None:  # what is on screen is that of the text
                self.stage.leave()
                self.stage.enter()
            things = self.own_images.take(visit.lesson)
        except UnetscopeError as error:
            self._arrive()
            self.tell(error, "Taking your image")
            return
        self.things = things
        visit.own, visit.net = things.laid, self._nets.get(things.net_key)
        visit.net_name = things.net_title
        self._anew(visit)

    def run_live(self) -> None:
        """Do an experiment that takes long, now."""
        self._start(live=True)

    def stop(self) -> None:
        """End what runs; what has been shown stays."""
        self._again.stop()
        self.lane.stop()
        self.state.working = None

    def tell(self, error: Exception, doing: str) -> None:
        """Show an error in words."""
        self.state.message = Message.of(error, doing)

    # ---- inside

    def _anew(self, visit: Visit) -> None:
        """Another image: the question is asked again, for the answer is another."""
        visit.answered.discard(visit.at)
        self._arrive()

    def _arrive(self) -> None:
        """The step is shown from its beginning."""
        state, visit = self.state, self.state.visit
        if visit is None:
            return
        self._drop()
        state.shown, state.judged, state.message = None, None, None
        self.stage.begin()
        self._keep(partial(self.record.see, visit.lesson.id, visit.at + 1, visit.values))
        state.turn += 1
        self._run()

    def _wait_for_clicks(self) -> None:
        """Clicks count where a control or the question is a place."""
        visit = self.state.visit
        if visit is None:
            return
        ask = visit.step.ask
        places = any(one.type == "place" for one in visit.controls)
        asks = ask is not None and ask.type == "click" and visit.at not in visit.answered
        self.stage.listen(self.things, on=places or asks)

    def _pointed(self, place: tuple[int, int] | None) -> None:
        visit = self.state.visit
        if visit is None:
            return
        if place is None:
            self.state.message = Message("That is outside of the part the lesson works on.")
            return
        ask = visit.step.ask
        if ask is not None and ask.type == "click" and visit.hidden:
            self.clicked.emit(place)
            return
        for one in visit.controls:
            if one.type == "place":
                self.change(one.name, list(place))
                self.state.turn += 1
                return

    def _run_soon(self) -> None:
        """The newest wish: at once, or as soon as what runs has ended or taken too long."""
        if not self.lane.busy:
            self._run()
            return
        left = PATIENCE_MS - int(1000 * (time.monotonic() - self._started))
        if not self._again.isActive():
            self._again.start(max(0, left))

    def _run(self) -> None:
        visit = self.state.visit
        if visit is not None and not self._closed:
            self._start()

    def _start(self, *, live: bool = False) -> None:
        visit = self.state.visit
        if visit is None:
            return
        self._again.stop()
        self._started = time.monotonic()
        self.state.message = None
        there, things = visit.now(), self.things
        there.live = live
        self.lane.start(partial(self._experiment, there, things), there)

    def _experiment(
        self, there: Visit, things: OwnThings | None
    ) -> Iterator[Laid | Working | Shown]:
        """In the worker: the bench, the network where one is to be built, and the verb.

        What takes long is not begun unasked: what came with the lesson is shown, or nothing.
        """
        yield there.bench().laid
        if not (there.live or there.step.live or there.from_shelf):
            return
        if things is not None and things.build is not None and there.net is None:
            yield Working("Opening your network")
            self._nets = {things.net_key: things.build()}
            there.net = self._nets[things.net_key]
        yield from there.run()

    def _happened(self, ticket: Visit, event: Any) -> None:
        visit, state = self.state.visit, self.state
        if visit is None or visit.at != ticket.at or visit.lesson.id != ticket.lesson.id:
            return
        if isinstance(event, Working):
            state.working = event
            return
        if isinstance(event, Laid):
            if self.stage.lay_bench(event, self.things):
                self._wait_for_clicks()
            return
        if visit.net is None and ticket.net is not None:
            visit.net = ticket.net
        if visit.values == ticket.values:
            visit.take(event)
        if not visit.hidden:
            self.stage.lay(event.pictures, self.things)
        state.from_shelf = ticket.from_shelf
        state.shown = event

    def _unveil(self) -> None:
        """The guess is made: what was hidden is shown."""
        state = self.state
        state.message = None
        if state.shown is not None:
            self.stage.lay(state.shown.pictures, self.things)
        self._wait_for_clicks()
        state.turn += 1
        state.progress += 1

    def _ended(self, ticket: Visit, end: JobEnded) -> None:
        self.state.working = None
        if end.error is not None:
            self.tell(end.error, "This experiment")
        if self._again.isActive():
            self._run()

    def _drop(self) -> None:
        self._again.stop()
        self.lane.drop()
        self.state.working = None

    def _check_own(self) -> None:
        visit = self.state.visit
        no = visit is not None and visit.lesson.scene.own == "no"
        self.state.missing = "text_alone" if no else ""

    def _images_changed(self, *_: Any) -> None:
        """One's own image was closed: back to the text's numbers."""
        things, visit = self.things, self.state.visit
        if things is None or visit is None or self.layers.layer(things.key) is not None:
            return
        self.use_own(False)
        self.state.message = Message("Your image was closed; these are the text's numbers.")

    def _keep(self, write: Any) -> None:
        """Keep what was done; where the file cannot be written the lesson goes on."""
        try:
            write()
        except UnetscopeError as error:
            self.state.message = Message.of(error, "Keeping your progress")
        else:
            self.state.progress += 1


def _known(language: str) -> str:
    return language if language in LANGUAGES else "en"
