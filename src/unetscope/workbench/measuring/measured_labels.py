"""Which labels of which image are measured, and whether the numbers are still those of them.

The image follows the viewer; where only a region counts, a person draws it here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from unetscope.errors import MeasurementError, UnetscopeError
from unetscope.images.classes import LabelClass
from unetscope.session.layers.connections import Connections
from unetscope.session.layers.drawn_regions import DrawnRegions
from unetscope.session.layers.label_sources import LabelSources
from unetscope.session.layers.pixel_sizes import PixelSizes
from unetscope.session.layers.project_layers import ProjectLayers
from unetscope.session.measuring.measure_state import (
    FoundObjects,
    LabelKind,
    MeasureState,
    parts_objects,
    starting_class,
)
from unetscope.session.open_sessions import open_sessions
from unetscope.session.values import Message
from unetscope.workbench.timers import repeated, single_shot

COMPARE_MS = 1500  # hidden layers do not tell that their labels have changed
COMPARED_PX = 2**26  # labels of more pixels are compared only when something is told of them
LOOK_MS = 300  # after layers have changed, so that a burst of tiles is looked at once


class MeasuredLabels(QObject):
    """Takes up images and labels of a viewer.

    Signals
    -------
    left() : the image of what was found is measured no more.
    taken() : another image was taken up, with its labels.
    sized() : a pixel has another size.

    Parameters
    ----------
    busy : whether anything runs; labels are not compared meanwhile.
    """

    left = Signal()
    taken = Signal()
    sized = Signal()

    def __init__(
        self, layers: ProjectLayers, state: MeasureState, busy: Callable[[], bool], parent: QObject
    ) -> None:
        super().__init__(parent)
        self._layers, self._state, self._busy = layers, state, busy
        self.sources = LabelSources(layers)
        self.sizes = PixelSizes(layers)
        self.regions = DrawnRegions(layers)
        self._closed = False
        self._watched = Connections()  # of the labels that objects are found in
        self._look_timer = single_shot(self, LOOK_MS, self.look)
        self._beat = repeated(self, COMPARE_MS, self._compare_unseen)
        self._connections = Connections()
        for emitter in (layers.images_changed, open_sessions.changed):
            self._connections.connect(emitter, self._look_soon)
        self._connections.connect(layers.activated, self._activated)

    def close(self) -> None:
        """Let go of the viewer."""
        self._closed = True
        self._look_timer.stop()
        self._beat.stop()
        self._watched.close()
        self._connections.close()

    @property
    def waits(self) -> bool:
        """Whether layers have changed that are not looked at yet."""
        return self._look_timer.isActive()

    @property
    def project(self) -> Path | None:
        """The project that the image belongs to; None without one."""
        image = self._state.image
        note = self._layers.note(image.key) if image is not None else None
        return None if note is None else note[0]

    def choose_image(self, key: str | None) -> None:
        """Measure another image."""
        wanted = next((image for image in self._state.images if image.key == key), None)
        if wanted is None or wanted == self._state.image:
            return
        self._state.image = wanted
        if self._state.found is not None and self._state.found.image != wanted.key:
            self.left.emit()
        self._list_sources()
        self.taken.emit()

    def choose_source(self, key: str) -> None:
        """Find objects in another labels layer."""
        source = self._state.chosen(key)
        if source is None or source == self._state.source:
            return
        self._state.source = source
        self._take_source()

    def wish(self, **wished: Any) -> None:
        """Wish for something else; what was found stays until objects are found anew."""
        wish = replace(self._state.wish, **wished)
        if wish.apart == "border" and wish.border is None:
            wish = replace(wish, border=self._likely_border(wish.value))
        if wish != self._state.wish:
            self._state.wish = wish
            self._state.message = None

    def look(self) -> None:
        """Take up which images and labels there are."""
        if self._closed:
            return
        state = self._state
        state.images = self._layers.summaries()
        keys = {image.key: image for image in state.images}
        if state.image is not None and state.image.key in keys:
            before, state.image = state.image, keys[state.image.key]
            self._rescale(before.pixel_size, state.image.pixel_size)
            self._list_sources()
            self._compare()
        elif keys:
            active = self._layers.active_image()
            self.choose_image(active if active in keys else state.images[-1].key)
        else:
            state.image = state.source = None
            state.sources = ()
            self.left.emit()

    def set_pixel_size(self, size: float, unit: str) -> None:
        """Tell how large a pixel of the image is."""
        if self._state.image is None:
            return
        try:
            self.sizes.set_pixel_size(self._state.image.key, size, unit)
        except UnetscopeError as error:
            self._tell(error, "Setting the pixel size")
            return
        self._sized()

    def start_line(self) -> None:
        """Let a person draw a line along the scale bar."""
        if self._state.image is not None:
            self.sizes.start_line(self._state.image.key)

    def set_from_line(self, length: float, unit: str) -> None:
        """Take the pixel size that makes the drawn line as long as this."""
        if self._state.image is None:
            return
        key = self._state.image.key
        try:
            self.sizes.set_pixel_size(key, self.sizes.size_of_drawn_line(key, length, unit), unit)
        except UnetscopeError as error:
            self._tell(error, "Measuring the scale bar")
            return
        self.sizes.drop_line()
        self._sized()

    def drop_line(self) -> None:
        """No line is wanted any more."""
        self.sizes.drop_line()

    def region(self) -> Any:
        """What was drawn, where only that counts; where it is no box nothing can be weighted.

        Raises
        ------
        MeasurementError
            If nothing is drawn.
        """
        state = self._state
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
        if self._state.image is not None:
            self.regions.start(self._state.image.key)
            self.wish(drawn=True)

    def _sized(self) -> None:
        """What was found is told in the new unit."""
        self.look()
        self.sized.emit()

    def _look_soon(self, *_: Any) -> None:
        self._look_timer.start()

    def _activated(self, key: str | None) -> None:
        self.choose_image(key)

    def _list_sources(self) -> None:
        state = self._state
        if state.image is None:
            return
        session = open_sessions.of(self._layers.viewer)
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
        source, wish = self._state.source, self._state.wish
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
        self._state.wish = replace(wish, value=value, apart=apart, border=border or wish.border)
        self._watched.close()
        layer = self._layers.layer(source.key)
        for emitter in (layer.events.set_data, layer.events.data, layer.events.labels_update):
            self._watched.connect(emitter, self._labels_redrawn)

    def _likely_border(self, value: int) -> int | None:
        """The class that parts objects: one that is called so, else another than the objects'."""
        source = self._state.source
        others = [c for c in source.classes if c.value != value] if source is not None else []
        named = [c for c in others if parts_objects(c)]
        return next((c.value for c in (*named, *others[::-1])), None)

    def _rescale(self, before: Any, after: Any) -> None:
        """Lengths that were wished for stay as many pixels when the pixel gets another size."""
        ratio = min(after or (1.0,)) / min(before or (1.0,))
        if ratio == 1:
            return
        wish = self._state.wish
        lengths = (wish.typical, wish.smallest, wish.holes)
        typical, smallest, holes = (None if one is None else one * ratio for one in lengths)
        self._state.wish = replace(wish, typical=typical, smallest=smallest, holes=holes)

    # ---- stale

    def _labels_redrawn(self, event: Any) -> None:
        self._look_timer.start()

    def _compare_unseen(self) -> None:
        found = self._state.found
        if found is not None and found.looked.labels.size <= COMPARED_PX and not self._busy():
            self._compare()

    def _compare(self) -> None:
        """Say whether the numbers are still those of what is on screen."""
        found = self._state.found
        if found is None:
            return
        source = self._state.chosen(found.source.key) or self._state.source
        same = source is not None and self.sources.same(source.key, found.looked.labels)
        stale = "" if same else _stale(found)
        if stale != self._state.stale:
            self._state.stale = stale

    def _tell(self, error: Exception, doing: str) -> None:
        self._state.message = Message.of(error, doing)


def is_box(region: NDArray[np.bool_]) -> bool:
    """Whether a region is a full box."""
    sides = [np.flatnonzero(region.any(tuple(a for a in range(region.ndim) if a != axis)))
             for axis in range(region.ndim)]  # fmt: skip
    return bool(np.count_nonzero(region) == np.prod([side[-1] - side[0] + 1 for side in sides]))


def _stale(found: FoundObjects) -> str:
    made = f" of {found.source.made_by}" if found.source.made_by else ""
    return f"These are the numbers of older labels{made}. Press Update."
