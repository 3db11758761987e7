"""A journal that was changed by others: told in words, set aside, what is good of it kept."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journal.painters import IMAGE, SHAPE, Journalled, box, painted
from unetscope.session.journal.changes import Change, Tiling
from unetscope.session.journal.faults import DamagedJournal, JournalError
from unetscope.session.journal.image_journal import ImageJournal
from unetscope.session.journal.status import Keeping
from unetscope.session.journal.storage import JournalFile

Damage = Callable[[sqlite3.Connection], None]
FILE = "strokes.sqlite3"


def written(folder: Path, *places: int) -> Path:
    canvas = Journalled(folder)
    for at in places:
        canvas.apply(box(at))
    canvas.close()
    return folder / FILE


def changed(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def runs(count: int, *columns: int) -> str:
    """The literal of an edit with these numbers."""
    body = b"runs" + count.to_bytes(8, "little") + np.array(columns, "<i8").tobytes()
    return f"x'{zlib.compress(body).hex()}'"


def bomb(inflated: int) -> str:
    return f"x'{zlib.compress(b'runs' + bytes(inflated)).hex()}'"


ONE_EDIT: dict[str, str] = {
    "a kind nobody knows": "UPDATE edits SET kind = 'scribble' WHERE sequence = 2",
    "a sequence that is text": "UPDATE edits SET sequence = 'two' WHERE sequence = 2",
    "a time that is text": "UPDATE edits SET made_at = 'today' WHERE sequence = 2",
    "a time without end": "UPDATE edits SET made_at = 9e999 WHERE sequence = 2",
    "pixels that are negative": "UPDATE edits SET pixels = -3 WHERE sequence = 2",
    "pixels that are a blob": "UPDATE edits SET pixels = x'ff' WHERE sequence = 2",
    "runs that are a number": "UPDATE edits SET runs = 7 WHERE sequence = 2",
    "runs that are text": "UPDATE edits SET runs = 'abc' WHERE sequence = 2",
    "runs cut off": "UPDATE edits SET runs = substr(runs, 1, 9) WHERE sequence = 2",
    "runs with an end too many": "UPDATE edits SET runs = runs || x'00' WHERE sequence = 2",
    "runs of a value of another edit": (
        "UPDATE edits SET runs = (SELECT runs FROM edits WHERE sequence = 1) WHERE sequence = 2"
    ),
    "runs beside the image": f"UPDATE edits SET runs = {runs(1, 10**9, 35, 0, 1)} "
    "WHERE sequence = 2",
    "runs before the image": f"UPDATE edits SET runs = {runs(1, -5, 35, 0, 1)} WHERE sequence = 2",
    "runs of endless length": f"UPDATE edits SET runs = {runs(1, 0, 2**62, 0, 1)}, "
    f"pixels = {2**62} WHERE sequence = 2",
    "runs over the border": f"UPDATE edits SET runs = {runs(1, 256 * 256 + 20, 35, 0, 1)} "
    "WHERE sequence = 2",
    "runs that inflate": f"UPDATE edits SET runs = {bomb(200_000_000)} WHERE sequence = 2",
    "an edit that is missing": "DELETE FROM edits WHERE sequence = 2",
    "an edit of another image": "UPDATE edits SET image = 77 WHERE sequence = 2",
}


@pytest.mark.parametrize("damage", ONE_EDIT.values(), ids=ONE_EDIT)
def test_one_damaged_edit_is_told_and_all_others_are_kept(tmp_path: Path, damage: str) -> None:
    path = written(tmp_path, 10, 20, 30)
    changed(path, damage)
    canvas = Journalled(tmp_path)
    assert np.array_equal(canvas.labels, painted(10, 30))
    status = canvas.journal.status
    assert status.keeping is Keeping.KEPT
    assert "damaged" in status.banner
    assert "2 of" in status.banner
    assert len(list(tmp_path.glob("*.damaged-*"))) == 1
    canvas.apply(box(40))
    assert canvas.journal.status.keeping is Keeping.KEPT
    canvas.close()
    assert np.array_equal(Journalled.read(tmp_path), painted(10, 30, 40))


TABLES: dict[str, tuple[str, ...]] = {
    "a trigger that deletes edits": (
        "CREATE TRIGGER t AFTER INSERT ON edits BEGIN DELETE FROM edits; END",
    ),
    "a trigger that changes them": (
        "CREATE TRIGGER t AFTER INSERT ON edits BEGIN UPDATE edits SET pixels = 1; END",
    ),
    "a view that never ends": (
        "CREATE VIEW v AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        "SELECT i FROM n",
    ),
    "edits that are a view without end": (
        "ALTER TABLE edits RENAME TO kept",
        "CREATE VIEW edits AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        "SELECT 1 AS image, i AS sequence, 'paint' AS kind, NULL AS of, 1.0 AS made_at, "
        "1 AS pixels, x'00' AS runs, NULL AS digest FROM n",
    ),
    "a table of somebody else": ("CREATE TABLE foreign_one (x)",),
    "a column more": ("ALTER TABLE edits ADD COLUMN more TEXT DEFAULT 'x'",),
    "a virtual table": ("CREATE VIRTUAL TABLE found USING fts5(x)",),
    "an index": ("CREATE INDEX i ON edits (kind)",),
}


@pytest.mark.parametrize("damage", TABLES.values(), ids=TABLES)
def test_tables_that_are_not_a_journal_s_are_set_aside_and_the_edits_kept(
    tmp_path: Path, damage: tuple[str, ...]
) -> None:
    path = written(tmp_path, 10, 20)
    changed(path, *damage)
    canvas = Journalled(tmp_path)
    whole = "RENAME" not in damage[0]
    assert np.array_equal(canvas.labels, painted(10, 20) if whole else painted())
    assert "damaged" in canvas.journal.status.banner
    canvas.apply(box(40))
    assert canvas.journal.status.keeping is Keeping.KEPT
    expected = canvas.labels.copy()
    canvas.close()
    assert np.array_equal(Journalled.read(tmp_path), expected)


def test_a_trigger_put_in_while_painting_costs_no_stroke(tmp_path: Path) -> None:
    canvas = Journalled(tmp_path)
    canvas.apply(box(10))
    changed(tmp_path / FILE, "CREATE TRIGGER t AFTER INSERT ON edits BEGIN DELETE FROM edits; END")
    canvas.apply(box(20))
    canvas.apply(box(30))
    assert canvas.journal.status.keeping is Keeping.KEPT
    canvas.close()
    assert np.array_equal(Journalled.read(tmp_path), painted(10, 20, 30))


def test_a_journal_that_only_reads_is_told_damaged_and_left_as_it_is(tmp_path: Path) -> None:
    path = written(tmp_path, 10)
    changed(path, "CREATE VIEW v AS SELECT 1")
    before = path.read_bytes()
    with pytest.raises(DamagedJournal, match="journal is damaged"):
        JournalFile(path, read_only=True)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE images SET shape = '[1e400]'",
        "UPDATE images SET shape = '[' || hex(zeroblob(100)) || ']'",
        "UPDATE images SET shape = 'null'",
        "UPDATE images SET shape = x'ff00'",
        "UPDATE images SET shape = '[3000000, 3000000, 3000000]'",
        "UPDATE images SET name = x'ff'",
    ],
)
def test_an_image_whose_row_is_damaged_begins_anew_and_says_so(tmp_path: Path, damage: str) -> None:
    path = written(tmp_path, 10)
    changed(path, damage)
    canvas = Journalled(tmp_path)
    assert "damaged" in canvas.journal.status.banner
    canvas.apply(box(20))
    canvas.close()
    assert np.array_equal(Journalled.read(tmp_path), painted(20))


@pytest.mark.parametrize("column", ["content", "axes"])
def test_an_image_that_was_made_another_is_told(tmp_path: Path, column: str) -> None:
    changed(written(tmp_path, 10), f"UPDATE images SET {column} = 'other'")
    canvas = Journalled(tmp_path)
    assert "damaged" in canvas.journal.status.banner
    canvas.close()


def test_edits_that_are_missing_at_the_end_are_told(tmp_path: Path) -> None:
    changed(written(tmp_path, 10, 20, 30), "DELETE FROM edits WHERE sequence = 3")
    canvas = Journalled(tmp_path)
    assert np.array_equal(canvas.labels, painted(10, 20))
    assert "2 of 3 edits" in canvas.journal.status.banner
    canvas.close()


def test_other_images_of_a_damaged_journal_keep_theirs(tmp_path: Path) -> None:
    path = written(tmp_path, 10, 20)
    other = ImageJournal(path, type(IMAGE)("other", SHAPE))
    change = other.mirror.whole_change(painted(50))
    from unetscope.session.journal.history import EditKind

    other.record(EditKind.PAINT, change)
    other.close()
    changed(path, "UPDATE edits SET kind = 'x' WHERE image = 1 AND sequence = 1")
    first = Journalled(tmp_path)
    assert np.array_equal(first.labels, painted(20))
    first.close()
    again = ImageJournal(path, type(IMAGE)("other", SHAPE))
    assert np.array_equal(again.mirror.labels(np.uint8), painted(50))
    again.close()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = written(tmp_path_factory.mktemp("sound"), 10, 20, 30)
    changed(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    return path.read_bytes()


@settings(max_examples=60, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.data())
def test_bytes_changed_anywhere_are_told_or_change_nothing(
    sound: bytes, tmp_path_factory: pytest.TempPathFactory, data: Any
) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    damaged = bytearray(sound)
    for _ in range(data.draw(st.integers(1, 12))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del damaged[data.draw(st.integers(0, len(damaged))) :]
    (folder / FILE).write_bytes(damaged)
    canvas = Journalled(folder)
    found = canvas.labels.copy()
    if not np.array_equal(found, painted(10, 20, 30)):
        assert canvas.journal.status.banner or not damaged, "a loss in silence"
    canvas.apply(box(60))
    kept, shown = canvas.journal.status.keeping is Keeping.KEPT, canvas.labels.copy()
    canvas.close()
    if kept:
        assert np.array_equal(Journalled.read(folder), shown)


def test_runs_are_unpacked_only_as_far_as_the_image_goes() -> None:
    packed = zlib.compress(b"runs" + bytes(500_000_000), 9)
    with pytest.raises(JournalError, match="edit in the journal"):
        Change.decode(packed, (20, 20))


def test_every_change_of_labels_lies_on_them() -> None:
    rng = np.random.default_rng(2)
    for shape in [(3, 5), (256, 256), (300, 280), (2, 270, 513)]:
        labels = rng.integers(0, 3, shape)
        change = Change.decode(_change(labels).encode(), shape)
        assert change.lies_on(Tiling(shape))
        assert not Change(change.starts + 1, change.lengths, change.old, change.new).lies_on(
            Tiling(shape)
        )


def _change(labels: np.ndarray) -> Change:
    from unetscope.session.journal.mirror import Mirror

    return Mirror(Tiling(labels.shape)).whole_change(labels)
