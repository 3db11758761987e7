"""Objects are found, brought back with their corrections, and found in other ways."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from unetscope.errors import UnetscopeError
from unetscope.looking.answers import Working
from unetscope.session.journal.identity import content_hash
from unetscope.session.journal.status import spoken_ago
from unetscope.session.layers.project_layers import ProjectLayers
from unetscope.session.layers.stroke_keeping import journal_folder
from unetscope.session.measuring.measure_state import (
    FoundObjects,
    LabelKind,
    LabelSource,
    MeasureState,
)
from unetscope.session.measuring.object_place import FOLDER, ObjectPlace
from unetscope.session.measuring.object_store import kept_of
from unetscope.session.values import Message
from unetscope.workbench.job_runner import JobEnded, Lane
from unetscope.workbench.measuring.measure_jobs import jobs
from unetscope.workbench.measuring.measured_labels import MeasuredLabels


class ObjectFinder(QObject):
    """Finds in a lane, where a newer wish drops an older one.

    ``anew(found)``: other objects than before are there.
    """

    anew = Signal(object)

    def __init__(
        self, layers: ProjectLayers, state: MeasureState, labels: MeasuredLabels, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._layers, self._state, self._labels = layers, state, labels
        self._kept: list[ObjectPlace] = []  # objects that can be brought back, the last ones first
        self.lane = Lane(self)
        self.lane.happened.connect(self._happened)
        self.lane.ended.connect(self._ended)
        labels.taken.connect(self._offer)
        labels.sized.connect(self._renew)

    def find(self) -> None:
        """Find the objects and measure them, as everything is now."""
        state = self._state
        if state.image is None or state.source is None:
            return
        state.message = None
        try:
            request = self._request()
        except UnetscopeError as error:
            self._state.message = Message.of(error, "Finding objects")
            return
        state.working = Working("Finding objects")
        self.lane.start(partial(_finding, request), state.image.key)

    def bring_back(self) -> None:
        """Show the objects of the image that were corrected last, in what they were found in."""
        state = self._state
        if state.image is None or not self._kept:
            return
        source = LabelSource("", "", LabelKind.CLASSES)
        request = {
            **self._facts(),
            "source": source,
            "labels": np.zeros((1, 1), np.uint8),
            "wish": state.wish,
            "class_name": "",
        }
        state.message, state.offer = None, ""
        state.working = Working("Bringing objects back")
        self.lane.start(partial(_bringing_back, request, self._kept[0]), state.image.key)

    def _facts(self) -> dict[str, Any]:
        """The image, and where corrections of its objects are kept."""
        assert self._state.image is not None
        key = self._state.image.key
        image = self._layers.micrograph(key)
        content = content_hash(image.pixels)
        return {"image": key, "micrograph": image, "folder": self._folder(), "content": content}

    def _offer(self) -> None:
        """Say whether objects of the image were corrected before, where none are shown."""
        state, self._kept = self._state, []
        words = ""
        if state.image is not None and state.found is None:
            facts = self._facts()
            self._kept = kept_of(facts["folder"], facts["content"])
            if self._kept:
                ago = spoken_ago(time.time() - self._kept[0].journal.stat().st_mtime)
                words = f"Objects of this image were corrected {ago}."
        state.offer = words

    def ask_how_sure(self) -> None:
        """Find objects in other ways, and see how far the size goes with that."""
        found = self._state.found
        if found is None or not found.quantities:
            return
        self._state.working = Working("Telling objects apart in other ways")
        name = self._state.name_of(found.wish.value)
        self.lane.start(partial(_sureness, found, name), self._state.image)

    def stop(self) -> None:
        """End what is running; what was found stays."""
        self.lane.drop()
        self._state.working = None

    def _renew(self) -> None:
        if self._state.found is not None:
            self.find()

    def _request(self) -> dict[str, Any]:
        state = self._state
        assert state.image is not None and state.source is not None
        region = self._labels.region()
        return {
            **self._facts(),
            "region": region,
            "source": state.source,
            "labels": self._labels.sources.read(state.source.key),
            "wish": state.wish,
            "class_name": state.name_of(state.wish.value),
        }

    def _folder(self) -> Path:
        """Where corrections are kept: in the project of the image, else with the strokes."""
        return (self._labels.project or journal_folder()) / FOLDER

    def _happened(self, ticket: Any, event: Any) -> None:
        state = self._state
        if isinstance(event, Working):
            state.working = event
            return
        if not isinstance(event, FoundObjects):
            state.sure = event.lines
            return
        before, state.found = state.found, event
        if before is None or before.objects is not event.objects:
            state.stale = ""
            state.selected, state.sure = (), ()
            state.offer = ""
            self.anew.emit(event)

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        self._state.working = None
        if end.error is not None:
            self._state.message = Message.of(end.error, "Measuring")


def _finding(request: dict[str, Any]) -> Iterator[Any]:
    room = jobs()
    yield from room.find(room.FindRequest(**request))


def _bringing_back(request: dict[str, Any], place: ObjectPlace) -> Iterator[Any]:
    room = jobs()
    yield from room.bring_back(room.FindRequest(**request), place)


def _sureness(found: FoundObjects, name: str) -> Iterator[Any]:
    yield from jobs().sureness(found, name)
