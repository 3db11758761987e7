"""Check boxes as they are kept: with the image in a project, else beside its kept strokes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter

from unetscope.images.claims import STATE
from unetscope.images.writing import replacing
from unetscope.learning.check_box import CheckBox

MOST_VOICES = 20  # of which it is remembered that they have not learned from a box
_MOST_BYTES = 2**20
_STRICT = ConfigDict(extra="forbid", strict=True)
_From = Annotated[int, Field(ge=0)]
_To = Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class KeptBox:
    """The place of a box, and fingerprints of voices that are known not to have learned from it."""

    __pydantic_config__ = _STRICT

    z: _From
    top: _From
    bottom: _To
    left: _From
    right: _To
    unseen_by: tuple[str, ...] = ()

    @property
    def box(self) -> CheckBox:
        """Where it is."""
        return CheckBox(self.z, self.top, self.bottom, self.left, self.right)


def kept_box(box: CheckBox, unseen_by: Sequence[str] = ()) -> KeptBox:
    """A box as it is kept; of many voices the newest."""
    place = (box.z, box.top, box.bottom, box.left, box.right)
    return KeptBox(*place, tuple(unseen_by)[-MOST_VOICES:])


def box_file(journal: Path) -> Path:
    """The file of the boxes of an image, beside the journal of its strokes."""
    return journal.with_name(f"{journal.stem}.boxes.json")


def read_boxes(file: Path, axes: str) -> tuple[KeptBox, ...]:
    """The boxes of an image that is read with ``axes``; none where the file does not tell them."""
    return _read(file).get(axes, ())


def write_boxes(file: Path, axes: str, boxes: Sequence[KeptBox]) -> None:
    """Keep the boxes of an image; those of its other readings stay.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    kept = {**_read(file), axes: tuple(boxes)}
    told = {own: [asdict(box) for box in those] for own, those in kept.items() if those}
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file, STATE) as temporary:
        temporary.write_text(json.dumps(told, indent=1), encoding="utf-8")


@cache
def _adapter() -> TypeAdapter[dict[str, tuple[KeptBox, ...]]]:
    return TypeAdapter(dict[str, tuple[KeptBox, ...]])


def _read(file: Path) -> Mapping[str, tuple[KeptBox, ...]]:
    with suppress(OSError, ValueError, RecursionError):  # pydantic's errors are ValueErrors
        if file.stat().st_size <= _MOST_BYTES:
            return _adapter().validate_json(file.read_bytes())
    return {}
