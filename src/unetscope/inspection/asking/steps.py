"""Long work as an iterator of steps: it can be shown, and stopped between two of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import update_wrapper
from typing import Generic, ParamSpec, TypeVar

from unetscope.errors import UnetscopeError

T = TypeVar("T")
P = ParamSpec("P")


@dataclass(frozen=True, eq=False)
class Step(Generic[T]):
    """``done`` of ``total`` are over; ``result`` is what is known so far, or None."""

    done: int
    total: int
    result: T | None = None


class Steps(Iterator[Step[T]]):
    """Work under way: to stop is not to go on."""

    def __init__(self, steps: Iterator[Step[T]]) -> None:
        self._steps = steps

    def __next__(self) -> Step[T]:
        return next(self._steps)

    def finished(self) -> T:
        """Do what is left and return the last result.

        Raises
        ------
        UnetscopeError
            If no step carried a result.
        """
        return finished(self)


class LongWork(Generic[P, T]):
    """A function of steps that is called for its last result; ``steps`` takes the same arguments.

    Parameters
    ----------
    work : yields :class:`Step` after step.
    """

    def __init__(self, work: Callable[P, Iterator[Step[T]]]) -> None:
        self._work = work
        update_wrapper(self, work)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """All of the work: its last result."""
        return self.steps(*args, **kwargs).finished()

    def steps(self, *args: P.args, **kwargs: P.kwargs) -> Steps[T]:
        """The work as an iterator."""
        return Steps(self._work(*args, **kwargs))


def finished(steps: Iterator[Step[T]]) -> T:
    """Exhaust ``steps`` and return the last result.

    Raises
    ------
    UnetscopeError
        If no step carried a result.
    """
    result: T | None = None
    for step in steps:
        result = step.result if step.result is not None else result
    if result is None:
        raise UnetscopeError("the work ended without a result.")
    return result
