"""Answers become layers of the group "inside: …"; when the image is moved, they follow."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Shapes
from psygnal import Signal

from unetscope.images.classes import LabelClass
from unetscope.looking.answers import Picture
from unetscope.session.layers.connections import Connections
from unetscope.session.layers.inside_making import GROUP, limits_of, made, renew
from unetscope.session.layers.inside_placing import expanded, image_axes, placed
from unetscope.session.layers.layer_facts import ROLE, layer_key, role_of, spatial_axes
from unetscope.session.layers.lines import on_plane
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.layers.placement import PLACE, placement, put, to_pixel, to_world, unit_steps

FIELD, EFFECTIVE = "receptive field", "effective field"
_LINES = {FIELD: "#FFD400", EFFECTIVE: "#00E5FF"}


@dataclass(frozen=True, eq=False)
class _Kept:
    layer: str  # key
    image: str  # key
    picture: Picture | None
    z: int | None


class InsideLayers:
    """The layers the panel makes. ``channel_moved`` tells the slider of the axis ``channel``."""

    channel_moved = Signal(int)

    def __init__(self, layers: OpenLayers) -> None:
        self._layers = layers
        self._viewer = layers.viewer
        self._kept: dict[str, _Kept] = {}  # role -> layer
        self._connections = Connections()
        self._image_connections: dict[str, Connections] = {}
        self._showing = False
        self._camera: tuple[Any, float] | None = None  # before room was made for a sheet
        self._connections.connect(self._viewer.dims.events.current_step, self._stepped)
        self._connections.connect(self._viewer.layers.events.removed, self._removed)

    def close(self) -> None:
        """Let go of the viewer; the layers stay."""
        self._connections.close()
        for owned in self._image_connections.values():
            owned.close()

    # ---- showing

    def show(
        self,
        picture: Picture,
        image_key: str,
        z: int | None = None,
        classes: Sequence[LabelClass] = (),
    ) -> Any:
        """Make or renew the layer of a picture's role; None where the image is gone."""
        image = self._layers.layer(image_key)
        if image is None:
            return None
        self._follow(image_key, image)
        axes = image_axes(self._layers.images.reading(image_key), image)
        values = expanded(picture, image, axes)
        found = self.find(picture.role)
        old = self._kept.get(picture.role)
        fits = (
            found is not None
            and old is not None
            and old.picture is not None
            and old.picture.drawn is picture.drawn
            and old.picture.lead == picture.lead
            and old.image == image_key
            and found.data.ndim == values.ndim
        )
        place = placed(picture, image, axes, z)
        with self._quiet(image.ndim):
            if fits:
                renew(found, picture, values)
                layer = found
                put(layer, place)
            else:
                if found is not None:
                    self._viewer.layers.remove(found)
                layer = made(self._viewer, picture, values, image_key, classes, place)
            self._kept[picture.role] = _Kept(layer_key(layer), image_key, picture, z)
            self._sort(layer, image_key)
            self._turn_to(picture, layer)
        if picture.beside and not fits:
            self._make_room()
        return layer

    def _make_room(self) -> None:
        """Bring a sheet beside the image on screen; :meth:`only` goes back."""
        if self._camera is None:
            camera = self._viewer.scene.camera
            self._camera = (tuple(camera.center), float(camera.zoom))
        self._viewer.reset_view()

    def only(self, roles: Collection[str]) -> None:
        """Hide the pictures of other roles: of two on one place, only the newer can be seen."""
        for role, kept in self._kept.items():
            layer = self.find(role)
            if layer is None or kept.picture is None:
                continue
            visible = role in roles and not kept.picture.hidden
            if layer.visible != visible:  # napari draws anew even where nothing changes
                layer.visible = visible
        beside = [kept.picture for role, kept in self._kept.items() if role in roles]
        if self._camera is not None and not any(p is not None and p.beside for p in beside):
            camera = self._viewer.scene.camera
            camera.center, camera.zoom = self._camera
            self._camera = None

    def lines(self, role: str, segments: np.ndarray, image_key: str, z: int | None) -> None:
        """Draw line segments ``(n, 2, axes)`` (start, run) in image pixels; none hides them."""
        image = self._layers.layer(image_key)
        if image is None:
            return
        self._follow(image_key, image)
        axes = spatial_axes(self._layers.images.reading(image_key))
        data = on_plane(segments, z, len(axes))
        layer = self.find(role)
        with self._quiet(image.ndim):
            if layer is not None and self._kept[role].image != image_key:
                self._viewer.layers.remove(layer)
                layer = None
            if layer is None:
                if not len(segments):
                    return
                layer = self._viewer.add_vectors(
                    data,
                    name=GROUP + role,
                    edge_color=_LINES.get(role, "#FFFFFF"),
                    edge_width=self._line_px(image),
                    vector_style="line",
                    length=1,
                    opacity=1.0,
                    metadata={ROLE: {"role": "inside", "image": image_key, "kind": role}},
                    **placement(image, axes),
                )
                self._kept[role] = _Kept(layer_key(layer), image_key, None, z)
                return
            layer.data = data
            layer.edge_width = self._line_px(image)

    def find(self, role: str) -> Any:
        """The layer that shows ``role``, or None."""
        kept = self._kept.get(role)
        return self._layers.layer(kept.layer) if kept is not None else None

    def remove(self, *roles: str) -> None:
        """Remove the layers of these roles."""
        with self._quiet():
            for role in roles:
                layer = self.find(role)
                self._kept.pop(role, None)
                if layer is not None:
                    self._viewer.layers.remove(layer)

    def clear(self) -> None:
        """Remove every layer of the group, also those of an earlier panel."""
        self._kept.clear()
        with self._quiet():
            for layer in [one for one in self._viewer.layers if role_of(one) == "inside"]:
                self._viewer.layers.remove(layer)

    def shown(self) -> list[Any]:
        """The group's visible layers that hold pictures, lowest first."""
        keys = {kept.layer for kept in self._kept.values() if kept.picture is not None}
        return [one for one in self._viewer.layers if layer_key(one) in keys and one.visible]

    def set_channel(self, channel: int) -> None:
        """Turn the channel slider of the maps."""
        kept = self._kept.get("maps")
        layer = self.find("maps")
        if layer is None or kept is None or kept.picture is None or not kept.picture.lead:
            return
        axis = self._viewer.dims.ndim - layer.ndim
        if self._viewer.dims.current_step[axis] != channel:
            self._viewer.dims.set_current_step(axis, channel)

    def set_contrast(self, limits: tuple[float, float] | None) -> None:
        """Contrast limits of the maps; None for those they came with."""
        layer, kept = self.find("maps"), self._kept.get("maps")
        if layer is None or kept is None or kept.picture is None:
            return
        wanted = limits or limits_of(kept.picture)
        if tuple(layer.contrast_limits) != wanted and wanted[1] > wanted[0]:
            layer.contrast_limits = wanted

    def drawn_polygon(self, image_key: str) -> np.ndarray | None:
        """Corners (n, axes) of the last polygon or rectangle of a Shapes layer, in image pixels."""
        image = self._layers.layer(image_key)
        for layer in reversed(self._viewer.layers):
            if not isinstance(layer, Shapes) or not layer.nshapes:
                continue
            kinds = zip(layer.shape_type, layer.data, strict=True)
            closed = [corners for kind, corners in kinds if kind in ("polygon", "rectangle")]
            if closed and image is not None:
                axes = spatial_axes(self._layers.images.reading(image_key))
                world = [to_world(self._viewer, layer, corner) for corner in closed[-1]]
                return np.array([to_pixel(self._viewer, image, at)[axes] for at in world])
        return None

    # ---- inside

    @contextmanager
    def _quiet(self, image_axes: int = 0) -> Iterator[None]:
        """Active layer, brush, camera and the image's sliders stay; our own moves are not told."""
        before, self._showing = self._showing, True
        step, camera = self._viewer.dims.current_step, self._viewer.scene.camera
        at = (tuple(camera.center), float(camera.zoom), tuple(camera.angles))
        with self._layers.same_active():
            yield
        self._keep_plane(step, image_axes)
        camera.center, camera.zoom, camera.angles = at  # new axes make napari fit the view anew
        self._showing = before

    def _keep_plane(self, before: tuple[int, ...], image_axes: int) -> None:
        """napari moves to the middle of new axes; the image's own sliders stay where they were."""
        dims = self._viewer.dims
        for back in range(3, min(image_axes, len(before), dims.ndim) + 1):
            if dims.current_step[-back] != before[-back]:
                dims.set_current_step(dims.ndim - back, before[-back])

    def _sort(self, layer: Any, image_key: str) -> None:
        """Pictures below the strokes, lines on top of everything."""
        layers = self._viewer.layers
        above = self._layers.strokes_layer(image_key) or next(
            (one for one in layers if role_of(one) == "strokes"), None
        )
        source = layers.index(layer)
        target = layers.index(above) if above is not None else len(layers)
        for role in (FIELD, EFFECTIVE):
            line = self.find(role)
            if line is not None:
                target = min(target, layers.index(line))
        layers.move(source, target)

    def _turn_to(self, picture: Picture, layer: Any) -> None:
        for axis, position in enumerate(picture.start):
            self._viewer.dims.set_current_step(self._viewer.dims.ndim - layer.ndim + axis, position)

    def _line_px(self, image: Any) -> float:
        """About two screen pixels, in data pixels of the image."""
        step = float(unit_steps(self._viewer, image)[-1]) * abs(float(image.scale[-1]))
        zoom = float(self._viewer.scene.camera.zoom) * step
        return float(np.clip(2.0 / max(zoom, 1e-9), 0.05, 64.0))

    def _follow(self, image_key: str, image: Any) -> None:
        if image_key in self._image_connections:
            return
        owned = self._image_connections[image_key] = Connections()
        for name in PLACE:
            owned.connect(getattr(image.events, name), self._image_moved)

    def _image_moved(self, event: Any) -> None:
        key = layer_key(event.source)
        for role, kept in list(self._kept.items()):
            layer = self.find(role)
            if kept.image != key or layer is None:
                continue
            if kept.picture is not None:
                axes = image_axes(self._layers.images.reading(key), event.source)
                put(layer, placed(kept.picture, event.source, axes, kept.z))
            else:
                spatial = spatial_axes(self._layers.images.reading(key))
                put(layer, placement(event.source, spatial))

    def _stepped(self, event: Any) -> None:
        kept, layer = self._kept.get("maps"), self.find("maps")
        if self._showing or layer is None or kept is None or kept.picture is None:
            return
        if not layer.visible:  # the slider is that of another answer now
            return
        if kept.picture.lead[:1] == ("channel",):
            self.channel_moved.emit(
                int(self._viewer.dims.current_step[self._viewer.dims.ndim - layer.ndim])
            )

    def _removed(self, event: Any) -> None:
        key = layer_key(event.value)
        for role in [role for role, kept in self._kept.items() if kept.layer == key]:
            self._kept.pop(role)
        if key in self._image_connections:
            self._image_connections.pop(key).close()
