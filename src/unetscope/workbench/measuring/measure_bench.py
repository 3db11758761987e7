"""What happens when a person measures: labels, objects, numbers and layers, joined.

Each part has a file of its own; here they hear of each other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Signal

from unetscope.session.layers.connections import Connections
from unetscope.session.layers.layer_facts import file_of
from unetscope.session.layers.object_layers import ObjectLayers
from unetscope.session.layers.project_layers import layers_of
from unetscope.session.measuring.measure_state import FoundObjects, MeasureState
from unetscope.workbench.measuring.measured_labels import MeasuredLabels
from unetscope.workbench.measuring.object_checker import ObjectChecker
from unetscope.workbench.measuring.object_colours import ObjectColours
from unetscope.workbench.measuring.object_editor import ObjectEditor
from unetscope.workbench.measuring.object_finder import ObjectFinder
from unetscope.workbench.measuring.object_tools import ObjectTools
from unetscope.workbench.measuring.result_desk import ResultDesk


class MeasureBench(QObject):
    """One viewer's measuring; :meth:`close` ends all of it.

    ``objects_shown(layer)``: objects lie on a new layer.

    Attributes
    ----------
    labels : which image and labels are measured, and how a person wishes it.
    finder, editor, checker : find objects, correct them, walk through the doubtful ones.
    tools, colours : what a click on an object means, and how objects are coloured.
    results : files and words.
    """

    objects_shown = Signal(object)

    def __init__(self, viewer: Any, parent: QObject) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.state = MeasureState()
        self.layers = layers_of(viewer)
        self.objects = ObjectLayers(self.layers)
        self.labels = MeasuredLabels(self.layers, self.state, lambda: self.busy, self)
        self.finder = ObjectFinder(self.layers, self.state, self.labels, self)
        self.editor = ObjectEditor(self.state, self.objects, self)
        self.tools = ObjectTools(self.state, self.objects, self.labels, self.editor, self)
        self.colours = ObjectColours(self.state, self.objects, self)
        self.checker = ObjectChecker(self.state, self.tools.frame, self)
        self.results = ResultDesk(self.state, self._told, self)
        self._closed = False
        self.labels.left.connect(self.forget)
        self.finder.anew.connect(self._show)
        self.editor.edited.connect(self._edited)
        self.tools.find_wanted.connect(self.finder.find)
        self._connections = Connections()
        self._connections.connect(self.objects.gone, self.forget)
        self.labels.look()

    def close(self) -> None:
        """Stop every job and let go of the viewer, without waiting; twice is harmless."""
        if self._closed:
            return
        self._closed = True
        self.labels.close()
        self.finder.lane.close()
        self.colours.lane.close()
        self.tools.close()
        self.editor.close()
        self.results.close()
        self._connections.close()
        self.objects.close()
        self.layers.close()

    @property
    def busy(self) -> bool:
        """Whether anything runs, or waits to."""
        lanes = (self.finder.lane, self.colours.lane, self.results.lane)
        return any(lane.busy for lane in lanes) or self.editor.busy or self.labels.waits

    def forget(self) -> None:
        """Nothing is found any more, as where a person removed the layer."""
        self.finder.lane.drop()
        self.editor.let_go()
        state = self.state
        state.working, state.found, state.stale = None, None, ""
        state.selected, state.tool, state.checked = (), "", frozenset()
        self.objects.clear()

    # ---- inside

    def _show(self, found: FoundObjects) -> None:
        """Other objects were found, or brought back."""
        version = found.source.title.rpartition(" ")[2] if found.source.made_by else ""
        name = f"objects of {self.state.name_of(found.wish.value)} {version}".rstrip()
        layer = self.objects.show(
            found.image, found.objects.ids, name, found.source.key, found_in=found.source.title
        )
        self._tell_features(found)
        self.state.kept = None
        self.colours.renew()
        self.objects_shown.emit(layer)
        self.editor.open(found)
        self.checker.open(found)

    def _edited(self, found: FoundObjects) -> None:
        """Rows have changed: what was chosen may be gone."""
        numbers = found.objects.numbers
        self.state.sure = ()
        left = tuple(one for one in self.state.selected if (numbers == one).any())
        self.tools.choose(left)
        self._tell_features(found)
        self.colours.renew()
        self.checker.follow(found)

    def _tell_features(self, found: FoundObjects) -> None:
        table = found.measured.table
        shown = [c for c in table.about if c.key not in ("object", "class", "weight")]
        columns = {column.header: table.columns[column.key] for column in shown}
        self.objects.tell(columns, table.columns["object"])

    def _told(self, found: FoundObjects) -> tuple[Path | None, tuple[dict[str, Any], ...]]:
        """The file of the image, and what was done to its objects."""
        layer = self.layers.layer(found.image)
        return (None if layer is None else file_of(layer)), self.editor.records()
