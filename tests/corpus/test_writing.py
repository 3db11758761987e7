"""The table "Writing" of ``docs/files.md``: each row tried on what lies there already."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from corpus.cases import Case, grey, rows_of_the_page
from unetscope.errors import OutputError
from unetscope.images.annotations.formats import write_annotations
from unetscope.images.annotations.values import as_annotations
from unetscope.images.claims import REPORT, Claim, Role
from unetscope.images.files import read_labels, write_labels, write_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.images.writing import replacing

LABELS = np.zeros((64, 80), np.uint8)
LABELS[3:9, 3:9] = 2


def _inside(folder: Path) -> list[Path]:
    return [p for p in sorted(folder.rglob("*")) if p.is_file()] if os.path.isdir(folder) else []


def contents(path: Path) -> dict[str, str]:
    """Every file at ``path`` and what is in it."""
    files = [path] if os.path.isfile(path) else _inside(path)
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def refused(*claims: Claim, words: str = "choose another"):
    """Writing labels there is refused under each claim, and nothing changes."""

    def expect(path: Path) -> None:
        before = contents(path)
        for claim in claims:
            with pytest.raises(OutputError, match=words):
                write_labels(LABELS, path, claim=claim)
        assert contents(path) == before

    return expect


def written(claim: Claim):
    """Labels are written there, whole."""

    def expect(path: Path) -> None:
        write_labels(LABELS, path, claim=claim)
        np.testing.assert_array_equal(read_labels(path), LABELS)
        assert not list(path.parent.glob(".unetscope-*.tmp"))

    return expect


def nothing(name: str):
    return lambda folder: folder / name


def ours(name: str, role: Role):
    def make(folder: Path) -> Path:
        write_labels(LABELS // 2, folder / name, claim=Claim(role))
        return folder / name

    return make


def theirs(folder: Path) -> Path:
    tifffile.imwrite(folder / "a.tif", grey())
    return folder / "a.tif"


def linked(folder: Path) -> Path:
    os.symlink(theirs(folder), folder / "link.tif")
    return folder / "link.tif"


def an_array(folder: Path) -> Path:
    zarr.create_array(folder / "a.zarr", data=grey())
    return folder / "a.zarr"


def a_plate(folder: Path) -> Path:
    plate = zarr.open_group(folder / "a.zarr", mode="w")
    plate.attrs["ome"] = {"version": "0.5", "plate": {}}
    plate.create_array("A/1/0/0", data=grey())
    return folder / "a.zarr"


def some_folder(folder: Path) -> Path:
    (folder / "a.tif").mkdir()
    (folder / "a.tif" / "notes.txt").write_text("mine")
    return folder / "a.tif"


def an_image(folder: Path) -> Path:
    write_micrograph(Micrograph(grey(), "yx"), folder / "a.zarr")
    return folder / "a.zarr"


def an_edited_table(folder: Path) -> Path:
    with replacing(folder / "a.csv", REPORT) as temporary:
        temporary.write_text("a\n1\n")
    (folder / "a.csv").write_text("a\n1\nmine\n")
    return folder / "a.csv"


def table_is_refused(path: Path) -> None:
    with pytest.raises(OutputError, match="not written by unetscope"), replacing(path, REPORT):
        pass
    assert path.read_text() == "a\n1\nmine\n"


def labels_are_added(path: Path) -> None:
    before = contents(path / "0")
    write_annotations(as_annotations(LABELS), path)
    assert contents(path / "0") == before
    np.testing.assert_array_equal(zarr.open_array(path / "labels/classes/0", mode="r")[:], LABELS)


def input_is_refused(path: Path) -> None:
    theirs_and_links = (Path(os.path.realpath(path)),)
    refused(
        Claim(Role.LABELS, theirs_and_links),
        Claim(Role.LABELS, theirs_and_links, overwrite=True),
        words="is read for this work",
    )(path)


def a_link_to_ours(folder: Path) -> Path:
    write_labels(LABELS // 2, folder / "real.zarr")
    os.symlink(folder / "real.zarr", folder / "a.zarr", target_is_directory=True)
    return folder / "a.zarr"


def link_is_replaced(path: Path) -> None:
    before = contents(path.parent / "real.zarr")
    written(MINE)(path)
    assert contents(path.parent / "real.zarr") == before and not path.is_symlink()


def as_format(format: str, ending: str):
    """Labels in ``format`` are refused under this name, and the suffix that it needs is said."""

    def expect(path: Path) -> None:
        with pytest.raises(OutputError, match=rf"not of {format}; .*ends in \{ending}"):
            write_annotations(as_annotations(LABELS), path, format)
        assert not path.exists()

    return expect


LINK = "a link to a folder of unetscope in the same role"
FORMAT = "a format under the suffix of another"
EDITED = "a table or page that was edited since"
OURS = "a file of unetscope in the same role"
OTHER_ROLE = "a file of unetscope in another role (painted labels, by a prediction)"
THEIRS = "a file of another program"
INPUT = "an input of the work, also through a link"
FOLDER = "a folder: plate, container, zarr array, image, anything else"
MINE, FORCED = Claim(Role.LABELS), Claim(Role.LABELS, overwrite=True)
FREE = "a file that is not there"
LONG = "a name too long for the disk"

CASES = [
    *(Case(f"free {n}", FREE, nothing(n), written(MINE)) for n in ("a.tif", "a.png", "a.zarr")),
    Case("free, as long as can be", FREE, nothing("n" * 251 + ".tif"), written(MINE)),
    *(
        Case(f"ours {n}", OURS, ours(n, Role.LABELS), written(MINE))
        for n in ("a.tif", "a.ome.tif", "a.png", "a.bmp", "a.zarr")
    ),
    Case("edited", EDITED, an_edited_table, table_is_refused),
    *(
        Case(f"painted {n}", OTHER_ROLE, ours(n, Role.LABELS), refused(Claim(Role.PREDICTION)))
        for n in ("a.tif", "a.png", "a.bmp", "a.zarr")
    ),
    Case(
        "painted, forced",
        OTHER_ROLE,
        ours("a.tif", Role.LABELS),
        written(Claim(Role.PREDICTION, overwrite=True)),
    ),
    Case("theirs", THEIRS, theirs, refused(MINE, Claim(Role.PREDICTION))),
    Case("theirs, forced", THEIRS, theirs, written(FORCED)),
    Case("input", INPUT, theirs, input_is_refused),
    Case("input by a link", INPUT, linked, input_is_refused),
    *(
        Case(f"folder: {make.__name__}", FOLDER, make, refused(MINE, FORCED))
        for make in (an_array, a_plate, some_folder, an_image)
    ),
    Case("a link", LINK, a_link_to_ours, link_is_replaced),
    *(
        Case(f"{format} as {n}", FORMAT, nothing(n), as_format(format, ending))
        for n, format, ending in (
            ("nope.tif", "coco", ".json"),
            ("nope.jpg", "coco-rle", ".json"),
            ("a.json", "mask", ".tif"),
            ("a.geojson", "imagej", ".zip"),
            ("a.zip", "ome-zarr", ".zarr"),
            ("a.zarr", "geojson", ".geojson"),
        )
    ),
    Case("labels into an image", "labels into an OME-Zarr image", an_image, labels_are_added),
    Case("too long", LONG, nothing("n" * 300 + ".tif"), refused(MINE, words="too long")),
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_writing_there(case: Case, tmp_path: Path) -> None:
    case.expect(case.make(tmp_path))


def test_every_row_of_the_page_is_tried_and_every_case_has_its_row() -> None:
    assert {case.row for case in CASES} == rows_of_the_page("Writing")
