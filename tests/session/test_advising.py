"""The engine's advice as jobs: what is on screen is looked at first, every tile once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unetscope.images.micrograph import Micrograph
from unetscope.learning.samples import Sample
from unetscope.session.engine import advising
from unetscope.session.engine.door import EngineDoor
from unetscope.session.requests import (
    PlacesRanked,
    PlacesRequest,
    PlaneProposed,
    PropagateRequest,
    StrokesRequest,
    Target,
)
from unetscope.session.state import STARTING_CLASSES
from unetscope.session.stroke_regions import still_there
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


@pytest.fixture(autouse=True)
def _ranked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """After what is on screen and at the end, however slow the machine is."""
    monkeypatch.setattr(advising, "RANK_EVERY_S", np.inf)


def jobs() -> EngineDoor:
    return EngineDoor(EngineSettings(device="cpu", threads=1, tile_px=TILE_PX))


def near_the_third_grey(centre: Any) -> bool:
    return bool(30 < centre[0] < 114 and 126 < centre[1] < 186)


def ranked(target: Target, labels: np.ndarray, model: Any) -> list[PlacesRanked]:
    request = PlacesRequest(model, target, labels, {1: "dark", 2: "bright"})
    return [e for e in jobs().do(request) if isinstance(e, PlacesRanked)]


def test_places_lie_where_the_model_is_unsure_and_what_is_seen_comes_first(learned: Any) -> None:
    image, labels, model = learned
    left = (slice(0, 64), slice(0, 64))
    first, last = ranked(Target("a", image, view=left), labels, model)
    assert not first.whole and last.whole
    assert all(max(place.centre) < 64 for place in first.places), "only the view is known yet"
    asked = [place for place in last.places[:3] if near_the_third_grey(place.centre)]
    assert asked, "the grey between both classes is a question"
    assert set(asked[0].classes) == {1, 2} and "dark" in asked[0].gain


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


def test_labels_are_proposed_plane_after_plane_from_the_painted_one(learned: Any) -> None:
    image, labels, model = learned
    grey = np.asarray(image.pixels)
    stack = Micrograph(np.stack([grey, grey, grey, grey.max() - grey]), "zyx")
    request = PropagateRequest(model, stack, {1: labels}, 0, 3)
    found = {e.z: e for e in jobs().do(request) if isinstance(e, PlaneProposed)}
    assert list(found) == [0, 2, 3], "the nearest first, and never a painted one"
    agreed = found[2].labels[labels > 0] == labels[labels > 0]
    assert agreed.mean() > 0.9 and not found[2].labels[60:].any(), "only near what is known"
    turned = found[3].labels[labels > 0] == labels[labels > 0]
    assert found[3].needs_review and turned.mean() < 0.1


def test_the_wrong_stroke_is_found_with_exactly_its_pixels(learned: Any) -> None:
    image, labels, model = learned
    painted = labels.copy()
    painted[60:70, 5:40], painted[60:70, 70:110] = 1, 2
    painted[100:106, 10:30] = 2  # on the dark side
    request = StrokesRequest(model, [Sample(image, painted, "a")], {1: "dark", 2: "bright"})
    (checked,) = jobs().do(request)
    ((stroke, region),) = checked.doubts
    assert (stroke.painted, stroke.believed) == (2, 1) and "dark" in stroke.text
    assert region.box == (slice(100, 106), slice(10, 30)) and region.mask.all()
    assert still_there(painted, region, 2)
    painted[106, 30] = 2  # touches its corner
    assert not still_there(painted, region, 2)
