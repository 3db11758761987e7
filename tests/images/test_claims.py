"""What a writer may replace, and that a refusal changes nothing on the disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from unetscope.errors import OutputError
from unetscope.images.annotations.formats import write_annotations
from unetscope.images.annotations.values import as_annotations
from unetscope.images.claims import REPORT, Claim, Role, mark_of
from unetscope.images.files import write_labels, write_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.images.writing import replacing

LABELS = np.zeros((30, 40), np.uint8)
LABELS[3:9, 3:9] = 1
GREY = np.arange(1200, dtype=np.uint16).reshape(30, 40)


def on_disk(folder: Path) -> dict[str, str]:
    """Every file under ``folder`` and what is in it."""
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def a_picture(path: Path) -> Path:
    tifffile.imwrite(path, GREY)
    return path


def a_plate(path: Path) -> Path:
    plate = zarr.open_group(path, mode="w")
    plate.attrs["ome"] = {"version": "0.5", "plate": {}}
    plate.create_group("A/1").create_array("0", data=GREY)
    return path


def a_bare_array(path: Path) -> Path:
    zarr.create_array(path, data=GREY)
    return path


def a_container(path: Path) -> Path:
    zarr.open_group(path, mode="w").attrs["ome"] = {"bioformats2raw.layout": 3}
    return a_plate(path / "0").parent


def an_unknown_folder(path: Path) -> Path:
    path.mkdir()
    (path / "notes.txt").write_text("mine")
    return path


@pytest.mark.parametrize("name", ["a.zip", "a.json", "a.geojson", "a.zarr", "a.tif"])
def test_annotations_of_ours_are_replaced(name: str, tmp_path: Path) -> None:
    write_annotations(as_annotations(LABELS), tmp_path / name)
    assert mark_of(tmp_path / name) is Role.LABELS
    write_annotations(as_annotations(LABELS * 2), tmp_path / name)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (a_picture, "a.tif"),
        (a_plate, "a.zarr"),
        (a_bare_array, "a.zarr"),
        (a_container, "a.zarr"),
        (an_unknown_folder, "a.zarr"),
        (an_unknown_folder, "a.tif"),
    ],
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_what_others_wrote_is_refused_and_stays_as_it_is(
    make: Callable[[Path], Path], name: str, overwrite: bool, tmp_path: Path
) -> None:
    there = make(tmp_path / name)
    before = on_disk(tmp_path)
    claim = Claim(Role.LABELS, overwrite=overwrite)
    if overwrite and there.is_file():
        write_labels(LABELS, there, claim=claim)  # a single file, and a person said so
        assert mark_of(there) is Role.LABELS
        return
    for write in (
        lambda: write_labels(LABELS, there, claim=claim),
        lambda: write_micrograph(Micrograph(LABELS, "yx"), there, claim),
        lambda: write_annotations(as_annotations(LABELS), there, claim=claim),
    ):
        with pytest.raises(OutputError, match="choose another"):
            write()
    assert on_disk(tmp_path) == before


def test_an_input_is_never_replaced_even_through_a_link_or_a_folder_around_it(
    tmp_path: Path,
) -> None:
    image = a_picture(tmp_path / "a.tif")
    link = tmp_path / "link.tif"
    link.symlink_to(image)
    hard = tmp_path / "hard.tif"
    os.link(image, hard)
    claim = Claim(Role.PREDICTION, (image,), overwrite=True)
    for target in (image, link, hard, tmp_path / "." / "a.tif"):
        with pytest.raises(OutputError, match="is read for this work"):
            write_labels(LABELS, target, claim=claim)
    with pytest.raises(OutputError, match="is read for this work"):
        Claim(Role.PREDICTION, (image,), overwrite=True).check(tmp_path)
    np.testing.assert_array_equal(tifffile.imread(image), GREY)


def test_a_copied_receipt_does_not_make_a_file_of_others_ours(tmp_path: Path) -> None:
    with replacing(tmp_path / "table.csv", REPORT) as temporary:
        temporary.write_text("a\n1\n")
    other = tmp_path / "other"
    other.mkdir()
    (other / ".unetscope-files.json").write_bytes((tmp_path / ".unetscope-files.json").read_bytes())
    (other / "table.csv").write_text("my own\n")
    assert mark_of(other / "table.csv") is None


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), replacing(tmp_path / "a.csv", REPORT) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_of_a_link_to_a_folder_the_link_is_replaced_and_the_folder_stays(tmp_path: Path) -> None:
    real, link = tmp_path / "real.ome.zarr", tmp_path / "link.ome.zarr"
    write_micrograph(Micrograph(GREY, "yx"), real)
    link.symlink_to(real, target_is_directory=True)
    before = on_disk(real)
    for value in (1, 2):
        write_micrograph(Micrograph(GREY + value, "yx"), link)
    assert on_disk(real) == before
    assert sorted(os.listdir(tmp_path)) == ["link.ome.zarr", "real.ome.zarr"]
    np.testing.assert_array_equal(zarr.open_array(link / "0"), GREY + 2)


def test_a_link_that_leads_nowhere_is_replaced_or_refused_and_nothing_is_left(
    tmp_path: Path,
) -> None:
    link = tmp_path / "a.ome.zarr"
    link.symlink_to(tmp_path / "gone")
    with pytest.raises(OutputError, match="no ordinary file"):
        write_micrograph(Micrograph(GREY, "yx"), link)
    with replacing(link, Claim(Role.STATE)) as temporary:
        temporary.mkdir()
    assert os.listdir(tmp_path) == ["a.ome.zarr"] and not link.is_symlink()
