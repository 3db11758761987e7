"""Folders without file locks, as network shares often are: strokes are kept, the reason is true."""

from __future__ import annotations

import errno
import os
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from journal.painters import Journalled
from journal.test_damaged_journals import box, changed, painted
from unetscope.images import locking
from unetscope.images.locking import WriterLock
from unetscope.session.engine.projects import OpenProject
from unetscope.session.journal import storage
from unetscope.session.journal.status import Keeping
from unetscope.session.project.folder import Project
from unetscope.session.state import STARTING_CLASSES

NO_LOCKS = [errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.EIO]


@pytest.fixture(params=NO_LOCKS, ids=[errno.errorcode[number] for number in NO_LOCKS])
def no_locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(descriptor: int) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(locking, "_lock", refused)


@pytest.mark.usefixtures("no_locks")
def test_strokes_are_kept_where_there_are_no_locks(tmp_path: Path) -> None:
    canvas = Journalled(tmp_path)
    canvas.apply(box(10))
    assert canvas.journal.status.keeping is Keeping.KEPT
    assert canvas.journal.status.banner == ""
    second = Journalled(tmp_path)
    assert second.journal.status.keeping is Keeping.READ_ONLY
    assert "open in another window" in second.journal.status.banner
    second.close()
    canvas.apply(box(20))
    canvas.close()
    assert not list(tmp_path.glob("*.held"))
    assert np.array_equal(Journalled.read(tmp_path), painted(10, 20))


@pytest.mark.usefixtures("no_locks")
def test_a_lock_left_behind_by_a_process_that_is_gone_is_taken_over(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    lock = WriterLock(tmp_path / "a.lock")
    lock.own_file.write_text(f"process {gone.pid} on {socket.gethostname()}\n")
    assert lock.acquire()
    lock.release()
    lock.own_file.write_text("process 1 on another-machine\n")
    assert not lock.acquire()
    assert "process 1 on another-machine" in lock.holder()
    assert lock.own_file.name in lock.holder()


@pytest.mark.usefixtures("no_locks")
def test_without_any_kind_of_lock_the_strokes_are_kept_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def no_exclusive(path: Any, flags: int, *more: Any, **how: Any) -> int:
        if str(path).endswith(".held"):
            raise OSError(errno.EOPNOTSUPP, "not supported")
        return opened(path, flags, *more, **how)

    monkeypatch.setattr(locking.os, "open", no_exclusive)
    canvas = Journalled(tmp_path)
    canvas.apply(box(10))
    assert canvas.journal.status.keeping is Keeping.KEPT
    assert "has no file locks" in canvas.journal.status.banner
    canvas.close()
    assert np.array_equal(Journalled.read(tmp_path), painted(10))


@pytest.mark.usefixtures("no_locks")
def test_a_project_without_locks_can_be_written(tmp_path: Path) -> None:
    folder = Project.create(tmp_path / "p", STARTING_CLASSES).folder
    opened = OpenProject(folder)
    assert opened.banner == ""
    other = OpenProject(folder)
    assert "open in another window" in other.banner
    other.close()
    opened.close()


def test_a_lock_that_is_held_is_told_as_held(tmp_path: Path) -> None:
    first, second = WriterLock(tmp_path / "a.lock"), WriterLock(tmp_path / "a.lock")
    assert first.acquire()
    assert not second.acquire()
    assert f"process {os.getpid()}" in second.holder()
    assert not second.own_file.exists()
    first.release()


def test_where_the_log_is_refused_another_kind_of_journal_keeps_the_strokes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "_has_log", lambda connection: False)
    canvas = Journalled(tmp_path)
    canvas.apply(box(10))
    canvas.apply(box(20))
    assert canvas.journal.status.keeping is Keeping.KEPT
    assert not list(tmp_path.glob("*-wal"))
    canvas.close()
    assert np.array_equal(Journalled.read(tmp_path), painted(10, 20))


def test_where_sqlite_gets_no_locks_either_it_goes_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected = storage.connected

    def refused(path: Path, *, read_only: bool, vfs: str = "") -> sqlite3.Connection:
        if not vfs and not read_only:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorname = "SQLITE_IOERR_LOCK"
            raise error
        return connected(path, read_only=read_only, vfs=vfs)

    monkeypatch.setattr(storage, "connected", refused)
    canvas = Journalled(tmp_path)
    canvas.apply(box(10))
    canvas.apply(box(20))
    assert canvas.journal.status.keeping is Keeping.KEPT
    canvas.close()
    monkeypatch.undo()
    assert np.array_equal(Journalled.read(tmp_path), painted(10, 20))


def test_a_database_that_another_program_holds_is_not_opened_without_locks(
    tmp_path: Path,
) -> None:
    canvas = Journalled(tmp_path)
    canvas.apply(box(10))
    canvas.close()
    other = sqlite3.connect(tmp_path / "strokes.sqlite3", isolation_level=None)
    other.execute("PRAGMA journal_mode = DELETE")
    other.execute("BEGIN EXCLUSIVE")
    waiting = Journalled(tmp_path)
    assert "locked" in waiting.journal.status.reason
    other.execute("COMMIT")
    other.close()
    waiting.apply(box(20))
    assert waiting.journal.status.keeping is Keeping.KEPT
    assert waiting.journal.late_offer.strokes == 1
    before = waiting.journal.labels_at(waiting.journal.late_offer.sequence)
    assert np.array_equal(before.labels(np.uint8), painted(10)), "nothing on the disk is lost"
    waiting.close()
    assert np.array_equal(Journalled.read(tmp_path), painted(20))


def test_a_journal_of_the_first_version_is_opened_and_its_strokes_are_there(
    tmp_path: Path,
) -> None:
    path = tmp_path / "strokes.sqlite3"
    canvas = Journalled(tmp_path)
    canvas.apply(box(10))
    canvas.apply(box(20))
    canvas.close()
    as_first_version(path)
    reading = Journalled.read  # without the lock the old tables are read as they are
    journal = storage.JournalFile(path, read_only=True)
    assert [entry.pixels for entry in journal.entries(1)] == [35, 35]
    assert len(list(journal.changes(1))) == 2
    journal.close()
    again = Journalled(tmp_path)
    assert np.array_equal(again.labels, painted(10, 20))
    assert again.journal.status.banner == ""
    again.apply(box(30))
    assert again.journal.status.keeping is Keeping.KEPT
    again.close()
    assert np.array_equal(reading(tmp_path), painted(10, 20, 30))


def as_first_version(path: Path) -> None:
    """Bring a journal back to the tables that were written first."""
    changed(
        path,
        "ALTER TABLE edits DROP COLUMN digest",
        "CREATE TABLE images_1 (id INTEGER PRIMARY KEY, content TEXT NOT NULL, "
        "path TEXT NOT NULL, name TEXT NOT NULL, shape TEXT NOT NULL, "
        "pixel_size TEXT NOT NULL, unit TEXT NOT NULL, UNIQUE (content, path))",
        "INSERT INTO images_1 SELECT id, content, path, name, shape, pixel_size, unit FROM images",
        "DROP TABLE images",
        "ALTER TABLE images_1 RENAME TO images",
        "PRAGMA user_version = 1",
    )
