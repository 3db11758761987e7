"""The pixel size that a file tells, from its header alone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import tifffile

from unetscope.errors import UnetscopeError
from unetscope.images.files import READ_TIFF_SUFFIXES, read_micrograph
from unetscope.images.tiff_series import check_description
from unetscope.images.tiff_sizes import tiff_pixel_size


@dataclass(frozen=True)
class ToldSize:
    """Sizes of a pixel by axis ("y", "x" and perhaps "z"), all in ``unit``."""

    sizes: dict[str, float]
    unit: str


def told_pixel_size(path: str | os.PathLike[str]) -> ToldSize | None:
    """What a TIFF (OME, ImageJ, SEM makers' tags) or an OME-Zarr says of its pixels.

    No pixel is read. None where the file is of another kind, tells nothing, or cannot be read:
    whoever opened it knows more about that.
    """
    path = Path(path)
    try:
        if path.suffix.lower() in READ_TIFF_SUFFIXES:
            return _told_by_tiff(path)
        return _told_by_zarr(path) if path.is_dir() else None
    except (UnetscopeError, OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return None


def _told_by_tiff(path: Path) -> ToldSize | None:
    try:
        with tifffile.TiffFile(path) as tif:
            check_description(path, tif)
            told = tiff_pixel_size(tif)
    except tifffile.TiffFileError:
        return None
    return ToldSize(dict(told.sizes), told.unit) if told.sizes and told.unit else None


def _told_by_zarr(path: Path) -> ToldSize | None:
    image = read_micrograph(path)  # its pixels stay on disk
    if image.pixel_size is None or image.unit is None:
        return None
    return ToldSize(dict(zip(image.spatial_axes, image.pixel_size, strict=True)), image.unit)
