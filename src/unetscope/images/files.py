"""Reading and writing micrographs and labels: one door for all formats, chosen by the suffix."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import ImageError, LabelError, OutputError
from unetscope.images.claims import IMAGE, LABELS, Claim
from unetscope.images.micrograph import Micrograph
from unetscope.images.questions import Answers

TIFF_SUFFIXES = (".tif", ".tiff")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
SUFFIXES = (*TIFF_SUFFIXES, *PICTURE_SUFFIXES, ".zarr")


def read_micrograph(
    path: str | os.PathLike[str], axes: str | None = None, answers: Answers | None = None
) -> Micrograph:
    """Read TIFF, OME-TIFF, ImageJ TIFF, PNG, JPEG, BMP or OME-Zarr, with the pixel size it tells.

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
        Pixels of large TIFFs and of OME-Zarr stay on disk until they are asked for.

    Raises
    ------
    ImageError
        If the file is missing, empty, damaged, of an unknown kind, or its axes are ambiguous.
    """
    path = Path(path)
    answers = Answers(axes=axes).over(answers)
    axes = answers.axes
    kind = _kind(path, ImageError)
    # Each reader is imported when it is needed: zarr alone takes a quarter of a second.
    if kind == "tiff":
        from unetscope.images.tiff import read_tiff

        return read_tiff(path, axes)
    if kind == "picture":
        from unetscope.images.pictures import read_picture

        return read_picture(path, axes)
    from unetscope.images.ome_zarr import read_ome_zarr

    return read_ome_zarr(path, axes, answers)


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
    kind = _kind(path, OutputError)
    if kind == "tiff":
        from unetscope.images.tiff import write_tiff

        write_tiff(micrograph, path, claim)
    elif kind == "picture":
        from unetscope.images.pictures import write_picture

        write_picture(micrograph, path, claim)
    else:
        from unetscope.images.ome_zarr import write_ome_zarr

        write_ome_zarr(micrograph, path, claim)


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
    if path.suffix.lower() in (".jpg", ".jpeg"):
        raise LabelError(f"{path}: JPEG changes label values; export labels as .tif or .png")
    kind = _kind(path, ImageError)
    if kind == "zarr":
        from unetscope.images.annotations.label_images import read_label_values

        return read_label_values(path, answers)
    if kind == "picture":
        from unetscope.images.pictures import picture_pixels

        values = picture_pixels(path, palette_index=True)
    else:
        values = np.asarray(_read_any_stack(path, answers).pixels)
    if values.ndim == 3 and path.suffix.lower() in PICTURE_SUFFIXES:
        if not (values[..., :3] == values[..., :1]).all():
            raise LabelError(
                f"{path} is a colour picture; labels are one number per pixel: "
                "save them as grey values or with a palette"
            )
        values = values[..., 0]
    if values.ndim not in (2, 3):
        raise LabelError(
            f"{path} has labels of shape {values.shape}; they must be (y, x) or (z, y, x)"
        )
    return whole_labels(values, str(path))


def _read_any_stack(path: Path, answers: Answers | None) -> Micrograph:
    """Labels have no channels: a stack that does not say its axes is one of z planes."""
    answers = replace(answers or Answers(), axes=None)
    try:
        return read_micrograph(path, answers=answers)
    except ImageError as first:
        try:
            return read_micrograph(path, axes="zyx", answers=answers)
        except ImageError:
            raise first from None  # of what was given, and not of the guess


def whole_labels(values: NDArray[Any], where: str) -> NDArray[Any]:
    """``values`` in the smallest unsigned dtype; LabelError unless all are whole and not negative.

    The shape is kept. Bool is read as 0 and 1.
    """
    if values.dtype.kind not in "uifb":
        raise LabelError(f"labels in {where} have dtype {values.dtype}; give whole numbers")
    if values.size == 0:
        return values.astype(np.uint8)
    low, high = values.min(), values.max()
    whole = values.dtype.kind != "f" or bool(
        (np.isfinite(values)).all() and (values == np.rint(values)).all()
    )
    if not whole or low < 0 or high >= 2**32:
        raise LabelError(
            f"labels in {where} reach from {low} to {high}; they must be whole "
            "numbers from 0 (unlabelled) to 4294967295"
        )
    return values.astype(np.min_scalar_type(int(high)))


def write_labels(
    labels: NDArray[Any],
    path: str | os.PathLike[str],
    like: Micrograph | None = None,
    claim: Claim = LABELS,
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
    write_micrograph(Micrograph(values, axes, size, unit, name), path, claim)


def _kind(path: Path, error: type[ImageError] | type[OutputError]) -> str:
    """ "tiff", "picture" or "zarr"; the error names the suffixes that are known."""
    suffix = path.suffix.lower()
    if suffix in TIFF_SUFFIXES:
        return "tiff"
    if suffix in PICTURE_SUFFIXES:
        return "picture"
    if suffix == ".zarr" or (error is ImageError and path.is_dir()):
        return "zarr"
    known = ", ".join(SUFFIXES)
    if not suffix:
        raise error(f"{path} has no suffix, which says what kind of file it is; add one of {known}")
    raise error(f"{path} has the suffix {suffix!r}, which is not known; use one of {known}")
