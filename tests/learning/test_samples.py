"""The boundary: what can be learned from passes, everything else is refused with the reason."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from unetscope.errors import ImageError, LabelError
from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.learning.samples import (
    MAX_LABEL,
    as_grey,
    check_samples,
    checked_labels,
    labelled_pixels,
    make_samples,
    value_counts,
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
    colour[3, 4, 1] = 7
    labels = np.ones((16, 12), int)
    labels[0] = 2
    pair = [as_micrograph(grey, name="a.tif"), as_micrograph(colour, name="b.png")]
    said = r"'a.tif' has 1 channel \(grey\), 'b.png' has 3 channels.*Fiji"
    with pytest.raises(LabelError, match=said):
        check_samples(make_samples(pair, [labels, labels]))


def two_labels() -> np.ndarray:
    labels = np.ones((16, 12), int)
    labels[0] = 2
    return labels


class Lazy:
    """An array whose pixels are read when they are asked for."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels, self.shape, self.dtype = pixels, pixels.shape, pixels.dtype

    def __getitem__(self, index: Any) -> np.ndarray:
        return self.pixels[index]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("lazy", [False, True])
def test_colour_that_is_grey_goes_with_grey_images_and_is_noted(dtype, channels, lazy) -> None:
    plane = np.random.default_rng(0).integers(0, 99, (16, 12)).astype(dtype)
    if dtype == np.float32:
        plane[2, 3] = np.nan
    colour = np.dstack([plane] * 3 + [np.full_like(plane, 9)] * (channels - 3))
    given = Micrograph(Lazy(colour) if lazy else colour, "yxc", (2.0, 2.0), "nm", "b.png")
    other = as_micrograph(np.arange(192, dtype=np.uint8).reshape(16, 12), name="a.png")
    first, second = make_samples([other, given], [two_labels(), two_labels()])
    check_samples([first, second])
    assert first.image is other and not other.notes
    grey = second.image
    assert (grey.axes, grey.channels, grey.pixel_size, grey.name) == ("yx", 1, (2.0, 2.0), "b.png")
    assert np.array_equal(grey.plane()[0], plane, equal_nan=dtype == np.float32)
    region = (slice(3, 9), slice(2, 5))
    assert np.array_equal(grey.plane(0, region)[0], plane[region])
    assert "read as grey" in grey.notes[-1]


def test_colour_images_among_themselves_stay_colour() -> None:
    colour = np.dstack([np.arange(192, dtype=np.uint8).reshape(16, 12)] * 3)
    (alone,) = make_samples(colour, two_labels())
    assert alone.image.channels == 3 and not alone.image.notes


@pytest.mark.parametrize("place", [(0, 0, 1), (1500, 7, 2), (2099, 30, 0)])
def test_a_single_pixel_of_colour_is_colour(place) -> None:
    colour = np.dstack([np.full((2100, 31), 5, np.uint8)] * 3)
    image = as_micrograph(colour)
    assert as_grey(image).channels == 1
    colour[place] = 6
    assert as_grey(image) is image


def test_what_the_axes_are_is_asked_for() -> None:
    with pytest.raises(ImageError, match="axes"):
        make_samples(np.zeros((20, 30, 40)), np.zeros((20, 30, 40), int))
    assert make_samples(np.zeros((20, 30, 40)), np.zeros((20, 30, 40), int), axes="zyx")


def test_labels_of_a_large_image_are_counted_without_another_copy_of_it() -> None:
    labels = np.zeros((3, 4000, 4000), np.uint8)
    labels[1, 3990:, 17], labels[2, 5, 5:25] = 2, 200
    tracemalloc.start()
    try:
        assert value_counts(labels) == {2: 10, 200: 20}
        assert tracemalloc.get_traced_memory()[1] < 50_000_000  # one number a pixel is 384 MB
    finally:
        tracemalloc.stop()
