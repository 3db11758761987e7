"""The labels layers of a viewer in which objects of an image can be found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from unetscope.errors import ImageError
from unetscope.images.classes import LabelClass, default_color, default_name
from unetscope.session.layers.adoption import SURELY_CLASSES, values_of
from unetscope.session.layers.layer_facts import layer_key, note_of, role_of
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.measuring.measure_state import LabelKind, LabelSource
from unetscope.session.results.mask import MASK


class LabelSources:
    """Which labels fit an image: answers first, then layers of others, the strokes last.

    Numbers of others' layers are looked at once: more of them than classes have are objects.
    """

    def __init__(self, layers: OpenLayers) -> None:
        self._layers = layers
        self._values: dict[tuple[str, int], tuple[int, ...]] = {}  # layer and array -> its numbers

    def of(self, key: str, classes: Sequence[LabelClass]) -> tuple[LabelSource, ...]:
        """The sources of the image ``key``; ``classes`` are those that are painted."""
        try:
            shape = self._layers.micrograph(key).spatial_shape
        except ImageError:
            return ()
        known = {c.value: c for c in classes}
        found = [
            self._source(layer, known, key)
            for layer in self._layers.viewer.layers
            if isinstance(layer, Labels)
            and not layer.multiscale
            and tuple(layer.data.shape) == shape
            and self._is_of(layer, key)
        ]
        order = list(LabelKind)
        return tuple(sorted(found, key=lambda one: (one.title == "strokes", order.index(one.kind))))

    def read(self, key: str) -> NDArray[Any]:
        """A copy of the numbers on a layer.

        Raises
        ------
        ImageError
            If the layer is gone.
        """
        layer = self._layers.layer(key)
        if layer is None:
            raise ImageError("these labels were removed; choose others.")
        return np.array(layer.data)

    def same(self, key: str, labels: NDArray[Any]) -> bool:
        """Whether a layer still holds these numbers."""
        layer = self._layers.layer(key)
        return layer is not None and np.array_equal(np.asarray(layer.data), labels)

    def _is_of(self, layer: Any, key: str) -> bool:
        role, note = role_of(layer), note_of(layer)
        if role == "result":
            return bool(note.get("kind") == MASK.name and note.get("image") == key)
        if role == "strokes":
            return bool(note.get("image") == key)
        return not role

    def _source(self, layer: Any, known: Mapping[int, LabelClass], key: str) -> LabelSource:
        note, own = note_of(layer), layer_key(layer)
        if role_of(layer) == "result":
            named = {int(v): str(n) for v, n in note.get("classes", {}).items()}
            title = f"answer of v{note.get('model_version', 1)}"
            made_by = f"{note.get('model', '')} v{note.get('model_version', 1)}".strip()
            kinds = tuple(_class(value, known, name) for value, name in named.items())
            return LabelSource(own, title, LabelKind.ANSWER, kinds, made_by)
        strokes = self._layers.strokes_layer(key)
        if strokes is not None and layer_key(strokes) == own:
            kinds = tuple(known.values())
            return LabelSource(own, "strokes", LabelKind.CLASSES, kinds)
        values = self._numbers(layer)
        if len(values) > SURELY_CLASSES:
            whole = (LabelClass(1, "object", default_color(1)),)
            return LabelSource(own, str(layer.name), LabelKind.OBJECTS, whole)
        told = _told_names(layer)
        kinds = tuple(_class(value, known, told.get(value, "")) for value in values)
        return LabelSource(own, str(layer.name), LabelKind.CLASSES, kinds)

    def _numbers(self, layer: Any) -> tuple[int, ...]:
        place = layer_key(layer), id(layer.data)
        if place not in self._values:
            self._values[place] = tuple(v for v in values_of(layer.data) if v > 0)
        return self._values[place]


def _class(value: int, known: Mapping[int, LabelClass], name: str = "") -> LabelClass:
    found = known.get(value)
    if found is not None and name in ("", found.name):
        return found
    return LabelClass(value, name or default_name(value), default_color(value))


def _told_names(layer: Any) -> dict[int, str]:
    """Names of classes that a layer brings along, as samples do: by value, or from 1 on."""
    told = layer.metadata.get("class_names") or {}
    named = told.items() if isinstance(told, Mapping) else enumerate(told, start=1)
    return {int(value): str(name) for value, name in named}
