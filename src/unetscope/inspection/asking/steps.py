"""Long work as an iterator of steps: it can be shown, and stopped between two of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from unetscope.errors import UnetscopeError

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Step(Generic[T]):
    """``done`` of ``total`` are over; ``result`` is what is known so far, or None."""

    done: int
    total: int
    result: T | None = None


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
