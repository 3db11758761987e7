"""Pictures of a lesson become layers "lesson: …"; whatever a person had on screen comes back.

On the text's own numbers everything else is hidden and the bench lies alone, what comes out beside
it. On one's own image pictures lie on the image, at its pixel size. No layer of a person's is
written: of those only the visibility is changed, and put back.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from unetscope.lessons.bench import Laid
from unetscope.looking.answers import Drawn, Picture
from unetscope.session.layers.inside_making import limits_of, made
from unetscope.session.layers.inside_placing import expanded, image_axes, placed
from unetscope.session.layers.layer_facts import ROLE, layer_key, role_of, spatial_axes
from unetscope.session.layers.lesson_numbers import MOST_NUMBERS, number_points
from unetscope.session.layers.lines import on_plane
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.layers.placement import placement, unit_steps, world_units

GROUP = "lesson: "
BENCH, PART = "bench", "part"
_FILLED = 0.9  # of the canvas by the bench and what lies beside it
_SHADE = 0.2  # of the range of grey values, below the darkest
GAP = 0.08  # between the bench and what lies beside it, as a share of its width
_OVER = (Drawn.HEAT, Drawn.CHANGE, Drawn.LABELS)  # what may lie on the bench: it is clear in places


@dataclass(frozen=True, eq=False)
class _Before:
    """What was on screen before the first lesson was opened."""

    visible: dict[str, bool]
    selected: tuple[Any, ...]
    active: Any
    point: tuple[float, ...]
    order: tuple[int, ...]
    ndisplay: int
    camera: tuple[Any, float, Any]


class LessonLayers:
    """The layers of one dock's lessons; :meth:`enter` before the first, :meth:`leave` at the end.

    ``text_size`` is that of the figures in small pictures, in points.
    """

    def __init__(self, layers: OpenLayers) -> None:
        self._layers = layers
        self._viewer = layers.viewer
        self._before: _Before | None = None
        self._own: dict[str, str] = {}  # role -> key of its layer
        self._drawn: dict[str, tuple[Any, ...]] = {}  # role -> what its layer can show again
        self._unwritten: dict[str, tuple[Picture, Any]] = {}  # role -> figures to be
        self._end_px = 0.0  # where the next picture beside the bench begins
        self.text_size = 12

    # ---- coming and going

    @property
    def inside(self) -> bool:
        """Whether a lesson has the screen."""
        return self._before is not None

    def enter(self) -> None:
        """Remember what is on screen; twice is once."""
        if self._before is None:
            self._before = self._as_it_is()

    def leave(self) -> None:
        """Remove every layer of lessons and put back what was on screen."""
        self.clear()
        before, self._before = self._before, None
        if before is not None:
            self._put_back(before)

    def clear(self) -> None:
        """Remove every layer of the group, also those of an earlier dock."""
        self._own.clear()
        self._drawn.clear()
        self._unwritten.clear()
        gone = [layer for layer in self._viewer.layers if role_of(layer) == "lesson"]
        with self._layers.same_active():
            for layer in gone:
                self._viewer.layers.remove(layer)

    # ---- showing

    def bench(self, laid: Laid) -> Any:
        """Show the text's own image alone, and bring it into view; its layer."""
        for layer in self._viewer.layers:
            if role_of(layer) != "lesson" and layer.visible:
                layer.visible = False
        colour = laid.pixels.ndim == 3
        values = _as_colour(laid.pixels) if colour else laid.pixels
        drawn = Drawn.COLOUR if colour else Drawn.MAP
        picture = _off_the_ground(Picture(BENCH, laid.name, values, (1.0, 1.0), (0.0, 0.0), drawn))
        world = world_units(self._viewer, without=self._own_layers())
        units = tuple(world[-2:]) if world is not None and len(world) >= 2 else ("pixel",) * 2
        place = {"scale": (1.0, 1.0), "translate": (0.0, 0.0), "units": units}
        return self._shown(picture, values, "", place)

    def lay(self, pictures: Sequence[Picture], laid: Laid, image_key: str = "", z: int = 0) -> None:
        """Show the pictures of an answer; those of other roles go.

        Parameters
        ----------
        image_key, z
            One's own image and its plane; "" for what lies on the bench.
        """
        base = self._layers.layer(image_key) if image_key else self.find(BENCH)
        if base is None:
            return
        axes = image_axes(self._layers.images.reading(image_key), base) if image_key else "yx"
        self._end_px = laid.pixels.shape[1] - 0.5
        kept = {PART} if image_key else {BENCH, f"numbers {BENCH}"}
        for picture in pictures:
            if _is_of(picture, laid):
                continue  # it is there already
            if not image_key:
                picture = _off_the_ground(self._moved_beside(picture, laid))
            place = placed(picture, base, axes, z)
            if picture.lead and not image_key:
                place.pop("axis_labels", None)
            layer = self._shown(picture, expanded(picture, base, axes), image_key, place)
            layer.visible = not picture.hidden
            kept |= {picture.role, f"numbers {picture.role}"}
        self._remove([role for role in self._own if role not in kept])

    def outline(self, laid: Laid, image_key: str, z: int) -> None:
        """A frame around the part of one's own image that the lesson works on."""
        base = self._layers.layer(image_key)
        if base is None:
            return
        axes = spatial_axes(self._layers.images.reading(image_key))
        (height, width), first = laid.pixels.shape[:2], np.asarray(laid.origin) - 0.5
        down, right = np.array([height, 0.0]), np.array([0.0, width])
        starts = np.array([first, first, first + down, first + right])
        segments = np.stack([starts, np.array([down, right, right, down])], axis=1)
        step = float(unit_steps(self._viewer, base)[-1]) * abs(float(base.scale[-1]))
        wide = 2.0 / max(float(self._viewer.scene.camera.zoom) * step, 1e-9)
        self._remove([PART])
        with self._watching():
            frame = self._viewer.add_vectors(
                on_plane(segments, z, len(axes)),
                name=GROUP + PART,
                edge_color="#FFD400",
                edge_width=float(np.clip(wide, 0.05, 64.0)),
                vector_style="line",
                length=1,
                opacity=1.0,
                metadata={ROLE: {"role": "lesson", "image": image_key, "kind": PART}},
                **placement(base, axes),
            )
        self._own[PART] = layer_key(frame)

    def look_at_all(self) -> None:
        """Bring the layers of the lesson into view, whatever else is there out of sight."""
        boxes = [
            _to_edges(layer) * unit_steps(self._viewer, layer)[-2:]
            for layer in self._own_layers()
            if layer.visible and not str(layer.metadata[ROLE]["kind"]).startswith("numbers ")
        ]
        if not boxes:
            return
        low = np.min([box[0] for box in boxes], axis=0)
        high = np.max([box[1] for box in boxes], axis=0)
        camera, canvas = self._viewer.scene.camera, np.asarray(self._viewer.canvas.size, float)
        camera.center = (*tuple(camera.center)[:-2], *((low + high) / 2))
        camera.zoom = float(_FILLED * (canvas / np.maximum(high - low, 1e-9)).min())

    def find(self, role: str) -> Any:
        """The layer of a role, or None."""
        return self._layers.layer(self._own.get(role, ""))

    def key_of(self, role: str) -> str:
        """The key of the layer of a role, or ""."""
        return self._own.get(role, "")

    def names(self) -> list[str]:
        """The names of the layers of lessons that are there."""
        return [str(layer.name) for layer in self._own_layers()]

    # ---- inside

    def _shown(self, picture: Picture, values: Any, image_key: str, place: dict[str, Any]) -> Any:
        fits = (picture.drawn, picture.lead, np.shape(values), image_key)
        layer = self.find(picture.role)
        with self._watching():
            if layer is not None and self._drawn.get(picture.role) == fits:
                _renew(layer, picture, values)
            else:
                self._remove([picture.role, f"numbers {picture.role}"])
                layer = made(self._viewer, picture, values, image_key, (), place)
                self._own[picture.role] = layer_key(layer)
                self._drawn[picture.role] = fits
            note = {ROLE: {"role": "lesson", "image": image_key, "kind": picture.role}}
            for name, wanted in (("name", GROUP + picture.title), ("metadata", note)):
                if getattr(layer, name) != wanted:  # napari draws its list anew each time
                    setattr(layer, name, wanted)
            for name in ("scale", "translate"):
                if not np.allclose(getattr(layer, name), place[name]):
                    setattr(layer, name, place[name])
        self._unwritten[picture.role] = (picture, layer)
        return layer

    def write_figures(self) -> None:
        """Figures into the cells of small pictures: after these are drawn, for text takes longer.

        What is there of larger ones is removed.
        """
        unwritten, self._unwritten = self._unwritten, {}
        with self._watching():
            for role, (picture, layer) in unwritten.items():
                if self.find(role) is layer:
                    self._write_numbers(picture, layer)

    def _write_numbers(self, picture: Picture, layer: Any) -> None:
        """Figures in the cells of a small picture."""
        role = f"numbers {picture.role}"
        values = np.asarray(picture.values)
        if values.ndim != 2 or values.size > MOST_NUMBERS or picture.drawn is Drawn.LABELS:
            self._remove([role])
            return
        told = number_points(values, limits_of(picture), self.text_size)
        points = self.find(role)
        if points is not None and len(points.data) == values.size:
            points.features, points.text = told["features"], told["text"]
            return
        self._remove([role])
        points = self._viewer.add_points(
            name=f"{GROUP}figures in {picture.title}",
            scale=layer.scale[-2:],
            translate=layer.translate[-2:],
            units=layer.units[-2:],
            metadata={ROLE: {"role": "lesson", "image": "", "kind": role}},
            **told,
        )
        self._own[role] = layer_key(points)

    def _moved_beside(self, picture: Picture, laid: Laid) -> Picture:
        """Opaque pictures lie right of the bench, each as large as it is in the image."""
        if picture.drawn in _OVER and not picture.beside:
            return picture
        colour = picture.drawn is Drawn.COLOUR
        high, wide = picture.values.shape[:-1][-2:] if colour else picture.values.shape[-2:]
        height, width = laid.pixels.shape[:2]
        scale = tuple(float(one) for one in picture.scale[-2:])
        if picture.beside or high * scale[0] < height / 2:
            fit = min(height / high, width / wide)
            scale = (fit, fit)
        start = self._end_px + GAP * width
        self._end_px = start + wide * scale[1]
        translate = (scale[0] / 2 - 0.5, start + scale[1] / 2)
        return replace(picture, scale=scale, translate=translate, beside=False)

    def _remove(self, roles: Sequence[str]) -> None:
        with self._watching():
            for role in roles:
                layer = self.find(role)
                self._own.pop(role, None)
                self._drawn.pop(role, None)
                if layer is not None:
                    self._viewer.layers.remove(layer)

    def _own_layers(self) -> list[Any]:
        return [layer for layer in self._viewer.layers if role_of(layer) == "lesson"]

    @contextmanager
    def _watching(self) -> Any:
        """The active layer and the camera stay: new layers make napari fit the view anew."""
        camera, dims = self._viewer.scene.camera, self._viewer.dims
        at, step = (tuple(camera.center), float(camera.zoom)), tuple(dims.point)
        empty = not len(self._viewer.layers)
        with self._layers.same_active():
            yield
        if not empty:
            camera.center, camera.zoom = at
            if len(step) == dims.ndim and tuple(dims.point) != step:
                dims.point = step

    def _as_it_is(self) -> _Before:
        viewer = self._viewer
        camera, selection = viewer.scene.camera, viewer.layers.selection
        others = [layer for layer in viewer.layers if role_of(layer) != "lesson"]
        return _Before(
            {layer_key(layer): bool(layer.visible) for layer in others},
            tuple(layer for layer in others if layer in selection),
            selection.active,
            tuple(viewer.dims.point),
            tuple(viewer.dims.order),
            int(viewer.dims.ndisplay),
            (tuple(camera.center), float(camera.zoom), tuple(camera.angles)),
        )

    def _put_back(self, before: _Before) -> None:
        viewer = self._viewer
        for layer in viewer.layers:
            visible = before.visible.get(layer_key(layer))
            if visible is not None and layer.visible != visible:
                layer.visible = visible
        selection = viewer.layers.selection
        selected = [layer for layer in before.selected if layer in viewer.layers]
        with self._layers.same_active():  # no choice of a person's: nobody is told
            if set(selection) != set(selected):
                selection.clear()
                selection.update(selected)
            active = before.active
            if active is not None and active in viewer.layers and selection.active is not active:
                selection.active = active
                selection.update(selected)
        if viewer.dims.ndisplay != before.ndisplay:
            viewer.dims.ndisplay = before.ndisplay
        if len(before.order) == viewer.dims.ndim:
            viewer.dims.order = before.order
            viewer.dims.point = before.point
        camera = viewer.scene.camera
        camera.center, camera.zoom, camera.angles = before.camera


def _renew(layer: Any, picture: Picture, values: Any) -> None:
    """Give a layer the values of a newer picture; what stays is not set again."""
    layer.data = values.astype(np.int32) if picture.drawn is Drawn.LABELS else values
    if picture.drawn in (Drawn.LABELS, Drawn.COLOUR):
        return
    limits = limits_of(picture)
    if tuple(layer.contrast_limits) != limits:
        layer.contrast_limits_range = limits
        layer.contrast_limits = limits


def _is_of(picture: Picture, laid: Laid) -> bool:
    """Whether a picture is what the step works on, and no answer."""
    values = np.asarray(picture.values)
    return picture.drawn is Drawn.MAP and np.array_equal(values, laid.grey)


def _off_the_ground(picture: Picture) -> Picture:
    """The darkest of a picture a shade above black: it lies alone, on the canvas's own black."""
    if picture.drawn is not Drawn.MAP or picture.limits is not None:
        return picture
    low, high = limits_of(picture)
    return replace(picture, limits=(low - _SHADE * (high - low), high))


def _to_edges(layer: Any) -> Any:
    """Lowest and highest (y, x) of a layer; napari gives the centres of its outermost cells."""
    half = np.abs(np.asarray(layer.scale)[-2:]) / 2
    return np.asarray(layer.extent.world)[:, -2:] + np.stack([-half, half])


def _as_colour(pixels: Any) -> Any:
    """(y, x, 3) between 0 and 1."""
    values = np.asarray(pixels[..., :3], dtype=np.float32)
    if values.shape[2] < 3:
        values = np.repeat(values.mean(axis=2, keepdims=True), 3, axis=2)
    low, high = float(values.min()), float(values.max())
    return (values - low) / max(high - low, 1e-12)
