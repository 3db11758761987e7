"""OME-Zarr labels as annotations: names, colours and objects of a label image.

https://ngff.openmicroscopy.org/0.5/#labels-md. Numbers that share a class are objects of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.images.annotations.documents import annotation_errors
from unetscope.images.annotations.label_images import (
    LabelImage,
    label_image_at,
    shape_of,
    values_of,
)
from unetscope.images.annotations.masks import MOST_CLASS_VALUES, fitted, read_mask
from unetscope.images.annotations.values import (
    MOST_CLASSES,
    Annotations,
    ClassTable,
    as_annotations,
    color_of,
)
from unetscope.images.classes import LabelClass
from unetscope.images.questions import Answers
from unetscope.images.zarr_folder import is_zarr

_LARGEST = 2**32 - 1


def read_ome_labels(
    path: Path,
    image_shape: tuple[int, ...],
    classes: Iterable[LabelClass] | None = None,
    image_name: str | None = None,
    answers: Answers | None = None,
) -> Annotations:
    """Labels of an OME-Zarr: of an image, of its group ``labels``, or one label image.

    Parameters
    ----------
    path, image_shape, classes
        As in :func:`unetscope.images.annotations.formats.read_annotations`.
    image_name
        Chooses among several label images, where one is called so.
    answers
        ``label_image`` chooses among several, ``series`` among the images of a container, and
        ``values`` says whether numbers are classes or objects.

    Raises
    ------
    AnnotationError
        If there are no labels, or they do not fit the image.
    Undecided
        If there are several label images or images.
    """
    said = answers or Answers()
    with annotation_errors(path, "OME-Zarr labels"):
        found = label_image_at(path, said, image_name)
        _check_shape(found, image_shape)
        entries = _entries_of(found.said)
        notes = [*found.notes, *entries.notes]
        if not entries.classes:
            zero = "unlabelled" if found.said and said.zero is None else said.zero
            read = read_mask(found.where, image_shape, classes, answers=replace(said, zero=zero))
        else:
            values = fitted(values_of(found), image_shape)
            table = ClassTable(classes)
            if _number_objects(values, entries, found, table, said.values):
                read = _as_objects(values, entries, table)
            else:
                read = _as_classes(values, entries, table)
        read = _with_objects(read, found, image_shape)
        return replace(read, notes=(*notes, *read.notes))


def _check_shape(found: LabelImage, image_shape: tuple[int, ...]) -> None:
    """Before a number is read, as what claims to be far larger does not belong to the image."""
    shape = shape_of(found)
    if sorted(n for n in shape if n > 1) != sorted(n for n in image_shape if n > 1):
        fitted(np.broadcast_to(np.uint8(0), shape), image_shape)


@dataclass(frozen=True)
class _Entries:
    """What a label image says of its numbers; what could not be read is in ``notes``."""

    classes: dict[int, LabelClass]
    notes: tuple[str, ...]


def _entries_of(said: Mapping[str, Any]) -> _Entries:
    """Names and colours by number; an odd entry is left out and counted, and the rest is kept."""
    colors: dict[int, str] = {}
    classes: dict[int, LabelClass] = {}
    odd: list[str] = []
    for entry in _listed(said.get("colors")):
        value, color = _value(entry), _color(entry)
        if value is None or color is None:
            odd.append("colors")
        else:
            colors.setdefault(value, color)
    for entry in _listed(said.get("properties")):
        value = _value(entry)
        if value is None:
            odd.append("properties")
        elif value and (name := _name(entry)):
            classes.setdefault(value, LabelClass(value, name, colors.get(value, "")))
    several = "entries" if len(odd) > 1 else "entry"
    note = f"{len(odd)} {several} of the label metadata ({', '.join(dict.fromkeys(odd))}) left out"
    return _Entries(classes, (f"{note}: no usable number or colour",) if odd else ())


def _listed(told: Any) -> list[Any]:
    return told if isinstance(told, list) else [] if told is None else [told]


def _value(entry: Any) -> int | None:
    """The number an entry is about; None if there is no whole one from 0 on."""
    told = entry.get("label-value") if isinstance(entry, Mapping) else None
    if isinstance(told, str) and told.strip().isdecimal():
        told = int(told)
    if isinstance(told, bool) or not isinstance(told, int | float) or told != told:
        return None
    return int(told) if 0 <= told <= _LARGEST and told == int(told) else None


def _color(entry: Any) -> str | None:
    parts = entry.get("rgba") if isinstance(entry, Mapping) else None
    if not isinstance(parts, list) or len(parts) < 3:
        return None
    numbers = [part for part in parts[:3] if isinstance(part, int | float) and abs(part) < 1e6]
    if len(numbers) < 3:
        return None
    shares = any(isinstance(part, float) and not part.is_integer() for part in numbers)
    return color_of([part * 255 if shares and max(numbers) <= 1 else part for part in numbers])


def _name(entry: Any) -> str:
    """The class of an entry, or what it is called where no class is said."""
    for key in ("class", "name"):
        told = entry.get(key)
        if isinstance(told, str | int | float) and not isinstance(told, bool):
            return str(told).strip()
    return ""


def _number_objects(
    values: NDArray[Any],
    entries: _Entries,
    found: LabelImage,
    known: ClassTable,
    answer: str | None,
) -> bool:
    """Whether the numbers are objects: several share a class, or there are too many for classes."""
    if answer in ("classes", "objects"):
        return answer == "objects"
    names = [entry.name.casefold() for entry in entries.classes.values()]
    if found.holds_classes or {one.name.casefold() for one in known.classes} >= set(names):
        return False
    large = bool(values.size) and int(values.max()) > MOST_CLASSES
    return large or len(set(names)) < len(names) or len(names) > MOST_CLASS_VALUES


def _as_objects(values: NDArray[Any], entries: _Entries, table: ClassTable) -> Annotations:
    """Each number one object, of the class that its entry names."""
    kinds = np.unique(values)
    names = {entry.name.casefold() for entry in entries.classes.values()}
    single = len(names) == len(entries.classes) > MOST_CLASS_VALUES
    notes = [f"the numbers up to {int(kinds[-1])} were taken as objects"]
    if single:
        notes.append(f"the names of {len(names)} single objects have no place and were left out")
    meant = [
        0 if kind == 0 else _class_of(int(kind), entries, table, named=not single) for kind in kinds
    ]
    labels = np.asarray(meant, np.uint16)[np.searchsorted(kinds, values)]
    return as_annotations(labels, table.classes, values, [*notes, *_new(table)])


def _class_of(kind: int, entries: _Entries, table: ClassTable, named: bool) -> int:
    entry = entries.classes.get(kind)
    if entry is None or not named:
        return table.value_of("object")
    return table.value_of(entry.name, entry.color)


def _as_classes(values: NDArray[Any], entries: _Entries, table: ClassTable) -> Annotations:
    """Each number a class; those without an entry keep theirs."""
    meant = {
        value: table.value_of(entry.name, entry.color, value)
        for value, entry in entries.classes.items()
    }
    if any(value != number for value, number in meant.items()):
        kinds = np.unique(values)
        numbers = np.asarray([meant.get(int(kind), int(kind)) for kind in kinds])
        values = numbers[np.searchsorted(kinds, values)]
    return as_annotations(values, table.classes, None, _new(table))


def _new(table: ClassTable) -> list[str]:
    count = len(table.added)
    classes = "class is" if count == 1 else "classes are"
    return [f"{count} {classes} new: {', '.join(table.added)}"] if count else []


def _with_objects(
    read: Annotations, found: LabelImage, image_shape: tuple[int, ...]
) -> Annotations:
    """The objects that unetscope wrote along with these labels."""
    if found.objects is None or not is_zarr(found.objects):
        return read
    objects = LabelImage(found.objects, {})
    _check_shape(objects, image_shape)
    values = fitted(values_of(objects), image_shape)
    return as_annotations(read.labels, read.classes, values, read.notes)
