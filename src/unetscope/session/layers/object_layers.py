"""Objects become layers: their numbers, an outline around those that are chosen, their measures.

All lie on the image (:class:`~unetscope.session.layers.following.Following` keeps them there).
Objects are looked at and clicked, not painted: they change by edits of the panel alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from psygnal import Signal

from unetscope.session.layers.connections import Connections
from unetscope.session.layers.layer_facts import ROLE, layer_key, note_of, read_only, role_of, sign
from unetscope.session.layers.object_clicks import ObjectClicks
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.layers.placement import to_world, unit_steps

OBJECTS, CHOSEN, MEASURE, POINTS = "objects", "chosen objects", "measure", "split here"
#: How much of an object's box is around it when it is framed: three times its size is on screen.
_AROUND = 3.0
_OUTLINE = "#FFFFFF"
Box = tuple[slice, ...]


class ObjectLayers:
    """The layers of the objects of one image at a time.

    Signals: ``clicked(number, place, more)`` with the object under the mouse (0: none), the pixel,
    and whether Shift was held; ``gone()`` when a person removed the objects.
    """

    clicked = Signal(int, tuple, bool)
    gone = Signal()

    def __init__(self, layers: OpenLayers) -> None:
        self._layers, self._viewer = layers, layers.viewer
        self._keys: dict[str, str] = {}  # role -> layer key
        self._hidden = ""  # key of the labels that were put out of sight
        self._clicks = ObjectClicks(layers)
        self._clicks.clicked.connect(self._clicked)
        self._connections = Connections()
        self._connections.connect(self._viewer.layers.events.removed, self._removed)

    def close(self) -> None:
        """Let go of the viewer; the layers stay."""
        self._clicks.close()
        self._connections.close()

    @property
    def objects(self) -> Any:
        """The layer of the objects, or None."""
        return self._layer(OBJECTS)

    @property
    def image(self) -> str:
        """The key of the image that the objects are of; "" without any."""
        layer = self.objects
        return "" if layer is None else str(note_of(layer).get("image", ""))

    def show(self, key: str, ids: NDArray[Any], name: str, source: str = "", **noted: Any) -> Any:
        """Put objects on the image ``key`` in place of those before; the layer holds a copy.

        The labels that they were found in, of the key ``source``, are out of sight meanwhile.
        """
        self.clear()
        found_in = self._layers.layer(source)
        if found_in is not None and found_in.visible and role_of(found_in) != "strokes":
            found_in.visible, self._hidden = False, source
        numbers = np.array(ids, number_type(int(np.max(ids, initial=0))))
        layer = self._add_labels(key, OBJECTS, numbers, name=name, opacity=0.55)
        read_only(layer)
        sign(layer, **noted)
        self._clicks.watch(layer)
        self._viewer.layers.selection.active = layer
        return layer

    def clear(self) -> None:
        """Take everything away."""
        self._clicks.watch(None)
        self._uncover()
        keys, self._keys = self._keys, {}
        with self._layers.same_active():
            for key in keys.values():
                layer = self._layers.layer(key)
                if layer is not None:
                    self._viewer.layers.remove(layer)

    def tell(self, columns: Mapping[str, NDArray[Any]], numbers: NDArray[Any]) -> None:
        """Give napari's status bar the measures of each object: ``index`` is the label."""
        layer = self.objects
        if layer is not None:
            layer.features = pd.DataFrame({"index": numbers, **columns})

    # ---- choosing

    def choose(self, numbers: Sequence[int], box: Box | None) -> None:
        """Outline the chosen objects, which lie in ``box``; none puts the outline out of sight."""
        objects, old = self.objects, self._layer(CHOSEN)
        if objects is None or box is None or not numbers:
            if old is not None:
                old.visible = False  # to take a layer off the canvas takes a quarter of a second
            return
        wide = tuple(
            slice(max(side.start - 2, 0), min(side.stop + 2, n))
            for side, n in zip(box, objects.data.shape, strict=True)
        )
        inside = np.isin(objects.data[wide], list(numbers)).astype(np.uint8)
        place = self._layers.place_over(self.image)
        place["translate"] = place["translate"] + _shifted(place, wide)
        if old is not None:
            old.data, old.translate, old.visible = inside, place["translate"], True
            old.contour = self._outline_px()
            return
        with self._layers.same_active():
            layer = self._viewer.add_labels(
                inside,
                name=CHOSEN,
                colormap={0: (0, 0, 0, 0), 1: _OUTLINE, None: _OUTLINE},
                metadata={ROLE: {"role": "chosen", "image": self.image}},
                **place,
            )
            layer.contour = self._outline_px()
            read_only(layer)
        self._keys[CHOSEN] = layer_key(layer)

    def mark(self, points: Sequence[tuple[float, ...]]) -> None:
        """Show where an object is to be split; none takes the marks away."""
        old = self._layer(POINTS)
        if not points or self.objects is None:
            if old is not None:
                self._remove(POINTS)
            return
        if old is not None:
            old.data = np.array(points)
            return
        with self._layers.same_active():
            layer = self._viewer.add_points(
                np.array(points),
                name=POINTS,
                size=max(3.0, 8.0 * self._pixel_px()),
                face_color=_OUTLINE,
                border_color="#000000",
                metadata={ROLE: {"role": "hint", "image": self.image}},
                **self._layers.place_over(self.image),
            )
        self._keys[POINTS] = layer_key(layer)

    def frame(self, box: Box) -> None:
        """Bring a box of pixels into the middle of the view, with twice its size around it."""
        layer = self.objects
        if layer is None:
            return
        middle = [(side.start + side.stop - 1) / 2 for side in box]
        at = to_world(self._viewer, layer, middle)
        dims, camera = self._viewer.dims, self._viewer.scene.camera
        for axis in dims.not_displayed:
            if axis >= dims.ndim - layer.ndim:
                dims.set_point(axis, at[axis - dims.ndim])
        steps = unit_steps(self._viewer, layer) * np.abs(np.asarray(layer.scale))
        sizes = np.array([side.stop - side.start for side in box]) * steps
        shown = [axis - dims.ndim for axis in dims.displayed]
        camera.center = tuple(at[axis] for axis in shown)
        room = np.asarray(self._viewer.canvas.size, float)
        wanted = _AROUND * max(sizes[shown[-2]] / room[0], sizes[shown[-1]] / room[1])
        camera.zoom = 1 / max(wanted, 1e-12)

    # ---- colours

    def colour_by(
        self, title: str, values: NDArray[np.float32], limits: tuple[float, float]
    ) -> None:
        """Show a measure as an image over the objects; pixels of no object are NaN, and clear."""
        old = self._layer(MEASURE)
        if old is not None and old.data.shape == values.shape:
            old.data, old.name, old.contrast_limits = values, title, limits
            old.visible = True
            return
        with self._layers.same_active():
            layer = self._viewer.add_image(
                values,
                name=title,
                colormap="viridis",
                contrast_limits=limits,
                blending="translucent",
                opacity=0.85,
                metadata={ROLE: {"role": "measure", "image": self.image}},
                **self._layers.place_over(self.image),
            )
        self._keys[MEASURE] = layer_key(layer)

    def colour_no_more(self) -> None:
        """Show the objects in colours of their own again."""
        if self._layer(MEASURE) is not None:
            self._remove(MEASURE)

    def hide(self, roles: Collection[str] = (OBJECTS, CHOSEN, MEASURE)) -> None:
        """Hide layers."""
        for role in roles:
            layer = self._layer(role)
            if layer is not None:
                layer.visible = False

    # ---- inside

    def _uncover(self) -> None:
        """Show the labels again that objects were found in."""
        layer, self._hidden = self._layers.layer(self._hidden), ""
        if layer is not None:
            layer.visible = True

    def _layer(self, role: str) -> Any:
        return self._layers.layer(self._keys.get(role, ""))

    def _add_labels(self, key: str, role: str, data: NDArray[Any], **look: Any) -> Any:
        with self._layers.same_active():
            layer = self._viewer.add_labels(
                data,
                metadata={ROLE: {"role": role, "image": key}},
                **look,
                **self._layers.place_over(key),
            )
        self._keys[role] = layer_key(layer)
        return layer

    def _remove(self, role: str) -> None:
        layer = self._layer(role)
        self._keys.pop(role, None)
        with self._layers.same_active():
            self._viewer.layers.remove(layer)

    def _outline_px(self) -> int:
        return int(np.clip(round(2 * self._pixel_px()), 1, 4))

    def _pixel_px(self) -> float:
        """How many pixels of the image one of the screen is."""
        layer = self.objects
        step = float(unit_steps(self._viewer, layer)[-1]) * abs(float(layer.scale[-1]))
        return 1 / max(float(self._viewer.scene.camera.zoom) * step, 1e-9)

    def _clicked(self, place: tuple[float, ...], more: bool) -> None:
        layer = self.objects
        if layer is None:
            return
        at = tuple(
            int(np.clip(round(p), 0, n - 1)) for p, n in zip(place, layer.data.shape, strict=True)
        )
        self.clicked.emit(int(layer.data[at]), place, more)

    def _removed(self, event: Any) -> None:
        if layer_key(event.value) == self._keys.get(OBJECTS):
            self._keys.pop(OBJECTS)
            self._clicks.watch(None)
            self._uncover()
            self.gone.emit()


def number_type(largest: int) -> type[np.uint16 | np.uint32]:
    """How numbers of objects are stored: napari takes two bytes as they are, and recodes four."""
    return np.uint16 if largest <= np.iinfo(np.uint16).max else np.uint32


def _shifted(place: Mapping[str, Any], box: Box) -> NDArray[np.float64]:
    """How far a layer over ``box`` has to be moved from one over all of the image."""
    start = np.array([side.start for side in box], float)
    moved = np.asarray(place["rotate"]) @ (np.asarray(place["shear"]) @ (start * place["scale"]))
    return np.asarray(moved, float)
