"""ImageJ ROIs: a zip of the ROI manager, or one .roi file, by the library roifile.

An area selection has the same coordinates here as in ImageJ: pixel (0, 0) is the square from
(0, 0) to (1, 1). ImageJ has no classes; here they are the ROI's group and the name before its
number ("nucleus 12" is of the class "nucleus").
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import roifile

from unetscope.errors import AnnotationError, OutputError
from unetscope.images.annotations.documents import MOST_BYTES, annotation_errors, check_size
from unetscope.images.annotations.edges import Placed, filled, polygons_of
from unetscope.images.annotations.regions import Region, painted, regions_of
from unetscope.images.annotations.values import Annotations, ClassLike, color_of, color_parts
from unetscope.images.claims import LABELS, Claim, mark_text
from unetscope.images.writing import replacing

_MOST_ROIS = 100_000
_MOST_ROI_BYTES = 64 * 2**20
_WIDEST_PX = 2**15 - 1  # what ImageJ's 16 bit bounding boxes hold
# What our own files say besides, a line each in the ROI's properties.
_CLASS, _VALUE, _NUMBER = "class", "label value", "object"
_UNPLACED = "unplaced"
_OUTLINES = (roifile.ROI_TYPE.POLYGON, roifile.ROI_TYPE.FREEHAND, roifile.ROI_TYPE.TRACED)


def read_rois(
    path: Path,
    image_shape: tuple[int, ...],
    classes: Iterable[ClassLike] | None = None,
    image_name: str | None = None,
) -> Annotations:
    """The area selections of an ImageJ file; lines, points and text are left out.

    A file of ROIs is about one image, so ``image_name`` is not needed. Ovals may differ from
    ImageJ's by single pixels on their border.

    Raises
    ------
    AnnotationError
        If the file is damaged, no ROI file or unreasonably large.
    """
    with annotation_errors(path, "ImageJ ROIs"):
        check_size(path)
        skipped: Counter[str] = Counter()
        regions = list(_regions(_rois(path), image_shape, skipped))
        unplaced = skipped.pop(_UNPLACED, 0)
        notes = [
            f"{count} ROIs of the kind {kind} have no area and were left out"
            for kind, count in skipped.items()
        ]
        if unplaced:
            notes.append(f"{unplaced} ROIs name no plane of the stack and were put on the first")
        return painted(regions, image_shape, classes, notes)


def _rois(path: Path) -> Iterator[Any]:
    if path.suffix.lower() == ".roi":
        yield _roi(path.read_bytes(), path.stem)
        return
    with zipfile.ZipFile(path) as archive:
        members = [m for m in archive.infolist() if m.filename.lower().endswith(".roi")]
        if archive.namelist() and not members:
            raise AnnotationError("there is no .roi in it; save the ROI manager's list as a zip")
        largest = max((m.file_size for m in members), default=0)
        total = sum(m.file_size for m in members)
        if len(members) > _MOST_ROIS or largest > _MOST_ROI_BYTES or total > MOST_BYTES:
            raise AnnotationError(
                f"it claims {len(members)} ROIs of {total} bytes, more than are read "
                f"({_MOST_ROIS}, {MOST_BYTES}); save fewer of them to one file"
            )
        for member in members:
            with archive.open(member) as opened:
                yield _roi(opened.read(_MOST_ROI_BYTES), Path(member.filename).stem)


def _roi(content: bytes, name: str) -> Any:
    roi = roifile.ImagejRoi.frombytes(content)
    roi.name = roi.name or name
    return roi


def _regions(
    rois: Iterable[Any], image_shape: tuple[int, ...], skipped: Counter[str]
) -> Iterator[Region]:
    plane_shape = (image_shape[-2], image_shape[-1])
    for roi in rois:
        placed = _mask(roi, plane_shape)
        if placed is None:
            skipped[roi.roitype.name.lower()] += 1
            continue
        plane = (roi.z_position or roi.position) if len(image_shape) == 3 else 1
        skipped[_UNPLACED] += plane < 1
        told = dict(line.split(": ", 1) for line in roi.props.splitlines() if ": " in line)
        color = roi.stroke_color
        yield Region(
            name=told.get(_CLASS) or _class_name(roi.name),
            corner=placed[0],
            mask=placed[1],
            z=max(0, plane - 1),
            color=color_of(tuple(color[1:])) if any(color) else None,
            value=int(told.get(_VALUE, roi.group)) or None,
            number=int(told[_NUMBER]) if _NUMBER in told else None,
        )


def _class_name(roi_name: str) -> str | None:
    """The name before its number; None where there is none, as in ImageJ's "0012-0345-0678"."""
    stem = re.sub(r"[-_\s]*\d+$", "", roi_name).strip()
    return stem if re.search(r"[^\W\d]", stem) else None


def _mask(roi: Any, plane_shape: tuple[int, int]) -> Placed | None:
    """The pixels of an area selection; None for what has no area."""
    if roi.roitype in _OUTLINES and roi.subtype == roifile.ROI_SUBTYPE.UNDEFINED:
        return filled([roi.coordinates()], plane_shape)
    if roi.composite and roi.multi_coordinates is not None:
        return filled(roi.coordinates(multi=True), plane_shape)
    left, top, width, height = _box(roi)
    if roi.roitype == roifile.ROI_TYPE.RECT and roi.subtype == roifile.ROI_SUBTYPE.UNDEFINED:
        right, bottom = left + width, top + height
        corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
        return filled([corners], plane_shape)
    if roi.roitype == roifile.ROI_TYPE.OVAL:
        return _oval(left, top, width, height, plane_shape)
    return None


def _box(roi: Any) -> tuple[float, float, float, float]:
    if roi.subpixelrect:
        return roi.xd, roi.yd, roi.widthd, roi.heightd
    return roi.left, roi.top, roi.right - roi.left, roi.bottom - roi.top


def _oval(
    left: float, top: float, width: float, height: float, plane_shape: tuple[int, int]
) -> Placed:
    """The pixels whose centres lie inside an ellipse, cut off at the borders of the plane."""
    if width <= 0 or height <= 0:
        return (0, 0), np.zeros((0, 0), bool)
    bottom, right = np.clip((top + height, left + width), 0, plane_shape)
    first = int(np.clip(top, 0, bottom)), int(np.clip(left, 0, right))
    y, x = np.ogrid[first[0] : int(np.ceil(bottom)), first[1] : int(np.ceil(right))]
    down = (y + 0.5 - top - height / 2) / (height / 2)
    along = (x + 0.5 - left - width / 2) / (width / 2)
    return first, down**2 + along**2 <= 1


def write_rois(annotations: Annotations, path: Path, claim: Claim = LABELS) -> None:
    """Write a zip for ImageJ's ROI manager: traced outlines, composites where there are holes.

    The class is the group, the colour of the outline and the beginning of the name.

    Raises
    ------
    OutputError
        If the image is too large for ImageJ's 16 bit coordinates, or the file cannot be written.
    """
    if max(annotations.labels.shape[-2:]) > _WIDEST_PX:
        raise OutputError(
            f"{path} cannot be written: an image of {annotations.labels.shape} pixels is larger "
            f"than the {_WIDEST_PX} that ImageJ's ROIs hold; write GeoJSON"
        )
    stack = annotations.labels.ndim == 3
    with (
        replacing(path, claim) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        archive.comment = mark_text(claim.role).encode()
        for place, region in enumerate(regions_of(annotations), start=1):
            called = f"{_plain(region.name or '')} {place:04d}"
            roi = _traced(region, called, stack=stack)
            # ImageJ shows the name of the file in the archive
            archive.writestr(re.sub(r'[\\/:*?"<>|]', "_", called) + ".roi", roi.tobytes())


def _plain(name: str) -> str:
    """One line of characters that take 16 bits each, which is what ROI files hold."""
    return "".join(c if ord(c) < 2**16 else "?" for c in " ".join(name.split()))


def _traced(region: Region, name: str, *, stack: bool) -> Any:
    rings = [ring for polygon in polygons_of(region.placed) for ring in polygon]
    if len(rings) == 1:
        roi = roifile.ImagejRoi.frompoints(rings[0], name=name)
        roi.roitype = roifile.ROI_TYPE.TRACED
    else:
        roi = _composite(region, rings)
        roi.name = name
    roi.options = roifile.ROI_OPTIONS.NONE
    roi.stroke_color = bytes((255, *color_parts(region.color or "")))
    roi.group = region.value if region.value and region.value < 256 else 0
    roi.position = region.z + 1 if stack else 0
    told = {_CLASS: _plain(region.name or ""), _VALUE: region.value, _NUMBER: region.number}
    roi.props = "".join(f"{key}: {said}\n" for key, said in told.items() if said is not None)
    return roi


def _composite(region: Region, rings: list[Any]) -> Any:
    """A shape of several rings, inside by the even-odd rule: 0 moves, 1 draws a line, 4 closes."""
    path: list[float] = []
    for ring in rings:
        for place, (x, y) in enumerate(ring.tolist()):
            path += [1 if place else 0, x, y]
        path.append(4)
    (top, left), (height, width) = region.corner, region.mask.shape
    return roifile.ImagejRoi(
        roitype=roifile.ROI_TYPE.RECT,
        top=top,
        left=left,
        bottom=top + height,
        right=left + width,
        shape_roi_size=len(path),
        multi_coordinates=np.array(path, np.float32),
    )
