"""The pixel size of an image: read from its file, typed, or measured along a scale bar.

It lives in one place, scale and units of the image's layer; everything else follows that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Shapes

from unetscope.errors import ImageError
from unetscope.images.told_sizes import ToldSize, told_pixel_size
from unetscope.images.units import METRES, normalise_unit
from unetscope.session.layers.layer_facts import ROLE, layer_key, spatial_axes
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.layers.placement import to_pixel, to_world

SCALE_BAR = "scale bar"
#: What the units are called where napari's registry does not know our spelling.
_PINT = {"Å": "angstrom", "µm": "micrometer"}


@dataclass(frozen=True)
class SizeTold:
    """What the file behind the image ``key`` says of its pixels; None: nothing."""

    key: str
    told: ToldSize | None


def told_sizes(key: str, path: Path) -> Iterator[SizeTold]:
    """Read the header of the file at ``path``: for a worker."""
    yield SizeTold(key, told_pixel_size(path))


class PixelSizes:
    """Sets the pixel size of the images of a viewer."""

    def __init__(self, layers: OpenLayers) -> None:
        self._layers, self._viewer = layers, layers.viewer
        self._line = ""  # key of the layer in which a line along a scale bar is drawn

    def set_pixel_size(self, key: str, sizes: float | Sequence[float], unit: str) -> None:
        """Set the size of a pixel of the image ``key``; all that lies on it follows.

        Parameters
        ----------
        key
            Of the image.
        sizes
            One number for every axis, or one each for (y, x) or (z, y, x).
        unit
            Of length: "nm", "µm", ….

        Raises
        ------
        ImageError
            If the image is gone, or the numbers are no sizes of its pixels.
        """
        layer = self._layers.layer(key)
        if layer is None:
            raise ImageError("this image was closed; pick another one.")
        axes = spatial_axes(self._layers.images.reading(key))
        known, values = _checked_unit(unit), _checked_sizes(sizes, len(axes))
        scale, units = np.array(layer.scale, float), list(layer.units)
        shift = np.array(layer.translate, float)
        for axis, size in zip(axes, values, strict=True):
            if normalise_unit(units[axis]) is None:  # so the shift was told in pixels
                shift[axis] *= size / abs(scale[axis])
            scale[axis] = math.copysign(size, scale[axis])
            units[axis] = _PINT.get(known, known)
        with self._same_view(layer):
            layer.scale, layer.translate, layer.units = scale, shift, units

    @contextmanager
    def _same_view(self, layer: Any) -> Iterator[None]:
        """What is on screen stays there, though its place in the world gets other numbers."""
        dims, camera = self._viewer.dims, self._viewer.scene.camera
        shown = list(dims.displayed)
        at = np.array(dims.point, float)
        at[shown] = camera.center[-len(shown) :]
        pixel = to_pixel(self._viewer, layer, at)
        step = self._step(layer, pixel)
        yield
        moved = to_world(self._viewer, layer, pixel)
        at[len(at) - len(moved) :] = moved
        for axis in dims.not_displayed:
            dims.set_point(axis, at[axis])
        camera.center = (*camera.center[: -len(shown)], *at[shown])
        camera.zoom *= step / self._step(layer, pixel)

    def _step(self, layer: Any, pixel: np.ndarray) -> float:
        """How long a step along the last axis is in the world."""
        ahead = pixel + np.eye(len(pixel))[-1]
        ends = (to_world(self._viewer, layer, place) for place in (pixel, ahead))
        return float(np.linalg.norm(np.subtract(*ends)))

    def unread_source(self, key: str) -> Path | None:
        """The file of an image whose size nobody has told or changed; None for all others."""
        layer = self._layers.layer(key)
        path = getattr(getattr(layer, "source", None), "path", None)
        if path is None or not self._untouched(key):
            return None
        return Path(path) if Path(path).exists() else None

    def take_told(self, read: SizeTold) -> bool:
        """Take over what a file says, unless somebody set a size meanwhile; say whether."""
        if read.told is None or self._layers.layer(read.key) is None:
            return False
        if not self._untouched(read.key):
            return False
        told = read.told.sizes
        names = self._layers.micrograph(read.key).spatial_axes
        if not set(names) <= set(told):
            return False  # a volume whose spacing is unknown has no known voxel
        self.set_pixel_size(read.key, [told[name] for name in names], read.told.unit)
        return True

    def _untouched(self, key: str) -> bool:
        layer = self._layers.layer(key)
        try:
            axes = spatial_axes(self._layers.images.reading(key))
        except ImageError:
            return False
        plain = np.allclose(np.asarray(layer.scale)[axes], 1.0)
        return bool(plain and all(normalise_unit(layer.units[axis]) is None for axis in axes))

    # ---- a line along the scale bar

    def start_line(self, key: str) -> Any:
        """Let a person draw a line over the image's scale bar; the layer it is drawn in."""
        self.drop_line()
        layer = self._viewer.add_shapes(
            ndim=len(spatial_axes(self._layers.images.reading(key))),
            name=SCALE_BAR,
            edge_color="#FFD400",
            edge_width=2,
            metadata={ROLE: {"role": "hint", "image": key}},
            **self._layers.place_over(key),
        )
        self._line = layer_key(layer)
        self._viewer.layers.selection.active = layer
        layer.mode = "add_line"
        return layer

    def drop_line(self) -> None:
        """Take the line away."""
        layer, self._line = self._layers.layer(self._line), ""
        if layer is not None:
            with self._layers.same_active():
                self._viewer.layers.remove(layer)

    def drawn_line_px(self, key: str) -> float | None:
        """Length in pixels of the image of the last line that was drawn; None without one.

        Lines in a shapes layer of the person's own count, too.
        """
        image = self._layers.layer(key)
        if image is None:
            return None
        own = self._layers.layer(self._line)
        shapes = [one for one in self._viewer.layers if isinstance(one, Shapes) and one is not own]
        for layer in reversed([*shapes, *([own] if own is not None else [])]):
            lines = [
                ends
                for kind, ends in zip(layer.shape_type, layer.data, strict=True)
                if kind in ("line", "path")
            ]
            if lines:
                return self._length_px(key, image, layer, lines[-1])
        return None

    def size_of_drawn_line(self, key: str, length: float, unit: str) -> tuple[float, ...]:
        """The size of a pixel if the line that was drawn is ``length`` ``unit`` long.

        One number for each spatial axis, as :meth:`set_pixel_size` takes them: pixels are taken to
        be square; the distance of planes keeps its proportion to them.

        Raises
        ------
        ImageError
            If no line was drawn, or the length is none.
        """
        _checked_unit(unit)
        (length,) = _checked_sizes([length], 1)
        pixels = self.drawn_line_px(key)
        if not pixels:
            raise ImageError("no line is drawn on this image; draw one along its scale bar.")
        layer = self._layers.layer(key)
        axes = spatial_axes(self._layers.images.reading(key))
        size = length / pixels
        steps = np.abs(np.asarray(layer.scale, float)[axes])
        deeper = [size * float(step / steps[-1]) for step in steps[:-2]]
        return (*deeper, size, size)

    def _length_px(self, key: str, image: Any, layer: Any, ends: np.ndarray) -> float:
        axes = spatial_axes(self._layers.images.reading(key))[-2:]
        pixels = np.array(
            [
                to_pixel(self._viewer, image, to_world(self._viewer, layer, end))[axes]
                for end in (ends[0], ends[-1])
            ]
        )
        return float(np.linalg.norm(pixels[1] - pixels[0]))


def _checked_unit(unit: str) -> str:
    known = normalise_unit(unit)
    if known not in METRES:
        raise ImageError(f"{unit!r} is no unit of length; choose one of {', '.join(METRES)}.")
    return known


def _checked_sizes(sizes: float | Sequence[float], axes: int) -> tuple[float, ...]:
    told = [sizes] * axes if isinstance(sizes, int | float) else list(sizes)
    values = tuple(float(size) for size in told)
    if len(values) != axes:
        raise ImageError(f"{len(values)} sizes were given for {axes} axes; give one for each.")
    if not all(math.isfinite(value) and value > 0 for value in values):
        raise ImageError(f"{values[-1]:g} is no size of a pixel; give a number above 0.")
    return values
