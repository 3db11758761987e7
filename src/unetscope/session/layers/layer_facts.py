"""Facts about single layers: their key, their role, how their axes are read, their colours."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap

from unetscope.images.classes import LabelClass
from unetscope.session.axes import axes_choices

ROLE = "unetscope"  # key of a layer's metadata: what the layer is for
LARGEST_SHOWN = 2**16 - 1  # label value that napari can give a colour of its own
NOTES = "notes"  # key of that note: what a person should know of the reading of an image's file
OWN = "signed_for"  # key of that note: the layer it was written for


def layer_key(layer: Any) -> str:
    """A key that stays with a layer for its life."""
    return str(layer.unique_id)


def note_of(layer: Any) -> dict[str, Any]:
    """What we noted of a layer; nothing for a copy of it, for napari copies the metadata along."""
    note = layer.metadata.get(ROLE)
    if not isinstance(note, dict) or note.get(OWN, layer_key(layer)) != layer_key(layer):
        return {}
    return note


def sign(layer: Any, **noted: Any) -> None:
    """Note more of a layer, and that the note is of this one alone."""
    note = {**note_of(layer), **noted, OWN: layer_key(layer)}
    layer.metadata = {**layer.metadata, ROLE: note}


def role_of(layer: Any) -> str:
    """ "strokes" or "result" for the layers unetscope made, "" for others and for copies."""
    return str(note_of(layer).get("role", ""))


def set_labels(layer: Any, places: tuple[np.ndarray, ...], values: Any) -> None:
    """Write values into a labels layer at ``places`` (one array of indices an axis).

    napari writes the labels and then what it shows of them. Of a layer that is hidden, or whose
    units have changed since a slider moved, it has nothing cut out and stops there.
    """
    try:
        layer.data_setitem(places, values)
    except IndexError:
        layer.refresh()


def class_colormap(
    classes: Sequence[LabelClass], hidden: Collection[int] = ()
) -> DirectLabelColormap:
    """The colours of the classes; unlabelled and ``hidden`` are clear, unknown values are grey."""
    colors: dict[int | None, Any] = {None: "#808080", 0: (0, 0, 0, 0)}
    colors.update({c.value: c.color for c in classes if 0 <= c.value <= LARGEST_SHOWN})
    colors.update({value: (0, 0, 0, 0) for value in hidden if 0 <= value <= LARGEST_SHOWN})
    return DirectLabelColormap(color_dict=colors)


def read_only(layer: Any) -> None:
    """Let nobody paint on a labels layer that shows what was computed, not even by mistake."""
    layer.editable = False
    layer.events.editable.connect(_stay_read_only)  # new data make napari allow it again


def _stay_read_only(event: Any) -> None:
    event.source.editable = False


def brush_size_px(spatial_shape: Sequence[int]) -> int:
    """A brush that is neither a hair nor a broom: about a hundredth of the shorter side."""
    return int(np.clip(round(min(spatial_shape[-2:]) / 100), 2, 30))


def layer_axes(layer: Any) -> tuple[str, ...]:
    """The ways the axes of an image layer can be read, the likeliest first."""
    shape = layer.data[0].shape if layer.multiscale else layer.data.shape
    return axes_choices(shape, rgb=bool(layer.rgb), labels=tuple(layer.axis_labels))


def spatial_axes(axes: str) -> list[int]:
    """Indices of the spatial axes in a reading (the colour axis of RGB is none, nor is a "1")."""
    kept = axes.removesuffix("c")
    return [i for i, axis in enumerate(kept) if axis not in "c1"]


def file_of(layer: Any) -> Path | None:
    """The file that a layer was opened from; None where there is none."""
    path = getattr(getattr(layer, "source", None), "path", None)
    return Path(path) if path else None
