"""Large images are answered onto the disk: where to, what is told, and what was begun earlier."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, QTimer

from unetscope.session.engine import project_predicting
from unetscope.session.guidance import spoken_seconds
from unetscope.session.layers.answer_pyramid import is_large
from unetscope.session.provenance import Made
from unetscope.session.requests import (
    AnswerBegun,
    AnswerComplete,
    AnswerGoesOn,
    AnswerReckoned,
    BlockWritten,
    GrowRequest,
    UnfinishedRequest,
)
from unetscope.session.values import PredictionStatus, UnfinishedAnswer
from unetscope.workbench.context import Context
from unetscope.workbench.job_runner import JobEnded
from unetscope.workbench.part import Part
from unetscope.workbench.project_context import ProjectContext

GROWN = (AnswerReckoned, AnswerBegun, BlockWritten, AnswerGoesOn, AnswerComplete)
REDRAW_MS = 1000  # what has grown is drawn no more often


class GrowingAnswers(Part):
    """Knows where the answers of large images go, shows how they grow, and offers to go on."""

    def __init__(self, context: Context, project: ProjectContext, parent: QObject) -> None:
        super().__init__(context, parent)
        self._project = project
        self._said = ""  # what was reckoned of the answer under way
        self._paths: dict[str, Path] = {}  # image key -> its answer on the disk
        self._looked: set[tuple[str, Path]] = set()
        self.lane = self._lane(self._found, self._ended, niceness=5)
        self._redraw_timer = QTimer(self)
        self._redraw_timer.setInterval(REDRAW_MS)
        self._redraw_timer.timeout.connect(context.results.redraw)
        self._timers.append(self._redraw_timer)

    def request(self, key: str, go_on: Path | None = None) -> GrowRequest:
        """What is asked of the engine for a large image."""
        context, session = self._context, self._session
        assert session.model is not None
        source = context.layers.source(key)
        pixels = "resample" if key in session.seen_at else "as-is"
        target, folder = context.target(key), self.folder(key)
        return GrowRequest(session.model.model, target, folder, source, go_on, pixels)

    def folder(self, key: str) -> Path:
        """Where an answer goes: into the project, beside the image, or a temporary place."""
        opened = self._project.writable
        if opened is not None and key in self._project.own():
            return opened.folder / project_predicting.FOLDER
        file = self._context.layers.source(key)
        if file is not None:
            while file.suffix != ".zarr" and file.parent.suffix == ".zarr":
                file = file.parent  # an image inside of a zarr: nothing is put into that
            if os.access(file.parent, os.W_OK):
                return file.parent
        return Path(tempfile.gettempdir()) / "unetscope"

    def look(self, key: str) -> None:
        """Look whether an answer to a large image was begun and not completed."""
        session = self._session
        image = next((one for one in session.images if one.key == key), None)
        if image is None or not is_large(image.spatial_shape) or self.lane.busy:
            return
        place = key, self.folder(key)
        if place not in self._looked:
            self._looked.add(place)
            name = self._context.layers.learned_as(key).name or "image"
            request = UnfinishedRequest(key, name, place[1])
            self.lane.start(partial(self._context.jobs.do, request))

    def forget(self, key: str) -> None:
        """Look again the next time: what is there may have been gone on with."""
        self._looked = {place for place in self._looked if place[0] != key}

    def _found(self, ticket: Any, event: Any) -> None:
        if isinstance(event, UnfinishedAnswer):
            self._session.unfinished = {**self._session.unfinished, event.key: event}

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        if end.error is not None:
            self._context.tell(end.error, "Looking for an answer that was begun")

    # ---- while one grows

    def happened(self, event: Any, made: Made | None) -> None:
        """Show an event of a :class:`GrowRequest`."""
        context, session = self._context, self._session
        made = made or Made(context.look().version)
        name = next((i.name for i in session.images if i.key == event.key), "")
        match event:
            case AnswerReckoned():
                self._said = self._in_words(event)
                self._status(name, 0, 0, self._said)
            case AnswerBegun():
                self._paths[event.key] = event.path
                session.unfinished = _without(session.unfinished, event.key)
                context.results.grow(event, context.look(), replace(made, model=event.model))
                before = f"{len(event.done)} of {len(event.layout)} blocks were there. "
                self._said = self._said or f"{before if event.done else ''}Into {event.path}."
                self._status(name, 0, 0, self._said)
                context.results.redraw()
                self._redraw_timer.start()
            case BlockWritten():
                context.results.block_written(event, context.look(), made)
            case AnswerGoesOn():
                left = "" if event.seconds_left is None else _left(event.seconds_left)
                self._status(name, event.done, event.total, f"{left}{self._said}")

    def ended(self) -> None:
        """Nothing grows any more."""
        self._said = ""
        self._redraw_timer.stop()
        self._context.results.redraw()

    def path(self, key: str) -> Path | None:
        """Where the answer to an image lies on the disk; None where it does not."""
        return self._paths.get(key)

    def _status(self, name: str, done: int, total: int, told: str) -> None:
        before = self._session.prediction
        if not before.stopping:
            self._session.prediction = PredictionStatus(
                True, name, done, total, pausable=True, paused=before.paused, told=told
            )

    def _in_words(self, found: AnswerReckoned) -> str:
        low, high = (_roughly(found.seconds * factor) for factor in (0.7, 1.3))
        times = low if low == high else f"{low} to {high}"
        place = found.path
        apart = ""
        if place.parent == Path(tempfile.gettempdir()) / "unetscope":
            apart = ", a temporary folder, for there is none of the image that can be written"
        return (
            f"Reckoned from a few tiles: {times}, {_bytes(found.bytes)} (at most "
            f"{_bytes(found.most_bytes)}) into {place}{apart}."
        )


def _without(unfinished: Any, key: str) -> dict[str, UnfinishedAnswer]:
    return {other: one for other, one in unfinished.items() if other != key}


def _left(seconds: float) -> str:
    return f"About {_roughly(seconds)} left. "


def _roughly(seconds: float) -> str:
    """Seconds in words, no finer than one knows them."""
    for step, until in ((1, 20), (10, 120), (60, 3600), (600, 36_000)):
        if seconds < until:
            return spoken_seconds(max(step, round(seconds / step) * step))
    return f"{seconds / 3600:.0f} h"


def _bytes(count: float) -> str:
    """ "3 MB", "1.2 GB"."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(1, round(count / 1e6))} MB"


def told_unfinished(one: UnfinishedAnswer) -> str:
    """What is said of an answer that was begun."""
    return (
        f"An answer to this image was begun and not completed: {one.done} of {one.total} blocks by "
        f"{one.model}, in {one.path}."
    )
