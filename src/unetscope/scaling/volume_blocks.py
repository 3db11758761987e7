"""The mean of three directions of a volume that does not fit into memory: block by block.

A block is a cube of whole tiles. With all that tiles around it see it is read once, answered along
z, y and x, and given away: the tiles are those of the whole volume, and so are the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from unetscope.computing.machine import Machine
from unetscope.errors import ModelError
from unetscope.images.micrograph import Micrograph
from unetscope.images.normalisation import fit_normalisation
from unetscope.learning.events import PredictionEvent, TileDone
from unetscope.learning.feature_cache import grid
from unetscope.learning.pixel_model import PixelModel, as_seen
from unetscope.learning.prediction import PredictOptions, predict_tiles
from unetscope.scaling.directions import ORDERS, depth_of_pixels, is_cubic, turned
from unetscope.scaling.pieces import piece_of

_SIDES = (512, 256, 128)  # of blocks, the largest first
Cube = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class VolumeBlock:
    """What is said of a part of a volume: ``mean`` (class, z, y, x) float32 of ``box``."""

    box: Cube
    mean: NDArray[np.float32]


class _HeldCube:
    """The pixels of a volume (channel, z, y, x), of which a cube is in memory."""

    def __init__(self, image: Micrograph, cube: Cube) -> None:
        self.image, self.cube = image, cube
        self.shape, self.ndim = (image.channels, *image.spatial_shape), 4
        self.dtype = image.dtype
        self._held = np.stack(
            [image.plane(z, cube[1:]) for z in range(cube[0].start, cube[0].stop)], axis=1
        )

    def __getitem__(self, index: tuple[Any, ...]) -> NDArray[Any]:
        channels, z, y, x = index
        at = [slice(*one.indices(n)) for one, n in zip((y, x), self.shape[2:], strict=True)]
        low, high = self.cube[0].start, self.cube[0].stop
        inside = not isinstance(z, slice) and low <= z < high
        sides = zip(self.cube[1:], at, strict=True)
        inside &= all(held.start <= s.start and s.stop <= held.stop for held, s in sides)
        if not inside:
            planes = range(*z.indices(self.shape[1])) if isinstance(z, slice) else [z]
            found = np.stack([self._plane(one, at) for one in planes], axis=1)[channels]
            return found if isinstance(z, slice) else found[:, 0]
        rows, columns = (
            slice(s.start - c.start, s.stop - c.start, s.step)
            for s, c in zip(at, self.cube[1:], strict=True)
        )
        return self._held[channels, z - low, rows, columns]

    def _plane(self, z: int, at: Sequence[slice]) -> NDArray[Any]:
        box = (slice(at[0].start, at[0].stop), slice(at[1].start, at[1].stop))
        return self.image.plane(z, box)[:, :: at[0].step, :: at[1].step]


def block_side(model: PixelModel, image: Micrograph, free: float | None = None) -> int:
    """The side of the largest blocks that half of the free memory has room for.

    Raises
    ------
    ModelError
        If there is too little memory for the smallest.
    """
    free = psutil.virtual_memory().available if free is None else free
    halo = max(tile.window[0].stop for tile in grid(model, image, _SIDES[-1])[:1]) - _SIDES[-1]
    classes, pixel = len(model.classes), image.channels * image.dtype.itemsize
    for side in _SIDES:
        blocks = [min(side, length) for length in image.spatial_shape]
        seen = [min(side + 2 * max(halo, 0), length) for length in image.spatial_shape]
        needed = 4 * classes * math.prod(blocks) + pixel * math.prod(seen)
        if needed <= free / 2:
            return side
    raise ModelError(
        f"the mean of three directions needs {needed / 1e9:.2g} GB of memory even in blocks of "
        f"{side} voxels and {free / 1e9:.2g} GB are free; close other programs"
    )


def predict_blocks(
    model: PixelModel,
    image: Micrograph,
    options: PredictOptions | None = None,
    machine: Machine | None = None,
    side: int | None = None,
) -> Iterator[PredictionEvent | VolumeBlock]:
    """Answer a volume along z, y and x block by block; the labels are those of all at once.

    Parameters
    ----------
    side : of a block; by default what memory allows.

    Raises
    ------
    ImageError
        If it is no volume, or its pixels are too deep.
    ModelError
        If the model cannot answer it, its pixels are no cubes, or there is too little memory.
    """
    image = as_seen(model, image)
    if not is_cubic(depth_of_pixels(image)):
        raise ModelError(
            "this volume does not fit into memory, and its pixels are no cubes: only planes "
            "that need no resampling are answered block by block; resample it, or answer a part"
        )
    options = options or PredictOptions()
    machine = machine or Machine(options.device)
    if model.features.scale is None:
        scale = fit_normalisation(image)
        model = model.with_features(own_normalisation=False, normalisation=scale)
    side = side or block_side(model, image)
    options = replace(options, probabilities=True, clip=True, tile_px=min(options.tile_px, side))
    boxes = list(_boxes(image.spatial_shape, side))
    total = sum(_tiles(model, image, options.tile_px, box) for box in boxes)
    done = 0
    for box in boxes:
        mean = np.zeros((len(model.classes), *(s.stop - s.start for s in box)), np.float32)
        held = _held(model, image, options.tile_px, box)
        for order in ORDERS:
            planes, *region = (box[axis] for axis in order)
            asked = replace(
                options,
                planes=list(range(planes.start, planes.stop)),
                region=(region[0], region[1]),
            )
            for event in predict_tiles(model, turned(held, order), asked, machine=machine):
                if isinstance(event, TileDone) and event.probabilities is not None:
                    _add(mean, event, order, box)
                    done += 1
                    yield replace(event, done=min(done, total), total=total)
                else:
                    yield event
        mean /= len(ORDERS)
        yield VolumeBlock(box, mean)


def _add(mean: NDArray[np.float32], event: TileDone, order: Sequence[int], box: Cube) -> None:
    """Add the probabilities of a tile of one direction where they belong in the block."""
    assert event.probabilities is not None
    at: list[slice] = [slice(0)] * 3
    for axis, place in zip(order, event.region, strict=True):
        at[axis] = slice(place.start - box[axis].start, place.stop - box[axis].start)
    back = np.argsort(order)
    mean[(slice(None), *at)] += event.probabilities.transpose(0, *(1 + back))


def _boxes(shape: Sequence[int], side: int) -> Iterator[Cube]:
    starts = [range(0, length, side) for length in shape]
    for corner in product(*starts):
        z, y, x = (
            slice(at, min(at + side, length)) for at, length in zip(corner, shape, strict=True)
        )
        yield z, y, x


def _held(model: PixelModel, image: Micrograph, tile_px: int, box: Cube) -> Micrograph:
    """The volume, with all that the tiles of a block see in memory."""
    low, high = [side.start for side in box], [side.stop for side in box]
    for order in ORDERS:
        seen = turned(image, order)
        core = (box[order[1]], box[order[2]])
        read = piece_of(model, seen, tile_px, 0, core).read
        for axis, side in zip(order[1:], read, strict=True):
            low[axis], high[axis] = min(low[axis], side.start), max(high[axis], side.stop)
    z, y, x = (slice(a, b) for a, b in zip(low, high, strict=True))
    return replace(image, pixels=_HeldCube(image, (z, y, x)), axes="czyx")


def _tiles(model: PixelModel, image: Micrograph, tile_px: int, box: Cube) -> int:
    """How many tiles a block is answered by."""
    return sum(
        (box[order[0]].stop - box[order[0]].start)
        * len(grid(model, turned(image, order), tile_px, (box[order[1]], box[order[2]])))
        for order in ORDERS
    )
