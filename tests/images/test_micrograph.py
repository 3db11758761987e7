"""What a micrograph accepts, refuses and reads."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unetscope.errors import ImageError
from unetscope.images import damage
from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.images.questions import Undecided
from unetscope.images.units import normalise_unit, unit_factor

NUMBERS = (
    "bool",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "uint32",
    "int64",
    "uint64",
    "float16",
    "float32",
    "float64",
    ">u2",
    ">f4",
)


@pytest.mark.parametrize(
    ("shape", "dtype", "axes"),
    [
        ((20, 30), "uint8", "yx"),
        ((3, 4), "float64", "yx"),
        ((20, 30, 3), "uint8", "yxc"),
        ((20, 30, 4), "uint16", "yxc"),
        ((2, 20, 30), "float32", "cyx"),
        ((8, 20, 30), "uint8", "cyx"),
    ],
)
def test_an_unambiguous_shape_is_understood(shape: Any, dtype: str, axes: str) -> None:
    assert as_micrograph(np.zeros(shape, dtype)).axes == axes


@pytest.mark.parametrize("shape", [(9, 20, 30), (5, 6, 7), (2, 3, 20, 30)])
def test_an_ambiguous_shape_is_asked_for(shape: Any) -> None:
    with pytest.raises(ImageError, match=r"ambiguous.*axes="):
        as_micrograph(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((4, 4), complex),
        np.zeros((4, 4), object),
        np.zeros((0, 4)),
        np.zeros(4),
        np.zeros((1, 2, 3, 4, 5)),
        np.array("x"),
        np.zeros((4, 4), "datetime64[s]"),
        "image.tif",
        None,
        [[1, 2], [3]],
    ],
)
def test_what_is_no_image_is_refused_with_a_reason(bad: Any) -> None:
    with pytest.raises(ImageError, match=r".{20}"):
        as_micrograph(bad)


@pytest.mark.parametrize("axes", ["tyx", "xyz", "zx", "yyx", "yx", "zyxq", "yzx"])
def test_axes_that_do_not_fit_are_refused(axes: str) -> None:
    with pytest.raises(ImageError, match="axes"):
        as_micrograph(np.zeros((9, 20, 30)), axes=axes)


@pytest.mark.parametrize("size", [(1.0,), (0.0, 1.0), (np.nan, 1.0), (-1.0, 1.0)])
def test_a_pixel_size_that_makes_no_sense_is_refused(size: Any) -> None:
    with pytest.raises(ImageError, match="pixel_size"):
        as_micrograph(np.zeros((9, 9)), pixel_size=size, unit="nm")


def test_a_micrograph_is_returned_unchanged_and_pixels_are_not_copied() -> None:
    pixels = np.zeros((9, 9))
    image = as_micrograph(pixels)
    assert as_micrograph(image) is image
    assert image.pixels is pixels
    with pytest.raises(ImageError, match="already has axes"):
        as_micrograph(image, axes="cyx")


@pytest.mark.parametrize(
    ("axes", "shape"),
    [
        ("yx", (5, 7)),
        ("cyx", (2, 5, 7)),
        ("yxc", (5, 7, 3)),
        ("zyx", (4, 5, 7)),
        ("zcyx", (4, 2, 5, 7)),
        ("czyx", (2, 4, 5, 7)),
        ("zyxc", (4, 5, 7, 3)),
    ],
)
def test_numpy_dask_and_zarr_read_the_same_plane(axes: str, shape: Any) -> None:
    pixels = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    stored = zarr.create_array(zarr.storage.MemoryStore(), data=pixels)
    region = (slice(1, 4), slice(2, 7))
    read = [as_micrograph(kind, axes=axes) for kind in (pixels, da.from_array(pixels), stored)]
    expected = read[0].plane(read[0].depth - 1, region)
    assert expected.shape == (read[0].channels, 3, 5)
    for image in read[1:]:
        np.testing.assert_array_equal(image.plane(image.depth - 1, region), expected)
        np.testing.assert_array_equal(image.sample_pixels(40), read[0].sample_pixels(40))


def test_alpha_is_dropped_and_bool_is_read_as_numbers() -> None:
    rgba = as_micrograph(np.dstack([np.full((6, 9), v, np.uint8) for v in (1, 2, 3, 255)]))
    assert rgba.is_rgb and rgba.channels == 3
    assert rgba.plane()[:, 0, 0].tolist() == [1, 2, 3]
    for mask in (np.eye(6, dtype=bool), da.from_array(np.eye(6, dtype=bool))):
        image = as_micrograph(mask)
        assert image.plane().dtype == image.dtype == image.sample_pixels().dtype == np.uint8


@pytest.mark.parametrize("z", [-1, 4])
def test_a_plane_outside_the_stack_is_refused(z: int) -> None:
    with pytest.raises(ImageError, match="z=0 to 3"):
        as_micrograph(np.zeros((4, 9, 9)), axes="zyx").plane(z)


@pytest.mark.parametrize("rows", [slice(-1, 3), slice(0, 10), slice(3, 3), slice(0, 4, 2)])
def test_a_region_outside_the_image_is_refused(rows: slice) -> None:
    with pytest.raises(ImageError, match="region"):
        as_micrograph(np.zeros((9, 9))).plane(0, (rows, slice(0, 9)))


def test_only_the_region_of_a_lazy_image_is_read() -> None:
    read = []

    class Watched:
        shape, dtype = (20_000, 20_000), np.dtype(np.uint8)

        def __getitem__(self, index: Any) -> np.ndarray:
            size = [len(range(*i.indices(20_000))) for i in index]
            read.append(size[0] * size[1])
            return np.zeros(size, np.uint8)

    image = as_micrograph(Watched())
    assert image.plane(0, (slice(5, 15), slice(0, 20))).shape == (1, 10, 20)
    assert read == [200]
    assert 500_000 < image.sample_pixels().shape[1] <= 1_000_000
    assert sum(read[1:]) <= 1_000_000


def test_a_lazy_image_that_cannot_be_read_any_more_says_so() -> None:
    def broken(block: np.ndarray) -> np.ndarray:
        raise OSError("the disk went away")

    pixels = da.zeros((9, 9), dtype="u1").map_blocks(broken, dtype="u1", meta=np.zeros((0, 0)))
    with pytest.raises(ImageError, match="the disk went away"):
        as_micrograph(pixels).plane()


@settings(max_examples=150)
@given(
    pixels=st.sampled_from(NUMBERS).flatmap(
        lambda dtype: hnp.arrays(
            dtype, hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=9)
        )
    ),
    axes=st.sampled_from([None, "yx", "cyx", "yxc", "zyx", "zcyx", "czyx"]),
    limit=st.integers(1, 50),
)
def test_any_array_gives_a_micrograph_or_an_image_error(
    pixels: np.ndarray, axes: str | None, limit: int
) -> None:
    try:
        image = as_micrograph(pixels, axes=axes)
    except ImageError as error:
        assert len(str(error)) > 20
        return
    plane = image.plane(image.depth - 1)
    assert plane.shape == (image.channels, *image.spatial_shape[-2:])
    assert plane.dtype == image.dtype
    sample = image.sample_pixels(limit)
    assert sample.shape[0] == image.channels and 1 <= sample.shape[1] <= limit


@pytest.mark.parametrize(
    ("written", "usual"),
    [
        ("um", "µm"),
        ("micron", "µm"),
        ("\u03bcm", "µm"),
        ("micrometer", "µm"),
        ("NM", "nm"),
        ("nanometer", "nm"),
        ("Angstrom", "Å"),
        ("pixel", None),
        ("", None),
        (None, None),
        ("furlong", "furlong"),
        ("inch", "inch"),
    ],
)
def test_units_get_their_usual_names(written: str | None, usual: str | None) -> None:
    assert Micrograph(np.zeros((2, 2)), "yx", (1, 1), written).unit == usual
    assert normalise_unit(normalise_unit(written)) == usual


def test_units_convert_into_each_other() -> None:
    assert unit_factor("µm", into="nm") == pytest.approx(1000)
    assert unit_factor("pixel", into="nm") is None


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((1, 1, 1, 6, 8), "yx"),
        ((1, 1, 6, 8), "yx"),
        ((6, 8, 1), "yx"),
        ((1, 3, 1, 6, 9), "cyx"),
        ((1, 6, 8, 3), "yxc"),
        ((1, 6, 9), "cyx"),
    ],
)
@pytest.mark.parametrize("lazy", [False, True])
def test_axes_of_length_1_drop_out(shape: tuple[int, ...], axes: str, lazy: bool) -> None:
    pixels = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    image = as_micrograph(da.from_array(pixels) if lazy else pixels)
    assert image.axes == axes
    np.testing.assert_array_equal(np.asarray(image.pixels).ravel(), pixels.ravel())


def test_axes_that_were_told_name_what_is_left_or_all_of_it() -> None:
    pixels = np.arange(5 * 6 * 8, dtype=np.uint8).reshape(1, 5, 1, 6, 8)
    for told in ("zyx", "tzcyx", "TZCYX"):
        image = as_micrograph(pixels, told)
        assert (image.depth, image.channels) == (5, 1)
        np.testing.assert_array_equal(image.plane(3)[0], pixels[0, 3, 0])


def test_a_tensor_of_torch_is_read_and_what_is_no_array_is_refused() -> None:
    torch = pytest.importorskip("torch")
    values = torch.arange(48, dtype=torch.float32, requires_grad=True).reshape(6, 8)
    np.testing.assert_array_equal(np.asarray(as_micrograph(values).pixels), values.detach().numpy())
    with pytest.raises(ImageError, match="turn it into one first"):
        as_micrograph(torch.zeros((6, 8), dtype=torch.bfloat16))


@pytest.mark.parametrize(
    ("axes", "words"),
    [("z y x", "hold ' '"), ("abyx", "hold 'a', 'b'"), ("yxx", "hold x more than once")],
)
def test_wrong_axes_are_named(axes: str, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        as_micrograph(np.zeros((3, 4, 5)), axes)


def test_ambiguous_axes_are_a_question_with_every_reading() -> None:
    with pytest.raises(Undecided) as asked:
        as_micrograph(np.zeros((12, 20, 20), np.uint8), name="stack")
    question = asked.value.question
    assert (question.about, question.name) == ("axes", "stack")
    assert [choice.value for choice in question.choices] == ["zyx", "cyx", "yxc"]


def test_a_plane_that_takes_more_memory_than_allowed_is_refused_before_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(damage, "bytes_allowed", lambda: 65 * 2**20)

    def read(*_: object) -> None:
        raise AssertionError("was read")

    lazy = da.zeros((2, 9000, 9000), np.uint8, chunks=(1, 4000, 4000)).map_blocks(read, dtype="u1")
    image = Micrograph(lazy, "zyx", name="large")
    with pytest.raises(ImageError, match=r"large.*\(9000, 9000\), take 81 MB .* a part"):
        image.plane(1)
    part = Micrograph(da.ones((2, 9000, 9000), np.uint8, chunks=(1, 400, 400)), "zyx")
    assert part.plane(1, (slice(0, 400), slice(0, 400))).shape == (1, 400, 400)
    there = Micrograph(np.zeros((9000, 9000), np.uint8), "yx")
    assert there.plane().shape == (1, 9000, 9000)  # it takes no more memory
