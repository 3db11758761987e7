"""Real sets: found beside the project, read as dense classes, split by what belongs together."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from unetscope.errors import ImageError
from unetscope.pretraining.datasets import DATASETS, dataset, find_data, scenes


def test_the_folder_is_found_from_anywhere_below(data_root, tmp_path) -> None:
    deep = tmp_path / "project" / "src"
    deep.mkdir(parents=True)
    assert find_data(deep) == data_root
    (data_root / "INDEX.md").unlink()
    assert find_data(deep) != data_root


def test_scenes_carry_dense_classes(data_root) -> None:
    found = list(scenes(data_root, dataset("bbbc039")))
    assert [s.group for s in found] == ["f0", "f1", "f2"]
    for scene in found:
        assert scene.image.shape == scene.labels.shape == (160, 160)
        assert set(np.unique(scene.labels)) == {1, 2}
        assert scene.image[scene.labels == 2].mean() > scene.image[scene.labels == 1].mean() + 80
    assert len(list(scenes(data_root, dataset("bbbc039"), limit=2))) == 2


def test_a_scene_of_one_class_is_left_out(data_root) -> None:
    from skimage import io

    empty = np.zeros((160, 160), np.uint8)
    io.imsave(data_root / "bbbc039" / "masks" / "f1.png", empty, check_contrast=False)
    assert [s.group for s in scenes(data_root, dataset("bbbc039"))] == ["f0", "f2"]


def test_a_missing_mask_and_an_unknown_set_are_named(data_root) -> None:
    (data_root / "bbbc039" / "masks" / "f1.png").unlink()
    with pytest.raises(ImageError, match=r"f1\.png"):
        list(scenes(data_root, dataset("bbbc039")))
    with pytest.raises(ImageError, match="nonsense"):
        dataset("nonsense")


def test_membranes_of_a_volume_lie_where_bodies_meet(tmp_path) -> None:
    folder = tmp_path / "fib25_neurons3d"
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    bodies = np.ones((30, 20, 20), np.uint16)
    bodies[:, :, 10:] = 70_00
    tifffile.imwrite(folder / "images" / "v.tif", np.zeros(bodies.shape, np.uint8))
    tifffile.imwrite(folder / "masks" / "v.tif", bodies)
    found = list(scenes(tmp_path, dataset("fib25_neurons3d"), z_step=10))
    assert len(found) == 3
    expected = np.ones((20, 20), int)
    expected[:, 8:12] = 2
    assert np.array_equal(found[0].labels, expected)


def test_neuropil_leaves_what_nobody_annotated_unlabelled() -> None:
    mask = np.array([[255, 0, 128, 191, 223, 159]], np.uint8)
    assert dataset("vnc_sstem").to_classes(mask).tolist() == [[1, 2, 2, 3, 0, 0]]


def test_licences_that_name_no_data_only_judge() -> None:
    assert {d.name for d in DATASETS if not d.may_train} == {
        "vnc_sstem",
        "emps_nanoparticles",
        "wsu_chloroplast",
        "plantseg_cells",
    }
    assert len({d.name for d in DATASETS}) == len(DATASETS)


@pytest.mark.parametrize("name", [d.name for d in DATASETS])
def test_every_real_set_can_be_read(shared_data, name) -> None:
    entry = dataset(name)
    scene = next(scenes(shared_data, entry, limit=2))
    assert scene.image.shape[:2] == scene.labels.shape
    values = set(np.unique(scene.labels)) - {0}
    assert 2 <= len(values) <= len(entry.classes) and max(values) <= len(entry.classes)
