"""SER of TIA (FEI, Thermo Fisher): one image or a series of them; pixels stay in the file.

The format as C. Boothroyd describes it (https://personal.ntu.edu.sg/cbb/info/TIAformat/).
"""

from __future__ import annotations

import math
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np

from unetscope.errors import ImageError
from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.images.on_demand import dask_array
from unetscope.images.one_of_many import which_time
from unetscope.images.questions import Answers

_IMAGES, _WIDE_OFFSETS = 0x4122, 0x0220
_DTYPES = {1: "<u1", 2: "<u2", 3: "<u4", 4: "<i1", 5: "<i2", 6: "<i4", 7: "<f4", 8: "<f8"}
_HEAD = "<ddiddihii"  # calibration of x and y, type, sides of an element
#: A pixel of a micrograph is smaller than this (m); larger numbers are those of a diffractogram.
_LARGEST_M = 1e-3
_MOST = 1_000_000


def read_ser(path: Path, axes: str | None, answers: Answers) -> Micrograph:
    """An image, or one of a series (``--time``), or with the axes zyx all of them as a stack.

    Raises
    ------
    Undecided
        If there are several images.
    ImageError
        If it holds spectra, or is damaged.
    """
    with open(path, "rb") as file:
        offsets = _offsets(path, file)
        heads = []
        for offset in offsets:
            file.seek(offset)
            heads.append(struct.unpack(_HEAD, file.read(struct.calcsize(_HEAD))))
    size = os.path.getsize(path)
    planes = [_plane(path, offset, head, size) for offset, head in zip(offsets, heads, strict=True)]
    notes = []
    if len(planes) == 1:
        pixels, named = planes[0], "yx"
    elif (axes or answers.axes or "").lower() == "zyx":
        if len({plane.shape for plane in planes}) > 1:
            raise ImageError(f"{path} holds images of several sizes, which are no stack")
        arrays = dask_array()
        pixels = arrays.stack([arrays.from_array(plane, name=False) for plane in planes])
        named = "zyx"
        notes.append("the spacing of its planes is not told; its pixel size was left out")
    else:
        chosen = which_time(str(path), answers.number("time"), len(planes))
        pixels, named = planes[chosen], "yx"
    steps = abs(heads[0][4]), abs(heads[0][1])
    known = named == "yx" and all(0 < step < _LARGEST_M for step in steps)
    if named == "yx" and not known and all(step > _LARGEST_M for step in steps):
        notes.append("its scale is no length, so the pixel size is unknown")
    sizes = [float(f"{1e9 * step:.12g}") for step in steps] if known else None
    return as_micrograph(pixels, named, sizes, "nm" if known else None, path.stem, notes)


def _offsets(path: Path, file: Any) -> tuple[int, ...]:
    """Where the images begin."""
    _, _, version, kind, _, total, valid = struct.unpack("<hhhiiii", file.read(22))
    if kind != _IMAGES:
        raise ImageError(f"{path} holds spectra and no images")
    letter = "q" if version >= _WIDE_OFFSETS else "i"
    (start,) = struct.unpack(f"<{letter}", file.read(struct.calcsize(letter)))
    if not 0 < valid <= min(total, _MOST):
        raise ImageError(f"{path} holds no image that was completed; export it again")
    file.seek(start)
    form = f"<{valid}{letter}"
    return struct.unpack(form, file.read(struct.calcsize(form)))


def _plane(path: Path, offset: int, head: tuple[Any, ...], size: int) -> Any:
    kind, width, height = head[6:]
    if kind not in _DTYPES:
        raise ImageError(f"{path} holds complex numbers, which are no grey values; take abs")
    dtype, start = np.dtype(_DTYPES[kind]), offset + struct.calcsize(_HEAD)
    if min(width, height) <= 0 or start + math.prod((width, height)) * dtype.itemsize > size:
        raise ImageError(f"{path} is cut off or damaged; copy or export it again")
    return np.memmap(path, dtype, "r", start, (height, width))[::-1]  # stored from below
