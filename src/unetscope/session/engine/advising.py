"""The engine's advice on painting, as jobs: where a stroke helps, which is wrong, through a stack.

An engine that gives advice is one that is :class:`Advises`; a window asks for nothing else, so an
engine without it simply has no advice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from unetscope.images.micrograph import Micrograph
from unetscope.learning.events import Notice, TileDone
from unetscope.learning.samples import Sample
from unetscope.session.engine.jobs import EngineJobs
from unetscope.session.requests import Target
from unetscope.session.stroke_regions import stroke_regions

if TYPE_CHECKING:
    from unetscope.learning.advice.accepting import GrownRegion
    from unetscope.learning.advice.label_errors import DoubtfulStroke
    from unetscope.learning.advice.next_places import Place
    from unetscope.learning.advice.survey import Survey
    from unetscope.learning.pixel_model import PixelModel

SURVEY_PX = 64_000_000  # beyond so many pixels an image is surveyed around what is on screen
RANK_EVERY_S = 2.0  # of a long survey: the places found so far
Box = tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class PlacesRequest:
    """Where to paint next on an image: ``labels`` (y, x) or (z, y, x), 0 where nobody said."""

    model: PixelModel
    target: Target
    labels: np.ndarray = field(repr=False)
    names: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PlacesRanked:
    """The places found so far, best first; ``whole`` when all of the image was looked at."""

    places: tuple[Place, ...]
    whole: bool


@dataclass(frozen=True, eq=False)
class PropagateRequest:
    """Labels for the planes ``first`` … ``last`` of a stack, from ``painted``: z → (y, x) labels.

    The planes of ``painted`` are themselves left as they are.
    """

    model: PixelModel
    image: Micrograph
    painted: Mapping[int, np.ndarray] = field(repr=False)
    first: int
    last: int


@dataclass(frozen=True, eq=False)
class PlaneProposed:
    """Labels (y, x) proposed for plane ``z``; whether it is so unlike the one before that a person
    should look."""

    z: int
    labels: np.ndarray = field(repr=False)
    needs_review: bool


@dataclass(frozen=True, eq=False)
class StrokesRequest:
    """Which strokes of ``samples`` the others speak against."""

    model: PixelModel
    samples: Sequence[Sample] = field(repr=False)
    names: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class StrokesChecked:
    """The doubtful strokes, worst first, each with its pixels."""

    doubts: tuple[tuple[DoubtfulStroke, GrownRegion], ...]


@dataclass(frozen=True)
class Surveyed:
    """One more tile was looked at."""


@runtime_checkable
class Advises(Protocol):
    """What the window's advice needs of an engine."""

    def next_places(self, request: PlacesRequest) -> Iterator[PlacesRanked | Surveyed | Notice]:
        """Survey an image, what is on screen first, and rank where to paint."""
        ...

    def check_strokes(self, request: StrokesRequest) -> Iterator[StrokesChecked]:
        """Compare every stroke with all the others."""
        ...

    def propagate(self, request: PropagateRequest) -> Iterator[PlaneProposed | Notice]:
        """Propose labels for planes of a stack, outwards from the painted ones."""
        ...


class AdvisingJobs(EngineJobs):
    """The real engine's jobs and its advice, on the same feature cache."""

    def next_places(self, request: PlacesRequest) -> Iterator[PlacesRanked | Surveyed | Notice]:
        """Survey an image, what is on screen first, and rank where to paint."""
        device = self._prepared_device()
        from unetscope.learning.advice.survey import Survey
        from unetscope.learning.prediction import PredictOptions, predict_tiles

        target, model = request.target, request.model
        survey = Survey(target.image.spatial_shape, model.class_values)
        ranked_at, ranked_view = monotonic(), False
        for z, region, on_screen in self._parts(model, target):
            if not on_screen and not ranked_view:
                ranked_view, ranked_at = True, monotonic()
                yield _ranked(survey, request, whole=False)
            options = PredictOptions(
                region=region,
                planes=[z],
                probabilities=True,
                device=device,
                tile_px=self.settings.tile_px,
            )
            for event in predict_tiles(model, target.image, options, cache=self._features()):
                if not isinstance(event, TileDone):
                    yield event
                elif event.probabilities is not None:
                    survey.add(event.region, event.probabilities)
                    yield Surveyed()
            if not on_screen and monotonic() - ranked_at > RANK_EVERY_S:
                ranked_at = monotonic()
                yield _ranked(survey, request, whole=False)
        yield _ranked(survey, request, whole=True)

    def check_strokes(self, request: StrokesRequest) -> Iterator[StrokesChecked]:
        """Compare every stroke with all the others."""
        device = self._prepared_device()
        from unetscope.learning.advice.label_errors import label_errors

        doubts = label_errors(
            request.model,
            request.samples,
            cache=self._features(),
            names=request.names,
            device=device,
        )
        yield with_pixels(doubts, request.samples)

    def propagate(self, request: PropagateRequest) -> Iterator[PlaneProposed | Notice]:
        """Propose labels for planes of a stack, outwards from the painted ones."""
        device = self._prepared_device()
        from unetscope.learning.advice.through_z import propagation_plan, propose_plane
        from unetscope.learning.prediction import PredictOptions, predict_tiles

        image, values = request.image, request.model.class_values
        known = dict(request.painted)
        for step in propagation_plan(list(known), image.depth, request.first, request.last):
            chance = np.zeros((len(values), *image.spatial_shape[-2:]), np.float32)
            options = PredictOptions(
                planes=[step.z], probabilities=True, device=device, tile_px=self.settings.tile_px
            )
            for event in predict_tiles(request.model, image, options, cache=self._features()):
                if not isinstance(event, TileDone):
                    yield event
                elif event.probabilities is not None:
                    chance[(slice(None), *event.region[-2:])] = event.probabilities[:, 0]
            proposal = propose_plane(known[step.source_z], chance, values)
            known[step.z] = proposal.labels
            yield PlaneProposed(step.z, proposal.labels, proposal.needs_review)

    def _parts(self, model: PixelModel, target: Target) -> Iterator[tuple[int, Box, bool]]:
        """(z, region of one tile, whether it is on screen): what is seen first, then outwards."""
        from unetscope.learning.feature_cache import grid
        from unetscope.learning.tiling import tiles_touching

        shape_yx = target.image.spatial_shape[-2:]
        everything = (slice(0, shape_yx[0]), slice(0, shape_yx[1]))
        tiles = tiles_touching(grid(model, target.image, self.settings.tile_px), everything)
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
    from unetscope.learning.advice.next_places import PlaceOptions, ranked_places

    options = PlaceOptions(names=request.names)
    return PlacesRanked(tuple(ranked_places(survey, request.labels, options)), whole)


def _pixels(box: Box) -> int:
    return (box[0].stop - box[0].start) * (box[1].stop - box[1].start)
