"""What is said of all images together: every number with unit, count, method and interval."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from measuring.phantoms import ball
from unetscope.errors import OutputError
from unetscope.images.claims import REPORT, Claim, Role, mark_of
from unetscope.measuring.columns import Extras
from unetscope.measuring.measurements import Measurements
from unetscope.measuring.object_table import measure
from unetscope.measuring.objects import Separation, objects_of
from unetscope.measuring.one_image import SegmentedImage, Wanted, measure_image
from unetscope.measuring.phase_fraction import share_of
from unetscope.measuring.quantities import Spacing
from unetscope.measuring.summary import (
    Measured,
    Procedure,
    Seen,
    class_quantities,
    methods_paragraph,
)
from unetscope.measuring.table_files import write_methods, write_summary, write_table

NM = Spacing((4.0, 4.0), "nm")


def measured(name: str = "a.tif", count: int = 5) -> Measured:
    """Disks of 20 pixels in a grid of ``count`` x ``count``, one of them cut."""
    labels = np.zeros((count * 30, count * 30), np.uint8)
    for row in range(count):
        for column in range(count):
            place = (row * 30 + 15.2, column * 30 + 14.6 + 0.1 * row)
            labels |= ball(labels.shape, place, 10, (1, 1)).astype(np.uint8)
    labels[0, 0:30] = 1
    found = objects_of(labels, NM, Separation())
    shares = {1: share_of(labels == 1, NM)}
    seen = Seen(shares, labels.size, found.count_range, found.dropped)
    return Measured(name, measure(found), seen)


def test_every_number_has_unit_count_method_and_an_interval_or_a_reason() -> None:
    for image in (measured(), measured(count=1)):
        for number in class_quantities([image], 1, "pores", "weight"):
            record = number.as_record()
            assert record["method"] and record["of"] and record["n"] >= 0
            assert (record["low"] is None) == bool(record["no_interval_because"])
            plain = number.name.startswith(("objects", "area fraction"))
            assert bool(record["unit"]) != plain, number.name


def test_an_image_without_a_class_has_a_share_of_nothing() -> None:
    numbers = class_quantities([measured(), measured()], 2, "pores", "weight")
    assert numbers[-1].name == "area fraction of pores"
    assert numbers[-1].value == 0 and "no pixel" in numbers[-1].reason


def test_the_paragraph_says_how_and_what_was_left_out_and_the_numbers() -> None:
    image = measured()
    numbers = {"pores": class_quantities([image], 1, "pores", "weight")}
    how = Separation(by="shape", typical=120.0, smallest=400.0)
    procedure = Procedure(how, "weight", "0.9", ("m.unetscope",))
    text = methods_paragraph([image], numbers, procedure)
    for words in (
        "predicted with unetscope (model m.unetscope)",
        "in 1 label image (0.36 µm²)",
        "smoothing and depth 5 nm",
        "for a typical size of 120 nm",
        "less than 400 nm²",
        "Pixels measure 4 nm",
        "weighted (Miles, Lantuéjoul)",
        "Mean diameter: ",
        "n = 25 objects",
        "unetscope 0.9",
        "scikit-image",
    ):
        assert words in text, words


def test_the_paragraph_tells_a_method_once_for_the_numbers_that_share_it() -> None:
    image = measured()
    numbers = {"pores": class_quantities([image], 1, "pores", "weight")}
    text = methods_paragraph([image], numbers, Procedure(Separation(), "weight", "0.9"))
    told = [number.method for number in numbers["pores"]]
    assert text.count("Method: ") == len(set(told[1:]))


def test_the_csv_has_units_in_its_header_and_all_digits_of_its_numbers(tmp_path: Path) -> None:
    image, path = measured(), tmp_path / "objects.csv"
    write_table([image, measured("=b.tif")], {1: "pores"}, path, REPORT)
    rows = list(csv.DictReader(path.open(encoding="utf-8")))
    assert len(rows) == 2 * len(image.table)
    assert rows[0]["image"] == "a.tif" and not rows[-1]["image"].startswith("=")
    assert rows[0]["class"] == "pores"
    for key, header in (("area", "area_nm2"), ("diameter", "diameter_nm"), ("angle", "angle_deg")):
        read = [float(row[header]) for row in rows[: len(image.table)]]
        assert read == image.table.columns[key].tolist()
    cut = image.table.columns["at_border"].astype(bool)
    assert [row["weight"] == "" for row in rows[: len(cut)]] == cut.tolist()


def test_the_same_objects_make_the_same_bytes(tmp_path: Path) -> None:
    written = []
    for name in ("a", "b"):
        image, path = measured(), tmp_path / name
        write_table([image], {1: "pores"}, path.with_suffix(".csv"), REPORT)
        found = Measurements((image,), {1: "pores"}, Procedure(Separation(), "weight", "0.9"))
        write_summary(found, path.with_suffix(".json"), REPORT)
        written.append([path.with_suffix(s).read_bytes() for s in (".csv", ".json")])
    assert written[0] == written[1]


def test_the_summary_says_who_wrote_it_and_is_plain_json(tmp_path: Path) -> None:
    image, path = measured(count=1), tmp_path / "summary.json"
    found = Measurements((image,), {1: "pores"}, Procedure(None, "drop", "0.9"))
    write_summary(found, path, REPORT)
    content = json.loads(path.read_text(encoding="utf-8"))
    assert mark_of(path) is Role.REPORT
    assert content["images"][0]["unit"] == "nm" and content["objects"] == "given"
    assert content["classes"]["pores"][0]["name"] == "objects"
    assert "A" in content["columns"]["diameter_nm"]


def test_what_somebody_else_wrote_stays(tmp_path: Path) -> None:
    path = tmp_path / "methods.txt"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="not replaced"):
        write_methods("text", path, REPORT)
    assert path.read_text(encoding="utf-8") == "mine"
    write_methods("text", path, Claim(Role.REPORT, overwrite=True))
    assert path.read_text(encoding="utf-8") == "text\n"


def test_neighbours_are_told_where_measured_and_objects_longer_than_half_the_field() -> None:
    labels = np.zeros((80, 100), np.uint8)
    labels[20:30, 20:30], labels[20:30, 34:44], labels[45:75, 5:70] = 1, 1, 1
    segmented = SegmentedImage("a.tif", labels, NM)
    image = measure_image(segmented, Wanted((1,), extras=Extras(neighbours=True)))
    numbers = class_quantities([image], 1, "pores", "weight")
    told = {number.name: number for number in numbers}
    assert told["mean distance to the nearest edge"].n == 2
    text = methods_paragraph([image], {"pores": numbers}, Procedure(Separation(), "weight", "0.9"))
    assert "1 object is longer than half of the field" in text and "(a.tif)" in text


def test_lengths_and_surfaces_stand_beside_the_widths_of_fibres() -> None:
    labels = np.zeros((120, 160), np.uint8)
    for row in range(10, 120, 20):
        labels[row : row + 4] = 1
    image = measure_image(SegmentedImage("a.tif", labels, NM), Wanted((1,), fibre_width=True))
    told = {number.name: number for number in class_quantities([image], 1, "walls", "weight")}
    by_area = told["length of walls by area"]
    # six walls across the whole image, along one direction
    assert by_area.value == pytest.approx(6 / (120 * 4), rel=0.06)
    assert told["surface of walls by volume"].value == pytest.approx(by_area.value * 4 / np.pi)
