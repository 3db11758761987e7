"""Reading and writing micrographs and labels: one door for all formats.

What is read is told by its first bytes, what is written by the suffix of its name.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import ImageError, LabelError, OutputError
from unetscope.images.annotations.values import whole_labels
from unetscope.images.claims import IMAGE, LABELS, Claim
from unetscope.images.damage import check_bytes, translated_errors
from unetscope.images.micrograph import Micrograph
from unetscope.images.microscope_files import (
    MICROSCOPE_FILES,
    microscope_format,
    read_microscope_file,
)
from unetscope.images.on_demand import zarr_file
from unetscope.images.one_of_many import one_channel, refuse_choices
from unetscope.images.pictures import read_picture, read_picture_numbers, write_picture
from unetscope.images.questions import Answers
from unetscope.images.tiff import read_tiff, read_tiff_numbers, write_tiff
from unetscope.images.zarr_folder import PACKED

TIFF_SUFFIXES = (".tif", ".tiff")
#: TIFF under the names of microscopes and scanners, which are read and not written.
READ_TIFF_SUFFIXES = (*TIFF_SUFFIXES, ".btf", ".tf8", ".tf2", ".lsm", ".stk", ".svs")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
WRITTEN_SUFFIXES = (*TIFF_SUFFIXES, *PICTURE_SUFFIXES, ".zarr")
SUFFIXES = (*READ_TIFF_SUFFIXES, *PICTURE_SUFFIXES, *MICROSCOPE_FILES, ".zarr")


def read_micrograph(
    path: str | os.PathLike[str], axes: str | None = None, answers: Answers | None = None
) -> Micrograph:
    """Read TIFF, PNG, JPEG, BMP, OME-Zarr, MRC, DM3/4, SER or EMD, with the pixel size it tells.

    Parameters
    ----------
    path
        A file, or an OME-Zarr folder.
    axes
        Needed where the file does not say them (a multi-page TIFF without metadata).
    answers
        What a person said of files that leave something open; ``axes`` wins over its axes.

    Returns
    -------
    Micrograph
        Pixels of large TIFFs and of OME-Zarr stay on disk until they are asked for. Its notes say
        what was left out, turned, converted or guessed.

    Raises
    ------
    Undecided
        If the file does not say what its axes are, or holds several images.
    ImageError
        If the file is missing, empty, damaged or of an unknown kind.
    """
    path, answers = Path(path), answers or Answers()
    kind, found = _kind_of_content(path), None
    if kind == "tiff":
        found = read_tiff(path, axes, answers)
    elif kind == "picture":
        refuse_choices(path, answers)
        found = read_picture(path, axes)
    elif kind == "zarr":
        found = zarr_file("ome_zarr").read_ome_zarr(path, axes, answers)
    else:
        found = read_microscope_file(path, kind, axes, answers)
    return one_channel(found, answers)


def write_micrograph(
    micrograph: Micrograph, path: str | os.PathLike[str], claim: Claim = IMAGE
) -> None:
    """Write ``micrograph`` in the format of the suffix; the file appears only when it is complete.

    ``.ome.tif`` gives OME-TIFF, ``.tif`` TIFF for ImageJ, ``.zarr`` OME-Zarr 0.5, all with pixel
    size and unit; ``.png``, ``.jpg`` and ``.bmp`` hold pixels alone. ``claim`` says what the image
    is, what it was made of, and whether another file may be replaced.

    Raises
    ------
    OutputError
        If the format cannot hold the image, or the file cannot be written there.
    """
    path = Path(path)
    kind = _kind_of_name(path)
    if kind == "tiff":
        write_tiff(micrograph, path, claim)
    elif kind == "picture":
        write_picture(micrograph, path, claim)
    else:
        zarr_file("ome_zarr").write_ome_zarr(micrograph, path, claim)


def read_labels(path: str | os.PathLike[str], answers: Answers | None = None) -> NDArray[Any]:
    """Read label values (y, x) or (z, y, x) as unsigned integers; 0 means unlabelled.

    Of a picture with a palette the numbers count, not the colours; a picture whose three colours
    are equal is read as grey. Of an OME-Zarr image the labels in it are taken. ``answers`` are
    what a person said of files that leave something open; their axes are those of images, which
    labels do not follow.

    Raises
    ------
    ImageError
        If the file cannot be read.
    LabelError
        If it holds something other than one whole number of 0 or more per pixel.
    """
    path = Path(path)
    kind = _kind_of_content(path)
    if kind == "zarr":
        found: NDArray[Any] = zarr_file("annotations.label_images").read_label_values(path, answers)
        return found
    answers = replace(answers or Answers(), axes=None, level=None)
    if kind == "tiff":
        values, has_colours = read_tiff_numbers(path, answers)
    elif kind != "picture":
        read = read_microscope_file(path, kind, None, answers)
        check_bytes(path, math.prod(read.shape) * read.dtype.itemsize, "its labels")
        values, has_colours = np.asarray(read.pixels), False
    else:
        values = read_picture_numbers(path)
        has_colours = values.ndim == 3
    if has_colours:
        values = _grey_of(path, values)
    if values.ndim not in (2, 3):
        raise LabelError(
            f"{path} has labels of shape {values.shape}; they must be (y, x) or (z, y, x)"
        )
    return whole_labels(values, str(path))


def _grey_of(path: Path, colours: NDArray[Any]) -> NDArray[Any]:
    """The one number of each pixel of a picture (..., samples) whose colours are all grey."""
    if not (colours == colours[..., :1]).all():
        raise LabelError(
            f"{path} is a colour picture; labels are one number per pixel: "
            "save them as grey values or with a palette"
        )
    return colours[..., 0]


def write_labels(
    labels: NDArray[Any],
    path: str | os.PathLike[str],
    like: Micrograph | None = None,
    claim: Claim = LABELS,
    colors: Mapping[int, str] | None = None,
) -> None:
    """Write labels (y, x) or (z, y, x) without loss, in the smallest dtype that holds them.

    Parameters
    ----------
    labels
        Whole numbers of 0 or more.
    path
        TIFF, PNG, BMP or OME-Zarr; JPEG would change the values and is refused.
    like
        The image they belong to, whose pixel size and unit are written along.
    claim
        What the labels are and were made of, and whether another file may be replaced.
    colors
        Value -> ``#RRGGBB``; TIFF for ImageJ keeps them, so that classes are seen apart there.

    Raises
    ------
    LabelError
        If the labels are no whole numbers of 0 or more.
    OutputError
        If the format would change them, or the file cannot be written there.
    """
    path = Path(path)
    if path.suffix.lower() in (".jpg", ".jpeg"):
        raise OutputError(f"{path}: JPEG changes label values; write .tif, .png or .zarr")
    values = whole_labels(np.asarray(labels), str(path))
    if values.ndim not in (2, 3):
        raise LabelError(f"labels of shape {values.shape} must be (y, x) or (z, y, x)")
    axes = "zyx"[-values.ndim :]
    fits = like is not None and like.pixel_size is not None and like.spatial_axes.endswith(axes)
    size = like.pixel_size[-values.ndim :] if like and like.pixel_size and fits else None
    unit = like.unit if like and fits else None
    name = f"{like.name} labels" if like and like.name else "labels"
    made = Micrograph(values, axes, size, unit, name)
    if path.suffix.lower() in TIFF_SUFFIXES:
        write_tiff(made, path, claim, colors if colors is not None else {})
        return
    write_micrograph(made, path, claim)


_MAGIC = (
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"\x89PNG\r\n\x1a\n", "picture"),
    (b"\xff\xd8\xff", "picture"),
)
#: Files of other kinds under the name of an image, and what to do with them.
_OTHERS = (
    (b"\x1f\x8b", "packed with gzip; unpack it first"),
    (b"PK\x03\x04", "a zip archive; unpack it first (one of an OME-Zarr is read as .zarr.zip)"),
    (b"\x89HDF", "HDF5, of which EMD (.emd) is read; export the image as TIFF or OME-Zarr"),
    (b"%PDF", "a PDF; export the image as TIFF or PNG"),
    (b"GIF8", "a GIF, which keeps 256 colours; export the image as TIFF or PNG"),
    (b"<!DOCTYPE", "a web page, not the image it led to; download the image itself"),
    (b"<html", "a web page, not the image it led to; download the image itself"),
    (b"version https://git-lfs", "a pointer of Git LFS to an image; fetch the image itself"),
)


def _kind_of_content(path: Path) -> str:
    """ "tiff", "picture", "zarr" or a microscope's format, by the first bytes; else by the name.

    Raises
    ------
    ImageError
        If it is of no kind that is read; where the bytes tell which one it is, with its name.
    """
    suffix = path.suffix.lower()
    if path.is_dir() or not path.is_file():
        return _kind(path, SUFFIXES, ImageError)
    with translated_errors(path, "an image"), open(path, "rb") as opened:
        head = opened.read(256)
    for start, kind in _MAGIC:
        if head.startswith(start):
            return kind
    if head.startswith(b"BM") and suffix == ".bmp":
        return "picture"
    if suffix == ".zarr" or path.name.lower().endswith(PACKED):
        return "zarr"  # packed as a zip archive
    microscope = microscope_format(head, suffix)
    if microscope is not None:
        return microscope
    for start, what in _OTHERS:
        if head.lstrip().lower().startswith(start.lower()):
            raise ImageError(f"{path} is {what}")
    if path.name.lower().endswith(".companion.ome"):
        raise ImageError(
            f"{path} describes an image in several files; open one of the .ome.tif files beside it"
        )
    return _kind(path, SUFFIXES, ImageError)


def _kind_of_name(path: Path) -> str:
    """ "tiff", "picture" or "zarr", as what a file of this name is written."""
    return _kind(path, WRITTEN_SUFFIXES, OutputError)


def _kind(
    path: Path, suffixes: tuple[str, ...], error: type[ImageError] | type[OutputError]
) -> str:
    """The kind by the suffix; the error names ``suffixes``, those that are known."""
    suffix = path.suffix.lower()
    if suffix in READ_TIFF_SUFFIXES and suffix in suffixes:
        return "tiff"
    if suffix in PICTURE_SUFFIXES:
        return "picture"
    if suffix in MICROSCOPE_FILES and error is ImageError:
        return MICROSCOPE_FILES[suffix]
    if suffix == ".zarr" or (error is ImageError and path.is_dir()):
        return "zarr"
    known = ", ".join(suffixes)
    if not suffix:
        raise error(f"{path} has no suffix, which says what kind of file it is; add one of {known}")
    raise error(f"{path} has the suffix {suffix!r}, which is not known; use one of {known}")
