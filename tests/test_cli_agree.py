"""``unetscope agree``: files and folders, what is written, what is refused."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import tifffile
from click.testing import Result
from numpy.typing import NDArray
from typer.testing import CliRunner

from unetscope.cli.app import app
from unetscope.images.files import write_labels
from unetscope.images.micrograph import Micrograph

runner = CliRunner()


def run(*arguments: object) -> Result:
    return runner.invoke(app, ["agree", *(str(argument) for argument in arguments)])


def squares(count: int = 36) -> NDArray[np.uint16]:
    """Numbered squares of 10 x 10 pixels."""
    ids = np.zeros((96, 96), np.uint16)
    for at in range(count):
        row, column = 3 + 16 * (at // 6), 3 + 16 * (at % 6)
        ids[row : row + 10, column : column + 10] = at + 100
    return ids


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open(encoding="utf-8")))


def test_objects_of_a_class_image_are_compared_with_numbered_ones(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "truth.tif", squares())
    found = np.where(squares(27), 2, 1).astype(np.uint8)
    found[0, :] = 2  # a scratch: one more object
    found[15:17, 15:17] = 2  # specks of fewer than 20 pixels are none
    size = Micrograph(np.zeros(found.shape, np.uint8), "yx", (4.0, 4.0), "nm")
    write_labels(found, tmp_path / "found.tif", size)
    told = ("--class", 2, "--pixel-size", "4nm", "--csv", tmp_path / "out.csv")
    result = run(tmp_path / "truth.tif", tmp_path / "found.tif", *told)
    assert result.exit_code == 0, result.output
    row = rows_of(tmp_path / "out.csv")[0]
    assert (row["true_objects"], row["found_objects"]) == ("36", "28")
    assert (row["tp"], row["fp"], row["fn"]) == ("27", "1", "9")
    assert float(row["f1"]) == pytest.approx(2 * 27 / (2 * 27 + 10))
    assert float(row["accuracy_0.95"]) == float(row["mean_accuracy"]) == 27 / 37
    assert float(row["true_mean_diameter_nm"]) == pytest.approx(4 * np.sqrt(400 / np.pi))
    assert float(row["error_of_mean_diameter"]) == pytest.approx(0, abs=1e-12)
    assert "F1 at IoU .5: 0.8438 (n = 1 images; no interval" in result.stdout
    assert result.stdout.split()[-1] == str(tmp_path / "out.csv")


def test_folders_are_paired_by_name_and_who_is_alone_is_named(tmp_path: Path) -> None:
    for folder in ("truth", "found"):
        (tmp_path / folder).mkdir()
    for name in "abcdef":
        tifffile.imwrite(tmp_path / "truth" / f"{name}.tif", squares())
    for name in "abcde":
        tifffile.imwrite(tmp_path / "found" / f"{name}_labels.tif", squares(33))
    result = run(tmp_path / "truth", tmp_path / "found", "--csv", tmp_path / "out.csv")
    assert result.exit_code == 1
    assert "f.tif has no partner" in " ".join(result.stderr.split())
    assert "n = 5 images" in result.stdout and "95%" in result.stdout
    assert [row["image"] for row in rows_of(tmp_path / "out.csv")] == [f"{n}.tif" for n in "abcde"]


def test_outlines_lie_on_the_image_of_the_other_file(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "truth.tif", squares())
    image = ("--image", tmp_path / "truth.tif", "--values", "objects")
    made = ["labels", "convert", tmp_path / "truth.tif", tmp_path / "found.geojson", *image]
    assert runner.invoke(app, [str(part) for part in made]).exit_code == 0
    for pair in (("truth.tif", "found.geojson"), ("found.geojson", "truth.tif")):
        result = run(*(tmp_path / name for name in pair), "--csv", tmp_path / "out.csv")
        assert result.exit_code == 0, result.output
        assert float(rows_of(tmp_path / "out.csv")[0]["mean_accuracy"]) == 1


@pytest.mark.parametrize(
    ("found", "options", "words"),
    [
        ("truth.tif", ("--edge", "guess"), "weight, drop or keep"),
        ("truth.tif", ("--csv", "truth.tif"), "read for this work"),
        ("other.tif", (), "shape"),
        ("folder", (), "two files or two folders"),
        ("missing.tif", (), "missing.tif"),
        ("class.tif", ("--class", "pore"), "there is no class 'pore'"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    found: str,
    options: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    tifffile.imwrite("truth.tif", squares())
    tifffile.imwrite("other.tif", squares()[:50])
    write_labels(np.ones((96, 96), np.uint8), Path("class.tif"))
    result = run("truth.tif", found, *options)
    assert result.exit_code == 2, result.output
    assert words in " ".join(result.stderr.split())
