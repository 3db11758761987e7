"""The journal of one image: what its labels are, what can be undone, what waits for the disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

from unetscope.images.classes import LabelClass
from unetscope.session.axes import choice_in_words
from unetscope.session.journal.changes import Change
from unetscope.session.journal.faults import DamagedJournal, JournalError
from unetscope.session.journal.history import EditEntry, EditKind, History
from unetscope.session.journal.identity import ImageIdentity
from unetscope.session.journal.mirror import Mirror
from unetscope.session.journal.places import JournalFiles
from unetscope.session.journal.replaying import replayed
from unetscope.session.journal.rows import StoredEdit
from unetscope.session.journal.status import JournalStatus, Keeping, RestoreOffer
from unetscope.session.journal.storage import JournalFile

_FIRST_RETRY_S = 1.0
_LATEST_RETRY_S = 30.0
_IN_MEMORY = 256  # edits whose pixels undo finds without the disk


@dataclass(frozen=True)
class Beginning:
    """How the journal of an image begins in its file.

    Attributes
    ----------
    row
        The row that the image's strokes layer had before; None where it had none.
    fresh
        Whether it begins without strokes that the file has of this image already.
    """

    row: int | None = None
    fresh: bool = False


_UNKNOWN_BEFORE = Beginning()


class ImageJournal:
    """Takes edits in and commits them; those the disk does not take wait in order.

    ``mirror`` holds the labels after the last edit. A journal that is not there is made with the
    first edit, so an image that is only looked at leaves nothing behind.

    Parameters
    ----------
    path
        The file; several images may share it.
    image
        Whose labels.
    make_folder
        Whether the folder may be made. Not beside a project: a drive that was taken out would
        be mistaken for an empty one.
    beginning
        Its row of before, if any, and whether what the file has counts.
    files
        The files of the window, of which images with one journal share one.
    seconds
        A clock for the waits between two tries.
    """

    def __init__(
        self,
        path: Path,
        image: ImageIdentity,
        *,
        make_folder: bool = False,
        beginning: Beginning = _UNKNOWN_BEFORE,
        files: JournalFiles | None = None,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path, self.image = path, image
        self._make_folder, self._seconds, self._beginning = make_folder, seconds, beginning
        self._files = files or JournalFiles()
        self.mirror = replayed(image.shape, ())
        self.history = History()
        self._newest = 0  # sequence number of the last edit, kept or waiting
        self._last_kept: EditEntry | None = None
        self._waiting: list[StoredEdit] = []
        self._recent: dict[int, bytes] = {}
        self._classes: tuple[LabelClass, ...] | None = None  # what is still to be kept
        self._file: JournalFile | None = None
        self._row: int | None = None
        self._read_only = False
        self._other_readings = ""
        self.late_offer: RestoreOffer | None = None  # found after painting had begun
        self._generation = 0  # of the file, when it was last compared
        self._reason = ""
        self._wait_s, self._next_try = _FIRST_RETRY_S, 0.0
        if path.exists():
            self.flush()

    def close(self) -> int | None:
        """Try the last time what waits, and let go of the file; return the image's row in it.

        None where there is no row, or another window writes.
        """
        self.flush()
        row = None if self._read_only else self._row
        self._let_go()
        return row

    # ---- what is known

    @property
    def status(self) -> JournalStatus:
        """What the window shows, but for the offer."""
        if self._read_only:
            keeping = Keeping.READ_ONLY
        elif self._reason:
            keeping = Keeping.WAITING
        else:
            keeping = Keeping.KEPT if self._newest else Keeping.NOTHING_YET
        return JournalStatus(
            keeping=keeping,
            reason=self._reason,
            waiting=len(self._waiting),
            can_undo=bool(self.history.undoable),
            can_redo=bool(self.history.redoable),
            note=self._note(),
        )

    def _note(self) -> str:
        if self._file is None:
            return ""
        warned = f"Note: {self._file.warning}." if self._file.warning else ""
        others = self._other_readings
        return " ".join(filter(None, (self._file.note, warned, others)))

    @property
    def offer(self) -> RestoreOffer | None:
        """The present labels as something to bring back; None without any."""
        return _offered(self.mirror, self.history, self._newest)

    @property
    def newest(self) -> int:
        """The last edit, kept or waiting; 0 before the first."""
        return self._newest

    def classes(self) -> tuple[LabelClass, ...]:
        """The class table as it was last kept; empty where there is none.

        Raises
        ------
        JournalError
            If the file cannot be read.
        """
        if self._classes is not None:
            return self._classes
        return self._file.classes() if self._file is not None else ()

    def labels_at(self, sequence: int) -> Mirror:
        """The labels after an earlier edit; :class:`JournalError` if the file cannot be read."""
        if sequence == self._newest:
            return self.mirror
        kept = () if self._file is None or self._row is None else self._file.changes(self._row)
        changes = chain(kept, (edit.change for edit in self._waiting))
        return replayed(self.image.shape, islice(changes, sequence))

    # ---- equal pixels elsewhere

    def others(self) -> list[RestoreOffer]:
        """Strokes in this file on the same pixels and reading that would add to what is here.

        Those of layers that are not open, and those that were begun anew without.
        """
        file = self._file
        if file is None or self._row is None:
            return []
        taken = self._files.taken(file) - {self._row}
        rows = [row for row in file.images(self.image.content) if row.is_of(self.image)]
        found = []
        for row in rows:
            if row.id not in taken:
                newest = row.id != self._row and row.taken_into is None
                found += self._offers_of(file, row.id, newest=newest)
        return found

    def _offers_of(self, file: JournalFile, row: int, *, newest: bool) -> list[RestoreOffer]:
        """What a row of this file offers: its ``newest`` labels, and those of before."""
        entries, history = file.entries(row), History()
        for entry in entries:
            history.enter(entry)
        ends = [e.sequence - 1 for e in history.left_behind()]
        found = []
        for end in [*ends, *([len(entries)] if newest else [])]:
            labels = replayed(self.image.shape, islice(file.changes(row), end))
            before = History()
            for entry in entries[:end]:
                before.enter(entry)
            offer = _offered(labels, before, end)
            if offer is not None and self.mirror.lacks(labels):
                found.append(replace(offer, row=None if row == self._row else row))
        return found[::-1]

    def is_taken(self, row: int) -> bool:
        """Whether another open image has this row of the file by now."""
        return self._file is not None and row in self._files.taken(self._file)

    def labels_of(self, row: int, upto: int) -> Mirror:
        """The labels of another image of this file; :class:`JournalError` if it cannot be read."""
        if self._file is None:
            raise JournalError(f"{self.path} cannot be read now.")
        return replayed(self.image.shape, islice(self._file.changes(row), upto))

    def took(self, row: int, upto: int) -> None:
        """The strokes of another image of this file have been taken over here."""
        if self._file is not None and self._row is not None and not self._read_only:
            with suppress(JournalError):
                if len(self._file.entries(row)) == upto:
                    self._file.take_into(self._row, row)

    def _readings_of_others(self, file: JournalFile) -> str:
        """What to say of strokes on the same pixels that belong to another reading."""
        rows = [row for row in file.images(self.image.content) if not row.is_of(self.image)]
        ways = sorted({row.axes for row in rows if row.axes and file.entries(row.id)})
        if not ways:
            return ""
        read = " and ".join(choice_in_words(axes) for axes in ways)
        return f"Strokes painted on this image read as {read} are kept with that reading."

    def step(self, *, back: bool) -> tuple[EditEntry, Change] | None:
        """The next edit to undo (or redo) and the change that does it; None without any.

        Raises
        ------
        JournalError
            If the edit is old and the disk cannot be read.
        """
        stack = self.history.undoable if back else self.history.redoable
        if not stack:
            return None
        entry = stack[-1]
        runs = self._recent.get(entry.sequence)
        if runs is None:
            runs = self._runs_on_disk(entry.sequence)
        change = Change.decode(runs)
        return entry, change.inverse if back else change

    # ---- edits

    def record(self, kind: EditKind, change: Change, of: int | None = None) -> None:
        """Take an edit in and commit it, with what waited before it.

        When this returns the edit is on the disk, or :attr:`status` says that it waits and why.
        """
        self._newest += 1
        entry = EditEntry(self._newest, kind, time.time(), change.pixels, of)
        edit = StoredEdit(entry, change.encode())
        self.mirror.apply(change)
        self.history.enter(entry)
        self._remember(edit)
        self._waiting.append(edit)
        if not self._reason or self._seconds() >= self._next_try:
            self.flush()

    def go_on_from(self, other: ImageJournal, *, standing: bool = False) -> None:
        """Take in every edit of another journal, unless there are edits here.

        With ``standing`` without the labels that were begun anew without: other pixels never had
        them. Where the other one cannot be read nothing is taken in; what is on screen begins anew
        then.
        """
        if self._newest or self._read_only or other._read_only:
            return
        try:
            edits, self._classes = other._edits(), other.classes() or None
        except JournalError:
            return
        begun = other.history.left_behind() if standing else []
        if begun:
            edits = _since(edits, begun[-1].sequence, self.image.shape)
        self.mirror = replayed(self.image.shape, (edit.change for edit in edits))
        self._take_history([edit.entry for edit in edits])
        self._waiting = edits
        self.flush()

    def keep_classes(self, classes: Sequence[LabelClass]) -> None:
        """Keep the names and colours of the classes, with the next edit or now."""
        self._classes = tuple(classes)
        if self._file is not None and not self._reason:
            self.flush()

    def retry(self) -> None:
        """Try again what waits, if the time for it has come."""
        if self._reason and self._seconds() >= self._next_try:
            self.flush()

    def tidy(self) -> None:
        """Move the log into the database, when there is nothing else to do."""
        if self._file is not None and not self._reason:
            try:
                self._file.tidy()
            except JournalError as error:
                self._failed(error)

    def flush(self) -> None:
        """Commit what waits, in order, in one transaction."""
        if self._read_only:
            self._waiting.clear()
            return
        if not self._waiting and self._classes is None and not self.path.exists():
            self._reason = ""
            return
        try:
            try:
                self._write()
            except DamagedJournal:
                self._renew()
                self._write()
        except JournalError as error:
            self._failed(error)
            return
        self._waiting.clear()
        self._classes = None
        self._wait_s = _FIRST_RETRY_S
        if not self._read_only:
            self._reason = ""

    # ---- the file

    def _write(self) -> None:
        """Commit what waits, and the classes."""
        file, row = self._connected()
        if self._waiting and not self._read_only:
            file.append(row, self._waiting)
            self._last_kept = self._waiting[-1].entry
        if self._classes is not None and not self._read_only:
            file.keep_classes(self._classes)

    def _renew(self) -> None:
        """The file is damaged: go on in a new one, with what is good of it and known here."""
        if self._file is None or self._file.read_only:
            raise DamagedJournal(f"{self.path}: this journal is damaged.")
        self._file.renew()

    def _failed(self, error: JournalError) -> None:
        self._reason = str(error)
        self._next_try = self._seconds() + self._wait_s
        self._wait_s = min(2 * self._wait_s, _LATEST_RETRY_S)

    def _connected(self) -> tuple[JournalFile, int]:
        """The file, opened where it is not, and the image's row in it."""
        if self._file is not None and not self._file.in_place:
            self._let_go()
        if self._file is None or self._row is None:
            if self._make_folder:
                self._made_folder()
            self._file = self._file or self._files.open(self.path)
            if self._file.read_only:
                self._only_read(self._file)
                return self._file, self._row or 0
            self._enter(self._file)
        elif self._generation != self._file.generation:
            self._enter(self._file)
        elif self._reason:  # the last commit failed, or seemed to
            self._agree(self._file, self._row)
        return self._file, self._row or 0

    def _enter(self, file: JournalFile) -> None:
        """Take a row of its own in the file, and compare it with what is known here."""
        own = self._row or self._beginning.row
        taken = self._files.taken(file, own) - {self._row}
        fresh = self._beginning.fresh and self._row is None
        self._row = file.enter(self.image, taken, own, fresh=fresh)
        self._files.take(file, self._row)
        self._agree(file, self._row)
        self._generation = file.generation
        self._other_readings = self._readings_of_others(file)

    def _let_go(self) -> None:
        file, self._file = self._file, None
        row, self._row = self._row, None
        if file is not None:
            self._files.close(file, row)

    def _made_folder(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(f"{self.path.parent} cannot be made: {error}") from error

    def _only_read(self, file: JournalFile) -> None:
        self._read_only, self._reason = True, file.holder
        self._row = file.find(self.image)
        if self._newest == 0 and self._row is not None:
            self._load(file, self._row, file.entries(self._row))

    def _agree(self, file: JournalFile, row: int) -> None:
        """Bring what is known here and what the file holds together."""
        entries = file.entries(row)
        last = entries[-1] if entries else None
        if last == self._last_kept:
            return
        if self._newest == 0:
            self._load(file, row, entries)
            return
        arrived = [i for i, edit in enumerate(self._waiting, 1) if edit.entry == last]
        if arrived:  # a commit that reported an error was made all the same
            del self._waiting[: arrived[0]]
            self._last_kept = last
            return
        on_disk = replayed(self.image.shape, file.changes(row))
        if self._last_kept is None and entries:
            self._follow(on_disk, entries)
            return
        change = on_disk.to_mirror(self.mirror)
        self._take_history(entries)
        self._last_kept = last
        self._newest += 1
        entry = EditEntry(self._newest, EditKind.REPAIR, time.time(), change.pixels)
        self._waiting = [StoredEdit(entry, change.encode())]
        self._remember(self._waiting[0])
        self.history.enter(entry)

    def _follow(self, on_disk: Mirror, entries: list[EditEntry]) -> None:
        """The file could not be read before painting began: that comes after what is in it."""
        waiting, self._last_kept = self._waiting, entries[-1]
        self._take_history(entries)
        self.late_offer = _offered(on_disk, self.history, self._newest)
        self._waiting = []
        empty = on_disk.to_mirror(Mirror(on_disk.tiling))
        begin = EditEntry(self._newest + 1, EditKind.BEGIN, time.time(), empty.pixels)
        behind = begin.sequence
        moved = [StoredEdit(begin, empty.encode())]
        moved += [_moved(edit, behind) for edit in waiting]
        for edit in moved:
            self._newest = edit.entry.sequence
            self._remember(edit)
            self._waiting.append(edit)
            self.history.enter(edit.entry)

    def _load(self, file: JournalFile, row: int, entries: list[EditEntry]) -> None:
        self.mirror = replayed(self.image.shape, file.changes(row))
        self._take_history(entries)
        self._last_kept = entries[-1] if entries else None

    def _take_history(self, entries: list[EditEntry]) -> None:
        self.history, self._recent = History(), {}
        for entry in entries:
            self.history.enter(entry)
        self._newest = entries[-1].sequence if entries else 0

    def _remember(self, edit: StoredEdit) -> None:
        self._recent[edit.entry.sequence] = edit.runs
        if len(self._recent) > max(_IN_MEMORY, len(self._waiting)) and not self._read_only:
            del self._recent[next(iter(self._recent))]

    def _edits(self) -> list[StoredEdit]:
        """Every edit, kept or waiting."""
        file, row = self._file, self._row
        kept = [] if file is None or row is None else file.entries(row)
        on_disk = [StoredEdit(entry, self._runs_on_disk(entry.sequence)) for entry in kept]
        return [*on_disk, *self._waiting]

    def _runs_on_disk(self, sequence: int) -> bytes:
        if self._file is None or self._row is None:
            raise JournalError(f"edit {sequence} is in {self.path}, which cannot be read now.")
        return self._file.runs(self._row, sequence)


def _moved(edit: StoredEdit, by: int) -> StoredEdit:
    """An edit whose place in the sequence is another one."""
    entry, of = edit.entry, edit.entry.of
    of = None if of is None else of + by
    return StoredEdit(replace(entry, sequence=entry.sequence + by, of=of), edit.runs)


def _since(edits: Sequence[StoredEdit], begin: int, shape: tuple[int, ...]) -> list[StoredEdit]:
    """The edits from a beginning anew on, which takes the place of nothing then."""
    begun = replayed(shape, (edit.change for edit in edits[:begin]))
    change = Mirror(begun.tiling).to_mirror(begun)
    entry = replace(edits[begin - 1].entry, sequence=1, pixels=change.pixels)
    return [
        StoredEdit(entry, change.encode()),
        *(_moved(edit, 1 - begin) for edit in edits[begin:]),
    ]


def _offered(labels: Mirror, history: History, sequence: int) -> RestoreOffer | None:
    """Labels as something to bring back; None without any."""
    if not len(labels) or not history.undoable:
        return None
    standing = history.standing()
    pixels = sum(int((tile != 0).sum()) for _, tile in labels.tiles())
    last = (standing or history.undoable)[-1].made_at
    return RestoreOffer(sequence, max(len(standing), 1), pixels, last)
