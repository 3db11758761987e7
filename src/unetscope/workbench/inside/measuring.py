"""What the probe needs and takes longer: the effective field, and a layer's captured arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from qtpy.QtCore import QObject

from unetscope import inspection
from unetscope.looking.answers import Shown, Working
from unetscope.looking.glass import Glass
from unetscope.looking.questions import QUESTIONS
from unetscope.looking.related import arithmetic_layer
from unetscope.session.inside.looking_state import Inside
from unetscope.workbench.inside.probe import Probe
from unetscope.workbench.inside.threads import with_threads
from unetscope.workbench.job_runner import JobEnded, Lane
from unetscope.workbench.timers import single_shot

EFFECTIVE_MS = 250  # after a click, so that clicking along does not start one each


class Measuring(QObject):
    """Two lanes beside the probe; what they find is drawn with the next frame.

    ``wants_microscope``: whether the arithmetic is on screen and has to follow layer and network.
    """

    def __init__(self, inside: Inside, probe: Probe, parent: QObject) -> None:
        super().__init__(parent)
        self._inside, self._probe = inside, probe
        self.wants_microscope = False
        self.measuring, self.reading = Lane(self, niceness=5), Lane(self)
        self.measuring.happened.connect(self._measured)
        self.reading.happened.connect(self._read)
        self.reading.ended.connect(self._reading_ended)
        self._timer = single_shot(self, EFFECTIVE_MS, self._measure)
        probe.pinned.connect(self._timer.start)

    def lanes(self) -> tuple[Lane, Lane]:
        """Both lanes, to end and wait for them."""
        return self.measuring, self.reading

    @property
    def busy(self) -> bool:
        """Whether anything runs, or waits to."""
        return self._timer.isActive() or any(lane.busy for lane in self.lanes())

    def close(self) -> None:
        """End without waiting."""
        self._timer.stop()
        for lane in self.lanes():
            lane.close()

    def renew(self) -> None:
        """Layer or network changed: what is on screen is captured again."""
        self.measuring.drop()
        if self.wants_microscope:
            self.read()
        if self._inside.pinned:
            self._timer.start()

    def read(self) -> None:
        """Capture what the arithmetic under the cursor needs."""
        inside = self._inside
        self.wants_microscope = True
        if inside.glass is not None and inside.layer:
            leaf = arithmetic_layer(inside.glass, inside.layer)
            job = partial(_arithmetic, inside.glass, leaf)
            self.reading.start(partial(with_threads, job, 1))

    def _measure(self) -> None:
        inside, probe = self._inside, self._probe
        glass = inside.glass
        if glass is None or inside.point is None or not inside.layer or glass.axes != 2:
            return
        if probe.effective is not None and probe.effective.layer == inside.layer:
            return
        point = inside.point[-glass.axes :]
        if glass.inside(point):
            options = {"layer": inside.layer, "point": point}
            job = partial(QUESTIONS["effective"].ask, glass, options)
            self.measuring.start(partial(with_threads, job, 1))

    def _measured(self, ticket: Any, event: Any) -> None:
        if isinstance(event, Shown) and event.result.layer == self._inside.layer:
            self._probe.effective = event.result
            self._probe.redraw_soon()

    def _read(self, ticket: Any, event: Any) -> None:
        if not isinstance(event, Working):
            self._probe.microscope = event
            self._probe.redraw_soon()

    def _reading_ended(self, ticket: Any, end: JobEnded) -> None:
        if end.error is not None:
            self._probe.microscope = None
            self._probe.arithmetic.emit(str(end.error))


def _arithmetic(glass: Glass, layer: str) -> Iterator[Any]:
    """What the arithmetic under the cursor needs, taken once."""
    yield Working(f"Reading {layer}")
    yield inspection.microscope(glass.trace, glass.image, layer, region=glass.region)
