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
from typing import Any

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
    missing
        Pieces of the image that are not stored, by their keys; their pixels are 0.
    """

    block: int
    digest: str
    sizes: tuple[int, ...]
    counts: Mapping[int, int]
    missing: tuple[str, ...] = ()


class Ledger:
    """Adds lines to a file of its own in ``folder``; each is on the disk when :meth:`add` ends.

    ``made_of`` is the digest of the manifest: a process of a run that was replaced meanwhile must
    not be believed by the one that took its place.
    """

    def __init__(self, folder: Path, made_of: str) -> None:
        self._path = folder / f"{_BEGIN}{uuid.uuid4().hex}{_END}"
        self._made_of = made_of

    def add(self, entry: BlockDone) -> None:
        """Note a block; its files have to be on the disk already."""
        told = asdict(entry) | {"of": self._made_of}
        line = json.dumps(told, separators=(",", ":")) + "\n"
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, line.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def entries_in(folder: Path, made_of: str) -> Iterator[BlockDone]:
    """All lines of the ledgers of a run that are of this manifest.

    A line that was torn off is passed over.
    """
    for path in sorted(folder.glob(f"{_BEGIN}*{_END}")):
        with open(path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                with suppress(ValueError, TypeError, KeyError, AttributeError):
                    told = json.loads(line)
                    if told.get("of", made_of) == made_of:
                        yield _entry(told)


def _entry(told: Mapping[str, Any]) -> BlockDone:
    counts = {int(value): int(n) for value, n in told["counts"].items()}
    missing = tuple(map(str, told.get("missing", ())))
    return BlockDone(int(told["block"]), str(told["digest"]), tuple(told["sizes"]), counts, missing)
