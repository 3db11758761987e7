"""The engine that answers at once, with advice: doubt where grey lies between two classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from unetscope.learning.advice.label_errors import DoubtfulStroke
from unetscope.learning.advice.next_places import PlaceOptions, ranked_places
from unetscope.learning.advice.survey import Survey
from unetscope.learning.advice.through_z import propagation_plan, propose_plane
from unetscope.learning.stroke_map import stroke_map
from unetscope.session.engine.advising import with_pixels
from unetscope.session.requests import (
    PlacesRanked,
    PlacesRequest,
    PlaneProposed,
    PropagateRequest,
    StrokesRequest,
)
from widgets.fake_engine import FakeJobs


class AdvisingFakeJobs(FakeJobs):
    """As :class:`FakeJobs`, and it advises."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.does |= {
            PlacesRequest: _places,
            StrokesRequest: lambda request: iter([with_pixels(_doubts(request), request.samples)]),
            PropagateRequest: _propagated,
        }


def _places(request: PlacesRequest) -> Iterator[PlacesRanked]:
    model: Any = request.model
    image = request.target.image
    survey = Survey(image.spatial_shape, model.class_values)
    chance = np.stack([chances(model, image.plane(z).mean(axis=0)) for z in range(image.depth)])
    found = chance.swapaxes(0, 1) if image.depth > 1 else chance[0]
    survey.add([slice(0, n) for n in image.spatial_shape], found)
    options = PlaceOptions(names=request.names)
    yield PlacesRanked(tuple(ranked_places(survey, request.labels, options)), True)


def _propagated(request: PropagateRequest) -> Iterator[PlaneProposed]:
    model: Any = request.model
    known = dict(request.painted)
    depth = request.image.depth
    for step in propagation_plan(list(known), depth, request.first, request.last):
        chance = chances(model, request.image.plane(step.z).mean(axis=0))
        proposal = propose_plane(known[step.source_z], chance, model.class_values)
        known[step.z] = proposal.labels
        yield PlaneProposed(step.z, proposal.labels, proposal.needs_review)


def _doubts(request: StrokesRequest) -> list[DoubtfulStroke]:
    """A stroke is doubtful where its grey is another class's median grey."""
    seen = []  # (sample, points, value, mean grey) of each stroke
    for index, sample in enumerate(request.samples):
        found, grey = stroke_map(sample.labels), sample.image.plane(0).mean(axis=0)
        for stroke, value in enumerate(found.stroke_values().tolist()):
            points = found.points[found.strokes == stroke]
            seen.append((index, points, value, float(grey[tuple(points.T[-2:])].mean())))
    usual = {v: np.median([g for *_, w, g in seen if w == v]) for v in {w for *_, w, _ in seen}}
    doubts = []
    for index, points, value, grey in seen:
        believed = min(usual, key=lambda v: abs(usual[v] - grey))
        if believed != value:
            centre = tuple(int(i) for i in points[len(points) // 2])
            text = f"Painted {request.names[value]}, looks like {request.names[believed]}."
            doubts.append(
                DoubtfulStroke(index, centre, value, believed, len(points), 0.9, 2.0, text)
            )
    return doubts


def chances(model: Any, grey: np.ndarray) -> np.ndarray:
    """(class, y, x) float32 probabilities: by distance to each class's mean grey value."""
    means = np.array([model.head[int(value)] for value in model.class_values])
    distance = -np.abs(grey[None] - means[:, None, None]) / (np.ptp(means) / 20 + 1e-6)
    grown = np.exp(distance - distance.max(axis=0))
    return (grown / grown.sum(axis=0)).astype(np.float32)
