"""Which blocks of an answer are written: lines that are only ever added, one file a process.

That a file of a block exists says nothing: blocks of nothing but zeros have none, and one may be of
a run that was stopped before it was safe on the disk.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

_BEGIN, _END = "ledger-", ".jsonl"


@dataclass(frozen=True)
class BlockDone:
    """One block that is written and safe.

    Attributes
    ----------
    block
        Its number.
    digest
        Of its labels in full resolution.
    sizes
        Bytes of its file in each level and of its probabilities; 0 where there is none.
    counts
        How many pixels have each class.
    """

    block: int
    digest: str
    sizes: tuple[int, ...]
    counts: Mapping[int, int]


class Ledger:
    """Adds lines to a file of its own in ``folder``; each is on the disk when :meth:`add` ends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"{_BEGIN}{uuid.uuid4().hex}{_END}"

    def add(self, entry: BlockDone) -> None:
        """Note a block; its files have to be on the disk already."""
        line = json.dumps(asdict(entry), separators=(",", ":")) + "\n"
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, line.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def entries_in(folder: Path) -> Iterator[BlockDone]:
    """All lines of all ledgers of a run; a line that was torn off is passed over."""
    for path in sorted(folder.glob(f"{_BEGIN}*{_END}")):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(ValueError, TypeError, KeyError, AttributeError):
                told = json.loads(line)
                counts = {int(value): int(n) for value, n in told["counts"].items()}
                yield BlockDone(
                    int(told["block"]), str(told["digest"]), tuple(told["sizes"]), counts
                )
