"""Files of results: workbooks, Parquet, objects for other programs, groups, and the origin."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from unetscope.errors import MeasurementError, OutputError
from unetscope.images.annotations.formats import read_annotations
from unetscope.images.claims import REPORT, Role, mark_of
from unetscope.images.classes import LabelClass
from unetscope.images.files import read_labels, read_micrograph
from unetscope.measuring import table_files
from unetscope.measuring.delivery import write_results
from unetscope.measuring.groups import GROUPS, means_of_groups
from unetscope.measuring.measurements import Measurements
from unetscope.measuring.object_files import OBJECT_FILES, write_objects
from unetscope.measuring.objects import Objects, Separation
from unetscope.measuring.one_image import SegmentedImage, Wanted, measure_image, objects_in
from unetscope.measuring.origin import (
    ImageOrigin,
    Origin,
    check_unchanged,
    file_seen,
    read_origin,
    write_origin,
)
from unetscope.measuring.quantities import Quantity, Spacing
from unetscope.measuring.result_targets import Formats, Targets, told_formats
from unetscope.measuring.summary import Measured, Procedure
from unetscope.measuring.table_files import write_table, write_workbook

NM = Spacing((4.0, 4.0), "nm")
CLASSES = (LabelClass(2, "pore", "#E69F00"), LabelClass(3, "grain", "#009E73"))
PROCEDURE = Procedure(Separation(), "weight", "0.9")


def measured(name: str = "a.tif", group: str = "", side: int = 12) -> tuple[Measured, Objects]:
    """Nine squares of class 2, one of them cut, a small one of class 3 and a speck."""
    labels = np.zeros((110, 110), np.uint8)
    for at in range(9):
        row, column = 30 * (at // 3), 10 + 30 * (at % 3)
        labels[row : row + side, column : column + side] = 2
    labels[100:105, 3:8] = 3
    labels[1:4, 1:4] = 2
    segmented = SegmentedImage(name, labels, NM, group=group)
    wanted = Wanted((2, 3))
    objects = objects_in(segmented, wanted)
    return measure_image(segmented, wanted, objects), objects


def found(*images: Measured) -> Measurements:
    return Measurements(images, {2: "pore", 3: "grain"}, PROCEDURE)


def sheets_of(path: Path) -> dict[str, list[list[str | float | None]]]:
    """The cells of a workbook as Excel would read them."""
    main = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    with zipfile.ZipFile(path) as archive:
        book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
        names = [sheet.attrib["name"] for sheet in book.iter(f"{main}sheet")]
        told = {}
        for number, name in enumerate(names, start=1):
            sheet = ElementTree.fromstring(archive.read(f"xl/worksheets/sheet{number}.xml"))
            rows = []
            for row in sheet.iter(f"{main}row"):
                cells: list[str | float | None] = []
                for cell in row.iter(f"{main}c"):
                    text = "".join(part.text or "" for part in cell.iter(f"{main}t"))
                    value = cell.find(f"{main}v")
                    cells.append(text if value is None else float(value.text or "nan"))
                rows.append(cells)
            told[name] = rows
        return told


def test_a_workbook_holds_objects_summary_columns_and_origin(tmp_path: Path) -> None:
    image, _ = measured("=a.tif")
    path = tmp_path / "out.xlsx"
    write_workbook(found(image), {"options": {"edge": "weight"}}, path, REPORT)
    sheets = sheets_of(path)
    assert list(sheets) == ["objects", "summary", "columns", "origin"]
    header, *rows = sheets["objects"]
    assert len(rows) == len(image.table) and not str(rows[0][0]).startswith("=")
    area = [row[header.index("area_nm2")] for row in rows]
    assert area == image.table.columns["area"].tolist()
    assert ["area_nm2", "nm²", "pixels x area of a pixel"] in sheets["columns"]
    assert ["options.edge", "weight"] in sheets["origin"]
    names = [row[2] for row in sheets["summary"][1:] if row[0] == "pore"]
    assert names == [number.name for number in found(image).quantities["pore"]]
    assert mark_of(path) is Role.REPORT


def test_parquet_has_units_and_formulas_beside_its_columns(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    image, _ = measured()
    write_table([image], {2: "pore"}, tmp_path / "out.parquet", REPORT)
    read = parquet.read_table(tmp_path / "out.parquet")
    assert read.column("area_nm2").to_pylist() == image.table.columns["area"].tolist()
    assert read.column("class").to_pylist()[0] == "pore"
    assert read.schema.field("area_nm2").metadata[b"unit"].decode() == "nm²"
    assert read.column("weight").null_count == np.isnan(image.table.columns["weight"]).sum() > 0


def test_the_same_work_makes_the_same_bytes_in_every_format(tmp_path: Path) -> None:
    targets = [tmp_path / folder for folder in ("one", "two")]
    for folder in targets:
        folder.mkdir()
        image, objects = measured()
        formats = Formats(("xlsx", "parquet"), tuple(OBJECT_FILES))
        goal = Targets(folder / "out.csv", formats, ("a.tif",))
        for path in goal.objects(0):
            write_objects(objects, image.table, CLASSES, path, REPORT)
        origin = Origin((), {}, PROCEDURE.versions())
        written = list(write_results(found(image), goal, origin, REPORT))
        assert set(written) | set(goal.objects(0)) == set(goal.everything())
    one, two = (sorted(file for file in f.rglob("*") if file.is_file()) for f in targets)
    assert len(one) == len(two) > 9
    for first, second in zip(one, two, strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name
    told = json.loads((targets[0] / "out_origin.json").read_text(encoding="utf-8"))
    names = {path.name for path in goal.everything()} - {"out_origin.json"}
    assert set(told["results"]) == names
    assert told["columns"]["area_nm2"] == "pixels x area of a pixel"


def test_objects_come_back_from_every_format(tmp_path: Path) -> None:
    image, objects = measured()
    areas = dict(zip(image.table.columns["object"], image.table.columns["area"], strict=True))
    for suffix in OBJECT_FILES.values():
        path = tmp_path / f"out{suffix}"
        write_objects(objects, image.table, CLASSES, path, REPORT)
        if suffix == ".tif":
            ids = read_labels(path)
            assert read_micrograph(path).pixel_size == pytest.approx((4, 4))
        else:
            read = read_annotations(path, objects.ids.shape)
            assert {one.name for one in read.classes} == {"pore", "grain"}
            assert read.instances is not None
            ids = read.instances
        back = {n: np.count_nonzero(ids == n) * 16.0 for n in np.unique(ids) if n}
        assert back == areas, suffix


def test_only_objects_of_the_table_are_written(tmp_path: Path) -> None:
    image, objects = measured()
    write_objects(objects, image.table.of_class(3), CLASSES, tmp_path / "out.tif", REPORT)
    assert np.count_nonzero(read_labels(tmp_path / "out.tif")) == 25


def test_geojson_has_measures_with_units_and_none_that_is_no_number(tmp_path: Path) -> None:
    image, objects = measured()
    write_objects(objects, image.table, CLASSES, tmp_path / "out.geojson", REPORT)
    text = (tmp_path / "out.geojson").read_text(encoding="utf-8")
    assert "NaN" not in text and "Infinity" not in text
    for feature in json.loads(text)["features"]:
        told = feature["properties"]["measurements"]
        number = int(feature["properties"]["metadata"]["object"])
        row = image.table.columns["object"].tolist().index(number)
        assert told["area_nm2"] == image.table.columns["area"][row]
        assert ("weight" in told) == (told["at_border"] == 0)


def test_groups_are_told_apart_and_means_are_those_of_groups() -> None:
    images = [measured(f"{at}", group, side)[0] for at, (group, side) in enumerate(
        [("s1", 12), ("s1", 12), ("s1", 12), ("s2", 14), ("s3", 16)])]  # fmt: skip
    told = found(*images)
    assert told.groups == ("s1", "s2", "s3")
    sizes = {g: numbers[2].value for g, numbers in told.by_group["pore"].items()}
    assert sizes["s1"] == pytest.approx(4 * np.sqrt(4 * 144 / np.pi))
    mean = next(n for n in told.means["pore"] if n.name == "mean of groups, mean diameter")
    assert mean.value == pytest.approx(np.mean(list(sizes.values())))  # s1 counts once
    assert mean.n == 3 and mean.low is not None and mean.low < mean.value
    assert "mean of groups, mean diameter" in told.paragraph.lower()
    one = means_of_groups({"s1": told.by_group["pore"]["s1"]})
    assert one == ()


def test_two_groups_have_a_mean_and_no_interval() -> None:
    number = Quantity("mean diameter", 2.0, "nm", 9, "objects", "m", reason="few")
    other = replace(number, value=4.0)
    (mean,) = means_of_groups({"a": [number], "b": [other]})
    assert mean.value == 3 and mean.low is None and f"needs {GROUPS}" in mean.reason


def test_means_of_groups_stay_where_their_numbers_can_be() -> None:
    def of_groups(name: str, *values: float) -> list[Quantity]:
        one = Quantity(name, 0.0, "", 9, "fields", "m", reason="few")
        groups = {f"{at}": [replace(one, value=value)] for at, value in enumerate(values)}
        return list(means_of_groups(groups))

    (density,) = of_groups("density", 0.1, 0.1, 4.0)
    assert density.low == 0
    (share,) = of_groups("area fraction of pores", 0.1, 0.9, 0.98)
    assert share.low == 0 and share.high == 1
    (grains,) = of_groups("G by area", -1.0, 0.5, 1.0)
    assert grains.low is not None and grains.low < 0
    assert of_groups("mean direction of fibres", 1.0, 179.0, 178.0) == []


def test_an_origin_comes_back_and_refuses_other_files(tmp_path: Path) -> None:
    labels = tmp_path / "labels" / "a.tif"
    labels.parent.mkdir()
    labels.write_bytes(b"pixels")
    image = ImageOrigin(
        "a.tif", file_seen(labels, tmp_path), None, CLASSES, "told", "s1",
        {"file": "m.unetscope"}, ({"edit": "join", "numbers": [1, 2]},),
    )  # fmt: skip
    origin = Origin((image,), {"edge": "drop"}, {"unetscope": "0.9"}, {"area_px2": "pixels"})
    path = tmp_path / "out_origin.json"
    write_origin(origin, [labels], path, REPORT)
    read = read_origin(path)
    assert read == origin and read.images[0].labels.path == "labels/a.tif"
    check_unchanged(read, tmp_path)
    labels.write_bytes(b"others")
    with pytest.raises(MeasurementError, match=r"a\.tif is not what was measured"):
        check_unchanged(read, tmp_path)
    labels.unlink()
    with pytest.raises(MeasurementError, match=r"a\.tif cannot be read"):
        check_unchanged(read, tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema":1,"images":[{"name":1}]}', "null"])
def test_what_is_no_origin_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "o.json").write_text(text, encoding="utf-8")
    with pytest.raises(MeasurementError, match="does not say where numbers come from"):
        read_origin(tmp_path / "o.json")
    (tmp_path / "o.json").write_text('{"schema":99}', encoding="utf-8")
    with pytest.raises(MeasurementError, match="version 99"):
        read_origin(tmp_path / "o.json")


def test_a_missing_library_is_named_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_files, "optional_library", lambda name: None)
    for kind in ("xlsx", "parquet"):
        with pytest.raises(OutputError, match=r"pip install \"napari-unetscope\[tables\]\""):
            Formats((kind,)).check_libraries()
    Formats(("csv",)).check_libraries()


def test_kinds_and_names_of_files() -> None:
    assert told_formats(" XLSX, csv ,xlsx,") == ("xlsx", "csv")
    with pytest.raises(MeasurementError, match="not as 'ods'"):
        Formats(tables=("ods",))
    with pytest.raises(MeasurementError, match="not as 'stl'"):
        Formats(objects=("stl",))
    goal = Targets(Path("r/out.csv"), Formats((), ("tif",)), ("x/a b.ome.tif", "y/A_b.tif"))
    assert [path.name for number in (0, 1) for path in goal.objects(number)] == [
        "out_a_b_objects.tif", "out_A_b_2_objects.tif",
    ]  # fmt: skip
