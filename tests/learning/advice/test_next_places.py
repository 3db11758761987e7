"""Where the next stroke helps: doubtful, wide, and away from what is painted."""

from __future__ import annotations

import numpy as np
import pytest

from unetscope.errors import LabelError
from unetscope.learning.advice.next_places import PlaceOptions, next_places, ranked_places
from unetscope.learning.advice.survey import Survey, painted_cells, survey_of

SHAPE = (200, 240)


def _two_classes(doubt: np.ndarray) -> np.ndarray:
    """Probabilities (2, …) of a model that says class 1 with this doubt."""
    return np.stack([1 - doubt, doubt]).astype(np.float32)


def _spot(shape: tuple[int, ...], centre: tuple[int, ...], radius: int) -> np.ndarray:
    away = sum((i - c) ** 2 for i, c in zip(np.indices(shape), centre, strict=True))
    return np.asarray(away <= radius**2)


def test_a_wide_doubtful_area_comes_before_a_thin_rim_of_the_same_doubt() -> None:
    doubt = np.zeros(SHAPE)
    doubt[:, 60] = 0.5  # one pixel wide
    doubt[_spot(SHAPE, (120, 180), 15)] = 0.45
    places = next_places(_two_classes(doubt), np.zeros(SHAPE, np.uint8), (1, 2))
    assert np.hypot(places[0].centre[0] - 120, places[0].centre[1] - 180) < 15
    assert any(abs(place.centre[1] - 60) < 6 for place in places[1:])
    assert [p.score for p in places] == sorted((p.score for p in places), reverse=True)


def test_what_is_painted_is_not_proposed_again() -> None:
    doubt = np.zeros(SHAPE)
    doubt[_spot(SHAPE, (60, 60), 20)] = 0.5
    doubt[_spot(SHAPE, (140, 180), 20)] = 0.4
    labels = np.zeros(SHAPE, np.uint8)
    assert next_places(_two_classes(doubt), labels, (1, 2))[0].centre[0] < 100
    labels[59:62, 40:80] = 2
    places = next_places(_two_classes(doubt), labels, (1, 2))
    assert places[0].centre[0] > 100
    assert all(labels[place.centre] == 0 for place in places)


def test_places_are_apart_by_half_their_size() -> None:
    doubt = np.full(SHAPE, 0.4)
    places = next_places(_two_classes(doubt), np.zeros(SHAPE, np.uint8), (1, 2))
    assert len(places) == PlaceOptions().count
    centres = np.array([place.centre for place in places], float)
    gaps = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
    assert gaps[np.triu_indices(len(places), 1)].min() >= PlaceOptions().size_px / 2


def test_a_list_asks_different_questions_early() -> None:
    chance = np.zeros((3, *SHAPE), np.float32)
    chance[0] = 1.0
    for column, (share, rival) in enumerate([(0.44, 1), (0.43, 1), (0.42, 1), (0.36, 2)]):
        spot = _spot(SHAPE, (100, 30 + 60 * column), 20)
        chance[:, spot] = 0
        chance[0, spot], chance[rival, spot] = 1 - share, share
    places = next_places(chance, np.zeros(SHAPE, np.uint8), (1, 2, 3), PlaceOptions(count=4))
    assert [place.classes for place in places[:2]] == [(1, 2), (1, 3)]
    assert [place.classes for place in places].count((1, 2)) == 3


def test_asking_the_same_again_does_not_end_the_list() -> None:
    doubt = np.full((400, 400), 0.45)
    doubt[:20, :20] = 0.52  # rival classes in the other order, and soon all asked
    places = next_places(_two_classes(doubt), np.zeros((400, 400), np.uint8), (1, 2))
    assert len(places) == PlaceOptions().count


def test_a_sure_model_gives_no_places() -> None:
    sure = _two_classes(np.full(SHAPE, 0.001))
    assert next_places(sure, np.zeros(SHAPE, np.uint8), (1, 2)) == []


def test_a_place_names_the_classes_that_compete_and_counts_the_expected_errors() -> None:
    chance = np.zeros((3, *SHAPE), np.float32)
    chance[0] = 1.0
    spot = _spot(SHAPE, (100, 100), 8)
    chance[:, spot] = np.array([0.02, 0.4, 0.58], np.float32)[:, None]
    options = PlaceOptions(count=1, names={7: "crack", 5: "oxide"})
    (place,) = next_places(chance, np.zeros(SHAPE, np.uint8), (1, 5, 7), options)
    assert place.classes == (7, 5)
    assert place.wrong_px == round(0.42 * spot.sum())
    assert place.gain.startswith("crack or oxide? About 83 of the")


def test_a_stack_ranks_across_planes_and_a_painted_plane_counts_for_its_neighbours() -> None:
    shape = (6, 80, 90)
    doubt = np.zeros(shape)
    doubt[1:4, 30:50, 30:50] = 0.45
    doubt[5, 30:50, 60:80] = 0.3
    labels = np.zeros(shape, np.uint8)
    first = next_places(_two_classes(doubt), labels, (1, 2))[0]
    assert first.centre[0] in (1, 2, 3)
    labels[2, 28:52, 28:52] = 1
    options = PlaceOptions(plane_px=1.0)
    assert next_places(_two_classes(doubt), labels, (1, 2), options)[0].centre[0] == 5


def test_tiles_in_any_order_and_of_any_cut_give_the_places_of_the_whole() -> None:
    rng = np.random.default_rng(0)
    chance = rng.dirichlet((1, 1, 1), SHAPE).transpose(2, 0, 1).astype(np.float32)
    labels = np.zeros(SHAPE, np.uint8)
    labels[20:24, 30:70] = 1
    whole = next_places(chance, labels, (1, 2, 3))
    survey = Survey(SHAPE, (1, 2, 3))
    edges = [(0, 77), (77, 200)], [(150, 240), (0, 63), (63, 150)]
    for top, bottom in edges[0]:
        for left, right in edges[1]:
            region = (slice(top, bottom), slice(left, right))
            survey.add(region, chance[(slice(None), *region)])
    tiled = ranked_places(survey, labels)
    assert [p.centre for p in tiled] == [p.centre for p in whole]
    assert [p.score for p in tiled] == pytest.approx([p.score for p in whole], rel=1e-5)


def test_what_was_not_surveyed_is_not_proposed() -> None:
    survey = Survey(SHAPE, (1, 2))
    survey.add((slice(0, 50), slice(0, 50)), _two_classes(np.full((50, 50), 0.5)))
    places = ranked_places(survey, np.zeros(SHAPE, np.uint8))
    assert places
    assert all(max(place.centre) < 52 for place in places)


def test_cells_grow_with_the_image_so_that_memory_does_not() -> None:
    small = Survey((40, 40, 40), (1, 2), most_cells=5000)
    large = Survey((16_000, 16_000), (1, 2), most_cells=100_000)
    assert small.doubt().size <= 5000
    assert large.doubt().size <= 100_000
    assert large.cell_px == 64


def test_painted_cells_hold_every_painted_pixel_and_no_others() -> None:
    survey = survey_of(_two_classes(np.full((37, 50), 0.1)), (1, 2))
    labels = np.zeros((37, 50), np.uint8)
    labels[36, 49] = labels[3, 4] = 1
    assert np.argwhere(painted_cells(labels, survey)).tolist() == [[0, 1], [9, 12]]


def test_misfits_are_refused_with_their_shapes() -> None:
    chance = _two_classes(np.zeros(SHAPE))
    with pytest.raises(LabelError, match=r"labels have shape \(3, 3\)"):
        next_places(chance, np.zeros((3, 3), np.uint8), (1, 2))
    with pytest.raises(LabelError, match="second class"):
        next_places(chance[:1], np.zeros(SHAPE, np.uint8), (1,))
    with pytest.raises(LabelError, match=r"has \(3, 200, 240\)"):
        next_places(chance, np.zeros(SHAPE, np.uint8), (1, 2, 3))
