"""The engine's advice as jobs: what is on screen is looked at first, every tile once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unetscope.images.micrograph import Micrograph
from unetscope.learning.samples import Sample
from unetscope.session.advising import AdvisingJobs, PlacesRanked, PlacesRequest
from unetscope.session.requests import Target
from unetscope.session.state import STARTING_CLASSES
from unetscope.session.values import EngineSettings

TILE_PX = 64


@pytest.fixture(scope="module")
def learned() -> tuple[Micrograph, np.ndarray, Any]:
    """An image with a third grey that no stroke is on, its strokes, and a model of them."""
    from unetscope.learning.instant import fit_instant
    from unetscope.learning.persistence import start_model

    grey = np.random.default_rng(0).normal(0.2, 0.02, (128, 192)).astype(np.float32)
    grey[:, 64:] += 0.6
    grey[40:104, 136:176] -= 0.3
    labels = np.zeros(grey.shape, np.uint8)
    labels[10:20, 5:40], labels[10:20, 70:110] = 1, 2
    image = Micrograph(grey, "yx")
    model = start_model("general-fast", device="cpu")
    sample = Sample(image, labels, "a")
    return image, labels, fit_instant(model, [sample], classes=STARTING_CLASSES, device="cpu")


def jobs() -> AdvisingJobs:
    return AdvisingJobs(EngineSettings(device="cpu", threads=1, tile_px=TILE_PX))


def ranked(target: Target, labels: np.ndarray, model: Any) -> list[PlacesRanked]:
    request = PlacesRequest(model, target, labels, {1: "dark", 2: "bright"})
    return [e for e in jobs().next_places(request) if isinstance(e, PlacesRanked)]


def test_places_lie_where_the_model_is_unsure_and_what_is_seen_comes_first(learned: Any) -> None:
    image, labels, model = learned
    left = (slice(0, 64), slice(0, 64))
    first, last = ranked(Target("a", image, view=left), labels, model)
    assert not first.whole and last.whole
    assert all(max(place.centre) < 64 for place in first.places), "only the view is known yet"
    y, x = last.places[0].centre
    assert 30 < y < 114 and 126 < x < 186, "the grey between both classes is the question"
    assert set(last.places[0].classes) == {1, 2} and "dark" in last.places[0].gain


def test_the_survey_is_that_of_the_whole_image_however_it_is_looked_at(learned: Any) -> None:
    image, labels, model = learned
    corner = (slice(100, 128), slice(0, 30))
    (whole,) = ranked(Target("a", image), labels, model)
    assert ranked(Target("a", image, view=corner), labels, model)[-1] == whole


def test_in_a_stack_the_plane_on_screen_comes_first(learned: Any) -> None:
    image, labels, model = learned
    stack = Micrograph(np.stack([np.asarray(image.pixels)] * 3), "zyx")
    strokes = np.stack([labels * 0, labels, labels * 0])
    first, last = ranked(Target("a", stack, z=1), strokes, model)
    assert {place.centre[0] for place in first.places} == {1}
    assert last.whole and {place.centre[0] for place in last.places} - {1}
