"""How numbers would be if objects were found otherwise: lines beside a number, never added."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import capital
from unetscope.images.classes import harmless
from unetscope.measuring.certainty import (
    certainty_of,
    edge_envelope,
    objects_by_choice,
    with_edges,
)
from unetscope.measuring.object_table import ObjectTable, measure
from unetscope.measuring.objects import Objects
from unetscope.measuring.one_image import SegmentedImage, Wanted
from unetscope.measuring.populations import (
    EdgeRule,
    Population,
    mean_diameter,
    percentile,
    population_of,
)
from unetscope.measuring.quantities import Quantity


@dataclass(frozen=True, eq=False)
class Alternatives:
    """Tables of one image whose objects were found otherwise.

    Attributes
    ----------
    told_apart
        By other depths of necks and other edges, always in the same order; () of numbered objects.
    edges
        By class the tables with the sizes of the inner and of the outer edge; empty where no
        probabilities are known.
    """

    told_apart: tuple[ObjectTable, ...] = ()
    edges: Mapping[int, tuple[ObjectTable, ObjectTable]] = field(default_factory=dict)


def alternatives_of(
    segmented: SegmentedImage,
    wanted: Wanted,
    objects: Objects,
    table: ObjectTable,
    probabilities: NDArray[Any] | None = None,
) -> Alternatives:
    """Find the objects of an image otherwise, and measure them.

    ``probabilities`` (value, …) are those of the class of each value, 0 first.

    Raises
    ------
    MeasurementError
        If the probabilities do not fit the labels.
    """
    region, apart = segmented.region, []
    if objects.how is not None:
        how = replace(wanted.separation, classes=wanted.classes)
        others = objects_by_choice(segmented.labels, probabilities, segmented.spacing, how, region)
        apart = [measure(other, None, region) for _, other in others]
    edges = {}
    for value in wanted.classes if probabilities is not None else ():
        assert probabilities is not None
        own = _of_class(objects, value)
        if value < len(probabilities) and len(own.numbers):
            envelope = edge_envelope(own, probabilities[value], region)
            edges[value] = with_edges(table.of_class(value), envelope)
    return Alternatives(tuple(apart), edges)


def certainty_lines(
    names: Mapping[int, str],
    quantities: Mapping[str, Sequence[Quantity]],
    others: Sequence[Alternatives],
    edge: EdgeRule,
) -> tuple[str, ...]:
    """Sentences on the mean diameter and d50 of each class: sampling, edge, telling apart.

    ``others`` are of all images; where one has none of a kind, that line is not told.
    """
    return tuple(
        sentence
        for value, name in names.items()
        for sentence in _of_numbers(value, name, quantities[name], others, edge)
    )


def _of_numbers(
    value: int, name: str, told: Sequence[Quantity], others: Sequence[Alternatives], edge: EdgeRule
) -> Iterator[str]:
    numbers: dict[str, Callable[[Population], Quantity]] = {
        "mean diameter": mean_diameter,
        "d50 by number": lambda objects: percentile(objects, 50),
    }
    apart, edges = _populations(value, others, edge)
    for number in told:
        again = numbers.get(number.name)
        if again is None or np.isnan(number.value):
            continue
        sure = certainty_of(number, [again(p) for p in edges], [again(p) for p in apart])
        if any(line.kind != "sampling" for line in sure.lines):
            lines = "; ".join(map(str, sure.lines))
            yield f"{capital(harmless(name))}, {number.name}: {lines}."


def _populations(
    value: int, others: Sequence[Alternatives], edge: EdgeRule
) -> tuple[list[Population], list[Population]]:
    """Objects of a class over all images, by each choice, and by each edge."""
    counts = {len(one.told_apart) for one in others}
    apart = []
    if len(counts) == 1:
        by_choice = zip(*(one.told_apart for one in others), strict=True)
        apart = [population_of([t.of_class(value) for t in tables], edge) for tables in by_choice]
    edges = []
    if others and all(value in one.edges for one in others):
        by_edge = zip(*(one.edges[value] for one in others), strict=True)
        edges = [population_of(tables, edge) for tables in by_edge]
    return apart, edges


def _of_class(objects: Objects, value: int) -> Objects:
    """The objects of one class alone."""
    own = objects.class_of == value
    numbers = objects.numbers[own]
    return replace(
        objects,
        ids=np.where(np.isin(objects.ids, numbers), objects.ids, 0),
        numbers=numbers,
        class_of=objects.class_of[own],
        doubt=objects.doubt[own],
    )
