"""MRC: images, stacks and tomograms, memory-mapped.

The format: https://www.ccpem.ac.uk/mrc_format/mrc2014.php; IMOD's flag of unsigned bytes:
https://bio3d.colorado.edu/imod/doc/mrc_format.txt
"""

from __future__ import annotations

import struct
import warnings
from pathlib import Path

import numpy as np

from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.images.on_demand import needed_library
from unetscope.images.questions import Answers

_IMOD_STAMP, _IMOD_AT = 1146047817, 152


def read_mrc(path: Path, axes: str | None, answers: Answers) -> Micrograph:
    """An MRC file as (y, x) or (z, y, x); its pixels stay in it.

    The size of a voxel is told in Å; 0 says nothing.
    """
    mrcfile = needed_library("mrcfile", path, "MRC")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of bytes behind the pixels
        with mrcfile.mmap(path, mode="r") as opened:
            shape, dtype = opened.data.shape, opened.data.dtype
            offset, voxel = opened.data.offset, opened.voxel_size
            told = {axis: float(voxel[axis]) for axis in "zyx"}
    notes = []
    if dtype == np.int8 and _is_unsigned(path):
        dtype = np.dtype(np.uint8)
        notes.append("its bytes were read without a sign, as IMOD says")
    pixels = np.memmap(path, dtype, "r", offset, shape)
    if len(shape) == 3 and shape[0] == 1:
        pixels = pixels[0]
    named = axes or answers.axes or "zyx"[-pixels.ndim :]
    named = named if len(named) == pixels.ndim else "zyx"[-pixels.ndim :]
    sizes = [told[axis] / 10 for axis in named if axis != "c"]
    known = all(np.isfinite(size) and size > 0 for size in sizes)
    if not known and all(told[axis] > 0 for axis in "yx"):
        notes.append("the spacing of its planes is not told; its pixel size was left out")
    size = [float(f"{one:.7g}") for one in sizes] if known else None  # told in 32 bits
    return as_micrograph(pixels, named, size, "nm" if known else None, path.stem, notes)


def _is_unsigned(path: Path) -> bool:
    """Whether IMOD wrote bytes from 0 to 255 under the number of those with a sign."""
    with open(path, "rb") as opened:
        opened.seek(_IMOD_AT)
        told = opened.read(8)
    for order in "<>":
        stamp, flags = struct.unpack(f"{order}2i", told)
        if stamp == _IMOD_STAMP:
            return not flags & 1
    return False
