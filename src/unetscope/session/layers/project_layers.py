"""The layers of a viewer whose images may belong to a project, with the images left on disk.

What a project adds to :class:`OpenLayers`: an image knows its project by a note in the layer's
metadata, which the reader writes as well; samples may come from images that are not on screen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from unetscope.errors import AnnotationError
from unetscope.images.classes import LabelClass
from unetscope.learning.samples import Sample
from unetscope.session.layers.known_images import image_layers
from unetscope.session.layers.layer_facts import (
    ROLE,
    brush_size_px,
    file_of,
    layer_key,
    note_of,
    role_of,
    set_labels,
    sign,
)
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.layers.project_reader import (
    IMAGE_ID,
    PROJECT,
    LayerData,
    project_note,
)
from unetscope.session.open_sessions import viewer_key
from unetscope.session.project.reading import ClosedImage, sample_key

#: Live answers know the images left last up to so many pixels, so that a stroke stays instant.
LIVE_STORED_PX = 2_000_000
Note = tuple[Path, str]  # project folder and image id

_of_viewers: WeakValueDictionary[int, ProjectLayers] = WeakValueDictionary()


class ProjectLayers(OpenLayers):
    """Layers, and samples of project images that are not open, in ``stored``."""

    def __init__(self, viewer: Any) -> None:
        self.stored: dict[str, ClosedImage] = {}  # by image id, the one left last at the end
        self._whole = False
        self._panels = 1
        super().__init__(viewer)

    def shared(self) -> ProjectLayers:
        """For one more panel of the same viewer, which closes it as well."""
        self._panels += 1
        return self

    def close(self) -> None:
        """A panel is closed: the last one lets go of the viewer and of every layer."""
        self._panels -= 1
        if not self._panels:
            _of_viewers.pop(viewer_key(self.viewer), None)
            super().close()

    def begin_painting(self) -> None:
        """A panel to paint in opens: it reads every stroke anew, and knows no project yet."""
        self.stored.clear()
        self.forget_strokes()

    # ---- which image is which

    def note(self, key: str) -> Note | None:
        """The project and the image id of an image; None for one without a project."""
        layer = self.layer(key)
        return None if layer is None else project_note({ROLE: note_of(layer)})

    def noted(self) -> dict[str, Note]:
        """Image key -> project and image id, of all images that have them."""
        notes = {
            layer_key(layer): project_note({ROLE: note_of(layer)})
            for layer in image_layers(self.viewer)
        }
        return {key: note for key, note in notes.items() if note is not None}

    def key_of(self, folder: Path, image_id: str) -> str | None:
        """The key of a project's image, None where it is not open."""
        return next((k for k, note in self.noted().items() if note == (folder, image_id)), None)

    def set_note(self, key: str, folder: Path, image_id: str) -> None:
        """An open image has become one of the project in ``folder``."""
        layer = self.layer(key)
        sign(layer, **{PROJECT: str(folder), IMAGE_ID: image_id})

    def settle(self, key: str) -> None:
        """A project's image was taken up: copies that napari makes of it are ordinary images."""
        sign(self.layer(key))
        self.images_changed.emit()

    def fixed_reading(self, key: str) -> str:
        """The project knows how its images are read."""
        note = self.note(key)
        if note is None:
            return ""
        return (
            f"The project {note[0].stem} knows how this image is read, and its labels belong to "
            "that; duplicate the layer to read it in another way."
        )

    def file(self, key: str) -> Path | None:
        """The file an image was opened from, there still or not; None without one."""
        return file_of(self.layer(key))

    def source(self, key: str) -> Path | None:
        """The file an image was opened from, None where there is none (any more)."""
        path = self.file(key)
        return path if path is not None and path.exists() else None

    # ---- images of a project come and go

    def add_image(self, image: LayerData) -> str:
        """Add an image's layer; its key."""
        pixels, options, _ = image
        return layer_key(self.viewer.add_image(pixels, **options))

    def open_file(self, path: Path) -> None:
        """Open an image as napari does when it is dropped."""
        self.viewer.open(str(path), plugin="napari")

    def remove(self, key: str) -> None:
        """Take an image off with its strokes and its results."""
        strokes = self.strokes_layer(key)
        gone = [
            layer
            for layer in self.viewer.layers
            if layer_key(layer) == key
            or layer is strokes
            or (role_of(layer) and note_of(layer).get("image") == key)
        ]
        for layer in reversed(gone):
            self.viewer.layers.remove(layer)

    def brought_labels(self, key: str) -> Any:
        """The labels layer that came with a project's image and is not painted on yet, or None."""
        note = self.note(key)
        for layer in self.viewer.layers:
            if role_of(layer) != "strokes" or "image" in note_of(layer):
                continue
            if note is not None and project_note({ROLE: note_of(layer)}) == note:
                return layer
        return None

    def show_labels(self, key: str, labels: LayerData | None) -> None:
        """Paint on saved labels: on those that came with the image, or else on ``labels``."""
        layer = self.brought_labels(key)
        if layer is None and labels is not None:
            with self.same_active():
                layer = self.viewer.add_labels(labels[0], **labels[1])
        if layer is None:
            return
        sign(layer, image=key, axes=self.micrograph(key).axes)
        layer.brush_size = brush_size_px(layer.data.shape)
        self.adopt(key, layer_key(layer))

    def drop_brought(self, key: str) -> None:
        """Remove the labels that came with an image: newer strokes take their place."""
        layer = self.brought_labels(key)
        if layer is not None:
            self.viewer.layers.remove(layer)

    # ---- labels from elsewhere

    def write_labels(self, key: str, labels: np.ndarray, classes: Sequence[LabelClass]) -> int:
        """Write labels over the strokes of an image as one undoable edit; the pixels changed.

        Where ``labels`` are 0 the strokes stay. The strokes layer is made where there is none.

        Raises
        ------
        AnnotationError
            If the layer cannot hold the values.
        """
        layer = self.strokes_layer(key) or self.paint_with(key, classes[0].value, classes)
        most = int(np.iinfo(layer.data.dtype).max)
        if labels.size and int(labels.max()) > most:
            raise AnnotationError(
                f"the labels reach up to {int(labels.max())}, the strokes layer holds up to "
                f"{most}; give its values classes of lower numbers"
            )
        places = np.nonzero((labels != 0) & (labels != np.asarray(layer.data)))
        if len(places[0]):
            with layer.block_history():
                set_labels(layer, places, labels[places].astype(layer.data.dtype))
        return len(places[0])

    # ---- samples

    @contextmanager
    def whole_project(self) -> Iterator[None]:
        """Inside, :meth:`samples` holds every image of the project, not only those near."""
        self._whole = True
        try:
            yield
        finally:
            self._whole = False

    def samples(self, channels: int) -> list[Sample]:
        """Open images with strokes, and those of the project that are not open.

        A project's image has the same key whether it is open or not. Outside of
        :meth:`whole_project` as many of the latter as :data:`LIVE_STORED_PX` allows, and those with
        a class that would be missing otherwise.
        """
        notes = self.noted()
        opened = [self._keyed(sample, notes) for sample in super().samples(channels)]
        closed = self._closed(channels) if self._whole else self._near(channels)
        return [*opened, *(one.sample for one in closed)]

    def painted_pixels(self, channels: int) -> Mapping[int, int]:
        """Class value -> labelled pixels over all open images and the whole project."""
        counts = Counter(super().painted_pixels(channels))
        for one in self._closed(channels):
            counts.update(one.painted)
        return dict(sorted(counts.items()))

    def painted_on(self, key: str) -> Mapping[int, int]:
        """Class value -> labelled pixels of one open image, as they are now."""
        self.read_strokes(key)
        return self._snapshots.painted_pixels([key])

    def _closed(self, channels: int) -> list[ClosedImage]:
        """Images that are not open, the one left last at the beginning."""
        known = reversed(self.stored.values())
        return [one for one in known if one.painted and one.sample.image.channels == channels]

    def _near(self, channels: int) -> list[ClosedImage]:
        """What live answers learn from besides open images, so that a stroke stays instant."""
        room, near = LIVE_STORED_PX, []
        classes = set(super().painted_pixels(channels))
        for one in self._closed(channels):
            room -= one.sample.labels.size
            if room >= 0 or not classes.issuperset(one.painted):
                near.append(one)
                classes.update(one.painted)
        return near

    @staticmethod
    def _keyed(sample: Sample, notes: dict[str, Note]) -> Sample:
        note = notes.get(sample.key)
        return sample if note is None else replace(sample, key=sample_key(*note))


def layers_of(viewer: Any) -> ProjectLayers:
    """The layers of a viewer: one for all its panels, each of which closes it at its end."""
    key = viewer_key(viewer)
    found = _of_viewers.get(key)
    if found is None:
        found = _of_viewers[key] = ProjectLayers(viewer)
        return found
    return found.shared()
