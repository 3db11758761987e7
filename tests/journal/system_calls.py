"""Stand between SQLite and the system: count its writes, end the process at one, or refuse one.

SQLite's Unix layer lets tests replace its system calls (``xSetSystemCall``). Where its library is
not open to that, :func:`hookable` says so. Python's own ``os.write`` is replaced alike, for the
naive painter. (There is nothing to gain from dying at an fsync: what a process has written stays
when it is killed, so that equals dying after the write before it.)
"""

from __future__ import annotations

import _sqlite3
import ctypes
import errno
import os
from collections.abc import Callable
from functools import partial
from typing import Any

_WRITE = ctypes.CFUNCTYPE(
    ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, use_errno=True
)
_PWRITE = ctypes.CFUNCTYPE(
    ctypes.c_ssize_t,
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int64,
    use_errno=True,
)
_TRUNCATE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int64, use_errno=True)
_SET = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
_POINTERS = "next name app open delete access full_path dl_open dl_error dl_sym dl_close random "
_POINTERS += "sleep time last_error time64 set_call get_call next_call"


class _Vfs(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_int),
        ("file_size", ctypes.c_int),
        ("longest_path", ctypes.c_int),
        *((name, ctypes.c_void_p) for name in _POINTERS.split()),
    )


Before = Callable[[int, Callable[[], object]], None]

_os_write = os.write
_alive: list[Any] = []  # the replacements, for as long as SQLite may call them


def _vfs() -> Any:
    library = ctypes.CDLL(_sqlite3.__file__)
    library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    return library.sqlite3_vfs_find(None)


def hookable() -> bool:
    """Whether SQLite's system calls can be replaced here."""
    try:
        found = _vfs()
    except (OSError, AttributeError):
        return False
    return bool(found) and found.contents.version >= 3 and bool(found.contents.set_call)


def replace_writes(before: Before, after: Callable[[], None]) -> None:
    """Call ``before(descriptor, half)`` and ``after()`` around every write and truncation.

    ``half()`` does half of the write. ``before`` may raise :class:`OSError`, which is then what
    the system answers.
    """

    def performed(descriptor: int, half: Callable[[], object], work: Callable[[], int]) -> int:
        try:
            before(descriptor, half)
            result = work()
        except OSError as error:
            ctypes.set_errno(error.errno or errno.EIO)
            return -1
        after()
        return result

    def write(descriptor: int, at: int, size: int) -> int:
        held = ctypes.string_at(at, size)
        half = partial(_os_write, descriptor, held[: size // 2])
        return performed(descriptor, half, lambda: _os_write(descriptor, held))

    def pwrite(descriptor: int, at: int, size: int, offset: int) -> int:
        held = ctypes.string_at(at, size)
        half = partial(os.pwrite, descriptor, held[: size // 2], offset)
        return performed(descriptor, half, lambda: os.pwrite(descriptor, held, offset))

    def truncate(descriptor: int, size: int) -> int:
        return performed(descriptor, bool, lambda: os.ftruncate(descriptor, size) or 0)

    vfs = _vfs()
    put = _SET(vfs.contents.set_call)
    for name, call in (
        (b"write", _WRITE(write)),
        (b"pwrite", _PWRITE(pwrite)),
        (b"pwrite64", _PWRITE(pwrite)),
        (b"ftruncate", _TRUNCATE(truncate)),
    ):
        _alive.append(call)
        put(ctypes.cast(vfs, ctypes.c_void_p), name, ctypes.cast(call, ctypes.c_void_p))


def restore_writes() -> None:
    """SQLite writes by itself again."""
    vfs = _vfs()
    _SET(vfs.contents.set_call)(ctypes.cast(vfs, ctypes.c_void_p), None, None)
    os.write = _os_write


def count_writes(work: Callable[[], None]) -> int:
    """How many writes SQLite and ``os.write`` make during ``work`` (acknowledgements included)."""
    counted = [0]

    def before(descriptor: int, half: Callable[[], object]) -> None:
        counted[0] += 1

    replace_all(before, lambda: None)
    try:
        work()
    finally:
        restore_writes()
    return counted[0]


def die_at_write(number: int, how: str, acknowledge: int) -> None:
    """End the process at write ``number``: ``"before"`` it, after ``"half"`` of it, or ``"after"``.

    Acknowledgements count but are written in full: a pipe holds them or does not.
    """
    counted = [0]

    def before(descriptor: int, half: Callable[[], object]) -> None:
        counted[0] += 1
        if counted[0] != number:
            return
        if how == "before":
            os._exit(1)
        if how == "half" and descriptor != acknowledge:
            half()
            os._exit(1)

    def after() -> None:
        if counted[0] == number:
            os._exit(1)

    replace_all(before, after)


def replace_all(before: Before, after: Callable[[], None]) -> None:
    """As :func:`replace_writes`, and for ``os.write`` as well."""

    def write(descriptor: int, held: bytes) -> int:
        before(descriptor, partial(_os_write, descriptor, held[: len(held) // 2]))
        written = _os_write(descriptor, held)
        after()
        return written

    replace_writes(before, after)
    os.write = write
