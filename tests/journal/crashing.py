"""Paint in child processes that die, and say whether what they had acknowledged is there.

A script of its own, started by the tests: it forks, which a process with threads and a window must
not do. It prints one JSON object.

    python crashing.py kills NUMBER PAINTER
    python crashing.py points STEP PAINTER
    python crashing.py refused STEP PAINTER
    python crashing.py full STROKES PAINTER    (in a user namespace: mounts a 4 MiB disk)
"""

from __future__ import annotations

import errno
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from painters import PAINTERS, Reference, Stroke, scripted
from system_calls import count_writes, die_at_write, replace_all, restore_writes

SEED = 5
POINT_STROKES = 12
REFUSED_WRITES = 20
FILLED_BYTES = 4_000_000


def forked(work: Callable[[int], None]) -> tuple[int, int]:
    """Start ``work(acknowledge)`` in a child; its id and the end of the pipe to read."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            work(writer)
        finally:
            os._exit(0)
    os.close(writer)
    return child, reader


def acknowledged(reader: int) -> int:
    """How many strokes the child said were kept, after its end."""
    with os.fdopen(reader, "rb") as stream:
        return len(stream.read())


def outcome(painter: str, folder: Path, kept: Reference, strokes: list) -> tuple[str, Reference]:
    """Compare what is on disk with the reference: "kept", "one more", "lost" or "unreadable".

    ``kept`` is the reference after what was acknowledged; the one stroke after it may be there.
    """
    try:
        found = PAINTERS[painter].read(folder)
    except Exception as error:  # every failure to read is a finding
        return f"unreadable: {error}", kept
    if np.array_equal(found, kept.labels):
        return "kept", kept
    more = kept.copy()
    more.apply(strokes[0])
    return ("one more", more) if np.array_equal(found, more.labels) else ("lost", kept)


def kills(number: int, painter: str) -> dict[str, object]:
    """Kill a painting child ``number`` times at random moments; each goes on where one died."""
    rng = np.random.default_rng(SEED)
    undoing, reference, done, bad, total = painter == "journal", Reference(), 0, [], 0
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(number):
            first = done

            def paint(acknowledge: int, first: int = first) -> None:
                canvas, at = PAINTERS[painter](Path(folder)), first
                while True:
                    canvas.apply(scripted(at, SEED, undoing=undoing))
                    os.write(acknowledge, b".")
                    at += 1

            child, reader = forked(paint)
            if rng.random() < 0.8:  # the others die while they open the file, or before
                select.select([reader], [], [], 20.0)
            time.sleep(float(rng.uniform(0.0, 0.06)))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            count = acknowledged(reader)
            for at in range(first, first + count):
                reference.apply(scripted(at, SEED, undoing=undoing))
            done, total = first + count, total + count
            upcoming = scripted(done, SEED, undoing=undoing)
            if not total and not os.listdir(folder):
                continue
            said, reference = outcome(painter, Path(folder), reference, [upcoming])
            if said == "one more":
                done += 1
            elif said != "kept":
                bad.append(said)
                break
    return {"kills": number, "acknowledged": total, "bad": bad}


def points(step: int, painter: str) -> dict[str, object]:
    """Die before, within and after every ``step``-th write of a short script."""
    undoing = painter == "journal"
    strokes = [scripted(at, SEED, undoing=undoing) for at in range(POINT_STROKES)]

    def paint(folder: Path, acknowledge: int) -> None:
        canvas = PAINTERS[painter](folder)
        for stroke in strokes:
            canvas.apply(stroke)
            os.write(acknowledge, b".")
        canvas.close()

    bad, tried = [], 0
    with tempfile.TemporaryDirectory() as folder:
        writes = count_writes(lambda: paint(Path(folder), os.open(os.devnull, os.O_WRONLY)))
    for how in ("before", "half", "after"):
        for at in range(1, writes + 1, step):
            with tempfile.TemporaryDirectory() as folder:

                def die(acknowledge: int, at: int = at, how: str = how, to: str = folder) -> None:
                    die_at_write(at, how, acknowledge)
                    paint(Path(to), acknowledge)

                child, reader = forked(die)
                os.waitpid(child, 0)
                count, kept = acknowledged(reader), Reference()
                for stroke in strokes[:count]:
                    kept.apply(stroke)
                said, _ = outcome(painter, Path(folder), kept, [*strokes[count:], strokes[-1]])
                tried += 1
                if said not in ("kept", "one more"):
                    bad.append(f"{how} write {at}, {count} acknowledged: {said}")
    return {"writes": writes, "tried": tried, "bad": bad}


class Refusing:
    """A disk that is full from one write on, for some writes."""

    def __init__(self, first: int) -> None:
        self.first, self.seen, self.refused = first, 0, 0

    def before(self, descriptor: int, half: Callable[[], object]) -> None:
        self.seen += 1
        if self.first <= self.seen < self.first + REFUSED_WRITES:
            self.refused += 1
            raise OSError(errno.ENOSPC, "no space left")


def refused(step: int, painter: str) -> dict[str, object]:
    """Let the disk be full from every ``step``-th write on, for some strokes, and then not."""
    undoing = painter == "journal"
    strokes = [scripted(at, SEED, undoing=undoing) for at in range(POINT_STROKES)]
    bad, tried, at = [], 0, 1
    while True:
        full_disk = Refusing(at)
        with tempfile.TemporaryDirectory() as folder:
            replace_all(full_disk.before, lambda: None)
            try:
                said = painted_on_a_full_disk(painter, Path(folder), strokes)
            finally:
                restore_writes()
        if not full_disk.refused:
            break
        if said != "kept":
            bad.append(f"full from write {at}: {said}")
        tried, at = tried + 1, at + step
    return {"tried": tried, "bad": bad}


def full(number: int, painter: str) -> dict[str, object]:
    """Paint on a disk of 4 MiB until it is full and ``number`` strokes more; then make room."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=True, timeout=20
        )
        ballast = Path(folder) / "ballast"
        ballast.write_bytes(bytes(FILLED_BYTES))
        canvas, kept, waited = PAINTERS[painter](Path(folder)), Reference(), 0
        for at in range(number):
            stroke = scripted(at, SEED, undoing=painter == "journal")
            with suppress(OSError):  # a naive painter does not catch it
                canvas.apply(stroke)
            kept.apply(stroke)
            waited = max(waited, getattr(canvas, "waiting", 0))
        found_full = shutil.disk_usage(folder).free < 8192
        try:
            at_worst = np.array_equal(PAINTERS[painter].read(Path(folder)), kept.labels)
        except Exception as error:  # every failure to read is a finding
            at_worst = f"unreadable: {error}"
        ballast.unlink()
        canvas.close()
        said, _ = outcome(painter, Path(folder), kept, [Stroke("undo")])
        subprocess.run(["umount", folder], check=True, timeout=20)
    bad = [said] if said != "kept" else []
    if isinstance(at_worst, str):
        bad.append(at_worst)
    return {"full": found_full, "waited": waited, "bad": bad}


def painted_on_a_full_disk(painter: str, folder: Path, strokes: list[Stroke]) -> str:
    """Paint although some writes are refused; what is said of the disk at the end."""
    canvas, kept = PAINTERS[painter](folder), Reference()
    for stroke in strokes:
        with suppress(OSError):  # a naive painter does not catch it
            canvas.apply(stroke)
        kept.apply(stroke)
    restore_writes()
    canvas.close()
    return outcome(painter, folder, kept, [Stroke("undo")])[0]


if __name__ == "__main__":
    what, number, painter = sys.argv[1:]
    harness = {"kills": kills, "points": points, "refused": refused, "full": full}[what]
    print(json.dumps(harness(int(number), painter)))
