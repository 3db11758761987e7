"""Regions of an image that a person has drawn as shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Shapes
from numpy.typing import NDArray
from skimage.draw import polygon2mask

from unetscope.session.layers.layer_facts import ROLE, spatial_axes
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.layers.placement import to_pixel, to_world

REGION = "region that counts"
_CLOSED = ("rectangle", "polygon", "ellipse")
_ROUND = 64  # corners of an ellipse


class DrawnRegions:
    """Closed shapes over images, as masks of their pixels."""

    def __init__(self, layers: OpenLayers) -> None:
        self._layers, self._viewer = layers, layers.viewer

    def start(self, key: str) -> Any:
        """Let a person draw a rectangle over the image ``key``; the layer it is drawn in."""
        layer = next((one for one in self._shapes() if one.name == REGION), None)
        if layer is None:
            layer = self._viewer.add_shapes(
                ndim=2,
                name=REGION,
                edge_color="#FFD400",
                face_color="#00000000",
                edge_width=2,
                metadata={ROLE: {"role": "region", "image": key}},
                **self._flat(key),
            )
        self._viewer.layers.selection.active = layer
        layer.mode = "add_rectangle"
        return layer

    def mask(self, key: str) -> NDArray[np.bool_] | None:
        """(y, x) or (z, y, x) the pixels inside of what is drawn last; None without any.

        All closed shapes of one layer count together, on all planes of a stack.
        """
        image = self._layers.layer(key)
        shape = self._layers.micrograph(key).spatial_shape
        axes = spatial_axes(self._layers.images.reading(key))[-2:]
        for layer in reversed(list(self._shapes())):
            kinds = zip(layer.shape_type, layer.data, strict=True)
            closed = [_corners(kind, data) for kind, data in kinds if kind in _CLOSED]
            if not closed:
                continue
            inside = np.zeros(shape[-2:], bool)
            for corners in closed:
                world = (to_world(self._viewer, layer, corner) for corner in corners)
                pixels = np.array([to_pixel(self._viewer, image, at)[axes] for at in world])
                inside |= polygon2mask(shape[-2:], pixels)
            if inside.any():
                return np.array(np.broadcast_to(inside, shape))
        return None

    def _shapes(self) -> list[Any]:
        return [layer for layer in self._viewer.layers if isinstance(layer, Shapes)]

    def _flat(self, key: str) -> dict[str, Any]:
        """Where a layer over the last two axes of an image lies."""
        place = self._layers.place_over(key)
        block = {name: place[name][-2:] for name in ("scale", "translate", "units", "axis_labels")}
        square = {name: place[name][-2:, -2:] for name in ("rotate", "shear")}
        return {**block, **square}


def _corners(kind: str, data: NDArray[Any]) -> NDArray[np.float64]:
    """The corners of a shape; those of an ellipse lie on it."""
    corners = np.asarray(data, float)
    if kind != "ellipse":
        return corners
    middle = corners.mean(axis=0)
    one, other = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    turns = np.linspace(0, 2 * np.pi, _ROUND, endpoint=False)[:, None]
    return np.asarray(middle + np.cos(turns) * one + np.sin(turns) * other)
