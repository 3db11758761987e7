"""What a person is told about the journal of an image: frozen values and their words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Keeping(Enum):
    """Whether strokes are kept."""

    NOTHING_YET = "nothing yet"
    KEPT = "kept"
    WAITING = "waiting"  # in memory, until the disk takes them
    READ_ONLY = "read only"  # another window writes


@dataclass(frozen=True)
class RestoreOffer:
    """Strokes of an image that are in its journal and not in the window.

    ``sequence`` is the last edit that is meant, ``painted_at`` its time in seconds since 1970.
    Strokes painted on another layer of equal pixels have the ``row`` of that one in the file.
    """

    sequence: int
    strokes: int
    pixels: int
    painted_at: float
    row: int | None = None

    def words(self, now: float) -> str:
        """The question, e.g. "Restore 34 strokes painted 10 minutes ago?"."""
        count = "1 stroke" if self.strokes == 1 else f"{self.strokes:,} strokes"
        where = "" if self.row is None else " on a copy of this image"
        return f"Restore {count} painted{where} {spoken_ago(now - self.painted_at)}?"


@dataclass(frozen=True)
class JournalStatus:
    """What the window shows: ``waiting`` edits are in memory alone, for the ``reason``.

    ``note`` is what else a person should know of the journal.
    """

    keeping: Keeping = Keeping.NOTHING_YET
    reason: str = ""
    waiting: int = 0
    can_undo: bool = False
    can_redo: bool = False
    offer: RestoreOffer | None = None
    note: str = ""

    @property
    def banner(self) -> str:
        """What must be known at once; "" when all is well."""
        if self.keeping is Keeping.READ_ONLY:
            return (
                f"Strokes on this image are not kept here: it is open in another window "
                f"({self.reason}). Close that one and open the image again."
            )
        if self.keeping is Keeping.WAITING:
            edits = {0: "New edits stay", 1: "1 edit is"}.get(
                self.waiting, f"{self.waiting:,} edits are"
            )
            return (
                f"{edits} in memory only: {self.reason.rstrip('.')}. You can go on painting; "
                "writing is tried again and again. Make room, or bring the folder back."
            )
        return self.note


def spoken_ago(seconds: float) -> str:
    """``700`` as "11 minutes ago"."""
    if seconds < 60:
        return "just now"
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        count = int(seconds // size)
        if count:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"
