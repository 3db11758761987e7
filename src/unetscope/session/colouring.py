"""Colours of labels layers: those of the class table, unless a person chose others in napari."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from unetscope.learning.classes import LabelClass
from unetscope.session.layer_facts import class_colormap

_OWN: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # layer -> the colours we gave it last


def colour_layer(layer: Any, classes: Sequence[LabelClass], hidden: Collection[int] = ()) -> None:
    """Give a labels layer the colours of the classes; those a person chose for it stay."""
    chosen = layer in _OWN and layer.colormap is not _OWN[layer]
    if not chosen:
        layer.colormap = class_colormap(classes, hidden)
        _OWN[layer] = layer.colormap
