"""Where a picture lies in the world: on its image, to the fraction of a pixel.

Cell ``u`` of a map lies at image pixel ``S·u + t``. For an image layer with scale, rotation, shear
and affine that makes ``scale = image.scale · S`` and ``translate = image.translate + M·t``, with
``M`` the linear part of the image's own transform; rotation, shear and affine are taken over. Axes
in front (channel, version) count from zero and get sliders.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.utils.transforms import Affine

from unetscope.looking.answers import Drawn, Picture
from unetscope.session.layers.placement import placement

GAP = 0.03  # between an image and the sheet beside it, as a share of the image's width


def image_axes(axes: str, image: Any) -> str:
    """The axes of the image *layer*: napari does not count the colours of an RGB image."""
    return axes.removesuffix("c") if image.rgb else axes


def expanded(picture: Picture, image: Any, axes: str) -> np.ndarray:
    """The picture's values with every axis of the image: one plane of z, each of its channels.

    A feature map over a channel image is the same on each of its channels; otherwise the slider of
    the maps would be that of the image.
    """
    values = np.asarray(picture.values)
    own = values.ndim - len(picture.lead) - int(picture.drawn is Drawn.COLOUR)
    for index, axis in enumerate(axes):
        at = len(picture.lead) + index
        if axis == "1" or (axis == "z" and own == 2):
            values = np.expand_dims(values, at)
        elif axis == "c":
            count = _shape(image)[index]
            shape = (*values.shape[:at], count, *values.shape[at:])
            values = np.broadcast_to(np.expand_dims(values, at), shape)
    return values


def placed(picture: Picture, image: Any, axes: str, z: int | None) -> dict[str, Any]:
    """Attributes that put a layer of :func:`expanded` values where the picture belongs."""
    scale, offset = _beside(picture, image) if picture.beside else _on_image(picture, axes, z)
    base = placement(image, range(image.ndim))
    own = {name: base[name] for name in ("scale", "rotate", "shear")}
    translate = np.asarray(base["translate"]) + Affine(**own).linear_matrix @ np.asarray(offset)
    lead = len(picture.lead)
    attributes = {
        "scale": (*(1.0,) * lead, *(np.asarray(base["scale"]) * np.asarray(scale))),
        "rotate": _behind(base["rotate"], lead),
        "shear": _behind(base["shear"], lead),
        "translate": (*(0.0,) * lead, *translate),
        "affine": _behind(base["affine"], lead),
        "units": (*("pixel",) * lead, *base["units"]),
    }
    if lead:
        attributes["axis_labels"] = (*picture.lead, *base["axis_labels"])
    return attributes


def _on_image(picture: Picture, axes: str, z: int | None) -> tuple[list[float], list[float]]:
    scale, offset = [], []
    own = iter(zip(picture.scale, picture.translate, strict=True))
    flat = len(picture.scale) == 2
    for axis in axes:
        if axis == "c" or (axis == "z" and flat):
            scale.append(1.0)
            offset.append(float(z or 0) if axis == "z" else 0.0)
        else:
            cell, first = next(own)
            scale.append(cell)
            offset.append(first)
    return scale, offset


def _beside(picture: Picture, image: Any) -> tuple[list[float], list[float]]:
    """Right of the image, as high as it."""
    plane = _shape(image)[:2] if image.rgb else _shape(image)[-2:]
    colour = picture.drawn is Drawn.COLOUR
    sides = picture.values.shape[:-1][-2:] if colour else picture.values.shape[-2:]
    fit = min(plane[0] / sides[0], 2 * plane[1] / sides[1])
    before = (0.0,) * (image.ndim - 2)
    start = plane[1] * (1 + GAP) - 0.5 + fit / 2
    return [*(1.0 for _ in before), fit, fit], [*before, fit / 2 - 0.5, start]


def _shape(image: Any) -> tuple[int, ...]:
    return tuple(image.data[0].shape if image.multiscale else image.data.shape)


def _behind(matrix: Any, lead: int) -> np.ndarray:
    """``matrix`` for axes behind ``lead`` others, which it leaves alone."""
    inner = np.asarray(matrix)
    whole = np.eye(len(inner) + lead)
    whole[lead:, lead:] = inner
    return whole
