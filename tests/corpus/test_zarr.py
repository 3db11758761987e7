"""Zarrs of other people: right, asked about, or refused; and what is written harms nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from corpus.cases import Case
from corpus.zarr_cases import READING


@pytest.mark.parametrize("case", READING, ids=lambda case: f"{case.row}: {case.name}")
def test_an_ome_zarr_is_read_right_or_asked_about_or_refused(case: Case, tmp_path: Path) -> None:
    case.expect(case.make(tmp_path))
