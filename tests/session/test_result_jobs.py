"""What the panel "Measure" writes is what the command line writes, to the byte."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from session.measured_disks import CLASSES, Hand, found_in, many_disks, random_edit, request_of
from unetscope.cli.app import app
from unetscope.images.classes import LabelClass
from unetscope.images.files import write_labels, write_micrograph
from unetscope.measuring.hand_records import checked_record
from unetscope.session.measuring.object_jobs import told
from unetscope.session.measuring.result_jobs import (
    MeasuredImage,
    WantedFiles,
    WriteMeasures,
    paragraph,
    write_measures,
)

DISK = CLASSES[1]
runner = CliRunner()


def written(
    images: list[MeasuredImage], table: Path, of_class: LabelClass = DISK, **kinds: Any
) -> list[Path]:
    files = WantedFiles(table, overwrite=True, **kinds)
    *_, last = write_measures(WriteMeasures(images, of_class, files))
    return list(last.paths)


def measure(*arguments: object) -> None:
    done = runner.invoke(app, ["measure", *map(str, arguments)])
    assert done.exit_code == 0, done.output + done.stderr


def test_window_and_command_line_write_the_same_bytes(tmp_path: Path) -> None:
    request = request_of(tmp_path / "kept", typical=30.0, smallest=9.0)
    image, labels = tmp_path / "disks.tif", tmp_path / "labels.tif"
    write_micrograph(request.micrograph, image)
    write_labels(request.labels, labels, request.micrograph)
    one = MeasuredImage(found_in(request), image)
    written([one], tmp_path / "window.csv", of_class=replace(DISK, name="class 2"))
    measure(
        labels, "--image", image, "--class", 2, "--apart", "shape", "--typical", "30nm",
        "--smallest", "9nm", "--out", tmp_path / "line.csv",
    )  # fmt: skip
    lines = (tmp_path / "line.csv").read_text().splitlines()
    window = (tmp_path / "window.csv").read_text().splitlines()
    without = [[line.partition(",")[2] for line in one] for one in (lines, window)]
    assert without[0] == without[1]  # the first column is the name of the image


@pytest.mark.parametrize("edge", ["weight", "keep"])
def test_what_the_window_wrote_is_made_again_with_edits_and_ticks(
    tmp_path: Path, edge: str
) -> None:
    hand, rng = Hand(found_in(request_of(tmp_path / "kept", edge=edge))), np.random.default_rng(2)
    records = []
    for _ in range(5):
        records.append(random_edit(hand, rng).as_record())
    hand.keeper.close()
    right = checked_record(hand.found.objects.numbers[:3].tolist())
    one = MeasuredImage(hand.found, None, "", (*records, right))
    kinds = {"tables": ("xlsx",), "objects": ("tif", "geojson"), "reports": ("html",)}
    paths = written([one], tmp_path / "a.csv", **kinds)
    before = {path.name: path.read_bytes() for path in paths}
    assert b"3 of " in before["a_methods.txt"]
    measure("--again", tmp_path / "a_origin.json", "--overwrite")
    for name, content in before.items():
        assert (tmp_path / name).read_bytes() == content, name


def test_several_images_become_one_table_with_groups_and_means_of_means(tmp_path: Path) -> None:
    images = [
        MeasuredImage(found_in(request_of(tmp_path / f"{seed}", many_disks(seed=seed))), None, name)
        for seed, name in enumerate(["rat 1", "rat 1", "rat 2", "rat 3"])
    ]
    written(images, tmp_path / "all.csv")
    rows = (tmp_path / "all.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0].startswith("image,group,object")
    assert len(rows) == 1 + sum(one.found.count for one in images)
    summary = json.loads((tmp_path / "all_summary.json").read_text(encoding="utf-8"))
    (means,) = summary["means_of_groups"].values()
    assert {number["n"] for number in means} == {3}


def test_the_paragraph_has_the_numbers_of_the_card(tmp_path: Path) -> None:
    found = told(found_in(request_of(tmp_path)), "disk")
    text = paragraph(found, DISK, None, ())
    mean = next(one for one in found.quantities if one.name == "mean diameter")
    assert str(mean).partition(": ")[2] in text
    assert "parted by a watershed" in text
