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
from unetscope.images.claims import Claim, Role, inputs_of
from unetscope.images.files import read_labels, write_labels
from unetscope.images.micrograph import Micrograph
from unetscope.images.units import length_in_words
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
    """Labels were written: ``what`` they are and how they are calibrated, in words."""

    path: Path
    what: str = ""


@dataclass(frozen=True, eq=False)
class ExportRequest:
    """``labels`` of the image ``like`` with their classes; ``role`` says what they are."""

    labels: np.ndarray
    classes: tuple[LabelClass, ...]
    like: Micrograph
    role: Role
    source: Path | None  # the file of the image, which is never written over


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


def exported(request: ExportRequest, path: Path, format: str) -> Iterator[Exported]:
    """Write the labels or the answer of an image, with its pixel size where the format has one."""
    claim = Claim(request.role, inputs_of(request.source))
    if format == "mask":
        colors = {c.value: c.color for c in request.classes}
        write_labels(request.labels, path, like=request.like, claim=claim, colors=colors)
    else:
        annotations = as_annotations(request.labels, request.classes)
        named = request.source.name if request.source is not None else request.like.name
        write_annotations(
            annotations, path, format, claim, image_name=named or None, like=request.like
        )
    yield Exported(path, _what(request, path))


def _what(request: ExportRequest, path: Path) -> str:
    """The values with their classes, what is unlabelled, and the pixel size, in words."""
    counts = np.bincount(request.labels.ravel())
    named = [
        f"{c.value} {c.name}" for c in request.classes if c.value < len(counts) and counts[c.value]
    ]
    parts = [f"values {', '.join(named)}"]
    if counts[0]:
        parts.append(f"0 (nothing said) in {counts[0] / request.labels.size:.0%}")
    like = request.like
    calibrated = path.suffix.lower() in (".tif", ".tiff") and like.pixel_size is not None
    if calibrated and like.pixel_size is not None and like.unit is not None:
        parts.append(f"{length_in_words(like.pixel_size[-1], like.unit)}/px")
    return "; ".join(parts)


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
