"""Memory: recognising that it ran out, and keeping what was freed at hand."""

from __future__ import annotations

import ctypes
import platform
import sys
from functools import cache

import torch

# malloc.h of glibc
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_PAD_BYTES = 64 * 2**20


@cache
def keep_freed_memory() -> bool:
    """Let this process keep the memory of large tensors for the next ones (glibc only).

    By default glibc asks the kernel for every block above 32 MB and gives it back at once; each
    layer of a network then waits for zeroed pages. Numbers do not change; the process stays as
    large as its largest moment, which tiles bound. Where there is no glibc, nothing happens.

    Returns
    -------
    Whether it was done, by this call or an earlier one.
    """
    if not sys.platform.startswith("linux") or platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    mallopt.argtypes, mallopt.restype = (ctypes.c_int, ctypes.c_int), ctypes.c_int
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, _PAD_BYTES))
    return all(mallopt(name, value) == 1 for name, value in settings)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says so: torch reports it as a RuntimeError with one of these words."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and (
        "out of memory" in text or "DefaultCPUAllocator" in text
    )


def give_back() -> None:
    """Give memory that a GPU has free, and holds for later, back to others."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
