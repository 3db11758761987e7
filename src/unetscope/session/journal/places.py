"""Where the journal of an image lies, and the journal files that one window has open."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from unetscope.session.journal.storage import JournalFile


@dataclass(frozen=True)
class JournalPlace:
    """Where the strokes of an image are kept, and the path it is known by there."""

    journal: Path
    image: str


@dataclass
class _Shared:
    """A journal file and how many images use it."""

    file: JournalFile
    users: int = 1
    rows: set[int] = field(default_factory=set)  # of images that are open


class JournalFiles:
    """The journal files of one window; images of one project share theirs, and so its lock.

    A file is closed when its last image lets go of it. One that only reads is never shared: the
    next image may get the lock. ``resting`` says which rows of the file at a path have their
    strokes on a layer that nobody watches now.
    """

    def __init__(self, resting: Callable[[Path], Collection[int]] = lambda path: ()) -> None:
        self._resting = resting
        self._shared: dict[Path, _Shared] = {}

    def open(self, path: Path) -> JournalFile:
        """The open file at ``path``; :class:`JournalError` if it cannot be opened."""
        known = self._shared.get(path)
        if known is not None and known.file.in_place:
            known.users += 1
            return known.file
        if known is not None:  # deleted, or replaced by another: it holds the lock of the next one
            self._shared.pop(path).file.close()
        file = JournalFile(path)
        if not file.read_only:
            self._shared[path] = _Shared(file)
        return file

    def taken(self, file: JournalFile, own: int | None = None) -> set[int]:
        """The rows in a file whose strokes are on a layer: no other layer may take them.

        The row ``own`` may be taken although it rests: its layer is the one that asks.
        """
        known = self._shared.get(file.path)
        watched = known.rows if known is not None and known.file is file else set()
        return watched | (set(self._resting(file.path)) - {own})

    def take(self, file: JournalFile, row: int) -> None:
        """An open image has this row in a file from now on."""
        known = self._shared.get(file.path)
        if known is not None and known.file is file:
            known.rows.add(row)

    def close(self, file: JournalFile, row: int | None = None) -> None:
        """Let go of a file for one image, which has this row in it."""
        known = self._shared.get(file.path)
        if known is None or known.file is not file:
            file.close()
            return
        known.rows.discard(row or 0)
        known.users -= 1
        if not known.users:
            self._shared.pop(file.path).file.close()
