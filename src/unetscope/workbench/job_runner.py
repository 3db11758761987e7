"""The only place where a worker and a widget meet.

A :class:`Lane` drives one iterator of events at a time in a worker thread and hands the events to
the GUI thread. Some choices that were learned the hard way:

- Stop is a flag, and so is pause, looked at between two events: neither can wait for the other.
- A generator's ``send`` comes from the worker alone; new samples go through a locked mailbox.
- Threads are the process's (:mod:`unetscope.workbench.job_threads`), not napari's and no widget's.
  napari would list each as a task, and closing the window would ask "really?" for every stroke
  being answered; in a common pool a paused training would keep answers waiting; and a pool that
  dies with its widget waits for its threads with Python's lock in hand.
- What a worker says goes to one object that outlives every window, and from there to the lane, if
  there still is one. So closing waits for nothing, and nobody reports to what is gone.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from qtpy.compat import isalive
from qtpy.QtCore import QObject, Qt, Signal

from unetscope.errors import UnetscopeError
from unetscope.learning.events import StepDone
from unetscope.workbench.job_threads import Crew

logger = logging.getLogger(__name__)

STEP_INTERVAL_S = 0.1  # steps are reported about ten times a second
_PAUSE_POLL_S = 0.05
MOST_ALIVE = 2  # jobs of one lane: the present one, and one that has not noticed that it is dropped
JobFunction = Callable[[], Iterator[Any]]


@dataclass(frozen=True)
class JobEnded:
    """The last thing a job says; ``error`` is None unless it failed."""

    error: Exception | None = None
    stopped: bool = False


@dataclass(frozen=True)
class JobPaused:
    """The job has come to the point where it waits."""


@dataclass(eq=False)
class JobSwitches:
    """What the GUI thread tells a running job: stop, pause, and what to send into its generator.

    ``hear(switches, event)`` is who listens to it in the GUI thread; None when nobody does.
    """

    hear: Callable[[JobSwitches, Any], None] | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    pause: threading.Event = field(default_factory=threading.Event)
    _mail: Any = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def post(self, value: Any) -> None:
        """Leave ``value`` for the generator; a value not yet taken is replaced."""
        with self._lock:
            self._mail = value

    def take(self) -> Any:
        """The value left last, or None."""
        with self._lock:
            value, self._mail = self._mail, None
        return value


def driven(job: JobFunction, switches: JobSwitches, say: Callable[[Any], None]) -> None:
    """Say each event of ``job``, the last a :class:`JobEnded`. Runs in the worker."""
    error: Exception | None = None
    try:
        events = job()
        try:
            for event in _paced(events, switches):
                say(event)
        finally:
            close = getattr(events, "close", None)
            if close is not None:
                close()
    except Exception as raised:  # the end of the thread: whatever it is, the user is told
        if not isinstance(raised, UnetscopeError):  # those are told in words, and are no fault
            logger.error("a background job failed", exc_info=raised)
        error = raised
    say(JobEnded(error, switches.stop.is_set()))


def _paced(events: Iterator[Any], switches: JobSwitches) -> Iterator[Any]:
    """Events until the stop; steps at most every :data:`STEP_INTERVAL_S`."""
    held: StepDone | None = None
    shown = 0.0
    begun = False
    while True:
        yield from _pause(switches)
        if switches.stop.is_set():
            break
        try:
            event = _next_event(events, switches.take() if begun else None)
        except StopIteration:
            break
        begun = True
        if isinstance(event, StepDone) and time.monotonic() - shown < STEP_INTERVAL_S:
            held = event
            continue
        if isinstance(event, StepDone):
            held, shown = None, time.monotonic()
        elif held is not None:
            yield held
            held = None
        yield event
    if held is not None:
        yield held


def _pause(switches: JobSwitches) -> Iterator[Any]:
    if switches.pause.is_set() and not switches.stop.is_set():
        yield JobPaused()
    while switches.pause.is_set() and not switches.stop.is_set():
        time.sleep(_PAUSE_POLL_S)


def _next_event(events: Iterator[Any], mail: Any) -> Any:
    if mail is not None and isinstance(events, Generator):
        return events.send(mail)
    return next(events)


class _Post(QObject):
    """Brings what workers say into the GUI thread. There is one, for as long as the process."""

    _arrived = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._letters: deque[tuple[JobSwitches, Any]] = deque()
        self._arrived.connect(self._hand_over, Qt.ConnectionType.QueuedConnection)

    def send(self, switches: JobSwitches, event: Any) -> None:
        """Leave an event of a job for the GUI thread; called in any thread."""
        self._letters.append((switches, event))
        self._arrived.emit()

    def hand_over_of(self, switches: JobSwitches) -> None:
        """Hand over at once what a job has said, before its turn has come."""
        own = [letter for letter in self._letters if letter[0] is switches]
        for letter in own:
            self._letters.remove(letter)
            self._hand(*letter)

    def _hand_over(self) -> None:
        if self._letters:  # a letter may have been handed over before its turn
            self._hand(*self._letters.popleft())

    @staticmethod
    def _hand(switches: JobSwitches, said: Any) -> None:
        """Hand one letter to whoever still listens to that job."""
        if switches.hear is not None:
            switches.hear(switches, said)


_posts: list[_Post] = []


def _post() -> _Post:
    """The post; made by the first lane, in the GUI thread."""
    if not _posts:
        _posts.append(_Post())
    return _posts[0]


class Lane(QObject):
    """One job at a time; its events arrive in the GUI thread with the ticket it was started with.

    ``happened(ticket, event)`` for each event, ``ended(ticket, JobEnded)`` at the end. After
    :meth:`drop` a job is on its own: it is told to stop, and what it still says is not heard.

    Parameters
    ----------
    niceness : how far the jobs stand back behind the window.
    writes : the jobs write files, so :meth:`close` lets the present one come to its end.
    """

    happened = Signal(object, object)
    ended = Signal(object, object)

    def __init__(
        self, parent: QObject | None = None, *, niceness: int = 0, writes: bool = False
    ) -> None:
        super().__init__(parent)
        self._post, self._crew = _post(), Crew(niceness, writes=writes)
        self._switches: JobSwitches | None = None
        self._ticket: Any = None
        self._alive: dict[JobSwitches, threading.Event] = {}
        self._queued: tuple[JobFunction, JobSwitches] | None = None
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether a job runs (or waits to) that has not been dropped."""
        return self._switches is not None

    def start(self, job: JobFunction, ticket: Any = None) -> None:
        """Start ``job``; a job that still runs is dropped. After :meth:`close` nothing starts.

        Where too many dropped jobs have not noticed yet, the newest waits for one of them.
        """
        self.drop()
        if self._closed:
            return
        self._switches, self._ticket = JobSwitches(hear=self._heard), ticket
        if len(self._alive) < MOST_ALIVE:
            self._run(job, self._switches)
        else:
            self._queued = (job, self._switches)

    def post(self, value: Any) -> None:
        """Hand ``value`` to the running generator."""
        if self._switches is not None:
            self._switches.post(value)

    def pause(self) -> None:
        """Hold the job between two events; a :class:`JobPaused` says when it holds."""
        if self._switches is not None:
            self._switches.pause.set()

    def resume(self) -> None:
        """Go on after a pause."""
        if self._switches is not None:
            self._switches.pause.clear()

    def stop(self) -> None:
        """Ask the job to end; ``ended`` comes when it has."""
        if self._switches is not None:
            self._switches.stop.set()

    def drop(self) -> None:
        """Tell the job to stop and forget it: none of its events is heard any more."""
        self.stop()
        self._switches = self._ticket = self._queued = None

    def close(self) -> None:
        """Hear nothing any more and start nothing; returns at once. Twice is harmless.

        What computes is told to stop. What writes goes on to its end, also what waits for it.
        """
        self._closed = True
        if self._crew.writes:
            if self._queued is not None:
                self._run(*self._queued)
            self._switches = self._ticket = self._queued = None
        else:
            self.drop()
        _abandon(self._alive, self._crew)

    def wait(self, seconds: float) -> bool:
        """Wait for jobs that were told to stop; False when one still runs."""
        deadline = time.monotonic() + seconds
        for done in list(self._alive.values()):
            done.wait(max(0.0, deadline - time.monotonic()))
        return all(done.is_set() for done in self._alive.values())

    def finish(self, seconds: float) -> bool:
        """Let the present job come to its end and hear it out, now; False where it takes longer."""
        switches = self._switches
        done = None if switches is None else self._alive.get(switches)
        if switches is None:
            return True
        if done is None or not done.wait(seconds):
            return False
        self._post.hand_over_of(switches)
        return True

    def _run(self, job: JobFunction, switches: JobSwitches) -> None:
        say = partial(self._post.send, switches)
        self._alive[switches] = self._crew.start(partial(driven, job, switches, say))

    def _heard(self, switches: JobSwitches, event: Any) -> None:
        if not isalive(self):  # it went with its widget, and nobody has closed it
            _abandon(self._alive, self._crew)
            return
        if isinstance(event, JobEnded):
            self._let_go(switches)
        if switches is not self._switches:
            return
        ticket = self._ticket
        if isinstance(event, JobEnded):
            self._switches = self._ticket = None
            self.ended.emit(ticket, event)
        else:
            self.happened.emit(ticket, event)

    def _let_go(self, switches: JobSwitches) -> None:
        self._alive.pop(switches, None)
        if self._queued is not None and len(self._alive) < MOST_ALIVE:
            queued, self._queued = self._queued, None
            self._run(*queued)


def _abandon(jobs: dict[JobSwitches, threading.Event], crew: Crew) -> None:
    """Listen to the jobs of a lane no more; those that only compute are told to stop."""
    for switches in jobs:
        switches.hear = None
        if not crew.writes:
            switches.stop.set()
        switches.pause.clear()
    crew.dismiss()
