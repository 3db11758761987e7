"""Labels in a project folder: compressed OME-TIFF, or OME-Zarr where they are large."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from unetscope.errors import ImageError, LabelError, ProjectError
from unetscope.images.annotations.values import whole_labels
from unetscope.images.claims import LABELS, MARK, STATE, Claim
from unetscope.images.files import read_labels, read_micrograph, write_labels
from unetscope.images.micrograph import Micrograph
from unetscope.images.writing import replacing
from unetscope.session.project.records import ImageEntry

#: Labels of more bytes are written piece by piece, and stay on disk when they are read.
LARGE_BYTES = 256 * 2**20


def write(folder: Path, image: ImageEntry, labels: Any) -> tuple[str, int]:
    """Write labels of ``image``; the name of the file in the project and the painted pixels.

    Raises
    ------
    ProjectError
        If they do not have the image's shape.
    LabelError
        If they are no whole numbers of 0 or more.
    OutputError
        If the file cannot be written, or one lies there that unetscope did not write.
    """
    shape = _spatial_shape(image)
    if tuple(labels.shape) != shape:
        raise ProjectError(
            f"labels of the shape {tuple(labels.shape)} do not belong to {image.name}, whose shape "
            f"is {shape}; give labels of the same image"
        )
    try:
        (folder / "labels").mkdir(exist_ok=True)
    except OSError as error:
        raise ProjectError(
            f"{folder / 'labels'} cannot be made: {error.strerror}; move away what lies there"
        ) from error
    large = np.dtype(labels.dtype).itemsize * np.prod(shape, dtype=np.int64) > LARGE_BYTES
    name = _free_name(image, ".zarr" if large else ".ome.tif")
    if large:
        # labels that the project names are its own; those of its first versions have no mark
        claim = STATE if image.labels == name else LABELS
        painted = _write_pieces(folder / name, image, labels, claim)
    else:
        values = whole_labels(np.asarray(labels), image.name)
        write_labels(values, folder / name, _like(image, values))
        painted = int(np.count_nonzero(values))
    return name, painted


def read(folder: Path, image: ImageEntry) -> Any:
    """Labels of ``image``: numpy, or zarr where they are large; None where there are none.

    Raises
    ------
    ProjectError
        If the file is missing, damaged or of another shape.
    """
    if image.labels is None:
        return None
    file = folder / image.labels
    try:
        labels = (
            read_micrograph(file, axes="zyx"[-len(_spatial_shape(image)) :]).pixels
            if file.suffix == ".zarr"
            else read_labels(file)
        )
    except (ImageError, LabelError) as error:
        raise ProjectError(f"the labels of {image.name} cannot be read: {error}") from error
    shape = _spatial_shape(image)
    if file.suffix != ".zarr" and labels.size == np.prod(shape):
        labels = labels.reshape(shape)  # single planes are no axis in a TIFF
    if tuple(labels.shape) != shape:
        raise ProjectError(
            f"the labels of {image.name} have the shape {tuple(labels.shape)}, the image {shape}; "
            f"put back {file} from a backup"
        )
    return labels


def _write_pieces(file: Path, image: ImageEntry, labels: Any, claim: Claim) -> int:
    """Write large labels plane by plane, a band of rows at a time; how many pixels are painted."""
    import zarr

    band = 1024
    shape = tuple(labels.shape)
    chunks = (1, band, band)[-len(shape) :]
    painted = 0
    with replacing(file, claim) as temporary:
        dtype = labels.dtype if np.dtype(labels.dtype).kind == "u" else np.uint32
        written = zarr.create_array(str(temporary), shape=shape, chunks=chunks, dtype=dtype)
        written.attrs[MARK] = {"role": str(LABELS.role)}
        planes = [(z,) for z in range(shape[0])] if len(shape) == 3 else [()]
        for plane in planes:
            for top in range(0, shape[-2], band):
                place = (*plane, slice(top, min(top + band, shape[-2])))
                values = whole_labels(np.asarray(labels[place]), image.name)
                written[place] = values
                painted += int(np.count_nonzero(values))
    return painted


def _free_name(image: ImageEntry, suffix: str) -> str:
    """The labels' name; labels that were set aside keep theirs."""
    taken = {one.labels for one in image.set_aside}
    names = [f"labels/{image.id}{suffix}"]
    names += [f"labels/{image.id}-{number}{suffix}" for number in range(2, len(taken) + 3)]
    return next(name for name in names if name not in taken)


def _spatial_shape(image: ImageEntry) -> tuple[int, ...]:
    """(y, x) or (z, y, x) of an image."""
    return tuple(n for axis, n in zip(image.axes, image.shape, strict=True) if axis != "c")


def _like(image: ImageEntry, values: Any) -> Micrograph:
    """Something with the pixel size of ``image``, for the labels' own metadata."""
    return Micrograph(values, "zyx"[-values.ndim :], image.pixel_size, image.unit, image.name)
