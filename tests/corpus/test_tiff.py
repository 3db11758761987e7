"""The table "TIFF and pictures" of the page, tried on files made for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from corpus.cases import Case, rows_of_the_page
from corpus.tiff_cases import CASES
from unetscope.images import tiff

#: What has to hold for files of any size, which are not read as a whole.
LAZY_ROWS = {case.row for case in CASES} - {"Claims of more than there can be"}


@pytest.mark.filterwarnings("error:::unetscope")
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.row[:30]}: {case.name}")
def test_a_file_gives_what_it_holds_or_is_refused_or_asked_about(
    case: Case, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = case.make(tmp_path)
    capfd.readouterr()  # what the writer of the file said
    case.expect(path)
    assert capfd.readouterr() == ("", "")


def test_the_page_and_the_cases_have_the_same_rows() -> None:
    assert rows_of_the_page("TIFF and pictures") == {case.row for case in CASES}


def test_the_names_of_cases_are_their_own() -> None:
    names = [(case.row, case.name) for case in CASES]
    assert len(set(names)) == len(names) > 150


@pytest.mark.parametrize(
    "case",
    [c for c in CASES if c.row in LAZY_ROWS],
    ids=lambda case: f"{case.row[:30]}: {case.name}",
)
def test_pixels_that_stay_in_the_file_are_the_same(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiff, "LAZY_BYTES", 1000)
    case.expect(case.make(tmp_path))
