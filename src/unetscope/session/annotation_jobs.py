"""Labels of other programs for the image on screen: read and written in a worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from unetscope.images.annotations.files import read_annotations, write_annotations
from unetscope.images.annotations.masks import (
    MASK_SUFFIXES,
    ValueProposal,
    match_masks,
    propose_classes,
    read_mask,
)
from unetscope.images.annotations.values import AnnotatedClass, Annotations, as_annotations
from unetscope.images.files import read_labels
from unetscope.images.zarr_folder import is_zarr
from unetscope.learning.classes import LabelClass


@dataclass(frozen=True)
class ImportRequest:
    """Labels at ``source`` (a file or folder) for the image ``key``, whose classes are known.

    ``meanings`` says which class a value of a mask is, once a person has confirmed it.
    """

    source: Path
    key: str
    image_name: str
    shape: tuple[int, ...]
    classes: tuple[LabelClass, ...]
    meanings: Mapping[int, int] | None = None


@dataclass(frozen=True, eq=False)
class Imported:
    """Labels that were read."""

    request: ImportRequest
    annotations: Annotations


@dataclass(frozen=True)
class MeaningsWanted:
    """A mask whose values are no classes yet: what they probably mean, to be confirmed."""

    request: ImportRequest
    proposals: tuple[ValueProposal, ...]


@dataclass(frozen=True)
class Exported:
    """Labels were written."""

    path: Path


def imported(request: ImportRequest) -> Iterator[Imported | MeaningsWanted]:
    """Read labels; of a mask with values that are no classes, ask first what they mean."""
    mask = _mask(request)
    if mask is None:
        read = read_annotations(
            request.source, request.shape, request.classes, image_name=request.image_name
        )
        yield Imported(request, read)
        return
    request = replace(request, source=mask)
    if request.meanings is not None:
        read = read_mask(mask, request.shape, request.classes, request.meanings)
        yield Imported(request, read)
        return
    proposals = propose_classes(read_labels(mask), request.classes)
    if plain(proposals, request.classes):
        yield Imported(request, read_mask(mask, request.shape, request.classes))
    else:
        read_mask(mask, request.shape, request.classes, {})  # another shape is said before asking
        yield MeaningsWanted(request, proposals)


def plain(proposals: Sequence[ValueProposal], classes: Sequence[LabelClass]) -> bool:
    """Whether every value of a mask is 0 or the number of a class that is there."""
    known = {c.value for c in classes}
    return all(
        proposal.proposed is None if proposal.value == 0 else proposal.value in known
        for proposal in proposals
    )


def exported(
    labels: np.ndarray, classes: Sequence[LabelClass], path: Path, format: str
) -> Iterator[Exported]:
    """Write the labels of an image."""
    write_annotations(as_annotations(labels, classes), path, format)
    yield Exported(path)


def new_classes(
    annotations: Annotations, known: Sequence[LabelClass], named: Sequence[AnnotatedClass] = ()
) -> tuple[LabelClass, ...]:
    """The classes of the labels that the table lacks; ``named`` are those a person confirmed."""
    lacking = {c.value: c for c in annotations.classes} | {c.value: c for c in named}
    for one in known:
        lacking.pop(one.value, None)
    used = set(np.unique(annotations.labels).tolist())
    return tuple(
        LabelClass(c.value, c.name, c.color) for v, c in sorted(lacking.items()) if v in used
    )


def _mask(request: ImportRequest) -> Path | None:
    """The mask file that is meant, or None where the source is of another kind."""
    source = request.source
    if source.is_dir() and source.suffix.lower() != ".zarr" and not is_zarr(source):
        matched = match_masks([request.image_name], source)
        return matched.pairs[0][1] if matched.pairs else None  # the reader says what is wrong
    return source if source.suffix.lower() in MASK_SUFFIXES else None
