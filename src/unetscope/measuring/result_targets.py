"""Which files of results are wanted, and where each of them goes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unetscope.errors import MeasurementError
from unetscope.measuring.object_files import OBJECT_FILES
from unetscope.measuring.table_files import TABLES, check_library

FIGURES = ("png", "svg")
REPORTS = ("html", "pdf")
_PLAIN_NAME = re.compile(r"[^\w.-]+")


@dataclass(frozen=True)
class Formats:
    """Which files are wanted besides the CSV table, the numbers, the paragraph and their origin.

    ``tables`` are of :data:`~unetscope.measuring.table_files.TABLES`, ``objects`` of
    :data:`~unetscope.measuring.object_files.OBJECT_FILES`, ``figures`` png or svg and ``reports``
    html or pdf.
    """

    tables: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for what, told, there in (
            ("tables", self.tables, TABLES),
            ("objects", self.objects, tuple(OBJECT_FILES)),
            ("figures", self.figures, FIGURES),
            ("reports", self.reports, REPORTS),
        ):
            for kind in told:
                if kind not in there:
                    raise MeasurementError(
                        f"{what} are written as {', '.join(there)}, not as {kind!r}"
                    )

    @property
    def with_pictures(self) -> bool:
        """Whether images are shown, for which their portraits are needed."""
        return bool(self.figures or self.reports)

    def check_libraries(self) -> None:
        """Refuse what a library is missing for, before any work.

        Raises
        ------
        OutputError
            With what to install.
        """
        for kind in self.tables:
            check_library(kind)


@dataclass(frozen=True)
class Targets:
    """Where the files of one work go, all beside its table."""

    table: Path
    formats: Formats
    images: tuple[str, ...]

    @property
    def stem(self) -> Path:
        """What all names begin with."""
        return self.table.with_suffix("")

    def beside(self, ending: str) -> Path:
        """The file whose name goes on so."""
        return self.stem.with_name(f"{self.stem.name}{ending}")

    @property
    def tables(self) -> tuple[Path, ...]:
        """The CSV table, and those of other kinds."""
        others = (self.beside(f".{kind}") for kind in self.formats.tables if kind != "csv")
        return (self.table, *others)

    @property
    def origin(self) -> Path:
        """What results were made from."""
        return self.beside("_origin.json")

    def objects(self, number: int) -> tuple[Path, ...]:
        """The files of objects of one image, by its place."""
        return self._of_image(number, "objects", [OBJECT_FILES[k] for k in self.formats.objects])

    def figures(self, number: int) -> tuple[Path, ...]:
        """The figures of one image, by its place."""
        return self._of_image(number, "figure", [f".{kind}" for kind in self.formats.figures])

    @property
    def reports(self) -> tuple[Path, ...]:
        """The pages about all of it."""
        return tuple(self.beside(f"_report.{kind}") for kind in self.formats.reports)

    def _of_image(self, number: int, what: str, suffixes: Sequence[str]) -> tuple[Path, ...]:
        name = "" if len(self.images) == 1 else f"_{_file_names(self.images)[number]}"
        return tuple(self.beside(f"{name}_{what}{suffix}") for suffix in suffixes)

    def everything(self) -> Iterator[Path]:
        """All files that will be written."""
        yield from self.tables
        yield self.beside("_summary.json")
        yield self.beside("_methods.txt")
        yield self.origin
        yield from self.reports
        for number in range(len(self.images)):
            yield from self.objects(number)
            yield from self.figures(number)


def told_formats(text: str | None) -> tuple[str, ...]:
    """Kinds of files as they are typed, with commas between them."""
    parts = (part.strip().lower() for part in (text or "").split(","))
    return tuple(dict.fromkeys(part for part in parts if part))


def options_of(told: Mapping[str, Any], without: Sequence[str]) -> dict[str, Any]:
    """Options as they can be written: those that were told, without those that name files."""
    return {
        name: list(value) if isinstance(value, list | tuple) else value
        for name, value in told.items()
        if name not in without and value is not None and value is not False
    }


def _file_names(names: Sequence[str]) -> list[str]:
    """Names for files of images: without folder and suffix, numbered where they are alike."""
    found: dict[str, int] = {}
    told = []
    for name in names:
        plain = _PLAIN_NAME.sub("_", Path(name).name.partition(".")[0]) or "image"
        found[plain.casefold()] = found.get(plain.casefold(), 0) + 1
        count = found[plain.casefold()]
        told.append(plain if count == 1 else f"{plain}_{count}")
    return told
