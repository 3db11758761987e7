"""Reading and writing annotations: one door for all formats, chosen by the name or by ``format``.

==============  =======================  ===============================================
format          written to               holds
==============  =======================  ===============================================
``mask``        .tif .tiff .png .bmp     labels
``imagej``      .zip                     outlines, classes, objects
``coco``        .json                    outlines (run lengths where there are holes), as above
``coco-rle``    .json                    compressed run lengths, classes, objects
``geojson``     .geojson                 outlines with holes, classes, objects
``ome-zarr``    .zarr                    labels, classes, objects
==============  =======================  ===============================================

All of them give back the pixels that were written. A stack keeps its planes in each of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from unetscope.errors import AnnotationError, OutputError
from unetscope.images.annotations.coco import read_coco, write_coco
from unetscope.images.annotations.documents import annotation_errors
from unetscope.images.annotations.geojson import read_geojson, write_geojson
from unetscope.images.annotations.imagej import read_rois, write_rois
from unetscope.images.annotations.masks import (
    MASK_SUFFIXES,
    match_masks,
    read_mask,
    write_mask,
)
from unetscope.images.annotations.values import Annotations, ClassLike
from unetscope.images.claims import LABELS, Claim
from unetscope.images.questions import Answers

_BY_SUFFIX = {
    ".zip": "imagej",
    ".roi": "imagej",
    ".json": "coco",
    ".geojson": "geojson",
    ".zarr": "ome-zarr",
    **dict.fromkeys(MASK_SUFFIXES, "mask"),
}
_HEAD_BYTES = 2**16
FORMATS = ("mask", "imagej", "coco", "coco-rle", "geojson", "ome-zarr")


def read_annotations(
    path: str | os.PathLike[str],
    image_shape: tuple[int, ...],
    classes: Iterable[ClassLike] | None = None,
    *,
    image_name: str | None = None,
    channels: int = 1,
    answers: Answers | None = None,
) -> Annotations:
    """Read the annotations of one image from a file or folder of any of the formats.

    Parameters
    ----------
    path
        A mask, a zip of ImageJ ROIs or one .roi, COCO JSON, GeoJSON, an OME-Zarr with labels, or a
        folder of masks.
    image_shape
        (y, x) or (z, y, x) of the image, in its full resolution.
    classes
        The class table: names are looked up in it, and those it lacks get new values.
    image_name
        Chooses the image, where a folder or a file holds the annotations of several.
    channels
        How many channels the image has, which positions in ImageJ's hyperstacks count as well.
    answers
        What a person said of the numbers of masks and of several label images.

    Raises
    ------
    Undecided
        If the file does not say what its numbers mean, or which label image is meant.
    AnnotationError
        If the file is missing, damaged, too large, of another kind or for another image.
    """
    path, table = Path(path), None if classes is None else tuple(classes)
    shape = tuple(int(n) for n in image_shape)
    if len(shape) not in (2, 3) or min(shape) < 1:
        raise AnnotationError(f"the image shape {shape} is neither (y, x) nor (z, y, x)")
    if path.is_dir() and path.suffix.lower() != ".zarr" and not _is_zarr(path):
        return read_mask(_mask_of(path, image_name), shape, table, answers=answers)
    match _kind_to_read(path):
        case "mask":
            return read_mask(path, shape, table, answers=answers)
        case "imagej":
            return read_rois(path, shape, table, image_name)
        case "geojson":
            return read_geojson(path, shape, table, image_name)
        case "coco":
            return read_coco(path, shape, table, image_name)
        case _:
            from unetscope.images.annotations.ome_labels import read_ome_labels

            return read_ome_labels(path, shape, table, image_name, answers)


def write_annotations(
    annotations: Annotations,
    path: str | os.PathLike[str],
    format: str | None = None,
    claim: Claim = LABELS,
) -> None:
    """Write ``annotations`` in ``format``, or the one that the suffix of ``path`` stands for.

    ``claim`` says what the labels were made of, and whether another file may be replaced.

    Raises
    ------
    OutputError
        If the format is not known or cannot hold the labels, what lies there is not to be replaced,
        or the file cannot be written there.
    """
    path = Path(path)
    wanted = format or _BY_SUFFIX.get(path.suffix.lower(), "")
    if wanted not in FORMATS:
        raise OutputError(
            f"{path}: {wanted or path.suffix!r} is no format of annotations that is known; use one "
            f"of {', '.join(FORMATS)}"
        )
    writers: dict[str, Any] = {
        "mask": write_mask,
        "imagej": write_rois,
        "coco": write_coco,
        "coco-rle": partial(write_coco, run_lengths=True),
        "geojson": write_geojson,
    }
    if wanted == "ome-zarr":
        from unetscope.images.annotations.ome_labels import write_ome_labels

        writers[wanted] = write_ome_labels
    writers[wanted](annotations, path, claim)


def _kind_to_read(path: Path) -> str:
    suffix = path.suffix.lower()
    if not path.exists():
        raise AnnotationError(f"{path} is not there; check the name and the folder")
    if path.is_dir():
        return "ome-zarr"
    if suffix == ".json":
        with annotation_errors(path, "JSON"), open(path, "rb") as opened:
            return "geojson" if b'"Feature' in opened.read(_HEAD_BYTES) else "coco"
    if suffix not in _BY_SUFFIX:
        raise AnnotationError(
            f"{path} has the suffix {suffix!r}, which is no format of annotations that is known; "
            f"use one of {', '.join(sorted(_BY_SUFFIX))}"
        )
    return _BY_SUFFIX[suffix]


def _is_zarr(path: Path) -> bool:
    return any((path / name).is_file() for name in ("zarr.json", ".zgroup", ".zarray"))


def _mask_of(folder: Path, image_name: str | None) -> Path:
    """The mask in ``folder`` that is named after the image."""
    if image_name is None:
        raise AnnotationError(
            f"{folder} is a folder of masks; give the name of the image whose mask is meant"
        )
    matches = match_masks([image_name], folder)
    if not matches.pairs:
        raise AnnotationError(
            f"no single mask in {folder} is named after {image_name} ({matches.report}); rename "
            "it, or choose the file"
        )
    return matches.pairs[0][1]
