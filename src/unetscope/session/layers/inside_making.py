"""Pictures as napari layers: colours, contrast limits, and what a layer says of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from napari.utils.colormaps import Colormap

from unetscope.images.classes import PALETTE, LabelClass
from unetscope.looking.answers import Drawn, Picture
from unetscope.session.layers.layer_facts import ROLE, class_colormap

GROUP = "inside: "
_SIGNED = Colormap(
    [[0.02, 0.19, 0.58, 1], [0.97, 0.97, 0.97, 1], [0.7, 0.02, 0.1, 1]], name="unetscope signed"
)
_HEAT = Colormap(
    [[0, 0, 0, 0], [0, 0, 0, 0], [0.85, 0.2, 0.1, 0.55], [1, 0.85, 0.1, 0.8], [1, 1, 0.9, 0.95]],
    name="unetscope heat",
    controls=[0.0, 0.08, 0.4, 0.75, 1.0],
)
_CHANGE = Colormap(
    [[0.1, 0.35, 1, 0.95], [0.3, 0.5, 1, 0.5], [1, 1, 1, 0], [1, 0.4, 0.2, 0.5], [1, 0.1, 0, 0.95]],
    name="unetscope change",
)
_RAMPS = {
    Drawn.MAP: "gray",
    Drawn.SIGNED: _SIGNED,
    Drawn.HEAT: _HEAT,
    Drawn.CHANGE: _CHANGE,
}


def made(
    viewer: Any,
    picture: Picture,
    values: np.ndarray,
    image_key: str,
    classes: Sequence[LabelClass],
    place: Mapping[str, Any],
) -> Any:
    """Add the layer of a picture; ``values`` have all axes of the image."""
    common: dict[str, Any] = {
        "name": GROUP + picture.title,
        "metadata": metadata(picture, image_key),
        **place,
    }
    if picture.drawn is Drawn.LABELS:
        known = classes or [LabelClass(i + 1, "", color) for i, color in enumerate(PALETTE)]
        colors = class_colormap(known)
        return viewer.add_labels(values.astype(np.int32), opacity=0.7, colormap=colors, **common)
    if picture.drawn is Drawn.COLOUR:
        return viewer.add_image(values, rgb=True, blending="translucent", **common)
    ramp: Any = _RAMPS[picture.drawn]
    return viewer.add_image(
        values,
        colormap=ramp,
        contrast_limits=limits_of(picture),
        blending="translucent",
        interpolation2d="nearest",
        **common,
    )


def renew(layer: Any, picture: Picture, values: np.ndarray) -> None:
    """Give the layer of an earlier picture the values of this one."""
    layer.data = values.astype(np.int32) if picture.drawn is Drawn.LABELS else values
    if picture.drawn in _RAMPS:
        limits = limits_of(picture)
        layer.contrast_limits_range = limits
        layer.contrast_limits = limits
    layer.name = GROUP + picture.title
    layer.metadata = metadata(picture, str(layer.metadata[ROLE]["image"]))


def metadata(picture: Picture, image_key: str) -> dict[str, Any]:
    """What a layer of the group says of itself."""
    return {ROLE: {"role": "inside", "image": image_key, "kind": picture.role, **picture.note}}


def limits_of(picture: Picture) -> tuple[float, float]:
    """Contrast limits: those given, or those of the values; about zero for signed ones."""
    if picture.limits is not None:
        low, high = picture.limits
    else:
        values = np.asarray(picture.values)
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        if picture.drawn in (Drawn.SIGNED, Drawn.CHANGE):
            high = max(abs(low), abs(high))
            low = -high
    return (low, high) if high > low else (low, low + 1.0)
