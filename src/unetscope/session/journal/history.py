"""Which edit undo takes back and which redo brings again, read from the edits themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

_BEGINNINGS = 20  # so many beginnings anew are offered again; what is older stays in the file


class EditKind(Enum):
    """What made an edit."""

    PAINT = "paint"
    ERASE = "erase"
    FILL = "fill"
    POLYGON = "polygon"
    ACCEPT = "accept"  # a prediction taken over
    JOIN = "join"  # of objects, as are the next two
    SPLIT = "split"
    DROP = "drop"
    CONSOLE = "console"  # written by a script, or found without an event that told of it
    RESTORE = "restore"  # brought back from this journal
    BEGIN = "begin"  # another layer took the place of the one that was painted on
    REPAIR = "repair"  # what a file that was gone or replaced did not know
    UNDO = "undo"
    REDO = "redo"


@dataclass(frozen=True)
class EditEntry:
    """One edit without its pixels; ``of`` is the edit that an undo or redo is about.

    Of labels brought back it is the edit that they were the labels after; of those from another
    part of the journal the edit before.
    """

    sequence: int
    kind: EditKind
    made_at: float  # seconds since 1970
    pixels: int
    of: int | None = None


@dataclass
class History:
    """Two stacks of edits; each edit that is not itself an undo or redo empties the second."""

    undoable: list[EditEntry] = field(default_factory=list)
    redoable: list[EditEntry] = field(default_factory=list)

    def enter(self, entry: EditEntry) -> None:
        """Take the next edit into account."""
        if entry.kind is EditKind.UNDO:
            self._move(entry.of, self.undoable, self.redoable)
        elif entry.kind is EditKind.REDO:
            self._move(entry.of, self.redoable, self.undoable)
        else:
            self.undoable.append(entry)
            self.redoable.clear()

    def standing(self) -> list[EditEntry]:
        """The edits that made the present labels: since the last begin, without undone ones."""
        begun = [i for i, entry in enumerate(self.undoable) if entry.kind is EditKind.BEGIN]
        return self.undoable[begun[-1] + 1 if begun else 0 :]

    def left_behind(self) -> list[EditEntry]:
        """The beginnings anew whose earlier labels were not brought back since.

        Earlier versions did not note which labels were brought back: then none are looked for.
        """
        found: list[EditEntry] = []
        for entry in self.undoable:
            if entry.kind is EditKind.BEGIN:
                found.append(entry)
            elif entry.kind is EditKind.RESTORE:
                left = (one for one in found if one.sequence - 1 != entry.of)
                found = [] if entry.of is None else list(left)
        return found[-_BEGINNINGS:]

    @staticmethod
    def _move(of: int | None, source: list[EditEntry], target: list[EditEntry]) -> None:
        if source and source[-1].sequence == of:
            target.append(source.pop())
