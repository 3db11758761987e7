"""The file of a journal: one SQLite database with images, classes and edits.

Write-ahead log with ``synchronous=FULL``: a commit that has returned survives the end of the
process and of the machine, and one that has not leaves no trace. The log is unsafe on network
shares, where SQLite's memory-mapped index does not work; journals belong on a local disk.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from unetscope.learning.classes import LabelClass
from unetscope.session.journal.changes import Change
from unetscope.session.journal.faults import JournalError
from unetscope.session.journal.history import Entry, Kind
from unetscope.session.journal.identity import ImageIdentity
from unetscope.session.journal.locking import WriterLock

_APPLICATION_ID = 0x756E6A6C  # "unjl"
_VERSION = 1
_CHECKPOINT_PAGES = 4000  # 16 MB; sooner when there is time (JournalFile.tidy)
_BUSY_S = 2.0
_SCHEMA = """
CREATE TABLE images (
    id INTEGER PRIMARY KEY,
    content TEXT NOT NULL,
    path TEXT NOT NULL,
    name TEXT NOT NULL,
    shape TEXT NOT NULL,
    pixel_size TEXT NOT NULL,
    unit TEXT NOT NULL,
    UNIQUE (content, path)
);
CREATE TABLE classes (value INTEGER PRIMARY KEY, name TEXT NOT NULL, color TEXT NOT NULL);
CREATE TABLE edits (
    image INTEGER NOT NULL REFERENCES images (id),
    sequence INTEGER NOT NULL,
    kind TEXT NOT NULL,
    of INTEGER,
    made_at REAL NOT NULL,
    pixels INTEGER NOT NULL,
    runs BLOB NOT NULL,
    UNIQUE (image, sequence)
);
"""


@dataclass(frozen=True)
class Edit:
    """One edit as it is stored: what is known of it, and its runs, packed."""

    entry: Entry
    runs: bytes

    @property
    def change(self) -> Change:
        """The pixels it changed."""
        return Change.decode(self.runs)


class JournalFile:
    """An open journal. Errors of SQLite and of the system come as :class:`JournalError`.

    Parameters
    ----------
    path
        The database; it is made if it is not there.
    read_only
        Only look; no lock is taken and nothing is made.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._lock = WriterLock(lock_path(path))
        self.read_only = read_only
        with _told(path):
            self.read_only = read_only or not self._lock.acquire()
            try:
                if not self.read_only:
                    _set_damaged_aside(path)
                self._connection = self._opened()
            except BaseException:
                self._lock.release()
                raise
            self._is = _file_number(path)

    @property
    def holder(self) -> str:
        """Who may write, where this is read-only."""
        return self._lock.holder()

    @property
    def in_place(self) -> bool:
        """Whether it is open, and still where it was: one that was deleted takes writes, too."""
        return self._is is not None and _file_number(self.path) == self._is

    def close(self) -> None:
        """Close the database and let go of the lock."""
        with suppress(sqlite3.Error):  # what is committed stays, in the log if not in the database
            self._connection.close()
        self._lock.release()
        self._is = None

    # ---- images and classes

    def find(self, image: ImageIdentity) -> int | None:
        """The row of an image: of the same content and path, else of content that was moved."""
        with _told(self.path):
            rows = self._connection.execute(
                "SELECT id, path FROM images WHERE content = ? AND shape = ? ORDER BY id DESC",
                (image.content, json.dumps(image.shape)),
            ).fetchall()
        same = [row for row, path in rows if path == image.path]
        moved = [row for row, path in rows if not path or not os.path.exists(path)]
        return next(iter([*same, *moved]), None)

    def enter(self, image: ImageIdentity) -> int:
        """The row of an image, made if there is none."""
        found = self.find(image)
        if found is not None:
            return found
        with _told(self.path):
            cursor = self._connection.execute(
                "INSERT INTO images (content, path, name, shape, pixel_size, unit) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (
                    image.content,
                    image.path,
                    image.name,
                    json.dumps(image.shape),
                    json.dumps(image.pixel_size),
                    image.unit or "",
                ),
            )
        return int(cursor.lastrowid or 0)

    def keep_classes(self, classes: Sequence[LabelClass]) -> None:
        """Make ``classes`` the class table."""
        rows = [(c.value, c.name, c.color) for c in classes]
        with _told(self.path), self._transaction():
            self._connection.execute("DELETE FROM classes")
            self._connection.executemany("INSERT INTO classes VALUES (?, ?, ?)", rows)

    def classes(self) -> tuple[LabelClass, ...]:
        """The class table as it was last kept."""
        with _told(self.path):
            rows = self._connection.execute("SELECT * FROM classes ORDER BY value").fetchall()
        return tuple(LabelClass(*row) for row in rows)

    # ---- edits

    def append(self, image: int, edits: Sequence[Edit]) -> None:
        """Commit edits, all or none; when this returns they are on the disk."""
        rows = [
            (image, e.sequence, e.kind.value, e.of, e.made_at, e.pixels, edit.runs)
            for edit in edits
            for e in (edit.entry,)
        ]
        with _told(self.path), self._transaction():
            self._connection.executemany(
                "INSERT INTO edits (image, sequence, kind, of, made_at, pixels, runs) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                rows,
            )

    def entries(self, image: int) -> list[Entry]:
        """Every edit of an image, in order, without pixels."""
        with _told(self.path):
            rows = self._connection.execute(
                "SELECT sequence, kind, made_at, pixels, of FROM edits WHERE image = ? "
                "ORDER BY sequence",
                (image,),
            ).fetchall()
            return [Entry(s, Kind(kind), made, pixels, of) for s, kind, made, pixels, of in rows]

    def changes(self, image: int, upto: int | None = None) -> Iterator[Change]:
        """The change of every edit of an image, in order, up to sequence number ``upto``."""
        last = 2**62 if upto is None else upto
        with _told(self.path):
            for (runs,) in self._connection.execute(
                "SELECT runs FROM edits WHERE image = ? AND sequence <= ? ORDER BY sequence",
                (image, last),
            ):
                yield Change.decode(runs)

    def runs(self, image: int, sequence: int) -> bytes:
        """The packed runs of one edit."""
        with _told(self.path):
            row = self._connection.execute(
                "SELECT runs FROM edits WHERE image = ? AND sequence = ?", (image, sequence)
            ).fetchone()
        if row is None:
            raise JournalError(f"{self.path} has no edit {sequence} of this image.")
        return bytes(row[0])

    def tidy(self) -> None:
        """Move what is in the log into the database; a matter of space, not of safety."""
        if not self.read_only:
            with _told(self.path):
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    # ---- inside

    def _opened(self) -> sqlite3.Connection:
        if self.read_only:
            uri = f"{self.path.absolute().as_uri()}?mode=ro"
            connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None)
        else:
            connection = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None)
        try:
            if not self.read_only:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
                _make_tables(connection)
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version != _VERSION:
                raise JournalError(
                    f"{self.path} is a journal of version {version}, this program writes version "
                    f"{_VERSION}; update the program, or move the file away."
                )
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise


def lock_path(path: Path) -> Path:
    """The file that the writer of a journal holds locked."""
    return path.with_name(f"{path.name}.lock")


def _make_tables(connection: sqlite3.Connection) -> None:
    """All tables and the version in one transaction: there is no half-made journal."""
    connection.execute("BEGIN IMMEDIATE")
    if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
        for statement in filter(str.strip, _SCHEMA.split(";")):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute("COMMIT")


def _set_damaged_aside(path: Path) -> None:
    """Rename a file that is no database, so that painting is kept in a new one."""
    if not path.exists():
        return
    connection = sqlite3.connect(path, timeout=_BUSY_S)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        stamp = time.strftime("%Y%m%d-%H%M%S")
        path.rename(path.with_name(f"{path.name}.damaged-{stamp}"))
    finally:
        connection.close()


def _file_number(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Errors of SQLite and of the system in words."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise JournalError(f"{path}: {error}") from error
