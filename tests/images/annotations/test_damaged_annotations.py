"""Damaged, foreign and hostile files of annotations give one AnnotationError with the fix."""

from __future__ import annotations

import json
import random
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import roifile

from unetscope.errors import AnnotationError
from unetscope.images.annotations import coco, documents, imagej, run_lengths
from unetscope.images.annotations.formats import read_annotations, write_annotations
from unetscope.images.annotations.values import (
    as_annotations,
)
from unetscope.images.classes import LabelClass

MUTATIONS = 120
SHAPE = (24, 32)


def labels() -> np.ndarray:
    painted = np.zeros(SHAPE, np.uint8)
    painted[2:12, 3:20] = 1
    painted[4:8, 6:12] = 0
    painted[15:20, 5:9] = 2
    return painted


def mutated(content: bytes, chance: random.Random) -> bytes:
    """A few changes of single bytes, cuts and numbers that are too large."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(changed))
        kind = chance.choice(("byte", "digit", "cut", "zeros", "copy"))
        if kind == "byte":
            changed[at] = chance.randrange(256)
        elif kind == "digit":
            changed[at:at] = chance.choice((b"9" * 30, b"-", b"e99", b"null", b"[", b'"'))
        elif kind == "cut":
            del changed[max(1, at) :]
        elif kind == "zeros":
            changed[at : at + 8] = bytes(len(changed[at : at + 8]))
        else:
            changed[at:at] = changed[: chance.randint(1, 40)]
    return bytes(changed)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["a.geojson", "a.json", "b.json", "a.zip", "a.roi", "a.tif"])
def test_mutated_files_give_annotations_or_an_annotation_error(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "a.roi":
        write_annotations(as_annotations(labels()), tmp_path / "whole.zip")
        with zipfile.ZipFile(tmp_path / "whole.zip") as archive:
            path.write_bytes(archive.read(archive.namelist()[0]))
    else:
        table = (LabelClass(1, "a", "#0072B2"), LabelClass(2, "b", "#E69F00"))
        format = "coco-rle" if name == "b.json" else None
        write_annotations(as_annotations(labels(), table), path, format)
    content = path.read_bytes()
    refused = 0
    for seed in range(MUTATIONS):
        path.write_bytes(mutated(content, random.Random(seed)))
        try:
            found = read_annotations(path, SHAPE)
            assert found.labels.shape == SHAPE
        except AnnotationError as error:
            refused += 1
            assert str(path) in str(error) and len(str(error)) > len(str(path)) + 20
    assert MUTATIONS / 8 < refused < MUTATIONS


def polygon(*rings: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": rings}}


def rle(counts: Any, size: Any = SHAPE) -> dict[str, Any]:
    return {
        "images": [{"id": 1}],
        "categories": [{"id": 1, "name": "a"}],
        "annotations": [
            {"image_id": 1, "category_id": 1, "segmentation": {"size": size, "counts": counts}}
        ],
    }


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"[" * 100_000,
        b"\xff\xfe nothing",
        b'{"type": "FeatureCollection"}',
        b'{"type": "FeatureCollection", "features": 5}',
        polygon([[0, 0], [1, "x"], [1, 1]]),
        polygon([[0, 0], [1e300, 0], [1, 1]]),
        polygon([[0, 0], [1], [1, 1]]),
        b'{"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[[NaN, 0]]]}}',
        {"images": [], "annotations": []},
        {"images": [{"id": 1}], "annotations": [{}]},
        {"images": [{"id": 1, "height": 3, "width": 3}]},
        rle([10, 20]),
        rle([-5, 24 * 32 + 5]),
        rle([24 * 32, 24 * 32]),
        rle("ÿ"),
        rle("P"),
        rle("o" * 40 + "0"),
        rle([24 * 32], size=[24, 33]),
    ],
    ids=lambda content: str(content)[:40],
)
def test_hostile_json_is_refused(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with pytest.raises(AnnotationError, match=r"again|choose|needed"):
        read_annotations(path, SHAPE)


def test_polygons_and_files_that_would_take_minutes_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.geojson"
    zigzag = [[n % 2, (n % 2) * 3000] for n in range(20_000)]
    path.write_text(json.dumps(polygon(zigzag)))
    with pytest.raises(AnnotationError, match="crosses"):
        read_annotations(path, (4000, 10))
    whole = polygon([[0, 0], [1000, 0], [1000, 1000], [0, 1000]])
    path.write_text(json.dumps([whole] * 4))
    monkeypatch.setattr("unetscope.images.annotations.entries._MOST_PIXELS", 2**20)
    monkeypatch.setattr("unetscope.images.annotations.entries._MOST_PER_PIXEL", 2)
    with pytest.raises(AnnotationError, match="many times"):
        read_annotations(path, (1000, 1000))
    monkeypatch.setattr(documents, "MOST_BYTES", 100)
    with pytest.raises(AnnotationError, match="more than"):
        read_annotations(path, (1000, 1000))


def test_run_lengths_take_no_memory_before_they_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*args: Any, **more: Any) -> None:
        raise AssertionError("an array was made")

    monkeypatch.setattr(run_lengths.np, "array", refused)
    monkeypatch.setattr(run_lengths.np, "frombuffer", refused)
    plane = (24, 32)
    with pytest.raises(AnnotationError, match="1,000 run lengths for an image of 768"):
        run_lengths.listed_runs([1] * 1000, plane)
    with pytest.raises(AnnotationError, match="run lengths for an image"):
        run_lengths.expanded("1" * 8000, plane)
    with pytest.raises(AnnotationError, match="3,000,000 run lengths"):
        run_lengths.listed_runs([1] * 3_000_000, (10_000, 10_000))


def test_many_regions_that_cover_the_image_are_refused_before_all_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roi = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.RECT, top=0, left=0, bottom=24, right=32)
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for place in range(200):
            archive.writestr(f"{place}.roi", roi.tobytes())
    monkeypatch.setattr("unetscope.images.annotations.entries._MOST_PIXELS", 2**10)
    drawn = []
    whole = imagej._region
    monkeypatch.setattr(imagej, "_region", lambda *a, **k: drawn.append(a) or whole(*a, **k))
    with pytest.raises(AnnotationError, match="first 17 ROIs span 13,056 pixels"):
        read_annotations(path, SHAPE)
    assert len(drawn) == 17


def test_the_parts_of_one_outline_are_joined_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = [0, 0, 32, 0, 32, 24, 0, 24]
    path = tmp_path / "a.json"
    content = rle([24 * 32])
    content["annotations"][0]["segmentation"] = [whole] * 9000
    path.write_text(json.dumps(content))
    tracemalloc.start()
    found = read_annotations(path, SHAPE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.labels.all() and peak < 6 * 2**20  # the numbers; 9,000 masks are 7 MiB
    monkeypatch.setattr("unetscope.images.annotations.edges._MOST_SPANNED", 2**16)
    with pytest.raises(AnnotationError, match="pieces of an outline span"):
        read_annotations(path, SHAPE)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.roi", bytes(65 * 2**20))
    with pytest.raises(AnnotationError, match="claims"):
        read_annotations(path, SHAPE)


@pytest.mark.parametrize("members", [{"a.txt": b"x"}, {"../../a.roi": b"Iout"}, {"a.roi": b""}])
def test_archives_without_rois_are_refused(tmp_path: Path, members: dict[str, bytes]) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(AnnotationError, match=r"again|save"):
        read_annotations(path, SHAPE)
    assert [file.name for file in tmp_path.iterdir()] == ["a.zip"]


def test_a_roi_that_claims_a_billion_corners_is_refused(tmp_path: Path) -> None:
    roi = roifile.ImagejRoi.frompoints(np.array([(1, 1), (5, 1), (5, 5)]))
    content = bytearray(roi.tobytes())
    content[16:18] = b"\x00\x00"
    content[18:22] = (10**9).to_bytes(4, "big")
    (tmp_path / "a.roi").write_bytes(content)
    with pytest.raises(AnnotationError, match="again"):
        read_annotations(tmp_path / "a.roi", SHAPE)


@pytest.mark.parametrize("shape", [(24, 33), (2, 24, 32), (24,), (0, 32)])
def test_masks_of_another_shape_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    write_annotations(as_annotations(labels()), tmp_path / "a.tif")
    with pytest.raises(AnnotationError, match="shape"):
        read_annotations(tmp_path / "a.tif", shape)


@pytest.mark.parametrize("name", ["missing.json", "missing.zarr", "a.svg", "a.jpg"])
def test_names_that_lead_nowhere_are_explained(tmp_path: Path, name: str) -> None:
    if not name.startswith("missing"):
        (tmp_path / name).write_bytes(b"content")
    with pytest.raises(AnnotationError, match=r"not there|not known|known"):
        read_annotations(tmp_path / name, SHAPE)


def test_zarr_labels_that_are_damaged_or_many_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    group = {"zarr_format": 3, "node_type": "group"}

    def with_labels(names: list[str]) -> None:
        (path / "labels").mkdir(parents=True, exist_ok=True)
        (path / "zarr.json").write_text(json.dumps({**group, "attributes": {}}))
        listed = {"ome": {"version": "0.5", "labels": names}}
        (path / "labels/zarr.json").write_text(json.dumps({**group, "attributes": listed}))

    for names, told in ((["a", "b"], "not there"), (["../../x"], "outside"), (["a"], "not there")):
        with_labels(names)
        with pytest.raises(AnnotationError, match=told):
            read_annotations(path, SHAPE)
    (path / "zarr.json").write_text("{")
    with pytest.raises(AnnotationError, match="again"):
        read_annotations(path, SHAPE)


def test_a_category_that_is_missing_is_told_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_annotations(as_annotations(labels()), path)
    content = json.loads(path.read_bytes())
    del content["categories"][0]
    path.write_text(json.dumps(content))
    found = coco.read_coco(path, SHAPE)
    assert "no category" in found.notes[0]
    np.testing.assert_array_equal(found.labels == 2, labels() == 2)
