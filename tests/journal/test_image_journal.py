"""Edits wait for the disk in order; a file that is gone, replaced or damaged harms nothing."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from journal.painters import IMAGE, Journalled, box, painted
from unetscope.session.journal.changes import TILE_PX, Change, Tiling, tile_change
from unetscope.session.journal.faults import JournalError
from unetscope.session.journal.history import EditKind
from unetscope.session.journal.identity import content_hash
from unetscope.session.journal.image_journal import ImageJournal
from unetscope.session.journal.mirror import Mirror
from unetscope.session.journal.replaying import replay
from unetscope.session.journal.status import Keeping
from unetscope.session.journal.storage import JournalFile


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def folder_of(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def test_while_the_folder_is_gone_edits_wait_and_then_all_are_kept(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    canvas = Journalled(folder)
    canvas.apply(box(10))
    folder.rename(tmp_path / "unplugged")
    canvas.apply(box(20))
    canvas.apply(box(30))
    status = canvas.journal.status
    assert (status.keeping, status.waiting) == (Keeping.WAITING, 2)
    assert status.banner.startswith("2 edits are in memory only")
    assert not folder.exists(), "a folder that was taken away is not made anew"
    (tmp_path / "unplugged").rename(folder)
    canvas.apply(box(40))
    assert canvas.journal.status.keeping is Keeping.KEPT
    canvas.close()
    assert np.array_equal(Journalled.read(folder), painted(10, 20, 30, 40))
    journal = JournalFile(folder / "strokes.sqlite3", read_only=True)
    assert [e.sequence for e in journal.entries(1)] == [1, 2, 3, 4]
    journal.close()


def test_tries_come_at_growing_distances(tmp_path: Path) -> None:
    clock = Clock()
    journal = ImageJournal(tmp_path / "missing" / "strokes.sqlite3", IMAGE, seconds=clock)
    tries: list[float] = []
    connected = journal._connected
    journal._connected = lambda: (tries.append(clock.now), connected())[1]
    change = journal.mirror.whole_change(painted(10))
    journal.record(EditKind.PAINT, change)
    for _ in range(1000):
        clock.now += 0.1
        journal.retry()
    gaps = np.diff(tries)
    assert np.allclose(gaps[:5], [1, 2, 4, 8, 16], atol=0.2)
    assert gaps.max() <= 30.2


def test_a_journal_deleted_while_painting_is_made_again_whole(tmp_path: Path) -> None:
    canvas = Journalled(tmp_path)
    canvas.apply(box(10))
    for file in tmp_path.iterdir():
        file.unlink()
    canvas.apply(box(20))
    canvas.close()
    assert np.array_equal(Journalled.read(tmp_path), painted(10, 20))


def test_a_commit_that_said_it_failed_and_did_not_is_kept_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canvas = Journalled(tmp_path)
    canvas.apply(box(10))
    append = JournalFile.append

    def made_all_the_same(self: JournalFile, image: int, edits: Any) -> None:
        append(self, image, edits)
        raise JournalError("the cable was pulled just now")

    monkeypatch.setattr(JournalFile, "append", made_all_the_same)
    canvas.apply(box(20))
    assert canvas.journal.status.waiting == 1
    monkeypatch.undo()
    canvas.apply(box(30))
    canvas.close()
    assert np.array_equal(Journalled.read(tmp_path), painted(10, 20, 30))
    journal = JournalFile(tmp_path / "strokes.sqlite3", read_only=True)
    assert [e.kind for e in journal.entries(1)] == [EditKind.PAINT] * 3
    journal.close()


def test_a_file_that_is_no_journal_is_set_aside_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "strokes.sqlite3"
    path.write_bytes(b"not a database, but somebody's" * 100)
    canvas = Journalled(tmp_path)
    canvas.apply(box(10))
    canvas.close()
    assert np.array_equal(Journalled.read(tmp_path), painted(10))
    (aside,) = tmp_path.glob("*.damaged-*")
    assert aside.read_bytes() == b"not a database, but somebody's" * 100


def test_a_journal_of_another_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "strokes.sqlite3"
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 99")
    other.close()
    canvas = Journalled(tmp_path)
    canvas.apply(box(10))
    assert "version 99" in canvas.journal.status.banner
    canvas.close()


def test_another_process_cannot_write_and_can_read(tmp_path: Path) -> None:
    canvas = Journalled(tmp_path)
    canvas.apply(box(10))
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); from pathlib import Path\n"
        "from journal.painters import Journalled, Stroke\n"
        "other = Journalled(Path(sys.argv[1]))\n"
        "other.apply(Stroke('paint', (slice(50, 60), slice(50, 60)), 3))\n"
        "print(other.journal.status.keeping.value, other.journal.status.reason)\n"
    )
    tests = Path(__file__).resolve().parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(tests)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith(f"read only process {os.getpid()} on ")
    canvas.apply(box(20))
    canvas.close()
    assert np.array_equal(Journalled.read(tmp_path), painted(10, 20))


def test_the_labels_of_any_moment_can_be_replayed(tmp_path: Path) -> None:
    canvas = Journalled(tmp_path)
    for at in (10, 20, 30):
        canvas.apply(box(at))
    canvas.close()
    journal = JournalFile(tmp_path / "strokes.sqlite3", read_only=True)
    assert np.array_equal(replay(journal, IMAGE, upto=2), painted(10, 20))
    journal.close()


@settings(max_examples=40)
@given(
    st.data(),
    st.sampled_from([(3, 5), (TILE_PX, TILE_PX), (TILE_PX + 3, 2 * TILE_PX + 1), (2, 3, 9, 300)]),
    st.sampled_from([np.uint8, np.int32, np.int64]),
)
def test_a_change_takes_labels_to_labels_and_back(data: Any, shape: Any, dtype: Any) -> None:
    some = st.integers(-3 if np.iinfo(dtype).min < 0 else 0, 3)
    before, after = (data.draw(arrays(dtype, shape, elements=some, fill=some)) for _ in "ab")
    mirror = Mirror(Tiling(shape))
    mirror.apply(mirror.whole_change(before))
    change = Change.decode(mirror.whole_change(after).encode())
    assert change.pixels == (before != after).sum()
    mirror.apply(change)
    assert np.array_equal(mirror.labels(dtype), after)
    mirror.apply(change.inverse)
    assert np.array_equal(mirror.labels(dtype), before)


def test_the_largest_labels_survive_packing() -> None:
    before, after = np.zeros((2, TILE_PX, TILE_PX), np.int64)
    after[3, 4], after[5, 6] = 2**62, -(2**62)
    mirror = Mirror(Tiling((TILE_PX, TILE_PX)))
    mirror.apply(Change.decode(tile_change(0, before, after).encode()))
    assert np.array_equal(mirror.labels(np.int64), after)


@given(st.binary(max_size=60))
def test_bytes_that_are_no_edit_are_refused_in_words(packed: bytes) -> None:
    with pytest.raises(JournalError, match="edit in the journal"):
        Change.decode(packed)


@pytest.mark.parametrize("shape", [(3, 40, 50), (2100, 2100), (3, 1500, 1500), (1500, 1500, 3)])
def test_the_hash_of_an_image_knows_pixels_shape_and_type(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    known = content_hash(pixels)
    assert content_hash(pixels.copy()) == known
    changed = pixels.copy()
    changed[tuple(0 for _ in shape)] += 1
    assert content_hash(changed) != known
    assert content_hash(pixels[::-1].copy()) != known
    assert content_hash(pixels.view(np.int8)) != known
