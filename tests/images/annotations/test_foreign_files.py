"""Annotations as other programs write them, in their own conventions."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
import pytest
import roifile

from unetscope.errors import AnnotationError
from unetscope.images.annotations.formats import read_annotations
from unetscope.images.annotations.mask_names import match_masks
from unetscope.images.annotations.masks import propose_classes, read_mask
from unetscope.images.classes import LabelClass
from unetscope.images.files import write_labels
from unetscope.images.questions import Answers, Undecided

SHAPE = (20, 30)
SQUARE = [[5, 2], [9, 2], [9, 6], [5, 6], [5, 2]]
INNER = [[6, 3], [8, 3], [8, 5], [6, 5], [6, 3]]


def square() -> np.ndarray:
    expected = np.zeros(SHAPE, bool)
    expected[2:6, 5:9] = True
    return expected


def feature(geometry: dict[str, Any], **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def geojson(path: Path, *features: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def test_qupath_polygons_have_holes_classes_and_colours_old_and_new(tmp_path: Path) -> None:
    ring = {"type": "Polygon", "coordinates": [SQUARE, INNER]}
    two = {
        "type": "MultiPolygon",
        "coordinates": [[[[12, 0], [14, 0], [14, 2], [12, 2]]], [[[20, 8], [21, 8], [21, 9]]]],
    }
    path = geojson(
        tmp_path / "a.geojson",
        feature(ring, classification={"name": "Tumor", "colorRGB": -3670016}),
        feature(two, classification={"names": ["Tumor", "Positive"], "color": [1, 2, 3]}),
        feature({"type": "Point", "coordinates": [1, 1]}),
        feature({"type": "LineString", "coordinates": [[1, 1], [2, 2]]}),
    )
    found = read_annotations(path, SHAPE)
    inner = np.zeros(SHAPE, bool)
    inner[3:5, 6:8] = True
    assert {c.name: c.color for c in found.classes} == {
        "Tumor": "#C80000",
        "Tumor: Positive": "#010203",
    }
    value = {c.name: c.value for c in found.classes}
    np.testing.assert_array_equal(found.labels == value["Tumor"], square() & ~inner)
    assert found.labels[1, 13] == value["Tumor: Positive"]
    assert sum("Point" in note or "LineString" in note for note in found.notes) == 2


@pytest.mark.parametrize("form", ["list", "single"])
def test_features_may_stand_alone_or_in_a_list_and_have_no_class(tmp_path: Path, form: str) -> None:
    one = feature({"type": "Polygon", "coordinates": [SQUARE]})
    path = tmp_path / "a.json"
    path.write_text(json.dumps([one] if form == "list" else one))
    found = read_annotations(path, SHAPE)
    np.testing.assert_array_equal(found.labels > 0, square())
    assert [c.name for c in found.classes] == ["unclassified"]


def test_the_smaller_of_two_regions_lies_on_top_whatever_their_order(tmp_path: Path) -> None:
    large = feature({"type": "Polygon", "coordinates": [SQUARE]}, classification={"name": "l"})
    small = feature({"type": "Polygon", "coordinates": [INNER]}, classification={"name": "s"})
    for order in ((large, small), (small, large)):
        found = read_annotations(geojson(tmp_path / "a.geojson", *order), SHAPE)
        value = {c.name: c.value for c in found.classes}
        assert (found.labels == value["s"]).sum() == 4
        assert (found.labels == value["l"]).sum() == 12
        assert any("overlap" in note for note in found.notes)


def test_regions_are_cut_off_at_the_border_and_told(tmp_path: Path) -> None:
    beyond = [[-5, -5], [3, -5], [3, 4], [-5, 4]]
    found = read_annotations(
        geojson(tmp_path / "a.geojson", feature({"type": "Polygon", "coordinates": [beyond]})),
        SHAPE,
    )
    assert (found.labels > 0).sum() == 12 and found.labels[3, 2]
    far = [[100, 100], [103, 100], [103, 104]]
    with pytest.raises(AnnotationError, match="1 of 1 feature was left out"):
        read_annotations(
            geojson(tmp_path / "a.geojson", feature({"type": "Polygon", "coordinates": [far]})),
            SHAPE,
        )


def test_a_polygon_with_corners_between_pixels_takes_the_pixels_whose_centres_it_holds(
    tmp_path: Path,
) -> None:
    corners = [[5.4, 2.4], [8.6, 2.4], [8.6, 5.6], [5.4, 5.6]]
    path = geojson(tmp_path / "a.geojson", feature({"type": "Polygon", "coordinates": [corners]}))
    np.testing.assert_array_equal(read_annotations(path, SHAPE).labels > 0, square())


def rois(path: Path, *found: roifile.ImagejRoi) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for place, roi in enumerate(found):
            archive.writestr(f"{roi.name or place}.roi", roi.tobytes())
    return path


def test_imagej_areas_are_read_and_lines_are_left_out(tmp_path: Path) -> None:
    rectangle = roifile.ImagejRoi(
        roitype=roifile.ROI_TYPE.RECT, top=2, left=5, bottom=6, right=9, name="nucleus-12"
    )
    oval = roifile.ImagejRoi(
        roitype=roifile.ROI_TYPE.OVAL, top=10, left=10, bottom=14, right=14, name="0012-0012"
    )
    oval.group = 4
    polygon = roifile.ImagejRoi.frompoints(np.array([(20, 1), (24, 1), (24, 3), (20, 3)]))
    polygon.name = "Nucleus 13"
    line = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.LINE, x2=5, y2=5, name="line")
    found = read_annotations(rois(tmp_path / "a.zip", rectangle, oval, polygon, line), SHAPE)
    value = {c.name: c.value for c in found.classes}
    assert set(value) == {"Nucleus", "class 4"} or set(value) == {"nucleus", "class 4"}
    nucleus = next(v for name, v in value.items() if name.lower() == "nucleus")
    expected = square()
    expected[1:3, 20:24] = True
    np.testing.assert_array_equal(found.labels == nucleus, expected)
    disc = np.ones((4, 4), bool)
    disc[::3, ::3] = False
    np.testing.assert_array_equal(found.labels[10:14, 10:14] == 4, disc)
    assert any("line" in note for note in found.notes)
    assert found.instances is not None and len(np.unique(found.instances)) == 4


def test_a_single_roi_and_its_plane_are_read(tmp_path: Path) -> None:
    polygon = roifile.ImagejRoi.frompoints(np.array(SQUARE[:4], float))
    polygon.position = 2
    polygon.tofile(tmp_path / "cell.roi")
    found = read_annotations(tmp_path / "cell.roi", (3, *SHAPE))
    assert found.labels.any(axis=(1, 2)).tolist() == [False, True, False]
    np.testing.assert_array_equal(found.labels[1] > 0, square())
    polygon.position = 0
    polygon.tofile(tmp_path / "cell.roi")
    found = read_annotations(tmp_path / "cell.roi", (3, *SHAPE))
    assert found.labels[0].any() and any("first" in note for note in found.notes)


def coco(path: Path, **changes: Any) -> Path:
    content: dict[str, Any] = {
        "images": [
            {"id": 10, "file_name": "train/first.jpg", "height": 20, "width": 30},
            {"id": 11, "file_name": "train\\second.jpg", "height": 20, "width": 30},
        ],
        "categories": [{"id": 3, "name": "dog"}],
        "annotations": [
            {
                "image_id": 11,
                "category_id": 3,
                "segmentation": [[5, 2, 9, 2, 9, 6, 5, 6]],
            },
            {"image_id": 10, "category_id": 3, "segmentation": [[0, 0, 3, 0, 3, 3]]},
            {"image_id": 11, "category_id": 3, "segmentation": [], "bbox": [0, 0, 3, 3]},
        ],
        **changes,
    }
    path.write_text(json.dumps(content))
    return path


def test_the_image_of_a_coco_file_is_chosen_by_name(tmp_path: Path) -> None:
    path = coco(tmp_path / "a.json")
    found = read_annotations(path, SHAPE, image_name="elsewhere/Second.png")
    np.testing.assert_array_equal(found.labels == 3, square())
    assert any("box without" in note for note in found.notes)
    with pytest.raises(AnnotationError, match=r"first\.jpg.*give the name"):
        read_annotations(path, SHAPE)
    with pytest.raises(AnnotationError, match=r"\(20, 30\)"):
        read_annotations(path, (20, 31), image_name="first")


def test_masks_are_matched_by_name_and_what_is_left_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "masks"
    folder.mkdir()
    for name in ("A1_mask.png", "gt_b2.tif", "c3-labels.ome.tif", "c3_gt.png", "lone.png"):
        write_labels(np.ones((4, 5), np.uint8), folder / name)
    (folder / "notes.txt").write_text("x")
    images = [tmp_path / name for name in ("a1.tif", "B2.ome.tif", "c3.png", "d4.png")]
    matches = match_masks(images, folder)
    assert [(i.name, m.name) for i, m in matches.pairs] == [
        ("a1.tif", "A1_mask.png"),
        ("B2.ome.tif", "gt_b2.tif"),
    ]
    assert [i.name for i in matches.images_without_mask] == ["d4.png"]
    assert [m.name for m in matches.masks_without_image] == ["lone.png"]
    assert [(i.name, len(masks)) for i, masks in matches.ambiguous] == [("c3.png", 2)]
    for told in ("2 masks matched", "d4.png", "lone.png", "c3.png"):
        assert told in matches.report
    assert read_annotations(folder, (4, 5), image_name="a1.tif").labels.all()
    with pytest.raises(AnnotationError, match="c3"):
        read_annotations(folder, (4, 5), image_name="c3.png")
    with pytest.raises(AnnotationError, match="name of the image"):
        read_annotations(folder, (4, 5))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 255], {0: (1, "background"), 255: (2, "object")}),
        ([0, 1], {0: (1, "background"), 1: (2, "object")}),
        ([0, 1, 2], {0: None, 1: (1, "stroma"), 2: (2, "class 2")}),
        ([3], {3: (3, "class 3")}),
    ],
)
def test_the_meaning_of_mask_values_is_proposed(
    tmp_path: Path, values: list[int], expected: dict[int, tuple[int, str] | None]
) -> None:
    mask = np.resize(np.array(values, np.uint8), (6, 7))
    known = [LabelClass(1, "stroma", "#FFFFFF")] if len(values) == 3 else []
    proposals = propose_classes(mask, known)
    assert {
        p.value: p.proposed and (p.proposed.value, p.proposed.name) for p in proposals
    } == expected
    assert sum(p.pixels for p in proposals) == mask.size
    write_labels(mask, tmp_path / "m.png")
    meanings = {p.value: p.proposed.value if p.proposed else 0 for p in proposals}
    read = read_mask(tmp_path / "m.png", (6, 7), known, meanings)
    for value, meant in expected.items():
        assert (read.labels[mask == value] == (meant[0] if meant else 0)).all()


@pytest.mark.parametrize("fault", ["none", "in two pieces", "a thin line"])
def test_a_mask_of_twenty_cells_asks_although_one_of_them_is_odd(
    tmp_path: Path, fault: str
) -> None:
    mask = np.zeros((200, 200), np.uint16)
    for number in range(20):
        y, x = 10 + 40 * (number // 5), 10 + 38 * (number % 5)
        mask[y : y + 18, x : x + 20] = number + 1
    if fault == "in two pieces":
        mask[18:21, 10:30] = 0
    if fault == "a thin line":
        mask[mask == 1] = 0
        np.fill_diagonal(mask[2:28, 2:28], 1)
    imageio.imwrite(tmp_path / "a_masks.png", mask)
    with pytest.raises(Undecided, match="numbers of 20 pieces"):
        read_mask(tmp_path / "a_masks.png", mask.shape)
    found = read_mask(tmp_path / "a_masks.png", mask.shape, answers=Answers(values="objects"))
    assert len(found.classes) == 1 and len(np.unique(found.instances)) == 21


def test_a_mask_of_many_numbers_holds_objects(tmp_path: Path) -> None:
    numbers = np.arange(600, dtype=np.uint32).reshape(SHAPE) * 1000
    write_labels(numbers, tmp_path / "cells.tif")
    found = read_annotations(tmp_path / "cells.tif", SHAPE)
    assert found.instances is not None
    np.testing.assert_array_equal(found.instances, numbers)
    np.testing.assert_array_equal(found.labels, numbers > 0)
    assert [c.name for c in found.classes] == ["object"] and "objects" in found.notes[0]
    table = (LabelClass(1, "background", "#FFFFFF"), LabelClass(3, "cell", "#000000"))
    found = read_annotations(tmp_path / "cells.tif", SHAPE, table)
    np.testing.assert_array_equal(found.labels == 3, numbers > 0)
    assert {p.proposed.name for p in propose_classes(numbers, table) if p.proposed} == {"cell"}
