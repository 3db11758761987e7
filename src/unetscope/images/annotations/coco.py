"""COCO JSON: polygons, run lengths and their compressed text, both ways.

https://cocodataset.org/#format-data. A stack is written as one image per plane, in order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import unquote

import numpy as np

from unetscope.errors import AnnotationError
from unetscope.images.annotations.documents import annotation_errors, read_json, write_json
from unetscope.images.annotations.edges import Joined, Placed, Ring, drawn, polygons_of
from unetscope.images.annotations.entries import Entries, Entry, Remark
from unetscope.images.annotations.regions import Region, painted, regions_of
from unetscope.images.annotations.run_lengths import (
    compressed,
    expanded,
    listed_runs,
    mask_of,
    runs_of,
)
from unetscope.images.annotations.values import (
    Annotations,
    color_parts,
    counted,
    harmless,
    plain_text,
    told_color,
    turned_hint,
    whole,
)
from unetscope.images.claims import LABELS, Claim
from unetscope.images.classes import LabelClass

# What Roboflow puts behind the name of an image: a_tif.rf.0a1b2c.jpg was a.tif.
_ROBOFLOW = re.compile(r"_(?:tiff?|png|jpe?g|bmp)\.rf\.[0-9A-Za-z]+$")
_TWICE = "several categories"
_CROWD: Remark = (
    "is a crowd, whose objects are one here",
    "are crowds, whose objects are one each here",
)


def read_coco(
    path: Path,
    image_shape: tuple[int, ...],
    classes: Iterable[LabelClass] | None = None,
    image_name: str | None = None,
) -> Annotations:
    """Annotations of one image of a COCO file; boxes without an outline are left out.

    ``image_name`` chooses among several images: by the whole name, without its folder, in another
    case, without its suffix, and last without what Roboflow adds, whichever fits first.

    Raises
    ------
    AnnotationError
        If the file is damaged, does not say which image is meant, or is for another image size.
    """
    with annotation_errors(path, "COCO JSON"):
        return annotations_of_coco(read_json(path), image_shape, classes, image_name)


def annotations_of_coco(
    content: Any,
    image_shape: tuple[int, ...],
    classes: Iterable[LabelClass] | None = None,
    image_name: str | None = None,
) -> Annotations:
    """As :func:`read_coco`, of the content of a file."""
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        raise AnnotationError("there is no list of images; choose a COCO file of annotations")
    images = [image for image in content["images"] if isinstance(image, dict)]
    planes, notes = _planes(images, image_shape, image_name)
    entries = Entries("annotation", "annotations", image_shape)
    read = partial(
        _region,
        planes=planes,
        categories=_categories(content.get("categories")),
        plane_shape=(image_shape[-2], image_shape[-1]),
        entries=entries,
    )
    others = {_key(image.get("id")) for image in images} - planes.keys()
    regions = entries.regions(_annotations(content.get("annotations"), others), read)
    return painted(regions, image_shape, classes, [*notes, *entries.notes()])


def is_coco(content: Any) -> bool:
    """Whether the content of a JSON file is COCO."""
    return isinstance(content, dict) and isinstance(content.get("images"), list)


def _annotations(listed: Any, others: set[str]) -> Iterator[Entry[Any]]:
    """All annotations but those of the ``others`` among the images."""
    if listed is not None and not isinstance(listed, list):
        raise AnnotationError("its annotations are no list; export the file again")
    for place, annotation in enumerate(listed or (), start=1):
        told = annotation if isinstance(annotation, dict) else {}
        if "image_id" not in told or _key(told["image_id"]) not in others:
            number = told.get("id")
            named = f"number {place} of the list" if number is None else f"id {_key(number)}"
            yield Entry(named, annotation)


def _key(number: Any) -> str:
    """An id as text: 1, 1.0 and "1" are the same."""
    told = whole(number)
    return str(number).strip() if told is None else str(told)


def _categories(listed: Any) -> dict[str, dict[str, Any]]:
    """Categories by their id; of what is no category nothing is said unless it is used."""
    found: dict[str, dict[str, Any]] = {}
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and one.get("id") is not None:
            key = _key(one["id"])
            twice = key in found and found[key].get("name") != one.get("name")
            found[key] = {_TWICE: True} if twice else one
    return found


def _planes(
    images: list[dict[str, Any]], image_shape: tuple[int, ...], image_name: str | None
) -> tuple[dict[str, int], list[str]]:
    """Which z plane each image id is, and what is to be told; a stack is an image per plane."""
    depth = image_shape[0] if len(image_shape) == 3 else 1
    chosen = images if image_name is None else _of_name(images, image_name, depth)
    notes = []
    if not chosen and len(images) == depth:
        chosen = images
        if images[0].get("file_name"):
            notes = [f"taken although the file names the image {_called(images[0])}"]
    if len(chosen) != depth:
        names = ", ".join(_called(image) for image in images[:5])
        raise AnnotationError(
            f"it holds {counted(len(images), 'image', 'images')} ({names}), {len(chosen)} of them "
            f"fit {plain_text(image_name or 'no name')}, but {depth} "
            f"{'is' if depth == 1 else 'are'} needed; give the name of the image as it is in the "
            "file"
        )
    for image in chosen:
        _check_size(image, image_shape[-2:])
        same = [one for one in images if _key(one.get("id")) == _key(image.get("id"))]
        if len(same) > 1:
            raise AnnotationError(
                f"{len(same)} images of it have the id {_key(image.get('id'))}, so it is not known "
                "whose the annotations are; export it again"
            )
    return {_key(image.get("id")): z for z, image in enumerate(_in_order(chosen))}, notes


def _called(image: dict[str, Any]) -> str:
    return plain_text(str(image.get("file_name") or "(no name)"))[:80]


def _check_size(image: dict[str, Any], plane_shape: tuple[int, ...]) -> None:
    """Refuse annotations for another size; a size that is not told is taken as right."""
    told = (whole(image.get("height")), whole(image.get("width")))
    size = tuple(plane_shape[n] if told[n] is None else told[n] for n in (0, 1))
    if size != tuple(plane_shape):
        raise AnnotationError(
            f"{_called(image)} has the shape {size} in the file, the image {tuple(plane_shape)}; "
            "choose the annotations of this image, in its full resolution"
            f"{turned_hint(size, plane_shape)}"
        )


def _in_order(planes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Planes in the order of the numbers at the ends of their names, if all have one."""
    numbers = [re.search(r"(\d+)$", _stem(_called(image))) for image in planes]
    found = [int(number[1]) for number in numbers if number]
    if len(set(found)) < len(planes):
        return planes
    return [image for _, image in sorted(zip(found, planes, strict=True), key=lambda pair: pair[0])]


def _of_name(images: list[dict[str, Any]], image_name: str, depth: int) -> list[dict[str, Any]]:
    """The images that are called so, by the strictest reading of names that finds any."""
    for reading in _readings(depth):
        wanted = reading(image_name)
        found = [image for image in images if reading(str(image.get("file_name", ""))) == wanted]
        if found:
            return found
    return []


def _readings(depth: int) -> Iterator[Callable[[str], str]]:
    yield plain_text
    yield _base
    yield lambda name: _base(name).casefold()
    yield lambda name: _stem(name).casefold()
    yield lambda name: _ROBOFLOW.sub("", _stem(name)).casefold()
    if depth > 1:
        yield lambda name: re.sub(r"[-_ ]?[zZ]?\d+$", "", _stem(name)).casefold()


def _base(name: str) -> str:
    """The name without folders of any system, as text of which %20 is a blank."""
    return PurePosixPath(PureWindowsPath(unquote(plain_text(name))).as_posix()).name


def _stem(name: str) -> str:
    return PurePosixPath(_base(name)).stem


def _region(
    entry: Entry[Any],
    *,
    planes: dict[str, int],
    categories: dict[str, dict[str, Any]],
    plane_shape: tuple[int, int],
    entries: Entries,
) -> Region:
    """One annotation as a region; AnnotationError with the reason if it has no pixels."""
    annotation = entry.content
    if not isinstance(annotation, dict):
        raise AnnotationError("no annotation")
    z = planes.get(_key(annotation.get("image_id")))
    if z is None:
        raise AnnotationError("of no image of the file")
    category = categories.get(_key(annotation.get("category_id")))
    if category is None:
        raise AnnotationError("of no category of the file")
    if _TWICE in category:
        raise AnnotationError("of an id that several categories have")
    outline = annotation.get("segmentation")
    if not outline:
        raise AnnotationError(_without_outline(annotation))
    placed, beyond = _pixels(outline, plane_shape)
    if whole(annotation.get("iscrowd")):
        entries.remark(_CROWD, entry.name)
    value, name = whole(category["id"]), category.get("name")
    return Region(
        name=str(name) if isinstance(name, (str, int, float)) and str(name).strip() else None,
        corner=placed[0],
        mask=placed[1],
        z=z,
        color=told_color(category.get("color")),
        value=value,
        number=whole(annotation.get("instance")),
        beyond=beyond,
    )


def _without_outline(annotation: dict[str, Any]) -> str:
    if annotation.get("keypoints"):
        return "key points without an outline"
    return "box without an outline" if annotation.get("bbox") else "no outline"


def _pixels(outline: Any, plane_shape: tuple[int, int]) -> tuple[Placed, bool]:
    """The pixels of polygons or of run lengths, and whether more of them lie beyond the plane."""
    if isinstance(outline, dict):
        return _of_run_lengths(outline, plane_shape), False
    if not isinstance(outline, list):
        raise AnnotationError("an outline that is neither polygons nor run lengths")
    if all(isinstance(part, dict) for part in outline):
        joined = Joined()
        for part in outline:
            joined.add(_of_run_lengths(part, plane_shape))
        return joined.placed, False
    if all(_is_number(part) for part in outline):
        outline = [outline]  # one polygon that is not in a list
    elif len(outline) > 2 and all(_is_pair(part) for part in outline):
        outline = [outline]  # one polygon of pairs
    return drawn(([_ring(polygon)] for polygon in outline), plane_shape)


def _is_number(part: Any) -> bool:
    return isinstance(part, (int, float)) and not isinstance(part, bool)


def _is_pair(part: Any) -> bool:
    return isinstance(part, list) and len(part) == 2 and all(map(_is_number, part))


def _ring(polygon: Any) -> Ring:
    """Corners (x, y) of x, y, x, y … or of pairs."""
    if isinstance(polygon, list) and polygon and all(map(_is_pair, polygon)):
        return np.array(polygon, np.float64)
    if not isinstance(polygon, list) or not all(map(_is_number, polygon)) or len(polygon) % 2:
        raise AnnotationError("a polygon that is no list of x and y in turn")
    return np.array(polygon, np.float64).reshape(-1, 2)


def _of_run_lengths(outline: dict[str, Any], plane_shape: tuple[int, int]) -> Placed:
    sides, counts = outline.get("size"), outline.get("counts")
    size = tuple(whole(side) for side in sides) if isinstance(sides, list) else ()
    if size != plane_shape:
        raise AnnotationError(
            f"a mask of the shape {size} for an image of {plane_shape}"
            f"{turned_hint(size, plane_shape)}"
        )
    if isinstance(counts, str):
        return mask_of(expanded(counts, plane_shape), plane_shape)
    return mask_of(listed_runs(counts, plane_shape), plane_shape)


def write_coco(
    annotations: Annotations,
    path: Path,
    claim: Claim = LABELS,
    image_name: str | None = None,
    *,
    run_lengths: bool = False,
) -> None:
    """Write COCO JSON: polygons along pixel edges, run lengths where a region has holes.

    Polygons of this format cannot have holes. With ``run_lengths`` all regions are written as
    compressed run lengths. ``image_name`` is the image's own file name, by which other programs
    find it; without it the image is called like the file.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    height, width = annotations.labels.shape[-2:]
    depth = annotations.labels.shape[0] if annotations.labels.ndim == 3 else 1
    called = PurePosixPath(image_name or path.stem)
    content = {
        "info": {"description": "annotations of one image, written by unetscope"},
        "images": [
            {
                "id": z + 1,
                "file_name": called.name
                if depth == 1
                else f"{called.stem}_z{z:04d}{called.suffix}",
                "height": height,
                "width": width,
            }
            for z in range(depth)
        ],
        "categories": [
            {
                "id": c.value,
                "name": harmless(c.name),
                "supercategory": "",
                "color": color_parts(c.color),
            }
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
