"""Results become layers: below the strokes, placed like the image, named after the model version.

Tiles are written into arrays as they come; layers are redrawn by :meth:`ResultLayers.redraw`, which
the caller paces, for napari redraws a whole slice at a time. A layer tells what computed it
(:mod:`unetscope.session.provenance`) until it is computed anew, whatever model is there by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import Colormap

from unetscope.images.classes import LabelClass
from unetscope.session.journal.mirror import blank_array
from unetscope.session.layers.answer_pyramid import AnswerPyramid, StoredAnswer, is_large
from unetscope.session.layers.colouring import colour_layer
from unetscope.session.layers.connections import Connections
from unetscope.session.layers.layer_facts import (
    OWN,
    ROLE,
    layer_key,
    note_of,
    read_only,
    set_labels,
)
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.layers.placement import unit_steps
from unetscope.session.provenance import Made, Record, ranges_in_words
from unetscope.session.requests import AnswerBegun, BlockWritten, TileShown
from unetscope.session.result_kind import Ramp, ResultKind
from unetscope.session.results.mask import MASK

OUTLINE_PX = 4_500_000  # of a plane; napari finds outlines anew with each redraw: 0.3 s by then
OUTLINE_SCREEN_PX = 2
_FEW_PX = 65_536  # that are drawn alone when they change
_THICKEST_PX = 8  # of an outline, in pixels of the image


@dataclass(frozen=True)
class LayerLook:
    """How results are shown, and the version of the model that is there now.

    ``color_class`` is the class a probability layer is about, where nothing else is known of it.
    """

    show: ResultKind
    opacity: float
    classes: tuple[LabelClass, ...]
    color_class: LabelClass | None
    version: int
    hidden: frozenset[int] = frozenset()  # values of the classes that a mask leaves clear


class ResultLayers:
    """The result layers of every image: one of each kind that was asked for."""

    def __init__(self, layers: OpenLayers) -> None:
        self._layers = layers
        self._made: dict[tuple[str, ResultKind], str] = {}  # (image key, kind) -> layer key
        self._looks: dict[str, LayerLook] = {}  # layer key -> how it was styled last
        self._records: dict[str, Record] = {}  # layer key -> what computed it
        self._stale: set[str] = set()  # layer keys with tiles not yet drawn
        # Layer key -> one pixel and its value that redraw writes, so that napari draws all others.
        self._kept_back: dict[str, tuple[tuple[np.ndarray, ...], np.ndarray]] = {}
        self._pyramids: dict[str, AnswerPyramid] = {}  # layer key -> what a large one shows
        self._hidden = False
        self._outlined = False
        self._zooming = Connections()

    def write(self, key: str, tile: TileShown, look: LayerLook, made: Made | None = None) -> None:
        """Write one tile into the layers of the image ``key``, made where they are not there.

        ``made`` says what computed it; the model of the ``look`` where that is not given.
        """
        if self._layers.layer(key) is None:
            return  # the image was closed while its answer was under way
        if not _fits(tile, self._layers.micrograph(key).spatial_shape):
            return  # it was asked of another reading, or of other pixels
        shown = look.color_class.value if look.color_class else 0
        made = made or Made(look.version, class_value=shown)
        for kind, values in tile.answers.items():
            layer = self._layer(key, kind, look, values.dtype)
            pyramid = self._pyramids.get(layer_key(layer))
            drawn = False
            if pyramid is not None:
                pyramid.write(tile.region, values)
            elif not (drawn := self._written_in_part(layer, tile.region, values)):
                if kept := self._kept_back.pop(layer_key(layer), None):
                    layer.data[kept[0]] = kept[1]
                layer.data[tile.region] = values
            if self._records[layer_key(layer)].wrote(made, tile.region):
                self._tell(key, kind, layer, look)
            if not drawn:
                self._stale.add(layer_key(layer))

    def grow(self, begun: AnswerBegun, look: LayerLook, made: Made) -> None:
        """From now on the mask of an image shows an answer on the disk, which may grow."""
        if self._layers.layer(begun.key) is None:
            return
        if self._layers.micrograph(begun.key).spatial_shape != begun.layout.shape:
            return  # it was asked of another reading
        layer = self._layer(begun.key, MASK, look, np.dtype(np.uint8))
        pyramid = self._pyramids.get(layer_key(layer))
        if pyramid is None:
            return
        pyramid.take(StoredAnswer(begun.path, begun.layout, begun.done), begun.coarse)
        for number in begun.done:
            self._records[layer_key(layer)].wrote(made, begun.layout.box(number))
        self._tell(begun.key, MASK, layer, look)
        self._stale.add(layer_key(layer))

    def block_written(self, written: BlockWritten, look: LayerLook, made: Made) -> None:
        """A block of an answer that grows is on the disk."""
        layer = self.find(written.key, MASK)
        pyramid = None if layer is None else self._pyramids.get(layer_key(layer))
        if pyramid is None or pyramid.stored is None:
            return  # the layer was removed, or the image is read otherwise now
        if self._records[layer_key(layer)].wrote(made, pyramid.block_written(written.block)):
            self._tell(written.key, MASK, layer, look)
        self._stale.add(layer_key(layer))

    def redraw(self) -> None:
        """Draw what was written since the last time."""
        stale, self._stale = self._stale, set()
        for key in list(self._kept_back):
            self._complete(self._layers.layer(key), key)
        for key in stale:
            layer = self._layers.layer(key)
            if layer is not None and layer.visible:
                layer.refresh(thumbnail=key in self._pyramids, extent=False)

    def restyle(self, key: str, look: LayerLook) -> None:
        """Show the chosen kind for an image, in the present colours and opacity.

        What computed it stays as it is; a layer of another version than the present one says so.
        """
        for kind in [kind for image, kind in self._made if image == key]:
            layer = self.find(key, kind)
            if layer is None or self._looks.get(layer_key(layer)) == look:
                continue  # every change of a layer makes napari's layer list work
            before, self._looks[layer_key(layer)] = self._looks.get(layer_key(layer)), look
            layer.visible = kind is look.show and not self._hidden
            layer.opacity = self._opacity(kind, look)
            self._tell(key, kind, layer, look)
            if kind.has_areas and (before is None or _colors(before) != _colors(look)):
                colour_layer(layer, *_colors(look))

    def hide(self, *, on: bool) -> None:
        """Hide the answers on every image, to see what lies below, or show them again."""
        self._hidden = on
        for (_, kind), key in self._made.items():
            layer = self._layers.layer(key)
            if layer is not None:
                layer.visible = kind is self._looks[key].show and not on

    def outline(self, *, on: bool) -> None:
        """Draw areas of classes, as those of a mask, as outlines of full opacity, or as areas."""
        self._outlined = on
        self._zooming.close()
        if on:
            zoom = self._layers.viewer.scene.camera.events.zoom
            self._zooming.connect(zoom, self._contours)
        self._contours()

    def find(self, key: str, kind: ResultKind) -> Any:
        """The result layer of a kind, or None."""
        layer = self._found(key, kind)
        if layer is not None:
            self._complete(layer, layer_key(layer))
        return layer

    def answer(self, key: str) -> np.ndarray | None:
        """A copy of the answered class values of an image, 0 where none is yet.

        None where nothing is answered, or too much to be copied.
        """
        layer = self.find(key, MASK)
        large = layer is None or layer_key(layer) in self._pyramids
        return None if large else np.array(layer.data)

    def answered(self, key: str, kind: ResultKind) -> str:
        """Which planes of a stack were answered, in words; "" where all of it was, or nothing."""
        layer = self.find(key, kind)
        if layer is None or layer.ndim < 3:
            return ""
        planes = self._records[layer_key(layer)].planes
        depth = layer.data.shape[0]
        if len(planes) == depth or not planes:
            return ""
        which = (
            f"plane {planes[0]} was"
            if len(planes) == 1
            else f"planes {ranges_in_words(planes)} were"
        )
        return f"Of {depth} planes, {which} answered."

    # ---- inside

    def _found(self, key: str, kind: ResultKind) -> Any:
        return self._layers.layer(self._made.get((key, kind), ""))

    def _complete(self, layer: Any, key: str) -> None:
        """Write the pixel that was kept back, by which napari draws what was written before."""
        kept = self._kept_back.pop(key, None)
        if kept is not None and layer is not None:
            set_labels(layer, *kept)

    def _written_in_part(self, layer: Any, region: tuple[slice, ...], values: np.ndarray) -> bool:
        """Write values by which few pixels change, to be drawn alone; False for many.

        Drawing a whole plane anew takes napari some ten times as long, in the window's thread. One
        pixel is kept back for :meth:`redraw`: with it napari draws all that was written.
        """
        key = layer_key(layer)
        if key in self._stale or not layer.visible or not isinstance(layer, Labels):
            return False
        places = np.nonzero(layer.data[region] != values)
        if len(places[0]) > _FEW_PX:
            return False
        if not len(places[0]):
            return True
        at = [p + (side.start or 0) for p, side in zip(places, region, strict=True)]
        new = values[places]
        try:
            if kept := self._kept_back.pop(key, None):
                layer.data_setitem(*kept, refresh=False)
            layer.data_setitem(tuple(p[1:] for p in at), new[1:], refresh=False)
        except IndexError:  # it is hidden, or was cut otherwise since
            return False
        self._kept_back[key] = tuple(p[:1] for p in at), new[:1]
        return True

    def _layer(self, key: str, kind: ResultKind, look: LayerLook, dtype: np.dtype[Any]) -> Any:
        found = self._found(key, kind)
        shape = self._layers.micrograph(key).spatial_shape
        if found is not None and found.data.shape == shape and found.data.dtype == dtype:
            return found
        for old in (found, *self._left_behind(key, kind)):
            if old is not None:
                self._layers.viewer.layers.remove(old)
        return self._added(key, kind, look, dtype)

    def _left_behind(self, key: str, kind: ResultKind) -> list[Any]:
        """The layers of a panel before this one, which a new answer takes the place of."""
        told = {"role": "result", "image": key, "kind": kind.name}
        return [
            layer
            for layer in self._layers.viewer.layers
            if told.items() <= note_of(layer).items()
            and layer_key(layer) not in self._made.values()
        ]

    def _added(self, key: str, kind: ResultKind, look: LayerLook, dtype: np.dtype[Any]) -> Any:
        viewer = self._layers.viewer
        micrograph = self._layers.micrograph(key)
        common = {
            "name": kind.name,
            "opacity": self._opacity(kind, look),
            "visible": kind is look.show and not self._hidden,
            "metadata": {ROLE: {"role": "result", "kind": kind.name, "image": key}},
            **self._layers.place_over(key),
        }
        pyramid = None
        values: Any
        if is_large(micrograph.spatial_shape):
            pyramid = AnswerPyramid(micrograph.spatial_shape, dtype)
            levels = pyramid.levels  # napari takes one alone for no pyramid
            values = levels if len(levels) > 1 else levels[0]
            common["multiscale"] = len(levels) > 1
        else:
            values = blank_array(micrograph.spatial_shape, dtype)
        with self._layers.same_active():
            if kind.has_areas:
                layer = viewer.add_labels(values, **common)
                colour_layer(layer, *_colors(look))
                layer.contour = self._contour_px(layer)
                read_only(layer)
            else:
                ramp = kind.ramp(look.color_class) if callable(kind.ramp) else kind.ramp
                colors = _colormap(ramp) if isinstance(ramp, Ramp) else ramp
                common |= {"colormap": colors, "contrast_limits": kind.limits}
                layer = viewer.add_image(values, blending="translucent", **common)
            self._made[(key, kind)] = layer_key(layer)
            self._looks[layer_key(layer)] = look
            self._records[layer_key(layer)] = Record(micrograph.spatial_shape)
            if pyramid is not None:
                self._pyramids[layer_key(layer)] = pyramid
            self._move_below_strokes(key, layer)
        return layer

    def _tell(self, key: str, kind: ResultKind, layer: Any, look: LayerLook) -> None:
        """Bring name, colours of a probability, and metadata up to what is known of a layer."""
        record = self._records[layer_key(layer)]
        shown = classes_shown(look.classes, record.latest.class_value if record.latest else 0)
        name = _name(kind, record, shown, look.version)
        if layer.name != name:
            layer.name = name
        if callable(kind.ramp) and layer.colormap.name != kind.ramp(shown).name:
            layer.colormap = _colormap(kind.ramp(shown))
        note = {
            "role": "result",
            "kind": kind.name,
            "image": key,
            "image_name": str(self._layers.layer(key).name),
            "classes": {c.value: c.name for c in look.classes},
            "notes": list(self._layers.images.notes(key)),
            **record.summary(),
            **self._where(layer),
            OWN: layer_key(layer),
        }
        layer.metadata = {**layer.metadata, ROLE: note}

    def _where(self, layer: Any) -> dict[str, str]:
        """Where an answer on the disk lies."""
        pyramid = self._pyramids.get(layer_key(layer))
        stored = pyramid.stored if pyramid is not None else None
        return {} if stored is None else {"store": str(stored.path)}

    def _opacity(self, kind: ResultKind, look: LayerLook) -> float:
        """Outlines are thin enough to be drawn in full."""
        return 1.0 if self._outlined and kind.has_areas else look.opacity

    def _contours(self, event: Any = None) -> None:
        """Outlines as wide as they are to be on the screen, at the present zoom."""
        for (_, kind), key in self._made.items():
            layer = self._layers.layer(key)
            if layer is None or not kind.has_areas:
                continue
            contour = self._contour_px(layer)
            if layer.contour != contour:
                layer.contour = contour
            opacity = self._opacity(kind, self._looks[key]) if contour else self._looks[key].opacity
            if layer.opacity != opacity:
                layer.opacity = opacity

    def _contour_px(self, layer: Any) -> int:
        """Width of outlines in pixels of the image; 0 draws areas."""
        shape = layer.data.shape
        if not self._outlined or shape[-2] * shape[-1] > OUTLINE_PX:
            return 0
        viewer = self._layers.viewer
        step = float(unit_steps(viewer, layer)[-1]) * abs(float(layer.scale[-1]))
        wanted = OUTLINE_SCREEN_PX / max(float(viewer.scene.camera.zoom) * step, 1e-9)
        width = 1  # in powers of two, for each change makes napari find all outlines anew
        while width < min(round(wanted), _THICKEST_PX):
            width *= 2
        return width

    def _move_below_strokes(self, key: str, layer: Any) -> None:
        layers = self._layers.viewer.layers
        above = self._layers.strokes_layer(key)
        target = layers.index(above) if above is not None else len(layers)
        source = layers.index(layer)
        if source > target:
            layers.move(source, target)


def _colors(look: LayerLook) -> tuple[tuple[LabelClass, ...], frozenset[int]]:
    return look.classes, look.hidden


def _fits(tile: TileShown, shape: Sequence[int]) -> bool:
    """Whether a tile lies within an image of this shape."""
    if len(tile.region) != len(shape):
        return False
    return all(part.stop <= n for part, n in zip(tile.region, shape, strict=True))


def _name(kind: ResultKind, record: Record, shown: LabelClass | None, present: int) -> str:
    """ "prediction v2", "prediction v1 (older)", "probability of object v2, v1 in places" …"""
    version = record.latest.version if record.latest else present
    word = kind.layer_name(shown) if kind.layer_name else kind.name
    others = "".join(f", v{other}" for other in record.others)
    text = f"{word} v{version}" + (f"{others} in places" if others else "")
    if version != present:
        text += " (older)" if version < present else " (newer)"
    return text


def _colormap(ramp: Ramp) -> Colormap:
    return Colormap([list(color) for color in ramp.colors], name=ramp.name)


def classes_shown(classes: Sequence[LabelClass], value: int) -> LabelClass | None:
    """The class a probability layer is about: the chosen one, or the first."""
    return next((c for c in classes if c.value == value), classes[0] if classes else None)
