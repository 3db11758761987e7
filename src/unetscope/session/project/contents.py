"""Is it the same image? Size and date say so quickly, a hash of the content surely."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from unetscope.images.zarr_folder import METADATA, NODES, is_zarr

#: Files up to this size are hashed whole, larger ones at evenly spread places.
WHOLE_BYTES = 64 * 2**20
_BLOCK_BYTES = 2**20
_BLOCKS = 48
_MOST_VISITED = 200_000
# Consolidated metadata, a copy of the others, are hashed as a piece.
_METADATA = tuple(name for name in METADATA if name != ".zmetadata")


def quick_facts(path: Path) -> tuple[int, int] | None:
    """Bytes and date of change in ns of a file, or of a zarr's metadata; None if not there."""
    try:
        if path.is_dir():
            path = next(path / name for name in NODES if (path / name).is_file())
        told = path.stat()
    except (OSError, StopIteration):
        return None
    return told.st_size, told.st_mtime_ns


def content_of(path: Path) -> str:
    """The hash of a file or a zarr folder, with the way it was made.

    Files over 64 MiB are read at 48 evenly spread places, of 1 MiB each. Of a zarr folder the names
    and sizes of all files count, the content of the metadata, and the first MiB of 48 evenly spread
    pieces; the folders ``labels`` of it and of the images in it do not.
    """
    digest = hashlib.sha256()
    if path.is_dir():
        files = sorted(_files(path))
        for name, size in files:
            digest.update(f"{name} {size}\n".encode())
        told = [name for name, _ in files if name.rpartition("/")[2] in _METADATA]
        metadata = set(told)
        pieces = [name for name, _ in files if name not in metadata]
        for name in [*told, *_spread(pieces)]:
            with open(path / name, "rb") as piece:
                digest.update(piece.read(_BLOCK_BYTES))
        return f"sha256-folder:{digest.hexdigest()}"
    size = path.stat().st_size
    with open(path, "rb") as file:
        if size <= WHOLE_BYTES:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        digest.update(str(size).encode())
        for block in range(_BLOCKS):
            file.seek((size - _BLOCK_BYTES) * block // (_BLOCKS - 1))
            digest.update(file.read(_BLOCK_BYTES))
    return f"sha256-spread:{digest.hexdigest()}"


def _files(folder: Path) -> Iterator[tuple[str, int]]:
    """Name and size of every file of an image in a zarr folder."""
    for parent, folders, names in os.walk(folder):
        if "labels" in folders and (Path(parent) == folder or is_zarr(parent)):
            folders.remove("labels")
        for name in names:
            file = Path(parent, name)
            yield file.relative_to(folder).as_posix(), file.stat().st_size


def _spread(pieces: list[str]) -> list[str]:
    if len(pieces) <= _BLOCKS:
        return pieces
    return [pieces[(len(pieces) - 1) * block // (_BLOCKS - 1)] for block in range(_BLOCKS)]


def images_below(folder: Path) -> Iterator[Path]:
    """Files and zarr folders below ``folder``, at most 200 000; hidden ones are passed over."""
    visited = 0
    for parent, folders, names in os.walk(folder):
        zarrs = [name for name in folders if name.lower().endswith(".zarr")]
        folders[:] = sorted(n for n in folders if n not in zarrs and not n.startswith("."))
        for name in sorted([*names, *zarrs]):
            visited += 1
            if visited > _MOST_VISITED:
                return
            if not name.startswith("."):
                yield Path(parent, name)
