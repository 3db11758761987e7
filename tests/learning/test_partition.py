"""What was held back once stays held back, and nothing near it is learned from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from unetscope.images.micrograph import as_micrograph
from unetscope.learning.partition import Partition, partition
from unetscope.learning.samples import Sample


def painted(*boxes: tuple[int, int, int, int, int], key: str = "a", side: int = 400) -> Sample:
    """A sample with boxes (value, top, left, bottom, right)."""
    labels = np.zeros((side, side), np.uint8)
    for value, top, left, bottom, right in boxes:
        labels[top:bottom, left:right] = value
    return Sample(as_micrograph(np.zeros((side, side), np.uint8), name=key), labels, key)


FAR = painted((1, 5, 5, 15, 60), (2, 30, 5, 40, 60), (1, 350, 5, 360, 60), (2, 380, 5, 390, 60))
NEAR = painted((1, 5, 5, 15, 60), (2, 30, 5, 40, 60))


def check_apart(parts: Partition, guard_px: int) -> None:
    for kept, out in zip(parts.training, parts.held, strict=True):
        a, b = np.argwhere(kept), np.argwhere(out)
        if len(a) and len(b):
            away = np.abs(a[:, None] - b[None]).max(axis=2)
            assert away.min() > guard_px


def test_places_far_apart_give_an_honest_figure() -> None:
    parts = partition([FAR], guard_px=40, fraction=0.3, seed=0)
    assert parts.kind == "block" and parts.held[0].any()
    assert set(np.unique(parts.training[0])) == {0, 1, 2}
    check_apart(parts, 40)


def test_strokes_side_by_side_only_serve_a_choice() -> None:
    parts = partition([NEAR], guard_px=40, fraction=0.3, seed=0)
    assert parts.kind == "strokes" and parts.held[0].any()
    assert not (parts.training[0].astype(bool) & parts.held[0].astype(bool)).any()
    assert set(np.unique(parts.training[0])) == {0, 1, 2}


def test_whole_images_are_held_back_where_there_are_enough() -> None:
    samples = [replace(NEAR, key=str(i)) for i in range(6)]
    parts = partition(samples, guard_px=40, fraction=0.2, seed=0)
    assert parts.kind == "image"
    assert [kept.any() != out.any() for kept, out in zip(parts.training, parts.held, strict=True)]
    assert 1 <= sum(out.any() for out in parts.held) < 6


def extended_with(sample: Sample, *boxes: tuple[int, int, int, int, int]) -> Sample:
    labels = sample.labels.copy()
    for value, top, left, bottom, right in boxes:
        labels[top:bottom, left:right] = value
    return replace(sample, labels=labels)


def test_later_strokes_are_learned_and_held_pixels_stay_held() -> None:
    parts = partition([FAR], guard_px=40, fraction=0.3, seed=0)
    more = parts.extended([extended_with(FAR, (2, 200, 300, 210, 340))], 40)
    assert more is not None
    assert np.array_equal(more.held[0], parts.held[0])
    assert (more.training[0][200:210, 300:340] == 2).all()
    assert np.array_equal(more.training[0][:180], parts.training[0][:180])
    check_apart(more, 40)


def test_what_is_painted_beside_held_pixels_teaches_nobody() -> None:
    parts = partition([FAR], guard_px=40, fraction=0.3, seed=0)
    y = int(np.argwhere(parts.held[0])[0, 0])
    top = y + 16 if y < 300 else y - 20
    beside = (1, top, 80, top + 4, 90)
    more = parts.extended([extended_with(FAR, beside)], 40)
    assert more is not None
    check_apart(more, 40)


def test_strokes_on_an_image_held_back_do_not_give_it_away() -> None:
    samples = [replace(NEAR, key=str(i)) for i in range(6)]
    parts = partition(samples, guard_px=40, fraction=0.2, seed=0)
    held = next(i for i, out in enumerate(parts.held) if out.any())
    samples[held] = extended_with(samples[held], (2, 20, 30, 25, 40))
    more = parts.extended(samples, 40)
    assert more is not None
    check_apart(more, 40)


def test_erased_held_pixels_are_no_longer_asked() -> None:
    parts = partition([FAR], guard_px=40, fraction=0.3, seed=0)
    labels = FAR.labels.copy()
    y, x = np.argwhere(parts.held[0])[0]
    labels[y, x] = 0
    more = parts.extended([replace(FAR, labels=labels)], 40)
    assert more is not None and more.held[0][y, x] == 0
    assert np.count_nonzero(more.held[0]) == np.count_nonzero(parts.held[0]) - 1


@pytest.mark.parametrize("change", ["a class is gone", "a class is new", "all held is gone"])
def test_a_partition_that_no_longer_fits_says_so(change) -> None:
    parts = partition([FAR], guard_px=40, fraction=0.3, seed=0)
    labels = FAR.labels.copy()
    if change == "a class is gone":
        labels[labels == 2] = 0
    if change == "a class is new":
        y, x = np.argwhere(parts.held[0])[0]
        labels[y + 15 : y + 17, x] = 3  # only where nobody learns
    if change == "all held is gone":
        labels[parts.held[0] > 0] = 0
    assert parts.extended([replace(FAR, labels=labels)], 40) is None


def test_a_new_image_is_learned_from() -> None:
    parts = partition([FAR], guard_px=40, fraction=0.3, seed=0)
    more = parts.extended([FAR, replace(NEAR, key="b")], 40)
    assert more is not None and more.keys == ("a", "b")
    assert np.array_equal(more.training[1], NEAR.labels) and not more.held[1].any()
