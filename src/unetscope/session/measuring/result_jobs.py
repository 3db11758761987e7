"""Numbers become files: for a worker. What is written is that of the command line, to the byte."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope import __version__
from unetscope.errors import UnetscopeError
from unetscope.images.claims import Claim, Role, checked_targets
from unetscope.images.classes import LabelClass
from unetscope.images.files import read_micrograph, write_labels, write_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.looking.answers import Working
from unetscope.measuring.delivery import write_results
from unetscope.measuring.hand_records import corrections_told
from unetscope.measuring.measurements import Measurements
from unetscope.measuring.object_files import write_objects
from unetscope.measuring.origin import ImageOrigin, Origin, file_seen
from unetscope.measuring.portrait import portrait_of
from unetscope.measuring.quantities import PIXELS, Spacing
from unetscope.measuring.result_targets import Formats, Targets, options_of
from unetscope.measuring.summary import Procedure
from unetscope.session.measuring.measure_state import FoundObjects, LabelKind


@dataclass(frozen=True)
class WantedFiles:
    """Which files are wanted besides the table, and where: kinds as those of the command line."""

    table: Path
    tables: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()
    overwrite: bool = False

    @property
    def formats(self) -> Formats:
        """As the engine takes them."""
        return Formats(self.tables, self.objects, self.figures, self.reports)


@dataclass(frozen=True, eq=False)
class MeasuredImage:
    """One image of what is written.

    ``file`` is where it was read from, ``edits`` what was done to its objects by hand.
    """

    found: FoundObjects
    file: Path | None = None
    group: str = ""
    edits: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, eq=False)
class WriteMeasures:
    """Write what was found in images that were measured in one way."""

    images: Sequence[MeasuredImage] = field(repr=False)
    of_class: LabelClass
    files: WantedFiles


@dataclass(frozen=True)
class MeasuresWritten:
    """Files are there."""

    paths: tuple[Path, ...]


def write_measures(request: WriteMeasures) -> Iterator[Working | MeasuresWritten]:
    """Write table, numbers, paragraph, origin, and what else is wanted.

    The labels lie beside them, so that ``unetscope measure --again`` makes the same files.

    Raises
    ------
    OutputError
        If a file cannot be written, or a library is not installed.
    """
    wanted = request.files
    wanted.formats.check_libraries()
    measured = [one.found.measured for one in request.images]
    targets = Targets(wanted.table, wanted.formats, tuple(one.name for one in measured))
    read = tuple(one.file for one in request.images if one.file is not None)
    claim = Claim(Role.REPORT, read, wanted.overwrite)
    labels = [_labels_file(targets, number) for number in range(len(measured))]
    checked_targets(claim, [*targets.everything(), *labels])
    written: list[Path] = []
    origins, portraits = [], {}
    for number, one in enumerate(request.images):
        yield Working(f"Writing {one.found.segmented.name}", number, len(measured))
        written.append(_write_labels(one, labels[number], claim))
        picture = _picture_of(one, targets, number)
        if picture is not None and picture != one.file and one.found.segmented.image is not None:
            write_micrograph(one.found.segmented.image, picture, claim)
            written.append(picture)
        for path in targets.objects(number):
            table = one.found.measured.table
            write_objects(one.found.objects, table, [request.of_class], path, claim)
            written.append(path)
        origins.append(_origin_of(one, request.of_class, labels[number], picture))
        if wanted.formats.with_pictures:
            segmented, found = one.found.segmented, one.found
            portraits[number] = portrait_of(
                segmented.name, found.objects, found.measured.table, segmented.image
            )
    told = measurements_of(request.images, request.of_class)
    origin = Origin(tuple(origins), options_told(request), told.procedure.versions())
    yield Working("Writing the numbers", len(measured), len(measured) + 1)
    written += write_results(told, targets, origin, claim, portraits)
    yield MeasuresWritten(tuple(written))


def measurements_of(images: Sequence[MeasuredImage], of_class: LabelClass) -> Measurements:
    """All that is told of some images."""
    found = images[0].found
    models = dict.fromkeys(one.found.source.made_by for one in images if one.found.source.made_by)
    procedure = Procedure(found.objects.how, found.wanted.edge, __version__, tuple(models))
    lines = corrections_told([(one.edits, one.found.count) for one in images])
    measured = tuple(replace(one.found.measured, group=one.group) for one in images)
    colors = {of_class.value: of_class.color}
    names = {of_class.value: of_class.name}
    return Measurements(measured, names, procedure, lines, colors)


def paragraph(
    found: FoundObjects,
    of_class: LabelClass,
    file: Path | None,
    edits: tuple[Mapping[str, Any], ...],
) -> str:
    """The words for a paper, with the numbers as they were computed already."""
    told = measurements_of([MeasuredImage(found, file, "", edits)], of_class)
    told.__dict__["quantities"] = {of_class.name: found.quantities}  # they are the same
    return told.paragraph


def options_told(request: WriteMeasures) -> dict[str, Any]:
    """What was wished for, as the command line takes it."""
    found = request.images[0].found
    wish, spacing = found.wish, found.segmented.spacing
    numbered, files = wish.apart == "numbered", request.files
    region = found.segmented.region
    told: dict[str, Any] = {  # in the order of the form of the command line
        "values": "objects" if numbered else None,
        "of_class": [str(wish.value)],
        "apart": "components" if numbered else wish.apart,
        "typical": _length(wish.typical if wish.apart == "shape" else None, spacing),
        "border_class": str(wish.border) if wish.apart == "border" else None,
        "smallest": _length(wish.smallest, spacing),
        "fill_holes": _length(wish.holes, spacing),
        "region": None if region is None else _region_told(region),
        "edge": found.wanted.edge,
        "grain_size": wish.grain_size,
        "fibre_width": wish.fibre_width,
        "pixel_size": None
        if spacing.unit == PIXELS
        else "x".join(map(repr, spacing.size)) + spacing.unit,
        "table": ",".join(files.tables) or None,
        "objects": ",".join(files.objects) or None,
        "figure": ",".join(files.figures) or None,
        "report": ",".join(files.reports) or None,
    }
    return options_of(told, ())


def _length(value: float | None, spacing: Spacing) -> str | None:
    return None if value is None else f"{value!r}{spacing.unit}"


def _region_told(region: NDArray[np.bool_]) -> str:
    """Rows and columns of a box; in words where it is none."""
    plane = np.asarray(region.reshape(-1, *region.shape[-2:]).any(axis=0), bool)
    sides = [np.flatnonzero(np.any(plane, axis=axis)) for axis in (1, 0)]
    full = np.count_nonzero(plane) == np.prod([side[-1] - side[0] + 1 for side in sides])
    box = ",".join(f"{side[0]}:{side[-1] + 1}" for side in sides)
    return box if full else "drawn by hand"


def _labels_file(targets: Targets, number: int) -> Path:
    return targets.beside(f"{_place(targets, number)}_labels.tif")


def _place(targets: Targets, number: int) -> str:
    return "" if len(targets.images) == 1 else f"_{number + 1:03d}"


def _picture_of(one: MeasuredImage, targets: Targets, number: int) -> Path | None:
    """The file of the image; one beside the results where its own gives other pixels."""
    image = one.found.segmented.image
    if image is None:
        return None
    beside = targets.beside(f"{_place(targets, number)}_image.tif")
    if one.file is None:
        return beside
    try:
        again = read_micrograph(one.file)
        same = again.axes == image.axes and np.array_equal(again.pixels, image.pixels)
    except (UnetscopeError, OSError):
        same = False
    return one.file if same else beside


def _write_labels(one: MeasuredImage, path: Path, claim: Claim) -> Path:
    """The labels that were measured, with the pixel size of the image."""
    labels, spacing = one.found.looked.labels, one.found.segmented.spacing
    known = spacing.unit != PIXELS
    blank = np.broadcast_to(np.uint8(0), labels.shape)
    size, unit = (spacing.size, spacing.unit) if known else (None, None)
    write_labels(labels, path, Micrograph(blank, "zyx"[-labels.ndim :], size, unit), claim)
    return path


def _origin_of(
    one: MeasuredImage, of_class: LabelClass, labels: Path, picture: Path | None
) -> ImageOrigin:
    source = one.found.source
    classes = source.classes if source.kind is not LabelKind.OBJECTS else (of_class,)
    return ImageOrigin(
        one.found.segmented.name,
        file_seen(labels, labels.parent),
        None if picture is None else file_seen(picture, labels.parent),
        classes,
        "nobody" if one.found.segmented.spacing.unit == PIXELS else "told",
        one.group,
        {"file": source.made_by} if source.made_by else {},
        tuple(one.edits),
    )
