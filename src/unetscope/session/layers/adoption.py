"""Labels of a person's own as strokes: what can be painted on, and what the numbers mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unetscope.images.classes import LabelClass
from unetscope.images.questions import Answers, Choice, Question, Undecided
from unetscope.session.layers.big_labels import TiledLabels
from unetscope.session.layers.layer_facts import LARGEST_SHOWN

#: More unknown numbers than this may be objects as well as classes: a person is asked.
SURELY_CLASSES = 9
MOST_CLASSES = 255  # more cannot be told apart in a table
_ROWS_AT_ONCE = 2**24  # pixels that are looked at together
_DENSE = 2**22  # numbers within such a span are counted and looked up instead of sorted


@dataclass(frozen=True, eq=False)
class PaintableLabels:
    """Labels that can be painted on; ``note`` says what was done to them, "" for nothing.

    ``anew``: the numbers are others, so they belong on a layer of their own.
    """

    data: Any
    note: str = ""
    anew: bool = False


def paintable_labels(
    labels: Any, name: str, classes: Sequence[LabelClass], answers: Answers | None = None
) -> PaintableLabels:
    """Labels as strokes: in memory, of a type that napari can colour, each value a class.

    Parameters
    ----------
    labels
        Any array ``(y, x)`` or ``(z, y, x)`` of whole numbers. It is never written into, unless
        it is a plain array in memory, which then is painted on as it is.
    name
        For the question and the note.
    classes
        The class table; with "objects" the first class after the background is theirs.
    answers
        ``values`` says whether the numbers are classes or objects.

    Raises
    ------
    Undecided
        If there are many numbers and ``answers`` does not say what they are.
    """
    values = values_of(labels)
    known = {c.value for c in classes}
    unknown = [v for v in values if v > 0 and v not in known]
    said = (answers or Answers()).values
    if len(unknown) > SURELY_CLASSES and said is None:
        raise Undecided(_question(name, sum(v > 0 for v in values)))
    if said == "objects":
        thing = _object_class(classes)
        count = sum(v > 0 for v in values)
        return PaintableLabels(
            _mapped(labels, values, {v: thing for v in values if v > 0}),
            f"The {count:,} objects of {name} were copied as class {thing}; {name} is as it was.",
            anew=True,
        )
    meant = _small(values, known)
    changed = {v: m for v, m in meant.items() if v != m}
    if not changed and _is_plain(labels):
        return PaintableLabels(labels)
    if not changed:
        copied = f"{name} was copied into memory to be painted on; the original is not changed."
        return PaintableLabels(_mapped(labels, values, meant), copied)
    told = ", ".join(f"{v} → {m or 'unlabelled'}" for v, m in list(changed.items())[:5])
    note = f"{name} was copied, for no class can have some of its numbers: {told}."
    return PaintableLabels(_mapped(labels, values, meant), note, anew=True)


def _question(name: str, count: int) -> Question:
    text = f"{name} has {count:,} different numbers: are they objects or classes?"
    objects = Choice("objects", "objects of one class, each with its own number")
    if count > MOST_CLASSES:
        return Question("values", name, text, (objects,))
    return Question("values", name, text, (objects, Choice("classes", "a class for each number")))


def _is_plain(labels: Any) -> bool:
    """Whether painting into it changes nothing but memory."""
    if isinstance(labels, TiledLabels):
        return True
    own = labels
    while isinstance(own, np.ndarray):  # a view may be of a file
        if isinstance(own, np.memmap):
            return False
        own = own.base
    return isinstance(labels, np.ndarray) and labels.flags.writeable


def _planes(labels: Any) -> list[tuple[Any, ...]]:
    """Boxes of some million pixels that cover the labels, so that no more is read at once."""
    rows = max(1, _ROWS_AT_ONCE // max(1, labels.shape[-1]))
    leading = np.ndindex(*labels.shape[:-2])
    starts = range(0, labels.shape[-2], rows)
    return [(*plane, slice(y, y + rows)) for plane in leading for y in starts]


def values_of(labels: Any) -> list[int]:
    """The different values, in order."""
    if isinstance(labels, TiledLabels):
        return [int(v) for v in labels.values()]
    found: set[int] = set()
    for box in _planes(labels):
        found.update(_different(np.asarray(labels[box])))
    return sorted(found)


def _different(values: np.ndarray) -> list[int]:
    """The different values of an array; counted where that is faster than sorting."""
    if values.dtype == bool or values.size == 0:
        return [int(v) for v in np.unique(values)]
    low, high = int(values.min()), int(values.max())
    if high - low < _DENSE:
        offset = values.ravel() if low == 0 else values.ravel() - low
        return [int(v) + low for v in np.flatnonzero(np.bincount(offset.astype(np.int64)))]
    return [int(v) for v in np.unique(values)]


def _small(values: Sequence[int], known: set[int]) -> dict[int, int]:
    """Value -> class value: the same where a class can have it, else the next free one."""
    taken = known | {v for v in values if 0 < v <= LARGEST_SHOWN}
    free = (v for v in range(1, 2**16) if v not in taken)
    meant = {}
    for value in values:
        if value < 0:
            meant[value] = 0
        else:
            meant[value] = value if value <= LARGEST_SHOWN else next(free)
    return meant


def _mapped(labels: Any, values: Sequence[int], meant: dict[int, int]) -> Any:
    """A copy in memory in which each value is its meaning; in the smallest type that holds it."""
    most = max(meant.values(), default=0)
    dtype = np.min_scalar_type(max(most, 1))
    made = np.zeros(labels.shape, dtype)
    low = min(values, default=0)
    dense = max(values, default=0) - low < _DENSE
    kinds = np.arange(low, max(values, default=0) + 1) if dense else np.array(values)
    table = np.zeros(len(kinds), dtype)
    table[np.array(values, np.int64) - low if dense else slice(None)] = [
        meant.get(v, 0) for v in values
    ]
    for box in _planes(labels):
        part = np.asarray(labels[box])
        made[box] = table[part.astype(np.int64) - low if dense else np.searchsorted(kinds, part)]
    return made


def _object_class(classes: Sequence[LabelClass]) -> int:
    """The class of objects: the first after the background."""
    values = sorted(c.value for c in classes)
    return next((v for v in values if v > 1), 2 if values else 1)
