"""Where objects that a person has corrected lie on disk.

Files are named after the image and the objects as they were found, so that the same objects find
their edits again, and other objects of the image can be brought back.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.session.journal.identity import ImageIdentity

FOLDER = "objects"
LETTERS = 24  # of a hash, in a name


@dataclass(frozen=True)
class ObjectPlace:
    """The files of some objects of an image."""

    folder: Path
    stem: str

    @property
    def beginning(self) -> Path:
        """What they were found in, and how."""
        return self.folder / f"{self.stem}.npz"

    @property
    def journal(self) -> Path:
        """How they were corrected."""
        return self.folder / f"{self.stem}.sqlite3"

    @property
    def ticks(self) -> Path:
        """Which of them a person has said are right."""
        return self.folder / f"{self.stem}.json"

    @property
    def wishes(self) -> Path:
        """What was wished for with each edit."""
        return self.folder / f"{self.stem}.edits.json"

    def identity(self, shape: tuple[int, ...], name: str) -> ImageIdentity:
        """The objects as their journal knows them."""
        return ImageIdentity(self.stem, shape, name=name)


def place_of(folder: Path, image: str, ids: NDArray[Any]) -> ObjectPlace:
    """The place of objects of an image, of which ``image`` is the content."""
    told = hashlib.blake2b(f"{ids.shape}".encode(), digest_size=LETTERS // 2)
    told.update(np.ascontiguousarray(ids, np.uint32).data)
    return ObjectPlace(folder, f"{image[:LETTERS]}-{told.hexdigest()}")
