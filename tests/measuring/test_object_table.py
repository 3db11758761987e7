"""Measures against shapes whose numbers are known, and against those of scikit-image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import regionprops

from measuring.phantoms import ball, bar, ellipsoid
from unetscope.errors import MeasurementError
from unetscope.images.micrograph import Micrograph
from unetscope.measuring import crossings, moments, object_table, pixel_runs
from unetscope.measuring.object_table import ObjectTable, measure
from unetscope.measuring.objects import Separation, given_objects, objects_of
from unetscope.measuring.quantities import Spacing


def table_of(mask: NDArray[Any], spacing: tuple[float, ...], unit: str = "nm") -> ObjectTable:
    return measure(objects_of(mask.astype(np.uint8), Spacing(spacing, unit)))


def disks(diameter: int, spacing: tuple[float, float], count: int = 30) -> ObjectTable:
    """Disks at places between the pixels; ``diameter`` in pixels of the coarser axis."""
    rng, coarse = np.random.default_rng(diameter), max(spacing)
    radius, rows = diameter / 2 * coarse, []
    shape = [int(2 * radius / s) + 8 for s in spacing]
    for _ in range(count):
        centre = [radius + (3 + rng.random()) * s for s in spacing]
        rows.append(ball(shape, centre, radius, spacing))
    return table_of(np.concatenate(rows), spacing)


@pytest.mark.parametrize("diameter", [12, 20, 40])
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (2.0, 1.0), (1.0, 5.0)])
def test_disks_have_the_measures_of_disks(diameter: int, spacing: tuple[float, float]) -> None:
    found, truth = disks(diameter, spacing).columns, diameter * max(spacing)
    assert len(found["area"]) == 30
    assert found["diameter"].mean() == pytest.approx(truth, rel=0.005)
    assert found["perimeter"].mean() == pytest.approx(np.pi * truth, rel=0.01)
    assert 0.98 <= found["circularity"].mean() <= 1.02
    pixel = max(spacing)
    assert -0.1 * pixel <= (found["feret_max"] - truth).mean() <= (0.9 if pixel == 1 else 1) * pixel
    assert -0.5 * pixel <= (found["feret_min"] - truth).mean() <= 0.1 * pixel
    assert found["axis_major"].mean() == pytest.approx(truth, rel=0.02)
    assert found["axis_minor"].mean() == pytest.approx(truth, rel=0.02)
    assert (found["solidity"] <= 1).all() and found["solidity"].mean() > 0.9


@pytest.mark.parametrize("degrees", [0, 30, 45, 90, 120, 165])
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (2.0, 1.0)])
def test_a_rod_lies_at_its_angle_in_the_world_and_has_its_sides(
    degrees: int, spacing: tuple[float, float]
) -> None:
    shape = (int(200 / spacing[0]), int(200 / spacing[1]))
    row = table_of(bar(shape, (150, 20), degrees, spacing), spacing).columns
    turned = (row["angle"][0] - degrees + 90) % 180 - 90
    assert turned == pytest.approx(0, abs=1)
    assert row["area"][0] == pytest.approx(150 * 20, rel=0.03)
    # a rectangle's second moment is a²/12, the axis is that of an ellipse: 4√(a²/12)
    assert row["axis_major"][0] == pytest.approx(150 * 4 / np.sqrt(12), rel=0.02)
    assert row["axis_minor"][0] == pytest.approx(20 * 4 / np.sqrt(12), rel=0.06)
    assert row["feret_max"][0] == pytest.approx(np.hypot(150, 20), abs=2)
    assert row["feret_min"][0] == pytest.approx(20, abs=1.5 * max(spacing))


def test_an_ellipse_has_its_axes_perimeter_and_centre() -> None:
    mask = ellipsoid((90, 140), (44.25, 70.5), (20.0, 40.0), (1, 1))
    row = {key: column[0] for key, column in table_of(mask, (1.0, 1.0)).columns.items()}
    assert row["axis_major"] == pytest.approx(80, rel=0.005)
    assert row["axis_minor"] == pytest.approx(40, rel=0.005)
    assert row["area"] == pytest.approx(np.pi * 800, rel=0.005)
    # Ramanujan's second approximation, exact to 1e-4 here
    h = (40 - 20) ** 2 / 60**2
    truth = np.pi * 60 * (1 + 3 * h / (10 + np.sqrt(4 - 3 * h)))
    assert row["perimeter"] == pytest.approx(truth, rel=0.02)  # four directions, a long shape
    assert (row["centre_y"], row["centre_x"]) == pytest.approx((44.25, 70.5), abs=0.05)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 1.0, 1.0), (2.0, 1.0, 0.5)])
def test_a_sphere_has_volume_surface_and_axes_of_a_sphere(spacing: tuple[float, ...]) -> None:
    radius = 18.0
    shape = [int(2 * radius / s) + 6 for s in spacing]
    mask = ball(shape, [radius + 2.3 * s for s in spacing], radius, spacing)
    row = {key: column[0] for key, column in table_of(mask, spacing).columns.items()}
    assert row["volume"] == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.01)
    assert row["diameter"] == pytest.approx(2 * radius, rel=0.004)
    assert row["surface"] == pytest.approx(4 * np.pi * radius**2, rel=0.02)
    assert row["sphericity"] == pytest.approx(1, rel=0.02)
    assert row["feret_max"] == pytest.approx(2 * radius, abs=1.2 * max(spacing))
    assert 0.85 < row["solidity"] <= 1
    axes = [row[f"axis_{at}"] for at in (1, 2, 3)]
    assert axes == pytest.approx([2 * radius] * 3, rel=0.01)


@pytest.mark.parametrize("size", [(1.0, 1.0), (2.0, 1.0), (1.0, 7.0), (3.0, 1.0, 1.0)])
def test_the_shares_of_directions_are_those_of_a_plane_through_the_grid(
    size: tuple[float, ...],
) -> None:
    # the factor comes off: all shares together are all directions
    factor = np.pi / 2 if len(size) == 2 else 2.0
    shares = [
        weight / (2 * factor * np.prod(size)) * np.linalg.norm(np.multiply(way, size))
        for way, weight in crossings.directions(size)
    ]
    assert sum(shares) == pytest.approx(1)
    assert len(shares) == (4 if len(size) == 2 else 13)


def blobs(seed: int = 3) -> NDArray[Any]:
    field = ndimage.gaussian_filter(np.random.default_rng(seed).random((150, 170)), 3)
    return (field > 0.51).astype(np.uint8)


def test_measures_equal_those_of_scikit_image_where_both_have_them() -> None:
    found = objects_of(blobs(), Spacing((1.0, 1.0)))
    grey = np.random.default_rng(0).normal(1000, 30, found.ids.shape)
    ours = measure(found, Micrograph(grey, "yx")).columns
    props = regionprops(found.ids.astype(np.int32), grey)
    assert len(props) > 20
    for key, theirs in {
        "area": [p.area for p in props],
        "perimeter": [p.perimeter_crofton for p in props],
        "centre_y": [p.centroid[0] for p in props],
        "centre_x": [p.centroid[1] for p in props],
        "axis_major": [p.axis_major_length for p in props],
        "axis_minor": [p.axis_minor_length for p in props],
        "mean": [p.intensity_mean for p in props],
        "min": [p.intensity_min for p in props],
        "max": [p.intensity_max for p in props],
        "sd": [grey[found.ids == p.label].std() for p in props],
    }.items():
        np.testing.assert_allclose(ours[key], theirs, rtol=1e-9, err_msg=key)


def test_the_smallest_caliper_is_that_of_all_directions() -> None:
    found = objects_of(blobs(5), Spacing((1.5, 1.0)))
    ours = measure(found).columns
    turns = np.deg2rad(np.arange(0, 180, 0.05))
    for number, smallest, largest in zip(
        found.numbers[:15], ours["feret_min"], ours["feret_max"], strict=False
    ):
        y, x = np.nonzero(found.ids == number)
        middles = [(y, x - 0.5), (y, x + 0.5), (y - 0.5, x), (y + 0.5, x)]
        points = np.concatenate([np.stack([1.5 * a, b]) for a, b in middles], 1)
        reach = np.ptp(np.stack([np.sin(turns), np.cos(turns)], 1) @ points, axis=1)
        assert reach.min() - 0.06 <= smallest <= reach.min() + 1e-9
        assert reach.max() - 1e-9 <= largest <= reach.max() + 0.06


def test_solidity_of_a_convex_and_of_a_hollow_shape() -> None:
    square = np.zeros((30, 30), np.uint8)
    square[5:25, 5:25] = 1
    assert table_of(square, (1.0, 1.0)).columns["solidity"][0] == 1
    square[5:25, 10:20] = 0
    square[5:8, 10:20] = 1
    row = table_of(square, (1.0, 1.0)).columns
    assert row["solidity"][0] == pytest.approx((400 - 170) / 400)


def test_the_hull_of_a_box_and_of_two_that_lie_apart_in_a_stack() -> None:
    solid = np.zeros((8, 20, 30), np.uint8)
    solid[2:6, 4:14, 5:25] = 1
    row = table_of(solid, (2.0, 1.0, 1.0)).columns
    assert row["solidity"][0] == pytest.approx(1)
    # middles of faces: whole along one axis, half a pixel less at each end along the others
    ways = [
        np.hypot(8, np.hypot(9, 19)),
        np.hypot(6, np.hypot(10, 19)),
        np.hypot(6, np.hypot(9, 20)),
    ]
    assert row["feret_max"][0] == pytest.approx(max(ways))
    solid[2:6, 4:14, 10:20] = 0
    ends = measure(given_objects(solid, Spacing((2.0, 1.0, 1.0)))).columns
    assert ends["solidity"][0] == pytest.approx(0.5)
    assert ends["feret_max"][0] == pytest.approx(max(ways))


def test_turning_and_mirroring_change_no_measure_but_place_and_angle() -> None:
    mask = blobs(7)
    kept = ("area", "perimeter", "feret_max", "feret_min", "axis_major", "axis_minor", "solidity")
    reference = table_of(mask, (2.0, 1.0)).columns
    cases = {(2.0, 1.0): (mask[::-1], mask[:, ::-1]), (1.0, 2.0): (mask.T, np.rot90(mask))}
    for spacing, masks in cases.items():
        for turned in masks:
            other = table_of(turned, spacing).columns
            for key in kept:
                np.testing.assert_allclose(
                    np.sort(other[key]), np.sort(reference[key]), rtol=1e-9, err_msg=key
                )


def test_a_change_of_the_unit_is_exact_and_named_in_the_headers() -> None:
    nm = Spacing((4.0, 4.0), "nm")
    table, micro = table_of(blobs(), nm.size), nm.within("µm")
    assert micro.size == (0.004, 0.004)
    other = table_of(blobs(), micro.size, "µm")
    np.testing.assert_allclose(other.columns["area"] * 1e6, table.columns["area"], rtol=1e-12)
    assert "area_um2" in [column.header for column in other.about]
    assert "angle_deg" in [column.header for column in other.about]


def test_bands_of_any_height_give_the_same_table(monkeypatch: pytest.MonkeyPatch) -> None:
    image = Micrograph(np.random.default_rng(2).random((150, 170)), "yx")
    found = objects_of(blobs(), Spacing((1.0, 1.0)))
    whole = measure(found, image)
    for room in (pixel_runs, moments):
        monkeypatch.setattr(room, "BAND_PX", 170 * 7)
    monkeypatch.setattr(object_table, "_RUNS", 50)
    found = objects_of(blobs(), Spacing((1.0, 1.0)))
    banded = measure(found, image)
    for key, values in whole.columns.items():
        np.testing.assert_array_equal(values, banded.columns[key], err_msg=key)


def test_each_channel_has_grey_values_and_a_pixel_that_is_none_empties_its_object() -> None:
    mask = np.zeros((20, 30), np.uint8)
    mask[2:10, 2:10], mask[2:10, 15:25] = 1, 1
    pixels = np.zeros((2, 20, 30), np.float32)
    pixels[0], pixels[1, :, 12:] = 5, 9
    pixels[0, 4, 4] = np.nan
    table = measure(objects_of(mask, Spacing((1.0, 1.0))), Micrograph(pixels, "cyx"))
    assert np.isnan(table.columns["mean_c0"][0]) and table.columns["mean_c0"][1] == 5
    assert table.columns["mean_c1"].tolist() == [0, 9]


def test_shapes_of_few_pixels_are_empty_and_their_sizes_are_not() -> None:
    mask = np.zeros((20, 20), np.uint8)
    mask[3:6, 3:6] = 1
    found = objects_of(mask, Spacing((1.0, 1.0)), Separation(smallest=0))
    row = measure(found).columns
    assert row["area"][0] == 9
    assert all(np.isnan(row[key][0]) for key in ("perimeter", "angle", "feret_max", "solidity"))


def test_numbers_with_gaps_as_large_as_they_come_are_measured() -> None:
    ids = np.zeros((30, 30), np.uint32)
    ids[2:8, 2:8], ids[20:28, 20:28] = 4_000_000_000, 7
    table = measure(given_objects(ids, Spacing((1.0, 1.0))))
    assert table.columns["object"].tolist() == [7, 4_000_000_000]
    assert table.columns["area"].tolist() == [64, 36]
    assert table.columns["feret_max"][1] == pytest.approx(np.hypot(6, 5))  # of edge middles


def test_objects_at_the_edge_have_no_weight_and_the_others_that_of_their_box() -> None:
    mask = np.zeros((50, 100), np.uint8)
    mask[0:10, 5:15], mask[20:30, 40:60] = 1, 1
    table = table_of(mask, (2.0, 2.0))
    assert table.columns["at_border"].tolist() == [1, 0]
    assert np.isnan(table.columns["weight"][0])
    assert table.columns["weight"][1] == pytest.approx(50 / (50 - 11) * 100 / (100 - 21))
    assert table.field == (100.0, 200.0)


def test_the_edge_of_a_region_cuts_objects_and_only_a_box_has_weights() -> None:
    mask = np.zeros((60, 60), np.uint8)
    mask[10:30, 10:20], mask[10:20, 40:50] = 1, 1
    box, crooked = np.zeros((60, 60), bool), np.zeros((60, 60), bool)
    box[0:25] = crooked[0:25] = True
    crooked[0, 0] = False
    for region, rectangular in ((box, True), (crooked, False)):
        found = objects_of(mask, Spacing((1.0, 1.0)), region=region)
        table = measure(found, region=region)
        assert table.columns["at_border"].tolist() == [1, 0]
        assert table.rectangular is rectangular
        assert table.field == (25.0, 60.0)


def test_a_table_of_nothing_has_all_columns() -> None:
    for shape in ((8, 8), (4, 8, 8)):
        spacing = Spacing((1.0,) * len(shape))
        table = measure(objects_of(np.zeros(shape, np.uint8), spacing))
        assert len(table) == 0
        assert all(len(column) == 0 for column in table.columns.values())


def test_an_image_of_another_shape_is_refused() -> None:
    found = objects_of(np.ones((8, 8), np.uint8), Spacing((1.0, 1.0)))
    with pytest.raises(MeasurementError, match="own image"):
        measure(found, Micrograph(np.zeros((8, 9)), "yx"))
