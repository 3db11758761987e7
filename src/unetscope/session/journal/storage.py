"""The file of a journal: one SQLite database with images, classes and edits.

Write-ahead log with ``synchronous=FULL``: a commit that has returned survives the end of the
process and of the machine, and one that has not leaves no trace. Where the system refuses the log
(its memory-mapped index does not work on network shares) a rollback journal takes its place, and
where it has no file locks either, SQLite goes without them: the writer's lock is our own.

What a file holds is believed only after it was checked: its tables when it is opened, every row
when it is read, and what was just written once more.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from unetscope.images.classes import LabelClass
from unetscope.images.locking import WriterLock
from unetscope.session.journal.changes import Change
from unetscope.session.journal.faults import DamagedJournal, JournalError
from unetscope.session.journal.history import EditEntry
from unetscope.session.journal.identity import ImageIdentity
from unetscope.session.journal.rows import (
    JournalImage,
    StoredEdit,
    class_of,
    edit_of,
    entry_of,
    image_of,
)
from unetscope.session.journal.salvage import Salvaged, salvaged, set_aside
from unetscope.session.journal.schema import (
    checked_version,
    connected,
    made_current,
    timed,
)

__all__ = ["JournalFile", "StoredEdit", "lock_path"]

_CHECKPOINT_PAGES = 4000  # 16 MB; sooner when there is time (JournalFile.tidy)
_NO_LOCKS = "unix-none"  # SQLite's way of opening files where the system has no locks


class JournalFile:
    """An open journal. Errors of SQLite and of the system come as :class:`JournalError`.

    A damaged file is set aside when it is opened to be written, and what is good of it goes into
    a new one; ``note`` says so then.

    Parameters
    ----------
    path
        The database; it is made if it is not there.
    read_only
        Only look; no lock is taken and nothing is made.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.note = ""
        self.generation = 0  # grows with each renewal
        self._version = self._tables_at = 0
        self._lock = WriterLock(lock_path(path))
        self.read_only = read_only
        self._renew: Callable[[], None] = lambda: None
        with _told(path):
            self.read_only = read_only or not self._lock.acquire()
            try:
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
    def warning(self) -> str:
        """Why a second window is not kept from writing; "" where it is."""
        return self._lock.warning

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

    def renew(self) -> None:
        """Set the file aside, for a row in it is damaged, and go on with what is good of it.

        Raises
        ------
        DamagedJournal
            If it is only read here.
        """
        if self.read_only:
            raise DamagedJournal(f"{self.path}: this journal is damaged; it is not changed here.")
        with _told(self.path):
            with suppress(sqlite3.Error):
                self._connection.close()
            self._is = None
            self._connection = self._renewed()
            self._is = _file_number(self.path)
        self.generation += 1

    # ---- images and classes

    def images(self, content: str) -> list[JournalImage]:
        """The images of these pixels, in any reading, in the order they came."""
        return [image for image in self._images() if image.content == content]

    def _images(self, row: int | None = None) -> list[JournalImage]:
        """All images, or the one of this row."""
        own = "axes, taken_into, edits, digest" if self._version >= 2 else "'', NULL, NULL, NULL"
        with self._asking():
            rows = self._connection.execute(
                f"SELECT id, content, path, name, shape, {own} FROM images "
                "WHERE ?1 IS NULL OR id = ?1 ORDER BY id",
                (row,),
            ).fetchall()
        return [image_of(row) for row in rows]

    def find(
        self, image: ImageIdentity, taken: Collection[int] = (), own: int | None = None
    ) -> int | None:
        """The row of an image: of the same content, reading and path, or of one that was moved.

        Rows in ``taken`` belong to other layers. Of several rows that is meant which the layer had
        before (``own``), or else that of the same name.
        """
        rows = [row for row in self.images(image.content) if row.is_of(image)]
        free = [row for row in rows if row.id not in taken and row.taken_into is None]
        if own in {row.id for row in free}:
            return own
        same = [row for row in free if row.path == image.path]
        moved = [row for row in free if not row.path or not os.path.exists(row.path)]
        likely = same or moved
        return min(likely, key=lambda row: (row.name != image.name, row.id)).id if likely else None

    def enter(
        self,
        image: ImageIdentity,
        taken: Collection[int] = (),
        own: int | None = None,
        *,
        fresh: bool = False,
    ) -> int:
        """The row of an image, made if there is none; it takes over name, path and reading.

        ``taken`` and ``own`` are those of :meth:`find`. With ``fresh`` it is a new one in any case.
        """
        found = None if fresh else self.find(image, taken, own)
        if found is not None:
            known = self._image(found)
            axes = image.axes or known.axes
            self._renew_row(replace(known, path=image.path, name=image.name, axes=axes), known)
            return found
        shape, size = json.dumps(image.shape), json.dumps(image.pixel_size)
        with self._asking(), self._transaction():
            number = self._connection.execute("SELECT max(id) FROM images").fetchone()[0]
            row = JournalImage(
                int(number or 0) + 1,
                image.content,
                image.path,
                image.name,
                image.shape,
                image.axes,
                edits=0,
            )
            self._connection.execute(
                "INSERT INTO images VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, 0, ?)",
                (
                    row.id,
                    row.content,
                    row.path,
                    row.name,
                    shape,
                    row.axes,
                    size,
                    image.unit or "",
                    row.digest,
                ),
            )
        return row.id

    def take_into(self, row: int, other: int) -> None:
        """Note that the strokes of the image ``other`` have been taken over into ``row``."""
        known = self._image(other)
        self._renew_row(replace(known, taken_into=row), known)

    def _renew_row(self, row: JournalImage, known: JournalImage) -> None:
        if row != known:
            with self._asking():
                self._update(row)

    def _update(self, row: JournalImage) -> None:
        self._connection.execute(
            "UPDATE images SET path = ?, name = ?, axes = ?, taken_into = ?, edits = ?, digest = ? "
            "WHERE id = ?",
            (row.path, row.name, row.axes, row.taken_into, row.edits, row.digest, row.id),
        )

    def keep_classes(self, classes: Sequence[LabelClass]) -> None:
        """Make ``classes`` the class table."""
        rows = [(c.value, c.name, c.color) for c in classes]
        with self._asking(), self._transaction():
            self._connection.execute("DELETE FROM classes")
            self._connection.executemany("INSERT INTO classes VALUES (?, ?, ?)", rows)

    def classes(self) -> tuple[LabelClass, ...]:
        """The class table as it was last kept."""
        with self._asking():
            rows = self._connection.execute(
                "SELECT value, name, color FROM classes ORDER BY value"
            ).fetchall()
        return tuple(class_of(row) for row in rows)

    # ---- edits

    def append(self, image: int, edits: Sequence[StoredEdit]) -> None:
        """Commit edits, all or none; when this returns they are on the disk, as they were given.

        Raises
        ------
        DamagedJournal
            If the file does not hold what was written, or not the tables it had.
        """
        rows = [
            (image, e.sequence, e.kind.value, e.of, e.made_at, e.pixels, edit.runs, edit.digest)
            for edit in edits
            for e in (edit.entry,)
        ]
        with self._asking(), self._transaction():
            self._check_tables()
            self._connection.executemany(
                "INSERT INTO edits (image, sequence, kind, of, made_at, pixels, runs, digest) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            if edits:
                self._check_written(image, edits)
                last = edits[-1].entry.sequence
                self._update(replace(self._image(image), edits=last))

    def entries(self, image: int) -> list[EditEntry]:
        """Every edit of an image, in order, without pixels."""
        with self._asking():
            rows = self._connection.execute(
                "SELECT sequence, kind, made_at, pixels, of FROM edits WHERE image = ? "
                "ORDER BY sequence",
                (image,),
            ).fetchall()
        entries = [entry_of(row) for row in rows]
        told = next((known.edits for known in self._images(image)), None)
        count = len(entries) if told is None else told
        if [entry.sequence for entry in entries] != list(range(1, count + 1)):
            raise DamagedJournal(f"{self.path}: this journal is damaged: edits are missing.")
        return entries

    def changes(self, image: int, upto: int | None = None) -> Iterator[Change]:
        """The change of every edit of an image, in order, up to sequence number ``upto``."""
        shape = self._image(image).shape
        digest = "digest" if self._version >= 2 else "NULL"
        with self._asking():
            found = self._connection.execute(
                f"SELECT sequence, kind, made_at, pixels, of, runs, {digest} FROM edits "
                "WHERE image = ? AND sequence <= ? ORDER BY sequence",
                (image, 2**62 if upto is None else upto),
            )
        while True:
            with self._asking():
                row = found.fetchone()
            if row is None:
                return
            edit = edit_of(row[:-1], shape)
            if row[-1] is not None and row[-1] != edit.digest:
                raise DamagedJournal(f"edit {edit.entry.sequence} in {self.path} was changed.")
            yield Change.decode(edit.runs, shape)

    def runs(self, image: int, sequence: int) -> bytes:
        """The packed runs of one edit."""
        with self._asking():
            row = self._connection.execute(
                "SELECT runs FROM edits WHERE image = ? AND sequence = ?", (image, sequence)
            ).fetchone()
        if row is None or not isinstance(row[0], bytes):
            raise JournalError(f"{self.path} has no edit {sequence} of this image.")
        return row[0]

    def tidy(self) -> None:
        """Move what is in the log into the database; a matter of space, not of safety."""
        if not self.read_only:
            with self._asking():
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    # ---- inside

    def _image(self, row: int) -> JournalImage:
        found = self._images(row)
        if not found:
            raise DamagedJournal(f"{self.path}: this journal is damaged: an image is missing.")
        return found[0]

    def _check_tables(self) -> None:
        """Whether the tables are still those that were checked: a file can be tampered with."""
        now = self._connection.execute("PRAGMA schema_version").fetchone()[0]
        if now != self._tables_at:
            checked_version(self._connection, self.path)
            self._tables_at = now

    def _check_written(self, image: int, edits: Sequence[StoredEdit]) -> None:
        found = self._connection.execute(
            "SELECT runs FROM edits WHERE image = ? AND sequence >= ? ORDER BY sequence",
            (image, edits[0].entry.sequence),
        ).fetchall()
        if [runs for (runs,) in found] != [edit.runs for edit in edits]:
            raise DamagedJournal(f"{self.path} does not hold what was written into it.")

    def _opened(self) -> sqlite3.Connection:
        if self.read_only and not self.path.exists():
            return self._checked(sqlite3.connect(":memory:", isolation_level=None), new=True)
        if self.read_only:
            return self._checked(connected(self.path, read_only=True))
        try:
            return self._written(connected(self.path, read_only=False))
        except DamagedJournal:
            return self._renewed()
        except sqlite3.OperationalError as error:
            if os.name == "nt" or not (self._lock.is_file or _is_about_locks(error)):
                raise
            # SQLite's own locks are not to be had; ours is held.
            return self._written(connected(self.path, read_only=False, vfs=_NO_LOCKS))

    def _renewed(self) -> sqlite3.Connection:
        """A new file in the place of a damaged one, with what is good of that."""
        good = Salvaged()
        if self.path.exists():
            aside = set_aside(self.path)
            good = salvaged(aside)
            self.note = good.words(aside)
        connection = self._written(connected(self.path, read_only=False))
        _fill(connection, good)
        return connection

    def _written(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        """A connection that writes, so that what is committed is safe."""
        try:
            with _told(self.path, lock_errors=True):
                version = checked_version(connection, self.path)
                if not _has_log(connection):
                    connection.execute("PRAGMA journal_mode = DELETE")
                    connection.execute("PRAGMA synchronous = EXTRA")
                made_current(connection, version)
            return self._checked(connection)
        except BaseException:
            connection.close()
            raise

    def _checked(self, connection: sqlite3.Connection, *, new: bool = False) -> sqlite3.Connection:
        self._renew = timed(connection)
        try:
            with _told(self.path, lock_errors=True):
                if new:
                    made_current(connection, 0)
                self._version = checked_version(connection, self.path)
                if self._version == 0:
                    raise JournalError(f"{self.path} is empty.")
                self._tables_at = connection.execute("PRAGMA schema_version").fetchone()[0]
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _asking(self) -> Iterator[None]:
        self._renew()
        with _told(self.path):
            yield

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


def _is_about_locks(error: sqlite3.OperationalError) -> bool:
    """Whether the system refused a lock, rather than another program holding it."""
    told = str(getattr(error, "sqlite_errorname", ""))
    return told == "SQLITE_PROTOCOL" or (told.startswith("SQLITE_IOERR") and "LOCK" in told)


def _has_log(connection: sqlite3.Connection) -> bool:
    """Whether the write-ahead log is on now."""
    try:
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    except sqlite3.OperationalError:
        return False
    if str(mode).lower() != "wal":
        return False
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    return True


def _fill(connection: sqlite3.Connection, good: Salvaged) -> None:
    """Write what could be read of a damaged journal into a new one."""
    connection.execute("BEGIN IMMEDIATE")
    counts = Counter(image for image, _ in good.edits)
    images = [replace(image, edits=counts[image.id]) for image in good.images]
    connection.executemany(
        "INSERT INTO images VALUES (?, ?, ?, ?, ?, ?, 'null', '', ?, ?, ?)",
        [
            (i.id, i.content, i.path, i.name, json.dumps(i.shape), i.axes, *counted)
            for i in images
            for counted in ((i.taken_into, i.edits, i.digest),)
        ],
    )
    connection.executemany(
        "INSERT OR IGNORE INTO classes VALUES (?, ?, ?)",
        [(c.value, c.name, c.color) for c in good.classes],
    )
    rows: list[tuple[Any, ...]] = [
        (image, e.sequence, e.kind.value, e.of, e.made_at, e.pixels, edit.runs, edit.digest)
        for image, edit in good.edits
        for e in (edit.entry,)
    ]
    connection.executemany("INSERT INTO edits VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    connection.execute("COMMIT")


def _file_number(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def _told(path: Path, *, lock_errors: bool = False) -> Iterator[None]:
    """Errors of SQLite and of the system in words; with ``lock_errors`` those of locks stay."""
    try:
        yield
    except JournalError:
        raise
    except sqlite3.OperationalError as error:
        if lock_errors:
            raise
        raise JournalError(f"{path}: {error}") from error
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError, OSError) as error:
        raise JournalError(f"{path}: {error}") from error
    except (sqlite3.DatabaseError, MemoryError) as error:
        raise DamagedJournal(f"{path}: this journal is damaged: {error}") from error
