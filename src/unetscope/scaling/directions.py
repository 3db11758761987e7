"""A volume answered along its three axes, and the mean of what is said: steadier than its slices.

A network of slices knows nothing of the planes above and below, and its answers flicker along z.
Where pixels are about as deep as they are wide, planes along y and x look like those along z, and
the mean of the three probabilities is what other tools for volumes take as well (empanada, Volume
Segmantics).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import psutil
from numpy.typing import NDArray

from unetscope.computing.machine import Machine
from unetscope.errors import ImageError, ModelError
from unetscope.images.micrograph import Micrograph
from unetscope.images.normalisation import fit_normalisation
from unetscope.images.rescaled import resampled
from unetscope.learning.events import Notice, PredictionEvent
from unetscope.learning.pixel_model import PixelModel, as_seen
from unetscope.learning.prediction import PredictOptions
from unetscope.scaling.into_arrays import Unkept, predict_into
from unetscope.scaling.matching import BroughtBack

Volume = Literal["slices", "three"]
#: Planes along z, y and x: which axes of the volume they are counted along, go down and right.
ORDERS = ((0, 1, 2), (1, 0, 2), (2, 0, 1))
#: Pixels at most so many times deeper than wide are as good as cubes.
_CUBES = 1.15
#: Beyond, nothing that is resampled along z looks like a plane of the volume.
_DEEPEST = 3.0


class _Turned:
    """The pixels of a volume (channel, z, y, x) with its spatial axes in another order."""

    def __init__(self, image: Micrograph, order: tuple[int, ...]) -> None:
        self.image, self.order = image, order
        self.shape = (image.channels, *(image.spatial_shape[axis] for axis in order))
        self.dtype, self.ndim = image.dtype, 4

    def __getitem__(self, index: tuple[Any, ...]) -> NDArray[Any]:
        channels, *places = index
        at: list[Any] = [slice(None)] * 3
        for axis, place in zip(self.order, places, strict=True):
            at[axis] = place
        planes = [at[0]] if not isinstance(at[0], slice) else range(self.image.depth)[at[0]]
        keep = tuple(slice(p, p + 1) if not isinstance(p, slice) else p for p in at[1:])
        found = np.stack([self._plane(z, keep)[channels] for z in planes], axis=1)
        turned = found.transpose(0, *(1 + axis for axis in self.order))
        single = [1 + n for n, place in enumerate(places) if not isinstance(place, slice)]
        return turned.squeeze(axis=tuple(single))

    def _plane(self, z: int, part: tuple[slice, ...]) -> NDArray[Any]:
        """Rows and columns of a plane; every second one and the like are read with the others."""
        y, x = part
        read = (slice(y.start, y.stop), slice(x.start, x.stop))
        return self.image.plane(z, read)[:, :: y.step or 1, :: x.step or 1]


def turned(image: Micrograph, order: tuple[int, ...]) -> Micrograph:
    """A volume whose planes lie along another axis."""
    size = image.pixel_size
    sizes = None if size is None else tuple(size[axis] for axis in order)
    turned = _Turned(image, order)
    return replace(image, pixels=turned, axes="czyx", pixel_size=sizes, pieces=None)


class _Added:
    """Takes the probabilities of planes of one direction and adds them to those of the volume."""

    def __init__(self, total: NDArray[np.float32], order: tuple[int, ...]) -> None:
        self._total, self._order = total, order

    def __setitem__(self, where: tuple[Any, ...], chance: np.ndarray) -> None:
        number, *places = where
        at: list[Any] = [0, 0, 0]
        for axis, place in zip(self._order, places, strict=True):
            at[axis] = place
        self._total[(number, *at)] += chance


def depth_of_pixels(image: Micrograph) -> float:
    """How many times pixels are deeper than wide.

    Raises
    ------
    ImageError
        If the image is no volume, or pixels are too deep for planes along y and x.
    """
    if "z" not in image.spatial_axes:
        raise ImageError(
            f"{image.name or 'the image'} is no volume ({image.axes}); three directions need "
            "z planes"
        )
    if image.pixel_size is None:
        return 1.0
    z, y, x = image.pixel_size
    deep = z / math.sqrt(y * x)
    if max(deep, 1 / deep) > _DEEPEST:
        raise ImageError(
            f"pixels of {image.name or 'the image'} are {deep:.3g} times as deep as wide, so "
            "planes along y and x do not look like those along z; answer it slice by slice"
        )
    return deep


def is_cubic(deep: float) -> bool:
    """Whether pixels so many times as deep as wide are as good as cubes."""
    return max(deep, 1 / deep) <= _CUBES


def fits_memory(model: PixelModel, image: Micrograph) -> bool:
    """Whether half of the free memory has room for the probabilities of all of it."""
    needed = 4 * len(model.classes) * math.prod(image.spatial_shape)
    return bool(needed <= psutil.virtual_memory().available / 2)


def predict_volume(
    model: PixelModel,
    image: Micrograph,
    options: PredictOptions | None = None,
    machine: Machine | None = None,
) -> Iterator[PredictionEvent | NDArray[np.float32]]:
    """Answer a volume along z, y and x; the last thing is the mean (class, z, y, x) float32.

    Pixels that are deeper than wide (up to three times) are resampled along z for the planes
    along y and x. All of the probabilities are held in memory.

    Raises
    ------
    ImageError
        If it is no volume, or its pixels are too deep.
    ModelError
        If the model cannot answer it, or there is too little memory.
    """
    image = as_seen(model, image)
    deep = depth_of_pixels(image)
    options = options or PredictOptions()
    machine = machine or Machine(options.device)
    if model.features.scale is None:  # one grey range for all directions
        scale = fit_normalisation(image)
        model = model.with_features(own_normalisation=False, normalisation=scale)
    shape = (len(model.classes), *image.spatial_shape)
    _check_memory(model, image)
    total = np.zeros(shape, np.float32)
    if not is_cubic(deep):
        yield Notice(f"pixels are {deep:.3g} times as deep as wide: resampled along z")
    for index, order in enumerate(ORDERS):
        seen = turned(image, order)
        sink: Any = _Added(total, order)
        if index and not is_cubic(deep):  # rows of these planes go along z
            sink = BroughtBack(sink, seen, (deep, 1.0))
            seen = resampled(seen, (deep, 1.0))
        into = predict_into(model, seen, Unkept(), options, probabilities=sink, machine=machine)
        for event in into:
            if isinstance(event, Notice):
                yield event
            else:
                done = index * event.total + event.done
                yield replace(event, done=done, total=len(ORDERS) * event.total)
    total /= len(ORDERS)
    yield total


def _check_memory(model: PixelModel, image: Micrograph) -> None:
    if not fits_memory(model, image):
        needed = 4 * len(model.classes) * math.prod(image.spatial_shape)
        free = psutil.virtual_memory().available
        raise ModelError(
            f"the mean of three directions needs {needed / 1e9:.1f} GB of memory and "
            f"{free / 1e9:.1f} GB are free; answer a part of the volume, or slice by slice"
        )
