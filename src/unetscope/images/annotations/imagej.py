"""ImageJ ROIs: a zip of the ROI manager, or one .roi file, by the library roifile.

An area selection has the same coordinates here as in ImageJ: pixel (0, 0) is the square from
(0, 0) to (1, 1). ImageJ has no classes; here they are the ROI's group and the name before its
number ("nucleus 12" is of the class "nucleus", "phase2" of "phase2").
"""

from __future__ import annotations

import logging
import re
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import roifile

from unetscope.errors import AnnotationError, OutputError
from unetscope.images.annotations.documents import (
    MOST_BYTES,
    annotation_errors,
    check_size,
    is_macos_leftover,
)
from unetscope.images.annotations.edges import Placed, Polygon, Ring, drawn, polygons_of
from unetscope.images.annotations.entries import Entries, Entry, Remark
from unetscope.images.annotations.regions import Region, painted, regions_of
from unetscope.images.annotations.values import (
    Annotations,
    color_of,
    color_parts,
    plain_text,
    whole,
)
from unetscope.images.claims import LABELS, Claim, mark_text
from unetscope.images.classes import LabelClass
from unetscope.images.writing import replacing

# roifile's remarks about odd files would appear on the terminal; what matters is in the notes.
logging.getLogger("roifile").addHandler(logging.NullHandler())

_MOST_ROIS = 100_000
_MOST_ROI_BYTES = 64 * 2**20
_WIDEST_PX = 2**15 - 1  # what ImageJ's 16 bit bounding boxes hold
Stored = Entry[Callable[[], bytes]]
# What our own files say besides, a line each in the ROI's properties.
_CLASS, _VALUE, _NUMBER = "class", "label value", "object"
_OUTLINES = (roifile.ROI_TYPE.POLYGON, roifile.ROI_TYPE.FREEHAND, roifile.ROI_TYPE.TRACED)
_ELLIPSE_CORNERS = 72  # ImageJ's ellipse is a polygon of so many
_ARC_PIECES = 32
_NAME_CUT: Remark = (
    "is of the class that its name says before its number",
    "are of the classes that their names say before their numbers",
)
_UNPLACED: Remark = (
    "names no plane of the stack and was put on the first",
    "name no plane of the stack and were put on the first",
)
_FROM_STACK: Remark = (
    "names another plane than the first and was put on the only one of the image",
    "name other planes than the first and were put on the only one of the image",
)
_TIME_AS_PLANE: Remark = (
    "names a time point, which was taken as the plane",
    "name time points, which were taken as the planes",
)
_SPLINE: Remark = (
    "is a spline, whose corners were joined by straight lines",
    "are splines, whose corners were joined by straight lines",
)


def read_rois(
    path: Path,
    image_shape: tuple[int, ...],
    classes: Iterable[LabelClass] | None = None,
    image_name: str | None = None,
    channels: int = 1,
) -> Annotations:
    """The area selections of an ImageJ file; lines, points and text are left out.

    A file of ROIs is about one image, so ``image_name`` is not needed. Positions in a hyperstack
    count its ``channels``. Ovals may differ from ImageJ's by single pixels on their border.

    Raises
    ------
    AnnotationError
        If the file is damaged, no ROI file or unreasonably large, or no ROI can be used.
    """
    with annotation_errors(path, "ImageJ ROIs"):
        check_size(path)
        entries = Entries("ROI", "ROIs", image_shape)
        read = partial(_region, image_shape=image_shape, channels=channels, entries=entries)
        regions = entries.regions(_stored(path), read)
        return painted(_apart_by_group(regions), image_shape, classes, entries.notes())


def _stored(path: Path) -> Iterator[Stored]:
    if not zipfile.is_zipfile(path):
        if path.suffix.lower() != ".roi":
            raise AnnotationError("it is no zip; save the ROI manager's list as a zip again")
        yield Entry(path.stem, path.read_bytes)
        return
    with zipfile.ZipFile(path) as archive:
        members = [
            member
            for member in archive.infolist()
            if member.filename.lower().endswith(".roi") and not is_macos_leftover(member.filename)
        ]
        if archive.namelist() and not members:
            raise AnnotationError("there is no .roi in it; save the ROI manager's list as a zip")
        total = sum(min(member.file_size, _MOST_ROI_BYTES) for member in members)
        if len(members) > _MOST_ROIS or total > MOST_BYTES:
            raise AnnotationError(
                f"it claims {len(members)} ROIs of {total} bytes, more than are read "
                f"({_MOST_ROIS}, {MOST_BYTES}); save fewer of them to one file"
            )
        for member in members:
            yield Entry(Path(member.filename).stem, partial(_unpacked, archive, member))


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if member.flag_bits & 1:
        raise AnnotationError("encrypted")
    if member.file_size > _MOST_ROI_BYTES:
        raise AnnotationError(f"claims more than {_MOST_ROI_BYTES // 2**20} MiB")
    with archive.open(member) as opened:
        return opened.read(min(member.file_size, _MOST_ROI_BYTES))


def _region(
    stored: Entry[Callable[[], bytes]],
    *,
    image_shape: tuple[int, ...],
    channels: int,
    entries: Entries,
) -> Region:
    """One ROI as a region; AnnotationError with the reason if it has no pixels."""
    roi = roifile.ImagejRoi.frombytes(stored.content())
    name = stored.name = roi.name or stored.name
    placed, beyond = _pixels(roi, (image_shape[-2], image_shape[-1]))
    told = dict(line.split(": ", 1) for line in roi.props.splitlines() if ": " in line)
    class_name = told.get(_CLASS) or _class_name(name)
    if _CLASS not in told and class_name not in (None, name.strip()):
        entries.remark(_NAME_CUT, name)
    if roi.options & roifile.ROI_OPTIONS.SPLINE_FIT:
        entries.remark(_SPLINE, name)
    color = roi.stroke_color if any(roi.stroke_color) else roi.fill_color
    return Region(
        name=class_name,
        corner=placed[0],
        mask=placed[1],
        z=_plane(roi, name, image_shape, channels, entries),
        color=color_of(tuple(color[1:])) if any(color) else None,
        value=whole(told.get(_VALUE)) or roi.group or None,
        number=whole(told.get(_NUMBER)),
        beyond=beyond,
    )


def _class_name(roi_name: str) -> str | None:
    """The name before its number; None where there is none, as in ImageJ's "0012-0345-0678".

    A blank, dash or underscore has to stand between, as the "2" of "phase2" belongs to the name.
    """
    stem = re.sub(r"(?:[-_\s]+\d+)+$", "", plain_text(roi_name)).strip()
    return stem if re.search(r"[^\W\d_]", stem) else None


def _apart_by_group(regions: Sequence[Region]) -> list[Region]:
    """ROIs of one name in several groups become a class for each group.

    Names are typed for each ROI: those that differ in case are one, in the first spelling.
    """
    spelling: dict[str, str] = {}
    groups: dict[str, set[int | None]] = {}
    for region in regions:
        if region.name:
            spelling.setdefault(region.name.casefold(), region.name)
            groups.setdefault(region.name.casefold(), set()).add(region.value)
    named = []
    for region in regions:
        if region.name:
            name = spelling[region.name.casefold()]
            if region.value and len(groups[region.name.casefold()]) > 1:
                name = f"{name} (group {region.value})"
            region = replace(region, name=name)
        named.append(region)
    return named


def _plane(
    roi: Any, name: str, image_shape: tuple[int, ...], channels: int, entries: Entries
) -> int:
    """The z plane of a ROI: of its place in a hyperstack, or in the pages, channels first."""
    depth = image_shape[0] if len(image_shape) == 3 else 1
    plane, time = roi.z_position, roi.t_position
    if not (plane or time or roi.c_position) and roi.position > 0:
        plane = (roi.position - 1) // max(1, channels) + 1
    if depth == 1:
        if max(plane, time) > 1:
            entries.remark(_FROM_STACK, name)
        return 0
    if time > 1 and plane > 1:
        raise AnnotationError(f"of time point {time}, while the image has one")
    if time > 1:
        entries.remark(_TIME_AS_PLANE, name)
        return int(time) - 1
    if plane < 1:
        entries.remark(_UNPLACED, name)
    return max(0, int(plane) - 1)


def _pixels(roi: Any, plane_shape: tuple[int, int]) -> tuple[Placed, bool]:
    """The pixels of an area selection, and whether more of them lie beyond the plane."""
    kind, subtype = roi.roitype, roi.subtype
    if subtype in (roifile.ROI_SUBTYPE.TEXT, roifile.ROI_SUBTYPE.IMAGE):
        raise AnnotationError(f"no selection: {subtype.name.lower()}")
    if kind == roifile.ROI_TYPE.RECT and roi.composite:
        return drawn([_rings_of_path(roi.multi_coordinates.tolist())], plane_shape)
    if kind == roifile.ROI_TYPE.RECT:
        return drawn([[_rectangle(*_box(roi), roi.rounded_rect_arc_size)]], plane_shape)
    if kind == roifile.ROI_TYPE.OVAL:
        return _oval(*_box(roi), plane_shape)
    if kind in _OUTLINES:
        return drawn([_outline(roi)], plane_shape)
    raise AnnotationError(f"no area: {kind.name.lower()}")


def _outline(roi: Any) -> Polygon:
    """Corners of a polygon, or of an ellipse or turned rectangle that is told by its axis."""
    axis = np.array([(roi.x1, roi.y1), (roi.x2, roi.y2)], np.float64)
    told = _float_parameter(roi)
    if roi.subtype == roifile.ROI_SUBTYPE.ELLIPSE and 0 < told <= 1e6:
        return [_ellipse(axis, told)]
    if roi.subtype == roifile.ROI_SUBTYPE.ROTATED_RECT and 0 < told <= 1e9:
        return [_turned_rectangle(axis, told)]
    return [roi.coordinates()]


def _float_parameter(roi: Any) -> float:
    """Aspect ratio of an ellipse or width of a turned rectangle.

    It lies in the four bytes that are arrow style, arrow head and arc size in other kinds.
    """
    parts = roi.arrow_style_or_aspect_ratio, roi.arrow_head_size, roi.rounded_rect_arc_size
    (told,) = struct.unpack(">f", struct.pack(">BBh", *parts))
    return float(told)


def _ellipse(axis: Ring, ratio: float) -> Ring:
    """ImageJ's ellipse around its long ``axis`` (two ends), ``ratio`` times as wide as long."""
    along = (axis[1] - axis[0]) / 2
    across = np.array([-along[1], along[0]]) * ratio
    turns = np.arange(_ELLIPSE_CORNERS)[:, None] * (2 * np.pi / _ELLIPSE_CORNERS)
    corners: Ring = axis.mean(axis=0) + np.cos(turns) * along + np.sin(turns) * across
    return corners


def _turned_rectangle(axis: Ring, width: float) -> Ring:
    """A rectangle around its middle line (two ends)."""
    along = axis[1] - axis[0]
    length = float(np.hypot(*along))
    if not length > 0:
        return axis
    across = np.array([-along[1], along[0]]) * (width / 2 / length)
    return np.array([axis[0] + across, axis[1] + across, axis[1] - across, axis[0] - across])


def _rectangle(left: float, top: float, width: float, height: float, arc: float) -> Ring:
    """A rectangle, whose corners are quarters of ellipses where ``arc`` (a diameter) says so."""
    across, down = (max(0.0, min(arc, side) / 2) for side in (width, height))
    quarter = np.linspace(0, np.pi / 2, _ARC_PIECES + 1 if arc > 0 else 1)
    x, y = across * (1 - np.cos(quarter)), down * (1 - np.sin(quarter))
    right, bottom = left + width, top + height
    corners = [
        np.column_stack([left + x, top + y]),
        np.column_stack([right - x, top + y])[::-1],
        np.column_stack([right - x, bottom - y]),
        np.column_stack([left + x, bottom - y])[::-1],
    ]
    return np.concatenate(corners)


def _rings_of_path(path: list[float]) -> Polygon:
    """Rings of a composite: 0 moves, 1 draws a line, 2 and 3 a curve of Bézier, 4 closes."""
    rings: list[list[Any]] = []
    place = 0
    while place < len(path):
        command = int(path[place])
        if command not in (0, 1, 2, 3, 4):
            raise AnnotationError(f"a composite with the unknown command {command}")
        numbers = path[place + 1 : place + 1 + _NUMBERS[command]]
        if len(numbers) != _NUMBERS[command]:
            raise AnnotationError("a composite that is cut off")
        given = np.reshape(numbers, (-1, 2))
        place += 1 + len(numbers)
        if command == 0:
            rings.append([given])
        elif command != 4:
            rings[-1].append(_curve(np.vstack([rings[-1][-1][-1:], given])))
    return [np.concatenate(ring) for ring in rings]


_NUMBERS = (2, 2, 4, 6, 0)  # that follow a command


def _curve(points: Ring) -> Ring:
    """A line or curve of Bézier through its first and last point, without the first."""
    degree = len(points) - 1
    if degree == 1:
        return points[1:]
    t = np.linspace(0, 1, _ARC_PIECES + 1)[1:, None]
    parts = list(points)
    while len(parts) > 1:  # de Casteljau, for all t at once
        parts = [a * (1 - t) + b * t for a, b in pairwise(parts)]
    curve: Ring = parts[0]
    return curve


def _box(roi: Any) -> tuple[float, float, float, float]:
    if roi.subpixelrect:
        return roi.xd, roi.yd, roi.widthd, roi.heightd
    return roi.left, roi.top, roi.right - roi.left, roi.bottom - roi.top


def _oval(
    left: float, top: float, width: float, height: float, plane_shape: tuple[int, int]
) -> tuple[Placed, bool]:
    """The pixels whose centres lie inside an ellipse, cut off at the borders of the plane."""
    if not (width > 0 and height > 0 and np.isfinite([left, top, width, height]).all()):
        return ((0, 0), np.zeros((0, 0), bool)), False
    beyond = left < -0.5 or top < -0.5
    beyond |= left + width > plane_shape[1] + 0.5 or top + height > plane_shape[0] + 0.5
    bottom, right = np.clip((top + height, left + width), 0, plane_shape)
    first = int(np.clip(top, 0, bottom)), int(np.clip(left, 0, right))
    y, x = np.ogrid[first[0] : int(np.ceil(bottom)), first[1] : int(np.ceil(right))]
    down = (y + 0.5 - top - height / 2) / (height / 2)
    along = (x + 0.5 - left - width / 2) / (width / 2)
    return (first, down**2 + along**2 <= 1), beyond


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
            # ImageJ shows the name of the file in the archive; without the time of writing, the
            # same outlines are the same bytes
            member = zipfile.ZipInfo(re.sub(r'[\\/:*?"<>|]', "_", called) + ".roi")
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, roi.tobytes())


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
