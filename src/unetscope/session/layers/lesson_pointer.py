"""Where a click goes in what a lesson works on: the bench, or a part of one's own image."""

from __future__ import annotations

from typing import Any

from unetscope.session.layers.placement import to_pixel
from unetscope.session.layers.pointer import Pointer


class LessonPointer(Pointer):
    """Clicks on any image layer, of a lesson's as well; pixels are (y, x) of its plane."""

    def point(self, position: Any) -> tuple[float, ...] | None:
        """(y, x) under a world position; None outside or where the layer is gone."""
        layer = self._layers.layer(self._image)
        if layer is None:
            return None
        shape = layer.data[0].shape if layer.multiscale else layer.data.shape
        plane = shape[:-1][-2:] if getattr(layer, "rgb", False) else shape[-2:]
        pixel = to_pixel(self._viewer, layer, position)[-2:]
        inside = all(-0.5 <= a < n - 0.5 for a, n in zip(pixel, plane, strict=True))
        return (float(pixel[0]), float(pixel[1])) if inside else None
