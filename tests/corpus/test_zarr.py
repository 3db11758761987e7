"""Zarrs of other people: right, asked about, or refused; and what is written harms nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr

from corpus.cases import Case, rows_of_the_page
from corpus.zarr_cases import (
    LABELLING,
    LABELS,
    OBJECTS,
    PLANE,
    READING,
    SECOND,
    STACK,
    bare,
    container,
    image,
    made,
    ngff,
    plate,
    scaled,
    with_labels,
)
from unetscope.errors import AnnotationError, OutputError
from unetscope.images.annotations.formats import read_annotations, write_annotations
from unetscope.images.annotations.values import as_annotations
from unetscope.images.claims import Claim, Role
from unetscope.images.files import read_labels, read_micrograph, write_labels, write_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.images.questions import Answers


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "case", [*READING, *LABELLING], ids=lambda case: f"{case.row}: {case.name}"
)
def test_a_zarr_is_read_right_or_asked_about_or_refused(case: Case, tmp_path: Path) -> None:
    case.expect(case.make(tmp_path))


def test_the_page_says_what_is_tried_and_no_more() -> None:
    assert {case.row for case in (*READING, *LABELLING)} == rows_of_the_page("OME-Zarr")
    assert len(READING) + len(LABELLING) >= 60


def on_disk(folder: Path) -> dict[str, bytes | None]:
    """Every file below a folder with its content, and every folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


TARGETS = {
    "a bare array": bare(PLANE),
    "a container": container(PLANE, STACK),
    "a container of one": container(PLANE),
    "a plate": plate("A/1/0", "B/2/0"),
    "a plate without a list": plate("A/1/0", listed=False),
    "a well": lambda folder: plate("A/1/0")(folder) / "A" / "1",
    "a label image of others": lambda folder: with_labels("cells")(folder) / "labels" / "cells",
    "a group of labels": lambda folder: with_labels("cells")(folder) / "labels",
    "an image of 0.6": made(PLANE, image("yx", scaled(0.2, 0.1)), version="0.6"),
    "an image of another shape": made(PLANE[:9], image("yx")),
    "a damaged list of labels": lambda folder: _with_broken_list(folder),
}


def _with_broken_list(folder: Path) -> Path:
    path = with_labels("cells")(folder)
    (path / "labels" / "zarr.json").write_text("{")
    return path


@pytest.mark.parametrize("name", TARGETS)
def test_labels_into_what_is_no_image_are_refused_and_nothing_changes(
    name: str, tmp_path: Path
) -> None:
    path = TARGETS[name](tmp_path)
    before = on_disk(tmp_path)
    for overwrite in (False, True):
        claim = Claim(Role.LABELS, overwrite=overwrite)
        with pytest.raises((OutputError, AnnotationError), match=r"choose|again"):
            write_annotations(as_annotations(LABELS), path, claim=claim)
        with pytest.raises(OutputError, match=r"choose|suffix"):
            write_annotations(as_annotations(LABELS), path, "mask", claim)
        assert on_disk(tmp_path) == before


@pytest.mark.parametrize("name", ["a plate", "a container of one"])
def test_a_refusal_says_which_image_of_a_plate_or_container_to_give(
    name: str, tmp_path: Path
) -> None:
    path = TARGETS[name](tmp_path)
    with pytest.raises(OutputError) as refused:
        write_annotations(as_annotations(LABELS), path)
    inside = path / ("A/1/0" if "plate" in name else "0")
    assert str(inside) in str(refused.value)
    write_annotations(as_annotations(LABELS), inside)  # and there it can be done
    np.testing.assert_array_equal(read_labels(inside), LABELS)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_are_added_to_an_image_and_nothing_else_in_it_changes(
    version: str, tmp_path: Path
) -> None:
    path = made(PLANE, image("yx", scaled(0.2, 0.1)), version=version)(tmp_path)
    before = on_disk(path)
    write_annotations(as_annotations(LABELS, (), OBJECTS * (LABELS > 0)), path)
    after = on_disk(path)
    assert {name: after[name] for name in before} == before
    assert {name.split("/")[0] for name in after.keys() - before.keys()} == {"labels"}
    np.testing.assert_array_equal(read_labels(path), LABELS)
    back = read_annotations(path, LABELS.shape, image_name=path.name)
    np.testing.assert_array_equal(back.instances, OBJECTS * (LABELS > 0))
    assert read_micrograph(path / "labels" / "classes").pixel_size == (0.2, 0.1)


@pytest.mark.parametrize("name", ["classes", "Classes"])
def test_label_images_of_other_programs_keep_their_name_and_their_numbers(
    name: str, tmp_path: Path
) -> None:
    path = with_labels(name, "instances")(tmp_path)
    before = on_disk(path)
    for _ in range(2):  # the second time replaces ours
        told = write_annotations(as_annotations(LABELS, (), OBJECTS * (LABELS > 0)), path)
        assert "unetscope_classes" in told[0]
    after = on_disk(path)
    changed = {name for name in before if after.get(name) != before[name]}
    assert changed == {"labels/zarr.json"}
    listed = zarr.open_group(str(path / "labels"), mode="r").attrs["ome"]["labels"]
    assert listed == [name, "instances", "unetscope_classes", "unetscope_instances"]
    ours = Answers(label_image="unetscope_classes")
    np.testing.assert_array_equal(read_labels(path, ours), LABELS)
    np.testing.assert_array_equal(read_labels(path, Answers(label_image="instances")), SECOND)
    assert read_annotations(path, LABELS.shape, answers=ours).instances is not None


def test_objects_of_labels_that_are_replaced_are_not_read_with_the_new_ones(tmp_path: Path) -> None:
    path = made(PLANE, image("yx"))(tmp_path)
    write_annotations(as_annotations(LABELS, (), OBJECTS), path)
    write_annotations(as_annotations(LABELS), path)
    assert read_annotations(path, LABELS.shape).instances is None
    assert zarr.open_group(str(path / "labels"), mode="r").attrs["ome"]["labels"] == ["classes"]


def test_labels_inside_an_image_of_ours_are_not_lost_when_it_is_written_again(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.zarr"
    write_micrograph(Micrograph(PLANE, "yx"), path)
    write_micrograph(Micrograph(PLANE, "yx"), path)  # an image of ours alone may be replaced
    write_annotations(as_annotations(LABELS), path)
    before = on_disk(tmp_path)
    with pytest.raises(OutputError, match="labels"):
        write_micrograph(Micrograph(PLANE, "yx"), path)
    assert on_disk(tmp_path) == before


@pytest.mark.parametrize("write", [write_micrograph, write_labels])
def test_an_unknown_pixel_size_is_written_and_read_as_unknown(write, tmp_path: Path) -> None:
    given = Micrograph(LABELS, "yx") if write is write_micrograph else LABELS
    write(given, tmp_path / "a.zarr")
    found = read_micrograph(tmp_path / "a.zarr")
    assert (found.pixel_size, found.unit, found.notes) == (None, None, ())


def test_labels_written_into_an_image_of_unknown_size_have_none(tmp_path: Path) -> None:
    path = made(PLANE, image("yx"))(tmp_path)
    write_annotations(as_annotations(LABELS), path)
    assert read_micrograph(path / "labels" / "classes").pixel_size is None


def test_a_failing_write_of_objects_leaves_the_old_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from unetscope.images.annotations import ome_label_writer

    path = made(PLANE, image("yx"))(tmp_path)
    write_annotations(as_annotations(LABELS), path)
    before = on_disk(tmp_path)

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ome_label_writer, "_write_objects", full_disk)
    with pytest.raises((OutputError, AnnotationError)):
        write_annotations(as_annotations(LABELS * 2, (), OBJECTS), path)
    assert on_disk(tmp_path) == before


def test_a_zarr_inside_a_folder_of_ours_keeps_files_of_others(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write_labels(LABELS, path)
    (path / "thesis.txt").write_text("precious")
    with pytest.raises(OutputError, match=r"thesis\.txt"):
        write_labels(LABELS, path)
    ngff(path, SECOND, {**image("yx"), "image-label": {}}, "labels/mine")
    (path / "thesis.txt").unlink()
    with pytest.raises(OutputError, match="labels"):
        write_labels(LABELS, path)
