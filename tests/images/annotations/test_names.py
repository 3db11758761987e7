"""Names of classes, of masks and of results: harmless, found, and never taken for another."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unetscope.images.annotations.mask_names import looks_like_labels, match_masks
from unetscope.images.annotations.values import (
    ClassTable,
    harmless,
    plain_text,
    told_color,
    whole,
)
from unetscope.images.claims import Claim, Role
from unetscope.images.classes import LabelClass
from unetscope.images.files import write_labels, write_micrograph
from unetscope.images.micrograph import Micrograph


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Gold: particle", "Gold: particle"),
        ("<5 µm", "<5 µm"),
        ("CD4+ -", "CD4+ -"),
        ("+ve", "+ve"),
        ("-20 °C", "-20 °C"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;a title\x07x", "x"),
        ("\x9b2Jx", "x"),
        ("a\nb\tc\rd", "a b c d"),
        ("a\x00b\x08c", "abc"),
        ("gpj\u202exe.", "gpjxe."),
        ("<b>bold</b>", "\u2039b\u203abold\u2039/b\u203a"),
        ("<script", "\u2039script\u203a"),
        ("<img src=x onerror=y>", "\u2039img src=x onerror=y\u203a"),
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+1|cmd", "'+1|cmd"),
        ("\ud800x", "x"),
        ("e\u0301", "\u00e9"),
        ("👩‍🔬", "👩‍🔬"),
    ],
)
def test_names_are_harmless_and_else_as_they_are(name: str, shown: str) -> None:
    assert harmless(name) == shown


def test_two_long_names_are_cut_and_stay_two() -> None:
    one, other = harmless("x" * 500 + "1"), harmless("x" * 500 + "2")
    assert len(one) == len(other) == 120 and one != other and one.startswith("xxx")


@given(st.text())
@settings(max_examples=300)
def test_a_harmless_name_has_no_command_in_it_and_stays_as_it_is(name: str) -> None:
    once = harmless(name)
    assert harmless(once) == once
    assert len(once) <= 120 and "\x1b" not in once and once == once.strip()
    assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in plain_text(name))


@pytest.mark.parametrize(
    ("said", "number"),
    [(3, 3), ("3.0", 3), (" 7 ", 7), (0, 0), (4294967295, 4294967295), (3.0, 3)]
    + [
        (odd, None)
        for odd in (-3, 2**32, 1.5, "yes", "", None, True, [1], float("nan"), "9" * 5000)
    ],
)
def test_a_number_in_a_file_is_whole_or_none(said: object, number: int | None) -> None:
    assert whole(said) == number


def test_a_colour_in_a_file_is_one_or_none() -> None:
    assert told_color([1, 2, 300]) == "#0102FF"
    assert told_color("#a0b0c0") == "#A0B0C0"
    for odd in ([1, 2], [None, 1, 2], "red", 5, None, [float("inf"), 1, 2]):
        assert told_color(odd) is None


def test_an_exact_name_goes_before_one_in_another_case_and_twins_stay_apart() -> None:
    table = ClassTable([LabelClass(4, "cell", "#000000"), LabelClass(5, "Cell", "#000000")])
    assert (table.value_of("Cell"), table.value_of("cell"), table.value_of("CELL")) == (5, 4, 4)
    table = ClassTable([LabelClass(4, "cell", "#000000")])
    table.expect(["CELL", "cell"])
    assert table.value_of("CELL") != 4 and table.value_of("cell") == 4
    assert table.notes() == ["1 class is new: CELL"]


def touch(folder: Path, *names: str) -> list[Path]:
    for name in names:
        write_labels(np.ones((4, 4), np.uint8), folder / "made.bmp")
        (folder / "made.bmp").rename(folder / name)
    return [folder / name for name in names]


@pytest.mark.parametrize(
    "name",
    [
        "a_labels.tif",
        "a_labels_labels.tif",
        "a_cp_masks.tif",
        "a_cp_outlines.png",
        "a_mask.png",
        "a-masks.tif",
        "A_Seg.tif",
        "a_prediction.tif",
        "a_probabilities.tif",
        "a_Probabilities.ome.tif",
        "a_Simple Segmentation.tif",
        "gt_a.tif",
        "a (mask).png",
    ],
)
def test_the_mask_or_result_of_a_sibling_is_no_image(tmp_path: Path, name: str) -> None:
    siblings = touch(tmp_path, "a.tif", name)
    assert looks_like_labels(tmp_path / name, siblings)
    assert not looks_like_labels(tmp_path / "a.tif", siblings)
    (tmp_path / "a.tif").unlink()
    assert not looks_like_labels(tmp_path / name, siblings[1:])


@pytest.mark.parametrize(
    "name", ["mask.tif", "cells_mask.tif", "b_mask.tif", "amask.tif", "seg.png"]
)
def test_an_image_that_is_merely_called_mask_is_one(tmp_path: Path, name: str) -> None:
    assert not looks_like_labels(tmp_path / name, touch(tmp_path, "a.tif", name))


def test_what_unetscope_wrote_says_what_it_is_under_any_name(tmp_path: Path) -> None:
    for role, result in ((Role.PREDICTION, True), (Role.PROBABILITIES, True), (Role.IMAGE, False)):
        for name in ("x.tif", "x.zarr"):
            path = tmp_path / f"{role}_{name}"
            write_micrograph(Micrograph(np.ones((4, 4), np.uint8), "yx"), path, Claim(role))
            assert looks_like_labels(path, []) is result
    write_labels(np.ones((4, 4), np.uint8), tmp_path / "painted.tif")
    assert looks_like_labels(tmp_path / "painted.tif", [])


def test_masks_are_matched_in_the_same_case_and_letters_first(tmp_path: Path) -> None:
    touch(
        tmp_path, "a_mask.bmp", "A_mask.bmp", "e\u0301_mask.bmp", "B_MASK.bmp", "c.bmp", "c_gt.bmp"
    )
    (tmp_path / "folder_mask.tif").mkdir()
    found = match_masks(["a.tif", "A.tif", "\u00e9.tif", "b.tif", "c.tif", "folder.tif"], tmp_path)
    assert {image.name: mask.name for image, mask in found.pairs} == {
        "a.tif": "a_mask.bmp",
        "A.tif": "A_mask.bmp",
        "\u00e9.tif": "e\u0301_mask.bmp",
        "b.tif": "B_MASK.bmp",
        "c.tif": "c_gt.bmp",
    }
    assert [image.name for image in found.images_without_mask] == ["folder.tif"]
