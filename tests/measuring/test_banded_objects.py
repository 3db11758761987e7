"""Objects found a band at a time: the same as of the whole image, whatever the bands are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from unetscope.errors import MeasurementError
from unetscope.images.on_demand import dask_array
from unetscope.measuring import pixel_runs
from unetscope.measuring.banded_objects import objects_in_bands
from unetscope.measuring.object_table import measure
from unetscope.measuring.objects import Objects, Separation, given_objects, objects_of
from unetscope.measuring.quantities import Spacing

HOWS = [
    Separation(),
    Separation(by="shape", classes=(1,)),
    Separation(by="border", border=2),
    Separation(by="border", border=2, typical=30.0),
    Separation(smallest=0),
]


def classes(shape: tuple[int, ...], seed: int = 0) -> NDArray[np.uint8]:
    """Blobs of classes 1 and 3, and 2 as a border between them."""
    rng = np.random.default_rng(seed)
    field, other = (ndimage.gaussian_filter(rng.random(shape), 4 - len(shape) / 2) for _ in "ab")
    labels = (field > np.quantile(field, 0.45)).astype(np.uint8)
    labels[(labels == 1) & (other > np.quantile(other, 0.8))] = 2
    labels[(labels == 1) & (other < np.quantile(other, 0.2))] = 3
    return labels


def maze(size: int = 65) -> NDArray[np.uint8]:
    """Walls that cross every seam, in one spiral and its gaps."""
    y, x = np.mgrid[:size, :size] - size // 2
    turn = np.arctan2(y, x) / (2 * np.pi) * 8
    return (((np.hypot(y, x) + turn) % 8) < 4).astype(np.uint8)


def assert_same(found: Objects, whole: Objects, table: bool = True) -> None:
    np.testing.assert_array_equal(np.asarray(found.ids), whole.ids)
    for name in ("numbers", "class_of", "doubt"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name), err_msg=name)
    assert (found.count_range, found.dropped) == (whole.count_range, whole.dropped)
    for name in ("first", "line", "start", "length"):
        np.testing.assert_array_equal(getattr(found.runs, name), getattr(whole.runs, name))
    if not table:
        return
    ours, theirs = measure(found).columns, measure(whole).columns
    assert {k: v.tobytes() for k, v in ours.items()} == {k: v.tobytes() for k, v in theirs.items()}


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("shape", [(90, 110), (8, 32, 36)])
def test_bands_of_any_height_give_identical_numbers_and_tables(
    how: Separation, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = classes(shape)
    spacing = Spacing((2.0, 1.0, 1.0)[-len(shape) :], "nm")
    whole = objects_of(labels, spacing, how)
    for lines in (1, 7, 64):
        monkeypatch.setattr(pixel_runs, "BAND_PX", lines * shape[-1])
        assert_same(objects_in_bands(labels, spacing, how), whole, table=lines == 7)


@pytest.mark.parametrize("chunk", [16, 32, 64, 100])
@pytest.mark.parametrize("by", ["components", "shape"])
def test_tiles_of_any_size_give_identical_numbers_and_tables(chunk: int, by: str) -> None:
    for labels in (classes((90, 100), 1), maze(), np.ones((50, 50), np.uint8)):
        whole = objects_of(labels, Spacing((1.0, 1.0)), Separation(by=by))
        tiled = dask_array().from_array(labels, chunks=chunk)
        found = objects_in_bands(tiled, Spacing((1.0, 1.0)), Separation(by=by))
        assert_same(found, whole, table=chunk == 32)


def test_numbers_are_written_where_they_are_to_go(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    labels, spacing = classes((150, 130), 2), Spacing((4.0, 4.0), "nm")
    source = zarr.create_array(tmp_path / "a", shape=labels.shape, chunks=(64, 64), dtype="u1")
    source[:] = labels
    into = zarr.create_array(tmp_path / "b", shape=labels.shape, chunks=(64, 64), dtype="u4")
    found = objects_in_bands(source, spacing, Separation(by="shape"), into=into)
    assert found.ids is into
    whole = objects_of(labels, spacing, Separation(by="shape"))
    np.testing.assert_array_equal(into[:], whole.ids)
    given = given_objects(into, spacing)
    expected = measure(given_objects(whole.ids, spacing)).columns
    for key, values in measure(given).columns.items():
        np.testing.assert_array_equal(values, expected[key], err_msg=key)


def test_a_region_and_no_object_at_all() -> None:
    labels, region = classes((60, 70), 3), np.zeros((60, 70), bool)
    region[10:45, 20:60] = True
    px = Spacing((1.0, 1.0))
    whole = objects_of(labels, px, Separation(by="shape"), region)
    assert_same(objects_in_bands(labels, px, Separation(by="shape"), region), whole)
    for how in (Separation(), Separation(by="shape")):
        nothing = objects_in_bands(np.zeros((9, 9), np.uint8), px, how)
        assert len(nothing.numbers) == 0 and not nothing.ids.any()


def test_numbers_that_lie_in_a_file_in_memory_are_read_a_band_at_a_time(tmp_path: Path) -> None:
    labels, px = classes((90, 80), 4), Spacing((1.0, 1.0))
    mapped = np.memmap(tmp_path / "labels", np.uint8, "w+", shape=labels.shape)
    mapped[:] = labels
    assert_same(objects_in_bands(mapped, px), objects_of(labels, px))


@pytest.mark.parametrize(
    ("ids", "said"), [(np.full((9, 9), 0.5), "whole numbers"), (np.full((9, 9), -4), "from -4")]
)
def test_numbers_that_lie_elsewhere_are_checked_too(ids: NDArray, said: str) -> None:
    with pytest.raises(MeasurementError, match=said):
        given_objects(dask_array().from_array(ids, chunks=4), Spacing((1.0, 1.0)))


@pytest.mark.parametrize(
    ("labels", "how", "region", "said"),
    [
        (np.zeros((9, 9)), Separation(), None, "whole numbers"),
        (np.full((9, 9), -1), Separation(), None, "from -1"),
        (np.full((9, 9), 2**33), Separation(), None, "2³²"),
        (np.zeros((9, 9), int), Separation(holes=5), None, "lie in memory"),
        (np.zeros((9, 9), int), Separation(), np.ones((9, 8), bool), "region"),
        (np.zeros((3, 9, 9), int), Separation(), None, "3"),
    ],
)
def test_what_cannot_be_found_in_bands_is_said(
    labels: NDArray, how: Separation, region: NDArray | None, said: str
) -> None:
    with pytest.raises(MeasurementError, match=said):
        objects_in_bands(labels, Spacing((1.0, 1.0)), how, region)
