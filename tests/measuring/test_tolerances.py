"""The figures that docs/measure.md promises, each against truth that is known: the larger tests."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from skimage.measure import regionprops_table

from measuring.phantoms import ball, bar
from unetscope.images.files import read_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.images.synthetic import SYNTHETIC
from unetscope.measuring.grain_size import intercepts_of, size_by_count, size_by_intercept
from unetscope.measuring.object_table import ObjectTable, measure
from unetscope.measuring.objects import Separation, given_objects, objects_of
from unetscope.measuring.populations import mean_diameter, population_of
from unetscope.measuring.quantities import Spacing

PX = Spacing((1.0, 1.0))


def disks(diameter: int, count: int = 200) -> ObjectTable:
    """Disks at places between the pixels, in one image of cells."""
    rng, cell = np.random.default_rng(diameter), diameter + 6
    y, x = np.mgrid[:cell, :cell]
    drawn = [
        np.hypot(y - cy, x - cx) <= diameter / 2
        for cy, cx in (cell - 1) / 2 + rng.uniform(-0.5, 0.5, (count, 2))
    ]
    return measure(objects_of(np.concatenate(drawn).astype(np.uint8), PX))


@pytest.mark.parametrize("diameter", [8, 12, 20, 40, 80])
def test_disks_at_two_hundred_places(diameter: int) -> None:
    found = disks(diameter).columns
    assert len(found["area"]) == 200
    assert found["diameter"].mean() == pytest.approx(diameter, rel=0.002)
    assert found["perimeter"].mean() == pytest.approx(math.pi * diameter, rel=0.006)
    assert 0.99 <= found["circularity"].mean() <= 1.02
    assert (found["feret_max"] - diameter).mean() <= 0.9
    assert (found["feret_min"] - diameter).mean() >= -0.5


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (2.0, 1.0), (5.0, 1.0), (1.0, 5.0)])
def test_one_disk_and_one_rod_of_the_world_whatever_the_pixels(
    spacing: tuple[float, float],
) -> None:
    rng, radius = np.random.default_rng(0), 6.5 * max(spacing)
    shape = [int(2 * radius / s) + 8 for s in spacing]
    areas, perimeters = [], []
    for _ in range(40):
        centre = [radius + (3 + rng.random()) * s for s in spacing]
        mask = ball(shape, centre, radius, spacing)
        row = measure(objects_of(mask.astype(np.uint8), Spacing(spacing))).columns
        areas.append(row["area"][0])
        perimeters.append(row["perimeter"][0])
    assert np.mean(areas) == pytest.approx(math.pi * radius**2, rel=0.003)
    assert np.mean(perimeters) == pytest.approx(2 * math.pi * radius, rel=0.01)
    size = tuple(int(300 / s) for s in spacing)
    rod = bar(size, (200, 40), 45, spacing)
    angle = measure(objects_of(rod.astype(np.uint8), Spacing(spacing))).columns["angle"][0]
    assert angle == pytest.approx(45, abs=1)


def assert_equal_to_scikit_image(ids: NDArray, grey: NDArray) -> None:
    ours = measure(given_objects(ids, PX), Micrograph(grey, "yx")).columns
    theirs = regionprops_table(
        ids.astype(np.int32),
        grey,
        properties=(
            *("area", "centroid", "bbox", "perimeter_crofton", "intensity_mean"),
            *("intensity_min", "intensity_max", "intensity_std", "axis_major_length"),
            "axis_minor_length",
        ),
    )
    large = theirs["area"] >= 20
    for key, other in {
        "area": theirs["area"],
        "centre_y": theirs["centroid-0"],
        "centre_x": theirs["centroid-1"],
        "first_y": theirs["bbox-0"],
        "first_x": theirs["bbox-1"],
        "last_y": theirs["bbox-2"] - 1,
        "last_x": theirs["bbox-3"] - 1,
        "mean": theirs["intensity_mean"],
        "sd": theirs["intensity_std"],
        "min": theirs["intensity_min"],
        "max": theirs["intensity_max"],
    }.items():
        np.testing.assert_allclose(ours[key], other, rtol=1e-9, err_msg=key)
    for key, name in {
        "perimeter": "perimeter_crofton",
        "axis_major": "axis_major_length",
        "axis_minor": "axis_minor_length",
    }.items():
        np.testing.assert_allclose(ours[key][large], theirs[name][large], rtol=1e-9, err_msg=key)


def test_many_ellipses_have_the_columns_of_scikit_image() -> None:
    rng, cell, count = np.random.default_rng(0), 24, 30
    y, x = np.mgrid[:cell, :cell] - (cell - 1) / 2
    ids = np.zeros((count * cell, count * cell), np.uint32)
    for number in range(count**2):
        row, column = divmod(number, count)
        turn, (long, short) = rng.uniform(0, math.pi), rng.uniform(2, 11, 2)
        along, across = (
            x * math.cos(turn) + y * math.sin(turn),
            y * math.cos(turn) - x * math.sin(turn),
        )
        inside = (along / long) ** 2 + (across / short) ** 2 <= 1
        ids[row * cell : (row + 1) * cell, column * cell : (column + 1) * cell][inside] = number + 1
    assert_equal_to_scikit_image(ids, rng.normal(1e4, 30, ids.shape))


def test_real_nuclei_have_the_columns_of_scikit_image(shared_data: Path) -> None:
    for ids, image in true_objects(shared_data, "bbbc039", 3):
        assert_equal_to_scikit_image(ids, image.plane()[0].astype(np.float64))


def true_objects(folder: Path, name: str, limit: int) -> list[tuple[NDArray, Micrograph]]:
    """True objects of the first images of a set that hold some, with the image."""
    found = []
    for path in sorted((folder / name / "masks").iterdir()):
        ids = np.asarray(read_micrograph(path).plane()[0]).astype(np.uint32)
        if len(np.unique(ids)) > 5:
            images = sorted((folder / name / "images").glob(f"{path.stem}.*"))
            found.append((ids, read_micrograph(images[0])))
        if len(found) == limit:
            break
    return found


@pytest.mark.parametrize(
    ("name", "least"), [("bbbc039", 0.9), ("dsb2018", 0.9), ("emps_nanoparticles", 0.93)]
)
def test_true_masks_are_parted_into_their_objects_and_never_worse_than_components(
    shared_data: Path, name: str, least: float
) -> None:
    found = {"components": [], "shape": []}
    for ids, _ in true_objects(shared_data, name, 4):
        sizes = np.bincount(ids.ravel())[1:]
        typical = float(np.median(np.sqrt(4 * sizes[sizes > 0] / math.pi)))
        for by, scores in found.items():
            how = Separation(by=by, typical=typical if by == "shape" else None)
            parted = objects_of((ids > 0).astype(np.uint8), PX, how)
            scores.append(f1(ids, parted.ids))
    assert np.mean(found["shape"]) >= max(least, np.mean(found["components"]))


def f1(truth: NDArray, other: NDArray) -> float:
    """At an IoU of one half, where a true object has at most one partner."""
    count = int(other.max()) + 1
    both, shared = np.unique(truth.astype(np.int64) * count + other, return_counts=True)
    true, found = np.divmod(both, count)
    sizes, other_sizes = np.bincount(truth.ravel()), np.bincount(other.ravel())
    inside = (true > 0) & (found > 0)
    union = sizes[true] + other_sizes[found] - shared
    hits = np.count_nonzero(inside & (shared > union / 2))
    return 2 * hits / (len(np.unique(truth)) - 1 + len(np.unique(other)) - 1)


def test_touching_disks_are_counted_right_nearly_always() -> None:
    rng, right = np.random.default_rng(0), 0
    for _ in range(150):
        diameter, overlap = rng.uniform(10, 60), rng.uniform(0, 0.2)
        radius, turn = diameter / 2, rng.uniform(0, math.pi)
        half = (2 - overlap) * radius / 2
        side = int(4 * radius) + 8
        middle = (side - 1) / 2 + rng.uniform(-0.5, 0.5, 2)
        way = half * np.array([math.sin(turn), math.cos(turn)])
        both = [ball((side, side), middle + sign * way, radius, (1, 1)) for sign in (1, -1)]
        how = Separation(by="shape", typical=diameter)
        right += len(objects_of((both[0] | both[1]).astype(np.uint8), PX, how).numbers) == 2
    assert right / 150 >= 0.98


@pytest.mark.parametrize("width", [2.0, 3.0, 4.5])
def test_grains_get_the_pixels_of_their_boundaries_back(width: float) -> None:
    truth, far = voronoi(1, 400, 60)
    labels = np.where(far <= width / 2, 2, 1).astype(np.uint8)
    # grains that the boundary leaves a core of belong to the truth; slivers do not
    left = np.bincount(truth[labels == 1], minlength=61) >= 30
    how = Separation(by="border", border=2, smallest=0)
    found = objects_of(labels, PX, how)
    shared = np.zeros((int(found.ids.max()) + 1, 61), int)
    np.add.at(shared, (found.ids.ravel(), truth.ravel()), 1)
    areas = np.bincount(found.ids.ravel(), minlength=len(shared))
    ratios = []
    for number in np.flatnonzero(left):
        if not touches_edge(truth, number):
            ratios.append(areas[shared[1:, number].argmax() + 1] / (truth == number).sum())
    assert len(ratios) > 25
    assert np.mean(ratios) == pytest.approx(1, abs=0.01)
    # without it each would lose half of the width all around
    assert (labels == 1).sum() / labels.size < 1 - 0.03 * width


def touches_edge(ids: NDArray, number: int) -> bool:
    return any((side == number).any() for side in (ids[0], ids[-1], ids[:, 0], ids[:, -1]))


def voronoi(seed: int, size: int, grains: int) -> tuple[NDArray, NDArray]:
    """Poisson-Voronoi grains on a torus, and how far each pixel is from a boundary, about."""
    seeds = np.random.default_rng(seed).uniform(0, size, (grains, 2))
    y, x = np.mgrid[:size, :size] + 0.5
    tree = cKDTree(seeds, boxsize=size)
    far, near = tree.query(np.stack([y.ravel(), x.ravel()], 1), k=2)
    way = np.abs(seeds[near[:, 0]] - seeds[near[:, 1]])
    apart = np.linalg.norm(np.minimum(way, size - way), axis=1)
    edge = (far[:, 1] ** 2 - far[:, 0] ** 2) / (2 * apart)
    ids = (near[:, 0] + 1).reshape(size, size).astype(np.uint32)
    return ids, edge.reshape(size, size)


@pytest.mark.parametrize(
    ("across", "cell", "drop_at_most"), [(3, 30, 0.95), (5, 20, 0.98), (10, 15, 0.99)]
)
def test_frames_of_few_grains_have_the_count_and_mean_of_the_whole(
    across: int, cell: int, drop_at_most: float
) -> None:
    size, side = 900, across * cell
    ids, _ = voronoi(across, size, (size // cell) ** 2)
    truth = float(np.sqrt(4 * np.bincount(ids.ravel())[1:] / math.pi).mean())
    places = np.arange(0, size, side)  # every grain is seen as often as every other
    frames = [ids.take(np.arange(top, top + side), 0, mode="wrap") for top in places]
    tables = [
        measure(given_objects(rows.take(np.arange(left, left + side), 1, mode="wrap"), PX))
        for rows in frames
        for left in places
    ]
    whole = sum(len(t) - t.columns["at_border"].sum() / 2 - 1 for t in tables)
    assert whole / (len(tables) * across**2) == pytest.approx(1, abs=0.02)
    means = {
        edge: np.average(objects.diameter, weights=objects.weight) / truth
        for edge in ("weight", "drop")
        for objects in [population_of(tables, edge)]
    }
    assert means["weight"] == pytest.approx(1, abs=0.02)
    assert means["drop"] <= drop_at_most


def test_two_thousand_grains_have_each_method_s_own_truth() -> None:
    ids, _ = voronoi(3, 900, 2000)
    micron = Spacing((1.0, 1.0), "µm")
    per_mm2 = 2000 / 0.9**2
    by_count = size_by_count([measure(given_objects(ids, micron))])
    assert by_count.value == pytest.approx(3.321928 * math.log10(per_mm2) - 2.954, abs=0.05)
    by_intercept = size_by_intercept([intercepts_of(ids, micron)])[0]
    chord = math.pi / 4 / math.sqrt(per_mm2)
    assert by_intercept.value == pytest.approx(-6.643856 * math.log10(chord) - 3.288, abs=0.05)


@pytest.mark.parametrize("kind", ["nuclei", "nanoparticles"])
def test_objects_of_synthetic_scenes_have_their_mean_size_from_true_masks(kind: str) -> None:
    scene = SYNTHETIC[kind]((400, 400), seed=2)
    truth = given_objects(scene.instances.astype(np.uint32), PX)
    typical = mean_diameter(population_of([measure(truth)], "keep")).value
    how = Separation(by="shape", typical=typical)
    found = objects_of((scene.instances > 0).astype(np.uint8), PX, how)
    mean = mean_diameter(population_of([measure(found)], "keep")).value
    assert mean == pytest.approx(typical, rel=0.05)
