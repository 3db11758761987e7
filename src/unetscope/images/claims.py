"""Who may replace what: the one rule that every writer asks before a file takes its place.

What unetscope writes says so, and what it is (:class:`Role`), in a place its format has for that;
of formats without one (CSV, SVG, JPEG) a receipt in the folder says it, as long as the file is
what was written. A writer states a :class:`Claim`; what lies at its target already is replaced only
where

- it is none of the inputs of the work (not even when overwriting was asked for), and
- unetscope wrote it in the same role, or a person asked to overwrite and it is a single file.

A folder (plate, container, image, anything unknown) that carries no mark is never replaced.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import tifffile
from PIL import Image

from unetscope.errors import OutputError

#: Lists, in the folder where they lie, files that cannot say themselves who wrote them.
RECEIPTS = ".unetscope-files.json"
#: The word that marks a file as written by unetscope; followed by its role.
MARK = "unetscope"
_HEAD_BYTES = 4096
_MODEL_HEADER_BYTES = 1 << 20


class Role(StrEnum):
    """What a written file is."""

    IMAGE = "image"
    LABELS = "labels"  # painted or imported by a person
    PREDICTION = "prediction"
    PROBABILITIES = "probabilities"
    REPORT = "report"  # tables, pages and pictures made of results
    MODEL = "model"
    STATE = "state"  # files of unetscope's own folders: projects, lists


@dataclass(frozen=True)
class Claim:
    """What a writer wants to write: its role, what the work reads, and whether it may overwrite."""

    role: Role
    inputs: tuple[Path, ...] = ()
    overwrite: bool = False

    def check(self, path: str | os.PathLike[str]) -> None:
        """Refuse a target that may not be replaced; also called before long work.

        Raises
        ------
        OutputError
            With what lies there, and what to do.
        """
        path = Path(path)
        for given in self.inputs:
            if _same_or_inside(path, given):
                raise OutputError(
                    f"{path} is read for this work ({given}), so the result may not replace it; "
                    "choose another name or folder"
                )
        if self.role is Role.STATE or not os.path.lexists(path):
            return
        mark = mark_of(path)
        if mark is self.role:
            _refuse_strangers(path, self.role)
            return
        is_folder = path.is_dir()
        there = f"{mark} that unetscope wrote" if mark else "not written by unetscope"
        if is_folder:
            raise OutputError(
                f"{path} is there already ({there}) and is a folder with data of its own, which "
                f"{self.role} may not replace; choose another name"
            )
        if not path.is_file():
            raise OutputError(f"{path} is no ordinary file; choose another name")
        if not self.overwrite:
            allow = "" if self.role is Role.REPORT else ", or allow it with --overwrite"
            raise OutputError(
                f"{path} is there already ({there}) and is not replaced; choose another name or "
                f"folder{allow}"
            )


#: Files of unetscope's own folders, which nobody else writes.
STATE = Claim(Role.STATE)
IMAGE = Claim(Role.IMAGE)
LABELS = Claim(Role.LABELS)
MODEL = Claim(Role.MODEL)
REPORT = Claim(Role.REPORT)


def mark_text(role: Role) -> str:
    """The words that mark a file in formats that have a place for words."""
    return f"{MARK} {role}"


def mark_of(path: Path) -> Role | None:
    """The role in which unetscope wrote ``path``; None where it does not say so."""
    with suppress(Exception):  # whatever is wrong with a file, it is not one of ours
        return _role(_words(path)) or _role(_receipt(path))
    return None


def receipt_of(path: Path, role: Role) -> tuple[Path, str] | None:
    """The list of receipts that says of ``path`` who wrote it, and its new content.

    None where the file says so itself, or belongs to a folder of unetscope's own.
    """
    if role is Role.STATE or mark_of(path) is role:
        return None
    entry = {"words": mark_text(role), "sha256": _sha256(path)}
    listed = {**_receipts(path.parent), path.name: entry}
    return path.parent / RECEIPTS, json.dumps(listed, indent=1, sort_keys=True)


def _receipt(path: Path) -> str:
    """The words of the receipt of ``path``, if it is still what was written."""
    entry = _receipts(path.parent).get(path.name, {})
    return entry["words"] if entry.get("sha256") == _sha256(path) else ""


def _receipts(folder: Path) -> dict[str, dict[str, str]]:
    file = folder / RECEIPTS
    with suppress(OSError, ValueError):
        listed = json.loads(file.read_bytes())
        if isinstance(listed, dict):
            return listed
    return {}


def _role(words: str) -> Role | None:
    first, _, role = words.strip().partition(" ")
    return Role(role) if first == MARK and role in set(Role) else None


def _words(path: Path) -> str:
    if path.is_dir():
        return _zarr_words(path)
    with open(path, "rb") as opened:
        head = opened.read(_HEAD_BYTES)
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        with tifffile.TiffFile(path) as tif:
            return str(tif.pages.first.tags.valueof(305) or "")
    if head.startswith(b"\x89PNG"):
        with Image.open(path) as image:
            return str(image.info.get("Software", ""))
    if head.startswith(b"PK"):
        with zipfile.ZipFile(path) as archive:
            return archive.comment.decode("utf-8", "replace")
    if words := _model_words(path):
        return words
    return _json_words(head) if head.lstrip().startswith(b"{") else ""


def _model_words(path: Path) -> str:
    """A model file says itself what it is: the schema in the header of its safetensors."""
    with open(path, "rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        header = opened.read(length) if 2 <= length <= _MODEL_HEADER_BYTES else b""
    ours = header.startswith(b"{") and b'"manifest"' in header and b"unetscope.model/" in header
    return mark_text(Role.MODEL) if ours else ""


def _sha256(path: Path) -> str:
    if not path.is_file():
        return ""
    with open(path, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _json_words(head: bytes) -> str:
    """The mark is the first member of JSON files that unetscope writes."""
    start = head.lstrip()[1:].lstrip()
    key = f'"{MARK}":"'.encode()
    if not start.startswith(key):
        return ""
    return f"{MARK} " + start[len(key) :].split(b'"', 1)[0].decode("utf-8", "replace")


def _zarr_words(folder: Path) -> str:
    for name, keys in (("zarr.json", ("attributes", MARK)), (".zattrs", (MARK,))):
        file = folder / name
        if file.is_file():
            content = json.loads(file.read_bytes())
            for key in keys:
                content = content[key]
            return f"{MARK} {content['role']}"
    return ""


def _refuse_strangers(folder: Path, role: Role) -> None:
    """A zarr that unetscope wrote is not replaced with what others put into it: labels, files."""
    if not folder.is_dir():
        return
    strangers = [entry.name for entry in folder.iterdir() if not _is_own(entry, role)]
    if strangers:
        raise OutputError(
            f"{folder} holds more than what unetscope wrote there ({', '.join(strangers[:5])}), "
            f"which {role} may not replace; choose another name"
        )


def _is_own(entry: Path, role: Role) -> bool:
    if entry.name == "c":  # the pieces of an array that is no group
        return json.loads((entry.parent / "zarr.json").read_bytes())["node_type"] == "array"
    if entry.name == "labels":
        images = [inside for inside in entry.iterdir() if inside.is_dir()]
        return all(mark_of(image) is role for image in images)
    return entry.name.startswith(".") or entry.name == "zarr.json" or entry.name.isdecimal()


def _same_or_inside(path: Path, given: Path) -> bool:
    """Whether writing ``path`` would replace ``given``: it is that, or a folder around it."""
    target, source = Path(os.path.realpath(path)), Path(os.path.realpath(given))
    if target == source or target in source.parents:
        return True
    with suppress(OSError):
        return os.path.samefile(target, source)
    return False


def inputs_of(*paths: str | os.PathLike[str] | None) -> tuple[Path, ...]:
    """The paths that were given, as :attr:`Claim.inputs` wants them."""
    return tuple(Path(path) for path in paths if path is not None)


def checked_targets(claim: Claim, targets: Iterable[Path]) -> None:
    """Check all targets of a work before it begins."""
    for target in targets:
        claim.check(target)
