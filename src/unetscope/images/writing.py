"""Writing without harm: the old file stays whole until the new one is complete."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from unetscope.errors import OutputError
from unetscope.images.claims import Claim, receipt_of

# Windows refuses to replace a file that another program has open for a moment.
_WINDOWS_BUSY = (5, 32, 33)
_RETRY_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 0.95)


@contextmanager
def replacing(path: str | os.PathLike[str], claim: Claim) -> Iterator[Path]:
    """Hand out a temporary sibling of ``path`` to write to; on success it takes the place of it.

    ``claim`` says what is written and out of what; where it may not replace what lies there,
    nothing is written.

    The temporary file or directory is synced to disk first and removed if anything fails, so
    that ``path`` holds either all of the old content or all of the new.

    Raises
    ------
    OutputError
        If something lies there that is not the writer's to replace, the folder is missing or not
        writable, the disk is full, or the like.
    """
    path = Path(path)
    claim.check(path)
    temporary = _beside(path, "tmp")
    try:
        if not path.parent.is_dir():
            raise OutputError(
                f"{path} cannot be written: the folder {path.parent} does not "
                "exist; create it or choose another"
            )
        yield temporary
        _sync(temporary)
        _take_place(temporary, path)
        _leave_receipt(path, claim)
        _sync_folder(path.parent)
    except OSError as error:
        raise OutputError(_reason(path, error)) from error
    finally:
        _remove(temporary)


def _beside(path: Path, kind: str) -> Path:
    """A hidden sibling, whose name is short, for names may be as long as the disk takes them."""
    digest = hashlib.sha1(path.name.encode("utf-8", "surrogateescape")).hexdigest()[:12]
    return path.with_name(f".unetscope-{digest}.{os.getpid()}.{kind}")


def _reason(path: Path, error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        free = shutil.disk_usage(path.parent).free / 1e6
        return (
            f"{path} cannot be written: the disk is full ({free:.0f} MB free); "
            "make room or choose another folder. The file that was there before is unchanged"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return (
            f"{path} cannot be written: no permission to write in {path.parent}; "
            "choose another folder"
        )
    if error.errno == errno.ENAMETOOLONG:
        return f"{path.name[:60]}… cannot be written: the name is too long; choose a shorter one"
    return f"{path} cannot be written: {error}; choose another name or folder"


def _leave_receipt(path: Path, claim: Claim) -> None:
    """Note who wrote a file that has no place for it; a lost note only makes us ask later."""
    receipt = receipt_of(path, claim.role)
    if receipt is None:
        return
    file, text = receipt
    draft = _beside(file, "tmp")
    with suppress(OSError):
        draft.write_text(text, encoding="utf-8")
        _sync(draft)
        os.replace(draft, file)


def _take_place(temporary: Path, path: Path) -> None:
    if temporary.is_dir():
        _replace_directory(temporary, path)
        return
    for wait in (*_RETRY_SECONDS, None):
        try:
            os.replace(temporary, path)
            return
        except OSError as error:
            if wait is None or getattr(error, "winerror", None) not in _WINDOWS_BUSY:
                raise
            time.sleep(wait)


def _replace_directory(temporary: Path, path: Path) -> None:
    """A directory cannot replace a full one at once, so the old one steps aside first."""
    aside = _beside(path, "old")
    _remove(aside)
    if os.path.lexists(path):
        os.rename(path, aside)  # of a link the link: the folder that it leads to stays
    try:
        os.rename(temporary, path)
    except OSError:
        if os.path.lexists(aside):
            os.rename(aside, path)
        raise
    _remove(aside)


def _sync(written: Path) -> None:
    files = [written] if written.is_file() else [f for f in written.rglob("*") if f.is_file()]
    for file in files:
        with open(file, "rb+") as handle:
            os.fsync(handle.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows cannot open a folder to sync it
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network shares cannot; the file itself is synced
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(written: Path) -> None:
    if written.is_dir() and not written.is_symlink():
        shutil.rmtree(written, ignore_errors=True)
    else:
        with suppress(OSError):  # mostly it is in its place by now; a left-over does no harm
            written.unlink()


def usable_folder(folder: Path) -> Path:
    """Make ``folder`` if need be, and find out now, not after the work, that it can be written.

    Raises
    ------
    OutputError
        If it cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"cannot write into {folder}: {error.strerror or error}; choose another folder."
        ) from error
    return folder
