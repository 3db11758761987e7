"""All predicted images of a project become one table, with groups and what was done by hand."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from session.measured_disks import CLASSES, Hand, found_in, many_disks, request_of
from unetscope.errors import MeasurementError
from unetscope.images.files import read_micrograph, write_labels, write_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.session.journal.identity import content_hash
from unetscope.session.measuring.measure_state import Wish
from unetscope.session.measuring.object_place import FOLDER
from unetscope.session.measuring.object_store import write_wishes
from unetscope.session.measuring.project_measuring import measure_project
from unetscope.session.measuring.result_jobs import WantedFiles
from unetscope.session.project.folder import Project
from unetscope.session.project.records import Prediction

DISK = CLASSES[1]
IMAGES = (("rat 1", "a"), ("rat 1", "b"), ("rat 2", "a"), ("rat 3", "c"))


def made(folder: Path, predicted: int) -> Project:
    """A project of four images in three folders, of which the first ones are predicted."""
    project = Project.create(folder / "p", CLASSES)
    (project.folder / "predictions").mkdir()
    for number, (rat, name) in enumerate(IMAGES):
        (folder / rat).mkdir(exist_ok=True)
        grey = np.random.default_rng(number).integers(0, 255, (160, 160)).astype(np.uint8)
        image = Micrograph(grey, "yx", (2.0, 2.0), "nm")
        path = folder / rat / f"{name}.tif"
        write_micrograph(image, path)
        entry = project.add_image(path)
        if number < predicted:
            file = f"predictions/{entry.id}-{name}.ome.tif"
            write_labels(many_disks(seed=number), project.folder / file, image)
            answer = Prediction(file, "f" * 32, entry.content)
            kept = replace(entry, prediction=answer)
            images = (*project.record.images[:-1], kept)
            project.record = replace(project.record, images=images)
    project.save()
    return project


def test_one_table_with_groups_corrections_and_who_was_left_out(tmp_path: Path) -> None:
    project = made(tmp_path, 3)
    wish = Wish(2, "shape")
    request = request_of(project.folder / FOLDER, many_disks(seed=0))
    content = content_hash(read_micrograph(tmp_path / "rat 1" / "a.tif").pixels)
    hand = Hand(found_in(replace(request, content=content)))  # as the window does it
    number = int(hand.found.objects.numbers[0])
    write_wishes(hand.found.looked.place, {2: hand.do("drop", number).as_record()})
    hand.keeper.close()

    files = WantedFiles(tmp_path / "all.csv")
    *events, last = measure_project(project.folder, wish, DISK, files)
    told = next(event for event in events if isinstance(event, str))
    assert told.startswith("c.tif was not measured: it has no prediction")
    assert (tmp_path / "all.csv") in last.paths
    with open(tmp_path / "all.csv", encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert {row["group"] for row in rows} == {"rat 1", "rat 2"}
    assert {row["image"] for row in rows} == {"rat 1/a.tif", "b.tif", "rat 2/a.tif"}
    first = [row for row in rows if row["image"] == "rat 1/a.tif"]
    assert len(first) == hand.found.count
    origin = json.loads((tmp_path / "all_origin.json").read_text(encoding="utf-8"))
    assert [edit["do"] for edit in origin["images"][0]["edits"]] == ["drop"]
    summary = json.loads((tmp_path / "all_summary.json").read_text(encoding="utf-8"))
    assert set(summary["groups"]["disk"]) == {"rat 1", "rat 2"}


def test_a_project_without_predictions_says_what_to_do(tmp_path: Path) -> None:
    project = made(tmp_path, 0)
    with pytest.raises(MeasurementError, match="predict all images of the project first"):
        list(measure_project(project.folder, Wish(2), DISK, WantedFiles(tmp_path / "all.csv")))
    assert not (tmp_path / "all.csv").exists()
