"""How long an answer will take and how large it will be, from a few real tiles of the image."""

from __future__ import annotations

import math
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter

from unetscope.computing.machine import Engine, Machine
from unetscope.errors import OutputError
from unetscope.images.micrograph import Micrograph
from unetscope.learning.events import TileDone
from unetscope.learning.pixel_model import PixelModel, as_seen
from unetscope.learning.prediction import PredictOptions, label_dtype, predict_tiles
from unetscope.scaling.layout import Layout
from unetscope.scaling.pieces import PIECE_PX

#: Tiles that are timed; the first, which makes things ready, is left out.
_TIMED = 3
#: Bytes of a pyramid that halves y and x, by those of its full resolution: of pixels, and packed.
#: What packed labels take are the edges of their regions, which each level halves and not quarters.
_PYRAMID, _PACKED_PYRAMID = 4 / 3, 2.0
#: Less room than so many times the estimate is refused.
_ROOM = 1.2


@dataclass(frozen=True)
class Estimate:
    """Seconds of one process, bytes on the disk (estimated, and if nothing were compressed)."""

    blocks: int
    side: int
    seconds: float
    bytes: float
    most_bytes: float
    free_bytes: float


def estimated(
    model: PixelModel,
    image: Micrograph,
    options: PredictOptions,
    engine: Engine | None = None,
    folder: Path = Path(),
) -> Estimate:
    """Answer some tiles in the middle of the image, and reckon from them; nothing is written."""
    image = as_seen(model, image)
    layout = Layout.of(image.spatial_shape, PIECE_PX)
    machine = Machine(options.device, engine or Engine())
    height, width = image.spatial_shape[-2:]
    side = (_TIMED + 1) * options.tile_px
    middle = (
        slice(max(0, height // 2 - options.tile_px // 2), min(height, height // 2 + side)),
        slice(max(0, width // 2 - options.tile_px // 2), min(width, width // 2 + side)),
    )
    asked = replace(options, region=middle, planes=[image.depth // 2])
    times, sizes, answered = [], [], []
    begun = perf_counter()
    for event in islice(_tiles(model, image, asked, machine), _TIMED + 1):
        times.append(perf_counter() - begun)
        sizes.append(len(zlib.compress(event.labels.tobytes())))  # near to zstd
        answered.append(event.labels.size)
        begun = perf_counter()
    timed = times[1:] or times
    pixels = math.prod(image.spatial_shape)
    a_pixel = label_dtype(model).itemsize
    chances = 2 * len(model.classes) if options.probabilities else 0
    most = pixels * (_PYRAMID * a_pixel + chances)
    return Estimate(
        blocks=len(layout),
        side=layout.side,
        seconds=pixels * median(t / n for t, n in zip(timed, answered[-len(timed) :], strict=True)),
        bytes=min(most, pixels * (_PACKED_PYRAMID * sum(sizes) / sum(answered) + chances)),
        most_bytes=most,
        free_bytes=shutil.disk_usage(folder).free,
    )


def _tiles(
    model: PixelModel, image: Micrograph, options: PredictOptions, machine: Machine
) -> Iterator[TileDone]:
    for event in predict_tiles(model, image, options, machine=machine):
        if isinstance(event, TileDone):
            yield event


def check_room(found: Estimate, path: Path) -> None:
    """Refuse what would not fit on the disk.

    Raises
    ------
    OutputError
        With what is needed and what is free.
    """
    if found.bytes * _ROOM > found.free_bytes:
        raise OutputError(
            f"{path} needs about {found.bytes / 1e9:.1f} GB and {found.free_bytes / 1e9:.1f} GB "
            "are free; make room or choose another disk"
        )
