"""Prediction by tiles: exact, in constant memory, as an iterator that can be stopped any time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unetscope.images.micrograph import Micrograph
from unetscope.learning.events import Notice, PredictionEvent, TileDone
from unetscope.learning.feature_cache import (
    GRID_PX,
    FeatureCache,
    compute_levels,
    grid,
    read_window,
)
from unetscope.learning.memory import is_out_of_memory
from unetscope.learning.pixel_model import PixelModel, probabilities
from unetscope.learning.placement import on_device, release_devices
from unetscope.learning.precision import choose_device
from unetscope.learning.tiling import Box, Tile, relative, tiles_touching

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
) -> Iterator[PredictionEvent]:
    """Answer an image tile by tile.

    The halo of a tile is as wide as the network can see, so the answer does not depend on how the
    image was cut. Out of memory, the tile is halved down to 64 px, then the CPU takes over; a
    :class:`Notice` says so. With a ``cache``, features are kept for later strokes.
    """
    options = options or PredictOptions()
    model.check_image(image)
    device, tile_px = choose_device(options.device), options.tile_px
    planes = list(options.planes) if options.planes is not None else list(range(image.depth))
    height, width = image.spatial_shape[-2:]
    region = options.region or (slice(0, height), slice(0, width))
    normalised = cache or FeatureCache(max_bytes=0)
    todo = _plan(model, image, planes, region, tile_px)
    done = 0
    while todo:
        z, tile = todo[0]
        try:
            answer = _answer(model, image, z, tile, device, normalised, keep=cache is not None)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            answer = None  # recover outside of the handler, which still holds the failed tensors
        if answer is None:
            notice, device, tile_px = _smaller(device, tile_px)
            yield notice
            todo = _rest(todo, _plan(model, image, planes, region, tile_px))
            continue
        todo.pop(0)
        done += 1
        yield _event(model, image, z, tile, answer, options, region, done, done + len(todo))


def predict_labels(
    model: PixelModel,
    image: Micrograph,
    options: PredictOptions | None = None,
    *,
    cache: FeatureCache | None = None,
) -> np.ndarray:
    """Class values of every pixel, (y, x) or (z, y, x), in the smallest unsigned type."""
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
    from dataclasses import replace

    wanted = replace(options or PredictOptions(), probabilities=True)
    out = np.zeros((len(model.classes), *image.spatial_shape), dtype=np.float32)
    for event in predict_tiles(model, image, wanted, cache=cache):
        if isinstance(event, TileDone) and event.probabilities is not None:
            out[(slice(None), *event.region)] = event.probabilities
    return out


def label_dtype(model: PixelModel) -> np.dtype:
    """The smallest unsigned integer type that holds the model's class values."""
    return np.dtype(np.min_scalar_type(max(model.class_values, default=1)))


def uncertainty(class_probabilities: np.ndarray) -> np.ndarray:
    """Entropy of (class, …) probabilities over its maximum: 0 sure, 1 no idea; float32."""
    share = np.clip(class_probabilities, 1e-7, 1.0)
    entropy = -(share * np.log(share)).sum(axis=0)
    return (entropy / np.log(max(2, share.shape[0]))).astype(np.float32)


def _plan(
    model: PixelModel, image: Micrograph, planes: Sequence[int], region: Box, tile_px: int
) -> list[tuple[int, Tile]]:
    tiles = tiles_touching(grid(model, image, tile_px), region)
    return [(z, tile) for z in planes for tile in tiles]


@torch.inference_mode()
def _answer(
    model: PixelModel,
    image: Micrograph,
    z: int,
    tile: Tile,
    device: str,
    cache: FeatureCache,
    *,
    keep: bool,
) -> np.ndarray:
    """Probabilities (class, y, x) of a tile's core inside the image."""
    inside = tile.inside(image.spatial_shape[-2:])
    frame = tile.grown
    logits: Tensor | None = None
    normalisation = cache.normalisation(model, image)
    if model.network_speaks and model.network is not None:
        window = read_window(image, z, tile.window, normalisation).to(device)
        everywhere = on_device(model.network, device)(window)[0]
        logits = everywhere[(slice(None), *relative(frame, tile.window))]
    if model.head is None or (logits is not None and model.network_weight >= 1.0):
        levels = {}
    elif keep:
        levels = cache.levels(model, image, z, tile, device)
    else:
        levels = compute_levels(model, image, z, tile, device, normalisation)
    answer = probabilities(model, levels, logits)
    return answer[(slice(None), *relative(inside, frame))].float().cpu().numpy()


def _event(
    model: PixelModel,
    image: Micrograph,
    z: int,
    tile: Tile,
    answer: np.ndarray,
    options: PredictOptions,
    region: Box,
    done: int,
    total: int,
) -> TileDone:
    box = tile.inside(image.spatial_shape[-2:])
    if options.clip:
        part = (
            slice(max(box[0].start, region[0].start), min(box[0].stop, region[0].stop)),
            slice(max(box[1].start, region[1].start), min(box[1].stop, region[1].stop)),
        )
        answer = answer[(slice(None), *relative(part, box))]
        box = part
    values = np.asarray(model.class_values, dtype=label_dtype(model))
    where = (slice(z, z + 1), *box) if "z" in image.spatial_axes else box
    labels = values[answer.argmax(axis=0)]
    if "z" in image.spatial_axes:
        labels, answer = labels[None], answer[:, None]
    return TileDone(done, total, where, labels, answer if options.probabilities else None)


def _smaller(device: str, tile_px: int) -> tuple[Notice, str, int]:
    release_devices()
    if tile_px // 2 >= SMALLEST_TILE_PX:
        half = tile_px // 2
        return Notice(f"Out of memory: going on with tiles of {half} px."), device, half
    if device != "cpu":
        text = f"Out of memory on {device} even with {tile_px} px tiles: going on on the CPU."
        return Notice(text), "cpu", GRID_PX
    raise MemoryError(
        f"there is not enough memory for a tile of {tile_px} px; close other programs and try again"
    )


def _rest(
    todo: Sequence[tuple[int, Tile]], finer: Sequence[tuple[int, Tile]]
) -> list[tuple[int, Tile]]:
    """Of a finer (or coarser) plan, the tiles that meet what is still to be done."""
    return [
        (z, tile)
        for z, tile in finer
        if any(z == left and tiles_touching([tile], old.core) for left, old in todo)
    ]
