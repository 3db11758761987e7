"""Reading and writing: what goes in comes out, and what cannot is said in words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from unetscope.errors import ImageError, LabelError, OutputError
from unetscope.images import tiff
from unetscope.images.files import read_labels, read_micrograph, write_labels, write_micrograph
from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.images.questions import Answers

SHAPES = {
    "yx": (21, 33),
    "cyx": (2, 21, 33),
    "zyx": (5, 21, 33),
    "zcyx": (5, 2, 21, 33),
    "yxc": (21, 33, 3),
}
OME_DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
CASES = [
    *[(".ome.tif", axes, dtype) for axes in SHAPES for dtype in ("uint8", "uint16", "float32")],
    *[(".ome.tif", "yx", dtype) for dtype in OME_DTYPES],
    *[(".tif", axes, dtype) for axes in SHAPES for dtype in ("uint8", "uint16", "float32")],
    *[(".tif", "yx", dtype) for dtype in OME_DTYPES],
    *[(".zarr", axes, dtype) for axes in SHAPES for dtype in ("uint8", "float32")],
    *[(".zarr", "zyx", dtype) for dtype in (*OME_DTYPES, "int64", "float16")],
    (".png", "yx", "uint8"),
    (".png", "yx", "uint16"),
    (".png", "yxc", "uint8"),
    (".bmp", "yx", "uint8"),
    (".bmp", "yxc", "uint8"),
]


def _pixels(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    values = np.random.default_rng(0).uniform(0, 100, shape)
    return values.astype(dtype)


@pytest.mark.parametrize(("suffix", "axes", "dtype"), CASES)
def test_an_image_comes_back_with_its_values_axes_and_pixel_size(
    tmp_path: Path, suffix: str, axes: str, dtype: str
) -> None:
    size = (0.05, 0.012, 0.013)[-len(axes.replace("c", "")) :]
    pixels = _pixels(SHAPES[axes], dtype)
    path = tmp_path / f"image{suffix}"
    write_micrograph(Micrograph(pixels, axes, size, "µm", "image"), path)
    back = read_micrograph(path)
    left = [name for name in os.listdir(tmp_path) if not name.startswith(".unetscope")]
    assert left == [path.name]  # a list of ours stands beside formats that have no place for words
    assert back.dtype == np.dtype(dtype)
    assert (back.depth, back.channels) == (
        5 if "z" in axes else 1,
        pixels.shape[axes.index("c")] if "c" in axes else 1,
    )
    for z in range(back.depth):
        np.testing.assert_array_equal(back.plane(z), Micrograph(pixels, axes).plane(z))
    if suffix in (".png", ".bmp"):
        assert back.pixel_size is None
    else:
        assert back.pixel_size == pytest.approx(size, rel=1e-6)
        assert back.unit == "µm"


@pytest.mark.parametrize("suffix", [".ome.tif", ".tif", ".zarr"])
@pytest.mark.parametrize("unit", ["nm", "µm", "mm", "Å", "pm"])
def test_every_unit_survives(tmp_path: Path, suffix: str, unit: str) -> None:
    path = tmp_path / f"image{suffix}"
    write_micrograph(Micrograph(np.zeros((9, 9), "u1"), "yx", (1234.5, 0.003), unit), path)
    back = read_micrograph(path)
    assert back.unit == unit
    assert back.pixel_size == pytest.approx((1234.5, 0.003), rel=1e-6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("axes", ["yx", "czyx"])
def test_a_unit_that_no_list_has_is_kept_in_ome_zarr(tmp_path: Path, axes: str) -> None:
    size = (3.0, 2.0, 0.5)[-len(axes.replace("c", "")) :]
    pixels = np.arange(3 ** len(axes), dtype="u1").reshape((3,) * len(axes))
    path = tmp_path / "a.ome.zarr"
    write_micrograph(Micrograph(pixels, axes, size, "furlong"), path)
    back = read_micrograph(path)
    assert (back.pixel_size, back.unit, back.axes) == (size, "furlong", axes)
    np.testing.assert_array_equal(np.asarray(back.pixels), pixels)


@pytest.mark.parametrize("suffix", [".tif", ".ome.tif", ".zarr", ".png"])
def test_an_unknown_pixel_size_stays_unknown(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"image{suffix}"
    write_micrograph(as_micrograph(np.zeros((9, 9), "u1")), path)
    assert read_micrograph(path).pixel_size is None
    assert read_micrograph(path).unit is None


def test_jpeg_is_read_as_colour_and_grey(tmp_path: Path) -> None:
    colour = np.full((16, 24, 3), (200, 100, 50), np.uint8)
    write_micrograph(as_micrograph(colour), tmp_path / "c.jpg")
    write_micrograph(as_micrograph(colour[..., 0]), tmp_path / "g.jpeg")
    back = read_micrograph(tmp_path / "c.jpg")
    assert back.is_rgb and abs(back.plane().mean(axis=(1, 2)) - (200, 100, 50)).max() < 3
    assert read_micrograph(tmp_path / "g.jpeg").axes == "yx"


def test_imagej_units_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(
        path,
        np.zeros((4, 9, 9), "u1"),
        imagej=True,
        resolution=(20, 10),
        metadata={"axes": "ZYX", "spacing": 0.3, "unit": "micron"},
    )
    back = read_micrograph(path)
    assert (back.axes, back.unit) == ("zyx", "µm")
    assert back.pixel_size == pytest.approx((0.3, 0.1, 0.05))


def test_ome_sizes_default_to_micrometres_and_dots_per_inch_say_nothing(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        np.zeros((9, 9), "u1"),
        metadata={"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25},
    )
    back = read_micrograph(tmp_path / "a.ome.tif")
    assert (back.pixel_size, back.unit) == ((0.25, 0.5), "µm")
    tifffile.imwrite(
        tmp_path / "b.tif", np.zeros((9, 9), "u1"), resolution=(300, 300), resolutionunit="INCH"
    )
    assert read_micrograph(tmp_path / "b.tif").pixel_size is None


def test_pages_in_a_row_are_asked_for_and_can_be_told(tmp_path: Path) -> None:
    path = tmp_path / "pages.tif"
    tifffile.imwrite(path, np.zeros((12, 20, 20), "u1"), photometric="minisblack", metadata=None)
    with pytest.raises(ImageError, match='axes="zyx"'):
        read_micrograph(path)
    assert read_micrograph(path, axes="zyx").depth == 12
    assert read_labels(path).shape == (12, 20, 20)


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate"])
def test_compressions_of_other_programs_are_read(tmp_path: Path, compression: str) -> None:
    pixels = _pixels((40, 50), "uint8")
    Image.fromarray(pixels).save(tmp_path / "a.tif", compression=compression)
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.tif").plane()[0], pixels)


def test_time_series_are_refused_with_a_reason(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "t.ome.tif", np.zeros((4, 9, 9), "u1"), metadata={"axes": "TYX"})
    with pytest.raises(ImageError, match="4 time points"):
        read_micrograph(tmp_path / "t.ome.tif")


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_large_tiffs_stay_in_the_file(
    tmp_path: Path, compression: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiff, "LAZY_BYTES", 1000)
    pixels = _pixels((300, 200), "uint16")
    path = tmp_path / "large.tif"
    tifffile.imwrite(path, pixels, compression=compression, tile=(64, 64) if compression else None)
    back = read_micrograph(path)
    assert type(back.pixels) is not np.ndarray
    region = (slice(100, 170), slice(3, 50))
    np.testing.assert_array_equal(back.plane(0, region)[0], pixels[region])


def test_ome_zarr_0_4_is_read_with_scale_and_unit(tmp_path: Path) -> None:
    group = zarr.open_group(str(tmp_path / "old.zarr"), mode="w", zarr_format=2)
    group.create_array("0", data=np.arange(2 * 3 * 8 * 9, dtype="u2").reshape(1, 2, 3, 8, 9))
    axes = [
        {"name": "t", "type": "time"},
        {"name": "c", "type": "channel"},
        *({"name": n, "type": "space", "unit": "nanometer"} for n in "zyx"),
    ]
    group.attrs["multiscales"] = [
        {
            "version": "0.4",
            "axes": axes,
            "datasets": [
                {
                    "path": "0",
                    "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 5, 2, 2]}],
                }
            ],
            "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 2, 1, 1]}],
        }
    ]
    back = read_micrograph(tmp_path / "old.zarr")
    assert (back.axes, back.unit, back.pixel_size) == ("czyx", "nm", (10, 2, 2))
    assert back.plane(2).shape == (2, 8, 9)


def test_written_ome_zarr_is_valid_and_stays_lazy(tmp_path: Path) -> None:
    import yaozarrs

    lazy = da.arange(2 * 30 * 40, chunks=300).reshape(2, 30, 40).astype("u2")
    write_micrograph(as_micrograph(lazy, pixel_size=(2, 2), unit="nm"), tmp_path / "new.zarr")
    yaozarrs.validate_zarr_store(str(tmp_path / "new.zarr"))
    back = read_micrograph(tmp_path / "new.zarr")
    assert isinstance(back.pixels, zarr.Array)
    np.testing.assert_array_equal(back.plane(), lazy.compute())
    write_micrograph(back, tmp_path / "new.zarr")  # over itself: the old one is whole until then
    np.testing.assert_array_equal(read_micrograph(tmp_path / "new.zarr").plane(), lazy.compute())


@pytest.mark.parametrize("suffix", [".tif", ".ome.tif", ".png", ".bmp", ".zarr"])
@pytest.mark.parametrize("highest", [3, 250])
def test_labels_come_back_exactly(tmp_path: Path, suffix: str, highest: int) -> None:
    labels = np.random.default_rng(1).integers(0, highest + 1, (15, 17)).astype(np.int64)
    like = as_micrograph(np.zeros((15, 17)), pixel_size=(3, 4), unit="nm")
    write_labels(labels, tmp_path / f"l{suffix}", like)
    back = read_labels(tmp_path / f"l{suffix}")
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back, labels)
    if suffix not in (".png", ".bmp"):
        assert read_micrograph(tmp_path / f"l{suffix}").pixel_size == pytest.approx((3, 4))


@pytest.mark.parametrize("highest", [300, 70_000])
def test_many_labels_in_a_volume_come_back_exactly(tmp_path: Path, highest: int) -> None:
    labels = np.zeros((9, 15, 17), np.int64)
    labels[3, 4, 5] = highest
    for suffix in (".tif", ".zarr"):
        write_labels(labels, tmp_path / f"l{suffix}", None)
        np.testing.assert_array_equal(read_labels(tmp_path / f"l{suffix}"), labels)


def test_palette_pictures_give_their_numbers_and_colours_are_refused(tmp_path: Path) -> None:
    numbers = np.arange(12, dtype=np.uint8).reshape(3, 4) % 3
    picture = Image.fromarray(numbers, mode=None)
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    picture.save(tmp_path / "p.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "p.png"), numbers)
    assert read_micrograph(tmp_path / "p.png").is_rgb
    Image.fromarray(np.random.default_rng(0).integers(0, 9, (5, 5, 3), np.uint8)).save(
        tmp_path / "c.png"
    )
    with pytest.raises(LabelError, match="colour"):
        read_labels(tmp_path / "c.png")


@pytest.mark.parametrize("bad", [[[-1, 0]], [[0.5, 1]], [[np.nan, 1]], [[2**40, 0]], [[1j, 0]]])
def test_labels_that_are_no_whole_numbers_are_refused(tmp_path: Path, bad: Any) -> None:
    with pytest.raises(LabelError, match="whole"):
        write_labels(np.array(bad), tmp_path / "l.tif", None)
    assert not os.listdir(tmp_path)


def test_jpeg_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="JPEG"):
        write_labels(np.ones((3, 3), int), tmp_path / "l.jpg", None)
    write_micrograph(as_micrograph(np.ones((9, 9), np.uint8)), tmp_path / "l.jpg")
    with pytest.raises(LabelError, match="JPEG"):
        read_labels(tmp_path / "l.jpg")


@pytest.mark.parametrize(
    ("name", "pixels"),
    [
        ("a.png", np.zeros((4, 4), np.float32)),
        ("a.bmp", np.zeros((4, 4), np.uint16)),
        ("a.png", np.zeros((2, 9, 9), np.uint8)),
        ("a.tif", np.zeros((4, 4), np.int64)),
        ("a.tif", np.zeros((4, 4), np.float16)),
        ("a.xyz", np.zeros((4, 4))),
        ("a", np.zeros((4, 4))),
        ("missing/a.tif", np.zeros((4, 4))),
        ("missing/a.zarr", np.zeros((4, 4))),
        ("plain/a.tif", np.zeros((4, 4))),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_nothing(
    tmp_path: Path, name: str, pixels: np.ndarray
) -> None:
    (tmp_path / "plain").write_text("a file, not a folder")
    with pytest.raises(OutputError, match=r".{25}"):
        write_micrograph(as_micrograph(pixels), tmp_path / name)
    assert os.listdir(tmp_path) == ["plain"]


def test_a_folder_that_is_no_zarr_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "thesis.txt").write_text("precious")
    with pytest.raises(OutputError, match="another name"):
        write_micrograph(as_micrograph(np.zeros((4, 4))), tmp_path / "a.zarr")
    assert (tmp_path / "a.zarr" / "thesis.txt").read_text() == "precious"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="permission"):
        write_micrograph(as_micrograph(np.zeros((4, 4))), tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", [".tif", ".ome.tif", ".png", ".zarr"])
def test_a_failing_write_leaves_the_old_file_whole(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"a{suffix}"
    write_micrograph(as_micrograph(np.full((9, 9), 7, np.uint8)), path)

    def full_disk(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OutputError, match="disk is full"):
        write_micrograph(as_micrograph(np.full((9, 9), 8, np.uint8)), path)
    assert (read_micrograph(path).plane() == 7).all()
    assert os.listdir(tmp_path) == [path.name]


def test_axes_that_are_given_win_over_remembered_answers(tmp_path: Path) -> None:
    path = tmp_path / "pages.tif"
    tifffile.imwrite(path, np.zeros((12, 20, 20), "u1"), photometric="minisblack", metadata=None)
    assert read_micrograph(path, answers=Answers(axes="cyx")).axes == "cyx"
    assert read_micrograph(path, "zyx", Answers(axes="cyx")).axes == "zyx"
    assert read_labels(path, Answers(axes="cyx")).shape == (12, 20, 20)


def test_what_classic_tiff_cannot_address_is_written_as_bigtiff(
    tmp_path: Path, monkeypatch
) -> None:
    from unetscope.images import tiff

    pixels = np.random.default_rng(0).integers(0, 2**16, (90, 80)).astype(np.float32)
    write_micrograph(Micrograph(pixels, "yx"), tmp_path / "small.ome.tif")
    monkeypatch.setattr(tiff, "_CLASSIC_BYTES", pixels.nbytes)
    write_micrograph(Micrograph(pixels, "yx"), tmp_path / "large.ome.tif")
    for name, big in (("small", False), ("large", True)):
        with tifffile.TiffFile(tmp_path / f"{name}.ome.tif") as file:
            assert file.is_bigtiff is big
        assert np.array_equal(read_micrograph(tmp_path / f"{name}.ome.tif").pixels, pixels)
