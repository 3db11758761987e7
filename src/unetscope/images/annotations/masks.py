"""Masks as images: one number per pixel, in files of their own that are named after the images."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from unetscope.errors import AnnotationError
from unetscope.images.annotations.documents import annotation_errors
from unetscope.images.annotations.mask_names import says_what_it_is
from unetscope.images.annotations.values import (
    MOST_CLASSES,
    Annotations,
    as_annotations,
    harmless,
    plain_text,
    turned_hint,
    value_counts,
)
from unetscope.images.claims import LABELS, Claim
from unetscope.images.classes import LabelClass, default_class, default_color
from unetscope.images.files import read_labels, write_labels
from unetscope.images.micrograph import Micrograph
from unetscope.images.questions import Answers, Choice, Question, Undecided

#: A mask with more values than this numbers its objects, not its classes.
MOST_CLASS_VALUES = 32
_OF_CELLPOSE = "_cp_masks"  # its window and command line call masks so, and number cells in them
_FEWEST_OBJECTS = 4  # fewer numbers are classes, which every mask of a few areas has
_MOST = 0.8  # of the numbers and of their pixels: one cell that was cut in two says little
_COMPACT = 0.3  # share of its box that an object fills at least
_WIDEST_OBJECT = 0.5  # of the image; what spans more is an area, not an object
_RESTLESS = 0.25  # of neighbours that differ; masks have areas, grey values have noise
#: The one other value of masks that say yes or no.
_YES_VALUES = (1, 255, 65535)


@dataclass(frozen=True)
class ValueProposal:
    """What a value of a mask probably means: a class, or unlabelled where ``proposed`` is None."""

    value: int
    pixels: int
    proposed: LabelClass | None


def propose_classes(
    labels: NDArray[Any], classes: Iterable[LabelClass] = ()
) -> tuple[ValueProposal, ...]:
    """What each value of a mask means, as a proposal for a person to confirm.

    A mask of two values of which one is 0 says for every pixel whether it is object or background;
    otherwise 0 is unlabelled and each value a class of its own number where there is room. More
    than 32 values, and more than three that are one compact piece each, are objects of one class.
    """
    values, pixels = _kinds(labels)
    known = {c.value: c for c in classes}
    meant: dict[int, LabelClass | None] = {}
    if _says_yes_or_no(values):
        meant = {
            0: known.get(1, LabelClass(1, "background", default_color(1))),
            int(values[1]): known.get(2, LabelClass(2, "object", default_color(2))),
        }
    elif _numbers_objects(values, known) or _may_be_objects(labels, values, known):
        meant = dict.fromkeys((int(v) for v in values if v), _object_class(known))
    else:
        for value in (int(v) for v in values if v):
            number = value if value <= MOST_CLASSES else len(meant) + 1
            fallback = default_class(number)
            meant[value] = known.get(number, fallback)
    return tuple(
        ValueProposal(int(value), int(count), meant.get(int(value)))
        for value, count in zip(values, pixels, strict=True)
    )


def read_mask(
    path: Path,
    image_shape: tuple[int, ...],
    classes: Iterable[LabelClass] | None = None,
    meanings: Mapping[int, int] | None = None,
    answers: Answers | None = None,
) -> Annotations:
    """A mask file as labels.

    Parameters
    ----------
    path
        TIFF, PNG, BMP or a zarr of whole numbers.
    image_shape
        (y, x) or (z, y, x), which the mask must have.
    classes
        The class table.
    meanings
        Class value of each value of the mask, 0 for unlabelled (see :func:`propose_classes`).
        Without it the numbers are taken as they are; if there are more than 32 kinds, or one is
        too large, they are objects of one class.
    answers
        ``values`` says whether the numbers are classes or objects, ``zero`` what 0 means;
        ``meanings`` goes before both.

    Raises
    ------
    Undecided
        If nobody said what 0 is in a mask of 0 and 1, 255 or 65535, or whether more than three
        numbers, each of one compact piece, are classes or objects. Masks that unetscope wrote say
        it themselves.
    AnnotationError
        If the file cannot be read, is no mask, or has another shape than the image.
    """
    said = answers or Answers()
    with annotation_errors(path, "mask"):
        values = fitted(read_labels(path, answers), image_shape)
        kinds, _ = _kinds(values)
        if meanings is not None:
            return as_annotations(_mapped(values, kinds, meanings), classes or ())
        known = {c.value: c for c in classes or ()}
        asked = not says_what_it_is(path)
        if _are_objects(values, kinds, known, said, path.name if asked else None):
            return objects_of(values, known, said)
        if asked and said.zero is None and _says_yes_or_no(kinds):
            raise Undecided(_question_of_zero(path.name, int(kinds[1]), known))
        if asked and said.zero == "background":
            return _with_background(values, kinds, known)
        told = _blank_or_grey(kinds, known if asked else kinds)
        return as_annotations(values, known.values(), notes=told)


def _blank_or_grey(kinds: NDArray[Any], known: Container[int]) -> list[str]:
    """What to know of numbers that were taken as classes: there are none, or they are odd ones.

    Odd is what is large and not ``known`` to be a class.
    """
    if not kinds.any():
        return ["the mask holds nothing but 0, which is unlabelled"]
    odd = [int(kind) for kind in kinds if kind and int(kind) not in known]
    if max(odd, default=0) <= MOST_CLASS_VALUES:
        return []
    named = ", ".join(map(str, odd[:8])) + (", …" if len(odd) > 8 else "")
    return [
        f"the values {named} look like grey levels; each was taken as a class of that number, 0 as "
        "unlabelled"
    ]


def question_of_few(labels: NDArray[Any], name: str) -> Question | None:
    """Whether two or three numbers are objects, where each is one compact piece with 0 around it.

    :func:`read_mask` takes so few as classes; who can ask a person should.
    """
    kinds, _ = _kinds(labels)
    few = _may_be_objects(labels, kinds, {}, fewest=2)
    return _question_of_values(name, len(kinds) - 1) if few else None


def looks_like_grey_values(labels: NDArray[Any]) -> bool:
    """Whether the numbers change from pixel to pixel, as they do in an image and in no mask."""
    beside = labels[..., 1:] != labels[..., :-1]
    return beside.size > 0 and bool(beside.mean() > _RESTLESS)


def _are_objects(
    values: NDArray[Any],
    kinds: NDArray[Any],
    known: Mapping[int, LabelClass],
    said: Answers,
    name: str | None,
) -> bool:
    """Whether each number is an object; asked of the mask ``name`` where it may be either."""
    if said.values is not None:
        return said.values == "objects"
    if _numbers_objects(kinds, known) or (name and Path(name).stem.endswith(_OF_CELLPOSE)):
        return True
    if name and _may_be_objects(values, kinds, known):
        raise Undecided(_question_of_values(name, len(kinds) - 1))
    return False


def _may_be_objects(
    values: NDArray[Any],
    kinds: NDArray[Any],
    known: Mapping[int, LabelClass],
    fewest: int = _FEWEST_OBJECTS,
) -> bool:
    """Whether most of ``fewest`` numbers or more are one compact piece each, with 0 around them."""
    if known.keys() >= set(kinds[kinds > 0].tolist()):
        return False
    found = scipy.ndimage.find_objects(values)
    boxes = [(number, box) for number, box in enumerate(found, start=1) if box is not None]
    if len(boxes) < fewest or values.all():
        return False
    compact, pixels = 0, 0
    for number, box in boxes:
        inside = values[box] == number
        if _is_compact(inside, values.shape[-2:]):
            compact, pixels = compact + 1, pixels + int(np.count_nonzero(inside))
    enough = pixels >= _MOST * int(np.count_nonzero(values))
    return compact >= _MOST * len(boxes) and enough


def _is_compact(inside: NDArray[np.bool_], plane_shape: tuple[int, ...]) -> bool:
    sides = zip(inside.shape[-2:], plane_shape, strict=True)
    small = all(side <= max(1, _WIDEST_OBJECT * whole) for side, whole in sides)
    pieces = scipy.ndimage.label(inside, np.ones((3,) * inside.ndim, bool))[1] if small else 0
    return bool(pieces == 1 and inside.mean() >= _COMPACT)


def _question_of_values(name: str, count: int) -> Question:
    text = (
        f"The mask {plain_text(name)} has the numbers of {count} pieces, each in one place: are "
        "they classes, or is each number one object?"
    )
    choices = (
        Choice("objects", "each number is one object, all of one class"),
        Choice("classes", "each number is a class"),
    )
    return Question("values", plain_text(name), text, choices)


def _says_yes_or_no(kinds: NDArray[Any]) -> bool:
    return len(kinds) == 2 and kinds[0] == 0 and int(kinds[1]) in _YES_VALUES


def _question_of_zero(name: str, other: int, known: Mapping[int, LabelClass]) -> Question:
    text = f"The mask {plain_text(name)} has the values 0 and {other}: what does 0 mean?"
    behind = _background_class(known)
    thing = harmless(_class_beside(behind, known).name)
    own = harmless(known[other].name) if other in known else str(other)
    choices = (
        Choice("background", f"0 is the class {harmless(behind.name)}, {other} the class {thing}"),
        Choice(
            "unlabelled",
            f"0 says nothing: what is there was not labelled; {other} is the class {own}",
        ),
    )
    return Question("zero", plain_text(name), text, choices)


def objects_of(values: NDArray[Any], known: Mapping[int, LabelClass], said: Answers) -> Annotations:
    """Each number an object of one class; 0 is background where that was said."""
    thing = _object_class(known)
    note = f"the numbers up to {values.max()} were taken as objects of the class {thing.name!r}"
    labels = np.where(values > 0, np.uint16(thing.value), np.uint16(0))
    classes = {**known, thing.value: thing}
    if said.zero == "background":
        behind = _background_class(classes)
        labels[values == 0] = behind.value
        classes[behind.value] = behind
        note += f" and 0 as the class {behind.name!r}"
    return as_annotations(labels, classes.values(), values, [note])


def _background_class(known: Mapping[int, LabelClass]) -> LabelClass:
    """The class that is called background, or a new one: number 1, or behind all others."""
    for one in known.values():
        if one.name.strip().casefold() == "background":
            return one
    value = 1 if 1 not in known else max(known) + 1
    return LabelClass(value, "background", default_color(value))


def _class_beside(behind: LabelClass, known: Mapping[int, LabelClass]) -> LabelClass:
    """The class of what is not background: the first other one, or a new one."""
    value = 2 if behind.value == 1 else 1
    new = LabelClass(value, "object", default_color(value))
    return next((c for v, c in sorted(known.items()) if v != behind.value), new)


def _with_background(
    values: NDArray[Any], kinds: NDArray[Any], known: Mapping[int, LabelClass]
) -> Annotations:
    """0 as the class background; where that is class 1, each other number is one higher.

    So it is in all masks of a folder, also those that lack a value. 255 and 65535 that stand alone
    are the class object.
    """
    behind = _background_class(known)
    others = [int(kind) for kind in kinds if kind]
    classes = {**known, behind.value: behind}
    if len(others) <= 1 and set(others) <= set(_YES_VALUES):
        thing = _class_beside(behind, known)
        classes[thing.value] = thing
        meanings = dict.fromkeys(others, thing.value)
    else:
        meanings = {value: value + (behind.value == 1) for value in others}
    named = ", ".join(f"{old} as {new}" for old, new in list(meanings.items())[:8])
    note = f"0 was taken as the class {behind.value} ({behind.name}), {named or 'the only value'}"
    mapped = _mapped(values, kinds, {0: behind.value, **meanings})
    return as_annotations(mapped, classes.values(), notes=[note])


def _kinds(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The different values and how many pixels each has; counted, as sorting takes far longer."""
    if values.dtype.itemsize > 2:
        found, counts = np.unique(values, return_counts=True)
        return found, counts
    all_counts = value_counts(values)
    kinds = np.flatnonzero(all_counts)
    return kinds, all_counts[kinds]


def _numbers_objects(kinds: NDArray[Any], known: Mapping[int, LabelClass]) -> bool:
    """True if so many values, or so large ones, cannot be classes."""
    classes = known.keys() >= set(kinds[kinds > 0].tolist())
    return bool(kinds[-1] > MOST_CLASSES or (len(kinds) > MOST_CLASS_VALUES and not classes))


def _object_class(known: Mapping[int, LabelClass]) -> LabelClass:
    """The class of objects: the first after the background, or a new one."""
    value = min((v for v in known if v != 1), default=2 if known else 1)
    return known.get(value, LabelClass(value, "object", default_color(value)))


def fitted(values: NDArray[Any], image_shape: tuple[int, ...]) -> NDArray[Any]:
    """``values`` in the shape of the image, whose single planes may be an axis or not.

    Raises
    ------
    AnnotationError
        If they are of another size.
    """
    if [n for n in values.shape if n > 1] != [n for n in image_shape if n > 1]:
        raise AnnotationError(
            f"the labels have the shape {values.shape}, the image {tuple(image_shape)}; choose "
            "the labels of this image, in its full resolution"
            f"{turned_hint(values.shape, image_shape)}"
        )
    return values.reshape(image_shape)


def _mapped(
    values: NDArray[Any], kinds: NDArray[Any], meanings: Mapping[int, int]
) -> NDArray[np.uint16]:
    """Each value replaced by its meaning; those without one become unlabelled."""
    told = np.array([meanings.get(int(kind), 0) for kind in kinds])
    if ((told < 0) | (told > MOST_CLASSES)).any():
        raise AnnotationError(
            f"the class values {told[(told < 0) | (told > MOST_CLASSES)].tolist()} are not from "
            f"0 to {MOST_CLASSES}; choose others"
        )
    mapped: NDArray[np.uint16] = told.astype(np.uint16)[np.searchsorted(kinds, values)]
    return mapped


def write_mask(
    annotations: Annotations, path: Path, claim: Claim = LABELS, like: Micrograph | None = None
) -> None:
    """Write the labels as TIFF, PNG or BMP; names and objects have no place there.

    ``like`` is the image they belong to, whose pixel size is written along. TIFF keeps the colours
    of the classes for ImageJ.

    Raises
    ------
    OutputError
        If the format cannot hold the labels, or the file cannot be written.
    """
    colors = {c.value: c.color for c in annotations.classes}
    write_labels(annotations.labels, path, like, claim, colors)
