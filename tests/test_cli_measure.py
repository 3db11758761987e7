"""``unetscope measure``: tables of label files, what it refuses, and one bad file among many."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from click.testing import Result
from typer.testing import CliRunner

from unetscope.cli.app import app
from unetscope.images.files import write_labels
from unetscope.images.micrograph import Micrograph

runner = CliRunner()


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
    files = [folder / name for name in ("out.csv", "out_summary.json", "out_methods.txt")]
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
