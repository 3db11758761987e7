"""The one place where napari layers become micrographs and samples.

Its counterpart :mod:`.result_layers` turns results into layers. Layers are told apart by
their ``unique_id``, which survives renaming and does not mind the proxies plugins get.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from psygnal import Signal

from unetscope.errors import ImageError
from unetscope.images.classes import LabelClass
from unetscope.images.micrograph import Micrograph
from unetscope.images.questions import Answers
from unetscope.images.rescaled import resampled, resampled_labels
from unetscope.images.some_planes import some_planes
from unetscope.learning.check_box import CheckBox, PaintedBox, outside
from unetscope.learning.samples import Sample
from unetscope.session.layers.adoption import paintable_labels
from unetscope.session.layers.big_labels import TiledLabels, blank_labels, places_of
from unetscope.session.layers.colouring import colour_layer
from unetscope.session.layers.connections import Connections
from unetscope.session.layers.findings import Findings
from unetscope.session.layers.following import Following
from unetscope.session.layers.known_images import KnownImages, choices_of, image_layers
from unetscope.session.layers.layer_facts import (
    ROLE,
    brush_size_px,
    layer_key,
    note_of,
    role_of,
    set_labels,
    sign,
    spatial_axes,
)
from unetscope.session.layers.orphans import name_orphans, orphans
from unetscope.session.layers.pixels_seen import SeenPixels
from unetscope.session.layers.placement import placement, world_units
from unetscope.session.layers.screen import plane_on_screen, shows_several
from unetscope.session.layers.snapshots import Snapshots
from unetscope.session.values import ImageSummary

Box = tuple[slice, slice]
Reading = tuple[str, str, tuple[int, ...]]  # image key, axes, shape of the labels
_PAINTING = "drag to paint, hold <space> to move the image"
#: Roles of layers over the spatial axes of an image, and of those that nobody paints on.
_ON_IMAGE = ("strokes", "result", "hint", "objects", "measure")
_COMPUTED = ("result", "objects", "chosen")


class OpenLayers:
    """The images of a viewer and the strokes painted on them.

    Signals: ``images_changed`` (added, removed, renamed, read differently), ``activated`` (key of
    the image the active layer belongs to), ``painted`` (key of an image whose strokes may have
    changed), ``class_picked`` (label chosen in napari's own controls), ``moved`` (slider),
    ``panned`` (camera), ``strokes_made`` (a layer to paint on was made or adopted), ``told`` (what
    a person should know of what was done to a layer), ``pixels_changed`` (key of an image that got
    other pixels, anew or in place), ``boxes_changed`` (key of an image with other check boxes).
    """

    images_changed = Signal()
    activated = Signal(str)
    painted = Signal(str)
    class_picked = Signal(int)
    moved = Signal()
    panned = Signal()
    strokes_made = Signal(object)
    told = Signal(str)
    pixels_changed = Signal(str)
    boxes_changed = Signal(str)

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        self.images = KnownImages(viewer)
        self._strokes: dict[str, str] = {}  # image key -> key of its strokes layer
        self._parked: dict[Reading, str] = {}  # strokes layers of readings that are not shown
        self._known: dict[str, Reading] = {}  # image key -> reading as it was looked at last
        self._snapshots = Snapshots()  # image key -> strokes as last read
        self._boxes: dict[str, tuple[CheckBox, ...]] = {}  # image key -> check boxes
        self._factors: dict[str, tuple[float, float]] = {}  # image key -> how models see it
        self._resampled: dict[str, Micrograph] = {}
        self._owned: dict[str, Connections] = {}  # layer key -> its connections
        self._holding = False  # whether a result layer is being added
        self._seen = SeenPixels()
        self._connections = Connections()
        layers = viewer.layers
        self._connections.connect(layers.events.inserted, self._layers_changed)
        self._connections.connect(layers.events.removed, self._layers_changed)
        self._connections.connect(layers.selection.events.active, self._active_changed)
        self._connections.connect(viewer.dims.events.current_step, self._slider_moved)
        for emitter in (viewer.dims.events.ndisplay, viewer.dims.events.order):
            self._connections.connect(emitter, self._slider_moved)
        camera = viewer.scene.camera
        for emitter in (camera.events.center, camera.events.zoom):
            self._connections.connect(emitter, self._camera_moved)
        self._following = Following(viewer, self._place_of)
        self._take_up_left_behind()
        self._layers_changed()

    def close(self) -> None:
        """Let go of the viewer and of every layer."""
        self._connections.close()
        self._following.close()
        for owned in self._owned.values():
            owned.close()
        self._owned.clear()

    @contextmanager
    def same_active(self) -> Iterator[None]:
        """Give the active layer (and the brush) back after a result layer was added."""
        active = self.viewer.layers.selection.active
        before, self._holding = self._holding, True
        try:
            yield
            if active is not None and active in self.viewer.layers:
                self.viewer.layers.selection.active = active
        finally:
            self._holding = before

    @property
    def holding(self) -> bool:
        """Whether layers are being added or removed by us: no choice of a person's."""
        return self._holding

    # ---- images

    def layer(self, key: str) -> Any:
        """The layer with this key, or None where it is gone."""
        return self.images.layer(key)

    def summaries(self) -> tuple[ImageSummary, ...]:
        """The images that can be learned from, in the order of the layer list."""
        fixed = self.fixed_reading
        found = (self.images.summary(layer, fixed) for layer in image_layers(self.viewer))
        return tuple(filter(None, found))

    def micrograph(self, key: str) -> Micrograph:
        """The pixels of an image, lazily; the same object until image or reading change."""
        return self.images.micrograph(key)

    def learned_as(self, key: str) -> Micrograph:
        """An image as it is learned from and answered (:meth:`KnownImages.learned_as`)."""
        return self.images.learned_as(key)

    def see_at(self, key: str, factors: tuple[float, float] | None) -> bool:
        """Let models see an image with ``factors`` (y, x) times as many pixels; None: as it is.

        Says whether that is another way than before.
        """
        if self._factors.get(key) == factors:
            return False
        self._factors.pop(key, None)
        if factors is not None:
            self._factors[key] = factors
        return True

    def seen_as(self, key: str) -> Micrograph | None:
        """An image as models see it, the same object until it changes; None: as it is."""
        factors, image = self._factors.get(key), self.learned_as(key)
        if factors is None:
            return None
        known = self._resampled.get(key)
        if known is None or known.pixels.image is not image or known.pixels.factors != factors:
            known = self._resampled[key] = resampled(image, factors)
        return known

    def answer_grey(self, *, on: bool) -> None:
        """The model that answers knows grey images (one channel), or others."""
        if self.images.answer_grey(on=on):
            self.images_changed.emit()

    def take_findings(self, key: str, findings: Findings, serial: int) -> bool:
        """Take up what was found out about an image; False where it has changed meanwhile."""
        taken = self.images.take_findings(key, findings, serial)
        if taken and findings.is_worth_telling:
            self.images_changed.emit()
        return taken

    def read_as(self, key: str, axes: str) -> None:
        """Read an image's axes as the user says (z-stack or channels).

        Each reading has strokes of its own: those of the other one are hidden, and come back with
        it.

        Raises
        ------
        ImageError
            If the reading is fixed (:meth:`fixed_reading`).
        """
        if self.fixed_reading(key):
            raise ImageError(self.fixed_reading(key))
        layer = self.layer(key)
        if layer is None or axes == self.images.reading_of(layer):
            return
        if axes == "yxc" and not layer.rgb:
            self._channels_first(layer)
            return
        self.images.read_as(key, axes)
        self._follow_reading(layer)
        self.images_changed.emit()

    def _channels_first(self, layer: Any) -> None:
        """Move the last axis of a layer to the front, where napari has a slider for it."""
        order = [2, 0, 1]
        scale, translate = (np.asarray(v)[order] for v in (layer.scale, layer.translate))
        units = tuple(layer.units[i] for i in order)
        layer.data = np.moveaxis(layer.data, -1, 0)
        layer.scale, layer.translate, layer.units = scale, translate, units
        layer.axis_labels = ("c", "y", "x")
        self.told.emit(f"The channels of {layer.name} were moved to the front.")

    def fixed_reading(self, key: str) -> str:
        """Why an image cannot be read in another way; "" where it can."""
        return ""

    def _follow_reading(self, layer: Any) -> None:
        """Pixels or reading of an image have changed: strokes of another shape or reading go."""
        key = layer_key(layer)
        before = self._known.get(key)
        self.images.forget_pixels(key)
        self.images.drop_impossible_reading(layer)
        now = self._look(layer)
        if before is None or before == now:
            return
        self._park(before)
        if now is not None:
            self._unpark(now)
        self._snapshots.drop(key)
        self.painted.emit(key)

    def _look(self, layer: Any) -> Reading | None:
        """The reading of an image as it is now, which is remembered; None where it has none."""
        key = layer_key(layer)
        try:
            image = self.micrograph(key)
        except ImageError:
            self._known.pop(key, None)
            return None
        self._known[key] = key, self.images.reading_of(layer), image.spatial_shape
        return self._known[key]

    def _park(self, reading: Reading) -> None:
        """Put the strokes of a reading out of sight."""
        own = self._strokes.pop(reading[0], "")
        strokes = self.layer(own)
        if own in self._owned:
            self._owned.pop(own).close()
        if strokes is not None:
            self._parked[reading] = own
            strokes.visible = False

    def _unpark(self, reading: Reading) -> None:
        """Take the strokes of a reading up again, where it had some."""
        strokes = self.layer(self._parked.pop(reading, ""))
        if strokes is not None and tuple(strokes.data.shape) == reading[2]:
            self._strokes[reading[0]] = layer_key(strokes)
            self._connect_strokes(strokes)
            self._following.settle()  # the image may have been moved meanwhile
            strokes.visible = True

    def activate(self, key: str) -> None:
        """Make an image the active layer, and show it."""
        layer = self.layer(key)
        if layer is not None:
            layer.visible = True
            self.viewer.layers.selection.active = layer

    def drop_orphans(self) -> None:
        """Remove what is left of images that were removed (:func:`.orphans.orphans`), but strokes.

        Not from within an event of the layer list, for who removes several layers goes on with the
        next one.
        """
        gone = [layer for layer in orphans(self.viewer) if role_of(layer) != "strokes"]
        if gone:
            with self.same_active():
                for layer in gone:
                    self.viewer.layers.remove(layer)

    def active_image(self) -> str | None:
        """The key of the image that the active layer is, or belongs to."""
        return self._image_of(self.viewer.layers.selection.active)

    def visible(self, key: str) -> tuple[int, Box | None]:
        """The z plane on screen and its visible (y, x) region; None: all of it."""
        layer = self.layer(key)
        if layer is None:
            return 0, None
        return plane_on_screen(self.viewer, layer, spatial_axes(self.images.reading_of(layer)))

    def shows_several_planes(self, key: str) -> bool:
        """Whether planes of a stack are on screen together: in 3-D, rolled, or cut at an angle."""
        layer = self.layer(key)
        if layer is None:
            return False
        return shows_several(self.viewer, layer, spatial_axes(self.images.reading_of(layer)))

    def place_over(self, key: str) -> dict[str, Any]:
        """Where a layer over the spatial axes of an image lies (:func:`placement`).

        It is told in the unit of the world, in which alone napari's brush hits the right pixel.
        """
        layer = self.layer(key)
        own = [one for one in self.viewer.layers if role_of(one) or self._is_strokes(one)]
        world = world_units(self.viewer, without=own)
        return placement(layer, spatial_axes(self.images.reading_of(layer)), world)

    # ---- strokes

    def strokes_layer(self, key: str) -> Any:
        """The layer that is painted on for an image, or None."""
        return self.layer(self._strokes.get(key, ""))

    def all_strokes(self) -> list[Any]:
        """The strokes layers of open images, also of readings that these can come back to."""
        shown = [own for image, own in self._strokes.items() if self.layer(image) is not None]
        parked = [own for reading, own in self._parked.items() if self._can_be(*reading)]
        return [layer for layer in map(self.layer, (*shown, *parked)) if layer is not None]

    def _can_be(self, key: str, axes: str, shape: tuple[int, ...]) -> bool:
        """Whether an open image can be read so that its strokes have this shape."""
        layer = self.layer(key)
        if layer is None or axes not in choices_of(layer):
            return False
        pixels = layer.data[0] if layer.multiscale else layer.data
        return tuple(pixels.shape[axis] for axis in spatial_axes(axes)) == shape

    def paint_with(self, key: str, value: int, classes: Sequence[LabelClass]) -> Any:
        """Make painting on the image ``key`` with class ``value`` the next thing the mouse does."""
        layer = self.strokes_layer(key) or self._new_strokes(key, classes)
        if not (layer.visible and layer.editable):
            layer.visible = layer.editable = True
            self.told.emit(f"{layer.name} was hidden or locked; it can be seen and painted on now.")
        self.viewer.layers.selection.active = layer
        layer.selected_label = value
        layer.mode = "paint"
        return layer

    def adopt(
        self,
        key: str,
        labels_key: str,
        classes: Sequence[LabelClass] = (),
        answers: Answers | None = None,
    ) -> None:
        """Paint on (and learn from) a labels layer that is already there.

        Labels that cannot be written, or are a person's file, are copied into memory first, which
        ``told`` says.

        Raises
        ------
        Undecided
            If the numbers may be objects as well as classes, and ``answers`` does not say.
        ImageError
            If the labels do not fit the image.
        """
        image, labels = self.micrograph(key), self.layer(labels_key)
        if labels is None or tuple(labels.data.shape) != image.spatial_shape:
            shape = None if labels is None else tuple(labels.data.shape)
            raise ImageError(
                f"labels of shape {shape} do not fit {image.name!r} {image.spatial_shape}; "
                "choose a labels layer of the image's size."
            )
        paintable = paintable_labels(labels.data, str(labels.name), classes, answers)
        if paintable.anew:
            self._new_strokes(key, classes, paintable.data)
            labels.visible = False
        else:
            if paintable.data is not labels.data:
                labels.data = paintable.data
            self._own_strokes(key, labels)
        if paintable.note:
            self.told.emit(paintable.note)

    def adoptable(self, key: str) -> list[tuple[str, str]]:
        """(key, name) of the labels layers that fit an image."""
        shape = self.micrograph(key).spatial_shape
        return [
            (layer_key(layer), str(layer.name))
            for layer in self.viewer.layers
            if isinstance(layer, Labels)
            and role_of(layer) not in _COMPUTED
            and layer_key(layer) not in self._parked.values()
            and not layer.multiscale
            and tuple(layer.data.shape) == shape
        ]

    def colour(self, classes: Sequence[LabelClass]) -> None:
        """Give every strokes layer the colours of the classes."""
        for key in self._strokes:
            layer = self.strokes_layer(key)
            if layer is not None:
                colour_layer(layer, classes)

    def erase_class(self, value: int) -> None:
        """Remove the strokes of one class on every image, as one undoable step each."""
        for key in self._strokes:
            layer = self.strokes_layer(key)
            if layer is not None:
                with layer.block_history():
                    set_labels(layer, places_of(layer.data, value), 0)

    def read_strokes(self, key: str) -> bool:
        """Copy the strokes of an image if they changed since the last copy; say whether."""
        layer = self.strokes_layer(key)
        return self._snapshots.drop(key) if layer is None else self._snapshots.take(key, layer.data)

    def forget_strokes(self) -> None:
        """Nothing was read yet: every stroke is news to whoever reads next."""
        self._snapshots = Snapshots()
        for key, boxes in self._boxes.items():
            self._snapshots.keep_out(key, boxes)

    def painted_labels(self, key: str) -> np.ndarray | None:
        """A copy of the labels painted on an image, also in its check boxes; None without any."""
        layer = self.strokes_layer(key)
        if layer is None:
            return None
        if isinstance(layer.data, TiledLabels) and layer.data.values() == [0]:
            return None  # which may be 100 GB of nothing
        labels = np.array(layer.data)
        return labels if labels.any() else None

    def samples(self, channels: int) -> list[Sample]:
        """Every image of ``channels`` channels that has strokes, with the strokes as last read.

        Of a large stack the planes that are painted (:mod:`unetscope.images.some_planes`).
        """
        found = []
        for key, labels, planes in self._snapshots.painted():
            if self.layer(key) is None or self.learned_as(key).channels != channels:
                continue
            image = self.seen_as(key) or self.learned_as(key)
            if self.seen_as(key) is not None:  # the strokes are brought to its pixels
                labels = resampled_labels(labels, image)
            shown = image if planes is None else some_planes(image, planes)
            found.append(Sample(shown, labels, key))
        return found

    def painted_pixels(self, channels: int) -> Mapping[int, int]:
        """Class value -> labelled pixels over :meth:`samples`."""
        return self._snapshots.painted_pixels(
            key
            for key in self._snapshots
            if self.layer(key) is not None and self.learned_as(key).channels == channels
        )

    # ---- check boxes

    def boxes(self, key: str) -> tuple[CheckBox, ...]:
        """The check boxes of an image, which nothing is learned from."""
        return self._boxes.get(key, ())

    def set_boxes(self, key: str, boxes: Sequence[CheckBox]) -> None:
        """Keep these boxes of an image out of what is learned from, from now on."""
        if self.boxes(key) != tuple(boxes):
            self._boxes[key] = tuple(boxes)
            self._snapshots.keep_out(key, boxes)
            self.boxes_changed.emit(key)

    def painted_boxes(self, key: str) -> list[PaintedBox]:
        """The boxes of an open image with copies of what is painted in them."""
        if self.layer(key) is None:
            return []
        image = self.learned_as(key)
        found = ((box, self._snapshots.in_box(key, box)) for box in self.boxes(key))
        return [
            PaintedBox(key, image, box, np.zeros(box.shape, np.uint8) if here is None else here)
            for box, here in found
            if box.fits(image.spatial_shape)
        ]

    def outside_boxes(self, key: str, plane: np.ndarray, z: int = 0) -> np.ndarray:
        """Labels (y, x) of plane ``z`` of an image without what is painted in its boxes."""
        return outside(plane, [replace(box, z=0) for box in self.boxes(key) if box.z == z])

    # ---- inside

    @staticmethod
    def _painted_on(layer: Any, key: str) -> bool:
        return role_of(layer) == "strokes" and note_of(layer).get("image") == key

    def _image_of(self, layer: Any) -> str | None:
        if layer is None:
            return None
        key = layer_key(layer)
        if isinstance(layer, Labels) or role_of(layer):
            owner = next((image for image, own in self._strokes.items() if own == key), None)
            return owner or note_of(layer).get("image")
        return key if isinstance(layer, Image) else None

    def _is_strokes(self, layer: Any) -> bool:
        return layer_key(layer) in self._strokes.values()

    def _place_of(self, layer: Any) -> dict[str, Any] | None:
        """Where a layer of an image lies; what is looked at inside a network has a place apart."""
        if not (role_of(layer) in _ON_IMAGE or self._is_strokes(layer)):
            return None
        key = self._image_of(layer)
        if key is None or self.layer(key) is None:
            return None
        place = self.place_over(key)
        return place if len(place["scale"]) == layer.ndim else None  # else of another reading

    def _new_strokes(self, key: str, classes: Sequence[LabelClass], labels: Any = None) -> Any:
        image, layer = self.micrograph(key), self.layer(key)
        strokes = self.viewer.add_labels(
            blank_labels(image.spatial_shape) if labels is None else labels,
            name=f"strokes: {layer.name}",
            opacity=1.0,
            metadata={ROLE: {"role": "strokes", "image": key}},
            **self.place_over(key),
        )
        colour_layer(strokes, classes)
        strokes.brush_size = brush_size_px(image.spatial_shape)
        sign(strokes, axes=self.images.reading_of(layer))
        self._own_strokes(key, strokes)
        return strokes

    def _own_strokes(self, key: str, strokes: Any) -> None:
        previous = self._strokes.get(key)
        if previous in self._owned:
            self._owned.pop(previous).close()
        self._strokes[key] = layer_key(strokes)
        self._connect_strokes(strokes)
        self._following.settle()  # labels that are adopted may lie elsewhere
        self.strokes_made.emit(strokes)
        self.painted.emit(key)

    def _connect_strokes(self, strokes: Any) -> None:
        owned = self._owned[layer_key(strokes)] = Connections()
        for emitter in (strokes.events.paint, strokes.events.data, strokes.events.set_data):
            owned.connect(emitter, self._strokes_touched)
        owned.connect(strokes.events.selected_label, self._label_picked)
        owned.connect(strokes.events.mode, self._hint)
        self._hint()

    def _take_up_left_behind(self) -> None:
        """Strokes layers that a panel before this one made are painted on again.

        What is visible of several readings is meant; the others wait for their reading.
        """
        for layer in image_layers(self.viewer):
            key, own = layer_key(layer), []
            for strokes in self.viewer.layers:
                axes = note_of(strokes).get("axes", self.images.reading_or_none(layer))
                if self._painted_on(strokes, key) and axes in choices_of(layer):
                    own.append((bool(strokes.visible), axes, strokes))
            for visible, axes, strokes in sorted(own, key=lambda one: not one[0]):
                if visible and key not in self._strokes and not self.fixed_reading(key):
                    self.images.read_as(key, axes)
                reading = self._look(layer)
                shape = tuple(strokes.data.shape)
                if reading == (key, axes, shape) and key not in self._strokes:
                    self._own_strokes(key, strokes)
                else:
                    self._parked[key, axes, shape] = layer_key(strokes)

    def _strokes_touched(self, event: Any) -> None:
        source = layer_key(event.source)
        for image, strokes in self._strokes.items():
            if strokes == source:
                self.painted.emit(image)

    def _hint(self, event: Any = None) -> None:
        """napari's line of help tells keys of its own tools, which choose classes here."""
        for layer in map(self.strokes_layer, self._strokes):
            if layer is not None:
                layer.help = _PAINTING if layer.mode == "paint" else ""
                if layer is self.viewer.layers.selection.active:
                    self.viewer.help = layer.help

    def _label_picked(self, event: Any) -> None:
        self.class_picked.emit(int(event.source.selected_label))

    def _layers_changed(self, event: Any = None) -> None:
        present = {layer_key(layer) for layer in self.viewer.layers}
        for gone in [key for key in self._owned if key not in present]:
            self._owned.pop(gone).close()
        for image in [i for i, own in self._strokes.items() if own not in present]:
            self._strokes.pop(image)
            self.painted.emit(image)
        for gone in [key for key in self.images.known() if key not in present]:
            self.images.forget_pixels(gone)
            self.images.forget_findings(gone)
            self._snapshots.drop(gone)
            self._boxes.pop(gone, None)
            self._known.pop(gone, None)
            self._factors.pop(gone, None)
            self._resampled.pop(gone, None)
        self._parked = {r: own for r, own in self._parked.items() if own in present}
        for layer in image_layers(self.viewer):
            if layer_key(layer) not in self._owned:
                owned = self._owned[layer_key(layer)] = Connections()
                for emitter in (
                    layer.events.name,
                    layer.events.data,
                    layer.events.scale,
                    layer.events.units,
                    layer.events.axis_labels,
                ):
                    owned.connect(emitter, self._image_changed)
                self._look(layer)
                owned.connect(layer.events.set_data, self._image_drawn)
                self._seen.look(layer)
        name_orphans(self.viewer)
        self.images_changed.emit()

    def _image_changed(self, event: Any) -> None:
        key = layer_key(event.source)
        if event.type in ("data", "axis_labels"):
            self.images.forget_findings(key)
        if event.type != "name":
            self._follow_reading(event.source)
        self.images_changed.emit()
        if event.type == "data":
            self._seen.look(event.source)
            self.pixels_changed.emit(key)

    def _image_drawn(self, event: Any) -> None:
        """Pixels that were changed in place are told by ``refresh()``, as moved sliders are."""
        key = layer_key(event.source)
        if self._seen.look(event.source):
            self.images.forget_pixels(key)
            self.images.forget_findings(key)
            self.pixels_changed.emit(key)

    def _active_changed(self, event: Any) -> None:
        key = self.active_image()
        if key is not None and not self._holding:
            self.activated.emit(key)

    def _slider_moved(self, event: Any) -> None:
        self.moved.emit()

    def _camera_moved(self, event: Any) -> None:
        self.panned.emit()
