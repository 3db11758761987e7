"""Results become layers: below the strokes, placed like the image, named after the model version.

Tiles are written into arrays as they come; layers are redrawn by :meth:`ResultLayers.redraw`, which
the caller paces, for napari redraws a whole slice at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from napari.utils.colormaps import Colormap

from unetscope.learning.classes import LabelClass
from unetscope.session.layer_facts import ROLE, class_colormap, layer_key, note_of
from unetscope.session.layers import OpenLayers
from unetscope.session.requests import TileShown
from unetscope.session.values import Show

OUTLINE_PX = 4_500_000  # of a plane; napari finds outlines anew with each redraw: 0.3 s by then


@dataclass(frozen=True)
class Look:
    """How results are shown: ``color_class`` is the class a probability layer is about."""

    show: Show
    opacity: float
    classes: tuple[LabelClass, ...]
    color_class: LabelClass | None
    version: int
    hidden: frozenset[int] = frozenset()  # values of the classes that a mask leaves clear


class ResultLayers:
    """The result layers of every image: one each of mask, probability and uncertainty."""

    def __init__(self, layers: OpenLayers) -> None:
        self._layers = layers
        self._made: dict[tuple[str, Show], str] = {}  # (image key, kind) -> layer key
        self._looks: dict[str, Look] = {}  # layer key -> how it was styled last
        self._stale: set[str] = set()  # layer keys with tiles not yet drawn
        self._hidden = False
        self._outlined = False

    def write(self, key: str, tile: TileShown, look: Look) -> None:
        """Write one tile into the layers of the image ``key``, made where they are not there."""
        if self._layers.layer(key) is None:
            return  # the image was closed while its answer was under way
        if not _fits(tile, self._layers.micrograph(key).spatial_shape):
            return  # it was asked of another reading, or of other pixels
        for kind, values in (
            (Show.MASK, tile.labels),
            (Show.PROBABILITY, tile.probability),
            (Show.UNCERTAINTY, tile.uncertainty),
        ):
            if values is not None:
                layer = self._layer(key, kind, look, values.dtype)
                layer.data[tile.region] = values
                self._stale.add(layer_key(layer))

    def redraw(self) -> None:
        """Draw what was written since the last time."""
        stale, self._stale = self._stale, set()
        for key in stale:
            layer = self._layers.layer(key)
            if layer is not None and layer.visible:
                layer.refresh(thumbnail=False, extent=False)

    def restyle(self, key: str, look: Look) -> None:
        """Show the chosen kind for an image, in the present colours, opacity and name."""
        for kind in Show:
            layer = self.find(key, kind)
            if layer is None or self._looks.get(layer_key(layer)) == look:
                continue  # every change of a layer makes napari's layer list work
            before, self._looks[layer_key(layer)] = self._looks.get(layer_key(layer)), look
            layer.visible = kind is look.show and not self._hidden
            layer.opacity = look.opacity
            if before is None or (before.version, before.classes) != (look.version, look.classes):
                layer.metadata = self._metadata(key, kind, look)
            layer.name = _name(kind, look)
            if kind is Show.MASK and (before is None or _colors(before) != _colors(look)):
                layer.colormap = class_colormap(*_colors(look))
            elif kind is Show.PROBABILITY:
                layer.colormap = _ramp(look.color_class)

    def hide(self, *, on: bool) -> None:
        """Hide the answers on every image, to see what lies below, or show them again."""
        self._hidden = on
        for (_, kind), key in self._made.items():
            layer = self._layers.layer(key)
            if layer is not None:
                layer.visible = kind is self._looks[key].show and not on

    def outline(self, *, on: bool) -> None:
        """Draw the classes of a mask as outlines, or as areas."""
        self._outlined = on
        for (_, kind), key in self._made.items():
            layer = self._layers.layer(key)
            if layer is not None and kind is Show.MASK:
                layer.contour = self._contour_px(layer.data.shape)

    def find(self, key: str, kind: Show) -> Any:
        """The result layer of a kind, or None."""
        return self._layers.layer(self._made.get((key, kind), ""))

    def _layer(self, key: str, kind: Show, look: Look, dtype: np.dtype[Any]) -> Any:
        found = self.find(key, kind)
        shape = self._layers.micrograph(key).spatial_shape
        if found is not None and found.data.shape == shape and found.data.dtype == dtype:
            return found
        for old in (found, *self._left_behind(key, kind)):
            if old is not None:
                self._layers.viewer.layers.remove(old)
        return self._added(key, kind, look, dtype)

    def _left_behind(self, key: str, kind: Show) -> list[Any]:
        """The layers of a panel before this one, which a new answer takes the place of."""
        told = {"role": "result", "image": key, "kind": kind.value}
        return [
            layer
            for layer in self._layers.viewer.layers
            if told.items() <= note_of(layer).items()
            and layer_key(layer) not in self._made.values()
        ]

    def _added(self, key: str, kind: Show, look: Look, dtype: np.dtype[Any]) -> Any:
        viewer = self._layers.viewer
        micrograph = self._layers.micrograph(key)
        common = {
            "name": _name(kind, look),
            "opacity": look.opacity,
            "visible": kind is look.show and not self._hidden,
            "metadata": self._metadata(key, kind, look),
            **self._layers.place_over(key),
        }
        values = np.zeros(micrograph.spatial_shape, dtype=dtype)
        with self._layers.same_active():
            if kind is Show.MASK:
                layer = viewer.add_labels(values, colormap=class_colormap(*_colors(look)), **common)
                layer.contour = self._contour_px(values.shape)
            else:
                ramp = _ramp(look.color_class) if kind is Show.PROBABILITY else "inferno"
                common |= {"colormap": ramp, "contrast_limits": (0.0, 1.0)}
                layer = viewer.add_image(values, blending="translucent", **common)
            self._made[(key, kind)] = layer_key(layer)
            self._looks[layer_key(layer)] = look
            self._move_below_strokes(key, layer)
        return layer

    def _contour_px(self, shape: Sequence[int]) -> int:
        """Outlines that are seen when the whole image is on screen; 0 draws areas."""
        if not self._outlined or shape[-2] * shape[-1] > OUTLINE_PX:
            return 0
        return 1 if min(shape[-2:]) < 1000 else 2

    def _move_below_strokes(self, key: str, layer: Any) -> None:
        layers = self._layers.viewer.layers
        above = self._layers.strokes_layer(key)
        target = layers.index(above) if above is not None else len(layers)
        source = layers.index(layer)
        if source > target:
            layers.move(source, target)

    def _metadata(self, key: str, kind: Show, look: Look) -> dict[str, Any]:
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        return {
            ROLE: {
                "role": "result",
                "kind": kind.value,
                "image": key,
                "model_version": look.version,
                "made_at": now,
                "classes": {c.value: c.name for c in look.classes},
            }
        }


def _colors(look: Look) -> tuple[tuple[LabelClass, ...], frozenset[int]]:
    return look.classes, look.hidden


def _fits(tile: TileShown, shape: Sequence[int]) -> bool:
    """Whether a tile lies within an image of this shape."""
    if len(tile.region) != len(shape):
        return False
    return all(part.stop <= n for part, n in zip(tile.region, shape, strict=True))


def _name(kind: Show, look: Look) -> str:
    if kind is Show.PROBABILITY and look.color_class is not None:
        return f"probability of {look.color_class.name} v{look.version}"
    word = "prediction" if kind is Show.MASK else kind.value
    return f"{word} v{look.version}"


def _ramp(shown: LabelClass | None) -> Colormap:
    """From clear to the class's colour."""
    color = shown.color if shown is not None else "#FFFFFF"
    rgb = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return Colormap([[*rgb, 0.0], [*rgb, 1.0]], name=f"probability {color}")


def classes_shown(classes: Sequence[LabelClass], value: int) -> LabelClass | None:
    """The class a probability layer is about: the chosen one, or the first."""
    return next((c for c in classes if c.value == value), classes[0] if classes else None)
