"""The tables of a journal file, whether a file has these and nothing else, and those of before."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from unetscope.session.journal.faults import DamagedJournal, JournalError

VERSION = 2
_APPLICATION_ID = 0x756E6A6C  # "unjl"
_BUSY_S = 2.0
_QUERY_S = 30.0  # no query of a sound journal takes that long between two rows
_LONGEST = 2**29  # bytes of one value; an edit of 16 million pixels without order packs smaller
_INSTRUCTIONS = 100_000  # of SQLite's machine between two looks at the clock

_IMAGES = """
CREATE TABLE images (
    id INTEGER PRIMARY KEY,
    content TEXT NOT NULL,
    path TEXT NOT NULL,
    name TEXT NOT NULL,
    shape TEXT NOT NULL,
    axes TEXT NOT NULL,
    pixel_size TEXT NOT NULL,
    unit TEXT NOT NULL,
    taken_into INTEGER,
    edits INTEGER,
    digest BLOB
)
"""
_CLASSES = """
CREATE TABLE classes (value INTEGER PRIMARY KEY, name TEXT NOT NULL, color TEXT NOT NULL)
"""
_EDITS = """
CREATE TABLE edits (
    image INTEGER NOT NULL REFERENCES images (id),
    sequence INTEGER NOT NULL,
    kind TEXT NOT NULL,
    of INTEGER,
    made_at REAL NOT NULL,
    pixels INTEGER NOT NULL,
    runs BLOB NOT NULL,{digest}
    UNIQUE (image, sequence)
)
"""
_IMAGES_1 = """
CREATE TABLE images (
    id INTEGER PRIMARY KEY,
    content TEXT NOT NULL,
    path TEXT NOT NULL,
    name TEXT NOT NULL,
    shape TEXT NOT NULL,
    pixel_size TEXT NOT NULL,
    unit TEXT NOT NULL,
    UNIQUE (content, path)
)
"""
_TABLES = {
    1: (_IMAGES_1, _CLASSES, _EDITS.format(digest="")),
    2: (_IMAGES, _CLASSES, _EDITS.format(digest=" digest BLOB,")),
}
# Images of one content and path get rows of their own, by reading and by layer: the old unique
# pair goes. What was written before has no digest and is not counted.
_FROM_1 = (
    _IMAGES.replace("images", "images_2"),
    "INSERT INTO images_2 SELECT id, content, path, name, shape, '', pixel_size, unit, "
    "NULL, NULL, NULL FROM images",
    "DROP TABLE images",
    "ALTER TABLE images_2 RENAME TO images",
    "ALTER TABLE edits ADD COLUMN digest BLOB",
)


def connected(path: Path, *, read_only: bool, vfs: str = "") -> sqlite3.Connection:
    """A connection that trusts nothing the file brings along and never waits without an end."""
    asked = ("mode=ro" if read_only else "mode=rwc") + (f"&vfs={vfs}" if vfs else "")
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{asked}", uri=True, timeout=_BUSY_S, isolation_level=None
    )
    if vfs:  # without locks nothing may be shared, the index of the log least of all
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return connection


def timed(connection: sqlite3.Connection, seconds: float = _QUERY_S) -> Callable[[], None]:
    """End queries of a connection after so long without a row; call what is returned for each."""
    deadline = time.monotonic() + seconds

    def renewed() -> None:
        nonlocal deadline
        deadline = time.monotonic() + seconds

    connection.set_progress_handler(lambda: time.monotonic() > deadline, _INSTRUCTIONS)
    return renewed


def checked_version(connection: sqlite3.Connection, path: Path) -> int:
    """The version of a file that is a journal; 0 for an empty file.

    Raises
    ------
    JournalError
        If it is of a version that this program does not know.
    DamagedJournal
        If it holds other tables than a journal, or triggers, views and the like.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    found = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    if version == 0 and not found:
        return 0
    if version not in (0, *_TABLES):
        raise JournalError(
            f"{path} is a journal of version {version}, this program writes version "
            f"{VERSION}; update the program, or move the file away."
        )
    own = {_plain(sql) for sql in _TABLES.get(version, ())}
    told = [_plain(str(sql)) for kind, _, sql in found if not (kind == "index" and sql is None)]
    if version == 0 or len(told) != len(own) or set(told) != own:
        names = sorted(str(name)[:40] for _, name, sql in found if sql and _plain(sql) not in own)
        raise DamagedJournal(
            f"{path}: this journal is damaged: its tables are not those of a journal"
            f"{': ' + ', '.join(names[:5]) if names else ''}."
        )
    return version


def made_current(connection: sqlite3.Connection, version: int) -> None:
    """Make the tables, or those of before into today's, in one transaction."""
    if version == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in _TABLES[VERSION] if version == 0 else _FROM_1:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _plain(sql: str) -> str:
    """A statement without what SQLite changes in it: spaces and quotes."""
    return "".join(sql.replace('"', "").split()).lower()
