"""GeoJSON as QuPath writes it: polygons with holes, multi-polygons, class name and colour.

https://qupath.readthedocs.io/en/stable/docs/advanced/exporting_annotations.html. Coordinates are
pixels from the upper left corner of the image; the plane of a stack is in ``geometry.plane.z``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import numpy as np

from unetscope.errors import AnnotationError
from unetscope.images.annotations.documents import annotation_errors, read_json, write_json
from unetscope.images.annotations.edges import Polygon, Ring, drawn, polygons_of
from unetscope.images.annotations.entries import Entries, Entry, Remark
from unetscope.images.annotations.regions import Region, painted, regions_of
from unetscope.images.annotations.values import (
    Annotations,
    color_of,
    color_parts,
    plain_text,
    told_color,
    whole,
)
from unetscope.images.claims import LABELS, Claim
from unetscope.images.classes import LabelClass

# What our own files say besides; QuPath keeps it and shows it with the object.
_VALUE, _NUMBER = "label value", "object"
_DEEPEST = 8
_FEW_PX = 16
_KINDS = (
    "Polygon",
    "MultiPolygon",
    "GeometryCollection",
    "Point",
    "MultiPoint",
    "LineString",
    "MultiLineString",
)
#: Properties, without blanks and in lower case, that other programs use for the class.
_CLASS_KEYS = frozenset(
    ("class", "classname", "classification", "label", "category", "celltype", "annotationclass")
)
_NUCLEUS: Remark = (
    "is a cell whose nucleus has an outline of its own, which was left out",
    "are cells whose nuclei have outlines of their own, which were left out",
)


def read_geojson(
    path: Path,
    image_shape: tuple[int, ...],
    classes: Iterable[LabelClass] | None = None,
    image_name: str | None = None,
) -> Annotations:
    """Annotations and detections of a GeoJSON file; points and lines are left out.

    A GeoJSON file is about one image, so ``image_name`` is not needed.

    Raises
    ------
    AnnotationError
        If the file is damaged or nothing in it lies inside the image.
    """
    with annotation_errors(path, "GeoJSON"):
        return annotations_of_geojson(read_json(path), image_shape, classes)


def is_geojson(content: Any) -> bool:
    """Whether the content of a JSON file is GeoJSON, by its types."""
    first = content[0] if isinstance(content, list) and content else content
    return isinstance(first, dict) and (
        first.get("type") in (*_KINDS, "FeatureCollection", "Feature")
        or "geometry" in first
        or isinstance(first.get("features"), list)
    )


def annotations_of_geojson(
    content: Any, image_shape: tuple[int, ...], classes: Iterable[LabelClass] | None = None
) -> Annotations:
    """As :func:`read_geojson`, of the content of a file."""
    entries = Entries("feature", "features", image_shape)
    read = partial(_region, image_shape=image_shape, entries=entries)
    regions = entries.regions(_features(content), read)
    notes = [*entries.notes(), *_hint_of_units(regions, image_shape)]
    return painted(regions, image_shape, classes, notes)


def _features(content: Any) -> Iterator[Entry[Any]]:
    """The features of a collection, a list of them, one that stands alone, or a bare geometry."""
    if isinstance(content, dict):
        content = content.get("features", [content])
    if not isinstance(content, list):
        raise AnnotationError("there are no features in it; choose a GeoJSON file of annotations")
    flat: list[Any] = []
    for one in content:  # several collections, one a line
        inner = one.get("features") if isinstance(one, dict) else None
        flat += inner if isinstance(inner, list) else [one]
    if flat and not any(isinstance(one, dict) and _is_feature(one) for one in flat):
        raise AnnotationError("there are no features in it; choose a GeoJSON file of annotations")
    for place, feature in enumerate(flat, start=1):
        yield Entry(f"feature {place}", feature)


def _is_feature(one: dict[str, Any]) -> bool:
    return "geometry" in one or one.get("type") in (*_KINDS, "Feature")


def _region(entry: Entry[Any], *, image_shape: tuple[int, ...], entries: Entries) -> Region:
    """One feature as a region; AnnotationError with the reason if it has no pixels."""
    feature = entry.content
    if not isinstance(feature, dict) or not _is_feature(feature):
        raise AnnotationError("no feature")
    said = _dict(feature.get("properties"))
    if isinstance(said.get("name"), str) and said["name"].strip():
        entry.name = said["name"]
    geometry = _dict(feature.get("geometry", feature))
    polygons = list(_polygons(geometry))
    if not polygons:
        raise AnnotationError(f"no area: {plain_text(str(geometry.get('type')))[:40]}")
    placed, beyond = drawn(polygons, (image_shape[-2], image_shape[-1]))
    if feature.get("nucleusGeometry"):
        entries.remark(_NUCLEUS, entry.name)
    name, color = _classification(said, entry.name, entries)
    metadata = _dict(said.get("metadata"))
    return Region(
        name=name,
        corner=placed[0],
        mask=placed[1],
        z=_plane(geometry),
        color=color,
        value=whole(metadata.get(_VALUE)),
        number=whole(metadata.get(_NUMBER)),
        beyond=beyond,
    )


def _dict(said: Any) -> dict[str, Any]:
    return said if isinstance(said, dict) else {}


def _plane(geometry: dict[str, Any]) -> int:
    """The z plane, from 0; the plane may be named, or a list of channel, z and time."""
    plane = geometry.get("plane")
    if isinstance(plane, list):
        plane = dict(zip(("c", "z", "t"), plane, strict=False))
    told = _dict(plane)
    time = whole(told.get("t")) or 0
    if time > 0:
        raise AnnotationError(f"of time point {time + 1}, while the image has one")
    return whole(told.get("z")) or 0


def _polygons(geometry: dict[str, Any], depth: int = 0) -> Iterator[Polygon]:
    """The polygons of a geometry, each as rings of (x, y); other kinds have none."""
    kind = geometry.get("type")
    if kind == "Polygon":
        yield _rings(geometry.get("coordinates"))
    elif kind == "MultiPolygon":
        for rings in _list(geometry.get("coordinates")):
            yield _rings(rings)
    elif kind == "GeometryCollection" and depth < _DEEPEST:
        for part in _list(geometry.get("geometries")):
            yield from _polygons(_dict(part), depth + 1)


def _rings(rings: Any) -> Polygon:
    """Rings of (x, y); one ring that is not in a list of rings is plain enough."""
    found = _list(rings)
    if found and _is_position(found[0]):
        found = [found]
    return [_ring(ring) for ring in found]


def _is_position(corner: Any) -> bool:
    return (
        isinstance(corner, list)
        and len(corner) >= 2
        and all(isinstance(part, (int, float)) and not isinstance(part, bool) for part in corner)
    )


def _ring(positions: Any) -> Ring:
    pairs = [position[:2] for position in _list(positions) if isinstance(position, list)]
    kinds = {type(part) for pair in pairs for part in pair}  # bool is no number here
    whole_pairs = len(pairs) == len(positions) and all(len(pair) == 2 for pair in pairs)
    if not whole_pairs or not kinds <= {int, float}:
        raise AnnotationError("coordinates that are no pairs of numbers")
    return np.array(pairs, np.float64).reshape(-1, 2)


def _list(said: Any) -> list[Any]:
    if not isinstance(said, list):
        raise AnnotationError("coordinates that are no list")
    return said


def _classification(
    said: dict[str, Any], feature: str, entries: Entries
) -> tuple[str | None, str | None]:
    """Class name and colour: QuPath's since version 0.3, before it, or another property."""
    told = said.get("classification")
    named = _dict(told)
    name = _name_in(named.get("names")) or _name_in(named.get("name")) or _name_in(told)
    if name is not None:
        return name, _color(named)
    for key, found in said.items():
        if re.sub(r"[\W_]", "", key).lower() in _CLASS_KEYS:
            name = _name_in(found)
            if name is not None and whole(name) is None:
                source = f"class from the property {key!r}"
                entries.remark((f"has its {source}", f"have their {source}"), feature)
                return name, None
    return None, None


def _name_in(said: Any) -> str | None:
    """A name as text or number, or the joined parts of one; None where there is none."""
    if isinstance(said, list) and said and all(isinstance(part, (str, int)) for part in said):
        return ": ".join(str(part) for part in said)
    if isinstance(said, (str, int, float)) and not isinstance(said, bool):
        return str(said).strip() or None
    return None


def _color(named: dict[str, Any]) -> str | None:
    color = told_color(named.get("color"))
    packed = named.get("colorRGB")
    if color is None and isinstance(packed, int):  # 32 bits: opacity, red, green, blue
        return color_of((packed >> 16 & 255, packed >> 8 & 255, packed & 255))
    return color


def _hint_of_units(regions: list[Region], image_shape: tuple[int, ...]) -> list[str]:
    """A hint where all regions together fill so small a corner that they are hardly in pixels."""
    height, width = image_shape[-2:]
    down = max((r.corner[0] + r.mask.shape[0] for r in regions), default=height)
    across = max((r.corner[1] + r.mask.shape[1] for r in regions), default=width)
    few = len(regions) == 1 and np.count_nonzero(regions[0].mask) >= _FEW_PX
    if few or down * 4 > height or across * 4 > width:
        return []
    return [
        "all features lie in the upper left corner of the image; if their coordinates are in µm, "
        "export them in pixels"
    ]


def write_geojson(
    annotations: Annotations,
    path: Path,
    claim: Claim = LABELS,
    measurements: Mapping[int, Mapping[str, float]] | None = None,
) -> None:
    """Write a collection of QuPath annotations, with polygons along pixel edges.

    ``measurements`` are named numbers of objects, by the number of the object. QuPath cannot read
    one that is NaN or infinite: it is left out. An object on several planes has its own on each.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    features = [
        _feature(region, place, path.stem) for place, region in enumerate(regions_of(annotations))
    ]
    for feature in features if measurements is not None else ():
        number = whole(feature["properties"]["metadata"].get(_NUMBER))
        told = measurements.get(number or 0, {}) if measurements else {}
        feature["properties"]["measurements"] = {
            name: value for name, value in told.items() if math.isfinite(value)
        }
    write_json({"type": "FeatureCollection", "features": features}, path, claim)


def _feature(region: Region, place: int, name: str) -> dict[str, Any]:
    polygons = [[_closed(ring) for ring in rings] for rings in polygons_of(region.placed)]
    one = len(polygons) == 1
    metadata = {_VALUE: str(region.value)}
    if region.number is not None:
        metadata[_NUMBER] = str(region.number)
    return {
        "type": "Feature",
        "id": str(uuid5(NAMESPACE_OID, f"{name} {place}")),
        "geometry": {
            "type": "Polygon" if one else "MultiPolygon",
            "coordinates": polygons[0] if one else polygons,
            "plane": {"c": -1, "z": region.z, "t": 0},
        },
        "properties": {
            "objectType": "annotation",
            "classification": {"name": region.name, "color": color_parts(region.color or "")},
            "metadata": metadata,
        },
    }


def _closed(ring: Any) -> list[list[int]]:
    """A ring that ends where it began, as GeoJSON wants it."""
    corners: list[list[int]] = ring.tolist()
    return [*corners, corners[0]]
