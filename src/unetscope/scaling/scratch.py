"""An array on disk that is filled piece by piece and never held in memory."""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import DTypeLike

from unetscope.errors import OutputError

_HOST = socket.gethostname().partition(".")[0]


class Scratch:
    """An array (…, y, x) in a file, written in parts of planes.

    Written through the file and not through a mapping, so that what was written does not count as
    memory of this process.
    """

    def __init__(self, path: Path, shape: Sequence[int], dtype: DTypeLike) -> None:
        self.path, self.shape, self.dtype = path, tuple(shape), np.dtype(dtype)
        with path.open("wb") as file:
            file.truncate(math.prod(self.shape) * self.dtype.itemsize)

    def __setitem__(self, where: tuple[Any, ...], part: np.ndarray) -> None:
        """``where``: an index for every axis but the last two, then the (y, x) slices."""
        *leading, y, x = where
        plane = int(np.ravel_multi_index(leading, self.shape[:-2])) if leading else 0
        width, size = self.shape[-1], self.dtype.itemsize
        values = np.ascontiguousarray(part, self.dtype)
        rows = [values] if x.stop - x.start == width else list(values)
        with self.path.open("rb+") as file:
            for index, row in enumerate(rows):
                line = plane * self.shape[-2] + y.start + index
                file.seek((line * width + x.start) * size)
                file.write(row.data)

    def read(self) -> np.ndarray:
        """All of it, mapped from the file."""
        return np.memmap(self.path, self.dtype, "r", shape=self.shape)


def _sweep(beside: Path) -> None:
    """Remove what runs left that were killed while they wrote the same file on this computer."""
    begin = f".{beside.name}.{_HOST}."
    with suppress(OSError):
        for left in beside.parent.iterdir():
            pid = left.name.removeprefix(begin).removesuffix(".scratch")
            ours = left.name == f"{begin}{pid}.scratch" and pid.isdecimal()
            if ours and not psutil.pid_exists(int(pid)):
                left.unlink()


@contextmanager
def scratch(beside: Path, shape: Sequence[int], dtype: DTypeLike) -> Iterator[Scratch]:
    """A :class:`Scratch` in the folder of ``beside``, gone afterwards.

    Raises
    ------
    OutputError
        If the folder cannot be written, or the disk is full.
    """
    _sweep(beside)
    path = beside.with_name(f".{beside.name}.{_HOST}.{os.getpid()}.scratch")
    try:
        yield Scratch(path, shape, dtype)
    except OSError as error:
        if error.filename not in (None, str(path)):
            raise
        raise OutputError(
            f"{beside} cannot be written: {error.strerror or error}; "
            "make room or choose another folder."
        ) from error
    finally:
        with suppress(OSError):
            path.unlink()
