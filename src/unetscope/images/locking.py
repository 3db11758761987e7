"""One writer at a time: a small file beside what is written that the operating system locks.

The lock ends with its process, however that ends, so there is nothing stale to clean up. The file
says who holds it. Network shares often have no such locks: there a file that only one can make
stands for it, and one whose process is gone is taken away.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        # flock, not lockf: the latter would let a second window of this process in
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_LOCKED_BYTE = 4096  # beyond the text: Windows lets nobody read what is locked
#: What the system says where another one holds the lock; anything else is: no locks here.
_HELD = {errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK}


class WriterLock:
    """Held from :meth:`acquire` to :meth:`release`; by one window, also within a process.

    Attributes
    ----------
    warning
        Why nothing keeps a second window from writing; "" where the lock does.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.warning = ""
        self._descriptor: int | None = None
        self._made: Path | None = None  # the file that stands for a lock

    def acquire(self) -> bool:
        """Take the lock if nobody holds it; say whether it is held now.

        Raises
        ------
        OSError
            If the file cannot be made.
        """
        if self._descriptor is not None:
            return True
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(descriptor)
        except OSError as error:
            if error.errno in _HELD or not self._stood_for(error):
                os.close(descriptor)
                return False
        self._descriptor = descriptor
        with suppress(OSError):  # on a full disk nobody can read who it is
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.write(descriptor, _who().encode())
        return True

    def holder(self) -> str:
        """Who holds the lock, in words; "another window" where that cannot be read."""
        own = self.own_file
        for path in (own, self.path):
            with suppress(OSError, UnicodeDecodeError):
                told = path.read_bytes()[:200].decode().strip()
                if told and path == own:
                    return f"{told}; if there is none, delete {own.name}"
                if told:
                    return told
        return "another window"

    def release(self) -> None:
        """Let go; harmless when it is not held."""
        descriptor, self._descriptor = self._descriptor, None
        made, self._made = self._made, None
        if made is not None:
            with suppress(OSError):
                made.unlink()
        if descriptor is not None:
            os.close(descriptor)

    # ---- where the system has no locks

    @property
    def is_file(self) -> bool:
        """Whether it is held without the system's help."""
        return self._made is not None or bool(self.warning)

    @property
    def own_file(self) -> Path:
        """The file that stands for the lock where the system has none."""
        return self.path.with_name(f"{self.path.name}.held")

    def _stood_for(self, no_lock: OSError) -> bool:
        """Make the file that only one can make; say whether this window may write."""
        for _ in range(2):
            try:
                made = os.open(self.own_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            except FileExistsError:
                if not _left_behind(self.own_file):
                    return False
                with suppress(OSError):
                    self.own_file.unlink()
                continue
            except OSError:
                break
            with suppress(OSError):
                os.write(made, _who().encode())
            os.close(made)
            self._made = self.own_file
            return True
        self.warning = (
            f"{self.path.parent} has no file locks ({no_lock.strerror}); open what is in it in "
            "one window only"
        )
        return True


def _who() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}\n"


def _left_behind(path: Path) -> bool:
    """Whether the file was made on this machine by a process that is gone."""
    try:
        words = path.read_bytes()[:200].decode().split()
    except (OSError, UnicodeDecodeError):
        return False
    known = len(words) == 4 and words[1].isdigit() and words[3] == socket.gethostname()
    return known and not _is_alive(int(words[1]))


def _is_alive(process: int) -> bool:
    if sys.platform == "win32":  # there os.kill would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
