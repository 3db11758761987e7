"""JSON files of others: read with bounds, and whatever is wrong in them said as one error."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unetscope.errors import AnnotationError, ImageError, LabelError, OutputError
from unetscope.images.claims import LABELS, MARK, Claim
from unetscope.images.damage import check_file, translated_errors
from unetscope.images.writing import replacing

#: What a file of outlines may hold; once read it takes about ten times as much memory.
MOST_BYTES = 256 * 2**20


@contextmanager
def annotation_errors(path: Path, kind: str) -> Iterator[None]:
    """Inside, whatever goes wrong with a file of ``kind`` becomes one :class:`AnnotationError`."""
    try:
        with translated_errors(path, kind):
            yield
    except (ImageError, LabelError, AnnotationError) as error:
        told = str(error)
        raise AnnotationError(told if str(path) in told else f"{path}: {told}") from error


def check_size(path: Path) -> None:
    """ImageError if ``path`` is no file with content, AnnotationError if it has too much."""
    check_file(path)
    held = os.path.getsize(path)
    if held > MOST_BYTES:
        raise AnnotationError(
            f"{path} has {held / 2**20:.0f} MiB, more than the {MOST_BYTES // 2**20} MiB that are "
            "read; export fewer images or regions to one file"
        )


def read_json(path: Path) -> Any:
    """The content of a JSON file, whose numbers must be finite."""
    check_size(path)
    return json.loads(path.read_bytes(), parse_float=_finite, parse_constant=_finite)


def write_json(content: Any, path: Path, claim: Claim = LABELS) -> None:
    """Write a JSON file that appears only when it is complete."""
    try:
        marked = {MARK: str(claim.role), **content} if isinstance(content, dict) else content
        text = json.dumps(marked, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError as error:
        raise OutputError(f"{path} cannot be written: {error}") from error
    with replacing(path, claim) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _finite(number: str) -> float:
    if not math.isfinite(float(number)):
        raise ValueError(f"{number} is not a finite number")
    return float(number)
