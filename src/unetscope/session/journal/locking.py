"""One writer at a time: a small file beside the journal that the operating system locks.

The lock ends with its process, however that ends, so there is nothing stale to clean up. The file
says who holds it.
"""

from __future__ import annotations

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


class WriterLock:
    """Held from :meth:`acquire` to :meth:`release`; by one window, also within a process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

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
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        with suppress(OSError):  # on a full disk nobody can read who it is
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        return True

    def holder(self) -> str:
        """Who holds the lock, in words; "another window" where that cannot be read."""
        try:
            return self.path.read_bytes()[:200].decode().strip() or "another window"
        except (OSError, UnicodeDecodeError):
            return "another window"

    def release(self) -> None:
        """Let go; harmless when it is not held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
