"""Taking a prediction over, region by region."""

from __future__ import annotations

import numpy as np
import pytest

from unetscope.errors import LabelError
from unetscope.learning.advice.accepting import (
    accept_region,
    connected_region,
    fill_region,
    superpixel_at,
)


def test_accepting_fills_what_is_unlabelled_and_keeps_what_is_painted() -> None:
    prediction = np.array([[1, 2, 3, 0]])
    labels = np.array([[0, 1, 0, 4]], np.uint8)
    mask = np.array([[True, True, False, True]])
    assert accept_region(prediction, labels, mask).tolist() == [[1, 1, 0, 4]]
    over = accept_region(prediction, labels, mask, overwrite=True)
    assert over.tolist() == [[1, 2, 0, 4]]
    assert over.dtype == labels.dtype
    assert labels.tolist() == [[0, 1, 0, 4]]


def test_filling_with_zero_erases_painted_labels() -> None:
    labels = np.array([[1, 0, 2]], np.uint8)
    mask = np.array([[True, True, False]])
    assert fill_region(labels, mask, 0).tolist() == [[0, 0, 2]]
    assert fill_region(labels, mask, 3).tolist() == [[1, 3, 2]]
    assert fill_region(labels, mask, 3, overwrite=True).tolist() == [[3, 3, 2]]


def test_a_class_that_does_not_fit_the_labels_is_refused() -> None:
    with pytest.raises(LabelError, match="class 300 does not fit"):
        fill_region(np.zeros((1, 1), np.uint8), np.ones((1, 1), bool), 300)
    with pytest.raises(LabelError, match="mask has shape"):
        fill_region(np.zeros((1, 1), np.uint8), np.ones((1, 2), bool), 1)


def test_a_connected_region_ends_at_other_classes_corners_and_its_reach() -> None:
    prediction = np.ones((40, 50), np.uint8)
    prediction[10:20, 10:20] = 2
    prediction[20:25, 20:25] = 2  # touches at a corner only
    region = connected_region(prediction, (12, 13))
    assert region.box == (slice(10, 20), slice(10, 20))
    assert region.pixels == 100
    near = connected_region(prediction, (0, 49), reach_px=3)
    assert near.box == (slice(0, 4), slice(46, 50))


def test_a_connected_region_of_a_stack_goes_through_its_planes() -> None:
    prediction = np.ones((4, 10, 10), np.uint8)
    prediction[1:3, 2:5, 2:5] = 2
    region = connected_region(prediction, (1, 3, 3))
    assert region.box[0] == slice(1, 3)
    assert region.pixels == 18


def test_a_superpixel_keeps_to_the_edge_and_is_the_same_from_any_of_its_pixels() -> None:
    image = np.zeros((150, 160), np.float32)
    image[:, 77:] = 500.0
    image += np.random.default_rng(0).normal(0, 10, image.shape)
    region = superpixel_at(image, (70, 74), size_px=12)
    assert region.box[1].stop <= 77
    assert 12**2 / 3 < region.pixels < 3 * 12**2
    y, x = np.argwhere(region.mask)[0] + [side.start for side in region.box]
    again = superpixel_at(image, (y, x), size_px=12)
    assert again.box == region.box
    assert np.array_equal(again.mask, region.mask)


def test_a_superpixel_of_a_colour_image_holds_its_point() -> None:
    image = np.random.default_rng(0).integers(0, 255, (60, 70, 3)).astype(np.uint8)
    region = superpixel_at(image, (59, 69))
    assert region.mask[59 - region.box[0].start, 69 - region.box[1].start]


def test_a_click_outside_the_image_is_refused() -> None:
    with pytest.raises(LabelError, match=r"point \(5, 9\)"):
        connected_region(np.ones((5, 5), int), (5, 9))
