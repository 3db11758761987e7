"""What is good of a damaged journal, brought into a new one; the damaged file stays as it is.

Nothing of a damaged file is believed: only plain tables with the columns of a journal are read, in
bounded time, value by value. An edit is good if its runs can be unpacked and lie on its image.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unetscope.images.classes import LabelClass
from unetscope.session.journal.faults import DamagedJournal
from unetscope.session.journal.history import EditKind
from unetscope.session.journal.rows import JournalImage, StoredEdit, class_of, edit_of, image_of
from unetscope.session.journal.schema import connected, timed

_SALVAGE_S = 5.0
_COLUMNS = {
    "images": {"id", "content", "path", "name", "shape", "pixel_size", "unit"},
    "classes": {"value", "name", "color"},
    "edits": {"image", "sequence", "kind", "of", "made_at", "pixels", "runs"},
}


@dataclass(frozen=True)
class Salvaged:
    """What could be read of a damaged journal; ``lost`` edits could not."""

    images: tuple[JournalImage, ...] = ()
    edits: tuple[tuple[int, StoredEdit], ...] = ()  # row of the image, edit
    classes: tuple[LabelClass, ...] = ()
    lost: int = 0

    def words(self, aside: Path) -> str:
        """What a person is told."""
        total = len(self.edits) + self.lost
        return (
            f"The journal of these strokes was damaged: {len(self.edits):,} of {total:,} edits "
            f"could be read and are kept; the damaged file is {aside.name}."
        )


def set_aside(path: Path) -> Path:
    """Rename a damaged journal and its log, so that painting is kept in a new one."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    names = (f"{path.name}.damaged-{stamp}{more}" for more in ("", *(f"-{n}" for n in range(99))))
    aside = next(path.with_name(name) for name in names if not path.with_name(name).exists())
    path.rename(aside)
    for end in ("-wal", "-shm", "-journal"):
        with suppress(OSError):
            path.with_name(path.name + end).rename(aside.with_name(aside.name + end))
    return aside


def salvaged(path: Path) -> Salvaged:
    """Read what is good in a damaged journal; nothing at all is an answer, too."""
    try:
        with closing(connected(path, read_only=True)) as connection:
            timed(connection, _SALVAGE_S)
            return _read(connection)
    except (sqlite3.Error, OSError, ValueError, MemoryError):
        return Salvaged()
    finally:
        _tidy(path)


def _tidy(path: Path) -> None:
    """Remove what reading left beside the damaged file; its log only if there is nothing in it."""
    log, index = (path.with_name(path.name + end) for end in ("-wal", "-shm"))
    with suppress(OSError):
        if not log.exists() or not log.stat().st_size:
            log.unlink(missing_ok=True)
            index.unlink(missing_ok=True)


def _read(connection: sqlite3.Connection) -> Salvaged:
    tables = {name for name in _COLUMNS if _is_plain(connection, name)}
    images: dict[int, JournalImage] = {}
    if "images" in tables:
        for row in _image_rows(connection):
            with suppress(DamagedJournal):
                image = image_of(row)
                images[image.id] = image
    edits: dict[int, list[StoredEdit]] = {number: [] for number in images}
    lost = 0
    if "edits" in tables:
        order, lost = _in_order(connection, set(images))
        for number, rowid in order:
            try:
                edits[number].append(_edit(connection, rowid, images[number].shape))
            except (DamagedJournal, sqlite3.Error, MemoryError):
                lost += 1
    classes = _classes(connection) if "classes" in tables else ()
    good = tuple((n, edit) for n, own in edits.items() for edit in _numbered(own))
    told = sum(image.edits or 0 for image in images.values())
    return Salvaged(tuple(images.values()), good, classes, max(lost, told - len(good)))


def _is_plain(connection: sqlite3.Connection, name: str) -> bool:
    found = connection.execute(
        "SELECT type, sql FROM sqlite_master WHERE name = ?", (name,)
    ).fetchall()
    if len(found) != 1 or found[0][0] != "table" or "virtual" in str(found[0][1]).lower():
        return False
    return _COLUMNS[name] <= _columns(connection, name)


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    """The columns of a table, without those that are computed."""
    return {row[1] for row in connection.execute(f"PRAGMA table_xinfo({table})") if not row[6]}


def _image_rows(connection: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """The rows of images, as far as they can be read; those of before have no axes."""
    known = {"axes", "taken_into", "edits", "digest"} <= _columns(connection, "images")
    own = "axes, taken_into, edits, digest" if known else "'', NULL, NULL, NULL"
    with suppress(sqlite3.Error):
        yield from connection.execute(
            f"SELECT id, content, path, name, shape, {own} FROM images NOT INDEXED"
        )


def _in_order(connection: sqlite3.Connection, known: set[int]) -> tuple[list[tuple[int, int]], int]:
    """(row of the image, row of the edit) in the order of the edits; how many are of no image."""
    found: list[tuple[int, int, int]] = []
    lost = 0
    with suppress(sqlite3.Error):
        for image, sequence, rowid in connection.execute(
            "SELECT image, sequence, rowid FROM edits NOT INDEXED"
        ):
            if image in known and isinstance(sequence, int):
                found.append((image, sequence, rowid))
            else:
                lost += 1
    return [(image, rowid) for image, _, rowid in sorted(found)], lost


def _edit(connection: sqlite3.Connection, rowid: int, shape: tuple[int, ...]) -> StoredEdit:
    digest = "digest" if "digest" in _columns(connection, "edits") else "NULL"
    row = connection.execute(
        f"SELECT sequence, kind, made_at, pixels, of, runs, {digest} FROM edits NOT INDEXED "
        "WHERE rowid = ?",
        (rowid,),
    ).fetchone()
    if row is None:
        raise DamagedJournal("an edit in the journal cannot be found again.")
    edit = edit_of(row[:-1], shape)
    if row[-1] is not None and row[-1] != edit.digest:
        raise DamagedJournal("an edit in the journal was changed.")
    return edit


def _numbered(edits: list[StoredEdit]) -> Iterator[StoredEdit]:
    """The edits from 1 on; an undo or redo of an edit that is lost is an edit of its own."""
    numbers: dict[int, int] = {}
    for number, edit in enumerate(edits, 1):
        entry = edit.entry
        numbers[entry.sequence] = number
        of = numbers.get(entry.of) if entry.of is not None else None
        kind = EditKind.CONSOLE if of is None and entry.of is not None else entry.kind
        yield StoredEdit(replace(entry, sequence=number, of=of, kind=kind), edit.runs)


def _classes(connection: sqlite3.Connection) -> tuple[LabelClass, ...]:
    found = []
    with suppress(sqlite3.Error):
        for row in connection.execute("SELECT value, name, color FROM classes"):
            with suppress(DamagedJournal):
                found.append(class_of(row))
    return tuple(found)
