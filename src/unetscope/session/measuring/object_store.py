"""Where objects that a person has corrected are kept: their beginning, and a journal of the edits.

The journal is that of strokes: its edits are runs of pixels, and a number of an object is a label
like any other.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import MeasurementError, OutputError
from unetscope.images.annotations.documents import write_json
from unetscope.images.claims import Claim, Role
from unetscope.images.classes import LabelClass
from unetscope.images.writing import replacing
from unetscope.measuring.hand_records import checked_record, unknown_record
from unetscope.session.journal.changes import Tiling
from unetscope.session.journal.faults import JournalError
from unetscope.session.journal.history import History
from unetscope.session.journal.mirror import Mirror
from unetscope.session.journal.storage import JournalFile
from unetscope.session.measuring.measure_state import LabelKind, LabelSource, Wish
from unetscope.session.measuring.object_place import LETTERS, ObjectPlace

_SCHEMA = 1


@dataclass(frozen=True, eq=False)
class FoundBeginning:
    """Objects as they were found, but for their pixels, which begin their journal.

    ``labels`` and ``region`` are what they were found in, ``numbers`` and ``doubt`` (object,).
    """

    source: LabelSource
    wish: Wish
    class_name: str
    labels: NDArray[Any]
    region: NDArray[np.bool_] | None
    numbers: NDArray[Any]
    doubt: NDArray[np.float64]
    count_range: tuple[int, int]
    dropped: int


def kept_of(folder: Path, image: str) -> list[ObjectPlace]:
    """All objects of an image that were corrected, those of the last edit first."""
    found = [
        (path.stat().st_mtime, path.stem)
        for path in folder.glob(f"{image[:LETTERS]}-*.sqlite3")
        if path.with_suffix(".npz").exists()
    ]
    return [ObjectPlace(folder, stem) for _, stem in sorted(found, reverse=True)]


def write_beginning(place: ObjectPlace, beginning: FoundBeginning) -> None:
    """Keep what objects were found in, before the first edit; nothing where it is kept already.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    if place.beginning.exists():
        return
    about = {
        "schema": _SCHEMA,
        "class_name": beginning.class_name,
        "wish": asdict(beginning.wish),
        "source": {**asdict(beginning.source), "kind": beginning.source.kind.value},
        "count_range": list(beginning.count_range),
        "dropped": beginning.dropped,
    }
    arrays = {"labels": beginning.labels, "numbers": beginning.numbers, "doubt": beginning.doubt}
    if beginning.region is not None:
        arrays["region"] = beginning.region
    packed = io.BytesIO()
    told = np.frombuffer(json.dumps(about).encode(), np.uint8)
    np.savez_compressed(packed, about=told, allow_pickle=False, **arrays)
    make_folder(place.folder)
    with replacing(place.beginning, Claim(Role.STATE)) as temporary:
        temporary.write_bytes(packed.getvalue())


def read_beginning(place: ObjectPlace) -> FoundBeginning:
    """What objects were found in.

    Raises
    ------
    MeasurementError
        If the file is damaged, or not of this kind.
    """
    try:
        with np.load(place.beginning, allow_pickle=False) as packed:
            about = json.loads(packed["about"].tobytes())
            region = packed["region"] if "region" in packed.files else None
            arrays = packed["labels"], region, packed["numbers"], packed["doubt"]
        told = about["source"]
        classes = tuple(LabelClass(**one) for one in told["classes"])
        source = LabelSource(
            told["key"], told["title"], LabelKind(told["kind"]), classes, told["made_by"]
        )
        low, high = about["count_range"]
        wish, name = Wish(**about["wish"]), str(about["class_name"])
        return FoundBeginning(
            source, wish, name, *arrays, (int(low), int(high)), int(about["dropped"])
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MeasurementError(
            f"{place.beginning} cannot be read ({type(error).__name__}); find the objects anew"
        ) from error


@dataclass(frozen=True, eq=False)
class Corrected:
    """Numbers of objects after their edits, and the largest that any of them ever had."""

    ids: NDArray[np.uint32]
    largest: int


def corrected(place: ObjectPlace, shape: tuple[int, ...]) -> Corrected | None:
    """The objects of ``shape`` after their edits; None where none are kept.

    Raises
    ------
    JournalError
        If the journal cannot be read.
    """
    if not place.journal.exists():
        return None
    opened = JournalFile(place.journal, read_only=True)
    try:
        row = opened.find(place.identity(shape, ""))
        if row is None or not opened.entries(row):
            return None
        mirror, largest = Mirror(Tiling(shape)), 0
        for change in opened.changes(row):
            mirror.apply(change)
            largest = max(largest, int(change.new.max(initial=0)))
        return Corrected(np.asarray(mirror.labels(np.uint32)), largest)
    finally:
        opened.close()


def edits_in(place: ObjectPlace, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The numbers of the edits that stand in a journal; none where it cannot be read."""
    if not place.journal.exists():
        return ()
    try:
        opened = JournalFile(place.journal, read_only=True)
    except JournalError:
        return ()
    try:
        row = opened.find(place.identity(shape, ""))
        history = History()
        for entry in opened.entries(row) if row is not None else ():
            history.enter(entry)
        return tuple(entry.sequence for entry in history.standing())
    except JournalError:
        return ()
    finally:
        opened.close()


def standing_wishes(
    place: ObjectPlace, shape: tuple[int, ...], wishes: Mapping[int, dict[str, Any]]
) -> tuple[dict[str, Any], ...]:
    """What was wished for with each edit that stands, and which objects are right."""
    found = tuple(wishes.get(number, unknown_record()) for number in edits_in(place, shape))
    right = read_ticks(place)
    return (*found, checked_record(right)) if right else found


def read_ticks(place: ObjectPlace) -> frozenset[int]:
    """The numbers of the objects that were said to be right; none where that cannot be read."""
    try:
        told = json.loads(place.ticks.read_bytes())
        return frozenset(int(number) for number in told["right"])
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset()


def write_ticks(place: ObjectPlace, right: frozenset[int]) -> None:
    """Keep which objects are right.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    make_folder(place.folder)
    write_json({"schema": _SCHEMA, "right": sorted(right)}, place.ticks, Claim(Role.STATE))


def read_wishes(place: ObjectPlace) -> dict[int, dict[str, Any]]:
    """What was wished for, by the number of the edit in the journal; {} where nothing is kept."""
    try:
        told = json.loads(place.wishes.read_bytes())["edits"]
        return {int(number): dict(wish) for number, wish in told.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def write_wishes(place: ObjectPlace, wishes: Mapping[int, Mapping[str, Any]]) -> None:
    """Keep what was wished for, before the edit of it.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    make_folder(place.folder)
    told = {str(number): dict(wish) for number, wish in wishes.items()}
    write_json({"schema": _SCHEMA, "edits": told}, place.wishes, Claim(Role.STATE))


def make_folder(folder: Path) -> None:
    """Make the folder where it is not there.

    Raises
    ------
    OutputError
        If that cannot be done.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made: {error.strerror}") from error
