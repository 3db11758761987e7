"""Images of a project on screen: they come with their saved labels, and go with them saved."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from unetscope.learning.samples import Sample
from unetscope.session.engine import projects
from unetscope.session.engine.projects import scratch
from unetscope.session.layers.layer_facts import layer_key
from unetscope.session.layers.project_reader import LayerData, image_layer, labels_layer
from unetscope.session.project.reading import closed_image, sample_key
from unetscope.workbench.context import Context
from unetscope.workbench.kept_strokes import KeptStrokes
from unetscope.workbench.part import Part
from unetscope.workbench.project_context import ProjectContext
from unetscope.workbench.project_keeping import ProjectSaver


class ProjectImages(Part):
    """The open images of a project, also those that were dropped into napari.

    ``chosen(key)`` wants one to be worked on, ``replaced(ImageChanged)`` tells of one whose file is
    another one now, ``dropped(folder)`` wants the project of a dropped image, at once.
    """

    chosen = Signal(str)
    replaced = Signal(object)
    dropped = Signal(object)

    def __init__(
        self,
        context: Context,
        project: ProjectContext,
        saver: ProjectSaver,
        strokes: KeptStrokes,
        parent: QObject,
    ) -> None:
        super().__init__(context, parent)
        self._layers, self._project = context.layers, project
        self._saver, self._strokes = saver, strokes
        self._settled: set[str] = set()  # keys of images that were taken up
        self._touched: set[str] = set()  # keys of images whose labels are to be saved
        self.lane = self._lane(lambda _ticket, event: self._read(event), project.report)
        self._take_timer = self._timer(0, self._take_dropped)
        layers = context.layers
        self._follow(layers.images_changed, self.look)
        self._follow(layers.painted, self._painted)
        self._follow(layers.viewer.layers.events.removing, self._going)

    def painted(self) -> frozenset[str]:
        """The ids of the open images that have strokes."""
        status = self._strokes.keeper.status
        return frozenset(i for key, i in self._project.own().items() if status(key).can_undo)

    # ---- they come

    def go_to(self, image_id: str) -> None:
        """Open an image of the project; the labels of the one before are saved."""
        opened = self._project.opened
        if opened is None or image_id == self._project.shown_id:
            return
        key = self._layers.key_of(opened.folder, image_id)
        if key is not None:
            self.chosen.emit(key)
            return
        unsaved = self._saver.unsaved(image_id)
        job = partial(projects.opened_image, scratch(opened.project), image_id, unsaved)
        self.lane.start(job, f"Opening {opened.project.image(image_id).name}")

    def adopt(self, key: str, image_id: str) -> None:
        """An image that is open already has become one of the project."""
        if self._project.opened is None:
            return
        self._settled.add(key)
        self._layers.set_note(key, self._project.opened.folder, image_id)
        self._strokes.move(key)
        self._touched.add(key)
        self._keep_labels(key, image_id)

    def _read(self, event: Any) -> None:
        match event:
            case projects.ImageRead():
                self._show(event)
            case projects.ImageChanged():
                self.replaced.emit(event)
            case projects.Renewed() if self._project.opened is not None:
                self._project.opened.take_renewed(event.entry)

    def _show(self, read: projects.ImageRead) -> None:
        opened = self._project.opened
        if opened is None:
            return
        for key, image_id in self._project.own().items():
            self._leave(key, image_id)
        opened.take(read.entry)
        self._layers.stored.pop(read.entry.id, None)
        image, labels = image_layer(opened.folder, read.entry, read.image), None
        if read.labels is not None:
            labels = labels_layer(image, read.labels, opened.project.record.classes)
        self._settle(self._layers.add_image(image), labels, read.labels_saved_at)

    def _settle(self, key: str, labels: LayerData | None, saved_at: float) -> None:
        """Work on an image with its saved labels, or with newer ones that its journal holds."""
        self._settled.add(key)
        self._layers.settle(key)
        self.chosen.emit(key)
        offer = self._strokes.keeper.status(key).offer
        newer = offer is not None and offer.painted_at > saved_at
        if newer:
            self._layers.drop_brought(key)
            self._strokes.restore()
            self._touched.add(key)
        else:
            self._layers.show_labels(key, labels)
            self._touched.discard(key)
        self._layers.colour(self._session.classes)
        self._saver.save_soon()

    def look(self) -> None:
        """See whether images of a project were dropped into napari; its project is opened."""
        noted = self._layers.noted()
        self._settled &= set(noted)
        new = {key: note for key, note in noted.items() if key not in self._settled}
        for folder, _ in list(new.values())[:1]:
            if self._project.opened is None:
                self.dropped.emit(folder)  # now, for its journal is asked for next
        if new:
            self._take_timer.start()

    def _take_dropped(self) -> None:
        for key, (folder, image_id) in list(self._layers.noted().items()):
            if key not in self._settled:
                self._take(key, folder, image_id)

    def _take(self, key: str, folder: Path, image_id: str) -> None:
        self._settled.add(key)
        self.dropped.emit(folder)
        opened = self._project.opened
        if opened is None or opened.folder != folder:
            return
        for other, other_id in self._project.own().items():
            if other != key:
                self._leave(other, other_id)
        self._layers.stored.pop(image_id, None)
        self._settle(key, None, projects.labels_saved_at(opened.project, image_id))

    # ---- they go

    def keep_all(self) -> None:
        """Save the labels of every open image where they have changed."""
        for key, image_id in self._project.own().items():
            self._keep_labels(key, image_id)

    def _going(self, event: Any) -> None:
        """Save labels whose layer is being removed: by a person, or by napari as it closes."""
        layer = self._layers.viewer.layers[event.index]
        for key, image_id in self._project.own().items():
            strokes = self._layers.strokes_layer(key)
            if strokes is not None and layer_key(strokes) == layer_key(layer):
                self._keep_labels(key, image_id)

    def _leave(self, key: str, image_id: str) -> None:
        """Save the labels of an image, take it off, and learn from it all the same."""
        opened = self._project.opened
        if opened is None:
            return
        labels = self._keep_labels(key, image_id)
        if labels is not None and labels.shape == self._layers.micrograph(key).spatial_shape:
            name = sample_key(opened.folder, image_id)
            sample = Sample(self._layers.learned_as(key), labels, name)
            boxes = self._layers.boxes(key)
            closed = closed_image(sample, boxes, self._layers.painted_on(key))
            self._layers.stored[image_id] = closed
        self._settled.discard(key)
        self._layers.remove(key)

    def _keep_labels(self, key: str, image_id: str) -> np.ndarray | None:
        """Save the labels of an open image where they have changed; a copy of them."""
        opened = self._project.opened
        if opened is None or self._layers.strokes_layer(key) is None:
            return None  # strokes whose layer was deleted are in the journal
        self._strokes.keeper.sweep()
        labels = self._layers.painted_labels(key)
        project = opened.project
        entry = project.image(image_id)
        own = tuple(n for n, axis in zip(entry.shape, entry.axes, strict=True) if axis != "c")
        if self._layers.micrograph(key).spatial_shape != own:
            return labels  # other pixels were put into the layer: those strokes are in the journal
        if key in self._touched and not opened.cannot_write:
            self._touched.discard(key)
            values = labels
            if values is None and project.image(image_id).labels is not None:
                values = np.zeros(self._layers.micrograph(key).spatial_shape, np.uint8)
            if values is not None:
                self._saver.write_labels(project, image_id, values)
        return labels

    def _painted(self, key: str) -> None:
        if key in self._settled:
            self._touched.add(key)
