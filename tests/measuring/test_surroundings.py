"""What lies around objects: backgrounds, gaps and touching neighbours, against plain counting."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from unetscope.errors import MeasurementError
from unetscope.images.micrograph import Micrograph
from unetscope.measuring.background import Ring, Surroundings, backgrounds
from unetscope.measuring.columns import Extras
from unetscope.measuring.neighbours import gaps, touching
from unetscope.measuring.object_table import measure
from unetscope.measuring.objects import given_objects
from unetscope.measuring.pixel_runs import runs_of
from unetscope.measuring.quantities import Spacing

SHAPES = [((40, 50), (1.0, 1.0)), ((40, 50), (2.5, 1.0)), ((8, 20, 22), (3.0, 1.0, 1.2))]


def scattered(shape: tuple[int, ...], seed: int, sigma: float = 1.2) -> NDArray[np.int64]:
    """Blobs, two of which are one object that is not connected."""
    field = ndimage.gaussian_filter(np.random.default_rng(seed).random(shape), sigma)
    ids = ndimage.label(field > np.quantile(field, 0.7))[0]
    return np.where(ids == 3, 1, ids)


def tiled(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Objects that all touch."""
    return np.arange(np.prod(shape)).reshape(shape) // 7 % 40


@pytest.mark.parametrize(("shape", "spacing"), SHAPES)
def test_gaps_and_touching_are_those_of_all_pairs_of_pixels(
    shape: tuple[int, ...], spacing: tuple[float, ...]
) -> None:
    for ids in (scattered(shape, 0), scattered(shape, 1), tiled(shape)):
        runs = runs_of(ids)
        pixels = [np.argwhere(ids == number) for number in runs.numbers]
        truth = []
        for at, own in enumerate(pixels):
            others = np.concatenate([p for i, p in enumerate(pixels) if i != at])
            apart = np.maximum(np.abs(own[:, None] - others[None]) - 1, 0) * np.array(spacing)
            truth.append(np.sqrt((apart**2).sum(-1)).min())
        np.testing.assert_allclose(gaps(runs, spacing), truth)
        beside = []
        for number in runs.numbers:
            grown = ndimage.binary_dilation(ids == number)
            beside.append(len(set(ids[grown].tolist()) - {0, number}))
        assert touching(runs).tolist() == beside


def test_some_gaps_are_those_of_all() -> None:
    runs = runs_of(scattered((60, 70), 2))
    some = np.arange(runs.count) % 3 == 0
    found = gaps(runs, (1.0, 1.0), some)
    np.testing.assert_array_equal(found[some], gaps(runs, (1.0, 1.0))[some])
    assert np.isnan(found[~some]).all()


@pytest.mark.parametrize(("shape", "spacing"), SHAPES)
def test_a_background_is_the_median_of_free_pixels_at_those_distances(
    shape: tuple[int, ...], spacing: tuple[float, ...]
) -> None:
    ids, rng, ring = scattered(shape, 4), np.random.default_rng(0), Ring(1.5, 5.0)
    grey, region = rng.normal(size=shape), rng.random(shape) > 0.1
    grey[(0,) * len(shape)] = np.nan
    runs = runs_of(ids)
    image = Micrograph(grey, "zyx"[-len(shape) :])
    found = backgrounds(runs, ring, Surroundings(image, ids, spacing, region))[0]
    truth = []
    for number in runs.numbers:
        far = ndimage.distance_transform_edt(ids != number, sampling=spacing)
        free = (far > 1.5) & (far <= 5) & (ids == 0) & region & np.isfinite(grey)
        truth.append(np.median(grey[free]) if free.sum() >= 30 else np.nan)
    np.testing.assert_array_equal(found, truth)


def test_a_disk_on_an_uneven_ground_is_told_by_how_much_it_is_brighter() -> None:
    y, x = np.mgrid[:80, :200]
    ids = np.zeros((80, 200), int)
    for number, centre in enumerate((40, 100, 160), start=1):
        ids[(y - 40) ** 2 + (x - centre) ** 2 <= 100] = number
    grey = (100 + x + 50 * (ids > 0)).astype(np.uint16)
    found = given_objects(ids, Spacing((2.0, 2.0), "nm"))
    table = measure(found, Micrograph(grey, "yx"), extras=Extras(Ring(4.0, 12.0)))
    np.testing.assert_allclose(table.columns["corrected"], 50, atol=1)
    np.testing.assert_allclose(table.columns["background"], [140, 200, 260], atol=1)
    formula = {column.key: column.formula for column in table.about}["background"]
    assert "4 to 12 nm" in formula and "30" in formula


def test_neighbours_behind_the_edge_are_told_to_be_possible() -> None:
    ids = np.zeros((60, 100), int)
    ids[10:20, 10:20], ids[10:20, 24:34], ids[40:50, 60:70] = 1, 2, 3
    table = measure(given_objects(ids, Spacing((1.0, 1.0))), extras=Extras(neighbours=True))
    assert table.columns["nearest_edge"].tolist() == [4, 4, np.hypot(20, 26)]
    assert table.columns["nearest_centre"][:2].tolist() == [14, 14]
    assert table.columns["nearest_edge_sure"].tolist() == [1, 1, 0]
    assert table.columns["nearest_centre_sure"].tolist() == [1, 1, 0]
    assert table.columns["touching"].tolist() == [0, 0, 0]


@pytest.mark.parametrize("count", [0, 1])
def test_no_and_one_object_have_no_neighbour(count: int) -> None:
    ids = np.zeros((20, 20), int)
    ids[5:10, 5:10] = count
    extras = Extras(Ring(1, 5), neighbours=True)
    table = measure(
        given_objects(ids, Spacing((1.0, 1.0))), Micrograph(np.ones((20, 20)), "yx"), None, extras
    )
    assert len(table) == count
    assert np.isnan(table.columns["nearest_edge"]).all()
    assert (table.columns["touching"] == 0).all()
    assert (table.columns["background"] == 1).all()


def test_the_share_of_saturated_pixels_is_that_at_the_end_of_the_type() -> None:
    ids = np.ones((10, 10), int)
    grey = np.zeros((10, 10), np.uint8)
    grey[:2] = 255
    objects = given_objects(ids, Spacing((1.0, 1.0)))
    assert measure(objects, Micrograph(grey, "yx")).columns["saturated"][0] == 0.2
    reals = measure(objects, Micrograph(grey.astype(float), "yx"))
    assert np.isnan(reals.columns["saturated"][0])


@pytest.mark.parametrize(("inner", "outer"), [(3, 3), (5, 2), (-1, 2), (0, np.inf), (np.nan, 4)])
def test_a_ring_of_nothing_is_refused(inner: float, outer: float) -> None:
    with pytest.raises(MeasurementError, match="two radii"):
        Ring(inner, outer)


def test_a_background_without_an_image_is_refused() -> None:
    objects = given_objects(np.ones((9, 9), int), Spacing((1.0, 1.0)))
    with pytest.raises(MeasurementError, match="needs the image"):
        measure(objects, extras=Extras(Ring(1, 3)))
