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

All of them give back the pixels that were written. A stack keeps its planes in each of them. Cells
of Cellpose (``NAME_seg.npy``) are read.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from unetscope.errors import AnnotationError, OutputError
from unetscope.images.annotations.cellpose import SUFFIX as SEG
from unetscope.images.annotations.cellpose import read_seg
from unetscope.images.annotations.coco import annotations_of_coco, is_coco, write_coco
from unetscope.images.annotations.documents import annotation_errors, json_members, read_json
from unetscope.images.annotations.geojson import (
    annotations_of_geojson,
    is_geojson,
    write_geojson,
)
from unetscope.images.annotations.imagej import read_rois, write_rois
from unetscope.images.annotations.mask_names import MASK_SUFFIXES, match_masks
from unetscope.images.annotations.masks import read_mask, write_mask
from unetscope.images.annotations.values import (
    Annotations,
    counted,
    harmless,
    value_counts,
)
from unetscope.images.claims import LABELS, Claim
from unetscope.images.classes import LabelClass
from unetscope.images.files import SUFFIXES
from unetscope.images.micrograph import Micrograph
from unetscope.images.on_demand import zarr_file
from unetscope.images.questions import Answers
from unetscope.images.zarr_folder import is_zarr

_BY_SUFFIX = {
    ".zip": "imagej",
    ".roi": "imagej",
    ".json": "coco",
    ".geojson": "geojson",
    ".zarr": "ome-zarr",
    **dict.fromkeys(MASK_SUFFIXES, "mask"),
}
# Keys by which JSON of other programs is known.
_FOREIGN = {
    "LabelMe": {"shapes", "imagePath"},
    "the VGG Image Annotator": {"_via_img_metadata"},
    "Label Studio": {"data", "annotations"},
    "Labelbox": {"data_row", "projects"},
    "Supervisely": {"objects", "size"},
    "Darwin (V7)": {"item", "annotations"},
}
_SUFFIX_OF = {
    "mask": ".tif or .png",
    "imagej": ".zip",
    "coco": ".json",
    "coco-rle": ".json",
    "geojson": ".geojson",
    "ome-zarr": ".zarr",
}
# Formats that a suffix may hold; JSON is told apart by what is in it.
_HELD = {".json": ("coco", "coco-rle", "geojson"), ".zarr": ("ome-zarr", "mask")}
FORMATS = ("mask", "imagej", "coco", "coco-rle", "geojson", "ome-zarr")


def read_annotations(
    path: str | os.PathLike[str],
    image_shape: tuple[int, ...],
    classes: Iterable[LabelClass] | None = None,
    *,
    image_name: str | None = None,
    channels: int = 1,
    answers: Answers | None = None,
) -> Annotations:
    """Read the annotations of one image from a file or folder of any of the formats.

    Parameters
    ----------
    path
        A mask, a zip of ImageJ ROIs or one .roi, COCO JSON, GeoJSON, an OME-Zarr with labels,
        Cellpose's ``NAME_seg.npy``, or a folder of masks.
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
    if path.is_dir() and path.suffix.lower() != ".zarr" and not is_zarr(path):
        return read_mask(_mask_of(path, image_name), shape, table, answers=answers)
    match _kind_to_read(path):
        case "mask":
            return read_mask(path, shape, table, answers=answers)
        case "cellpose":
            return read_seg(path, shape, table, answers)
        case "imagej":
            return read_rois(path, shape, table, image_name, channels)
        case "json":
            return _read_json(path, shape, table, image_name)
        case _:
            read = zarr_file("annotations.ome_labels").read_ome_labels
            found: Annotations = read(path, shape, table, image_name, answers)
            return found


def _read_json(
    path: Path,
    shape: tuple[int, ...],
    table: tuple[LabelClass, ...] | None,
    image_name: str | None,
) -> Annotations:
    """GeoJSON or COCO, whichever it is, whatever the suffix says."""
    with annotation_errors(path, "JSON"):
        content = read_json(path)
        if is_geojson(content):
            return annotations_of_geojson(content, shape, table)
        if is_coco(content):
            return annotations_of_coco(content, shape, table, image_name)
        raise AnnotationError(_foreign(content))


def _foreign(content: Any) -> str:
    """What a JSON file is that is neither GeoJSON nor COCO, and what to do."""
    keys = content[0] if isinstance(content, list) and content else content
    known = keys if isinstance(keys, dict) else {}
    program = next((name for name, mark in _FOREIGN.items() if mark <= known.keys()), None)
    if program is None and any(isinstance(v, dict) and "regions" in v for v in known.values()):
        program = "the VGG Image Annotator"
    told = f"it is JSON of {program}" if program else "it is neither GeoJSON nor COCO"
    return f"{told}; export COCO or GeoJSON from the program, and choose that"


def write_annotations(
    annotations: Annotations,
    path: str | os.PathLike[str],
    format: str | None = None,
    claim: Claim = LABELS,
    *,
    image_name: str | None = None,
    like: Micrograph | None = None,
) -> tuple[str, ...]:
    """Write ``annotations`` in ``format``, or the one that the suffix of ``path`` stands for.

    Parameters
    ----------
    annotations
        Labels, whose values are written as they are.
    path, format
        One of :data:`FORMATS`.
    claim
        What the labels were made of, and whether another file may be replaced.
    image_name
        The image's own file name, by which other programs find it (COCO).
    like
        The image, whose pixel size is written along where the format has a place for it.

    Returns
    -------
    tuple of str
        What the format could not keep, as :func:`lost_in` tells it, and that a label image of
        another program kept its name.

    Raises
    ------
    OutputError
        If the format is not known or cannot hold the labels, what lies there is not to be replaced,
        or the file cannot be written there.
    """
    path = Path(path)
    wanted = _format_to_write(path, format)
    writers: dict[str, Any] = {
        "mask": partial(write_mask, like=like),
        "imagej": write_rois,
        "coco": partial(write_coco, image_name=image_name),
        "coco-rle": partial(write_coco, image_name=image_name, run_lengths=True),
        "geojson": write_geojson,
    }
    if wanted == "ome-zarr":
        write_ome_labels = zarr_file("annotations.ome_label_writer").write_ome_labels
        writers[wanted] = partial(write_ome_labels, like=like)
    told = writers[wanted](annotations, path, claim) or ()
    return (*told, *lost_in(wanted, annotations))


def _format_to_write(path: Path, format: str | None) -> str:
    inferred = "ome-zarr" if is_zarr(path) else _written_to(path.suffix.lower())
    wanted = format or inferred
    if wanted not in FORMATS:
        raise OutputError(
            f"{path}: {wanted or path.suffix!r} is no format of annotations that is known; use one "
            f"of {', '.join(FORMATS)}"
        )
    held = _HELD.get(path.suffix.lower(), (inferred,))
    if inferred and wanted not in held:
        raise OutputError(
            f"{path} is the name of {inferred}, not of {wanted}; choose a name that ends in "
            f"{_SUFFIX_OF[wanted]}, or leave the format out"
        )
    return wanted


def _written_to(suffix: str) -> str:
    """The format that a suffix stands for; any name of an image stands for a mask."""
    return _BY_SUFFIX.get(suffix, "mask" if suffix in SUFFIXES else "")


def lost_in(format: str, annotations: Annotations) -> tuple[str, ...]:
    """What of ``annotations`` has no place in ``format``, a sentence each; empty if all is kept."""
    said = []
    used = {int(v) for v in np.flatnonzero(value_counts(annotations.labels))}
    named = [c for c in annotations.classes if c.name != f"class {c.value}"]
    if format == "mask":
        if named:
            names = ", ".join(f"{c.value} is {harmless(c.name)}" for c in named[:10])
            said.append(f"a mask has no place for names and colours of classes: {names}")
        if annotations.instances is not None and annotations.instances.any():
            count = len(np.unique(annotations.instances)) - (not annotations.instances.all())
            objects = counted(count, "object", "objects")
            said.append(
                f"a mask has no place for objects: {objects} can be told apart only where they "
                "do not touch; GeoJSON, COCO, ImageJ ROIs and OME-Zarr keep them"
            )
        return tuple(said)
    if format in ("imagej", "geojson"):
        unused = [harmless(c.name) for c in annotations.classes if c.value not in used]
        if unused:
            classes = counted(len(unused), "class", "classes")
            said.append(f"{classes} without a pixel have no place in the file: {', '.join(unused)}")
    if format == "imagej":
        wide = [c.name for c in annotations.classes if max(map(ord, c.name), default=0) >= 2**16]
        if wide:
            said.append(f"letters that ImageJ's names cannot hold became ?: {', '.join(wide)}")
    changed = [c.name for c in annotations.classes if harmless(c.name) != c.name]
    if changed and format != "ome-zarr":
        names = ", ".join(harmless(name) for name in changed)
        said.append(f"signs that other programs could take for commands were changed in: {names}")
    return tuple(said)


def _kind_to_read(path: Path) -> str:
    name = path.name.lower()
    if not path.exists():
        raise AnnotationError(f"{path} is not there; check the name and the folder")
    if path.is_dir():
        return "ome-zarr"
    if not path.is_file():
        raise AnnotationError(f"{path} is no ordinary file; choose a file of annotations")
    if name.endswith((".json", ".geojson", ".json.gz", ".geojson.gz")):
        return "json"
    if name.endswith(".zip") and _is_zipped_json(path):
        return "json"
    if name.endswith(SEG):
        return "cellpose"
    if path.suffix.lower() not in _BY_SUFFIX:
        raise AnnotationError(
            f"{path} has the suffix {path.suffix!r}, which is no format of annotations that is "
            f"known; use one of {', '.join(sorted(_BY_SUFFIX))}"
        )
    return _BY_SUFFIX[path.suffix.lower()]


def _is_zipped_json(path: Path) -> bool:
    """Whether a zip holds JSON and no ROIs."""
    with annotation_errors(path, "ImageJ ROIs"), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        return bool(json_members(archive)) and not any(n.lower().endswith(".roi") for n in names)


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
