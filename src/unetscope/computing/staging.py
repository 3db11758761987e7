"""Tiles on their way: read ahead of the computing, fetched back and written behind it.

A GPU computes by itself while Python goes on. While it works on a tile, the next ones are read,
normalised and copied to it from pinned memory on a stream of their own, and what it said of the
tile before comes back. On the CPU only the reading ahead remains; the numbers are the same.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Generic, Self, TypeVar

import numpy as np
import torch
from torch import Tensor

from unetscope.images.micrograph import Micrograph

log = logging.getLogger(__name__)

AHEAD = 2  # tiles read before they are asked for: all that is in memory beside the one in use

_Done = TypeVar("_Done")
Read = Callable[[], Tensor]
Fetched = Callable[[], np.ndarray]


def overlaps(device: str) -> bool:
    """Whether ``device`` computes by itself while Python goes on."""
    return device.startswith("cuda") and torch.cuda.is_available()


def in_memory(image: Micrograph) -> bool:
    """Whether there is nothing to wait for when pixels of ``image`` are read."""
    return isinstance(image.pixels, np.ndarray) and not isinstance(image.pixels, np.memmap)


def staged(reads: Iterable[Read], device: str) -> Iterator[Tensor]:
    """What ``reads`` give, in their order and on ``device``; the next ones are read meanwhile.

    They are called in one thread, :data:`AHEAD` before they are asked for. An error of one is
    raised when its turn comes. Closing the iterator waits for the one that is being read and leaves
    no thread behind.
    """
    lane = _Lane(device) if overlaps(device) else None
    coming: deque[Future[_OnTheWay]] = deque()
    left = iter(reads)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="unetscope-read") as reader:
        try:
            coming.extend(reader.submit(_sent, read, lane) for read in islice(left, AHEAD))
            while coming:
                arrived = coming.popleft().result()
                coming.extend(reader.submit(_sent, read, lane) for read in islice(left, 1))
                yield arrived.tensor.to(device) if lane is None else lane.taken(arrived)
        finally:
            for future in coming:
                future.cancel()


class Behind(Generic[_Done]):
    """Does one thing after the other in a thread while its maker goes on.

    One is under way at most, so that no more than its data are in memory. At the end of the
    ``with`` block it has been done, also where that is left early.
    """

    def __init__(self) -> None:
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="unetscope-write")
        self._under_way: Future[_Done] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.shutdown(wait=True)

    def done(self) -> Iterator[_Done]:
        """What has been done since it was last asked for; an error of it is raised."""
        if self._under_way is not None and self._under_way.done():
            yield from self.rest()

    def rest(self) -> Iterator[_Done]:
        """The same, and waits for what is under way."""
        if self._under_way is not None:
            found, self._under_way = self._under_way, None
            yield found.result()

    def begin(self, work: Callable[[], _Done]) -> Iterator[_Done]:
        """Give what is under way when it is done, then begin ``work``."""
        yield from self.rest()
        self._under_way = self._worker.submit(work)


def fetched(tensor: Tensor) -> Fetched:
    """Begin to copy ``tensor`` back from where it is; the call waits for it and gives the array."""
    if not overlaps(str(tensor.device)):
        array = tensor.cpu().numpy()
        return lambda: array
    try:
        there = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    except RuntimeError:  # pinned memory is scarce
        array = tensor.cpu().numpy()
        return lambda: array
    there.copy_(tensor, non_blocking=True)
    done = torch.cuda.Event()
    done.record(torch.cuda.current_stream(tensor.device))

    def arrived() -> np.ndarray:
        done.synchronize()
        return there.numpy().copy()  # an answer that is kept shall not keep pinned memory

    return arrived


@dataclass(frozen=True, eq=False)
class _OnTheWay:
    """A tensor whose copy has begun, and the event behind it on its stream."""

    tensor: Tensor
    done: torch.cuda.Event | None = None


class _Lane:
    """A stream for copies to a GPU, used by the reading thread."""

    def __init__(self, device: str) -> None:
        # By its index: another thread may have another current GPU.
        found = torch.device(device)
        index = torch.cuda.current_device() if found.index is None else found.index
        self.device = torch.device("cuda", index)
        self.stream = torch.cuda.Stream(self.device)
        self._pins = True

    def send(self, tensor: Tensor) -> _OnTheWay:
        """Begin to copy ``tensor``."""
        with torch.cuda.device(self.device), torch.cuda.stream(self.stream):
            # torch keeps the pinned memory until the copy is done, and uses it again then.
            moved = self._pinned(tensor).to(self.device, non_blocking=True)
            done = torch.cuda.Event()
            done.record(self.stream)
        return _OnTheWay(moved, done)

    def taken(self, arrived: _OnTheWay) -> Tensor:
        """What was sent, for whoever works on this thread's stream; nobody waits but the GPU."""
        here = torch.cuda.current_stream(self.device)
        assert arrived.done is not None
        here.wait_event(arrived.done)
        arrived.tensor.record_stream(here)  # it was allocated on the other one
        return arrived.tensor

    def _pinned(self, tensor: Tensor) -> Tensor:
        if not self._pins:
            return tensor
        try:
            return tensor.pin_memory()
        except RuntimeError as error:
            self._pins = False
            log.warning("No memory could be pinned (%s); tiles are copied without, slower.", error)
            return tensor


def _sent(read: Read, lane: _Lane | None) -> _OnTheWay:
    tensor = read()
    return _OnTheWay(tensor) if lane is None else lane.send(tensor)
