"""GeoJSON as QuPath writes it: polygons with holes, multi-polygons, class name and colour.

https://qupath.readthedocs.io/en/stable/docs/advanced/exporting_annotations.html. Coordinates are
pixels from the upper left corner of the image; the plane of a stack is in ``geometry.plane.z``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import numpy as np

from unetscope.errors import AnnotationError
from unetscope.images.annotations.documents import annotation_errors, read_json, write_json
from unetscope.images.annotations.edges import Placed, Polygon, filled, polygons_of, union
from unetscope.images.annotations.regions import Region, painted, regions_of
from unetscope.images.annotations.values import Annotations, ClassLike, color_of, color_parts
from unetscope.images.claims import LABELS, Claim

# What our own files say besides; QuPath keeps it and shows it with the object.
_VALUE, _NUMBER = "label value", "object"
_DEEPEST = 8


def read_geojson(
    path: Path,
    image_shape: tuple[int, ...],
    classes: Iterable[ClassLike] | None = None,
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
        skipped: Counter[str] = Counter()
        regions = list(_regions(_features(read_json(path)), image_shape[-2:], skipped))
        notes = [
            f"{count} objects of the kind {kind} have no area and were left out"
            for kind, count in skipped.items()
        ]
        return painted(regions, image_shape, classes, notes)


def _features(content: Any) -> list[dict[str, Any]]:
    """The features of a collection, a list of them, or one that stands alone."""
    if isinstance(content, dict):
        content = content.get("features", [content])
    if not isinstance(content, list) or not all("geometry" in feature for feature in content):
        raise AnnotationError("there are no features in it; choose a GeoJSON file of annotations")
    return content


def _regions(
    features: list[dict[str, Any]], plane_shape: tuple[int, ...], skipped: Counter[str]
) -> Iterator[Region]:
    for feature in features:
        geometry, said = feature.get("geometry") or {}, feature.get("properties") or {}
        polygons = list(_polygons(geometry))
        if not polygons:
            skipped[str(geometry.get("type"))] += 1
            continue
        corner, mask = _mask(polygons, (plane_shape[0], plane_shape[1]))
        name, color = _classification(said)
        metadata = said.get("metadata") or {}
        yield Region(
            name=name,
            corner=corner,
            mask=mask,
            z=int((geometry.get("plane") or {}).get("z", 0)),
            color=color,
            value=int(metadata[_VALUE]) if _VALUE in metadata else None,
            number=int(metadata[_NUMBER]) if _NUMBER in metadata else None,
        )


def _polygons(geometry: dict[str, Any], depth: int = 0) -> Iterator[Polygon]:
    """The polygons of a geometry, each as rings of (x, y); other kinds have none."""
    kind = geometry.get("type")
    if kind == "Polygon":
        yield [_ring(ring) for ring in geometry["coordinates"]]
    elif kind == "MultiPolygon":
        for rings in geometry["coordinates"]:
            yield [_ring(ring) for ring in rings]
    elif kind == "GeometryCollection" and depth < _DEEPEST:
        for part in geometry["geometries"]:
            yield from _polygons(part, depth + 1)


def _ring(positions: Any) -> Any:
    return np.array([position[:2] for position in positions], np.float64).reshape(-1, 2)


def _mask(polygons: list[Polygon], plane_shape: tuple[int, int]) -> Placed:
    return union([filled(rings, plane_shape) for rings in polygons])


def _classification(said: dict[str, Any]) -> tuple[str | None, str | None]:
    """Class name and colour, as they are since version 0.3 and as they were before."""
    told = said.get("classification") or {}
    names = told.get("names")
    name = ": ".join(str(part) for part in names) if names else told.get("name")
    color = told.get("color")
    if isinstance(color, list):
        return name, color_of(color)
    packed = told.get("colorRGB")
    if isinstance(packed, int):  # a signed number of 32 bits: opacity, red, green, blue
        return name, color_of((packed >> 16 & 255, packed >> 8 & 255, packed & 255))
    return name, None


def write_geojson(annotations: Annotations, path: Path, claim: Claim = LABELS) -> None:
    """Write a collection of QuPath annotations, with polygons along pixel edges.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    features = [
        _feature(region, place, path.stem) for place, region in enumerate(regions_of(annotations))
    ]
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
