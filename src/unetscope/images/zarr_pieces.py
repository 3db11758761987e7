"""The stored pieces (chunks or shards) of a zarr: which are missing, and which one is damaged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from unetscope.images.zarr_axes import Arrangement


@dataclass(frozen=True)
class StoredPiece:
    """A piece by its ``key``, and which planes, rows and columns of the image it holds."""

    key: str
    planes: range
    rows: slice
    columns: slice


class StoredPieces:
    """The pieces of an array in a folder, as the image sees them.

    Parameters
    ----------
    array
        Of zarr.
    found
        Which of its axes are those of the image.
    complete
        Whether all of them are known to be there.
    """

    def __init__(self, array: Any, found: Arrangement, *, complete: bool) -> None:
        self._array, self._found, self._complete = array, found, complete
        self._sides = tuple(array.shards or array.chunks)
        self._folder = Path(array.store.root)

    def missing(self, planes: range, region: tuple[slice, slice]) -> list[StoredPiece]:
        """The pieces with these planes, rows and columns that are not stored."""
        if self._complete:
            return []
        touched = self._touched(planes, region)
        return [piece for piece, _ in touched if not (self._folder / piece.key).exists()]

    def damaged(self, planes: range, region: tuple[slice, slice]) -> str | None:
        """The key of the first of these pieces that cannot be read."""
        for piece, box in self._touched(planes, region):
            try:
                self._array[box]
            except Exception:  # whatever zarr or a codec raises on damaged bytes
                return piece.key
        return None

    def _touched(
        self, planes: range, region: tuple[slice, slice]
    ) -> Iterator[tuple[StoredPiece, tuple[slice, ...]]]:
        wanted = {"z": slice(planes.start, planes.stop), "y": region[0], "x": region[1]}
        letters = dict(zip(self._found.kept, self._found.axes, strict=True))
        grids = []
        for axis, (length, side) in enumerate(zip(self._array.shape, self._sides, strict=True)):
            at = self._found.at.get(axis, 0)
            whole = slice(0, length) if axis in letters else slice(at, at + 1)
            part = wanted.get(letters.get(axis, ""), whole)
            grids.append(range(part.start // side, -(-part.stop // side)))
        for place in product(*grids):
            box = tuple(
                slice(i * side, min((i + 1) * side, length))
                for i, side, length in zip(place, self._sides, self._array.shape, strict=True)
            )
            by_letter = {letter: box[axis] for axis, letter in letters.items()}
            z = by_letter.get("z", slice(0, 1))
            name = self._array.metadata.encode_chunk_key(place)
            key = "/".join(part for part in (self._array.path, name) if part)
            piece = StoredPiece(key, range(z.start, z.stop), by_letter["y"], by_letter["x"])
            yield piece, box
