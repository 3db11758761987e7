"""How long a stroke takes to be on the disk, beside a bare write and fsync of the same bytes.

A program: ``python -m benchmarks.journal_speed [STROKES] [FOLDER]`` in ``tests``. The disk decides
much of it, so both are measured in turns, in the same folder: a slow fsync slows both.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.rows import Row
from unetscope.session.journal.changes import Change, Tiling
from unetscope.session.journal.history import EditKind
from unetscope.session.journal.identity import ImageIdentity
from unetscope.session.journal.image_journal import ImageJournal
from unetscope.session.journal.mirror import Mirror

SIDE, BRUSH_PX, DABS = 2048, 20, 12


def strokes(count: int, seed: int = 5) -> list[Change]:
    """``count`` strokes of a round brush, as the journal gets them, one upon the other."""
    rng = np.random.default_rng(seed)
    labels, mirror = np.zeros((SIDE, SIDE), np.uint8), Mirror(Tiling((SIDE, SIDE)))
    y, x = np.ogrid[-BRUSH_PX:BRUSH_PX, -BRUSH_PX:BRUSH_PX]
    disk = y * y + x * x < (BRUSH_PX / 2) ** 2
    made = []
    while len(made) < count:
        touched: set[int] = set()
        start = rng.integers(BRUSH_PX, SIDE - BRUSH_PX, 2)
        end = np.clip(start + rng.integers(-80, 81, 2), BRUSH_PX, SIDE - BRUSH_PX)
        for at in np.linspace(start, end, DABS).round().astype(int):
            box = tuple(slice(int(a) - BRUSH_PX, int(a) + BRUSH_PX) for a in at)
            labels[box][disk] = 1 + len(made) % 5
            touched |= mirror.tiling.touched(box)
        change = mirror.to(labels, touched)
        if change.pixels:
            mirror.apply(change)
            made.append(change)
    return made


def journal_row(count: int, folder: Path) -> Row:
    """Milliseconds of each commit and of each bare write with fsync: median, p99 and slowest."""
    identity = ImageIdentity("benchmark", (SIDE, SIDE))
    journal = ImageJournal(folder / "strokes.sqlite3", identity)
    commits, bare, sizes = [], [], []
    with open(folder / "bare", "ab", buffering=0) as file:
        for change in strokes(count):
            start = time.perf_counter()
            journal.record(EditKind.PAINT, change)
            commits.append((time.perf_counter() - start) * 1000)
            packed = change.encode()
            start = time.perf_counter()
            file.write(packed)
            os.fsync(file.fileno())
            bare.append((time.perf_counter() - start) * 1000)
            sizes.append(len(packed))
    if journal.status.waiting:
        raise RuntimeError(f"not every stroke was kept: {journal.status.reason}")
    journal.close()
    return {
        "strokes": count,
        "stroke_bytes": float(np.median(sizes)),
        **_figures("commit", commits),
        **_figures("fsync", bare),
    }


def _figures(name: str, times_ms: list[float]) -> Row:
    median, p99 = np.percentile(times_ms, (50, 99))
    return {
        f"{name}_median_ms": round(float(median), 2),
        f"{name}_p99_ms": round(float(p99), 2),
        f"{name}_slowest_ms": round(max(times_ms), 2),
    }


if __name__ == "__main__":
    COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as place:
        print(json.dumps(journal_row(COUNT, Path(place))))
