"""DigitalMicrograph's DM3 and DM4: a tree of tags, in which the pixels lie; they stay in the file.

The format is Gatan's and was described by G. Jefferis and C. Boothroyd
(https://personal.ntu.edu.sg/cbb/info/dmformat/).
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from unetscope.errors import ImageError
from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.images.one_of_many import taken, which_time
from unetscope.images.questions import Answers, Choice, Question, Undecided
from unetscope.images.units import METRES, normalise_unit, unit_factor

_GROUP, _DATA = 20, 21
_STRUCT, _STRING, _ARRAY = 15, 18, 20
#: Encoded type -> letter of struct, for single values and elements of arrays.
_LETTERS = {2: "h", 3: "i", 4: "H", 5: "I", 6: "f", 7: "d", 8: "?", 9: "b", 10: "B"} | {
    11: "q",
    12: "Q",
}
#: DataType of an image -> its pixels; complex ones and packed ones are not among them.
_PIXELS = {1: "i2", 2: "f4", 6: "u1", 7: "i4", 9: "i1", 10: "u2", 11: "u4", 12: "f8", 14: "u1"}
_COLOURS = (8, 23)
_DEEPEST = 64
#: Arrays of at most so many elements are read as values: names, units.
_SMALL = 4096
_TIMES = ("s", "ms", "µs", "us", "min")


@dataclass(frozen=True)
class _Stored:
    """A large array: where it lies and how many bytes it has."""

    offset: int
    nbytes: int


class _Tags:
    """Reads the tree of tags: dicts by name; tags without one are called 0, 1, …"""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size
        self.version = self._number(">i")
        self._wide = ">q" if self.version == 4 else ">i"
        self._number(self._wide)
        self.order = "<" if self._number(">i") else ">"

    def root(self) -> dict[str, Any]:
        """All of it."""
        return self._group(0)

    def _number(self, form: str) -> int:
        return int(struct.unpack(form, self._taken(struct.calcsize(form)))[0])

    def _taken(self, count: int) -> bytes:
        found = self._file.read(count)
        if len(found) < count:
            raise ImageError("it is cut off: its tags end too early")
        return found

    def _group(self, depth: int) -> dict[str, Any]:
        if depth > _DEEPEST:
            raise ImageError("its tags are nested deeper than any program writes")
        self._taken(2)
        found: dict[str, Any] = {}
        for _ in range(self._number(self._wide)):
            kind = self._number(">B")
            name = self._taken(self._number(">H")).decode("latin-1")
            if self.version == 4:
                self._number(">q")
            if kind == _GROUP:
                value: Any = self._group(depth + 1)
            elif kind == _DATA:
                value = self._value()
            else:
                raise ImageError(f"a tag of the kind {kind} is not known")
            found[name or str(len(found))] = value
        return found

    def _value(self) -> Any:
        if self._taken(4) != b"%%%%":
            raise ImageError("a tag does not begin as it should")
        count = self._number(self._wide)
        if not 0 < count <= _SMALL:
            raise ImageError("a tag says nothing of its type")
        told = [self._number(self._wide) for _ in range(count)]
        kind = told[0]
        if kind in _LETTERS:
            (value,) = struct.unpack(self.order + _LETTERS[kind], self._taken(_width(kind)))
            return value
        if kind == _STRUCT:
            return self._skipped(sum(_width(field) for field in told[4::2]))
        if kind == _STRING:
            return self._taken(2 * told[1])
        if kind == _ARRAY and told[1] == _STRUCT:
            return self._skipped(told[-1] * sum(_width(field) for field in told[5:-1:2]))
        if kind == _ARRAY and told[1] in _LETTERS and len(told) == 3:
            count = _width(told[1]) * told[2]
            return self._small(count) if told[2] <= _SMALL else self._skipped(count)
        raise ImageError(f"a tag of the type {told[:3]} is not known")

    def _small(self, count: int) -> _Small:
        return _Small(self._file.tell(), count, self._taken(count))

    def _skipped(self, count: int) -> _Stored:
        offset = self._file.tell()
        if count < 0 or offset + count > self._size:
            raise ImageError(
                f"it is cut off: an array reaches to byte {offset + count} and the file has "
                f"{self._size}"
            )
        self._file.seek(count, os.SEEK_CUR)
        return _Stored(offset, count)


@dataclass(frozen=True)
class _Small(_Stored):
    """A small array, which may be a text."""

    raw: bytes = b""


def _width(kind: int) -> int:
    return struct.calcsize("<" + _LETTERS[kind])


def read_dm(path: Path, axes: str | None, answers: Answers) -> Micrograph:
    """An image or stack of a DM3 or DM4 file, with the size of its pixels.

    Raises
    ------
    Undecided
        If it holds several images or time points.
    ImageError
        If it is damaged, holds complex numbers or a spectrum in each pixel.
    """
    with open(path, "rb") as file:
        tags = _Tags(file, os.path.getsize(path))
        root = tags.root()
    image = _chosen(path, root, answers)
    pixels = _pixels(path, image, tags.order)
    told = [dict(one) for one in _listed(_inside(image, "Calibrations", "Dimension"))]
    told = [*told, *({} for _ in range(3))][:3]
    notes: list[str] = []
    if pixels.ndim == 3 and pixels.shape[-1] != 3 and _unit(told[2]).lower() in ("ev", "kev"):
        raise ImageError(f"{path} holds a spectrum in each pixel; save a map of it as an image")
    stored = "yxc" if _value(image, "DataType") in _COLOURS else "zyx"[-pixels.ndim :]
    if stored == "zyx" and _unit(told[2]).lower() in _TIMES and "z" not in (axes or ""):
        at = which_time(str(path), answers.number("time"), pixels.shape[0])
        pixels, stored = taken(pixels, 0, at), "yx"
    named = axes if axes is not None and len(axes) == pixels.ndim else stored
    size, unit = _size(told, named, notes)
    return as_micrograph(pixels, named, size, unit, path.stem, notes)


def _chosen(path: Path, root: Mapping[str, Any], answers: Answers) -> Mapping[str, Any]:
    """The ImageData that is meant; thumbnails do not count."""
    images = [_inside(one, "ImageData") for one in _listed(root.get("ImageList"))]
    thumbnails = {one.get("ImageIndex") for one in _listed(root.get("Thumbnails"))}
    found = [one for i, one in enumerate(images) if i not in thumbnails and _dimensions(one)]
    if not found:
        raise ImageError(f"{path} holds no image; export it again")
    if len(found) == 1:
        return found[0]
    said = answers.series or ""
    if said.isdecimal() and int(said) < len(found):
        return found[int(said)]
    choices = [
        Choice(str(i), " × ".join(map(str, reversed(_dimensions(one)))))
        for i, one in enumerate(found)
    ]
    text = f"{path.name} holds {len(found)} images; which one is meant?"
    raise Undecided(Question("series", path.name, text, tuple(choices)))


def _pixels(path: Path, image: Mapping[str, Any], order: str) -> Any:
    kind, stored = _value(image, "DataType"), image.get("Data")
    shape = tuple(reversed(_dimensions(image)))
    while len(shape) > 2 and shape[0] == 1:
        shape = shape[1:]
    if kind in _COLOURS:
        shape, dtype = (*shape, 4), np.dtype(np.uint8)
    elif kind in _PIXELS:
        dtype = np.dtype(f"{order}{_PIXELS[kind]}")
    else:
        raise ImageError(f"{path} holds pixels of Gatan's kind {kind}, which are no grey values")
    if not isinstance(stored, _Stored) or stored.nbytes < math.prod(shape) * dtype.itemsize:
        raise ImageError(f"{path} holds fewer pixels than it says {shape}; export it again")
    pixels = np.memmap(path, dtype, "r", stored.offset, shape)
    return pixels[..., 2::-1] if kind in _COLOURS else pixels  # blue comes first


def _size(
    told: Sequence[Mapping[str, Any]], axes: str, notes: list[str]
) -> tuple[list[float] | None, str | None]:
    """Sizes along the spatial axes in the unit of x; none where one is no length."""
    by_axis = dict(zip("xyz", told, strict=True))
    unit = _unit(by_axis["x"])
    sizes = []
    for axis in axes.replace("c", ""):
        one = by_axis[axis]
        factor = unit_factor(_unit(one), unit) if _unit(one) in METRES and unit in METRES else None
        scale = one.get("Scale")
        if factor is None or not isinstance(scale, float) or not 0 < scale < math.inf:
            if unit and axis in "yx":
                notes.append(f"its scale is told in {unit!r}, so the pixel size is unknown")
                break
            if unit:
                notes.append("the spacing of its planes is not told; its pixel size was left out")
            return None, None
        sizes.append(float(f"{scale * factor:.7g}"))  # told in 32 bits
    return (sizes, unit) if len(sizes) == len(axes.replace("c", "")) else (None, None)


def _unit(told: Mapping[str, Any]) -> str:
    units = told.get("Units")
    if not isinstance(units, _Small):
        return ""
    text = units.raw.decode("utf-16-le", "replace").strip("\0 ")
    return normalise_unit(text) or ""


def _dimensions(image: Mapping[str, Any]) -> list[int]:
    """Pixels along x, y, z …; empty where there are none."""
    sides = image.get("Dimensions")
    found = [s for s in (sides or {}).values() if isinstance(s, int)]
    return found if len(found) >= 2 else []


def _inside(tags: Any, *names: str) -> Mapping[str, Any]:
    for name in names:
        tags = tags.get(name) if isinstance(tags, Mapping) else None
    return tags if isinstance(tags, Mapping) else {}


def _listed(tags: Any) -> list[Mapping[str, Any]]:
    return [one for one in tags.values() if isinstance(one, Mapping)] if tags else []


def _value(tags: Mapping[str, Any], name: str) -> int:
    found = tags.get(name)
    return found if isinstance(found, int) else -1
