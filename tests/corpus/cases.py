"""Odd files as people have them: each made by a test, each with the right value or refusal.

A case belongs to one row of a table in ``docs/files.md`` (its first cell), so that the page says
nothing that is not tried and nothing is tried that the page does not say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PAGE = Path(__file__).resolve().parents[2] / "docs" / "files.md"


@dataclass(frozen=True)
class Case:
    """``make`` writes files into an empty folder; ``expect`` opens what it returns and asserts."""

    name: str
    row: str
    make: Callable[[Path], Path]
    expect: Callable[[Path], None]


def grey(shape: tuple[int, ...] = (64, 80), seed: int = 0) -> NDArray[np.uint8]:
    """Grey values that differ everywhere, so that a wrong reading cannot look right."""
    return np.random.default_rng(seed).integers(0, 255, shape).astype(np.uint8)


def rows_of_the_page(heading: str) -> set[str]:
    """First cells of the tables under ``## heading`` of the page, without backticks."""
    found: set[str] = set()
    inside = False
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            inside = line[3:].strip() == heading
        elif inside and line.startswith("|") and not line.startswith(("|---", "| ---")):
            found.add(line.strip("|").split("|")[0].strip().replace("`", ""))
    return {row for row in found if row and row != "What"}
