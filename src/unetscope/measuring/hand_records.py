"""What a person did to objects, as plain records, and the sentence that tells it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Records = Sequence[Mapping[str, Any]]
#: What a record says that changes nothing: some objects were looked at and are right.
CHECKED = "check"
#: An edit of which only the result is known.
UNKNOWN = "not known"


def unknown_record() -> dict[str, Any]:
    """The record of an edit of which only the result is known."""
    return {"do": UNKNOWN, "objects": [], "points": []}


def checked_record(numbers: Iterable[int]) -> dict[str, Any]:
    """The record that these objects were looked at and are right."""
    return {"do": CHECKED, "objects": sorted(numbers), "points": []}


def corrections_told(images: Sequence[tuple[Records, int]]) -> tuple[str, ...]:
    """What was done by hand in all images: their records, and how many objects each has."""
    edits = sum(record.get("do") != CHECKED for records, _ in images for record in records)
    checked = sum(
        len(record["objects"])
        for records, _ in images
        for record in records
        if record.get("do") == CHECKED
    )
    told = []
    if edits:
        told.append(f"Objects were corrected by hand: {edits:,} edit{'s' if edits > 1 else ''}.")
    if checked:
        count = sum(count for _, count in images)
        told.append(f"{checked:,} of {count:,} objects were checked one by one.")
    return tuple(told)
