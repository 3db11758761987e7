"""The only place where a worker and a widget meet.

A :class:`Lane` drives one iterator of events at a time in a worker thread and hands the events to
the GUI thread. Some choices that were learned the hard way:

- Stop is a flag; ``worker.quit()`` would never report an end. Pause is a flag as well, looked at
  between two events, so that stop, pause and napari's own quit cannot wait for each other.
- superqt swallows a RuntimeError of a generator (torch raises those), so errors travel as events.
- superqt's ``send`` can lose a value; new samples go through a locked mailbox instead.
- superqt's workers (napari's are a thin layer over them) run in a pool of the window's own.
  napari's layer would list each as a task, and closing the window would ask "really?" for every
  stroke being answered; the common pool has as many threads as cores, so a paused training would
  keep answers waiting; and napari waits for that pool when the application quits, not when a viewer
  closes.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

from qtpy.QtCore import QObject, QThreadPool, QTimer, Signal
from superqt.utils import create_worker

from unetscope.learning.events import StepDone

logger = logging.getLogger(__name__)

STEP_INTERVAL_S = 0.1  # steps are reported about ten times a second
_PAUSE_POLL_S = 0.05
MOST_ALIVE = 2  # jobs of one lane: the present one, and one that has not noticed that it is dropped
_EXIT_WAIT_MS = 10_000
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
    """What the GUI thread tells a running job: stop, pause, and what to send into its generator."""

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


def driven(
    job: JobFunction, switches: JobSwitches, niceness: int = 0
) -> Generator[Any, None, None]:
    """``(switches, event)`` for each event of ``job``, the last a :class:`JobEnded`.

    Runs in the worker. The switches go along to tell the jobs of one lane apart.
    """
    _step_back(niceness)
    error: Exception | None = None
    try:
        events = job()
        try:
            for event in _paced(events, switches):
                yield None if event is None else (switches, event)
        finally:
            close = getattr(events, "close", None)
            if close is not None:
                close()
    except Exception as raised:  # the end of the thread: whatever it is, the user is told
        logger.error("a background job failed", exc_info=raised)
        error = raised
    yield switches, JobEnded(error, switches.stop.is_set())


def _step_back(niceness: int) -> None:
    """Let the window go first: on Linux, niceness is a thread's own."""
    if niceness and sys.platform == "linux":
        with contextlib.suppress(OSError):  # not allowed here; then all are equal
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)


def _paced(events: Iterator[Any], switches: JobSwitches) -> Iterator[Any]:
    """Events until the stop; steps at most every :data:`STEP_INTERVAL_S`; None in between."""
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
            yield None  # lets the worker notice that napari quits
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
        yield None


def _next_event(events: Iterator[Any], mail: Any) -> Any:
    if mail is not None and isinstance(events, Generator):
        return events.send(mail)
    return next(events)


class Lane(QObject):
    """One job at a time; its events arrive in the GUI thread with the ticket it was started with.

    ``happened(ticket, event)`` for each event, ``ended(ticket, JobEnded)`` at the end. After
    :meth:`drop` a job is on its own: it is told to stop, and what it still says is not heard.
    """

    happened = Signal(object, object)
    ended = Signal(object, object)

    def __init__(self, parent: QObject | None = None, *, niceness: int = 0) -> None:
        super().__init__(parent)
        self._niceness = niceness
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(MOST_ALIVE)
        self._switches: JobSwitches | None = None
        self._ticket: Any = None
        self._workers: dict[JobSwitches, Any] = {}  # a worker must outlive its thread
        self._queued: tuple[JobFunction, JobSwitches] | None = None

    @property
    def busy(self) -> bool:
        """Whether a job runs (or waits to) that has not been dropped."""
        return self._switches is not None

    def start(self, job: JobFunction, ticket: Any = None) -> None:
        """Start ``job``; a job that still runs is dropped.

        Where too many dropped jobs have not noticed yet, the newest waits for one of them.
        """
        self.drop()
        self._switches, self._ticket = JobSwitches(), ticket
        if len(self._workers) < MOST_ALIVE:
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

    def wait(self, seconds: float) -> bool:
        """Wait for jobs that were told to stop; False when one still runs.

        Then leaving Python waits for it once more, for a thread must not report to what is gone.
        """
        if self._pool.waitForDone(max(0, round(seconds * 1000))):
            return True
        logger.warning("a background job has not ended in time")
        atexit.register(self._pool.waitForDone, _EXIT_WAIT_MS)
        return False

    def _run(self, job: JobFunction, switches: JobSwitches) -> None:
        worker = create_worker(driven, job, switches, self._niceness, _ignore_errors=True)
        worker.yielded.connect(self._heard)
        worker.setAutoDelete(False)
        self._workers[switches] = worker
        self._pool.start(worker)

    def _heard(self, told: Any) -> None:
        if told is None:
            return
        switches, event = told
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
        worker = self._workers.pop(switches, None)
        QTimer.singleShot(1000, lambda: worker)  # its last signals are still on their way
        if self._queued is not None and len(self._workers) < MOST_ALIVE:
            queued, self._queued = self._queued, None
            self._run(*queued)
