"""Held-back pixels are out of reach of training pixels, and no class is lost on either side."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from unetscope.errors import LabelError
from unetscope.learning.block_split import beyond_guard
from unetscope.learning.split import Split, hold_out_strokes, split_labels
from unetscope.learning.stroke_map import stroke_map


@dataclass(frozen=True)
class Picture:
    name: str = ""
    pixel_size: tuple[float, ...] | None = (4.6, 4.6)
    unit: str | None = "nm"


@dataclass(frozen=True, eq=False)
class Painted:
    labels: np.ndarray
    image: Picture = field(default_factory=Picture)


def strokes(
    places: dict[int, list[tuple[int, int]]], size: int = 400, length: int = 30
) -> np.ndarray:
    """Horizontal strokes, 3 px wide, that start at the places given for each class."""
    labels = np.zeros((size, size), dtype=np.uint8)
    for value, starts in places.items():
        for y, x in starts:
            labels[y : y + 3, x : x + length] = value
    return labels


def near(held: np.ndarray, guard_px: int) -> np.ndarray:
    """Pixels within the guard of held-back pixels, by the plainest means there is."""
    planes = held if held.ndim == 3 else held[None]
    size = (3, 2 * guard_px + 1, 2 * guard_px + 1)
    grown = ndimage.maximum_filter((planes > 0).astype(np.uint8), size, mode="constant") > 0
    return grown if held.ndim == 3 else grown[0]


def check(split: Split, labels: list[np.ndarray], guard_px: int) -> None:
    """Everything a split promises."""
    everything = np.concatenate([painted.ravel() for painted in labels])
    trained = np.concatenate([painted.ravel() for painted in split.training])
    held = np.concatenate([painted.ravel() for painted in split.validation])
    assert not np.any((trained > 0) & (held > 0))
    union = np.where(trained > 0, trained, held)
    assert np.array_equal(union[union > 0], everything[union > 0])
    assert split.validation_pixels == np.count_nonzero(held)
    for value in np.unique(everything[everything > 0]):
        assert np.sum(trained == value) >= 0.5 * np.sum(everything == value)
        assert split.kind == "none" or np.any(held == value)
    if split.kind == "none":
        assert np.array_equal(trained, everything) and not held.any()
    for out, kept in zip(split.validation, split.training, strict=True):
        assert not np.any(near(out, guard_px) & (kept > 0))


def test_of_several_images_one_is_held_back_whole() -> None:
    labels = [strokes({1: [(10, 10)], 2: [(60, 10)]}, size=100) for _ in range(5)]
    split = split_labels([Painted(a) for a in labels], guard_px=50, seed=0)
    assert split.kind == "image"
    check(split, labels, 50)
    touched = [bool(out.any()) for out in split.validation]
    assert sum(touched) == 1 and not split.training[touched.index(True)].any()
    assert "1 of 5 images" in split.note


def test_images_are_not_held_back_when_a_class_would_be_lost() -> None:
    labels = [strokes({1: [(10, 10), (300, 10)]}) for _ in range(3)]
    labels[0][150:153, 10:40] = 2  # the only strokes of class 2 are in one image
    labels[0][390:393, 300:330] = 2
    split = split_labels([Painted(a) for a in labels], guard_px=50, seed=0)
    assert split.kind == "block"
    check(split, labels, 50)


def test_far_strokes_are_held_back_and_nothing_is_lost() -> None:
    labels = strokes({1: [(10, 10), (10, 350), (200, 10)], 2: [(30, 10), (30, 350), (220, 10)]})
    split = split_labels([Painted(labels)], guard_px=60, seed=0)
    assert split.kind == "block"
    check(split, [labels], 60)
    assert np.count_nonzero(split.training[0]) + split.validation_pixels == np.count_nonzero(labels)
    assert "60 px (276 nm)" in split.note


def test_close_strokes_give_no_figure_but_advice() -> None:
    labels = strokes({1: [(10, 10), (20, 10)], 2: [(30, 10), (40, 10)]})
    split = split_labels([Painted(labels)], guard_px=100, seed=0)
    assert split.kind == "none"
    check(split, [labels], 100)
    assert "farther than 100 px (460 nm)" in split.note


def test_a_class_with_a_single_stroke_is_named() -> None:
    labels = strokes({1: [(10, 10), (10, 300), (300, 10)], 2: [(30, 10)]})
    split = split_labels([Painted(labels)], guard_px=50, seed=0, names={2: "crack"})
    assert split.kind == "none"
    assert "“crack” has a single stroke" in split.note


def test_a_dense_mask_gives_a_block_behind_a_guard_band() -> None:
    rng = np.random.default_rng(0)
    labels = np.kron(rng.integers(1, 4, (40, 40)), np.ones((8, 8), dtype=int)).astype(np.uint16)
    split = split_labels([Painted(labels)], guard_px=30, seed=0)
    assert split.kind == "block"
    check(split, [labels], 30)


def test_neighbouring_planes_of_a_volume_count_as_the_same_place() -> None:
    labels = np.zeros((7, 80, 80), dtype=np.uint8)
    for z in (0, 3, 6):
        labels[z, 10:13, 10:40], labels[z, 30:33, 10:40] = 1, 2
    split = split_labels([Painted(labels)], guard_px=100, seed=0)
    assert split.kind == "block"
    check(split, [labels], 100)
    close = labels[[0, 3, 6]]  # now each plane has a neighbour that is painted in the same place
    assert split_labels([Painted(close)], guard_px=100, seed=0).kind == "none"


def test_nothing_painted_is_said() -> None:
    split = split_labels([Painted(np.zeros((9, 9), int))], guard_px=5, seed=0)
    assert split.kind == "none" and "Nothing is painted" in split.note


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    images=st.integers(1, 4),
    planes=st.integers(0, 4),
    guard_px=st.integers(0, 40),
    fraction=st.floats(0.05, 0.5),
)
def test_no_training_pixel_is_ever_within_the_guard_of_a_held_back_one(
    seed: int, images: int, planes: int, guard_px: int, fraction: float
) -> None:
    rng = np.random.default_rng(seed)
    shape = (planes, 90, 110) if planes else (90, 110)
    labels = []
    for _ in range(images):
        painted = np.zeros(shape, dtype=rng.choice([np.uint8, np.int32, np.uint16]))
        for _ in range(rng.integers(0, 12)):
            y, x, value = rng.integers(0, 85), rng.integers(0, 105), rng.choice([1, 2, 7])
            place = (slice(y, y + rng.integers(1, 9)), slice(x, x + rng.integers(1, 40)))
            painted[(rng.integers(0, planes), *place) if planes else place] = value
        labels.append(painted)
    before = [painted.copy() for painted in labels]
    samples = [Painted(painted) for painted in labels]
    split = split_labels(samples, guard_px=guard_px, fraction=fraction, seed=seed)
    check(split, labels, guard_px)
    assert all(np.array_equal(a, b) for a, b in zip(before, labels, strict=True))
    again = split_labels(samples, guard_px=guard_px, fraction=fraction, seed=seed)
    assert all(
        np.array_equal(a, b) for a, b in zip(split.validation, again.validation, strict=True)
    )


@pytest.mark.parametrize(("guard_px", "fraction"), [(-1, 0.2), (5, 0.0), (5, 0.8)])
def test_demands_that_make_no_sense_are_refused(guard_px: int, fraction: float) -> None:
    with pytest.raises(LabelError):
        split_labels([Painted(np.eye(9, dtype=int))], guard_px=guard_px, fraction=fraction, seed=0)


def test_the_guard_is_exact_across_tile_borders() -> None:
    rng = np.random.default_rng(1)
    labels = np.ones((1100, 1300), dtype=np.uint8)
    held = np.zeros_like(labels)
    held[tuple(rng.integers(0, 1100, (2, 6)))] = 1
    held[1023, 1024] = 1
    kept = beyond_guard(labels, held, 37)
    assert np.array_equal(kept == 0, near(held, 37))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.booleans(), st.floats(0.0, 0.6))
def test_strokes_are_the_connected_components(seed: int, volume: bool, share: float) -> None:
    rng = np.random.default_rng(seed)
    shape = (4, 9, 11) if volume else (17, 13)
    labels = rng.integers(1, 4, shape) * (rng.random(shape) < share)
    found = stroke_map(labels)
    count = 0
    for value in (1, 2, 3):
        components, number = ndimage.label(labels == value, np.ones((3,) * len(shape)))
        count += number
        own = found.values == value
        pairs = set(zip(components[tuple(found.points[own].T)], found.strokes[own], strict=True))
        assert len(pairs) == number
    assert count == found.count and len(found.points) == np.count_nonzero(labels)


def test_whole_strokes_are_held_out_for_choosing() -> None:
    labels = strokes({1: [(10 + 20 * i, 10) for i in range(5)], 2: [(10, 200), (50, 200)]})
    training, held = hold_out_strokes(labels, seed=0)
    assert np.array_equal(np.where(training > 0, training, held), labels)
    count = {value: ndimage.label(held == value)[1] for value in (1, 2)}
    assert count == {1: 1, 2: 1}
    both = [ndimage.label(part > 0)[1] for part in (training, held)]
    assert sum(both) == 7  # no stroke was torn


def test_a_single_stroke_is_cut_across_with_a_gap() -> None:
    labels = strokes({1: [(10, 10)], 2: [(50, 10), (90, 10)]})
    training, held = hold_out_strokes(labels, seed=0)
    kept, out = (np.nonzero(part == 1)[1] for part in (training, held))
    gap = kept.min() - out.max() if kept.min() > out.min() else out.min() - kept.max()
    assert gap >= 3
    assert len(kept) >= 30 and len(out) >= 30


def test_a_dot_stays_in_training() -> None:
    labels = strokes({1: [(10, 10)]})
    labels[100, 100] = 2
    training, held = hold_out_strokes(labels, seed=0)
    assert training[100, 100] == 2 and not np.any(held == 2)
    empty = np.zeros((5, 5), dtype=np.uint8)
    assert not any(part.any() for part in hold_out_strokes(empty, seed=0))
