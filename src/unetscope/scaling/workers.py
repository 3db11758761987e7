"""Blocks of a run done by other processes: of this computer, or of a dask cluster that exists.

Every process opens the run for itself (model and image are read from the disk, the model answers
its check image first) and notes what it wrote in a ledger of its own. Only numbers of blocks travel
to it, and a few bytes back; nothing that is done is held on to, so that a process that dies takes
with it only the block it was at.
"""

from __future__ import annotations

import multiprocessing
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from itertools import chain, islice
from pathlib import Path
from socket import gethostname
from time import monotonic
from typing import Any, Protocol
from uuid import uuid4

import torch
import yaml

from unetscope import __version__
from unetscope.errors import OutputError, UnetscopeError
from unetscope.learning.events import TileDone
from unetscope.scaling.ledger import BlockDone
from unetscope.scaling.running import Run, finish, folder_of, only_one, opened

#: So often a block is tried before it is left out.
TRIES = 3
#: So many blocks are with the workers for each of them, that none waits for its next.
_AHEAD = 2
_STOP = "stop"
_COUNT_EVERY_S = 2.0


@dataclass(frozen=True)
class BlockFailed:
    """A block that could not be answered, and why."""

    block: int
    why: str


@dataclass(frozen=True)
class WorkerOptions:
    """WorkerOptions a worker computes: its device, side of tiles, and threads of each process."""

    device: str = "auto"
    tile_px: int = 512
    threads: int = 1


class Pool(Protocol):
    """What does blocks somewhere else."""

    @property
    def workers(self) -> int:
        """WorkerOptions many blocks are done at a time."""

    def submit(self, path: str, number: int, how: WorkerOptions) -> Any:
        """Begin a block; a future."""

    def ended(self) -> Iterator[tuple[Any, BlockDone | Exception]]:
        """Wait for the next that end; each with what came of it."""

    def close(self) -> None:
        """End; what is under way is given up."""


class UnfitWorker(OutputError):
    """A worker that cannot do any block: it does not see the files, or is of another version."""


def run_by(
    run: Run, pool: Pool, how: WorkerOptions, *, allow_missing: bool = False
) -> Iterator[BlockDone | BlockFailed]:
    """Do what is left of a run with ``pool``, then finish it if no block failed.

    A block that fails is tried :data:`TRIES` times; the others go on.

    Raises
    ------
    UnfitWorker
        If no worker can do any.
    """
    with only_one(run.path):
        stop = folder_of(run.path) / _STOP
        stop.unlink(missing_ok=True)
        failed = False
        try:
            for told in done_by(pool, str(run.path), run.left(), how):
                failed = failed or isinstance(told, BlockFailed)
                yield told
        except GeneratorExit:
            stop.touch()  # workers look for it between two tiles
            raise
        finally:
            pool.close()
        if not failed:
            finish(run.path, allow_missing=allow_missing)


def done_by(
    pool: Pool, path: str, numbers: Iterable[int], how: WorkerOptions
) -> Iterator[BlockDone | BlockFailed]:
    """What comes of the blocks ``numbers``, of which only some are with the workers at a time."""
    coming, again = iter(numbers), deque[int]()
    tries: Counter[int] = Counter()
    under_way: dict[Any, int] = {}
    refused, any_done = 0, False
    while True:
        free = max(0, _AHEAD * pool.workers - len(under_way))  # workers may be gone
        for number in islice(chain(_emptied(again), coming), free):
            under_way[pool.submit(path, number, how)] = number
        if not under_way:
            return
        for future, told in pool.ended():
            number = under_way.pop(future)
            if isinstance(told, BlockDone):
                any_done = True
                yield told
                continue
            tries[number] += 1
            is_unfit = isinstance(told, UnfitWorker)
            refused += is_unfit
            if is_unfit and not any_done and refused >= TRIES * pool.workers:
                raise told
            if tries[number] < TRIES and (is_unfit or not isinstance(told, UnetscopeError)):
                again.append(number)
            else:
                yield BlockFailed(number, str(told) or type(told).__name__)


def _emptied(again: deque[int]) -> Iterator[int]:
    while again:
        yield again.popleft()


def do_block(path: str, number: int, how: WorkerOptions) -> BlockDone:
    """What a worker does: answer one block of the run at ``path`` and write it.

    Raises
    ------
    OutputError
        If the run was stopped meanwhile.
    """
    folder = folder_of(Path(path))
    try:
        run = _opened_once(path, (folder / "manifest.json").stat().st_mtime_ns, how)
    except FileNotFoundError as error:
        raise UnfitWorker(f"the worker on {gethostname()} cannot see {folder}") from error
    except UnfitWorker:
        raise
    except UnetscopeError as error:
        raise UnfitWorker(f"the worker on {gethostname()} is left out: {error}") from error
    for event in run.answered([number]):
        if isinstance(event, BlockDone):
            return event
        if isinstance(event, TileDone) and (folder / _STOP).exists():
            raise OutputError(f"{path} was stopped")
    raise OutputError(f"block {number} of {path} gave no answer")  # cannot be


@lru_cache(maxsize=1)
def _opened_once(path: str, _written: int, how: WorkerOptions) -> Run:
    torch.set_num_threads(how.threads)
    run = opened(Path(path), how.device, how.tile_px)
    begun_by = run.manifest.recorded.get("unetscope")
    if begun_by != __version__:
        raise UnfitWorker(
            f"the worker on {gethostname()} has unetscope {__version__}, and {path} was begun by "
            f"{begun_by}; install the same version there"
        )
    return run


class Processes:
    """Processes of this computer; one that dies is replaced, its block done again.

    They are begun anew and not forked: torch's threads do not survive a fork.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool = self._begun()
        self._futures: set[Future[BlockDone]] = set()

    def _begun(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self.workers, mp_context=context)

    def submit(self, path: str, number: int, how: WorkerOptions) -> Future[BlockDone]:
        """Begin a block."""
        try:
            future = self._pool.submit(do_block, path, number, how)
        except BrokenProcessPool:
            self._pool = self._begun()
            future = self._pool.submit(do_block, path, number, how)
        self._futures.add(future)
        return future

    def ended(self) -> Iterator[tuple[Future[BlockDone], BlockDone | Exception]]:
        """Wait for the next that end."""
        done, self._futures = wait(self._futures, return_when=FIRST_COMPLETED)
        for future in done:
            error = future.exception()
            if error is None:
                yield future, future.result()
            else:
                yield future, error if isinstance(error, Exception) else RuntimeError(str(error))

    def close(self) -> None:
        """End; what is under way is given up at its next tile."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class Cluster:
    """Workers of a dask scheduler.

    Parameters
    ----------
    told : ``local`` (processes of this computer, told nobody else of), an address, or a YAML file
        of dask-jobqueue with one cluster.

    Raises
    ------
    OutputError
        If dask's distributed part is not installed, or nobody answers at the address.
    """

    def __init__(self, told: str, workers: int | None = None, wait_s: float = 8.0) -> None:
        distributed = _distributed()
        self._own: Any = None
        if told == "local":
            self._own = distributed.LocalCluster(
                n_workers=workers or 2,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address=None,
                memory_limit=None,
            )
        elif told.endswith((".yaml", ".yml")):
            self._own = _queued(Path(told), workers)
        try:
            self._client = distributed.Client(
                self._own or told, timeout=wait_s, set_as_default=False
            )
        except (OSError, ValueError, TimeoutError) as error:
            raise OutputError(
                f"no dask scheduler answers at {told!r} ({error}); start one, or give its address"
            ) from error
        with self._client.as_current():
            self._seen = distributed.as_completed(with_results=False)
        self._count, self._name = 0, uuid4().hex[:8]
        self._workers, self._counted = 1, -_COUNT_EVERY_S

    @property
    def workers(self) -> int:
        """Threads of the workers that are there by now; asked for every few seconds."""
        if monotonic() > self._counted + _COUNT_EVERY_S:
            self._workers = max(1, sum(self._client.nthreads().values()))
            self._counted = monotonic()
        return self._workers

    def submit(self, path: str, number: int, how: WorkerOptions) -> Any:
        """Begin a block, under a name of its own: never the result of another run."""
        return self.submitted(do_block, path, number, how)

    def submitted(self, work: Callable[..., BlockDone], *told: Any) -> Any:
        """A future of any work that ends with a block."""
        self._count += 1
        key = f"block-{self._count}"
        future = self._client.submit(work, *told, pure=False, retries=0, key=f"{key}-{self._name}")
        self._seen.add(future)
        return future

    def ended(self) -> Iterator[tuple[Any, BlockDone | Exception]]:
        """Wait for the next that end; each is let go at once."""
        for future in self._seen.next_batch(block=True):
            told: BlockDone | Exception
            try:
                told = future.result()
            except Exception as error:  # whatever it raised there, or that its worker is gone
                told = error
            yield future, told
            future.release()

    def close(self) -> None:
        """Leave the scheduler as it was found; one of our own ends."""
        with suppress(Exception):
            self._client.close(timeout=5)
        if self._own is not None:
            self._own.close(timeout=10)


def _distributed() -> Any:
    try:
        return import_module("distributed")
    except ImportError as error:
        raise OutputError(
            "a cluster needs dask's distributed part; pip install 'napari-unetscope[cluster]', or "
            "use --workers or --part"
        ) from error


def _queued(path: Path, workers: int | None) -> Any:
    """A cluster of a queue, as the YAML file describes it for dask-jobqueue."""
    try:
        queues = import_module("dask_jobqueue")
    except ImportError as error:
        raise OutputError(
            "a YAML file needs dask-jobqueue; pip install 'napari-unetscope[cluster]'"
        ) from error
    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
        ((kind, options),) = told.get("jobqueue", told).items()
        made = getattr(queues, f"{str(kind).upper()}Cluster")(**options)
    except (OSError, ValueError, AttributeError, TypeError, yaml.YAMLError) as error:
        raise OutputError(
            f"{path} does not describe one cluster of dask-jobqueue ({error}); write e.g. slurm: "
            "{cores: 1, memory: 8GB}"
        ) from error
    made.scale(jobs=workers or 2)
    return made
