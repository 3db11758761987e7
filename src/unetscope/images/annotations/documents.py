"""JSON files of others: read with bounds, and whatever is wrong in them said as one error."""

from __future__ import annotations

import gzip
import json
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from unetscope.errors import AnnotationError, ImageError, LabelError, OutputError
from unetscope.images.annotations.values import plain_text
from unetscope.images.claims import LABELS, MARK, Claim
from unetscope.images.damage import check_file, translated_errors
from unetscope.images.questions import Undecided
from unetscope.images.writing import replacing

#: What a file of outlines may hold; once read it takes about ten times as much memory.
MOST_BYTES = 256 * 2**20
_PIECE_BYTES = 2**20


@contextmanager
def annotation_errors(path: Path, kind: str) -> Iterator[None]:
    """Inside, whatever goes wrong with a file of ``kind`` becomes one :class:`AnnotationError`."""
    try:
        with translated_errors(path, kind):
            yield
    except Undecided:
        raise
    except (ImageError, LabelError, AnnotationError) as error:
        told = plain_text(str(error))
        raise AnnotationError(told if str(path) in told else f"{path}: {told}") from error


def check_size(path: Path) -> None:
    """ImageError if ``path`` is no file with content, AnnotationError if it has too much."""
    check_file(path)
    if not path.is_file():  # a pipe or device would be read without end
        raise AnnotationError(f"{path} is no ordinary file; choose a file of annotations")
    held = os.path.getsize(path)
    if held > MOST_BYTES:
        raise AnnotationError(
            f"{path} has {held / 2**20:.0f} MiB, more than the {MOST_BYTES // 2**20} MiB that are "
            "read; export fewer images or regions to one file"
        )


def read_json(path: Path) -> Any:
    """The content of a JSON file, gzipped, or alone in a zip; or of a JSON value in each line.

    Raises
    ------
    AnnotationError
        If it is too large, also once it is unpacked, or there are several in a zip.
    """
    check_size(path)
    with open(path, "rb") as opened:
        head = opened.read(4)
    if head[:2] == b"\x1f\x8b":
        with gzip.open(path) as opened_gzip:
            return _parsed(_bounded(opened_gzip, path))
    if head == b"PK\x03\x04":
        with zipfile.ZipFile(path) as archive, archive.open(_only_json(archive)) as member:
            return _parsed(_bounded(member, path))
    with open(path, "rb") as opened:
        return _parsed(_bounded(opened, path))


def json_members(archive: zipfile.ZipFile) -> list[str]:
    """The JSON files in a zip, without those that macOS adds."""
    return [
        name
        for name in archive.namelist()
        if name.lower().endswith((".json", ".geojson")) and not is_macos_leftover(name)
    ]


def is_macos_leftover(name: str) -> bool:
    """Whether a member of a zip is one of those that macOS adds beside each file."""
    return name.startswith("__MACOSX/") or name.rsplit("/", 1)[-1].startswith("._")


def _only_json(archive: zipfile.ZipFile) -> str:
    found = json_members(archive)
    if len(found) != 1:
        raise AnnotationError(
            f"there are {len(found)} JSON files in the zip; unpack it and choose one of them"
        )
    return found[0]


def _bounded(opened: IO[bytes] | gzip.GzipFile, path: Path) -> bytes:
    """All bytes of an opened file, which may inflate to more than its size says."""
    content = bytearray()
    while piece := opened.read(_PIECE_BYTES):  # as read(n) takes n bytes, however few there are
        content += piece
        if len(content) > MOST_BYTES:
            raise AnnotationError(
                f"{path} holds more than the {MOST_BYTES // 2**20} MiB that are read; export "
                "fewer images or regions to one file"
            )
    return bytes(content)


def _parsed(content: bytes) -> Any:
    """JSON in any encoding that it has; several values, one a line, become a list."""
    text = content.decode(json.detect_encoding(content)).removeprefix("\ufeff")
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        lines = [line.strip("\x1e \t\r") for line in text.split("\n")]
        values = [line for line in lines if line]
        if len(values) < 2 or not all(line.startswith("{") for line in values):
            raise
        return [json.loads(line) for line in values]


def write_json(content: Any, path: Path, claim: Claim = LABELS) -> None:
    """Write a JSON file that appears only when it is complete."""
    try:
        marked = {MARK: str(claim.role), **content} if isinstance(content, dict) else content
        text = json.dumps(marked, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError as error:
        raise OutputError(f"{path} cannot be written: {error}") from error
    with replacing(path, claim) as temporary:
        temporary.write_text(text, encoding="utf-8")
