"""Tables of objects and what is said of them: CSV, XLSX, Parquet, JSON and text."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from unetscope.errors import OutputError
from unetscope.images.annotations.documents import write_json
from unetscope.images.claims import Claim, mark_text
from unetscope.images.classes import harmless
from unetscope.images.on_demand import optional_library
from unetscope.images.writing import replacing
from unetscope.measuring.agreement import Compared, Matching, NumberPair
from unetscope.measuring.measurements import Measurements
from unetscope.measuring.quantities import Quantity, unit_in_name
from unetscope.measuring.summary import Measured
from unetscope.measuring.tidy_table import TidyColumn, tidy_columns

#: Kinds of tables, by the end of their names.
TABLES = ("csv", "xlsx", "parquet")
_MOST_ROWS = 1_048_575  # of a sheet, below its header
_NUMBERS = ("value", "unit", "low", "high", "level", "n", "of", "method", "no_interval_because")
_SUMMARY = ("class", "group", "name", *_NUMBERS)


def write_table(
    images: Sequence[Measured], names: Mapping[int, str], path: Path, claim: Claim
) -> None:
    """Write a row for each object: its image, then the columns with their units in the header.

    The end of the name says as what. CSV is UTF-8 with points in numbers, each with all of its
    digits; what is not measured is empty. Parquet has unit and formula in the metadata of each
    column. Classes are told by their names.

    Raises
    ------
    OutputError
        If the file cannot be written there, or a library is not installed.
    """
    columns = tidy_columns(images, names)
    if path.suffix == ".parquet":
        _write_parquet(columns, path, claim)
        return
    with (
        replacing(path, claim) as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as opened,
    ):
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow([column.header for column in columns])
        writer.writerows(zip(*(_texts(column.values) for column in columns), strict=True))


def check_library(kind: str) -> None:
    """Refuse a kind of table whose library is not installed, before any work.

    Raises
    ------
    OutputError
        With what to install.
    """
    if kind in ("xlsx", "parquet"):
        _library({"xlsx": "xlsxwriter", "parquet": "pyarrow.parquet"}[kind])


def _library(name: str) -> Any:
    library = optional_library(name)
    if library is None:
        kind = "Excel" if name == "xlsxwriter" else "Parquet"
        raise OutputError(
            f"{kind} files need {name.partition('.')[0]}, which is not installed; install the "
            'extra with pip install "napari-unetscope[tables]", or write CSV'
        )
    return library


def _texts(values: Any) -> list[str]:
    if values.dtype.kind == "O":
        return [str(value) for value in values]
    if values.dtype.kind in "iu":
        return [str(value) for value in values.tolist()]
    return [_text(value) for value in values.tolist()]


def _text(value: float) -> str:
    return "" if math.isnan(value) else repr(float(value))


def _write_parquet(columns: Sequence[TidyColumn], path: Path, claim: Claim) -> None:
    parquet, arrow = _library("pyarrow.parquet"), _library("pyarrow")
    arrays, fields = [], []
    for column in columns:
        kind = {"O": arrow.string(), "f": arrow.float64()}.get(column.values.dtype.kind)
        array = arrow.array(column.values, type=kind or arrow.int64(), from_pandas=True)
        about = {"unit": column.unit, "formula": column.formula}
        fields.append(arrow.field(column.header, array.type, metadata=about))
        arrays.append(array)
    schema = arrow.schema(fields, metadata={"software": mark_text(claim.role)})
    with replacing(path, claim) as temporary:
        parquet.write_table(arrow.Table.from_arrays(arrays, schema=schema), temporary)


def write_workbook(
    found: Measurements, origin: Mapping[str, Any], path: Path, claim: Claim
) -> None:
    """Write an Excel file with the sheets objects, summary, columns and origin.

    Numbers are numbers, so that Excel shows them with the comma or point of its own language.
    ``origin`` is told as name and value, member by member.

    Raises
    ------
    OutputError
        If there are more rows than a sheet has, the file cannot be written there, or the library
        is not installed.
    """
    xlsxwriter = _library("xlsxwriter")
    columns = tidy_columns(found.images, found.names)
    rows = len(columns[0].values)
    if rows > _MOST_ROWS:
        raise OutputError(
            f"{path} cannot hold {rows:,} objects: a sheet has {_MOST_ROWS:,} rows; write CSV or "
            "Parquet"
        )
    sheets: dict[str, tuple[Sequence[str], Iterable[Sequence[Any]]]] = {
        "objects": (
            [column.header for column in columns],
            zip(*(column.values.tolist() for column in columns), strict=True),
        ),
        "summary": (_SUMMARY, _summary_rows(found)),
        "columns": (
            ("column", "unit", "formula"),
            ((column.header, column.unit, column.formula) for column in columns),
        ),
        "origin": (("what", "value"), _members(origin)),
    }
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with replacing(path, claim) as temporary, xlsxwriter.Workbook(str(temporary), options) as book:
        # the same work gives the same bytes, so it is not said when it was done
        book.set_properties({"created": datetime(2000, 1, 1), "comments": mark_text(claim.role)})
        bold = book.add_format({"bold": True})
        for name, (header, content) in sheets.items():
            _fill(book.add_worksheet(name), header, content, bold)


def _fill(sheet: Any, header: Sequence[str], rows: Iterable[Sequence[Any]], bold: Any) -> None:
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, len(header) - 1, 14)
    for place, text in enumerate(header):
        sheet.write_string(0, place, text, bold)
    for number, row in enumerate(rows, start=1):
        for place, value in enumerate(row):
            if isinstance(value, str):
                sheet.write_string(number, place, value)
            elif value is not None and not math.isnan(value):
                sheet.write_number(number, place, value)


def _summary_rows(found: Measurements) -> Iterator[list[Any]]:
    for name, numbers in found.quantities.items():
        yield from _rows_of(name, "", numbers)
    for name, grouped in found.by_group.items():
        for group, numbers in grouped.items():
            yield from _rows_of(name, group, numbers)
    for name, numbers in found.means.items():
        yield from _rows_of(name, "", numbers)


def _rows_of(name: str, group: str, numbers: Sequence[Quantity]) -> Iterator[list[Any]]:
    for number in numbers:
        record = number.as_record()
        yield [harmless(name), harmless(group), record["name"], *(record[k] for k in _NUMBERS)]


def _members(told: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Names and values of all that is told, nested names with points between them."""
    if isinstance(told, Mapping):
        for key, value in told.items():
            yield from _members(value, f"{name}.{key}".lstrip("."))
    elif isinstance(told, list | tuple):
        for place, value in enumerate(told):
            yield from _members(value, f"{name}.{place}")
    else:
        yield name, str(told) if told is None or isinstance(told, bool) else told


def write_summary(found: Measurements, path: Path, claim: Claim) -> None:
    """Write all numbers with unit, n, method, interval or the reason why there is none.

    Raises
    ------
    OutputError
        If the file cannot be written there.
    """
    how = found.procedure.how
    content: dict[str, Any] = {
        "versions": found.procedure.versions(),
        "objects": "given" if how is None else asdict(how),
        "edge": found.procedure.edge,
        "images": [_image_record(image) for image in found.images],
        "columns": formulas_of(found.images),
        "classes": _records(found.quantities),
    }
    if found.groups:
        content["groups"] = {name: _records(grouped) for name, grouped in found.by_group.items()}
        content["means_of_groups"] = _records(found.means)
    if found.certainty:
        content["certainty"] = list(found.certainty)
    write_json(content, path, claim)


def formulas_of(images: Iterable[Measured]) -> dict[str, str]:
    """The formula of each column, by its header."""
    return {column.header: column.formula for image in images for column in image.table.about}


def _records(numbers: Mapping[str, Sequence[Quantity]]) -> dict[str, list[dict[str, Any]]]:
    return {name: [number.as_record() for number in told] for name, told in numbers.items()}


def _image_record(image: Measured) -> dict[str, Any]:
    table = image.table
    record = {
        "name": image.name,
        "pixel_size": list(table.spacing.size),
        "unit": table.spacing.unit,
        "field": list(table.field),
        "objects": len(table),
        "at_border": int(table.columns["at_border"].sum()),
        "left_out_as_too_small": image.seen.dropped,
        "count_range": list(image.seen.count_range),
    }
    return record | ({"group": image.group} if image.group else {})


def write_methods(text: str, path: Path, claim: Claim) -> None:
    """Write the paragraph of methods as plain text.

    Raises
    ------
    OutputError
        If the file cannot be written there.
    """
    with replacing(path, claim) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def write_agreement(images: Sequence[Compared], path: Path, claim: Claim) -> None:
    """Write a row for each image that was compared: counts, scores, and what would be reported.

    Scores of an image without objects on both sides are empty.

    Raises
    ------
    OutputError
        If the file cannot be written there.
    """
    rows = [_agreement_row(image) for image in images]
    headers = dict.fromkeys(header for row in rows for header in row)
    with (
        replacing(path, claim) as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as opened,
    ):
        writer = csv.DictWriter(opened, list(headers), lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(rows)


def _agreement_row(image: Compared) -> dict[str, str]:
    told = image.agreement
    half = told.at()
    row = {"image": harmless(image.name), "true_objects": str(told.truth)}
    row |= {"found_objects": str(told.found), "count_error": str(told.count_error)}
    row |= {"tp": str(half.tp), "fp": str(half.fp), "fn": str(half.fn)}
    row |= {"f1": _text(half.f1), "mean_accuracy": _text(told.mean_accuracy)}
    row |= {"panoptic_quality": _text(half.panoptic_quality), "pixel_iou": _text(told.pixel_iou)}
    row |= {"splits": str(told.splits), "merges": str(told.merges)}
    for matching in told.matchings:
        row |= _at_threshold(matching)
    for pair in image.numbers:
        row |= _number_columns(pair)
    return row


def _at_threshold(matching: Matching) -> dict[str, str]:
    return {f"accuracy_{matching.threshold:.2f}": _text(matching.accuracy)}


def _number_columns(pair: NumberPair) -> dict[str, str]:
    key = pair.name.replace(" ", "_")
    unit = f"_{unit_in_name(pair.unit)}" if pair.unit else ""
    return {
        f"true_{key}{unit}": _text(pair.truth),
        f"found_{key}{unit}": _text(pair.found),
        f"error_of_{key}": _text(pair.error),
    }
