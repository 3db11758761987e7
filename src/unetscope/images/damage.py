"""The one boundary where whatever a damaged file makes a reader raise becomes an ImageError.

Also the one place that knows how many bytes a file may ask for.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from unetscope.errors import ImageError, UnetscopeError

_LEAST_BYTES = 64 * 2**20


@contextmanager
def translated_errors(path: Path, kind: str) -> Iterator[None]:
    """Inside, every error of a reader of ``kind`` files becomes one :class:`ImageError`.

    tifffile, Pillow and zarr raise more than a dozen types on damaged bytes, MemoryError and
    AttributeError among them; a list of them would be incomplete with their next release.
    """
    try:
        yield
    except UnetscopeError:
        raise
    except FileNotFoundError as error:
        raise ImageError(f"{path} is not there; check the name and the folder") from error
    except PermissionError as error:
        raise ImageError(f"{path} may not be read; check its permissions") from error
    except MemoryError as error:  # a sound file can be too large, a damaged one can claim to be
        raise ImageError(
            f"{path} asks for more memory than there is; close other programs or save it as "
            "OME-Zarr, or, if it is not that large, the file is damaged: copy or export it again"
        ) from error
    except Exception as error:  # any other type, as said above; none is lost, it is the cause
        said = str(error).strip() or type(error).__name__
        raise ImageError(
            f"{path} cannot be read as {kind} ({said[:200]}); the file is damaged, "
            "incomplete or of another kind: copy or export it again"
        ) from error


def check_file(path: Path) -> None:
    """ImageError if ``path`` is not a file with content."""
    if path.is_dir():
        raise ImageError(
            f"{path} is a folder, not an image file; give a file, or an OME-Zarr "
            "folder that ends in .zarr"
        )
    if not path.exists():
        raise ImageError(f"{path} is not there; check the name and the folder")
    if os.path.getsize(path) == 0:
        raise ImageError(f"{path} is empty (0 bytes); copy or export it again")


def bytes_allowed() -> int:
    """How many bytes one image may take in memory: half of what is free now, at least 64 MB."""
    return max(_LEAST_BYTES, int(psutil.virtual_memory().available) // 2)


def check_lazy(name: str, shape: tuple[int, ...], item_bytes: int) -> None:
    """ImageError if pixels of ``shape`` that are to be read from a file take more than allowed."""
    asked = math.prod(shape) * item_bytes
    if asked > _LEAST_BYTES and asked > (allowed := bytes_allowed()):
        raise ImageError(
            f"the pixels of {name or 'the image'} that are asked for, {shape}, take "
            f"{_in_words(asked)} of memory, and {_in_words(allowed)} may be taken; close other "
            "programs, or choose a part of the image"
        )


def check_bytes(path: Path, asked: int, what: str = "its pixels") -> None:
    """ImageError if ``what`` of ``path`` takes more than may be allocated for one image.

    Called with what a file claims, before anything of that size is inflated or allocated: a
    damaged or hostile file asks for any size in a few bytes, and a blank one honestly for much.
    """
    allowed = bytes_allowed()
    if asked > allowed:
        raise ImageError(
            f"{path} asks for {_in_words(asked)} of memory for {what}, and {_in_words(allowed)} "
            "may be taken; if it is that large, close other programs or save it as OME-Zarr, "
            "which is read piece by piece; if not, it is damaged or a decompression bomb: "
            "export it again"
        )


def _in_words(count: int) -> str:
    """ "3.2 GB", "640 MB" or "12 kB"."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:,.3g} {unit}"
    return f"{count} bytes"
