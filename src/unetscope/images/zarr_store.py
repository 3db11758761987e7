"""Opening zarr groups and arrays of others: folders and plain zip archives, for reading only."""

from __future__ import annotations

import math
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zarr
from zarr.storage import ZipStore

from unetscope.errors import ImageError
from unetscope.images.damage import check_bytes
from unetscope.images.ngff import ome_part
from unetscope.images.zarr_folder import METADATA, NODES, is_zarr

#: How many images of a container or plate are looked for.
_MOST_IMAGES = 10_000
#: Above so many pieces it is not counted how many of them are stored.
_MOST_COUNTED = 200_000
_ROW_COLUMN_FIELD = 3


def opened(path: Path) -> Any:
    """The zarr group or array in a folder or zip archive, whatever consolidated metadata say of it.

    Raises
    ------
    ImageError
        If there is none.
    """
    if path.is_dir():
        if not is_zarr(path):
            raise ImageError(
                f"{path} is no OME-Zarr folder (it has no zarr.json, .zgroup or "
                ".zarray); choose the folder that holds one of these"
            )
        return _node(str(path))
    if path.is_file() and zipfile.is_zipfile(path):
        return _in_archive(path)
    raise ImageError(
        f"{path} is no OME-Zarr folder (nor a zip archive of one); choose the folder that holds "
        "a zarr.json, .zgroup or .zarray"
    )


def _node(store: Any, path: str = "") -> Any:
    node = zarr.open(store, path=path, mode="r")
    if isinstance(node, zarr.Array):
        return node
    # consolidated metadata are a copy, which may be older than what lies there
    return zarr.open_group(store, path=path, mode="r", use_consolidated=False)


def _in_archive(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        largest = max((member.file_size for member in archive.infolist()), default=0)
    check_bytes(path, largest, "one of its files")
    tops = [n for n in names if n.rpartition("/")[2] in NODES]
    if not tops:
        raise ImageError(f"{path} is a zip archive without a zarr in it; give an image")
    top = min(tops, key=lambda name: name.count("/")).rpartition("/")[0]
    return _node(ZipStore(path, mode="r"), top)


def images_inside(group: Any) -> list[str]:
    """Paths of the images in a group that is none itself: of a container, a plate, a folder.

    Those that its metadata list, as far as they are there; else all that are found.
    """
    listed = [path for path in _listed(group) if path in group]
    return listed or list(_found(group, _ROW_COLUMN_FIELD))[:_MOST_IMAGES]


def _listed(group: Any) -> Iterator[str]:
    ome = ome_part(dict(group.attrs))
    plate, well = ome.get("plate"), ome.get("well")
    if isinstance(plate, dict):
        for path in _paths(plate.get("wells")):
            inside = group.get(path)
            if isinstance(inside, zarr.Group):
                yield from (f"{path}/{field}" for field in _listed(inside))
    elif isinstance(well, dict):
        yield from _paths(well.get("images"))
    elif "bioformats2raw.layout" in ome and "OME" in group:
        series = ome_part(dict(group["OME"].attrs)).get("series")
        yield from (str(name) for name in series) if isinstance(series, list) else ()


def _paths(entries: Any) -> list[str]:
    told = entries if isinstance(entries, list) else []
    return [str(one["path"]) for one in told if isinstance(one, dict) and one.get("path")]


def _found(group: Any, levels: int) -> Iterator[str]:
    for name in sorted(group.keys(), key=_by_number):
        if name in ("labels", "OME"):
            continue
        node = group[name]
        if isinstance(node, zarr.Array) or "multiscales" in ome_part(dict(node.attrs)):
            yield name
        elif levels > 1:
            yield from (f"{name}/{inner}" for inner in _found(node, levels - 1))


def _by_number(name: str) -> list[Any]:
    """Sorts "10" behind "9"."""
    return [(int(p), "") if p.isdecimal() else (-1, p) for p in re.split(r"(\d+)", name) if p]


def stored_note(array: Any) -> str | None:
    """What to know if pieces of ``array`` are not stored; zarr reads them as one value."""
    expected = _count(array)
    if not is_counted(array) or not hasattr(array.store, "root"):
        return None
    stored = sum(1 for _ in _pieces(Path(array.store.root, array.path), expected))
    if stored >= expected:
        return None
    told = (
        "none of its pixels is"
        if stored == 0
        else f"{expected - stored} of {expected} parts of it are not"
    )
    return f"{told} stored; what is missing is read as {array.fill_value}"


def _count(array: Any) -> int:
    pieces = array.shards or array.chunks
    return math.prod(-(-n // piece) for n, piece in zip(array.shape, pieces, strict=True))


def is_counted(array: Any) -> bool:
    """Whether its pieces are so few that those that are stored are counted."""
    return _count(array) <= _MOST_COUNTED


def _pieces(folder: Path, most: int) -> Iterator[str]:
    """The files with pixels below ``folder``, at most ``most``."""
    seen = 0
    for _, _, names in os.walk(folder):
        for name in names:
            if name in METADATA or name.startswith("."):
                continue
            yield name
            seen += 1
            if seen >= most:
                return
