"""What comes of many files that are predicted: values that window and terminal show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from unetscope.scaling.odd_ones import Answered

TABLE = "predictions.csv"
DONE, UP_TO_DATE, FAILED = "done", "up to date", "failed"


@dataclass(frozen=True)
class FileResult:
    """What came of one file.

    Attributes
    ----------
    status
        ``"done"``, ``"up to date"`` or ``"failed"``.
    why
        Why it failed, in words.
    answered
        Shares of the classes and grey range; None where it failed.
    made_of
        What tells whether it is up to date: size and date of the file, and what answered.
    seconds
        That it took; None where it was up to date and the table does not say.
    """

    image: Path
    mask: Path
    status: str
    why: str = ""
    answered: Answered | None = None
    made_of: tuple[str, str, str] = ("", "", "")
    seconds: float | None = None


@dataclass(frozen=True)
class FileBegun:
    """The file ``image`` is next, after ``done`` of ``total``."""

    image: Path
    done: int
    total: int


@dataclass(frozen=True)
class FilesDone:
    """All files were tried; ``odd``: file -> how it differs from the others, in words."""

    results: tuple[FileResult, ...]
    odd: Mapping[Path, str]
    table: Path
