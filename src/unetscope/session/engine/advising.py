"""The engine's advice on painting: where a stroke helps, which is wrong, through a stack."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import monotonic

import numpy as np

from unetscope.images.target import Box
from unetscope.learning.advice.accepting import GrownRegion
from unetscope.learning.advice.label_errors import DoubtfulStroke, label_errors
from unetscope.learning.advice.next_places import PlaceOptions, ranked_places
from unetscope.learning.advice.survey import Survey
from unetscope.learning.advice.through_z import propagation_plan, propose_plane
from unetscope.learning.events import Notice, TileDone
from unetscope.learning.feature_cache import grid
from unetscope.learning.prediction import predict_tiles
from unetscope.learning.samples import Sample
from unetscope.learning.tiling import tiles_touching
from unetscope.session.engine.shared import Shared
from unetscope.session.requests import (
    PlacesRanked,
    PlacesRequest,
    PlaneProposed,
    PropagateRequest,
    StrokesChecked,
    StrokesRequest,
    Surveyed,
)
from unetscope.session.stroke_regions import stroke_regions

SURVEY_PX = 64_000_000  # beyond so many pixels an image is surveyed around what is on screen
RANK_EVERY_S = 2.0  # of a long survey: the places found so far


def rank_places(
    shared: Shared, request: PlacesRequest
) -> Iterator[PlacesRanked | Surveyed | Notice]:
    """Survey an image, what is on screen first, and rank where to paint."""
    device, target, model = shared.device(), request.target, request.model
    survey = Survey(target.image.spatial_shape, model.class_values)
    ranked_at, ranked_view = monotonic(), False
    for z, region, on_screen in _parts(shared, request):
        if not on_screen and not ranked_view:
            ranked_view, ranked_at = True, monotonic()
            yield _ranked(survey, request, whole=False)
        options = shared.options(device, region=region, planes=[z], probabilities=True)
        for event in predict_tiles(model, target.image, options, cache=shared.features):
            if not isinstance(event, TileDone):
                yield event
            elif event.probabilities is not None:
                survey.add(event.region, event.probabilities)
                yield Surveyed()
        if not on_screen and monotonic() - ranked_at > RANK_EVERY_S:
            ranked_at = monotonic()
            yield _ranked(survey, request, whole=False)
    yield _ranked(survey, request, whole=True)


def check_strokes(shared: Shared, request: StrokesRequest) -> Iterator[StrokesChecked]:
    """Compare every stroke with all the others."""
    doubts = label_errors(
        request.model,
        request.samples,
        cache=shared.features,
        names=request.names,
        device=shared.device(),
    )
    yield with_pixels(doubts, request.samples)


def propagate(shared: Shared, request: PropagateRequest) -> Iterator[PlaneProposed | Notice]:
    """Propose labels for planes of a stack, outwards from the painted ones."""
    device, image, values = shared.device(), request.image, request.model.class_values
    known = dict(request.painted)
    for step in propagation_plan(list(known), image.depth, request.first, request.last):
        chance = np.zeros((len(values), *image.spatial_shape[-2:]), np.float32)
        options = shared.options(device, planes=[step.z], probabilities=True)
        for event in predict_tiles(request.model, image, options, cache=shared.features):
            if not isinstance(event, TileDone):
                yield event
            elif event.probabilities is not None:
                chance[(slice(None), *event.region[-2:])] = event.probabilities[:, 0]
        proposal = propose_plane(known[step.source_z], chance, values)
        known[step.z] = proposal.labels
        yield PlaneProposed(step.z, proposal.labels, proposal.needs_review)


def _parts(shared: Shared, request: PlacesRequest) -> Iterator[tuple[int, Box, bool]]:
    """(z, region of one tile, whether it is on screen): what is seen first, then outwards."""
    target = request.target
    shape_yx = target.image.spatial_shape[-2:]
    everything = (slice(0, shape_yx[0]), slice(0, shape_yx[1]))
    all_tiles = grid(request.model, target.image, shared.settings.tile_px)
    tiles = tiles_touching(all_tiles, everything)
    seen = tiles_touching(tiles, target.view or everything)
    left_px = SURVEY_PX
    for tile in seen:
        left_px -= _pixels(tile.core)
        yield target.z, tile.inside(shape_yx), True
    for z in sorted(range(target.image.depth), key=lambda z: (abs(z - target.z), z)):
        for tile in tiles:
            if z == target.z and tile in seen:
                continue
            left_px -= _pixels(tile.core)
            if left_px < 0:
                return
            yield z, tile.inside(shape_yx), False


def with_pixels(doubts: Sequence[DoubtfulStroke], samples: Sequence[Sample]) -> StrokesChecked:
    """The doubtful strokes with their pixels; each sample is looked through once."""
    regions: dict[int, GrownRegion] = {}
    for index, sample in enumerate(samples):
        own = [i for i, doubt in enumerate(doubts) if doubt.sample == index]
        if own:
            found = stroke_regions(np.asarray(sample.labels), [doubts[i].centre for i in own])
            regions.update(zip(own, found, strict=True))
    return StrokesChecked(tuple((doubt, regions[i]) for i, doubt in enumerate(doubts)))


def _ranked(survey: Survey, request: PlacesRequest, *, whole: bool) -> PlacesRanked:
    options = PlaceOptions(names=request.names)
    return PlacesRanked(tuple(ranked_places(survey, request.labels, options)), whole)


def _pixels(box: Box) -> int:
    return (box[0].stop - box[0].start) * (box[1].stop - box[1].start)
