"""Timers: a wait that begins anew each time it is started, and a regular beat."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer


def single_shot(parent: QObject, interval_ms: int, call: Callable[[], object]) -> QTimer:
    """A timer that calls once, ``interval_ms`` after its last start; it ends with ``parent``."""
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(interval_ms)
    timer.timeout.connect(call)
    return timer


def repeated(parent: QObject, interval_ms: int, call: Callable[[], object]) -> QTimer:
    """A running timer that calls every ``interval_ms``; it ends with ``parent``."""
    timer = QTimer(parent)
    timer.setInterval(interval_ms)
    timer.timeout.connect(call)
    timer.start()
    return timer
