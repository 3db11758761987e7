"""Files as the commands take them: what a reader asks is asked in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from unetscope.images.annotations.formats import read_annotations
from unetscope.images.annotations.values import Annotations
from unetscope.images.classes import LabelClass
from unetscope.images.files import read_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.images.normalisation import CONSTANT, is_constant
from unetscope.images.questions import Answers


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
