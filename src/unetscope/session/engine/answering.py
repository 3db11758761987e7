"""Strokes are answered and images predicted, tile by tile, what is on screen first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from time import perf_counter

import numpy as np

from unetscope.computing.choices import Precision
from unetscope.computing.memory import is_out_of_memory
from unetscope.computing.precision import inference_precision
from unetscope.errors import OutOfMemoryError
from unetscope.images.target import Box, Target
from unetscope.learning.events import HeadFitted, Notice, TileDone
from unetscope.learning.feature_cache import FeatureCache, Spot, grid
from unetscope.learning.feature_reader import FeatureReader
from unetscope.learning.instant import InstantFit
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import predict_tiles
from unetscope.learning.samples import labelled_pixels
from unetscope.learning.surprise import surprise_of
from unetscope.learning.tiling import tiles_touching
from unetscope.scaling.matching import brought_back
from unetscope.session.engine.shared import Shared
from unetscope.session.requests import (
    AnswerRequest,
    PredictRequest,
    SurpriseFound,
    TileShown,
    Warmed,
    WarmRequest,
)
from unetscope.session.result_kind import AnsweredTile
from unetscope.session.results import answers
from unetscope.session.results.mask import MASK

# Computed before the first stroke: some seconds of work, and no more than the cache keeps.
WARM_TILES = 16
NO_MEMORY = (
    "Memory ran out while the strokes were answered; the last answer stays. Close other images or "
    "programs, then paint on."
)
Answered = HeadFitted | TileShown | Notice


def warm(shared: Shared, request: WarmRequest) -> Iterator[Warmed]:
    """Compute the features of what is on screen, of a huge view those of its middle."""
    device, target = shared.device(), request.target
    model = request.model.for_channels(target.image.channels)
    image = target.seen or target.image
    height, width = image.spatial_shape[-2:]
    view = target.seen_view or (slice(0, min(height, 1024)), slice(0, min(width, 1024)))
    tiles = tiles_touching(grid(model, image, shared.settings.tile_px), view)
    reader = FeatureReader(model, shared.features, shared.features.machine(device))
    for tile in tiles[:WARM_TILES]:
        reader.levels(Spot(image, target.z, tile))
        yield Warmed(device)


def answer(shared: Shared, request: AnswerRequest) -> Iterator[Answered]:
    """Solve the head, show the view, then the rest of the image."""
    try:
        yield from _answer(shared, request)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        shared.features.forget()
        raise OutOfMemoryError(NO_MEMORY) from error


def predict(
    shared: Shared, request: PredictRequest
) -> Iterator[TileShown | SurpriseFound | Notice]:
    """Predict images, one after the other, to the same labels as the command line."""
    # What is kept for strokes may be in half precision: then files' features are made anew.
    device = shared.device()
    fit_for_files = inference_precision(request.model.features.backbone, device) == Precision.FP32
    yield from _tiles(shared, request, device, shared.features if fit_for_files else None)
    for target in () if request.only_view else request.targets:
        found = surprise_of(request.model, target.image, shared.features.machine(device))
        if found is not None:
            yield SurpriseFound(target.key, found)


def _answer(shared: Shared, request: AnswerRequest) -> Iterator[Answered]:
    device, model, target = shared.device(), request.model, request.target
    if request.samples:
        start = perf_counter()
        fit = InstantFit(
            request.model,
            request.samples,
            shared.features,
            device,
            request.classes or request.model.classes,
        )
        near = shared.near.box(request.samples, target)
        if near is not None and request.quick_first:
            yield from _around_the_stroke(shared, request, fit.first(), near)
        model = fit.whole(with_forest=request.with_forest)
        counts = labelled_pixels(request.samples)
        yield HeadFitted(model, perf_counter() - start, counts, request.with_forest)
    if request.quick_first and model.instant.forest and model.instant.head:
        quick = _shown_request(request, model.with_instant(forest=None), [target])
        yield from _tiles(shared, quick, device, shared.features)
    wanted = [target] if target.view is not None or not request.whole_image else []
    wanted += [replace(target, view=None)] if request.whole_image else []
    shown = _shown_request(request, model, wanted)
    yield from _tiles(shared, shown, device, shared.features)


def _around_the_stroke(
    shared: Shared, request: AnswerRequest, first: PixelModel, near: Box
) -> Iterator[TileShown | Notice]:
    """What a stroke has changed around it, before all is solved and the view is answered."""
    options = shared.options(
        shared.device(),
        region=near,
        planes=_planes(request.target, only=True),
        probabilities=request.show is not MASK,
        clip=True,
    )
    shown = _shown_request(request, first, [request.target])
    image = request.target.image
    for event in predict_tiles(first, image, options, cache=shared.features):
        yield event if not isinstance(event, TileDone) else _shown(event, shown, request.target.key)


def _shown_request(
    request: AnswerRequest, model: PixelModel, targets: Sequence[Target]
) -> PredictRequest:
    return PredictRequest(model, targets, request.show, request.shown_class, only_view=True)


def _tiles(
    shared: Shared, request: PredictRequest, device: str, cache: FeatureCache | None
) -> Iterator[TileShown | Notice]:
    for target in request.targets:
        options = shared.options(
            device,
            region=target.seen_view if request.only_view else None,
            planes=_planes(target, only=request.only_view),
            probabilities=request.show is not MASK,
        )
        image = target.seen or target.image
        for event in predict_tiles(request.model, image, options, cache=cache):
            if not isinstance(event, TileDone):
                yield event
                continue
            own = event if target.seen is None else brought_back(event, target.image, image)
            if own is not None:
                yield _shown(own, request, target.key)


def _planes(target: Target, *, only: bool) -> list[int] | None:
    """Plane indices in the order they are predicted: the present one first, then outwards."""
    if "z" not in target.image.axes:
        return None
    if only:
        return [target.z]
    return sorted(range(target.image.depth), key=lambda z: (abs(z - target.z), z))


def _shown(event: TileDone, request: PredictRequest, key: str) -> TileShown:
    chances = event.probabilities
    if chances is None:
        chances = np.empty((0, *event.labels.shape), np.float32)
    tile = AnsweredTile(event.labels, chances, request.model.class_values, request.shown_class)
    return TileShown(key, event.done, event.total, event.region, answers(tile, request.show))
