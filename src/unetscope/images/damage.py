"""The one boundary where whatever a damaged file makes a reader raise becomes an ImageError."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unetscope.errors import ImageError, UnetscopeError

#: More than any lossless coding of real pixels shrinks them: what claims more is no image.
_LARGEST_RATIO = 1100


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


def check_claimed_bytes(path: Path, claimed: int, *, compressed: bool) -> None:
    """ImageError if a file says to hold far more pixels than its bytes can.

    Called before anything of that size is allocated.
    """
    held = os.path.getsize(path)
    if not compressed and claimed > held:
        raise ImageError(
            f"{path} is cut off: its pixels take {claimed} bytes, it has {held}; "
            "copy or export it again"
        )
    if claimed > held * _LARGEST_RATIO:
        raise ImageError(
            f"{path} claims {claimed} bytes of pixels in {held} bytes of file; it is "
            "damaged or a decompression bomb and is not opened: export it again"
        )
