"""Annotation files as people have them give the right pixels, classes and notes, or a refusal."""

from __future__ import annotations

from pathlib import Path

import pytest

from corpus.annotation_cases import all_cases
from corpus.cases import Case, rows_of_the_page

CASES = all_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_annotation_file_is_read_right_or_refused(case: Case, tmp_path: Path) -> None:
    case.expect(case.make(tmp_path))


def test_the_page_says_what_is_tried_and_nothing_else() -> None:
    assert {case.row.replace("`", "") for case in CASES} == rows_of_the_page("Annotations")


def test_no_two_cases_are_the_same() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 100
