"""Prediction by tiles: exact, in constant memory, as an iterator that can be stopped any time."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import repeat

import numpy as np
from torch import Tensor

from unetscope.computing.machine import Machine
from unetscope.computing.memory import is_out_of_memory
from unetscope.computing.precision import device_note
from unetscope.computing.staging import in_memory, overlaps, staged
from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.learning.events import Notice, PredictionEvent, TileDone
from unetscope.learning.feature_cache import (
    GRID_PX,
    FeatureCache,
    Spot,
    grid,
    read_window,
)
from unetscope.learning.feature_reader import FeatureReader
from unetscope.learning.pixel_model import PixelModel, as_seen
from unetscope.learning.sources.source import tile_needs
from unetscope.learning.tile_answer import TileAnswer, answer_tile
from unetscope.learning.tiling import Box, Tile, tiles_touching

SMALLEST_TILE_PX = 64


@dataclass(frozen=True)
class PredictOptions:
    """What to predict and how.

    Attributes
    ----------
    region : (y, x) slices; only the tiles that meet it, nearest its centre first. None: the image.
    planes : z indices of a stack, in this order. None: all.
    probabilities : whether events carry (class, y, x) float32 probabilities.
    clip : cut the first and last tiles to ``region`` instead of answering them whole.
    """

    region: Box | None = None
    planes: Sequence[int] | None = None
    probabilities: bool = False
    clip: bool = False
    device: str = "auto"
    tile_px: int = GRID_PX


def predict_tiles(
    model: PixelModel,
    image: Micrograph,
    options: PredictOptions | None = None,
    *,
    cache: FeatureCache | None = None,
    machine: Machine | None = None,
) -> Iterator[PredictionEvent]:
    """Answer an image tile by tile.

    The halo of a tile is as wide as the network can see, so the answer does not depend on how the
    image was cut; where a feature source sees everything, the cut is always the same. Out of
    memory, the tile is halved down to 64 px (where the cut is free), then the CPU takes over; a
    :class:`Notice` says so. With a ``cache``, features are kept for later strokes. The ``machine``
    takes the place of ``options.device``; None: that of the cache, or one of its own.
    """
    options = options or PredictOptions()
    image = as_seen(model, as_micrograph(image))
    planes = list(options.planes) if options.planes is not None else list(range(image.depth))
    height, width = image.spatial_shape[-2:]
    region = options.region or (slice(0, height), slice(0, width))
    if machine is None and (note := device_note(options.device)) is not None:
        yield Notice(note)
    scales = cache or FeatureCache(max_bytes=0)
    scales.look(image)
    reader = FeatureReader(model, scales, machine or scales.machine(options.device))
    tile_px = options.tile_px
    asked = _Asked(model, image, options, region)
    todo = _plan(model, image, planes, region, tile_px)
    done = 0
    while todo:
        keep = cache is not None
        part = region if options.clip else None
        what = _Work(reader, image, tuple(todo), options.probabilities, keep, part)
        with closing(_answers(what)) as answers:
            try:
                for z, tile, answer in answers:
                    event = asked.event(z, tile, answer, done + 1, done + len(todo))
                    todo.popleft()
                    done += 1
                    yield event
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
        if todo:  # recover outside of the handler, which still holds the failed tensors
            exact = tile_needs(model.feature_sources, model.channels).exact
            notice, reader, tile_px = _smaller(reader, tile_px, exact=exact)
            yield notice
            todo = _rest(todo, _plan(model, image, planes, region, tile_px))


def predict_labels(
    model: PixelModel,
    image: Micrograph,
    options: PredictOptions | None = None,
    *,
    cache: FeatureCache | None = None,
) -> np.ndarray:
    """Class values of every pixel, (y, x) or (z, y, x), in the smallest unsigned type.

    What :func:`as_micrograph` understands (an array, a tensor of torch) will do as an image.
    """
    image = as_micrograph(image)
    out = np.zeros(image.spatial_shape, dtype=label_dtype(model))
    for event in predict_tiles(model, image, options, cache=cache):
        if isinstance(event, TileDone):
            out[event.region] = event.labels
    return out


def predict_probabilities(
    model: PixelModel,
    image: Micrograph,
    options: PredictOptions | None = None,
    *,
    cache: FeatureCache | None = None,
) -> np.ndarray:
    """Class probabilities (class, y, x) or (class, z, y, x), float32, summing to one."""
    image = as_micrograph(image)
    wanted = replace(options or PredictOptions(), probabilities=True)
    out = np.zeros((len(model.classes), *image.spatial_shape), dtype=np.float32)
    for event in predict_tiles(model, image, wanted, cache=cache):
        if isinstance(event, TileDone) and event.probabilities is not None:
            out[(slice(None), *event.region)] = event.probabilities
    return out


def label_dtype(model: PixelModel) -> np.dtype:
    """The smallest unsigned integer type that holds the model's class values."""
    return np.dtype(np.min_scalar_type(max(model.class_values, default=1)))


def _plan(
    model: PixelModel, image: Micrograph, planes: Sequence[int], region: Box, tile_px: int
) -> deque[tuple[int, Tile]]:
    tiles = tiles_touching(grid(model, image, tile_px, region), region)
    return deque((z, tile) for z in planes for tile in tiles)


@dataclass(frozen=True, eq=False)
class _Work:
    """Tiles (with their planes) to be answered in this order on one device."""

    reader: FeatureReader
    image: Micrograph
    tiles: tuple[tuple[int, Tile], ...]
    chances: bool
    keep: bool  # the features
    only: Box | None = None  # of the image; the tiles are cut to it

    def part_of(self, tile: Tile) -> Box | None:
        """The part of a tile that is asked for; None for all of it."""
        if self.only is None:
            return None
        return _common(tile.inside(self.image.spatial_shape[-2:]), self.only)


def _common(box: Box, other: Box) -> Box:
    (y, x), (rows, columns) = box, other
    return (
        slice(max(y.start, rows.start), min(y.stop, rows.stop)),
        slice(max(x.start, columns.start), min(x.stop, columns.stop)),
    )


def _answers(work: _Work) -> Generator[tuple[int, Tile, TileAnswer], None, None]:
    """Every tile with its answer. A GPU has begun the next one by then."""
    late = 1 if not work.keep and overlaps(work.reader.machine.device) else 0
    under_way: deque[tuple[int, Tile, TileAnswer]] = deque()
    with closing(_windows(work)) as windows:
        for (z, tile), window in zip(work.tiles, windows, strict=True):
            spot = Spot(work.image, z, tile)
            answer = answer_tile(
                work.reader,
                spot,
                window=window,
                chances=work.chances,
                only=work.part_of(tile),
            )
            under_way.append((z, tile, answer))
            if len(under_way) > late:
                yield under_way.popleft()
    yield from under_way


def _windows(work: _Work) -> Generator[Tensor | None, None, None]:
    """The window of every tile, read ahead where that takes time.

    None where features are kept, for then it may not be needed.
    """
    if work.keep:
        yield from repeat(None, len(work.tiles))
        return
    device, scale = work.reader.machine.device, work.reader.normalisation(work.image)
    reads = (partial(read_window, work.image, z, t.window, scale) for z, t in work.tiles)
    if overlaps(device) or not in_memory(work.image):
        yield from staged(reads, device)
    else:
        for read in reads:
            yield read()


@dataclass(frozen=True, eq=False)
class _Asked:
    """What was asked for, which decides how an answer is told."""

    model: PixelModel
    image: Micrograph
    options: PredictOptions
    region: Box

    def event(self, z: int, tile: Tile, answer: TileAnswer, done: int, total: int) -> TileDone:
        """The ``done``-th tile of ``total``; waits for an answer that is on its way."""
        box = tile.inside(self.image.spatial_shape[-2:])
        values = np.asarray(self.model.class_values, dtype=label_dtype(self.model))
        labels = values[answer.index()]
        chance = None if answer.chance is None else answer.chance()
        if self.options.clip:
            box = _common(box, self.region)
        where: tuple[slice, ...] = box
        if "z" in self.image.spatial_axes:
            where = (slice(z, z + 1), *box)
            labels, chance = labels[None], None if chance is None else chance[:, None]
        return TileDone(done, total, where, labels, chance)


def _smaller(
    reader: FeatureReader, tile_px: int, *, exact: bool
) -> tuple[Notice, FeatureReader, int]:
    """What to try next; tiles that are not exact cannot be cut smaller."""
    machine = reader.machine
    machine.release()
    if not exact:
        tile_px = GRID_PX
    elif tile_px // 2 >= SMALLEST_TILE_PX:
        half = tile_px // 2
        return Notice(f"Out of memory: going on with tiles of {half} px."), reader, half
    if not machine.on_cpu:
        text = (
            f"Out of memory on {machine.device} even with {tile_px} px tiles: going on on the CPU."
        )
        return Notice(text), replace(reader, machine=machine.instead("cpu")), GRID_PX
    raise MemoryError(
        f"there is not enough memory for a tile of {tile_px} px; close other programs and try again"
    )


def _rest(
    todo: Sequence[tuple[int, Tile]], finer: Sequence[tuple[int, Tile]]
) -> deque[tuple[int, Tile]]:
    """Of a finer (or coarser) plan, the tiles that meet what is still to be done."""
    return deque(
        (z, tile)
        for z, tile in finer
        if any(z == left and tiles_touching([tile], old.core) for left, old in todo)
    )
