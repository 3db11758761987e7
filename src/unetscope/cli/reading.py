"""Files as the commands take them: what a reader asks is asked in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from unetscope.errors import AnnotationError
from unetscope.images.annotations.formats import read_annotations
from unetscope.images.annotations.values import Annotations
from unetscope.images.classes import LabelClass, default_class
from unetscope.images.files import read_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.images.normalisation import CONSTANT, is_constant
from unetscope.images.questions import Answers

_OUTLINES = (".zip", ".roi", ".json", ".geojson")
#: The class that is not measured unless it is asked for.
BACKGROUND = "background"


def image_at(path: Path, answers: Answers) -> Micrograph:
    """The image of a file, for :meth:`~unetscope.cli.terminal.Interview.read`."""
    image = read_micrograph(path, answers=answers)
    return replace(image, notes=(*image.notes, CONSTANT)) if is_constant(image) else image


def labels_at(
    source: Path,
    image: Micrograph,
    name: str,
    classes: Sequence[LabelClass],
    answers: Answers,
) -> Annotations:
    """The labels of the image ``name`` in a file of any kind, for :meth:`Interview.read`."""
    return read_annotations(
        source,
        image.spatial_shape,
        classes or None,
        image_name=name,
        channels=image.channels,
        answers=answers,
    )


def holds_pixels(path: Path) -> bool:
    """Whether a file of labels says how large its image is; outlines do not."""
    return path.suffix.lower() not in _OUTLINES


def pixels_of(path: Path, answers: Answers) -> Micrograph:
    """A label image itself, for its shape and the size of its pixels.

    Raises
    ------
    AnnotationError
        If the file holds outlines and no pixels.
    """
    if not holds_pixels(path):
        raise AnnotationError(
            f"{path} holds outlines and no pixels; give the image that they lie on with --image"
        )
    return read_micrograph(path, answers=answers)


def class_called(told: str, classes: Sequence[LabelClass]) -> LabelClass:
    """The class of a name or number as it is typed; a number may be of none that is there.

    Raises
    ------
    AnnotationError
        If there is no class of the name.
    """
    for one in classes:
        if told == str(one.value) or told.casefold() == one.name.casefold():
            return one
    if told.isdecimal() and int(told) > 0:
        return default_class(int(told))
    there = ", ".join(f"{one.value}={one.name}" for one in classes) or "none"
    raise AnnotationError(f"there is no class {told!r}; the labels have {there}")


def is_background(one: LabelClass) -> bool:
    """Whether a class is called so."""
    return one.name.casefold() == BACKGROUND
