"""What is written comes back with every pixel, class and object, in every format."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unetscope.errors import AnnotationError, OutputError
from unetscope.images.annotations.edges import filled, polygons_of
from unetscope.images.annotations.formats import FORMATS, read_annotations, write_annotations
from unetscope.images.annotations.run_lengths import compressed, expanded, mask_of, runs_of
from unetscope.images.annotations.values import (
    Annotations,
    as_annotations,
)
from unetscope.images.classes import LabelClass
from unetscope.images.files import read_micrograph, write_micrograph
from unetscope.images.micrograph import Micrograph

SUFFIX = {
    "mask": ".tif",
    "imagej": ".zip",
    "coco": ".json",
    "coco-rle": ".json",
    "geojson": ".geojson",
    "ome-zarr": ".zarr",
}
CLASSES = (
    LabelClass(1, "background", "#0072B2"),
    LabelClass(2, "Gold: particle", "#E69F00"),
    LabelClass(7, "naïve ×2", "#112233"),
)
MASKS = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9))
LABELS = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=2, max_dims=3, max_side=7),
    elements=st.sampled_from([0, 1, 2, 7]),
)


def placed_in(shape: tuple[int, int], corner: tuple[int, int], mask: np.ndarray) -> np.ndarray:
    whole = np.zeros(shape, bool)
    whole[corner[0] : corner[0] + mask.shape[0], corner[1] : corner[1] + mask.shape[1]] = mask
    return whole


@given(MASKS)
@example(np.array([[1, 1, 1], [1, 0, 1], [0, 1, 1]], bool))  # a hole that touches the outline
@example(np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0]], bool))
@settings(max_examples=100)
def test_polygons_along_pixel_edges_hold_exactly_the_pixels_of_the_mask(mask: np.ndarray) -> None:
    again = np.zeros(mask.shape, int)
    for rings in polygons_of(((0, 0), mask)):
        again += placed_in(mask.shape, *filled(rings, mask.shape))
        for ring in rings:  # a valid ring touches itself nowhere
            assert len({tuple(corner) for corner in ring}) == len(ring) >= 4
            assert (np.abs(np.diff(ring, axis=0, append=ring[:1])).min(axis=1) == 0).all()
    np.testing.assert_array_equal(again, mask)


@given(
    hnp.arrays(float, (2, 7, 2), elements=st.floats(-3, 12, width=32)),
    st.floats(0.001, 0.01),
)
@settings(max_examples=60)
def test_a_pixel_is_inside_where_its_centre_is(rings: np.ndarray, off: float) -> None:
    from skimage.measure import points_in_poly

    rings = np.round(rings, 2) + off  # so that no centre lies on an edge by chance
    y, x = np.mgrid[:9, :8] + 0.5
    centres = np.column_stack([x.ravel(), y.ravel()])
    expected = np.zeros(72, bool)
    for ring in rings:
        expected ^= points_in_poly(centres, ring)
    again = placed_in((9, 8), *filled(list(rings), (9, 8)))
    near = np.zeros(72, bool)
    for ring in rings:  # rounding may decide either way for what is on an edge nevertheless
        for start, end in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            along, to = end - start, centres - start
            near |= np.abs(along[0] * to[:, 1] - along[1] * to[:, 0]) < 1e-9
    np.testing.assert_array_equal(again.ravel()[~near], expected[~near])


def area(ring: np.ndarray) -> float:
    x, y = ring.T
    return abs(float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())) / 2


@given(MASKS)
@settings(max_examples=40)
def test_the_outline_comes_before_its_holes(mask: np.ndarray) -> None:
    polygons = polygons_of(((0, 0), mask))
    assert sum(area(p[0]) - sum(map(area, p[1:])) for p in polygons) == mask.sum()


@given(MASKS, st.integers(0, 2), st.integers(0, 2), st.integers(0, 1), st.integers(0, 1))
@settings(max_examples=60)
def test_run_lengths_hold_exactly_the_pixels_of_the_mask(
    mask: np.ndarray, top: int, left: int, below: int, right: int
) -> None:
    plane = (top + mask.shape[0] + below, left + mask.shape[1] + right)
    runs = runs_of(((top, left), mask), plane)
    assert expanded(compressed(runs)).tolist() == runs
    again = placed_in(plane, *mask_of(np.array(runs), plane))
    np.testing.assert_array_equal(again, placed_in(plane, (top, left), mask))


@given(st.lists(st.integers(0, 2**33), min_size=1))
@settings(max_examples=50)
def test_any_run_lengths_survive_compression(runs: list[int]) -> None:
    assert expanded(compressed(runs)).tolist() == runs


def test_the_compressed_text_is_that_of_the_coco_tools() -> None:
    # made with pycocotools 2.0: encode of a 9 × 9 mask with rows 2 to 5 of columns 3 to 6
    mask = np.zeros((9, 9), bool)
    mask[2:6, 3:7] = True
    assert compressed(runs_of(((0, 0), mask), (9, 9))) == "m04500000`0"


@pytest.mark.parametrize("format", FORMATS)
@given(labels=LABELS)
@settings(max_examples=6)
def test_labels_and_classes_come_back(format: str, labels: np.ndarray) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{SUFFIX[format]}"
        write_annotations(as_annotations(labels, CLASSES), path, format)
        back = read_annotations(path, labels.shape)
        np.testing.assert_array_equal(back.labels, labels)
        assert back.labels.dtype == np.uint8
        if format != "mask":
            shown = {c for c in CLASSES if (labels == c.value).any()}
            assert shown <= set(back.classes)
        known = read_annotations(path, labels.shape, CLASSES)
        np.testing.assert_array_equal(known.labels, labels)
        assert known.classes == CLASSES


@pytest.mark.parametrize("format", [f for f in FORMATS if f != "mask"])
@given(labels=LABELS, seed=st.integers(0, 999))
@settings(max_examples=6)
def test_objects_come_back_with_their_numbers(format: str, labels: np.ndarray, seed: int) -> None:
    numbers = np.random.default_rng(seed).integers(0, 4, labels.shape) * 1000
    numbers[labels == 0] = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{SUFFIX[format]}"
        write_annotations(as_annotations(labels, CLASSES, numbers), path, format)
        back = read_annotations(path, labels.shape)
        np.testing.assert_array_equal(back.labels, labels)
        assert back.instances is not None
        np.testing.assert_array_equal(back.instances, numbers)


@pytest.mark.parametrize("format", FORMATS)
def test_many_classes_take_sixteen_bits(tmp_path: Path, format: str) -> None:
    labels = np.zeros((40, 50), np.uint16)
    labels[:4, :5], labels[10:20, 10:20] = 300, 40_000
    classes = (LabelClass(300, "a", "#0072B2"), LabelClass(40_000, "b", "#0072B2"))
    path = tmp_path / f"a{SUFFIX[format]}"
    write_annotations(as_annotations(labels, classes), path, format)
    back = read_annotations(path, labels.shape)
    assert back.labels.dtype == np.uint16
    np.testing.assert_array_equal(back.labels, labels)


@pytest.mark.parametrize("format", [f for f in FORMATS if f != "mask"])
def test_names_are_looked_up_in_the_class_table(tmp_path: Path, format: str) -> None:
    path = tmp_path / f"a{SUFFIX[format]}"
    labels = np.zeros((12, 12), np.uint8)
    labels[2:5, 2:5], labels[8:, 8:] = 1, 2
    written = (LabelClass(1, "Cell", "#0072B2"), LabelClass(2, "debris", "#E69F00"))
    write_annotations(as_annotations(labels, written), path, format)
    table = (LabelClass(1, "background", "#FFFFFF"), LabelClass(5, "cell", "#000000"))
    back = read_annotations(path, labels.shape, table)
    assert back.labels[3, 3] == 5
    assert back.labels[9, 9] == 2
    assert [c.name for c in back.classes] == ["background", "debris", "cell"]
    assert any("debris" in note for note in back.notes)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_ome_zarr_labels_lie_in_their_image_with_its_pixel_size(
    tmp_path: Path, zarr_format: int
) -> None:
    path = tmp_path / "image.zarr"
    _write_image(path, zarr_format)
    labels = np.arange(20 * 30).reshape(20, 30) % 3
    annotations = as_annotations(labels, CLASSES[:2], labels * 10)
    for _ in range(2):  # the second time replaces the first
        write_annotations(annotations, path)
    back = read_annotations(path, (20, 30))
    np.testing.assert_array_equal(back.labels, labels)
    assert back.instances is not None and back.instances.max() == 20
    assert [c.name for c in back.classes] == ["background", "Gold: particle"]
    if zarr_format == 3:
        from yaozarrs import validate_zarr_store

        validate_zarr_store(str(path))
        told = json.loads((path / "labels/classes/zarr.json").read_bytes())["attributes"]["ome"]
    else:
        told = json.loads((path / "labels/classes/.zattrs").read_bytes())
    assert told["image-label"]["colors"][1] == {"label-value": 2, "rgba": [230, 159, 0, 255]}
    scale = told["multiscales"][0]["datasets"][0]["coordinateTransformations"][0]["scale"]
    assert scale == [0.5, 0.25]


def _write_image(path: Path, zarr_format: int) -> None:
    pixels = np.zeros((2, 20, 30), np.uint8)
    if zarr_format == 3:
        write_micrograph(Micrograph(pixels, "cyx", (0.5, 0.25), "µm"), path)
        return
    import zarr

    group = zarr.open_group(str(path), mode="w", zarr_format=2)
    group.create_array("0", data=pixels)
    axes: list[Any] = [
        {"name": "c", "type": "channel"},
        *({"name": n, "type": "space", "unit": "micrometer"} for n in "yx"),
    ]
    scale = {"type": "scale", "scale": [1, 0.5, 0.25]}
    datasets = [{"path": "0", "coordinateTransformations": [scale]}]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]


def test_labels_of_another_image_are_not_put_into_an_ome_zarr(tmp_path: Path) -> None:
    _write_image(tmp_path / "image.zarr", 3)
    with pytest.raises(AnnotationError, match=r"\(21, 30\)"):
        write_annotations(as_annotations(np.ones((21, 30), int)), tmp_path / "image.zarr")
    assert not (tmp_path / "image.zarr" / "labels" / "classes").exists()


def test_what_a_format_cannot_hold_is_refused_with_a_way_out(tmp_path: Path) -> None:
    wide = as_annotations(np.ones((1, 40_000), np.uint8))
    with pytest.raises(OutputError, match="GeoJSON"):
        write_annotations(wide, tmp_path / "a.zip")
    with pytest.raises(OutputError, match="known"):
        write_annotations(wide, tmp_path / "a.svg")
    stack = as_annotations(np.ones((2, 3, 4), np.uint8))
    with pytest.raises(OutputError, match="TIFF"):
        write_annotations(stack, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_what_a_format_has_no_place_for_is_told(tmp_path: Path) -> None:
    labels = np.zeros((12, 12), np.uint8)
    labels[2:5, 2:5], labels[2:5, 5:8] = 1, 2
    named = (LabelClass(1, "cell", "#0072B2"), LabelClass(2, "class 2", "#E69F00"))
    rich = as_annotations(labels, (*named, LabelClass(9, "\U0001d6fc unused", "#000000")), labels)
    told = {f: write_annotations(rich, tmp_path / f"a_{f}{SUFFIX[f]}", f) for f in FORMATS}
    names, objects = told["mask"]
    assert "1 is cell" in names and "2 is" not in names
    assert "2 objects" in objects and "do not touch" in objects
    assert [len(told[f]) for f in ("imagej", "geojson", "coco", "coco-rle")] == [2, 1, 0, 0]
    assert "1 class without a pixel" in told["imagej"][0] and "became ?" in told["imagej"][1]
    plain = as_annotations(np.where(labels == 2, labels, 0), named[1:])
    for format in FORMATS:
        assert write_annotations(plain, tmp_path / f"b_{format}{SUFFIX[format]}", format) == ()


def test_names_that_command_a_terminal_are_written_harmless_and_told(tmp_path: Path) -> None:
    odd = as_annotations(np.ones((4, 4), np.uint8), [LabelClass(1, "a\x1b[31m\nb", "#000000")])
    for format in ("imagej", "geojson", "coco"):
        path = tmp_path / f"a_{format}{SUFFIX[format]}"
        (told,) = write_annotations(odd, path, format)
        assert "changed in: a b" in told
        assert [c.name for c in read_annotations(path, (4, 4)).classes] == ["a b"]


@pytest.mark.parametrize(
    ("shape", "names"),
    [((4, 5), ["cells.tif"]), ((2, 4, 5), ["cells_z0000.tif", "cells_z0001.tif"])],
)
def test_coco_names_the_image_by_its_own_file(
    tmp_path: Path, shape: tuple[int, ...], names: list[str]
) -> None:
    labels = np.ones(shape, np.uint8)
    for format in ("coco", "coco-rle"):
        path = tmp_path / "labels.json"
        write_annotations(as_annotations(labels), path, format, image_name="cells.tif")
        images = json.loads(path.read_bytes())["images"]
        assert [image["file_name"] for image in images] == names
        back = read_annotations(path, shape, image_name="elsewhere/cells.tif")
        np.testing.assert_array_equal(back.labels, labels)
        assert not any("names the image" in note for note in back.notes)


def test_a_mask_is_written_with_the_pixel_size_of_its_image(tmp_path: Path) -> None:
    image = Micrograph(np.zeros((4, 5), np.uint8), "yx", (0.5, 0.25), "µm")
    write_annotations(as_annotations(np.ones((4, 5), np.uint8)), tmp_path / "a.tif", like=image)
    back = read_micrograph(tmp_path / "a.tif")
    assert back.unit == "µm" and back.pixel_size == pytest.approx((0.5, 0.25))


@pytest.mark.parametrize(
    ("labels", "instances"),
    [
        (np.zeros(5, int), None),
        (np.zeros((5, 5)), None),
        (np.full((5, 5), -1), None),
        (np.full((5, 5), 70_000), None),
        (np.zeros((5, 5), int), np.zeros((5, 6), int)),
        (np.zeros((5, 5), int), np.full((5, 5), -1)),
        (np.zeros((5, 5), int), np.zeros((5, 5))),
    ],
)
def test_labels_that_are_none_are_refused(labels: np.ndarray, instances: Any) -> None:
    with pytest.raises(AnnotationError, match=r"labels"):
        as_annotations(labels, (), instances)


def test_an_empty_image_of_labels_can_be_written_and_read(tmp_path: Path) -> None:
    empty = as_annotations(np.zeros((8, 9), np.uint8))
    for format in FORMATS:
        path = tmp_path / format / f"a{SUFFIX[format]}"
        path.parent.mkdir()
        write_annotations(empty, path, format)
        back: Annotations = read_annotations(path, (8, 9))
        assert not back.labels.any()
