"""Work that is done beside something else, in a thread of its own that ends with it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

_Result = TypeVar("_Result")


class Beside(Generic[_Result]):
    """What ``work`` returns, begun at once; who asks for it waits until it is there.

    Where the work fails, the first who asks meets the error; whoever asks then has it done again.
    """

    def __init__(self, work: Callable[[], _Result]) -> None:
        self._work = work
        self._found: list[_Result] = []
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="unetscope beside")
        self._thread.start()

    def _run(self) -> None:
        try:
            self._found.append(self._work())
        except Exception as error:
            self._error = error

    def result(self) -> _Result:
        """The result; waits for it."""
        self._thread.join()
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        if not self._found:
            self._found.append(self._work())
        return self._found[0]

    def wait(self) -> _Result | None:
        """Wait until the thread has ended; the result, None where there is none."""
        self._thread.join()
        return self._found[0] if self._found else None
