"""The probe: what lies under the cursor, drawn at once; what is measured follows."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from unetscope import inspection
from unetscope.errors import UnetscopeError
from unetscope.looking.glass import Glass
from unetscope.session.inside.looking_state import Inside
from unetscope.session.layers.inside_layers import EFFECTIVE, FIELD, InsideLayers
from unetscope.session.layers.lines import field_lines, polylines
from unetscope.session.layers.pointer import Pointer
from unetscope.workbench.timers import single_shot

FRAME_MS = 33


class Probe(QObject):
    """Follows a point: the receptive-field box, the effective contour, the strongest channels.

    Signals
    -------
    strongest(object) : [(channel, value, score 0..1)] at the point, strongest first.
    arithmetic(object) : what the microscope says of the point, or a message.
    pinned() : a click has chosen a point.
    """

    strongest = Signal(object)
    arithmetic = Signal(object)
    pinned = Signal()

    def __init__(
        self, inside: Inside, layers: InsideLayers, pointer: Pointer, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._inside, self._layers, self._pointer = inside, layers, pointer
        self.maps: Any = None  # FeatureMaps of the chosen layer
        self.microscope: Any = None
        self.effective: Any = None  # EffectiveField of the chosen layer
        self._statistics: tuple[Any, np.ndarray, np.ndarray] | None = None
        self._frame = single_shot(self, FRAME_MS, self.draw)
        pointer.hovered.connect(self._hovered)
        pointer.clicked.connect(self._clicked)

    def close(self) -> None:
        """Stop following."""
        self._frame.stop()
        self._pointer.hovered.disconnect(self._hovered)
        self._pointer.clicked.disconnect(self._clicked)
        self._pointer.stop()

    def forget(self) -> None:
        """The layer or the network changed: what was captured is no longer true."""
        self.maps = self.microscope = self.effective = self._statistics = None

    def point_at(self, point: tuple[float, ...]) -> None:
        """Go to an image pixel, as a click does."""
        self._clicked(point)

    def draw(self) -> None:
        """Draw the field of the present point, and say what is strongest there."""
        inside, glass = self._inside, self._inside.glass
        if glass is None or inside.point is None or inside.image is None or not inside.layer:
            return
        at = inside.point[-glass.axes :]
        if away := glass.away(at):  # what is shown is of another place
            self._layers.remove(FIELD, EFFECTIVE)
            self.strongest.emit([])
            self.arithmetic.emit(away)
            return
        z = round(inside.point[0]) if len(inside.point) == 3 and glass.axes == 2 else None
        try:
            segments, centre = _field(glass, inside.layer, at)
        except UnetscopeError:  # the chosen layer has no place in the image: nothing to draw
            self._layers.remove(FIELD, EFFECTIVE)
            return
        self._layers.lines(FIELD, segments, inside.image.key, z)
        self._layers.lines(EFFECTIVE, self._contour(centre, glass), inside.image.key, z)
        self._say_strongest(glass, at)
        self._say_arithmetic(glass, at)

    def redraw_soon(self) -> None:
        """Draw at the next frame."""
        if not self._frame.isActive():
            self._frame.start()

    # ---- inside

    def _hovered(self, point: tuple[float, ...]) -> None:
        if not self._inside.probing:
            return
        self._inside.pinned = False
        self._inside.point = point
        self.redraw_soon()

    def _clicked(self, point: tuple[float, ...]) -> None:
        self._inside.pinned = True
        self._inside.point = point
        self.draw()
        self.pinned.emit()

    def _contour(self, centre: tuple[float, ...], glass: Glass) -> np.ndarray:
        """The measured contour, moved along: it was averaged over many places anyway."""
        field = self.effective
        if field is None or glass.axes != 2 or field.layer != self._inside.layer:
            return np.zeros((0, 2, 2))
        own = _centre_of(glass, field.layer, field.point)
        move = np.asarray(centre) - np.asarray(own) + np.asarray(glass.origin[-2:])
        lines = [line + move for mass in (0.5, 0.95) for line in field.contour(mass)]
        return polylines(lines)

    def _say_strongest(self, glass: Glass, at: tuple[float, ...]) -> None:
        if self.maps is None or self.maps.layer != self._inside.layer:
            return
        values, first = self.maps.values, self.maps.first
        cell = tuple(u - f for u, f in zip(glass.cell(self._inside.layer, at), first, strict=True))
        if any(not 0 <= u < n for u, n in zip(cell, values.shape[1:], strict=True)):
            return
        here = values[(slice(None), *cell)].astype(float)
        mean, spread = self._moments()
        score = (here - mean) / spread
        order = np.argsort(-score)[:8]
        top = max(float(score[order[0]]), 1e-9)
        channels = self.maps.channels
        self.strongest.emit(
            [(channels[i], float(here[i]), float(np.clip(score[i] / top, 0, 1))) for i in order]
        )

    def _moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation of every channel over the view, computed once a layer."""
        if self._statistics is None or self._statistics[0] is not self.maps:
            flat = self.maps.values.reshape(len(self.maps.values), -1)
            mean, spread = flat.mean(axis=1), flat.std(axis=1)
            self._statistics = (self.maps, mean, np.where(spread > 0, spread, np.inf))
        return self._statistics[1], self._statistics[2]

    def _say_arithmetic(self, glass: Glass, at: tuple[float, ...]) -> None:
        if self.microscope is None:
            return
        try:
            cell = glass.cell(self.microscope.layer, at)
            channels = int(self.microscope.shape[0])
            channel = min(self._inside.channel, channels - 1)
            self.arithmetic.emit(self.microscope.at(channel, cell))
        except UnetscopeError as error:
            self.arithmetic.emit(str(error))


def _field(glass: Glass, layer: str, at: tuple[float, ...]) -> tuple[np.ndarray, tuple[float, ...]]:
    """Segments of the field of the cell nearest to image pixel ``at``, and the cell's centre."""
    field = inspection.receptive_field(glass.trace, glass.shape, layer, glass.cell(layer, at))
    _, reach = glass.trace.spatial(layer)
    place = inspection.Placement.of(reach)
    origin = np.asarray(glass.origin)
    centre = np.asarray(place.scale) * field.point + place.translate + origin
    segments = field_lines(
        np.asarray(field.lo) + origin,
        np.asarray(field.hi) + origin,
        (np.asarray(field.padded[0]) + origin, np.asarray(field.padded[1]) + origin),
        centre,
        place.scale,
        empty=field.is_empty,
    )
    return segments, tuple(float(c) for c in centre)


def _centre_of(glass: Glass, layer: str, cell: tuple[int, ...]) -> tuple[float, ...]:
    _, reach = glass.trace.spatial(layer)
    place = inspection.Placement.of(reach)
    return tuple(
        s * u + t + o
        for s, u, t, o in zip(place.scale, cell, place.translate, glass.origin, strict=True)
    )
