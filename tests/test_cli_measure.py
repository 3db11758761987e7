"""``unetscope measure``: tables of label files, what it refuses, and one bad file among many."""

from __future__ import annotations

import csv
import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import threadpoolctl
import tifffile
from click.testing import Result
from typer.testing import CliRunner

from unetscope import Segmenter
from unetscope.cli.app import app
from unetscope.images.claims import Claim, Role
from unetscope.images.files import write_labels, write_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.images.synthetic.nuclei import nuclei
from unetscope.images.tiff import write_tiff

runner = CliRunner()
NAMES = ("out.csv", "out_summary.json", "out_methods.txt", "out_origin.json")


def run(*arguments: object) -> Result:
    return runner.invoke(app, ["measure", *(str(argument) for argument in arguments)])


def said(result: Result) -> str:
    return " ".join((result.stderr or "").split())


def rows_of(path: Path) -> list[dict[str, Any]]:
    return list(csv.DictReader(path.open(encoding="utf-8")))


def squares(pixel_size: float | None = 4.0, unit: str = "nm") -> tuple[np.ndarray, Micrograph]:
    """Nine squares of class 2 on class 1, the last one cut by the edge."""
    labels = np.ones((100, 100), np.uint8)
    for at in range(8):
        row, column = 10 + 30 * (at // 3), 10 + 30 * (at % 3)
        labels[row : row + 16, column : column + 12] = 2
    labels[84:100, 84:96] = 2
    size = None if pixel_size is None else (pixel_size, pixel_size)
    return labels, Micrograph(np.zeros((100, 100), np.uint8), "yx", size, unit)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Labels with a pixel size of 4 nm, the same in µm, and some without one."""
    for name, size, unit in (("a", 4.0, "nm"), ("b", 0.004, "µm"), ("c", None, "nm")):
        labels, image = squares(size, unit)
        write_labels(labels, tmp_path / f"{name}.tif", image)
    return tmp_path


def test_a_label_file_becomes_table_summary_and_paragraph(folder: Path) -> None:
    result = run(folder / "a.tif", "--class", 2, "--out", folder / "out.csv")
    assert result.exit_code == 0, result.output
    files = [folder / name for name in NAMES]
    assert result.stdout.split() == [str(file) for file in files]
    rows = rows_of(files[0])
    assert len(rows) == 9
    assert {float(row["area_nm2"]) for row in rows} == {16 * 12 * 16}
    assert [row["at_border"] for row in rows] == ["0"] * 8 + ["1"]
    numbers = next(iter(json.loads(files[1].read_text(encoding="utf-8"))["classes"].values()))
    share = next(n for n in numbers if n["name"].startswith("area fraction"))
    assert share["value"] == pytest.approx(9 * 192 / 100**2)
    assert "9 objects" in files[2].read_text(encoding="utf-8")


def test_files_in_other_units_are_told_in_that_of_the_first(folder: Path) -> None:
    result = run(folder / "a.tif", folder / "b.tif", "--class", 2, "--out", folder / "out.csv")
    assert result.exit_code == 0, result.output
    rows = rows_of(folder / "out.csv")
    assert [row["image"] for row in rows] == ["a.tif"] * 9 + ["b.tif"] * 9
    assert {round(float(row["area_nm2"]), 6) for row in rows} == {3072}


def test_a_bad_file_is_named_and_does_not_keep_the_others_from_it(folder: Path) -> None:
    (folder / "bad.tif").write_bytes(b"II*\0nothing")
    files = [folder / f"{name}.tif" for name in ("a", "bad", "c", "b")]
    result = run(*files, "--class", 2, "--out", folder / "out.csv")
    assert result.exit_code == 1
    assert "bad.tif" in said(result) and "2 of 4 files" in said(result)
    assert "with and without a pixel size" in said(result)  # c.tif
    assert {row["image"] for row in rows_of(folder / "out.csv")} == {"a.tif", "b.tif"}


def test_a_pixel_size_can_be_told_and_is_pixels_where_nobody_does(folder: Path) -> None:
    run(folder / "c.tif", "--class", 2, "--out", folder / "px.csv")
    assert rows_of(folder / "px.csv")[0]["area_px2"] == "192.0"
    told = ("--pixel-size", "2x4nm", "--class", 2)
    run(folder / "c.tif", *told, "--out", folder / "nm.csv")
    assert rows_of(folder / "nm.csv")[0]["area_nm2"] == str(192 * 8.0)


def test_grey_values_are_those_of_the_image(folder: Path) -> None:
    grey = np.arange(100 * 100, dtype=np.uint16).reshape(100, 100)
    tifffile.imwrite(folder / "grey.tif", grey)
    told = ("--image", folder / "grey.tif", "--class", 2, "--out", folder / "out.csv")
    assert run(folder / "a.tif", *told).exit_code == 0
    assert float(rows_of(folder / "out.csv")[0]["mean"]) == grey[10:26, 10:22].mean()


def test_touching_objects_are_parted_by_shape_and_by_a_border_class(tmp_path: Path) -> None:
    y, x = np.mgrid[:60, :100]
    both = ((y - 30) ** 2 + (x - 30) ** 2 < 225) | ((y - 30) ** 2 + (x - 57) ** 2 < 225)
    labels = np.where(both, 2, 1).astype(np.uint8)
    image = Micrograph(np.zeros(labels.shape, np.uint8), "yx", (1.0, 1.0), "nm")
    write_labels(labels, tmp_path / "shape.tif", image)
    labels[both & (abs(x - 43.5) < 2)] = 3
    write_labels(labels, tmp_path / "border.tif", image)
    out = ("--class", 2, "--out", tmp_path / "out.csv", "--overwrite")
    for file, options, count in (
        ("shape", (), 1),
        ("shape", ("--apart", "shape", "--typical", "30nm"), 2),
        ("shape", ("--apart", "shape", "--typical", "30px"), 2),
        ("border", ("--border-class", 3), 2),
    ):
        result = run(tmp_path / f"{file}.tif", *options, *out)
        assert result.exit_code == 0, result.output
        rows = rows_of(tmp_path / "out.csv")
        assert len(rows) == count
        assert sum(float(row["area_nm2"]) for row in rows) == both.sum()


def test_a_region_leaves_the_bar_with_the_scale_out(folder: Path) -> None:
    told = ("--class", 2, "--region", "0:80,:", "--out", folder / "out.csv")
    assert run(folder / "a.tif", *told).exit_code == 0
    record = json.loads((folder / "out_summary.json").read_text(encoding="utf-8"))
    assert record["images"][0]["field"] == [320, 400]
    # of the last row of squares 10 lines are left, which the edge cuts
    assert [row["at_border"] for row in rows_of(folder / "out.csv")] == ["0"] * 6 + ["1"] * 2


def test_numbered_objects_are_taken_as_they_are(tmp_path: Path) -> None:
    ids = np.zeros((64, 64), np.uint16)
    for at in range(40):
        ids[1 + 8 * (at // 7) : 7 + 8 * (at // 7), 1 + 8 * (at % 7) : 7 + 8 * (at % 7)] = at + 100
    tifffile.imwrite(tmp_path / "ids.tif", ids)
    result = run(tmp_path / "ids.tif", "--values", "objects", "--out", tmp_path / "out.csv")
    assert result.exit_code == 0, result.output
    rows = rows_of(tmp_path / "out.csv")
    assert len(rows) == 40 and {row["area_px2"] for row in rows} == {"36.0"}


def test_grain_sizes_are_told_where_they_are_asked_for(tmp_path: Path) -> None:
    labels = np.full((121, 121), 2, np.uint8)
    labels[10::10], labels[:, 10::10] = 3, 3  # boundaries of one pixel
    image = Micrograph(np.zeros(labels.shape, np.uint8), "yx", (1.0, 1.0), "µm")
    write_labels(labels, tmp_path / "grains.tif", image)
    told = ("--class", 2, "--border-class", 3, "--grain-size", "--out", tmp_path / "out.csv")
    result = run(tmp_path / "grains.tif", *told)
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "out_summary.json").read_text(encoding="utf-8"))
    numbers = {n["name"]: n for n in content["classes"]["class 2"]}
    assert numbers["mean intercept along x"]["value"] == pytest.approx(10, rel=0.1)
    # 100 µm² each: -3.3223 log10(1e-4) - 2.955
    assert numbers["G by area"]["value"] == pytest.approx(10.33, abs=0.15)
    assert numbers["G by count"]["value"] == pytest.approx(10.33, abs=0.3)


def test_fibre_widths_are_told_where_they_are_asked_for(tmp_path: Path) -> None:
    y, x = np.mgrid[:150, :150]
    labels = np.where(np.abs((x - 75) * 0.6 + (y - 75) * 0.8) <= 5, 2, 1).astype(np.uint8)
    image = Micrograph(np.zeros(labels.shape, np.uint8), "yx", (4.0, 4.0), "nm")
    write_labels(labels, tmp_path / "fibres.tif", image)
    told = (tmp_path / "fibres.tif", "--class", 2, "--fibre-width", "--out", tmp_path / "out.csv")
    result = run(*told)
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "out_summary.json").read_text(encoding="utf-8"))
    numbers = {n["name"]: n for n in content["classes"]["class 2"]}
    assert numbers["fibre width, median"]["value"] == pytest.approx(40, abs=1.2)
    # x sin a + y cos a is what lies across: a = asin(0.6)
    assert numbers["mean direction of fibres"]["value"] == pytest.approx(36.87, abs=1.5)
    assert "square" in said(run(*told, "--pixel-size", "2x1nm"))


def test_without_a_pixel_size_there_is_no_grain_size(folder: Path) -> None:
    result = run(folder / "c.tif", "--class", 2, "--grain-size", "--out", folder / "out.csv")
    assert result.exit_code == 2 and "pixel size" in said(result)


def test_no_pixel_of_a_class_is_an_empty_table_and_a_count_of_nothing(folder: Path) -> None:
    result = run(folder / "a.tif", "--class", 7, "--out", folder / "out.csv")
    assert result.exit_code == 0, result.output
    assert rows_of(folder / "out.csv") == []
    header = (folder / "out.csv").read_text(encoding="utf-8")
    assert header.startswith("image,object,class,centre_y_nm")
    numbers = json.loads((folder / "out_summary.json").read_text(encoding="utf-8"))["classes"]
    assert numbers["class 7"][0]["value"] == 0
    assert numbers["class 7"][2]["value"] is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--pixel-size", "4"), "write 4nm"),
        (("--pixel-size", "0nm"), "positive numbers"),
        (("--pixel-size", "1x2x3nm"), "3 lengths for 2 axes"),
        (("--apart", "magic"), "not by 'magic'"),
        (("--typical", "-3nm"), "is no length"),
        (("--edge", "guess"), "weight, drop or keep"),
        (("--apart", "border"), "belong together"),
        (("--typical", "wide"), "is no length"),
        (("--smallest", "3 s"), "cannot be told in nm"),
        (("--region", "5"), "is no box"),
        (("--region", "500:600,:"), "holds no pixel"),
        (("--class", "mitochondrion"), "there is no class"),
        (("--image", "x.tif", "--image", "y.tif"), "1 label files and 2 images"),
        (("--pixel-size", "-4nm"), "not understood"),
        (("--pixel-size", "4px"), "not understood"),
        (("--group", "s1", "--group", "s2"), "1 files or folders and 2 groups"),
        (("--table", "ods"), "csv, xlsx, parquet, not as 'ods'"),
        (("--objects", "stl"), "not as 'stl'"),
        (("--model", "missing.unetscope"), "missing.unetscope"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    folder: Path, options: tuple[str, ...], words: str
) -> None:
    result = run(folder / "a.tif", *options, "--out", folder / "out.csv")
    assert result.exit_code == 2, result.output
    assert words in said(result)
    assert not (folder / "out.csv").exists()


def test_outlines_want_their_image_and_inputs_are_never_replaced(folder: Path) -> None:
    (folder / "rois.zip").write_bytes(b"PK")
    assert "--image" in said(run(folder / "rois.zip", "--out", folder / "out.csv"))
    before = (folder / "a.tif").read_bytes()
    result = run(folder / "a.tif", "--out", folder / "a.tif", "--overwrite")
    assert result.exit_code == 2
    assert (folder / "a.tif").read_bytes() == before


def test_classes_have_the_names_that_files_bring(folder: Path) -> None:
    outlines = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [[[5, 5], [5, 25], [25, 25], [25, 5]]]},
        "properties": {"classification": {"name": "pore"}},
    }
    outlines["geometry"]["coordinates"][0].append([5, 5])
    (folder / "a.geojson").write_text(json.dumps([outlines]), encoding="utf-8")
    tifffile.imwrite(folder / "grey.tif", np.zeros((60, 60), np.uint8))
    told = ("--image", folder / "grey.tif", "--class", "pore", "--out", folder / "out.csv")
    result = run(folder / "a.geojson", *told)
    assert result.exit_code == 0, result.output
    rows = rows_of(folder / "out.csv")
    assert [row["class"] for row in rows] == ["pore"]
    assert float(rows[0]["area_px2"]) == 400


def results_in(folder: Path) -> dict[str, bytes]:
    """What was written, by name, without the list of receipts."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file() and p.name[0] != "."}


def test_an_origin_makes_the_same_bytes_again_with_any_number_of_threads(folder: Path) -> None:
    grey = np.arange(100 * 100, dtype=np.uint16).reshape(100, 100)
    tifffile.imwrite(folder / "grey.tif", grey)
    out = folder / "results"
    out.mkdir()
    told = ("--image", folder / "grey.tif", "--class", 2, "--edge", "drop", "--smallest", "8nm")
    files = ("--table", "xlsx,parquet", "--objects", "tif,imagej,geojson", "--out", out / "o.csv")
    with threadpoolctl.threadpool_limits(1):
        first = run(folder / "a.tif", *told, "--group", "s1", *files)
    assert first.exit_code == 0, first.output
    before = results_in(out)
    assert len(before) == 9
    for path in out.iterdir():
        if path.suffix != ".json" or "origin" not in path.name:
            path.unlink()
    with threadpoolctl.threadpool_limits(2):
        second = run("--again", out / "o_origin.json")
    assert second.exit_code == 0, second.output
    assert results_in(out) == before
    told_of = json.loads(before["o_origin.json"])
    assert told_of["options"]["edge"] == "drop" and told_of["images"][0]["group"] == "s1"
    assert told_of["images"][0]["labels"]["path"] == "../a.tif"
    assert told_of["images"][0]["pixel_size_from"] == "file"


def test_an_origin_whose_files_are_others_is_refused_and_nothing_is_lost(folder: Path) -> None:
    out = folder / "results"
    out.mkdir()
    assert run(folder / "a.tif", "--class", 2, "--out", out / "o.csv").exit_code == 0
    before = results_in(out)
    (folder / "a.tif").write_bytes((folder / "b.tif").read_bytes())
    result = run("--again", out / "o_origin.json")
    assert result.exit_code == 2 and "a.tif is not what was measured" in said(result)
    assert results_in(out) == before


def test_an_origin_with_strange_options_is_refused(folder: Path) -> None:
    run(folder / "a.tif", "--class", 2, "--out", folder / "o.csv")
    path = folder / "o_origin.json"
    whole = path.read_text(encoding="utf-8")
    for options, words in (('{"speed":"1"}', "'speed'"), ('{"edge":5}', "is damaged: edge is 5"),
                           ('{"of_class":[2]}', "of_class"), ('{"out":"x"}', "'out'")):  # fmt: skip
        content = json.loads(whole)
        content["options"] = json.loads(options)
        path.write_text(json.dumps(content), encoding="utf-8")
        result = run("--again", path)
        assert result.exit_code == 2 and words in said(result), result.output
    assert "give no others" in said(run(folder / "a.tif", "--again", path))


def test_folders_are_groups_and_their_means_count_each_once(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for group, side, count in (("s1", 8, 3), ("s2", 10, 1), ("s3", 12, 1)):
        (tmp_path / group).mkdir()
        for number in range(count):
            labels = np.zeros((128, 128), np.uint8)
            for at in range(25):
                row, column = 4 + 25 * (at // 5), 4 + 25 * (at % 5)
                extra = int(rng.integers(2))
                labels[row : row + side + extra, column : column + side] = 2
            image = Micrograph(labels, "yx", (4.0, 4.0), "nm")
            write_labels(labels, tmp_path / group / f"{number}_labels.tif", image)
    groups = [tmp_path / name for name in ("s1", "s2", "s3")]
    told = [part for name in ("s1", "s2", "s3") for part in ("--group", name)]
    result = run(*groups, *told, "--class", 2, "--out", tmp_path / "out.csv")
    assert result.exit_code == 0, result.output
    rows = rows_of(tmp_path / "out.csv")
    assert list(rows[0])[:3] == ["image", "group", "object"]
    assert [row["group"] for row in rows] == ["s1"] * 75 + ["s2"] * 25 + ["s3"] * 25
    content = json.loads((tmp_path / "out_summary.json").read_text(encoding="utf-8"))
    by_group = content["groups"]["class 2"]
    sizes = [next(n["value"] for n in by_group[g] if n["name"] == "mean diameter")
             for g in ("s1", "s2", "s3")]  # fmt: skip
    means = {n["name"]: n for n in content["means_of_groups"]["class 2"]}
    mean = means["mean of groups, mean diameter"]
    assert mean["value"] == pytest.approx(np.mean(sizes)) and mean["n"] == 3
    assert mean["low"] < mean["value"] < mean["high"]


def test_a_folder_of_labels_is_paired_with_its_folder_of_images(folder: Path) -> None:
    (folder / "images").mkdir()
    (folder / "labels").mkdir()
    for name in "ab":
        (folder / f"{name}.tif").rename(folder / "labels" / f"{name}_labels.tif")
        grey = np.full((100, 100), ord(name), np.uint8)
        tifffile.imwrite(folder / "images" / f"{name}.tif", grey)
    (folder / "c.tif").rename(folder / "labels" / "c_labels.tif")
    told = ("--image", folder / "images", "--class", 2, "--out", folder / "out.csv")
    result = run(folder / "labels", *told)
    assert result.exit_code == 1 and "c_labels.tif has no image" in said(result)
    assert {(row["image"], row["mean"]) for row in rows_of(folder / "out.csv")} == {
        ("a_labels.tif", "97.0"), ("b_labels.tif", "98.0"),
    }  # fmt: skip


def test_images_are_predicted_and_measured_in_one_command(tmp_path: Path) -> None:
    scene = nuclei((96, 96), seed=1)
    write_micrograph(scene.image, tmp_path / "a.tif")
    segmenter = Segmenter("general-fast", device="cpu", seed=0).fit_instant(
        scene.image, scene.labels
    )
    segmenter.save(tmp_path / "m.unetscope")
    told = ("--model", tmp_path / "m.unetscope", "--class", 2, "--out", tmp_path / "out.csv")
    result = run(tmp_path / "a.tif", *told)
    assert result.exit_code == 0, result.output
    assert result.stdout.split()[0] == str(tmp_path / "out_labels" / "a_labels.tif")
    rows = rows_of(tmp_path / "out.csv")
    assert rows and all(row["mean"] for row in rows)
    before = results_in(tmp_path)
    about = json.loads(before["out_origin.json"])["images"][0]["model"]
    assert about["file"] == "m.unetscope" and len(about["sha256"]) == 64
    assert run("--again", tmp_path / "out_origin.json").exit_code == 0
    assert results_in(tmp_path) == before


ODD: dict[str, np.ndarray] = {
    "nothing": np.zeros((40, 50), np.uint8),
    "one pixel": np.pad(np.full((1, 1), 2, np.uint8), ((20, 19), (20, 29))),
    "a line": np.pad(np.full((1, 50), 2, np.uint8), ((20, 19), (0, 0))),
    "all of it": np.full((40, 50), 2, np.uint8),
    "gaps": np.pad(np.full((9, 9), 4_000_000_000, np.uint32), ((9, 22), (9, 32))),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_labels_make_a_table_and_numbers_all_the_same(tmp_path: Path, name: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", ODD[name])
    objects = ("--values", "objects") if name == "gaps" else ("--values", "classes", "--class", 2)
    more = ("--smallest", "0px", "--table", "xlsx", "--objects", "tif,imagej,geojson,zarr")
    result = run(tmp_path / "a.tif", *objects, *more, "--out", tmp_path / "out.csv")
    assert result.exit_code == 0, result.output
    assert len(rows_of(tmp_path / "out.csv")) == (0 if name == "nothing" else 1)
    text = (tmp_path / "out_summary.json").read_text(encoding="utf-8")
    for numbers in json.loads(text)["classes"].values():
        assert all(n["method"] and n["of"] for n in numbers)
        assert all((n["low"] is None) == bool(n["no_interval_because"]) for n in numbers)


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (np.full((20, 20), 1.5, np.float32), "whole numbers"),
        (np.full((20, 20), -3, np.int16), "whole numbers"),
        (np.full((20, 20), 2**33, np.uint64), "whole numbers"),
        (np.full((20, 20), np.nan, np.float32), "whole numbers"),
    ],
)
def test_labels_that_are_no_numbers_of_classes_are_refused_in_one_line(
    tmp_path: Path, pixels: np.ndarray, words: str
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    result = run(tmp_path / "a.tif", "--out", tmp_path / "out.csv")
    assert result.exit_code == 2 and words in said(result), result.output
    assert "Traceback" not in result.output and not (tmp_path / "out.csv").exists()


def test_grey_values_that_are_no_numbers_are_left_empty(folder: Path) -> None:
    grey = np.ones((100, 100), np.float32)
    grey[12, 12], grey[12, 42] = np.nan, np.inf
    tifffile.imwrite(folder / "grey.tif", grey)
    told = ("--image", folder / "grey.tif", "--class", 2, "--out", folder / "out.csv")
    assert run(folder / "a.tif", *told).exit_code == 0
    rows = rows_of(folder / "out.csv")
    assert [row["mean"] for row in rows[:3]] == ["", "", "1.0"]


def test_a_class_that_is_called_otherwise_in_another_file_is_named(folder: Path) -> None:
    outline = {"type": "Polygon", "coordinates": [[[5, 5], [5, 25], [25, 25], [25, 5], [5, 5]]]}
    tifffile.imwrite(folder / "grey.tif", np.zeros((60, 60), np.uint8))
    for file, name in (("a", "pore"), ("b", "void")):
        told = {"classification": {"name": name}, "metadata": {"label value": "2"}}
        feature = {"type": "Feature", "geometry": outline, "properties": told}
        (folder / f"{file}.geojson").write_text(json.dumps([feature]), encoding="utf-8")
    files = [folder / f"{name}.geojson" for name in "ab"]
    images = [part for _ in files for part in ("--image", folder / "grey.tif")]
    result = run(*files, *images, "--out", folder / "out.csv")
    assert result.exit_code == 1
    assert "class 2 is 'void' here and 'pore' in the files before" in said(result)
    assert {row["class"] for row in rows_of(folder / "out.csv")} == {"pore"}


def test_labels_of_another_shape_than_their_image_are_refused(folder: Path) -> None:
    tifffile.imwrite(folder / "grey.tif", np.zeros((90, 100), np.uint8))
    told = ("--image", folder / "grey.tif", "--class", 2, "--out", folder / "out.csv")
    result = run(folder / "a.tif", *told)
    assert result.exit_code == 2 and "(90, 100)" in said(result) and "a.tif" in said(result)
    assert not (folder / "out.csv").exists()


def test_certainty_tells_how_numbers_go_with_necks_and_edges(tmp_path: Path) -> None:
    y, x = np.mgrid[:200, :200]
    near = np.hypot((x - 12) % 34 - 12, (y - 14) % 40 - 14) - 12  # disks, some of them in touch
    near = np.minimum(near, np.hypot((x - 26) % 68 - 12, (y - 14) % 40 - 14) - 8)
    image = Micrograph(np.zeros(near.shape, np.uint8), "yx", (2.0, 2.0), "nm")
    probable = 1 / (1 + np.exp(near))
    write_labels(np.where(near < 0, 2, 1), tmp_path / "a_labels.tif", image)
    told = (tmp_path / "a_labels.tif", "--class", 2, "--apart", "shape", "--certainty")
    assert run(*told, "--out", tmp_path / "out.csv").exit_code == 0
    lines = json.loads((tmp_path / "out_summary.json").read_text(encoding="utf-8"))["certainty"]
    assert [line.partition(":")[0] for line in lines] == [
        "Class 2, mean diameter", "Class 2, d50 by number",
    ]  # fmt: skip
    assert all("telling apart: " in line and "edge: " not in line for line in lines)
    probabilities = Micrograph(np.stack([1 - probable, probable]).astype(np.float32), "cyx")
    write_tiff(probabilities, tmp_path / "a_probabilities.tif", Claim(Role.PROBABILITIES))
    result = run(*told, "--report", "html", "--out", tmp_path / "out.csv")
    assert result.exit_code == 0, result.output
    summary = json.loads((tmp_path / "out_summary.json").read_text(encoding="utf-8"))
    line = summary["certainty"][0]
    low, high = (float(end) for end in line.split("edge: ")[1].split(" nm")[0].split(" to "))
    mean = next(n for n in summary["classes"]["class 2"] if n["name"] == "mean diameter")["value"]
    # p is .7 and .3 where the edge lies ln(7/3) = .85 pixels farther in and out
    assert low == pytest.approx(mean - 2 * 2 * 0.85, rel=0.02)
    assert high == pytest.approx(mean + 2 * 2 * 0.85, rel=0.02)
    assert "How sure" in (tmp_path / "out_report.html").read_text(encoding="utf-8")
    origin = json.loads((tmp_path / "out_origin.json").read_text(encoding="utf-8"))
    assert origin["images"][0]["probabilities"]["path"] == "a_probabilities.tif"
    before = results_in(tmp_path)
    assert run("--again", tmp_path / "out_origin.json").exit_code == 0
    assert results_in(tmp_path) == before


def test_a_full_disk_leaves_the_table_of_before(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = (folder / "a.tif", "--class", 2, "--out", folder / "out.csv")
    assert run(*told).exit_code == 0
    before = (folder / "out.csv").read_bytes()

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("unetscope.images.writing._sync", full)
    result = run(*told)
    assert result.exit_code == 2 and "the disk is full" in said(result)
    assert (folder / "out.csv").read_bytes() == before
