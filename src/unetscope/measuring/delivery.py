"""All files of one work: tables, numbers, the paragraph, objects, figures, report, their origin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from unetscope.images.claims import Claim
from unetscope.measuring.measurements import Measurements
from unetscope.measuring.origin import Origin, as_told, write_origin
from unetscope.measuring.portrait import Portrait
from unetscope.measuring.result_targets import Targets
from unetscope.measuring.table_files import (
    formulas_of,
    write_methods,
    write_summary,
    write_table,
    write_workbook,
)


def write_results(
    found: Measurements,
    targets: Targets,
    origin: Origin,
    claim: Claim,
    portraits: Mapping[int, Portrait] | None = None,
) -> Iterator[Path]:
    """Write tables, numbers, paragraph, figures, report and origin; each file when it is there.

    ``origin`` need not tell columns: those of the told are put in. ``portraits`` are of the
    images by their places in ``targets``; figures and reports need them.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    origin = replace(origin, columns=formulas_of(found.images))
    for path in targets.tables:
        if path.suffix == ".xlsx":
            write_workbook(found, as_told(origin), path, claim)
        else:
            write_table(found.images, found.names, path, claim)
        yield path
    write_summary(found, targets.beside("_summary.json"), claim)
    yield targets.beside("_summary.json")
    write_methods(found.paragraph, targets.beside("_methods.txt"), claim)
    yield targets.beside("_methods.txt")
    if targets.formats.with_pictures:
        # with matplotlib, which takes half a second
        from unetscope.measuring.picture_files import write_pictures

        yield from write_pictures(found, targets, origin, claim, portraits or {})
    written = [path for path in targets.everything() if path.exists() and path != targets.origin]
    write_origin(origin, written, targets.origin, claim)
    yield targets.origin
