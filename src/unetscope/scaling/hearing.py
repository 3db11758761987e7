"""Hearing a model's voices faster, and how much of the answer that changes.

All voices speak either way; leaving the forest out would cost Dice and, since it is asked only
where it can change a label, save next to nothing (docs/tried.md).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from unetscope.computing.choices import Precision
from unetscope.computing.machine import Engine, Machine
from unetscope.computing.precision import choose_device, inference_precision
from unetscope.images.micrograph import Micrograph
from unetscope.learning.events import TileDone
from unetscope.learning.feature_cache import GRID_PX
from unetscope.learning.pixel_model import PixelModel, as_seen
from unetscope.learning.prediction import PredictOptions, predict_tiles
from unetscope.learning.voice import Voices

FAST_TILE_PX = 1024
#: Side of the middle of an image in which labels are compared.
_COMPARED_PX = 1024
FAST_NOTE = "networks in half precision where that is faster (fast voices)"


def heard(
    voices: Voices, model: PixelModel, options: PredictOptions, engine: Engine | None
) -> tuple[PredictOptions, Engine]:
    """How an answer is computed, with a precision that is decided where voices are fast.

    Fast are half precision, where this device is faster with it and says nearly the same, and wider
    tiles, which compute less twice (where no other side than the usual was asked for). Tiles change
    no label.
    """
    engine = engine or Engine()
    if voices != Voices.FAST:
        return options, engine
    if engine.precision != Precision.BF16:
        device = choose_device(options.device)
        engine = replace(engine, precision=inference_precision(model.features.backbone, device))
    if options.tile_px == GRID_PX:
        options = replace(options, tile_px=FAST_TILE_PX)
    return options, engine


def fast_differs(
    model: PixelModel, image: Micrograph, options: PredictOptions, engine: Engine | None = None
) -> float:
    """The share of labels in the middle of the image that are others with fast voices."""
    image = as_seen(model, image)
    middle = tuple(
        slice(max(0, (side - _COMPARED_PX) // 2), min(side, (side + _COMPARED_PX) // 2))
        for side in image.spatial_shape[-2:]
    )
    asked = replace(
        options,
        region=(middle[0], middle[1]),
        planes=[image.depth // 2],
        clip=True,
        probabilities=False,
    )
    ways = [heard(voices, model, asked, engine) for voices in Voices]
    full, fast = (_labels(model, image, *way) for way in ways)
    return float(np.mean(full != fast))


def fast_note(
    model: PixelModel, image: Micrograph, options: PredictOptions, engine: Engine | None = None
) -> str:
    """What fast voices change in an image, in words."""
    full, fast = (heard(voices, model, options, engine)[1] for voices in Voices)
    if full == fast:
        return "fast voices: half precision is no faster here, so that no label is another"
    share = fast_differs(model, image, options, engine)
    return f"fast voices: {share:.2%} of the labels in the middle of the image are others"


def _labels(
    model: PixelModel, image: Micrograph, options: PredictOptions, engine: Engine
) -> np.ndarray:
    assert options.region is not None
    y, x = options.region
    labels = np.zeros((y.stop - y.start, x.stop - x.start), np.int64)
    for event in predict_tiles(model, image, options, machine=Machine(options.device, engine)):
        if isinstance(event, TileDone):
            rows, columns = event.region[-2:]
            inside = (
                slice(rows.start - y.start, rows.stop - y.start),
                slice(columns.start - x.start, columns.stop - x.start),
            )
            labels[inside] = event.labels.reshape(event.labels.shape[-2:])
    return labels
