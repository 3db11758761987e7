"""Answering an image of any size into an OME-Zarr, block by block, so that it can be gone on with.

What a run is made of lies beside the answer, in ``NAME.zarr.run``: the manifest, a copy of the
model, and the ledgers of the processes that work at it. A block counts as done when its files are
on the disk and a ledger says so; everything else is done again.
"""

from __future__ import annotations

import os
import shutil
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from hashlib import sha256
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Literal

import numpy as np

from unetscope.computing.machine import Engine, Machine
from unetscope.computing.memory import keep_freed_memory
from unetscope.computing.precision import choose_device, inference_precision
from unetscope.computing.staging import Behind
from unetscope.errors import OutputError
from unetscope.images.annotations.ome_label_writer import list_label_image
from unetscope.images.claims import Claim, Role
from unetscope.images.files import read_micrograph
from unetscope.images.locking import WriterLock
from unetscope.images.micrograph import Micrograph
from unetscope.images.normalisation import fit_normalisation
from unetscope.images.rescaled import nearest
from unetscope.images.writing import usable_folder
from unetscope.images.zarr_folder import image_of_labels, is_zarr
from unetscope.learning.events import PredictionEvent, TileDone
from unetscope.learning.persistence import load_model, save_model
from unetscope.learning.pixel_model import PixelModel, as_seen
from unetscope.learning.prediction import PredictOptions, label_dtype, predict_tiles
from unetscope.learning.surprise import surprise_of
from unetscope.learning.voice import Voices
from unetscope.network.cropping import relative
from unetscope.scaling.hearing import FAST_NOTE, heard
from unetscope.scaling.layout import Block
from unetscope.scaling.ledger import BlockDone, Ledger, entries_in
from unetscope.scaling.made_of import Manifest, RunOptions, manifest_of
from unetscope.scaling.matching import How, Match, matched, seen_by
from unetscope.scaling.pieces import PIECE_PX, Piece, piece_of, read_pieces
from unetscope.scaling.store import (
    COMPLETE,
    STATE_KEY,
    AnswerStore,
    check_new,
    enough_room,
    mark_in,
)

SURPRISE = "surprise"  # of a finished answer: how unlike its image is to those of the training
Begin = Literal["new", "resume", "overwrite", "join"]
_WHOLE, _PARTS, _FINISH = "run", "part-*", "finish"
#: So often a lock is looked at before somebody is believed to hold it.
_LOOKS = 5


@dataclass(frozen=True)
class Work:
    """What is wanted of a run.

    Attributes
    ----------
    path
        The answer, NAME.zarr.
    inputs
        What it is made of, which it may not replace.
    begin
        "new" refuses a name that is taken, "resume" goes on with an answer that was begun,
        "overwrite" puts the new one in the place of the old, "join" begins one or goes on with the
        one that another process began.
    source
        Where other processes read the image: its path and what was said of it.
    side
        Of a block (px), a power of two of at least 512.
    pixels
        What to do about pixels of another size than the model's.
    voices
        Fast ones are in half precision where that is faster, and read wider tiles.
    """

    path: Path
    inputs: tuple[Path, ...] = ()
    begin: Begin = "new"
    source: Mapping[str, Any] | None = None
    side: int = PIECE_PX
    pixels: How = "as-is"
    voices: Voices = Voices.ALL


@dataclass(frozen=True)
class AnswerState:
    """How far an answer is: blocks done of all, and whether it says that it is complete.

    ``missing`` are pieces of the image that were not stored; the answer is 0 there.
    """

    done: int
    total: int
    complete: bool
    missing: tuple[str, ...] = ()


class MissingPieces(OutputError):
    """All blocks are done, but parts of the image were not there."""


class BeingWorkedAt(OutputError):
    """Somebody else works at the same answer."""


def folder_of(path: Path) -> Path:
    """Where a run keeps what it is made of, beside its answer or the image that this is in."""
    image = image_of_labels(path)
    return path.with_name(f"{path.name}.run") if image is None else _beside(image, path, ".run")


def _beside(image: Path, path: Path, ending: str) -> Path:
    return image.with_name(f"{image.name}.{path.name}{ending}")


@dataclass(frozen=True, eq=False)
class Run:
    """An answer under way, with what makes it."""

    path: Path
    manifest: Manifest
    model: PixelModel
    image: Micrograph
    options: PredictOptions

    @cached_property
    def store(self) -> AnswerStore:
        """Where blocks are written."""
        return AnswerStore(self.path, self.manifest.layout)

    @cached_property
    def machine(self) -> Machine:
        """What computes, the same for all blocks."""
        return Machine(self.options.device, self.manifest.engine)

    @cached_property
    def ledger(self) -> Ledger:
        """Of this process."""
        return Ledger(folder_of(self.path), self.manifest.digest)

    def left(self) -> list[int]:
        """Blocks that are not done, in their order."""
        done = done_in(self.path, self.manifest)
        return [number for number in range(len(self.manifest.layout)) if number not in done]

    @cached_property
    def seen(self) -> Micrograph:
        """The image as the model sees it: at its own pixel size or the model's."""
        return seen_by(self.image, Match(self.manifest.factors, ""))

    def answered(self, numbers: Iterable[int]) -> Iterator[PredictionEvent | BlockDone]:
        """Answer blocks; a :class:`BlockDone` for each when it is safe, the tiles meanwhile.

        A block is written in a thread while the next one is computed. Blocks become safe in their
        order; where this is left early, what was computed whole is written.
        """
        begun: deque[_BlockAnswer] = deque()  # those whose pieces are read or computed
        asked = replace(self.options, clip=True, probabilities=self.manifest.probabilities)
        with Behind[BlockDone]() as written:
            for piece, plane in read_pieces(self.seen, self._pieces(numbers, begun)):
                options = replace(asked, region=piece.core)
                for event in predict_tiles(self.model, plane, options, machine=self.machine):
                    yield from written.done()
                    if isinstance(event, TileDone):
                        begun[0].take(event)
                    yield event
                begun[0].keep(piece)
                if piece.z == begun[0].block.planes[-1]:
                    yield from written.begin(partial(self._written, begun.popleft()))
            yield from written.rest()

    def _pieces(self, numbers: Iterable[int], begun: deque[_BlockAnswer]) -> Iterator[Piece]:
        """The pieces of blocks, plane by plane; each block is ``begun`` with its first one."""
        sides = self.seen.spatial_shape[-2:]
        factors = self.manifest.factors or (1.0, 1.0)
        for block in map(self.manifest.layout.block, numbers):
            at = [nearest(*one) for one in zip(block.region, factors, sides, strict=True)]
            begun.append(_BlockAnswer(self.model, block, at, self.manifest.probabilities))
            for z in block.planes:
                yield piece_of(self.model, self.seen, self.options.tile_px, z, begun[-1].core)

    def _written(self, answer: _BlockAnswer) -> BlockDone:
        """Write a block; when it is on the disk, the ledger says so."""
        stack = self.manifest.layout.is_stack
        labels = answer.labels if stack else answer.labels[0]
        chances = answer.chances if answer.chances is None or stack else answer.chances[:, 0]
        missing = answer.blanked(self.image)
        self._check_still_wanted()
        done = self.store.write(answer.block, labels, chances)
        values, counts = np.unique(labels, return_counts=True)
        counted = {int(v): int(n) for v, n in zip(values, counts, strict=True)}
        entry = BlockDone(answer.block.number, done.digest, done.sizes, counted, missing)
        with enough_room(self.path, f"block {entry.block}", 0):
            self.ledger.add(entry)
        return entry

    def _check_still_wanted(self) -> None:
        """Nothing is written where another run took the place of this one meanwhile."""
        now = Manifest.read(folder_of(self.path) / "manifest.json")
        if now.digest != self.manifest.digest:
            raise OutputError(f"{self.path} was begun anew with something else meanwhile")


class _BlockAnswer:
    """The answer of one block, as it comes: ([class,] z, y, x).

    ``at`` are, for its rows and columns, those of the image as the model sees it.
    """

    def __init__(
        self, model: PixelModel, block: Block, at: Sequence[np.ndarray], chances: bool
    ) -> None:
        shape = (len(block.planes), *(len(side) for side in at))
        classes = len(model.classes)
        self.block, self._at = block, at
        self.core = (_around(at[0]), _around(at[1]))
        seen = tuple(side.stop - side.start for side in self.core)
        self.labels = np.zeros(shape, label_dtype(model))
        self.chances = np.zeros((classes, *shape), np.float16) if chances else None
        self._labels = np.zeros(seen, label_dtype(model))
        self._chances = np.zeros((classes, *seen), np.float16) if chances else None

    def take(self, event: TileDone) -> None:
        """Put one tile where it belongs in the plane."""
        y, x = relative(event.region, self.core)
        self._labels[y, x] = event.labels
        if self._chances is not None and event.probabilities is not None:
            self._chances[:, y, x] = event.probabilities

    def blanked(self, image: Micrograph) -> tuple[str, ...]:
        """Put 0 where the image is not stored; the keys of what is missing."""
        if image.pieces is None:
            return ()
        block, found = self.block, image.pieces.missing(self.block.planes, self.block.region)
        top, left = (side.start for side in block.region)
        for piece in found:
            planes = slice(
                max(piece.planes.start - block.planes.start, 0),
                max(piece.planes.stop - block.planes.start, 0),
            )
            rows = slice(max(piece.rows.start - top, 0), piece.rows.stop - top)
            columns = slice(max(piece.columns.start - left, 0), piece.columns.stop - left)
            self.labels[planes, rows, columns] = 0
            if self.chances is not None:
                self.chances[:, planes, rows, columns] = 0
        return tuple(piece.key for piece in found)

    def keep(self, piece: Piece) -> None:
        """A plane is answered: bring it to the pixels of the image."""
        rows, columns = (side - core.start for side, core in zip(self._at, self.core, strict=True))
        z = piece.z - self.block.planes.start
        self.labels[z] = self._labels[rows[:, None], columns]
        if self.chances is not None and self._chances is not None:
            self.chances[:, z] = self._chances[:, rows[:, None], columns]


def _around(index: np.ndarray) -> slice:
    return slice(int(index[0]), int(index[-1]) + 1)


# ---- beginning, going on, ending


def begin(
    model: PixelModel,
    image: Micrograph,
    work: Work,
    options: PredictOptions | None = None,
    engine: Engine | None = None,
) -> Run:
    """Make the empty answer, or find the one that was begun.

    Raises
    ------
    OutputError
        If there is something already that may not be replaced or continued, with what to do.
    ModelError
        If the model cannot answer such an image.
    """
    inside = image_of_labels(work.path)
    if inside is None:
        check_new(work.path)
    elif options is not None and options.probabilities:
        raise OutputError(f"{inside} takes labels and no probabilities; give --out NAME.zarr")
    seen = as_seen(model, image)
    options = replace(options or PredictOptions(), planes=None, region=None)
    options = replace(options, device=choose_device(options.device))
    options, engine = heard(work.voices, model, options, engine)
    match = matched(model, seen, work.pixels)
    wanted = RunOptions(
        _decided(model, engine, options.device),
        work.side,
        options.probabilities,
        match.factors,
        work.voices,
    )
    grey = model.features.scale or fit_normalisation(seen_by(seen, match))
    manifest = manifest_of(model, seen, grey, wanted, work.source or {})
    run = Run(work.path, manifest, ready(model, manifest), seen, options)
    folder = folder_of(work.path)
    if os.path.lexists(work.path) and work.begin == "resume":
        Manifest.read(folder / "manifest.json").check_same(manifest, work.path)
        return run
    inputs = [one for one in work.inputs if inside is None or one.resolve() != inside.resolve()]
    Claim(Role.PREDICTION, tuple(inputs)).check(work.path)
    usable_folder(folder)
    with _only_one_begins(folder):
        there = os.path.lexists(work.path)
        if there and work.begin == "join":
            Manifest.read(folder / "manifest.json").check_same(manifest, work.path)
            return run
        if inside is not None:
            list_label_image(work.path, len(manifest.layout.shape))
        _make_room(work, there)
        save_model(model, folder / "model.unetscope")
        _create(AnswerStore(work.path, manifest.layout), model, seen, manifest, match.note)
        surprise = surprise_of(model, seen, run.machine)
        if surprise is not None:  # for the finished answer; once, not block by block
            manifest = replace(manifest, recorded={**manifest.recorded, SURPRISE: asdict(surprise)})
        manifest.write(folder / "manifest.json")  # last: without it nothing is gone on with
    return replace(run, manifest=manifest)


@contextmanager
def _only_one_begins(folder: Path, wait_s: float = 60.0) -> Iterator[None]:
    """Parts of a run that begin together wait here, and find what the first of them made."""
    lock, until = WriterLock(folder / "begin.lock"), monotonic() + wait_s
    while not lock.acquire():
        if monotonic() > until:
            raise OutputError(f"{folder} is being begun by {lock.holder()}; try again")
        sleep(0.05)
    try:
        yield
    finally:
        lock.release()


def ready(model: PixelModel, manifest: Manifest) -> PixelModel:
    """``model`` with the grey range of the whole image, so that no block looks for its own."""
    if model.features.scale is not None:
        return model
    return model.with_features(own_normalisation=False, normalisation=manifest.grey)


def _decided(model: PixelModel, engine: Engine, device: str) -> Engine:
    """With a precision that is not decided anew by every process."""
    if engine.precision != "auto":
        return engine
    return replace(engine, precision=inference_precision(model.features.backbone, device))


def _create(
    store: AnswerStore, model: PixelModel, image: Micrograph, manifest: Manifest, note: str
) -> None:
    notes = [f"predicted by the model {model.identity}", *([note] if note else [])]
    notes += [FAST_NOTE] if manifest.voices == Voices.FAST else []
    store.create(image, model.classes, notes)
    if manifest.probabilities:
        store.create_probabilities(image, model.classes, notes)


def _make_room(work: Work, there: bool) -> None:
    """See that the names are free; an answer of before steps aside where that is allowed."""
    folder = folder_of(work.path)
    for names in (_WHOLE, _PARTS, _FINISH):
        _nobody_else(work.path, names)
    if there:
        if work.begin != "overwrite":
            raise OutputError(
                f"{work.path} is there already ({_told(work.path)}); go on with it by --resume, "
                "replace it by --overwrite, or choose another name"
            )
        _set_aside(work.path)
    for left in (*folder.glob("ledger-*"), folder / "manifest.json", folder / "stop"):
        left.unlink(missing_ok=True)


def _told(path: Path) -> str:
    if STATE_KEY not in mark_in(path):
        return "it was not made block by block"
    state = state_of(path)
    return "complete" if state.complete else f"{state.done} of {state.total} blocks done"


def _set_aside(path: Path) -> None:
    """An old answer, kept until the new one is complete."""
    aside = _aside(path)
    if os.path.lexists(aside):
        shutil.rmtree(aside)
    os.rename(path, aside)


def _aside(path: Path) -> Path:
    image = image_of_labels(path)
    if image is not None:
        return _beside(image.with_name(f".{image.name}"), path, ".before")
    return path.with_name(f".{path.name}.before")


def opened(path: Path, device: str = "auto", tile_px: int = 512) -> Run:
    """A run that was begun, as another process sees it: model and image are read again.

    Raises
    ------
    OutputError
        If nothing was begun there, or the image is another one by now.
    """
    folder = folder_of(path)
    manifest = Manifest.read(folder / "manifest.json")
    if "path" not in manifest.source:
        raise OutputError(
            f"{path} was made of pixels in memory, which another process cannot read; go on in "
            "the program that began it"
        )
    model = load_model(folder / "model.unetscope")
    image = as_seen(model, read_micrograph(manifest.source["path"], answers=manifest.answers))
    options = PredictOptions(device=choose_device(device), tile_px=tile_px)
    wanted = RunOptions(
        manifest.engine,
        manifest.layout.side,
        manifest.probabilities,
        manifest.factors,
        manifest.voices,
    )
    now = manifest_of(model, image, manifest.grey, wanted, manifest.source)
    manifest.check_same(replace(now, must={**now.must, "layout": manifest.must["layout"]}), path)
    return Run(path, manifest, ready(model, manifest), image, options)


def done_in(path: Path, manifest: Manifest) -> dict[int, BlockDone]:
    """Blocks that are done, by number: noted in a ledger, and their files as large as noted."""
    store = AnswerStore(path, manifest.layout)
    done = {}
    for entry in entries_in(folder_of(path), manifest.digest):
        if not 0 <= entry.block < len(manifest.layout):
            continue
        block = manifest.layout.block(entry.block)
        if store.sizes(block, probabilities=manifest.probabilities) == entry.sizes:
            done[entry.block] = entry
    return done


def state_of(path: Path) -> AnswerState:
    """How far the answer at ``path`` is.

    Raises
    ------
    OutputError
        If there is no answer that was made block by block.
    """
    mark = mark_in(path)
    if not is_zarr(path) or STATE_KEY not in mark:
        raise OutputError(f"{path} is no answer that unetscope made block by block")
    if mark[STATE_KEY] == COMPLETE:
        missing = tuple(mark.get("missing", ()))
        return AnswerState(mark["blocks"], mark["blocks"], complete=True, missing=missing)
    manifest = Manifest.read(folder_of(path) / "manifest.json")
    done = done_in(path, manifest)
    return AnswerState(len(done), len(manifest.layout), complete=False, missing=_missing_in(done))


def _missing_in(done: Mapping[int, BlockDone]) -> tuple[str, ...]:
    return tuple(sorted({key for entry in done.values() for key in entry.missing}))


@contextmanager
def only_one(path: Path, part: str = _WHOLE) -> Iterator[None]:
    """Nobody else works at the same part of an answer meanwhile; parts and the whole exclude.

    Raises
    ------
    BeingWorkedAt
        If somebody does.
    """
    lock = WriterLock(folder_of(path) / f"{part}.lock")
    if not lock.acquire():
        raise _busy(path, lock)
    try:
        if part == _WHOLE:
            _nobody_else(path, _PARTS)
        elif part != _FINISH:
            _nobody_else(path, _WHOLE)
        yield
    finally:
        lock.release()


def _nobody_else(path: Path, names: str) -> None:
    """Refuse where somebody holds one of the locks that are called so."""
    for file in sorted(folder_of(path).glob(f"{names}.lock")):
        other = WriterLock(file)
        for _ in range(_LOOKS):  # others that look hold it for a moment, too
            if other.acquire():
                other.release()
                break
            sleep(0.05)
        else:
            raise _busy(path, other)


def _busy(path: Path, lock: WriterLock) -> BeingWorkedAt:
    return BeingWorkedAt(
        f"{path} is being worked at ({lock.holder()}); wait for that, or stop it first"
    )


def finish(path: Path, *, verify: bool = False, allow_missing: bool = False) -> AnswerState:
    """Make the coarse levels and say that the answer is complete.

    Parameters
    ----------
    verify : read every block back and compare its digest first.
    allow_missing : it is complete although parts of the image were not stored.

    Raises
    ------
    MissingPieces
        If parts of the image were not stored, so that the answer is 0 there.
    OutputError
        If blocks are missing or damaged; they are named, and done again by --resume.
    """
    state = state_of(path)
    if state.complete and not verify:
        return state
    manifest = Manifest.read(folder_of(path) / "manifest.json")
    store = AnswerStore(path, manifest.layout)
    done = done_in(path, manifest)
    bad = _damaged(store, done) if verify else []
    left = [number for number in range(len(manifest.layout)) if number not in done] + bad
    if left:
        raise OutputError(
            f"{path} is not complete: {len(left)} of {len(manifest.layout)} blocks are missing "
            f"or damaged ({_few(left)}); do them with --resume"
        )
    lost = _missing_in(done)
    if lost and not allow_missing and not state.complete:
        raise MissingPieces(
            f"{len(lost)} pieces of the image of {path} are not stored ({_few(lost)}), and the "
            "answer is 0 there; copy them and begin anew, or if nothing belongs there take it as "
            "complete with --allow-missing"
        )
    if not state.complete:
        with only_one(path, _FINISH), enough_room(path, "the coarse levels", 0):
            store.sweep()
            for _ in store.coarse_levels():
                pass
            store.end(_told_of(done, manifest), probabilities=manifest.probabilities)
        shutil.rmtree(_aside(path), ignore_errors=True)
    return AnswerState(len(manifest.layout), len(manifest.layout), complete=True, missing=lost)


def _few(names: Sequence[object]) -> str:
    return ", ".join(map(str, names[:8])) + (", …" if len(names) > 8 else "")


def _damaged(store: AnswerStore, done: Mapping[int, BlockDone]) -> list[int]:
    bad = []
    for number, entry in sorted(done.items()):
        if store.digest(store.layout.block(number)) != entry.digest:
            bad.append(number)
    return bad


def _told_of(done: Mapping[int, BlockDone], manifest: Manifest) -> dict[str, Any]:
    """What a complete answer says of itself: blocks, a digest of them, pixels of each class."""
    digests = "".join(done[number].digest for number in range(len(done)))
    counts: dict[int, int] = {}
    for entry in done.values():
        for value, count in entry.counts.items():
            counts[value] = counts.get(value, 0) + count
    surprise = manifest.recorded.get(SURPRISE)
    return {
        **({SURPRISE: surprise} if surprise else {}),
        "blocks": len(done),
        "digest": sha256(digests.encode()).hexdigest()[:16],
        "pixels": {str(value): counts[value] for value in sorted(counts)},
        "made_of": manifest.digest,
        **({"missing": list(lost)} if (lost := _missing_in(done)) else {}),
    }


def run_here(
    run: Run, part: tuple[int, int] = (1, 1), *, allow_missing: bool = False
) -> Iterator[PredictionEvent | BlockDone]:
    """Do what is left of a run in this process, then finish it if nothing is left.

    ``part`` is (3, 16) for the third of 16: every sixteenth block, so that as many processes that
    know nothing of each other, jobs of a queue, share a run. The last of them finishes it.
    """
    keep_freed_memory()
    number, parts = part
    own = [block for block in run.left() if block % parts == number - 1]
    with only_one(run.path, _WHOLE if parts == 1 else f"part-{number}-of-{parts}"):
        yield from run.answered(own)
    if not run.left():
        with suppress(BeingWorkedAt):  # another part that ended at the same moment does it
            finish(run.path, allow_missing=allow_missing)
