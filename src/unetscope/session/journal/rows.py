"""The rows of a journal as values; a row that no journal can hold is told as damage."""

from __future__ import annotations

import hashlib
import json
import math
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unetscope.images.classes import LabelClass
from unetscope.session.journal.changes import Change
from unetscope.session.journal.faults import DamagedJournal
from unetscope.session.journal.history import EditEntry, EditKind
from unetscope.session.journal.identity import ImageIdentity

_MOST_AXES = 8
_MOST_PIXELS = 2**48  # of labels, far beyond what can be painted on
_LARGEST_CLASS = 2**31
_DIGESTED = struct.Struct("<qqqd")


@dataclass(frozen=True)
class JournalImage:
    """An image of a journal.

    ``taken_into`` is the row that took its strokes over, ``edits`` how many there are, None where
    they were not counted.
    """

    id: int
    content: str
    path: str
    name: str
    shape: tuple[int, ...]
    axes: str
    taken_into: int | None = None
    edits: int | None = None

    @property
    def digest(self) -> bytes:
        """16 bytes that are others for any other row."""
        told = (self.id, self.content, self.path, self.name, self.shape, self.axes)
        more = (self.taken_into, self.edits)
        packed = json.dumps([*told, *more]).encode()
        return hashlib.blake2b(packed, digest_size=16).digest()

    def is_of(self, image: ImageIdentity) -> bool:
        """Whether its labels are labels of ``image``, as that is read."""
        return self.content == image.content and image.same_reading(self.shape, self.axes)


@dataclass(frozen=True)
class StoredEdit:
    """One edit as it is stored: what is known of it, and its runs, packed."""

    entry: EditEntry
    runs: bytes

    @property
    def change(self) -> Change:
        """The pixels it changed."""
        return Change.decode(self.runs)

    @property
    def digest(self) -> bytes:
        """16 bytes that are others for any other edit."""
        entry = self.entry
        of = -1 if entry.of is None else entry.of
        head = _DIGESTED.pack(entry.sequence, of, entry.pixels, entry.made_at)
        told = hashlib.blake2b(head + entry.kind.value.encode(), digest_size=16)
        told.update(self.runs)
        return told.digest()


def image_of(row: Sequence[Any]) -> JournalImage:
    """An image from its columns id, content, path, name, shape, axes, taken_into, edits, digest."""
    number, content, path, name, shape, axes, taken, edits, digest = row
    texts = all(isinstance(text, str) for text in (content, path, name, shape, axes))
    counted = isinstance(taken, int | None) and isinstance(edits, int | None)
    if not texts or not isinstance(number, int) or not counted:
        raise DamagedJournal("an image in the journal has values of the wrong kind.")
    image = JournalImage(number, content, path, name, _shape_of(shape), axes, taken, edits)
    if digest is not None and digest != image.digest:
        raise DamagedJournal("an image in the journal was changed.")
    return image


def _shape_of(text: str) -> tuple[int, ...]:
    try:
        shape = json.loads(text[:400])
    except (ValueError, RecursionError):
        shape = None
    whole = isinstance(shape, list) and all(type(n) is int and 0 < n < 2**40 for n in shape)
    if not whole or not 2 <= len(shape) <= _MOST_AXES or math.prod(shape) > _MOST_PIXELS:
        raise DamagedJournal(f"an image in the journal has the shape {text[:40]!r}.")
    return tuple(shape)


def entry_of(row: Sequence[Any]) -> EditEntry:
    """An edit without pixels from its columns sequence, kind, made_at, pixels, of."""
    sequence, kind, made_at, pixels, of = row
    numbers = type(sequence) is int and type(pixels) is int and type(of) in (int, type(None))
    if not numbers or not isinstance(made_at, int | float) or not math.isfinite(made_at):
        raise DamagedJournal("an edit in the journal has values of the wrong kind.")
    if sequence < 1 or pixels < 0 or kind not in {known.value for known in EditKind}:
        raise DamagedJournal(f"an edit in the journal is of the unknown kind {str(kind)[:40]!r}.")
    return EditEntry(sequence, EditKind(kind), float(made_at), pixels, of)


def edit_of(row: Sequence[Any], shape: tuple[int, ...]) -> StoredEdit:
    """An edit of labels of ``shape`` from the columns of :func:`entry_of` and runs."""
    *known, runs = row
    entry = entry_of(known)
    if not isinstance(runs, bytes):
        raise DamagedJournal("an edit in the journal has no runs.")
    if Change.decode(runs, shape).pixels != entry.pixels:
        raise DamagedJournal(f"edit {entry.sequence} in the journal has other pixels than told.")
    return StoredEdit(entry, runs)


def class_of(row: Sequence[Any]) -> LabelClass:
    """A class from its columns value, name, color."""
    value, name, color = row
    right = type(value) is int and 0 < value < _LARGEST_CLASS and isinstance(name, str)
    if (
        not right
        or not isinstance(color, str)
        or not re.fullmatch(r"#[0-9A-Fa-f]{6}([0-9A-Fa-f]{2})?", color)
    ):
        raise DamagedJournal("a class in the journal has values of the wrong kind.")
    return LabelClass(value, name, color)
