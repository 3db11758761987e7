"""Colours of labels layers: those of the class table, unless a person chose others in napari."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from unetscope.images.classes import LabelClass
from unetscope.session.layers.layer_facts import class_colormap, layer_key

# Key of a layer -> the colours we gave it last. Neither layers nor colormaps are compared as
# objects: plugins get a new proxy of them at every look.
_OWN: dict[str, Any] = {}


def colour_layer(layer: Any, classes: Sequence[LabelClass], hidden: Collection[int] = ()) -> None:
    """Give a labels layer the colours of the classes; those a person chose for it stay."""
    key = layer_key(layer)
    if key not in _OWN or _colours(layer.colormap) == _OWN[key]:
        layer.colormap = class_colormap(classes, hidden)
        _OWN[key] = _colours(layer.colormap)


def _colours(colormap: Any) -> Any:
    """What a colormap shows, as values that can be compared."""
    table = getattr(colormap, "color_dict", None)
    if table is None:
        return str(colormap.name), np.asarray(colormap.colors).tolist()
    return {value: np.round(np.asarray(color, float), 4).tolist() for value, color in table.items()}
