"""How sure a number is, in lines that are never added: sampling, edge, telling apart, pixel size.

Class probabilities do not say how far an edge may lie elsewhere in the way of a standard deviation:
pixels are no independent drawings, and how far one edge moves together is not in them (the sum of
p (1 - p) is 3 to 11 times too small). What they do say is where the edge would lie if more or less
were asked for, and that is told as what it is: an envelope, not 95 %. A network may be sure of an
edge that lies elsewhere; nearer than half a pixel an edge of pixels cannot be known, so that the
envelope is never narrower on either side.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import watershed

from unetscope.errors import MeasurementError
from unetscope.measuring.object_table import ObjectTable
from unetscope.measuring.objects import Objects, Separation, objects_of
from unetscope.measuring.pixel_runs import Floats, Ints
from unetscope.measuring.quantities import LEVEL, Quantity, Spacing

#: Where the edge would lie if less or more were asked for.
LESS, MORE = 0.3, 0.7
#: Telling apart is tried at these parts of the depth of necks.
_DEPTHS = (0.5, 1.0, 2.0)
#: So far from 1 may the probabilities of a pixel sum to: those of 8 bits are that rough.
_SUM = 0.02
Kind = Literal["sampling", "edge", "telling apart", "pixel size"]
_WORDS: dict[Kind, str] = {
    "sampling": f"{LEVEL:.0%} interval, other places of the same material",
    "edge": f"edges where p ≥ {MORE:g} to p ≥ {LESS:g}, half a pixel at least; no interval",
    "telling apart": (
        f"necks of ½ to 2 times the depth, edges at p {LESS:g}, as found and {MORE:g}; no interval"
    ),
    "pixel size": "the error of the pixel size that was told",
}


def checked_probabilities(probabilities: NDArray[Any], shape: Sequence[int]) -> NDArray[Any]:
    """Probabilities (class, y, x) or (class, z, y, x) of all classes of an image of this shape.

    Raises
    ------
    MeasurementError
        If they have another shape, are not from 0 to 1, are not finite, or do not sum to 1.
    """
    given = np.asarray(probabilities)
    if given.ndim != len(shape) + 1 or given.shape[1:] != tuple(shape) or given.dtype.kind != "f":
        raise MeasurementError(
            f"probabilities of shape {given.shape} and dtype {given.dtype} are not those of labels "
            f"of shape {tuple(shape)}; give real numbers of the same axes, classes first"
        )
    sums = np.zeros(tuple(shape), np.float32)
    for values in given:
        if not np.isfinite(values).all():
            raise MeasurementError("probabilities are not finite everywhere; predict anew")
        if values.size and not (values.min() >= -_SUM and values.max() <= 1 + _SUM):
            raise MeasurementError(
                f"probabilities reach from {values.min():.3g} to {values.max():.3g}; give 0 to 1"
            )
        sums += values
    worst = float(np.abs(sums - 1).max(initial=0))
    if worst > _SUM:
        raise MeasurementError(
            f"probabilities of a pixel sum to {1 - worst:.3g} or {1 + worst:.3g}, not to 1; give "
            "those of all classes, background too"
        )
    return given


@dataclass(frozen=True, eq=False)
class EdgeEnvelope:
    """Sizes if edges lay elsewhere: ``low`` and ``high`` (object,) areas or volumes.

    In the unit of the image; an object's own size lies between them, each at least as far off as
    half a pixel all round moves it. ``share_low`` and ``share_high`` are those of the class in all
    of what was looked at, by its probability alone.
    """

    numbers: Ints
    low: Floats
    high: Floats
    share_low: float
    share_high: float


def edge_envelope(
    objects: Objects, probability: NDArray[Any], region: NDArray[np.bool_] | None = None
) -> EdgeEnvelope:
    """The envelope of objects of one class, from its ``probability`` at each pixel.

    What is likelier than :data:`LESS` and connected with an object belongs to it; where two objects
    meet, along the valley of the probability.

    Raises
    ------
    MeasurementError
        If the probabilities have another shape or are not from 0 to 1.
    """
    shape = tuple(objects.ids.shape)
    checked_probabilities(np.stack([probability, 1 - np.asarray(probability)]), shape)
    place = np.searchsorted(objects.numbers, np.asarray(objects.ids)) + 1
    markers = np.where(np.asarray(objects.ids) > 0, place, 0).astype(np.int32)
    zone = (probability >= LESS) | (markers > 0)
    if region is not None:
        zone &= region | (markers > 0)
    owner = watershed(-np.asarray(probability, np.float64), markers, mask=zone)
    found = {}
    for least in (MORE, LESS):
        counts = np.bincount(
            owner[(probability >= least) & zone], minlength=len(objects.numbers) + 1
        )
        found[least] = counts[1:] * objects.spacing.cell
    own = objects.runs.pixels * objects.spacing.cell
    inner, outer = half_pixel_sizes(own, objects.spacing)
    looked = np.ones(shape, bool) if region is None else region
    shares = [float(np.count_nonzero((probability >= t) & looked)) for t in (MORE, LESS)]
    pixels = max(int(np.count_nonzero(looked)), 1)
    return EdgeEnvelope(
        objects.numbers,
        np.minimum(found[MORE], inner),
        np.maximum(found[LESS], outer),
        shares[0] / pixels,
        shares[1] / pixels,
    )


def half_pixel_sizes(own: NDArray[np.floating[Any]], spacing: Spacing) -> tuple[Floats, Floats]:
    """Areas (volumes) of disks (balls) as large as ``own`` with their edge half a pixel in and out.

    An elongated object has more edge for its area: for it this is less than half a pixel.
    """
    axes = len(spacing.size)
    pixel = spacing.cell ** (1 / axes)
    disk = np.pi / 4 if axes == 2 else np.pi / 6
    across = (np.asarray(own, np.float64) / disk) ** (1 / axes)
    return disk * np.maximum(across - pixel, 0) ** axes, disk * (across + pixel) ** axes


def half_pixel_lengths(length: float, pixel: float) -> tuple[float, float]:
    """A width or diameter with either of its two edges half a pixel in, and out."""
    return max(length - pixel, 0.0), length + pixel


def with_edges(table: ObjectTable, envelope: EdgeEnvelope) -> tuple[ObjectTable, ObjectTable]:
    """The table with the sizes of the inner and of the outer edge; all else is as it was.

    Objects that nothing is left of are left out. Area (volume) and diameter are changed.
    """
    at = np.searchsorted(envelope.numbers, table.columns["object"])
    return _sized(table, envelope.low[at]), _sized(table, envelope.high[at])


def _sized(table: ObjectTable, size: Floats) -> ObjectTable:
    flat = len(table.spacing.size) == 2
    diameter = np.sqrt(4 * size / np.pi) if flat else np.cbrt(6 * size / np.pi)
    columns = {**table.columns, "area" if flat else "volume": size, "diameter": diameter}
    return replace(table, columns=columns).where(size > 0)


@dataclass(frozen=True)
class OtherChoice:
    """Another way to find the same objects: so many times the depth, edges at this probability.

    ``edge`` is None where the labels are taken as they are.
    """

    depth: float
    edge: float | None


def choices(how: Separation) -> tuple[OtherChoice, ...]:
    """Nine where objects are told apart at necks, three where they are not; their own included."""
    depths = _DEPTHS if how.at_necks else (1.0,)
    return tuple(OtherChoice(depth, edge) for edge in (None, LESS, MORE) for depth in depths)


def objects_by_choice(
    labels: NDArray[Any],
    probabilities: NDArray[Any] | None,
    spacing: Spacing,
    how: Separation,
    region: NDArray[np.bool_] | None = None,
) -> Iterator[tuple[OtherChoice, Objects]]:
    """Find the objects anew for each choice, one at a time; without probabilities, by depth alone.

    ``probabilities`` (class, …) are those of classes 1, 2, …, background first.

    Raises
    ------
    MeasurementError
        If the probabilities are none.
    """
    if probabilities is not None:
        probabilities = checked_probabilities(probabilities, labels.shape)
    necks = how.necks(spacing)
    for choice in choices(how):
        if choice.edge is not None and probabilities is None:
            continue
        depth = necks.depth * choice.depth if how.at_necks else how.depth
        other = replace(how, depth=depth, smooth=necks.smooth if how.at_necks else how.smooth)
        found = labels
        if choice.edge is not None and probabilities is not None:
            found = _labels_at(labels, probabilities, other, choice.edge)
        yield choice, objects_of(found, spacing, other, region)


def _labels_at(
    labels: NDArray[Any], probabilities: NDArray[Any], how: Separation, edge: float
) -> NDArray[Any]:
    """Classes where they are likelier than ``edge``; a painted border stays where it was found."""
    last = len(probabilities)
    classes = [v for v in how.classes or range(1, last) if v != how.border and 0 < v < last]
    best = np.full(labels.shape, -1.0, np.float32)
    found = np.zeros(labels.shape, np.int64)
    for value in classes:
        better = probabilities[value] > best
        best[better], found[better] = probabilities[value][better], value
    found[best < edge] = 0
    if how.border is not None:
        found[labels == how.border] = how.border
    return found


@dataclass(frozen=True)
class CertaintyLine:
    """Between which ends a number lies for one of the reasons why it may be another."""

    kind: Kind
    low: float
    high: float
    unit: str

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.kind}: {self.low:.4g} to {self.high:.4g}{unit} ({_WORDS[self.kind]})"


@dataclass(frozen=True)
class Certainty:
    """A number and its lines, each for itself: they are not to be added up."""

    number: Quantity
    lines: tuple[CertaintyLine, ...]

    def sentence(self) -> str:
        """All of it in words."""
        return "; ".join([str(self.number), *map(str, self.lines)]) + "."

    def as_record(self) -> dict[str, Any]:
        """Plain values for JSON."""
        lines = [
            {"kind": line.kind, "low": line.low, "high": line.high, "means": _WORDS[line.kind]}
            for line in self.lines
        ]
        return {**self.number.as_record(), "certainty": lines}


def certainty_of(
    number: Quantity,
    edges: Sequence[Quantity] = (),
    told_apart: Sequence[Quantity] = (),
    pixel_size: float | None = None,
) -> Certainty:
    """The lines of a number.

    Parameters
    ----------
    number
        As it is told.
    edges
        The same number of the inner and of the outer edge (:func:`with_edges`).
    told_apart
        The same number by other choices (:func:`objects_by_choice`).
    pixel_size
        Relative error of the pixel size.

    Raises
    ------
    MeasurementError
        If other numbers are given for it, or the error of the pixel size is none.
    """
    if {other.unit for other in (*edges, *told_apart)} - {number.unit}:
        raise MeasurementError(f"{number.name} has its lines from numbers of other units")
    lines = []
    if number.low is not None and number.high is not None:
        lines.append(CertaintyLine("sampling", number.low, number.high, number.unit))
    by_kind: tuple[tuple[Kind, Sequence[Quantity]], ...] = (
        ("edge", edges),
        ("telling apart", told_apart),
    )
    for kind, others in by_kind:
        values = [n.value for n in (number, *others) if math.isfinite(n.value)]
        if others and values:
            lines.append(CertaintyLine(kind, min(values), max(values), number.unit))
    if pixel_size is not None and math.isfinite(number.value):
        lines += _by_pixel_size(number, pixel_size)
    return Certainty(number, tuple(lines))


def _by_pixel_size(number: Quantity, error: float) -> list[CertaintyLine]:
    """Lengths go with the pixel size, areas with its square; a grain size number with its log."""
    if not 0 <= error < 1:
        raise MeasurementError(f"a relative error of {error} is none of a pixel size; give 0 to 1")
    power = _power(number.unit)
    if number.name.startswith("G by"):
        ends = [number.value - 6.643856 * math.log10(1 + sign * error) for sign in (1, -1)]
    elif power:
        ends = [number.value * (1 + sign * error) ** power for sign in (1, -1)]
    else:
        return []
    return [CertaintyLine("pixel size", min(ends), max(ends), number.unit)]


def _power(unit: str) -> int:
    """Of the length in a unit: 2 of nm², -2 of 1/nm², 0 of none and of angles."""
    if not unit or unit == "°":
        return 0
    power = {"²": 2, "³": 3}.get(unit[-1], 1)
    return -power if unit.startswith("1/") else power


def numbers_by_choice(
    found: Iterator[tuple[OtherChoice, Objects]], number: Callable[[Objects], Quantity]
) -> Iterator[Quantity]:
    """A number of the objects of each choice."""
    for _, objects in found:
        yield number(objects)
