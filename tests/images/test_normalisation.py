"""Grey values become network input by one rule, whatever the values are."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unetscope.errors import ImageError
from unetscope.images.micrograph import as_micrograph
from unetscope.images.normalisation import Normalisation, fit_normalisation, is_constant

DTYPES = (
    "bool",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "int32",
    "uint64",
    "float16",
    "float32",
    "float64",
    ">f4",
)


def _extremes(dtype: str) -> st.SearchStrategy[float] | None:
    if np.dtype(dtype).kind != "f":
        return None
    largest = float(np.finfo(dtype).max)
    values = [0.0, 1.0, np.nan, np.inf, -np.inf, 1e38, -1e38, largest, -largest]
    fitting = [v for v in values if not np.isfinite(v) or abs(v) <= largest]
    return st.sampled_from([float(np.dtype(dtype).type(v)) for v in fitting])


@st.composite
def _images(draw: st.DrawFn) -> np.ndarray:
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))
    elements = draw(st.sampled_from([None, _extremes(dtype)]))
    return draw(hnp.arrays(dtype, shape, elements=elements))


@settings(max_examples=250)
@given(pixels=_images())
def test_every_image_becomes_finite_float32_between_the_limits(pixels: np.ndarray) -> None:
    image = as_micrograph(pixels)
    rule = fit_normalisation(image)
    normalised = rule.apply(image.plane())
    assert normalised.dtype == np.float32
    assert np.isfinite(normalised).all()
    assert normalised.min() >= -1 and normalised.max() <= 2
    if pixels.dtype.kind == "f":
        assert (normalised[0][~np.isfinite(pixels)] == 0).all()
    assert Normalisation.from_dict(json.loads(json.dumps(rule.to_dict()))) == rule


@settings(max_examples=100)
@given(pixels=hnp.arrays(np.uint8, (9, 7)), as_type=st.sampled_from(DTYPES[2:]))
def test_equal_values_are_normalised_equally_in_any_dtype(pixels: np.ndarray, as_type: str) -> None:
    pixels = pixels // 2  # int8 holds them too
    first, second = as_micrograph(pixels), as_micrograph(pixels.astype(as_type))
    rule = fit_normalisation(first)
    assert rule == fit_normalisation(second)
    np.testing.assert_array_equal(rule.apply(first.plane()), rule.apply(second.plane()))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16"])
def test_the_table_for_small_integers_gives_the_same_numbers(dtype: str) -> None:
    limits = np.iinfo(dtype)
    plane = np.random.default_rng(0).integers(limits.min, limits.max + 1, (1, 300, 300))
    rule = fit_normalisation(as_micrograph(plane[0].astype(dtype)))
    np.testing.assert_array_equal(
        rule.apply(plane.astype(dtype)), rule.apply(plane.astype(np.float64))
    )


def test_low_and_high_become_zero_and_one() -> None:
    pixels = np.arange(1001, dtype=np.uint16).reshape(7, 143)
    rule = fit_normalisation(as_micrograph(pixels), 10, 90)
    assert rule.low == (100,) and rule.high == (900,)
    values = rule.apply(np.array([[[100, 500, 900, 1000]]], np.uint16)).ravel()
    np.testing.assert_allclose(values, [0, 0.5, 1, 1.125])


@pytest.mark.parametrize("value", [0, 7.5, np.nan, np.inf, 1e38])
def test_a_constant_image_becomes_zero(value: float) -> None:
    image = as_micrograph(np.full((6, 6), value))
    assert (fit_normalisation(image).apply(image.plane()) == 0).all()


def test_a_few_bright_dots_on_black_stay_visible() -> None:
    pixels = np.zeros((100, 100), np.uint8)
    pixels[3, 3] = 200
    image = as_micrograph(pixels)
    assert fit_normalisation(image).apply(image.plane()).max() == 1


def test_channels_are_normalised_apart_and_their_number_is_checked() -> None:
    pixels = np.stack([np.arange(100).reshape(10, 10), np.arange(100).reshape(10, 10) * 50])
    image = as_micrograph(pixels.astype(np.int32))
    rule = fit_normalisation(image, 0, 100)
    assert rule.high == (99, 4950)
    with pytest.raises(ImageError, match="1 channels"):
        rule.apply(np.zeros((1, 4, 4)))


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"low": [0], "high": [1, 2], "low_percentile": 1, "high_percentile": 99},
        {"low": [0], "high": [float("nan")], "low_percentile": 1, "high_percentile": 99},
        {"low": [0], "high": ["x"], "low_percentile": 1, "high_percentile": 99},
        {"low": [0], "high": [1], "low_percentile": 99, "high_percentile": 1},
    ],
)
def test_a_damaged_record_is_refused(record: dict) -> None:
    with pytest.raises(ImageError):
        Normalisation.from_dict(record)


def test_constant_is_what_has_one_finite_value_at_most() -> None:
    nan_but_one = np.full((50, 60), np.nan, np.float32)
    nan_but_one[7, 9] = 3
    infinite = np.full((50, 60), -np.inf)
    infinite[:, 30:] = np.inf
    two_channels = np.stack([np.zeros((50, 60)), np.full((50, 60), 7.0)])
    flat = [np.zeros((50, 60), np.uint8), np.full((50, 60), 65535, np.uint16), nan_but_one]
    flat += [np.full((50, 60), np.nan), infinite, np.zeros((50, 60), bool), two_channels]
    assert [is_constant(as_micrograph(one)) for one in flat] == [True] * len(flat)


def test_one_other_pixel_outside_of_every_sample_is_something_to_see() -> None:
    image = np.zeros((1500, 1200), np.uint8)
    assert is_constant(as_micrograph(image))
    image[1333, 777] = 1
    assert not is_constant(as_micrograph(image))
    deep = np.zeros((3, 40, 50), np.float32)
    deep[2, 39, 49] = 1e-20
    assert not is_constant(as_micrograph(deep, axes="zyx"))
