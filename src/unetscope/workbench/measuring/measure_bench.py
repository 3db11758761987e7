"""What happens when a person measures: labels, objects, numbers and layers, joined.

Finding runs in a lane: a newer wish drops an older one. Which image is meant follows the viewer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from unetscope.errors import MeasurementError, UnetscopeError, in_words
from unetscope.images.classes import LabelClass
from unetscope.looking.answers import Working
from unetscope.session.journal.identity import content_hash
from unetscope.session.journal.status import spoken_ago
from unetscope.session.layers.connections import Connections
from unetscope.session.layers.drawn_regions import DrawnRegions
from unetscope.session.layers.label_sources import LabelSources
from unetscope.session.layers.layer_facts import file_of
from unetscope.session.layers.object_layers import ObjectLayers
from unetscope.session.layers.pixel_sizes import PixelSizes
from unetscope.session.layers.project_layers import layers_of
from unetscope.session.layers.stroke_keeping import journal_folder
from unetscope.session.measuring.measure_state import (
    FoundObjects,
    LabelKind,
    LabelSource,
    MeasureState,
    parts_objects,
    starting_class,
)
from unetscope.session.measuring.object_place import FOLDER, ObjectPlace
from unetscope.session.measuring.object_store import kept_of
from unetscope.session.open_sessions import open_sessions
from unetscope.session.values import Message
from unetscope.workbench.job_runner import JobEnded, Lane
from unetscope.workbench.measuring.measure_jobs import jobs
from unetscope.workbench.measuring.object_checker import ObjectChecker
from unetscope.workbench.measuring.object_editor import ObjectEditor
from unetscope.workbench.measuring.result_desk import ResultDesk
from unetscope.workbench.timers import repeated, single_shot

TYPICAL_OF = 3  # so many clicked objects say how large a good one is
COMPARE_MS = 1500  # hidden layers do not tell that their labels have changed
COMPARED_PX = 2**26  # labels of more pixels are compared only when something is told of them
LOOK_MS = 300  # after layers have changed, so that a burst of tiles is looked at once


class MeasureBench(QObject):
    """One viewer's measuring; :meth:`close` ends all of it.

    ``objects_shown(layer)``: objects lie on a new layer.
    """

    objects_shown = Signal(object)

    def __init__(self, viewer: Any, parent: QObject) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.state = MeasureState()
        self.layers = layers_of(viewer)
        self.sources = LabelSources(self.layers)
        self.objects = ObjectLayers(self.layers)
        self.editor = ObjectEditor(self.state, self.objects, self)
        self.editor.edited.connect(self._edited)
        self.sizes = PixelSizes(self.layers)
        self.regions = DrawnRegions(self.layers)
        self.results = ResultDesk(self.state, self._told, self)
        self.checker = ObjectChecker(self.state, self._frame, self)
        self._closed = False
        self._kept: list[ObjectPlace] = []  # objects that can be brought back, the last ones first
        self._connections = Connections()
        self._watched = Connections()  # of the labels that objects are found in
        self.finding = Lane(self)
        self.finding.happened.connect(self._happened)
        self.finding.ended.connect(self._ended)
        self.colouring = Lane(self)
        self.colouring.happened.connect(self._coloured)
        self._look_timer = single_shot(self, LOOK_MS, self.look)
        self._beat = repeated(self, COMPARE_MS, self._compare_unseen)
        self._connect()
        self.look()

    def _connect(self) -> None:
        connect = self._connections.connect
        connect(self.layers.images_changed, self._look_soon)
        connect(self.layers.activated, self._activated)
        connect(self.objects.gone, self._objects_gone)
        connect(self.objects.clicked, self._object_clicked)
        connect(open_sessions.changed, self._look_soon)

    def close(self) -> None:
        """Stop every job and let go of the viewer, without waiting; twice is harmless."""
        if self._closed:
            return
        self._closed = True
        self._look_timer.stop()
        self._beat.stop()
        self.finding.close()
        self.colouring.close()
        self.editor.close()
        self.results.close()
        self._watched.close()
        self._connections.close()
        self.objects.close()
        self.layers.close()

    @property
    def busy(self) -> bool:
        """Whether anything runs, or waits to."""
        lanes = (self.finding, self.colouring, self.results.lane)
        return any(lane.busy for lane in lanes) or self.editor.busy or self._look_timer.isActive()

    # ---- which image, which labels

    def choose_image(self, key: str | None) -> None:
        """Measure another image."""
        wanted = next((image for image in self.state.images if image.key == key), None)
        if wanted is None or wanted == self.state.image:
            return
        self.state.image = wanted
        if self.state.found is not None and self.state.found.image != wanted.key:
            self.forget()
        self._list_sources()
        self._offer()

    def choose_source(self, key: str) -> None:
        """Find objects in another labels layer."""
        source = self.state.chosen(key)
        if source is None or source == self.state.source:
            return
        self.state.source = source
        self._take_source()

    def wish(self, **wished: Any) -> None:
        """Wish for something else; what was found stays until objects are found anew."""
        wish = replace(self.state.wish, **wished)
        if wish.apart == "border" and wish.border is None:
            wish = replace(wish, border=self._likely_border(wish.value))
        if wish != self.state.wish:
            self.state.wish = wish
            self.state.message = None

    def look(self) -> None:
        """Take up which images and labels there are."""
        if self._closed:
            return
        state = self.state
        state.images = self.layers.summaries()
        keys = {image.key: image for image in state.images}
        if state.image is not None and state.image.key in keys:
            before, state.image = state.image, keys[state.image.key]
            self._rescale(before.pixel_size, state.image.pixel_size)
            self._list_sources()
            self._compare()
        elif keys:
            active = self.layers.active_image()
            self.choose_image(active if active in keys else state.images[-1].key)
        else:
            state.image = state.source = None
            state.sources = ()
            self.forget()

    def set_pixel_size(self, size: float, unit: str) -> None:
        """Tell how large a pixel of the image is."""
        if self.state.image is None:
            return
        try:
            self.sizes.set_pixel_size(self.state.image.key, size, unit)
        except UnetscopeError as error:
            self.tell(error, "Setting the pixel size")
            return
        self._sized()

    def start_line(self) -> None:
        """Let a person draw a line along the scale bar."""
        if self.state.image is not None:
            self.sizes.start_line(self.state.image.key)

    def set_from_line(self, length: float, unit: str) -> None:
        """Take the pixel size that makes the drawn line as long as this."""
        if self.state.image is None:
            return
        key = self.state.image.key
        try:
            self.sizes.set_pixel_size(key, self.sizes.size_of_drawn_line(key, length, unit), unit)
        except UnetscopeError as error:
            self.tell(error, "Measuring the scale bar")
            return
        self.sizes.drop_line()
        self._sized()

    def drop_line(self) -> None:
        """No line is wanted any more."""
        self.sizes.drop_line()

    def _sized(self) -> None:
        """What was found is told in the new unit."""
        self.look()
        if self.state.found is not None:
            self.find()

    def _look_soon(self, *_: Any) -> None:
        self._look_timer.start()

    def _activated(self, key: str | None) -> None:
        self.choose_image(key)

    def _list_sources(self) -> None:
        state = self.state
        if state.image is None:
            return
        session = open_sessions.of(self.viewer)
        classes: tuple[LabelClass, ...] = session.classes if session is not None else ()
        state.sources = self.sources.of(state.image.key, classes)
        known = {c.value: c.name for c in classes}
        for source in state.sources:
            if source.kind is not LabelKind.OBJECTS:
                known = {c.value: c.name for c in source.classes} | known
        before = state.source
        kept = state.chosen(before.key) if before is not None else None
        state.source = kept or next(iter(state.sources), None)
        if known != dict(state.names):
            state.names = known
        if state.source is not None and (before is None or before.key != state.source.key):
            self._take_source()

    def _take_source(self) -> None:
        source, wish = self.state.source, self.state.wish
        assert source is not None
        apart = wish.apart
        if source.kind is LabelKind.OBJECTS:
            apart = "numbered"
        elif apart == "numbered":
            apart = "shape"
        value = starting_class(source, wish.value)
        border = next((c.value for c in source.classes if parts_objects(c)), None)
        if border is not None and wish.value == 0:
            apart = "border"  # it was painted for that
        self.state.wish = replace(wish, value=value, apart=apart, border=border or wish.border)
        self._watched.close()
        layer = self.layers.layer(source.key)
        for emitter in (layer.events.set_data, layer.events.data, layer.events.labels_update):
            self._watched.connect(emitter, self._labels_redrawn)

    def _likely_border(self, value: int) -> int | None:
        """The class that parts objects: one that is called so, else another than the objects'."""
        source = self.state.source
        others = [c for c in source.classes if c.value != value] if source is not None else []
        named = [c for c in others if parts_objects(c)]
        return next((c.value for c in (*named, *others[::-1])), None)

    def _rescale(self, before: Any, after: Any) -> None:
        """Lengths that were wished for stay as many pixels when the pixel gets another size."""
        ratio = min(after or (1.0,)) / min(before or (1.0,))
        if ratio == 1:
            return
        wish = self.state.wish
        lengths = (wish.typical, wish.smallest, wish.holes)
        typical, smallest, holes = (None if one is None else one * ratio for one in lengths)
        self.state.wish = replace(wish, typical=typical, smallest=smallest, holes=holes)

    # ---- finding

    def find(self) -> None:
        """Find the objects and measure them, as everything is now."""
        state = self.state
        if state.image is None or state.source is None:
            return
        state.message = None
        try:
            request = self._request()
        except UnetscopeError as error:
            self.tell(error, "Finding objects")
            return
        state.working = Working("Finding objects")
        self.finding.start(partial(_finding, request), state.image.key)

    def bring_back(self) -> None:
        """Show the objects of the image that were corrected last, in what they were found in."""
        state = self.state
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
        self.finding.start(partial(_bringing_back, request, self._kept[0]), state.image.key)

    def _facts(self) -> dict[str, Any]:
        """The image, and where corrections of its objects are kept."""
        assert self.state.image is not None
        key = self.state.image.key
        image = self.layers.micrograph(key)
        content = content_hash(image.pixels)
        return {"image": key, "micrograph": image, "folder": self._folder(), "content": content}

    def _offer(self) -> None:
        """Say whether objects of the image were corrected before, where none are shown."""
        state, self._kept = self.state, []
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
        found = self.state.found
        if found is None or not found.quantities:
            return
        self.state.working = Working("Telling objects apart in other ways")
        name = self.state.name_of(found.wish.value)
        self.finding.start(partial(_sureness, found, name), self.state.image)

    def stop(self) -> None:
        """End what is running; what was found stays."""
        self.finding.drop()
        self.state.working = None

    def _request(self) -> dict[str, Any]:
        state = self.state
        assert state.image is not None and state.source is not None
        region = self._region()
        return {
            **self._facts(),
            "region": region,
            "source": state.source,
            "labels": self.sources.read(state.source.key),
            "wish": state.wish,
            "class_name": state.name_of(state.wish.value),
        }

    def _region(self) -> Any:
        """What was drawn, where only that counts; where it is no box nothing can be weighted.

        Raises
        ------
        MeasurementError
            If nothing is drawn.
        """
        state = self.state
        if not state.wish.drawn or state.image is None:
            return None
        region = self.regions.mask(state.image.key)
        if region is None:
            raise MeasurementError(
                "no region is drawn on this image; draw a rectangle or polygon, or measure all"
            )
        if state.wish.edge == "weight" and not is_box(region):
            state.wish = replace(state.wish, edge="drop")
            state.message = Message(
                "The region is no rectangle: objects at its edge are left out, the rest is not "
                "weighted."
            )
        return region

    def draw_region(self) -> None:
        """Let a person draw what counts."""
        if self.state.image is not None:
            self.regions.start(self.state.image.key)
            self.wish(drawn=True)

    def _told(self, found: FoundObjects) -> tuple[Path | None, tuple[dict[str, Any], ...]]:
        """The file of the image, and what was done to its objects."""
        layer = self.layers.layer(found.image)
        return (None if layer is None else file_of(layer)), self.editor.records()

    @property
    def project(self) -> Path | None:
        """The project that the image belongs to; None without one."""
        image = self.state.image
        note = self.layers.note(image.key) if image is not None else None
        return None if note is None else note[0]

    def _folder(self) -> Path:
        """Where corrections are kept: in the project of the image, else with the strokes."""
        return (self.project or journal_folder()) / FOLDER

    def _happened(self, ticket: Any, event: Any) -> None:
        state = self.state
        if isinstance(event, Working):
            state.working = event
            return
        if not isinstance(event, FoundObjects):
            state.sure = event.lines
            return
        found = event
        before, state.found = state.found, found
        if before is None or before.objects is not found.objects:
            state.stale = ""
            state.selected, state.sure = (), ()
            state.offer = ""
            self._show(found)
            self.editor.open(found)
            self.checker.open(found)

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        self.state.working = None
        if end.error is not None:
            self.tell(end.error, "Measuring")

    def _show(self, found: FoundObjects) -> None:
        version = found.source.title.rpartition(" ")[2] if found.source.made_by else ""
        name = f"objects of {self.state.name_of(found.wish.value)} {version}".rstrip()
        layer = self.objects.show(
            found.image, found.objects.ids, name, found.source.key, found_in=found.source.title
        )
        self._tell_features(found)
        self.state.kept = None
        self._recolour()
        self.objects_shown.emit(layer)

    def _tell_features(self, found: FoundObjects) -> None:
        table = found.measured.table
        shown = [c for c in table.about if c.key not in ("object", "class", "weight")]
        columns = {column.header: table.columns[column.key] for column in shown}
        self.objects.tell(columns, table.columns["object"])

    def _edited(self, found: FoundObjects) -> None:
        """Rows have changed: what was chosen may be gone."""
        numbers = found.objects.numbers
        self.state.sure = ()
        left = tuple(one for one in self.state.selected if (numbers == one).any())
        self.choose(left)
        self._tell_features(found)
        self._recolour()
        self.checker.follow(found)

    # ---- colours

    def colour_by(self, key: str) -> None:
        """Colour objects by a measure, the key of its column; "" gives each a colour of its own."""
        self.state.colour_by = key
        self._recolour()

    def show_only(self, numbers: tuple[int, ...] | None) -> None:
        """Colour these objects alone; None: all."""
        self.state.kept = numbers
        self._recolour()

    def _recolour(self) -> None:
        found, key = self.state.found, self.state.colour_by
        self.colouring.drop()
        if found is None or not key or key not in found.measured.table.columns:
            self.objects.colour_no_more()
            self.state.limits = None
            return
        self.colouring.start(partial(_colouring, found, key, self.state.kept))

    def _coloured(self, ticket: Any, event: Any) -> None:
        if self.state.found is not None and event.found.objects is self.state.found.objects:
            self.objects.colour_by(event.title, event.picture, event.limits)
            self.state.limits = event.limits

    def forget(self) -> None:
        """Nothing is found any more."""
        self.finding.drop()
        self.editor.let_go()
        state = self.state
        state.working, state.found, state.stale = None, None, ""
        state.selected, state.tool, state.checked = (), "", frozenset()
        self.objects.clear()

    def _objects_gone(self) -> None:
        """A person removed the layer: the numbers go with it."""
        self.forget()

    # ---- stale

    def _labels_redrawn(self, event: Any) -> None:
        self._look_timer.start()

    def _compare_unseen(self) -> None:
        found = self.state.found
        if found is not None and found.looked.labels.size <= COMPARED_PX and not self.busy:
            self._compare()

    def _compare(self) -> None:
        """Say whether the numbers are still those of what is on screen."""
        found = self.state.found
        if found is None:
            return
        source = self.state.chosen(found.source.key) or self.state.source
        same = source is not None and self.sources.same(source.key, found.looked.labels)
        stale = "" if same else _stale(found)
        if stale != self.state.stale:
            self.state.stale = stale

    # ---- choosing

    def choose(self, numbers: tuple[int, ...], *, frame: bool = False) -> None:
        """Choose objects: they are outlined, and framed where that is wanted."""
        found = self.state.found
        if found is None:
            return
        self.state.selected = numbers
        box = box_of(found, numbers)
        self.objects.choose(numbers, box)
        if frame and box is not None:
            self.objects.frame(box)

    def _frame(self, number: int) -> None:
        self.choose((number,), frame=True)

    def _object_clicked(self, number: int, place: tuple[float, ...], more: bool) -> None:
        chosen = self.state.selected
        self.state.message = None
        if self.state.tool == "typical":
            if number:
                self._take_typical(number)
        elif self.state.tool == "split":
            self._take_point(number, place)
        elif more and number:
            rest = tuple(one for one in chosen if one != number)
            self.choose(rest if number in chosen else (*rest, number))
        else:
            self.choose((number,) if number else ())

    def use_tool(self, tool: str) -> None:
        """What a click on an object means from now on: "" chooses it."""
        state = self.state
        state.points = ()
        state.tool = tool
        self.objects.mark(())
        if tool != "split" or len(state.selected) != 1:
            self.choose(())
        if tool == "typical" and state.found is None:
            self.find()  # there is nothing to click on yet

    def _take_typical(self, number: int) -> None:
        """One more of the objects whose median diameter is the typical size."""
        state = self.state
        clicked = (*state.selected, number) if number not in state.selected else state.selected
        self.choose(clicked)
        if len(clicked) < TYPICAL_OF or state.found is None:
            return
        table = state.found.measured.table
        sizes = table.columns["diameter"][np.isin(table.columns["object"], clicked)]
        state.tool = ""
        self.choose(())
        self.wish(typical=float(np.median(sizes)), apart="shape")
        self.find()

    def _take_point(self, number: int, place: tuple[float, ...]) -> None:
        """One more point of the object that is to be split."""
        state = self.state
        if number and state.selected != (number,):
            self.choose((number,))
            state.points = ()
        if number:
            state.points = (*state.points, place)
            self.objects.mark(state.points)

    def split(self) -> None:
        """Begin to set points on an object, or part it where they are set."""
        state = self.state
        if state.tool != "split":
            self.use_tool("split")
            return
        if len(state.points) > 1 and len(state.selected) == 1:
            self.editor.split(state.selected[0], state.points)
        self.use_tool("")

    def finish(self) -> None:
        """Enter: do what was begun."""
        if self.state.tool == "split":
            self.split()

    def give_up(self) -> None:
        """Escape: put the tool away, or else choose nothing."""
        if self.state.tool:
            self.use_tool("")
        else:
            self.choose(())

    # ---- telling

    def tell(self, error: Exception, doing: str) -> None:
        """Show an error in words."""
        self.state.message = Message(in_words(error, doing), "error")


def is_box(region: NDArray[np.bool_]) -> bool:
    """Whether a region is a full box."""
    sides = [np.flatnonzero(region.any(tuple(a for a in range(region.ndim) if a != axis)))
             for axis in range(region.ndim)]  # fmt: skip
    return bool(np.count_nonzero(region) == np.prod([side[-1] - side[0] + 1 for side in sides]))


def _finding(request: dict[str, Any]) -> Iterator[Any]:
    room = jobs()
    yield from room.find(room.FindRequest(**request))


def _colouring(found: FoundObjects, key: str, kept: tuple[int, ...] | None) -> Iterator[Any]:
    yield from jobs().coloured(found, key, kept)


def _bringing_back(request: dict[str, Any], place: ObjectPlace) -> Iterator[Any]:
    room = jobs()
    yield from room.bring_back(room.FindRequest(**request), place)


def _sureness(found: FoundObjects, name: str) -> Iterator[Any]:
    yield from jobs().sureness(found, name)


def _stale(found: FoundObjects) -> str:
    made = f" of {found.source.made_by}" if found.source.made_by else ""
    return f"These are the numbers of older labels{made}. Press Update."


def box_of(found: FoundObjects, numbers: tuple[int, ...]) -> tuple[slice, ...] | None:
    """The box of pixels around some objects; None where there are none."""
    runs = found.objects.runs
    boxes = runs.boxes[np.isin(runs.numbers, numbers)]
    if not len(boxes):
        return None
    ends = zip(boxes[..., 0].min(axis=0), boxes[..., 1].max(axis=0), strict=True)
    return tuple(slice(int(low), int(high) + 1) for low, high in ends)
