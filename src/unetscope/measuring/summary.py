"""What is said of all images together: numbers of each class, and the paragraph of methods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

from unetscope.errors import capital
from unetscope.images.classes import harmless
from unetscope.images.units import lengths_in_words
from unetscope.measuring.easy_units import easy_unit, number_in_words, told_easily
from unetscope.measuring.fibre_width import Fibres, fibre_quantities
from unetscope.measuring.grain_size import (
    Intercepts,
    size_by_area,
    size_by_count,
    size_by_intercept,
)
from unetscope.measuring.line_length import LineLengths, length_quantities
from unetscope.measuring.object_table import ObjectTable
from unetscope.measuring.objects import SMALLEST_PX, Separation
from unetscope.measuring.phase_fraction import Share, fraction
from unetscope.measuring.populations import (
    EdgeRule,
    counted,
    density,
    mean_diameter,
    nearest_distance,
    percentile,
    population_of,
)
from unetscope.measuring.quantities import LEVEL, PIXELS, Quantity, Spacing
from unetscope.measuring.shapes import SHAPE_FROM_PX

_PERCENTS = (10, 50, 90)
_LIBRARIES = ("numpy", "scipy", "scikit-image")


@dataclass(frozen=True)
class Seen:
    """What was looked at in one image: shares by class, pixels, and what its objects leave open.

    ``intercepts``, ``fibres`` and ``lines`` are by class, where they are wanted; ``count_range``
    and ``dropped`` those of :class:`~unetscope.measuring.objects.Objects`.
    """

    shares: Mapping[int, Share]
    pixels: int
    count_range: tuple[int, int]
    dropped: int
    intercepts: Mapping[int, Intercepts] = field(default_factory=dict)
    fibres: Mapping[int, Fibres] = field(default_factory=dict)
    lines: Mapping[int, LineLengths] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Measured:
    """One image: its objects, what was looked at, and the group (specimen) it belongs to."""

    name: str
    table: ObjectTable
    seen: Seen
    group: str = ""

    def share_of(self, value: int) -> Share:
        """The share of a class; nothing where the image has no pixel of it."""
        extent = self.seen.pixels * self.table.spacing.cell
        nothing = Share(0.0, None, self.seen.pixels, extent, "an image has no pixel of the class")
        return self.seen.shares.get(value, nothing)


@dataclass(frozen=True)
class Procedure:
    """How all images were measured; ``how`` is None where objects were given.

    ``version`` is that of unetscope; ``models`` are the names of those that predicted the labels.
    """

    how: Separation | None
    edge: EdgeRule
    version: str
    models: tuple[str, ...] = ()

    def versions(self) -> dict[str, str]:
        """What the numbers were made with."""
        return {"unetscope": self.version} | {name: version(name) for name in _LIBRARIES}


def class_quantities(
    images: Sequence[Measured], value: int, name: str, edge: EdgeRule
) -> tuple[Quantity, ...]:
    """Count, density, mean, percentiles and fraction of one class over all images.

    Raises
    ------
    MeasurementError
        If the images have other units or axes.
    """
    tables = [image.table.of_class(value) for image in images]
    objects = population_of(tables, edge)
    found = [counted(tables), density(tables, edge), mean_diameter(objects)]
    for base in ("number", "volume"):
        found += [percentile(objects, percent, base) for percent in _PERCENTS]
    if all(table.extras.neighbours and table.rectangular for table in tables):
        found += [nearest_distance(tables, f"nearest_{what}") for what in ("centre", "edge")]
    found.append(fraction([image.share_of(value) for image in images], name, objects.axes))
    lines = [image.seen.intercepts[value] for image in images if value in image.seen.intercepts]
    if lines:
        found += [size_by_area(tables), size_by_count(tables), *size_by_intercept(lines)]
    fibres = [image.seen.fibres[value] for image in images if value in image.seen.fibres]
    if fibres:
        found += fibre_quantities(fibres)
    borders = [image.seen.lines[value] for image in images if value in image.seen.lines]
    if borders:
        found += length_quantities(borders, name)
    return tuple(found)


def methods_paragraph(
    images: Sequence[Measured],
    quantities: Mapping[str, Sequence[Quantity]],
    procedure: Procedure,
) -> str:
    """Words for a paper: how objects were found and measured, and the numbers, by class name."""
    spacing = images[0].table.spacing
    sentences = [*_predicted(procedure), *_found(images, procedure.how, spacing)]
    sentences += _measured(images, spacing)
    for name, told in quantities.items():
        sentences += _of_class(name, told, images, procedure.edge)
    made = ", ".join(f"{name} {number}" for name, number in procedure.versions().items())
    return " ".join([*sentences, f"Intervals are {LEVEL:.0%}. Measured with {made}."])


def _predicted(procedure: Procedure) -> Iterator[str]:
    if procedure.models:
        named = " and ".join(map(harmless, procedure.models))
        many = "models" if len(procedure.models) > 1 else "model"
        yield f"Classes were predicted with unetscope ({many} {named})."


def _found(images: Sequence[Measured], how: Separation | None, spacing: Spacing) -> Iterator[str]:
    where = f"in {len(images)} label image{'s' if len(images) > 1 else ''} ({_extent(images)})"
    if how is None:
        yield f"Objects {where} were taken as they are numbered there."
        return
    text = f"Objects were found {where} as components of pixels of one class that share a side"
    if how.by == "shape":
        necks = how.necks(spacing)
        length = lengths_in_words([necks.depth], spacing.unit)
        if necks.smooth != necks.depth:
            length = f"{lengths_in_words([necks.smooth], spacing.unit)} and {length}"
        typical = (
            f", for a typical size of {lengths_in_words([how.typical], spacing.unit)}"
            if how.typical is not None
            else ""
        )
        text += (
            ", parted by a watershed where the smoothed distance to their outside has a neck "
            f"(smoothing and depth {length}{typical})"
        )
    if how.by == "border":
        if how.typical is not None:
            typical = lengths_in_words([how.typical], spacing.unit)
            text += f", parted at necks for a typical size of {typical} where their border has gaps"
        text += f", parted by the border class {how.border}, whose pixels were given back to them"
    yield text + "."
    if how.holes:
        yield f"Holes up to {how.holes:.4g} {spacing.power(len(spacing.size))} were filled."
    least = f"fewer than {SMALLEST_PX} pixels"
    if how.smallest is not None:
        least = f"less than {how.smallest:.4g} {spacing.power(len(spacing.size))}"
    yield f"Objects of {least} were left out (n = {sum(image.seen.dropped for image in images):,})."


def _extent(images: Sequence[Measured]) -> str:
    """How much was looked at."""
    spacing = images[0].table.spacing
    whole = sum(image.seen.pixels * image.table.spacing.cell for image in images)
    factor, unit = easy_unit(whole, spacing.power(len(spacing.size)))
    return f"{number_in_words(whole * factor)} {unit}"


def _measured(images: Sequence[Measured], spacing: Spacing) -> Iterator[str]:
    sizes = {image.table.spacing.size for image in images}
    if spacing.unit == PIXELS:
        yield "The size of the pixels is not known; lengths are in pixels."
    elif len(sizes) == 1:
        yield f"Pixels measure {lengths_in_words(spacing.size, spacing.unit)}."
    else:
        yield "Images were measured each at its own pixel size."
    border = "Perimeters are Crofton's with 4 directions"
    if len(spacing.size) == 3:
        border = "Surfaces are Crofton's with 13 directions"
    yield f"{border}; shapes of fewer than {SHAPE_FROM_PX} pixels were not measured."
    for image in images:
        yield from (f"{capital(note)} ({harmless(image.name)})." for note in image.table.notes)


def _of_class(
    name: str, told: Sequence[Quantity], images: Sequence[Measured], edge: EdgeRule
) -> Iterator[str]:
    cut = {
        "weight": "those at the edge were left out and the rest weighted (Miles, Lantuéjoul)",
        "drop": "those at the edge were left out and the rest not weighted",
        "keep": "those at the edge were kept as they are seen",
    }[edge]
    yield f"Of {name} there are {told[0].value:,.0f} objects; {cut}."
    by_method: dict[str, list[Quantity]] = {}
    for number in told[1:]:
        by_method.setdefault(number.method, []).append(number)
    for method, numbers in by_method.items():
        yield f"{capital('; '.join(map(told_easily, numbers)))}. Method: {method}."
    if len(images) == 1 and images[0].seen.count_range[0] != images[0].seen.count_range[1]:
        low, high = images[0].seen.count_range
        yield f"Telling apart at twice and at half the depth gives {low:,} to {high:,} objects."
