"""What annotations are here: a label image, its class table, and the objects in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import AnnotationError

#: Label values are stored in 16 bits at most.
MOST_CLASSES = 65535
#: Okabe and Ito's colours, which stay apart for colour-blind people.
_COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#56B4E9", "#D55E00", "#999999")
_UNNAMED = "unclassified"


class ClassLike(Protocol):
    """Anything with a value, a name and a colour: a class of the class table."""

    @property
    def value(self) -> int:
        """The number in the labels, 1 or more."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def color(self) -> str:
        """``#RRGGBB``."""


@dataclass(frozen=True)
class AnnotatedClass:
    """One class: ``value`` in the labels (1 or more), name and ``#RRGGBB``."""

    value: int
    name: str
    color: str


@dataclass(frozen=True, eq=False)
class Annotations:
    """Labels of one image, whatever file they come from or go to.

    Attributes
    ----------
    labels
        (y, x) or (z, y, x), uint8 or uint16; 0 means unlabelled.
    classes
        One for every value in ``labels``, in increasing order of value.
    instances
        Number of the object at each pixel, uint32 of the same shape, 0 where there is none; None
        where objects are not told apart.
    notes
        What a person should know about the reading: what was renamed, cut off or left out.
    """

    labels: NDArray[Any]
    classes: tuple[AnnotatedClass, ...]
    instances: NDArray[np.uint32] | None = None
    notes: tuple[str, ...] = ()


def as_annotations(
    labels: NDArray[Any],
    classes: Iterable[ClassLike] = (),
    instances: NDArray[Any] | None = None,
    notes: Sequence[str] = (),
) -> Annotations:
    """Annotations of a label image, with a default class for each value that ``classes`` lacks.

    Raises
    ------
    AnnotationError
        If labels are not (y, x) or (z, y, x) whole numbers from 0 to 65535, or instances do not
        have their shape.
    """
    labels = np.asarray(labels)
    if labels.ndim not in (2, 3) or labels.dtype.kind not in "uib" or labels.size == 0:
        raise AnnotationError(
            f"labels of shape {labels.shape} and dtype {labels.dtype} are not label numbers in "
            "(y, x) or (z, y, x); give whole numbers"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high > MOST_CLASSES:
        raise AnnotationError(
            f"labels reach from {low} to {high}; classes have the numbers 1 to {MOST_CLASSES}, "
            "0 means unlabelled"
        )
    if instances is not None:
        instances = np.asarray(instances)
        if instances.shape != labels.shape:
            raise AnnotationError(
                f"instances have the shape {instances.shape}, the labels {labels.shape}; give both "
                "for the same image"
            )
        if instances.dtype.kind not in "ui" or instances.min() < 0 or instances.max() >= 2**32:
            raise AnnotationError(
                f"the numbers of the objects in the labels are {instances.dtype} from "
                f"{instances.min()} to {instances.max()}; give whole numbers from 0 to 4294967295"
            )
        instances = instances.astype(np.uint32, copy=False)
    labels = labels.astype(np.uint8 if high < 256 else np.uint16, copy=False)
    table = ClassTable(classes)
    for value in np.flatnonzero(value_counts(labels)):
        table.add_value(int(value))
    return Annotations(labels, table.classes, instances, tuple(notes))


def value_counts(labels: NDArray[Any]) -> NDArray[np.int64]:
    """How many pixels have each value of unsigned 8 or 16 bit ``labels``, from 0 on."""
    counts = np.zeros(MOST_CLASSES + 1, np.int64)
    for plane in np.atleast_2d(labels):  # bincount needs eight times the bytes of what it counts
        found = np.bincount(plane.ravel())
        counts[: len(found)] += found
    return counts


class ClassTable:
    """The classes met so far, and the value that a name of a file gets among them."""

    def __init__(self, known: Iterable[ClassLike] | None = None) -> None:
        self._known = {c.value: AnnotatedClass(c.value, c.name, c.color) for c in known or ()}
        self._by_name = {_folded(c.name): c.value for c in self._known.values()}
        self.added: list[str] = []

    @property
    def classes(self) -> tuple[AnnotatedClass, ...]:
        """All classes in increasing order of value."""
        return tuple(self._known[value] for value in sorted(self._known))

    def value_of(
        self, name: str | None, color: str | None = None, proposed: int | None = None
    ) -> int:
        """The value of the class called ``name``; a name that is new becomes a new class.

        It gets the ``proposed`` value where that is free. Without a name the proposed value alone
        decides. Upper and lower case are the same.
        """
        if name is None and proposed is not None and proposed in self._known:
            return proposed
        called = (name or "").strip() or (f"class {proposed}" if proposed else _UNNAMED)
        if _folded(called) in self._by_name:
            return self._by_name[_folded(called)]
        value = proposed if proposed and self._is_free(proposed) else self._next_free()
        self._add(AnnotatedClass(value, called, color or default_color(value)))
        self.added.append(called)
        return value

    def add_value(self, value: int) -> None:
        """A class of this value with a default name, unless there is one."""
        if value and value not in self._known:
            self._add(AnnotatedClass(value, f"class {value}", default_color(value)))

    def _add(self, new: AnnotatedClass) -> None:
        self._known[new.value] = new
        self._by_name[_folded(new.name)] = new.value

    def _is_free(self, value: int) -> bool:
        return 0 < value <= MOST_CLASSES and value not in self._known

    def _next_free(self) -> int:
        value = len(self._known) + 1
        while value in self._known:
            value += 1
        if value > MOST_CLASSES:
            raise AnnotationError(
                f"there are more than {MOST_CLASSES} classes; give objects of one kind one class"
            )
        return value


def default_color(value: int) -> str:
    """The colour of a class that has none of its own."""
    return _COLORS[(value - 1) % len(_COLORS)]


def color_of(red_green_blue: Sequence[Any]) -> str:
    """``#RRGGBB`` of three numbers from 0 to 255."""
    red, green, blue = (min(255, max(0, int(part))) for part in red_green_blue[:3])
    return f"#{red:02X}{green:02X}{blue:02X}"


def color_parts(color: str) -> tuple[int, int, int]:
    """Red, green and blue from 0 to 255 of ``#RRGGBB``; grey where it is written otherwise."""
    try:
        number = int(color.removeprefix("#")[:6], 16)
    except ValueError:
        number = 0x999999
    return number >> 16 & 255, number >> 8 & 255, number & 255


def _folded(name: str) -> str:
    return name.strip().casefold()
