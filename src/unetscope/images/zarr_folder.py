"""What a zarr folder is and what it is called; without zarr, which takes a while to import."""

from __future__ import annotations

import os
from pathlib import Path

#: The files that make a folder a zarr group or array, of version 3 and 2.
NODES = ("zarr.json", ".zgroup", ".zarray")
#: All files with metadata, which are no pixels.
METADATA = (*NODES, ".zattrs", ".zmetadata")
#: How zip archives that hold a zarr are called.
PACKED = (".zarr.zip", ".ozx")
_ENDINGS = (".zip", ".ozx", ".zarr", ".ome")


def is_zarr(path: str | os.PathLike[str]) -> bool:
    """True if ``path`` is a folder with zarr metadata of version 2 or 3."""
    return any(Path(path, name).is_file() for name in NODES)


def image_of_labels(path: Path) -> Path | None:
    """The OME-Zarr image IMAGE of a path IMAGE/labels/NAME; None of any other."""
    image = path.parent.parent
    return image if path.parent.name == "labels" and is_zarr(image) else None


def title_of(path: str | os.PathLike[str]) -> str:
    """What the image at ``path`` is called: "plate A-1-0" for ``plate.ome.zarr/A/1/0``, never "0".

    Parts of it are joined by "-", so that the title can be part of a file name.
    """
    whole, *inside = name_of(path).split("/")
    stem = whole
    for ending in _ENDINGS:
        stem = stem[: -len(ending)] if stem.lower().endswith(ending) else stem
    return " ".join([stem or whole, *(["-".join(inside)] if inside else [])])


def name_of(path: str | os.PathLike[str]) -> str:
    """The name of a file; of an image inside a zarr with that of the zarr: "plate.zarr/A/1/0"."""
    path = Path(os.path.abspath(path))
    inside: list[str] = []
    while is_zarr(path.parent) and path.parent != path:
        inside.insert(0, path.name)
        path = path.parent
    return "/".join([path.name, *inside])
