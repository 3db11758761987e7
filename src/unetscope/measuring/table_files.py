"""The table of objects of several images as CSV, and what is said of them as JSON and as text."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from unetscope.images.annotations.documents import write_json
from unetscope.images.claims import Claim
from unetscope.images.classes import harmless
from unetscope.images.writing import replacing
from unetscope.measuring.agreement import Compared, Matching, NumberPair
from unetscope.measuring.quantities import Quantity, unit_in_name
from unetscope.measuring.summary import Measured, Procedure


def write_table(
    images: Sequence[Measured], names: Mapping[int, str], path: Path, claim: Claim
) -> None:
    """Write a row for each object: its image, then the columns with their units in the header.

    UTF-8 with points in numbers, each with all of its digits; what is not measured is empty, also
    the grey values of a channel that an image does not have. Classes are told by their names.

    Raises
    ------
    OutputError
        If the file cannot be written there.
    """
    headers = dict.fromkeys(column.header for image in images for column in image.table.about)
    with (
        replacing(path, claim) as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as opened,
    ):
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow(["image", *headers])
        for image in images:
            writer.writerows(_rows(image, names, headers))


def _rows(image: Measured, names: Mapping[int, str], headers: Iterable[str]) -> Iterator[list[str]]:
    table = image.table
    keys = {column.header: column.key for column in table.about}
    texts = []
    for header in headers:
        values = table.columns[keys[header]] if header in keys else np.full(len(table), np.nan)
        told = [names.get(int(v), f"{v}") for v in values] if header == "class" else _texts(values)
        texts.append(told)
    name = harmless(image.name)
    for row in zip(*texts, strict=True):
        yield [name, *row]


def _texts(values: Any) -> list[str]:
    if values.dtype.kind in "iu":
        return [str(value) for value in values.tolist()]
    return [_text(value) for value in values.tolist()]


def write_summary(
    images: Sequence[Measured],
    quantities: Mapping[str, Sequence[Quantity]],
    procedure: Procedure,
    path: Path,
    claim: Claim,
) -> None:
    """Write all numbers with unit, n, method, interval or the reason why there is none.

    Raises
    ------
    OutputError
        If the file cannot be written there.
    """
    how = procedure.how
    content = {
        "versions": procedure.versions(),
        "objects": "given" if how is None else asdict(how),
        "edge": procedure.edge,
        "images": [_image_record(image) for image in images],
        "columns": {c.header: c.formula for image in images for c in image.table.about},
        "classes": {
            name: [number.as_record() for number in told] for name, told in quantities.items()
        },
    }
    write_json(content, path, claim)


def _image_record(image: Measured) -> dict[str, Any]:
    table = image.table
    return {
        "name": image.name,
        "pixel_size": list(table.spacing.size),
        "unit": table.spacing.unit,
        "field": list(table.field),
        "objects": len(table),
        "at_border": int(table.columns["at_border"].sum()),
        "left_out_as_too_small": image.seen.dropped,
        "count_range": list(image.seen.count_range),
    }


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


def _text(value: float) -> str:
    return "" if np.isnan(value) else repr(float(value))
