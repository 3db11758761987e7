"""Scripted painting, three times: in plain NumPy, through the journal, and in a naive way.

Only NumPy and the engine of the journal are imported: the crash tests fork and kill this.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from unetscope.session.journal.changes import TILE_PX
from unetscope.session.journal.history import EditKind
from unetscope.session.journal.identity import ImageIdentity
from unetscope.session.journal.image_journal import ImageJournal
from unetscope.session.journal.replaying import replay
from unetscope.session.journal.storage import JournalFile

SHAPE = (TILE_PX + 44, TILE_PX + 24)  # four tiles, three of them cut by the border
IMAGE = ImageIdentity("scripted", SHAPE)


@dataclass(frozen=True)
class Stroke:
    """A box of pixels and the value they get, or "undo" or "redo"."""

    does: str
    box: tuple[slice, slice] = (slice(0), slice(0))
    value: int = 0


def scripted(number: int, seed: int, *, undoing: bool = True) -> Stroke:
    """The operation with this number: mostly small strokes, some fills, undos and redos."""
    rng = np.random.default_rng((seed, number))
    does = rng.choice(["paint", "fill", "undo", "redo"], p=[0.7, 0.05, 0.15, 0.1])
    if does in ("undo", "redo") and undoing:
        return Stroke(str(does))
    high, wide = (120, 120) if does == "fill" else rng.integers(3, 25, 2)
    y, x = (int(rng.integers(0, n - 2)) for n in SHAPE)
    return Stroke("paint", (slice(y, y + int(high)), slice(x, x + int(wide))), int(rng.integers(5)))


@dataclass
class Reference:
    """Labels and two stacks of whole arrays: too simple to be wrong."""

    labels: np.ndarray = field(default_factory=lambda: np.zeros(SHAPE, np.uint8))
    undone: list[np.ndarray] = field(default_factory=list)
    done: list[np.ndarray] = field(default_factory=list)

    def apply(self, stroke: Stroke) -> None:
        if stroke.does == "undo":
            self.undo()
        elif stroke.does == "redo":
            self.redo()
        else:
            painted = self.labels.copy()
            painted[stroke.box] = stroke.value
            if not np.array_equal(painted, self.labels):
                self.become(painted)

    def become(self, labels: np.ndarray) -> None:
        self.done.append(self.labels)
        self.undone.clear()
        self.labels = labels

    def undo(self) -> None:
        if self.done:
            self.undone.append(self.labels)
            self.labels = self.done.pop()

    def redo(self) -> None:
        if self.undone:
            self.done.append(self.labels)
            self.labels = self.undone.pop()

    def copy(self) -> Reference:
        return Reference(self.labels, list(self.undone), list(self.done))


class Journalled:
    """The strokes go through the journal."""

    def __init__(self, folder: Path) -> None:
        self.journal = ImageJournal(folder / "strokes.sqlite3", IMAGE, seconds=always_later())
        self.labels = self.journal.mirror.labels(np.uint8)

    def apply(self, stroke: Stroke) -> None:
        mirror = self.journal.mirror
        if stroke.does == "paint":
            self.labels[stroke.box] = stroke.value
            change = mirror.to(self.labels, mirror.tiling.touched(stroke.box))
            if change.pixels:
                self.journal.record(EditKind.PAINT, change)
            return
        step = self.journal.step(back=stroke.does == "undo")
        if step is not None:
            kind = EditKind.UNDO if stroke.does == "undo" else EditKind.REDO
            self.journal.record(kind, step[1], step[0].sequence)
            self.labels = mirror.labels(np.uint8)

    @property
    def waiting(self) -> int:
        return self.journal.status.waiting

    def close(self) -> None:
        self.journal.close()

    @staticmethod
    def read(folder: Path) -> np.ndarray:
        journal = JournalFile(folder / "strokes.sqlite3")
        try:
            return replay(journal, IMAGE).astype(np.uint8)
        finally:
            journal.close()


class Naive:
    """The whole array is saved in place after each stroke, as is commonly done."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "strokes.raw"
        self.labels = self.read(folder).copy() if self.path.exists() else np.zeros(SHAPE, np.uint8)

    def apply(self, stroke: Stroke) -> None:
        self.labels[stroke.box] = stroke.value
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            for row in range(0, SHAPE[0], 8):
                os.write(descriptor, self.labels[row : row + 8].astype(np.int32).tobytes())
        finally:
            os.close(descriptor)

    def close(self) -> None:
        pass

    @staticmethod
    def read(folder: Path) -> np.ndarray:
        return np.fromfile(folder / "strokes.raw", np.int32).reshape(SHAPE).astype(np.uint8)


def always_later() -> Callable[[], float]:
    """A clock that lets every wait be over by the next look at it."""
    return partial(next, itertools.count(0.0, 1000.0))


PAINTERS: dict[str, Any] = {"journal": Journalled, "naive": Naive}


def box(at: int) -> Stroke:
    return Stroke("paint", (slice(at, at + 5), slice(at, at + 7)), 1 + at % 3)


def painted(*places: int) -> np.ndarray:
    labels = np.zeros(SHAPE, np.uint8)
    for at in places:
        labels[box(at).box] = box(at).value
    return labels
