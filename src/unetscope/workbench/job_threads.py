"""The threads in which jobs run. They belong to the process: no widget takes one along.

A pool that is a widget's child waits for its threads when the widget is destroyed, in the window's
thread and holding Python's lock. A worker that needs the lock to get on never gets it, and the
window stands still for good. So threads are plain ones, and nobody waits for them but Python's own
end: a moment, and for what writes a little longer, so that no file is half of what it should be.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import logging
import os
import queue
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable
from typing import Any, TextIO

logger = logging.getLogger(__name__)

IDLE_S = 30.0  # a thread that has had nothing to do for so long ends
WRITERS_S = 20.0  # how long leaving Python waits for what writes
COMPUTE_S = 3.0  # and for what computes, which is told to give up
_AGAIN_S = 0.5
_NAME = "unetscope-job"
Work = Callable[[], None]


class Crew:
    """Threads of one kind of work, made when they are needed and used again.

    Parameters
    ----------
    niceness : lets the window go first; on Linux it is a thread's own.
    writes : what runs here writes files; leaving Python waits for it and does not break it off.
    """

    def __init__(self, niceness: int = 0, *, writes: bool = False) -> None:
        self.niceness, self.writes = niceness, writes
        self._work: queue.SimpleQueue[tuple[Work, threading.Event] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0
        self._dismissed = False

    def start(self, work: Work) -> threading.Event:
        """Do ``work`` in a thread of its own; the event is set when it is done."""
        done = threading.Event()
        with self._lock:
            found = self._idle > 0
            self._idle -= int(found)
        self._work.put((work, done))
        if not found:
            _quieten_warnings()
            _forget_ended()
            thread = threading.Thread(target=self._serve, name=_NAME, daemon=True)
            _members[thread] = self
            thread.start()
        return done

    def dismiss(self) -> None:
        """Let the threads end: idle ones now, the others when their work is done."""
        with self._lock:
            self._dismissed = True
            leaving, self._idle = self._idle, 0
        for _ in range(leaving):
            self._work.put(None)

    def _serve(self) -> None:
        _step_back(self.niceness)
        while self._serve_one():
            pass

    def _serve_one(self) -> bool:
        """One piece of work, or the end of waiting for it; False when the thread is to end."""
        try:
            given = self._work.get(timeout=IDLE_S)
        except queue.Empty:
            return not self._retired()
        if given is None:
            return False
        work, done = given
        try:
            work()
        finally:
            done.set()
        del given, work, done  # what the work held is not to be kept by a thread that waits
        with self._lock:
            self._idle += int(not self._dismissed)
            return not self._dismissed

    def _retired(self) -> bool:
        """Whether a thread that has waited in vain may end: unless work was promised to it."""
        with self._lock:
            retired = self._idle > 0
            self._idle -= int(retired)
            return retired


_members: dict[threading.Thread, Crew] = {}  # every thread that has not ended, and some that have


def _forget_ended() -> None:
    """A thread is a member to its very end, or Python's end would come before it has let go."""
    for thread in [t for t in _members.copy() if t.ident is not None and not t.is_alive()]:
        _members.pop(thread, None)


def wait_for_all(seconds: float) -> bool:
    """Send idle threads home and wait for the others; False when one is still at work."""
    members = _members.copy()
    for crew in set(members.values()):
        crew.dismiss()
    return _ended(members, seconds)


def _step_back(niceness: int) -> None:
    if niceness and sys.platform == "linux":
        with contextlib.suppress(OSError):  # not allowed here; then all are equal
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)


def _ended(threads: Iterable[threading.Thread], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)


# ---- leaving Python

_before: list[Callable[[], None]] = []


def before_leaving(call: Callable[[], None]) -> Callable[[], None]:
    """Have ``call`` run in the main thread when Python ends, before threads are waited for."""
    _before.append(call)
    return call


@atexit.register
def _leave() -> None:
    """Wait for what writes, break off what computes, and end whatever does not heed it.

    A thread that comes back to Python while it is being taken down would be torn out of the C++
    it is in, and the process would end with a fault instead of its own exit code.
    """
    for call in _before:
        try:
            call()
        except Exception:
            logger.exception("something was not taken down as Python ended")
    members = _members.copy()
    for crew in set(members.values()):
        crew.dismiss()
    writers = [thread for thread, crew in members.items() if crew.writes]
    others = [thread for thread, crew in members.items() if not crew.writes]
    broken_off = _break_off(others)
    if not (_ended(writers, WRITERS_S) and broken_off):
        _end_at_once()


def _break_off(threads: list[threading.Thread]) -> bool:
    deadline = time.monotonic() + COMPUTE_S
    while not _ended(threads, _AGAIN_S):
        if time.monotonic() > deadline:
            return False
        for thread in filter(threading.Thread.is_alive, threads):  # an ended one's id is used again
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread.ident or 0), ctypes.py_object(SystemExit)
            )
    return True


def _end_at_once() -> None:
    logger.warning("a background job has not ended in time; Python ends without it")
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(int(getattr(sys, "last_type", None) is not None))


# ---- warnings


class _Quiet:
    """Warnings of a job go to the log: napari would show each as if a person had caused it."""

    def __init__(self, shown: Any) -> None:
        self.shown = shown

    def __call__(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if threading.current_thread() in _members:
            logger.info("%s (%s, line %d of %s)", message, category.__name__, lineno, filename)
        else:
            self.shown(message, category, filename, lineno, file, line)


def _quieten_warnings() -> None:
    """Look again at each thread made: napari sets and restores this hook, too."""
    if not isinstance(warnings.showwarning, _Quiet):
        warnings.showwarning = _Quiet(warnings.showwarning)
