"""Labels of other programs for the image on screen: read and written in a worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unetscope.images.annotations.formats import read_annotations, write_annotations
from unetscope.images.annotations.mask_names import MASK_SUFFIXES, match_masks, says_what_it_is
from unetscope.images.annotations.masks import (
    ValueProposal,
    looks_like_grey_values,
    propose_classes,
    question_of_few,
    read_mask,
)
from unetscope.images.annotations.values import (
    Annotations,
    as_annotations,
)
from unetscope.images.claims import Claim, Role, inputs_of
from unetscope.images.classes import LabelClass
from unetscope.images.files import write_labels
from unetscope.images.micrograph import Micrograph
from unetscope.images.questions import Answers, Question, Undecided
from unetscope.images.units import length_in_words
from unetscope.images.zarr_folder import is_zarr
from unetscope.learning.events import Notice
from unetscope.learning.samples import value_counts
from unetscope.session.requests import Jobs, WriteRequest

if TYPE_CHECKING:
    from unetscope.learning.pixel_model import PixelModel

_MOST_NAMED = 8  # classes in a note


@dataclass(frozen=True)
class ImportRequest:
    """Labels at ``source`` (a file or folder) for the image ``key``, whose classes are known.

    Attributes
    ----------
    channels
        How many the image has.
    answers
        What a person said of this file.
    remembered
        What was said of others: kind of question -> answer, taken where that kind comes up.
    kept
        What a project keeps of such answers, taken where nothing is remembered.
    repeated
        The questions that were answered so.
    meanings
        Which class a value of a mask is, once a person has confirmed it.
    """

    source: Path
    key: str
    image_name: str
    shape: tuple[int, ...]
    classes: tuple[LabelClass, ...]
    channels: int = 1
    answers: Answers = field(default_factory=Answers)
    remembered: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    kept: Answers = field(default_factory=Answers)
    repeated: tuple[Question, ...] = ()
    meanings: Mapping[int, int] | None = None


@dataclass(frozen=True, eq=False)
class Imported:
    """Labels that were read."""

    request: ImportRequest
    annotations: Annotations


@dataclass(frozen=True)
class MeaningsWanted:
    """A mask whose values are no classes yet: what they probably mean, to be confirmed.

    ``why`` says what makes them doubtful.
    """

    request: ImportRequest
    proposals: tuple[ValueProposal, ...]
    why: str = "has values that are no classes yet. What are they?"


@dataclass(frozen=True)
class AnswerWanted:
    """A file does not say how it is meant: the question, for a person."""

    request: ImportRequest
    question: Question


@dataclass(frozen=True)
class Exported:
    """Labels were written: ``what`` they are and how they are calibrated, in words.

    ``notes`` say what the format could not keep.
    """

    path: Path
    what: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ExportRequest:
    """``labels`` of the image ``like`` with their classes; ``role`` says what they are."""

    labels: np.ndarray
    classes: tuple[LabelClass, ...]
    like: Micrograph
    role: Role
    source: Path | None  # the file of the image, which is never written over
    overwrite: bool = False  # whether a person said that a file of others may be replaced


def imported(request: ImportRequest) -> Iterator[Imported | MeaningsWanted | AnswerWanted]:
    """Read labels, or ask what a person has to say first.

    What the reader asks comes first: which label image or series, whether numbers are objects,
    what 0 is. A mask of which nothing was asked, with values that are no classes or with the look
    of grey values, is asked about value by value; so no mask is asked about twice.
    """
    mask = _mask(request)
    request = replace(request, source=mask or request.source)
    if mask is not None and request.meanings is not None:
        yield Imported(request, _as_meant(mask, request))
        return
    request, read = _read(request, mask)
    if isinstance(read, Question):
        yield AnswerWanted(request, read)
    elif mask is not None:
        yield _meanings_wanted(mask, request, read) or Imported(request, _told(mask, read))
    else:
        yield Imported(request, read)


def _as_meant(mask: Path, request: ImportRequest) -> Annotations:
    return read_mask(mask, request.shape, request.classes, request.meanings, request.answers)


def _read(
    request: ImportRequest, mask: Path | None
) -> tuple[ImportRequest, Annotations | Question]:
    """The labels, or what has to be asked; what was answered before is answered again."""
    while True:
        read = _labels_or_question(request, mask)
        if not isinstance(read, Question):
            return request, read
        said = request.remembered.get(read.kind) or _kept(request, read)
        if said is None or read in request.repeated:
            return request, read
        answers = request.answers.with_answer(read, said)
        request = replace(request, answers=answers, repeated=(*request.repeated, read))


def _kept(request: ImportRequest, question: Question) -> str | None:
    """What the project keeps as the answer, where it is one to this question."""
    said = getattr(request.kept, question.about)
    return said if said in [choice.value for choice in question.choices] else None


def _labels_or_question(request: ImportRequest, mask: Path | None) -> Annotations | Question:
    try:
        read = read_annotations(
            request.source,
            request.shape,
            request.classes,
            image_name=request.image_name,
            channels=request.channels,
            answers=request.answers,
        )
    except Undecided as undecided:
        return undecided.question
    doubtful = mask is not None and not _is_decided(mask, request.answers)
    question = question_of_few(read.labels, mask.name) if doubtful and mask else None
    return question or read


def _is_decided(mask: Path, answers: Answers) -> bool:
    """Whether unetscope or a person said what the numbers are."""
    return answers.values is not None or answers.zero is not None or says_what_it_is(mask)


def _meanings_wanted(
    mask: Path, request: ImportRequest, read: Annotations
) -> MeaningsWanted | None:
    """The table of what each value means, where nobody said it and it is not plain."""
    if request.answers.values is not None or request.answers.zero is not None:
        return None
    values = read.labels if read.instances is None else read.instances
    proposals = propose_classes(values, request.classes)
    if says_what_it_is(mask):  # 0 is unlabelled then, whatever else there is
        proposals = tuple(replace(p, proposed=None) if p.value == 0 else p for p in proposals)
    elif looks_like_grey_values(values):
        why = "changes from pixel to pixel, as images do and masks do not. What are its values?"
        return MeaningsWanted(request, proposals, why)
    return None if plain(proposals, request.classes) else MeaningsWanted(request, proposals)


def _told(mask: Path, read: Annotations) -> Annotations:
    """The labels with a note on which number became which class, where that was not said."""
    if says_what_it_is(mask) or read.notes:
        return read
    used = set(np.unique(read.labels).tolist())
    named = [f"{c.value} is {c.name}" for c in read.classes if c.value in used]
    more = ", …" if len(named) > _MOST_NAMED else ""
    note = f"the numbers were taken as classes: {', '.join(named[:_MOST_NAMED])}{more}"
    return replace(read, notes=(note,))


def plain(proposals: Sequence[ValueProposal], classes: Sequence[LabelClass]) -> bool:
    """Whether every value of a mask is 0 or the number of a class that is there."""
    known = {c.value for c in classes}
    return all(
        proposal.proposed is None if proposal.value == 0 else proposal.value in known
        for proposal in proposals
    )


def exported(request: ExportRequest, path: Path, format: str) -> Iterator[Exported]:
    """Write the labels or the answer of an image, with its pixel size where the format has one."""
    claim = Claim(request.role, inputs_of(request.source), request.overwrite)
    notes: tuple[str, ...] = ()
    if format == "mask":
        colors = {c.value: c.color for c in request.classes}
        write_labels(request.labels, path, like=request.like, claim=claim, colors=colors)
    else:
        annotations = as_annotations(request.labels, request.classes)
        named = request.source.name if request.source is not None else request.like.name
        notes = write_annotations(
            annotations, path, format, claim, image_name=named or None, like=request.like
        )
    yield Exported(path, _what(request, path), notes)


def _what(request: ExportRequest, path: Path) -> str:
    """The values with their classes, what is unlabelled, and the pixel size, in words."""
    counts = value_counts(request.labels)
    named = [f"{c.value} {c.name}" for c in request.classes if c.value in counts]
    parts = [f"values {', '.join(named)}"]
    unsaid = request.labels.size - sum(counts.values())
    if unsaid:
        parts.append(f"0 (nothing said) in {unsaid / request.labels.size:.0%}")
    return "; ".join([*parts, *_calibration(request.like, path)])


def _calibration(like: Micrograph, path: Path) -> list[str]:
    """The pixel size that a file tells, in words."""
    if path.suffix.lower() not in (".tif", ".tiff") or not like.pixel_size or like.unit is None:
        return []
    return [f"{length_in_words(like.pixel_size[-1], like.unit)}/px"]


def probabilities_saved(
    jobs: Jobs, model: PixelModel, request: ExportRequest, path: Path
) -> Iterator[Notice | Exported]:
    """Compute and write the probability of each class; the labels of the request do not matter."""
    claim = Claim(Role.PROBABILITIES, inputs_of(request.source), request.overwrite)
    for event in jobs.do(WriteRequest(model, request.like, path, claim)):
        if isinstance(event, Notice):
            yield event
    named = ", ".join(c.name for c in model.classes)
    what = [f"float32, one channel for each of {named}", *_calibration(request.like, path)]
    yield Exported(path, "; ".join(what))


def new_classes(
    annotations: Annotations, known: Sequence[LabelClass], named: Sequence[LabelClass] = ()
) -> tuple[LabelClass, ...]:
    """The classes of the labels that the table lacks; ``named`` are those a person confirmed."""
    lacking = {c.value: c for c in annotations.classes} | {c.value: c for c in named}
    for one in known:
        lacking.pop(one.value, None)
    used = set(np.unique(annotations.labels).tolist())
    return tuple(c for v, c in sorted(lacking.items()) if v in used)


def _mask(request: ImportRequest) -> Path | None:
    """The mask file that is meant, or None where the source is of another kind."""
    source = request.source
    if source.is_dir() and source.suffix.lower() != ".zarr" and not is_zarr(source):
        matched = match_masks([request.image_name], source)
        return matched.pairs[0][1] if matched.pairs else None  # the reader says what is wrong
    return source if source.suffix.lower() in MASK_SUFFIXES else None
