"""COCO JSON: polygons, run lengths and their compressed text, both ways.

https://cocodataset.org/#format-data. A stack is written as one image per plane, in order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from unetscope.errors import AnnotationError
from unetscope.images.annotations.documents import annotation_errors, read_json, write_json
from unetscope.images.annotations.edges import Placed, filled, polygons_of, union
from unetscope.images.annotations.regions import Region, painted, regions_of
from unetscope.images.annotations.run_lengths import compressed, expanded, mask_of, runs_of
from unetscope.images.annotations.values import (
    Annotations,
    ClassLike,
    color_of,
    color_parts,
)
from unetscope.images.claims import LABELS, Claim


def read_coco(
    path: Path,
    image_shape: tuple[int, ...],
    classes: Iterable[ClassLike] | None = None,
    image_name: str | None = None,
) -> Annotations:
    """Annotations of one image of a COCO file; boxes without an outline are left out.

    ``image_name`` chooses among several images; the folder and suffix of names do not count.

    Raises
    ------
    AnnotationError
        If the file is damaged, does not say which image is meant, or is for another image size.
    """
    with annotation_errors(path, "COCO JSON"):
        content = read_json(path)
        if not isinstance(content, dict) or not isinstance(content.get("images"), list):
            raise AnnotationError("there is no list of images; choose a COCO file of annotations")
        planes = _planes(content["images"], image_shape, image_name)
        categories = {c["id"]: c for c in content.get("categories") or ()}
        skipped: Counter[str] = Counter()
        found = _regions(content.get("annotations") or (), planes, categories, skipped)
        regions = list(_placed(found, image_shape[-2:], skipped))
        notes = [f"{count} annotations {why} and were left out" for why, count in skipped.items()]
        return painted(regions, image_shape, classes, notes)


def _planes(
    images: list[dict[str, Any]], image_shape: tuple[int, ...], image_name: str | None
) -> dict[Any, int]:
    """Which z plane each image id is; a stack has as many images as planes."""
    depth = image_shape[0] if len(image_shape) == 3 else 1
    chosen = images
    if image_name is not None and len(images) != depth:
        chosen = [i for i in images if _stem(i.get("file_name", "")) == _stem(image_name)]
    if len(chosen) != depth:
        names = ", ".join(str(i.get("file_name")) for i in images[:5])
        raise AnnotationError(
            f"it holds {len(images)} images ({names}), {len(chosen)} of them fit, but {depth} "
            "are needed; give the name of the image as it is in the file"
        )
    height, width = image_shape[-2:]
    for image in chosen:
        size = (image.get("height", height), image.get("width", width))
        if size != (height, width):
            raise AnnotationError(
                f"{image.get('file_name')} has the shape {size} in the file, the image "
                f"{(height, width)}; choose the annotations of this image"
            )
    return {image["id"]: z for z, image in enumerate(chosen)}


def _stem(name: str) -> str:
    return PurePosixPath(PureWindowsPath(name).as_posix()).stem.casefold()


def _regions(
    annotations: Iterable[dict[str, Any]],
    planes: dict[Any, int],
    categories: dict[Any, dict[str, Any]],
    skipped: Counter[str],
) -> Iterator[tuple[dict[str, Any], dict[str, Any], int]]:
    """Annotation, category and plane of all that lie on the chosen images."""
    for annotation in annotations:
        if annotation["image_id"] in planes:
            category = categories.get(annotation.get("category_id"), {})
            if not category:
                skipped["name no category of the file"] += 1
                continue
            yield annotation, category, planes[annotation["image_id"]]


def _placed(
    found: Iterable[tuple[dict[str, Any], dict[str, Any], int]],
    plane_shape: tuple[int, ...],
    skipped: Counter[str],
) -> Iterator[Region]:
    height, width = plane_shape
    for annotation, category, z in found:
        outline = annotation.get("segmentation")
        if not outline:
            skipped["are boxes without an outline"] += 1
            continue
        color = category.get("color")
        corner, mask = _mask(outline, (height, width))
        yield Region(
            name=str(category["name"]),
            corner=corner,
            mask=mask,
            z=z,
            color=color_of(color) if isinstance(color, list) else None,
            value=int(category["id"]),
            number=annotation.get("instance"),
        )


def _mask(outline: Any, plane_shape: tuple[int, int]) -> Placed:
    """The mask of a list of polygons, or of run lengths as numbers or text."""
    if isinstance(outline, list):
        rings = [np.array(flat, np.float64).reshape(-1, 2) for flat in outline]
        return union([filled([ring], plane_shape) for ring in rings])
    size, counts = tuple(outline["size"]), outline["counts"]
    if size != plane_shape:
        raise AnnotationError(
            f"a mask has the shape {size}, the image {plane_shape}; choose the annotations of "
            "this image"
        )
    runs = expanded(counts) if isinstance(counts, str) else np.array(counts, np.int64)
    return mask_of(runs, plane_shape)


def write_coco(
    annotations: Annotations, path: Path, claim: Claim = LABELS, *, run_lengths: bool = False
) -> None:
    """Write COCO JSON: polygons along pixel edges, run lengths where a region has holes.

    Polygons of this format cannot have holes. With ``run_lengths`` all regions are written as
    compressed run lengths.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    height, width = annotations.labels.shape[-2:]
    depth = annotations.labels.shape[0] if annotations.labels.ndim == 3 else 1
    stem = path.stem
    content = {
        "info": {"description": "annotations of one image, written by unetscope"},
        "images": [
            {
                "id": z + 1,
                "file_name": stem if depth == 1 else f"{stem}_z{z:04d}",
                "height": height,
                "width": width,
            }
            for z in range(depth)
        ],
        "categories": [
            {"id": c.value, "name": c.name, "supercategory": "", "color": color_parts(c.color)}
            for c in annotations.classes
        ],
        "annotations": [
            {"id": number, **_described(region, (height, width), run_lengths=run_lengths)}
            for number, region in enumerate(regions_of(annotations), start=1)
        ],
    }
    write_json(content, path, claim)


def _described(
    region: Region, plane_shape: tuple[int, int], *, run_lengths: bool
) -> dict[str, Any]:
    top, left = region.corner
    polygons = [] if run_lengths else polygons_of(region.placed)
    outline: Any
    if polygons and all(len(rings) == 1 for rings in polygons):
        outline = [rings[0].ravel().tolist() for rings in polygons]
    else:
        runs = runs_of(region.placed, plane_shape)
        outline = {"size": list(plane_shape), "counts": compressed(runs) if run_lengths else runs}
    described = {
        "image_id": region.z + 1,
        "category_id": region.value,
        "segmentation": outline,
        "area": int(region.mask.sum()),
        "bbox": [left, top, region.mask.shape[1], region.mask.shape[0]],
        "iscrowd": 0,
    }
    return described if region.number is None else {**described, "instance": region.number}
