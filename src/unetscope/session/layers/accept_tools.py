"""The tools of "accept and correct": what the mouse does on the image while one of them is on."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import skimage
from psygnal import Signal

from unetscope.images.classes import LabelClass
from unetscope.learning.advice.accepting import GrownRegion
from unetscope.session.layers.connections import Connections
from unetscope.session.layers.layer_facts import ROLE, layer_key, spatial_axes
from unetscope.session.layers.lines import on_plane
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.layers.placement import to_pixel, unit_steps
from unetscope.session.layers.screen import shows_planes

Path = np.ndarray  # (n, 2 or 3) pixels ((z,) y, x) the mouse went through, as floats


class Tool(Enum):
    """What the mouse does; the value is the word on the button."""

    BRUSH = "Right here"
    LASSO = "Lasso"
    REGION = "Region"
    PATCH = "Patch"


@dataclass(frozen=True, eq=False)
class Gesture:
    """What was done with a tool; ``shift``: with that key held down."""

    tool: Tool
    path: Path
    shift: bool = False


class AcceptTools:
    """One tool at a time takes the mouse on the strokes layer of an image.

    Signals: ``drawn(Gesture)`` when the mouse is let go of, ``changed(tool or None)``,
    ``refused(why)`` when a tool can do nothing in this view, ``lost(tool)`` when the tool was put
    away by something else than its button. That is choosing any of napari's own tools or another
    layer, or deleting the layer that is painted on; a class is chosen as ever.
    """

    drawn = Signal(object)
    changed = Signal(object)
    refused = Signal(str)
    lost = Signal(object)

    def __init__(self, layers: OpenLayers) -> None:
        self._layers, self._viewer = layers, layers.viewer
        self.tool: Tool | None = None
        self._strokes: Any = None
        self._trail = ""  # key of the layer that shows where the mouse went
        self._panning = False
        self._connections = Connections()

    @property
    def brush_px(self) -> int:
        """The diameter of the brush."""
        return int(self._strokes.brush_size) if self._strokes is not None else 1

    def start(self, key: str, tool: Tool, value: int, classes: Sequence[LabelClass]) -> None:
        """Take the mouse for a tool on the image ``key``; the strokes layer is made if need be."""
        self._let_go()
        strokes = self._strokes = self._layers.paint_with(key, value, classes)
        image = self._layers.layer(key)
        strokes.mode = "pan_zoom"
        self._hold()
        self._add_trail(key, image)
        self._viewer.mouse_drag_callbacks.append(self._pressed)
        strokes.bind_key("Space", self._hold_to_pan, overwrite=True)
        connect = self._connections.connect
        connect(strokes.events.mode, self._put_away)
        connect(strokes.events.brush_size, self._brush_resized)
        connect(self._viewer.layers.selection.events.active, self._active_changed)
        connect(self._viewer.layers.events.removed, self._layer_removed)
        self.tool = tool
        self._dress()
        self.changed.emit(tool)

    def stop(self) -> None:
        """Put the tool away and give the brush back."""
        if self.tool is None:
            return
        self._give_brush_back()
        self.changed.emit(None)

    # ---- taking and letting go

    def _let_go(self) -> None:
        if self.tool is None:
            return
        self.tool = None
        self._connections.close()
        if self._pressed in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._pressed)
        self._strokes.bind_key("Space", None)
        self._strokes.mouse_pan = self._strokes.mode == "pan_zoom"
        trail, self._trail = self._layers.layer(self._trail), ""
        if trail is not None:
            with self._layers.same_active():
                self._viewer.layers.remove(trail)
        self._strokes = None

    def _give_brush_back(self) -> None:
        strokes = self._strokes
        self._let_go()
        if self._layers.layer(layer_key(strokes)) is not None:
            strokes.mode = "paint"

    def _put_away(self, event: Any = None) -> None:
        """Another tool or class was chosen: that stands."""
        if self.tool is not None:
            tool = self.tool
            self._let_go()
            self.changed.emit(None)
            self.lost.emit(tool)

    def _active_changed(self, event: Any) -> None:
        # A callback that was let go of is called once more by the emission that is under way.
        if self.tool is None or self._layers.holding:
            return
        active = self._viewer.layers.selection.active
        if active is not None and layer_key(active) not in (
            layer_key(self._strokes),
            self._trail,
        ):
            self._lose()

    def _layer_removed(self, event: Any) -> None:
        if self.tool is not None and event.value is self._strokes:
            self._lose()

    def _lose(self) -> None:
        """The layer is no longer the one that is painted on; its brush is ready for later."""
        tool = self.tool
        self._give_brush_back()
        self.changed.emit(None)
        self.lost.emit(tool)

    def _hold(self) -> None:
        self._strokes.mouse_pan = False
        self._panning = False

    def _hold_to_pan(self, _layer: Any) -> Generator[None, None, None]:
        """While the key is held, the mouse moves the image, as with napari's brush."""
        self._strokes.mouse_pan = self._panning = True
        yield
        if self.tool is not None:
            self._hold()

    def _dress(self) -> None:
        """The cursor: a ring as wide as the brush, or a cross."""
        brush = self.tool is Tool.BRUSH
        self._strokes.cursor = "circle" if brush else "cross"
        if brush:
            steps = unit_steps(self._viewer, self._strokes) * np.abs(self._strokes.scale)
            scale = float(steps[-2:].mean())
            self._strokes.cursor_size = max(1, round(self.brush_px * scale))

    def _brush_resized(self, event: Any) -> None:
        self._dress()
        trail = self._layers.layer(self._trail)
        if trail is not None:
            trail.edge_width = self._trail_px()

    # ---- the mouse

    def _pressed(self, viewer: Any, event: Any) -> Generator[None, None, None]:
        if event.button not in (1, None) or self._panning or viewer.dims.ndisplay != 2:
            return
        if self._strokes.ndim > 2 and not shows_planes(viewer, self._strokes, (1, 2)):
            self.refused.emit(
                "This view cuts through the planes; turn it back (napari's button that changes "
                "the order of the axes) to use the tools, which work on whole planes."
            )
            return
        tool, strokes, path = self.tool, self._strokes, [self._pixel(event.position)]
        shift = any("shift" in str(key).lower() for key in event.modifiers or ())
        yield
        while event.type == "mouse_move" and self._strokes is strokes:
            path.append(self._pixel(event.position))
            if tool in (Tool.BRUSH, Tool.LASSO):
                self._draw(np.asarray(path))
            yield
        self._draw(np.zeros((0, len(path[0]))))
        if tool is not None and tool is self.tool and self._strokes is strokes:
            self.drawn.emit(Gesture(tool, np.asarray(path), shift))

    def _pixel(self, position: Any) -> tuple[float, ...]:
        return tuple(float(i) for i in to_pixel(self._viewer, self._strokes, position))

    # ---- the trail

    def _add_trail(self, key: str, image: Any) -> None:
        axes = spatial_axes(self._layers.images.reading(key))
        with self._layers.same_active():
            layer = self._viewer.add_vectors(
                np.zeros((0, 2, len(axes))),
                ndim=len(axes),
                name="right here",
                edge_color="#FFFFFF",
                edge_width=self._trail_px(),
                vector_style="line",
                length=1,
                opacity=0.5,
                metadata={ROLE: {"role": "hint", "image": key}},
                **self._layers.place_over(key),
            )
            self._trail = layer_key(layer)

    def _trail_px(self) -> float:
        return float(self.brush_px)

    def _draw(self, path: Path) -> None:
        """Show where the mouse went; a path without points hides it."""
        trail = self._layers.layer(self._trail)
        if trail is None:
            return
        axes = path.shape[1]
        flat = path[:, -2:]
        segments = np.stack([flat[:-1], np.diff(flat, axis=0)], axis=1)  # (n - 1, 2, 2)
        z = round(path[0, 0]) if axes == 3 and len(path) else None
        trail.edge_width = 1.0 if self.tool is Tool.LASSO else self._trail_px()
        trail.data = on_plane(segments.reshape(-1, 2, 2), z, axes)


def swept(path: Path, diameter_px: float, shape: Sequence[int]) -> GrownRegion | None:
    """The pixels (y, x) of an image of ``shape`` that a round brush went over; None: outside."""
    radius = max(diameter_px / 2, 0.5)
    flat = path[:, -2:]
    box = _box(flat, radius, shape)
    if box is None:
        return None
    mask = np.zeros([side.stop - side.start for side in box], bool)
    for start, end in zip(flat, flat[1:] if len(flat) > 1 else flat, strict=False):
        part = _box(np.stack([start, end]), radius, shape)
        if part is not None:
            inner = tuple(
                slice(p.start - b.start, p.stop - b.start) for p, b in zip(part, box, strict=True)
            )
            mask[inner] |= _away_px(part, start, end) <= radius
    return GrownRegion(box, mask)


def enclosed(path: Path, shape: Sequence[int]) -> GrownRegion | None:
    """The pixels (y, x) of an image of ``shape`` inside a closed path; None: none at all."""
    flat = path[:, -2:]
    box = _box(flat, 0.5, shape)
    if box is None or len(flat) < 3:
        return None
    size = tuple(side.stop - side.start for side in box)
    return GrownRegion(box, skimage.draw.polygon2mask(size, flat - [side.start for side in box]))


def _box(points: np.ndarray, reach: float, shape: Sequence[int]) -> tuple[slice, slice] | None:
    """The pixels within ``reach`` of the points' bounds, as far as they are in the image."""
    low = np.maximum(np.floor(points.min(axis=0) - reach).astype(int), 0)
    high = np.minimum(np.ceil(points.max(axis=0) + reach).astype(int) + 1, shape[-2:])
    if (high <= low).any():
        return None
    return slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))


def _away_px(box: tuple[slice, slice], start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Distance of every pixel of ``box`` to the line from ``start`` to ``end``."""
    pixels = np.moveaxis(np.mgrid[box], 0, -1).astype(float) - start  # (y, x, 2)
    run = end - start
    part = np.clip((pixels @ run) / max(float(run @ run), 1e-12), 0, 1)
    return np.asarray(np.linalg.norm(pixels - part[..., None] * run, axis=-1))
