"""What a click on an object means: it is chosen, shows a typical size, or is to be split there."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QObject, Signal

from unetscope.session.layers.connections import Connections
from unetscope.session.layers.object_layers import ObjectLayers
from unetscope.session.measuring.measure_state import FoundObjects, MeasureState
from unetscope.workbench.measuring.measured_labels import MeasuredLabels
from unetscope.workbench.measuring.object_editor import ObjectEditor

TYPICAL_OF = 3  # so many clicked objects say how large a good one is


class ObjectTools(QObject):
    """Hears clicks on objects; ``find_wanted()``: objects are to be found, or found anew."""

    find_wanted = Signal()

    def __init__(
        self,
        state: MeasureState,
        objects: ObjectLayers,
        labels: MeasuredLabels,
        editor: ObjectEditor,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state, self._objects = state, objects
        self._labels, self._editor = labels, editor
        self._connections = Connections()
        self._connections.connect(objects.clicked, self._clicked)

    def close(self) -> None:
        """Let go of the objects."""
        self._connections.close()

    def choose(self, numbers: tuple[int, ...], *, frame: bool = False) -> None:
        """Choose objects: they are outlined, and framed where that is wanted."""
        found = self._state.found
        if found is None:
            return
        self._state.selected = numbers
        box = box_of(found, numbers)
        self._objects.choose(numbers, box)
        if frame and box is not None:
            self._objects.frame(box)

    def frame(self, number: int) -> None:
        """Choose an object and bring it into the middle of the view."""
        self.choose((number,), frame=True)

    def _clicked(self, number: int, place: tuple[float, ...], more: bool) -> None:
        chosen = self._state.selected
        self._state.message = None
        if self._state.tool == "typical":
            if number:
                self._take_typical(number)
        elif self._state.tool == "split":
            self._take_point(number, place)
        elif more and number:
            rest = tuple(one for one in chosen if one != number)
            self.choose(rest if number in chosen else (*rest, number))
        else:
            self.choose((number,) if number else ())

    def use_tool(self, tool: str) -> None:
        """What a click on an object means from now on: "" chooses it."""
        state = self._state
        state.points = ()
        state.tool = tool
        self._objects.mark(())
        if tool != "split" or len(state.selected) != 1:
            self.choose(())
        if tool == "typical" and state.found is None:
            self.find_wanted.emit()  # there is nothing to click on yet

    def _take_typical(self, number: int) -> None:
        """One more of the objects whose median diameter is the typical size."""
        state = self._state
        clicked = (*state.selected, number) if number not in state.selected else state.selected
        self.choose(clicked)
        if len(clicked) < TYPICAL_OF or state.found is None:
            return
        table = state.found.measured.table
        sizes = table.columns["diameter"][np.isin(table.columns["object"], clicked)]
        state.tool = ""
        self.choose(())
        self._labels.wish(typical=float(np.median(sizes)), apart="shape")
        self.find_wanted.emit()

    def _take_point(self, number: int, place: tuple[float, ...]) -> None:
        """One more point of the object that is to be split."""
        state = self._state
        if number and state.selected != (number,):
            self.choose((number,))
            state.points = ()
        if number:
            state.points = (*state.points, place)
            self._objects.mark(state.points)

    def split(self) -> None:
        """Begin to set points on an object, or part it where they are set."""
        state = self._state
        if state.tool != "split":
            self.use_tool("split")
            return
        if len(state.points) > 1 and len(state.selected) == 1:
            self._editor.split(state.selected[0], state.points)
        self.use_tool("")

    def finish(self) -> None:
        """Enter: do what was begun."""
        if self._state.tool == "split":
            self.split()

    def give_up(self) -> None:
        """Escape: put the tool away, or else choose nothing."""
        if self._state.tool:
            self.use_tool("")
        else:
            self.choose(())


def box_of(found: FoundObjects, numbers: tuple[int, ...]) -> tuple[slice, ...] | None:
    """The box of pixels around some objects; None where there are none."""
    runs = found.objects.runs
    boxes = runs.boxes[np.isin(runs.numbers, numbers)]
    if not len(boxes):
        return None
    ends = zip(boxes[..., 0].min(axis=0), boxes[..., 1].max(axis=0), strict=True)
    return tuple(slice(int(low), int(high) + 1) for low, high in ends)
