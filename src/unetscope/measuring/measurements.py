"""All that was found in the images of one work: their numbers by class, by group, and in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from unetscope.images.classes import default_color, harmless
from unetscope.measuring.groups import group_quantities, means_of_groups
from unetscope.measuring.populations import enough_for, population_of
from unetscope.measuring.quantities import Quantity
from unetscope.measuring.summary import (
    Measured,
    Procedure,
    class_quantities,
    methods_paragraph,
)


@dataclass(frozen=True, eq=False)
class Measurements:
    """Images that were measured in one way, in one unit.

    Attributes
    ----------
    names, colors
        The classes that were measured, by value, and their colours (``#RRGGBB``) where known.
    certainty
        Lines on what else the numbers depend on: edges, telling apart.
    """

    images: tuple[Measured, ...]
    names: Mapping[int, str]
    procedure: Procedure
    certainty: tuple[str, ...] = ()
    colors: Mapping[int, str] = field(default_factory=dict)

    def color_of(self, value: int) -> str:
        """The colour of a class, ``#RRGGBB``."""
        return self.colors.get(value) or default_color(value)

    @cached_property
    def quantities(self) -> dict[str, tuple[Quantity, ...]]:
        """The numbers of each class over all images, by its name."""
        return {
            name: class_quantities(self.images, value, name, self.procedure.edge)
            for value, name in sorted(self.names.items())
        }

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups (specimens) that were told, in the order of the images."""
        return tuple(dict.fromkeys(image.group for image in self.images if image.group))

    @cached_property
    def by_group(self) -> dict[str, dict[str, tuple[Quantity, ...]]]:
        """The numbers of each class in each group; empty where no groups were told."""
        if not self.groups:
            return {}
        return {
            name: group_quantities(self.images, value, name, self.procedure.edge)
            for value, name in sorted(self.names.items())
        }

    @cached_property
    def means(self) -> dict[str, tuple[Quantity, ...]]:
        """The means over groups of each class, by its name; empty without two groups."""
        means = {name: means_of_groups(grouped) for name, grouped in self.by_group.items()}
        return {name: numbers for name, numbers in means.items() if numbers}

    @cached_property
    def paragraph(self) -> str:
        """The words for a paper."""
        told = self.quantities
        if self.means:
            told = {
                name: (*numbers, *_essential(self.means[name])) for name, numbers in told.items()
            }
        words = methods_paragraph(self.images, told, self.procedure)
        return " ".join([words, *self._enough(), *self.certainty])

    def _enough(self) -> Iterator[str]:
        """For each class, which percentiles its objects are enough for."""
        for value, name in sorted(self.names.items()):
            tables = [image.table.of_class(value) for image in self.images]
            objects = population_of(tables, self.procedure.edge)
            yield f"Of {harmless(name)}, {enough_for(objects)}"


def _essential(means: Sequence[Quantity]) -> list[Quantity]:
    """Those means of groups that a paper tells."""
    told = ("mean diameter", "density", "fraction")
    return [number for number in means if any(word in number.name for word in told)]
