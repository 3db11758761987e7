"""Several processes that train one network: what they say to each other, step by step.

Each draws patches of its own. Sums over pixels are joined before a loss is made of them, and the
gradient is summed over all before it is shortened, so that every process takes the step of one that
saw all patches. The first one decides (sizes that fit into memory, going back, the end); the others
do what it tells. All of it goes over the loopback address of this computer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import IntEnum
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from unetscope.errors import UnetscopeError

_PATIENCE = timedelta(minutes=30)  # a check of large images takes long; who ends is noticed at once
_TOLD = 3
_Result = TypeVar("_Result")


class Command(IntEnum):
    """What the first process tells the others to do."""

    BEGIN = 1  # take its weights
    STEP = 2  # with batches and patches of this size
    GO_BACK = 3  # take its weights, at a quarter of the rate
    END = 4


class PeerLostError(UnetscopeError):
    """A process that trained along has ended."""


class Together:
    """One of the processes that train together; alone, nothing is said to anybody.

    Parameters
    ----------
    rank : of this one; 0 decides.
    size : how many there are.
    group : of ``torch.distributed``, where there are several.
    """

    def __init__(
        self, rank: int = 0, size: int = 1, group: dist.ProcessGroup | None = None
    ) -> None:
        self.rank, self.size, self._group = rank, size, group

    @property
    def leads(self) -> bool:
        """Whether this process decides."""
        return self.rank == 0

    @property
    def are_several(self) -> bool:
        """Whether others train along."""
        return self.size > 1

    def tell(self, command: Command, *values: int) -> None:
        """Have the others do something (of the first process)."""
        if self.are_several:
            said = torch.tensor([command, *values, *[0] * (_TOLD - 1 - len(values))])
            self._say(lambda: dist.broadcast(said, 0, self._group))

    def told(self) -> tuple[Command, tuple[int, ...]]:
        """Wait for what is to be done next (of the others)."""
        said = torch.zeros(_TOLD, dtype=torch.int64)
        self._say(lambda: dist.broadcast(said, 0, self._group))
        command, *values = said.tolist()
        return Command(command), tuple(values)

    def of_the_first(self, weights: Tensor) -> None:
        """Put the first process's numbers into ``weights``, in place."""
        if self.are_several:
            self._say(lambda: dist.broadcast(weights, 0, self._group))

    def joined(self, sums: Tensor) -> Tensor:
        """``sums`` over all processes; a gradient passes to this one's own part only."""
        if not self.are_several:
            return sums
        whole = sums.detach().clone()
        self.add_up(whole)
        return whole + (sums - sums.detach())  # nothing is added but the way of the gradient

    def add_up(self, numbers: Tensor) -> None:
        """Sum over all processes, in place; all get the same bits."""
        if self.are_several:
            self._say(lambda: dist.all_reduce(numbers, group=self._group))

    def any_failed(self, failed: bool) -> bool:
        """Whether something failed in any process."""
        if not self.are_several:
            return failed
        said = torch.tensor([float(failed)])
        self.add_up(said)
        return bool(said[0] > 0)

    def _say(self, talk: Callable[[], _Result]) -> _Result:
        try:
            return talk()
        except RuntimeError as error:
            raise PeerLostError("a process that trained along has ended") from error


ALONE = Together()


def open_door() -> dist.TCPStore:
    """Where the processes find each other: a free port of the loopback address."""
    return dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False, timeout=_PATIENCE)


@contextmanager
def met(rank: int, size: int, store: dist.TCPStore) -> Iterator[Together]:
    """Meet the others; the first process has opened the door.

    Raises
    ------
    PeerLostError
        If one of them ends before all have met.
    """
    try:
        dist.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=_PATIENCE)
    except RuntimeError as error:
        raise PeerLostError("a process that was to train along has ended") from error
    try:
        yield Together(rank, size, dist.group.WORLD)
    finally:
        dist.destroy_process_group()
