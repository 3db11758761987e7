"""The boundary: what can be learned from passes, everything else is refused with the reason."""

from __future__ import annotations

import numpy as np
import pytest

from unetscope.errors import ImageError, LabelError
from unetscope.images.micrograph import as_micrograph
from unetscope.learning.samples import (
    MAX_LABEL,
    check_samples,
    checked_labels,
    labelled_pixels,
    make_samples,
)

IMAGE = np.zeros((4, 6), np.uint8)
OTHER = IMAGE + 1


def test_single_arrays_and_lists_are_paired() -> None:
    (alone,) = make_samples(IMAGE, IMAGE)
    assert alone.key == make_samples(IMAGE.copy(), IMAGE)[0].key and alone.image.axes == "yx"
    assert alone.key != make_samples(OTHER, IMAGE)[0].key
    several = make_samples([IMAGE, OTHER], [IMAGE, IMAGE], names=["a", "b"])
    assert [s.key for s in several] == ["a", "b"]
    with pytest.raises(LabelError, match="2 images but 1"):
        make_samples([IMAGE, IMAGE], [IMAGE])


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "int64", "uint64", "float32"])
def test_whole_numbers_of_any_type_are_labels(dtype) -> None:
    labels = np.zeros(IMAGE.shape, dtype)
    labels[0, 0] = 1
    checked = checked_labels(labels, as_micrograph(IMAGE))
    assert checked.dtype.kind in "iu" and checked.sum() == 1


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.zeros((4, 5), int), r"\(4, 5\).*\(4, 6\)"),
        (np.full((4, 6), -3), "-3"),
        (np.full((4, 6), MAX_LABEL + 1), "instance"),
        (np.full((4, 6), 2**63, np.uint64), "instance"),
        (np.full((4, 6), 0.5), "fractions"),
        (np.full((4, 6), np.nan), "NaN"),
        (np.full((4, 6), np.inf), "NaN"),
        (np.full((4, 6), "a"), "type"),
        (np.full((4, 6), 1j), "type"),
    ],
)
def test_labels_that_are_none_are_refused(labels, said) -> None:
    with pytest.raises(LabelError, match=said):
        checked_labels(labels, as_micrograph(IMAGE), "slice 3")


def test_painted_pixels_are_counted_over_all_samples() -> None:
    first, second = np.zeros((4, 6), int), np.zeros((4, 6), int)
    first[0], second[1:3] = 5, 2
    second[0, 0] = 5
    assert labelled_pixels(make_samples([IMAGE, OTHER], [first, second])) == {2: 12, 5: 7}


def test_an_instance_mask_is_recognised() -> None:
    mask = np.arange(300).reshape(15, 20)
    with pytest.raises(LabelError, match="instance mask"):
        check_samples(make_samples(np.zeros((15, 20)), mask))


def test_images_of_several_kinds_are_refused() -> None:
    grey, colour = np.zeros((16, 12), np.uint8), np.zeros((16, 12, 3), np.uint8)
    labels = np.ones((16, 12), int)
    labels[0] = 2
    with pytest.raises(LabelError, match=r"\[1, 3\]"):
        check_samples(make_samples([grey, colour], [labels, labels]))


def test_what_the_axes_are_is_asked_for() -> None:
    with pytest.raises(ImageError, match="axes"):
        make_samples(np.zeros((20, 30, 40)), np.zeros((20, 30, 40), int))
    assert make_samples(np.zeros((20, 30, 40)), np.zeros((20, 30, 40), int), axes="zyx")
