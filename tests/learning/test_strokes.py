"""The simulated annotator paints what a careful person would, and never a wrong pixel."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from benchmarks.corrections import corrective_strokes
from unetscope.errors import LabelError
from unetscope.pretraining.strokes import simulate_strokes

EIGHT = np.ones((3, 3))


def cells_and_walls(size: int, seed: int = 0, cells: int = 20, wall_px: float = 2.0) -> np.ndarray:
    """Voronoi cells of classes 1 and 2 with thin walls of class 3 between them."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(0, size, (cells, 2))
    grid = np.indices((size, size)).reshape(2, 1, -1)
    distance = np.hypot(*(grid - centres.T[:, :, None]))
    order = np.argsort(distance, axis=0)
    first, second = np.take_along_axis(distance, order[:2], axis=0)
    truth = (order[0] % 2 + 1).astype(np.uint8)
    truth[second - first < wall_px] = 3
    return truth.reshape(size, size)


def stroke_count(strokes: np.ndarray) -> int:
    return int(ndimage.label(strokes > 0, structure=EIGHT)[1])


@pytest.mark.parametrize("width_px", [1, 2, 3, 5, 8])
def test_strokes_never_paint_another_class_and_never_touch(width_px: int) -> None:
    truth = cells_and_walls(160)
    for seed in range(10):
        strokes = simulate_strokes(truth, per_class=4, width_px=width_px, seed=seed)
        painted = strokes > 0
        assert np.array_equal(strokes[painted], truth[painted])
        assert set(np.unique(strokes)) == {0, 1, 2, 3}
        by_class = sum(stroke_count(strokes == value) for value in (1, 2, 3))
        assert stroke_count(strokes) == by_class <= 12


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    classes=st.integers(0, 4),
    width_px=st.integers(1, 6),
    coarse=st.integers(1, 8),
)
def test_any_truth_gives_only_right_pixels(
    seed: int, height: int, width: int, classes: int, width_px: int, coarse: int
) -> None:
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, classes + 1, (-(-height // coarse), -(-width // coarse)))
    truth = np.kron(blocks, np.ones((coarse, coarse), dtype=int))[:height, :width]
    strokes = simulate_strokes(truth, per_class=3, length_px=12, width_px=width_px, seed=seed)
    assert strokes.shape == truth.shape
    assert np.array_equal(strokes[strokes > 0], truth[strokes > 0])
    prediction = rng.integers(0, classes + 2, truth.shape)
    corrected = corrective_strokes(truth, prediction, strokes, width_px=width_px, seed=seed)
    assert np.array_equal(corrected[corrected > 0], truth[corrected > 0])
    assert np.array_equal(corrected[strokes > 0], strokes[strokes > 0])


def test_strokes_have_the_length_and_width_asked_for_where_there_is_room() -> None:
    truth = np.ones((400, 400), dtype=np.uint8)
    strokes = simulate_strokes(truth, per_class=5, length_px=40, width_px=3, seed=4)
    regions, count = ndimage.label(strokes, structure=EIGHT)
    areas = np.bincount(regions.ravel())[1:]
    assert count == 5
    assert np.all(areas >= 0.6 * 40 * 3) and np.all(areas <= 1.6 * 40 * 3)


def test_strokes_follow_a_crack_one_pixel_wide() -> None:
    truth = np.ones((128, 128), dtype=np.uint8)
    x = np.arange(128)
    truth[np.round(64 + 20 * np.sin(x / 15)).astype(int), x] = 2
    strokes = simulate_strokes(truth, per_class=2, length_px=40, seed=0)
    assert np.all(truth[strokes == 2] == 2)
    assert np.sum(strokes == 2) >= 40  # two strokes, each well along the crack


def test_strokes_go_to_different_instances() -> None:
    truth = np.ones((256, 256), dtype=np.uint8)
    for row in range(3):
        for column in range(3):
            truth[20 + 80 * row : 60 + 80 * row, 20 + 80 * column : 60 + 80 * column] = 2
    instances = ndimage.label(truth == 2)[0]
    distinct = [
        len(np.unique(instances[simulate_strokes(truth, per_class=5, seed=seed) == 2]))
        for seed in range(10)
    ]
    assert np.mean(distinct) >= 4.5


def test_the_seed_decides() -> None:
    truth = cells_and_walls(128)
    first = simulate_strokes(truth, seed=7)
    assert np.array_equal(first, simulate_strokes(truth, seed=7))
    assert not np.array_equal(first, simulate_strokes(truth, seed=8))


@pytest.mark.parametrize(
    ("width_px", "first", "corrected"),
    [
        (1, "d6d8516dd03a1dd6", "51b87030df0326c9"),
        (3, "bc42fd9b0e9ac601", "47f52b83b6e7b2a8"),
        (6, "bb461b7477dd7c1c", "85dd80ccf4d8f799"),
    ],
)
def test_the_strokes_of_a_seed_are_those_of_the_published_figures(
    width_px: int, first: str, corrected: str
) -> None:
    truth = cells_and_walls(160)
    strokes = simulate_strokes(truth, per_class=4, width_px=width_px, seed=11)
    more = corrective_strokes(truth, np.roll(truth, 5, 1), strokes, width_px=width_px, seed=12)
    found = [hashlib.sha256(labels.tobytes()).hexdigest()[:16] for labels in (strokes, more)]
    assert found == [first, corrected]


def test_corrections_land_on_the_largest_errors_and_keep_what_was_painted() -> None:
    truth = np.ones((200, 200), dtype=np.uint8)
    truth[:, 100:] = 2
    prediction = truth.copy()
    prediction[20:80, 20:80] = 2  # the large error
    prediction[150:154, 150:154] = 1  # a small one
    existing = np.zeros_like(truth)
    existing[180:183, 20:60] = 1
    corrected = corrective_strokes(truth, prediction, existing, strokes=1, seed=0)
    added = (corrected > 0) & (existing == 0)
    assert np.array_equal(corrected[existing > 0], existing[existing > 0])
    rows, columns = np.nonzero(added)
    for place in (rows, columns):
        assert place.min() >= 18 and place.max() <= 81
    assert np.all(corrected[added] == 1)
    both = corrective_strokes(truth, prediction, existing, strokes=5, seed=0)
    assert np.any(both[145:160, 145:160] == 2)


def test_without_errors_nothing_is_added() -> None:
    truth = cells_and_walls(64)
    strokes = simulate_strokes(truth, per_class=1, seed=0)
    assert np.array_equal(corrective_strokes(truth, truth, strokes, seed=0), strokes)
    assert not corrective_strokes(truth, truth, None, seed=0).any()


@pytest.mark.parametrize(
    "truth", [np.zeros((4, 4, 4), int), np.zeros((4, 4)), np.full((4, 4), -1)], ids=str
)
def test_what_is_not_a_class_image_is_refused(truth: np.ndarray) -> None:
    with pytest.raises(LabelError):
        simulate_strokes(truth, seed=0)
