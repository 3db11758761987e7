"""Masks as images: one number per pixel, in files of their own that are named after the images."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import AnnotationError
from unetscope.images.annotations.documents import annotation_errors
from unetscope.images.annotations.values import (
    MOST_CLASSES,
    AnnotatedClass,
    Annotations,
    ClassLike,
    as_annotations,
    default_color,
    value_counts,
)
from unetscope.images.claims import LABELS, Claim
from unetscope.images.files import read_labels, write_labels
from unetscope.images.questions import Answers

MASK_SUFFIXES = (".tif", ".tiff", ".png", ".bmp")
#: A mask with more values than this numbers its objects, not its classes.
MOST_CLASS_VALUES = 32
# What is written before or behind an image's name to say "this is its mask".
_MASK_WORDS = (
    "annotations?|annotated|cp[-_ ]?masks?|gt|ground[-_ ]?truth|labels?|labell?ed|masks?|"
    "predictions?|probabilities|seg|segmentation|strokes|truth"
)
_BEHIND = re.compile(rf"(?:[-_. ]+(?:{_MASK_WORDS}))+$")
_BEFORE = re.compile(rf"^(?:(?:{_MASK_WORDS})[-_. ]+)+")
_ENDINGS = re.compile(r"\.(?:ome\.)?(?:tiff?|png|bmp|jpe?g|zarr)$")


@dataclass(frozen=True)
class MaskMatches:
    """Which mask belongs to which image, by name.

    ``pairs`` are (image, mask); ``ambiguous`` names the masks of each image that has more than one.
    """

    pairs: tuple[tuple[Path, Path], ...]
    images_without_mask: tuple[Path, ...]
    masks_without_image: tuple[Path, ...]
    ambiguous: tuple[tuple[Path, tuple[Path, ...]], ...]

    @property
    def report(self) -> str:
        """What matched and what did not, in a few words."""
        parts = [f"{len(self.pairs)} masks matched by name"]
        if self.images_without_mask:
            parts.append(f"{_listed(self.images_without_mask)} without a mask")
        if self.masks_without_image:
            parts.append(f"{_listed(self.masks_without_image)} without an image")
        for image, masks in self.ambiguous[:3]:
            parts.append(f"{image.name} has {_listed(masks)}")
        return "; ".join(parts)


@dataclass(frozen=True)
class ValueProposal:
    """What a value of a mask probably means: a class, or unlabelled where ``proposed`` is None."""

    value: int
    pixels: int
    proposed: AnnotatedClass | None


def match_masks(images: Sequence[str | Path], folder: str | Path) -> MaskMatches:
    """Match the masks in ``folder`` with ``images`` by name.

    Suffixes, upper and lower case, and words such as ``_mask``, ``-labels`` or ``gt_`` do not
    count.

    Raises
    ------
    AnnotationError
        If ``folder`` is not there.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise AnnotationError(f"{folder} is not a folder; choose the one that holds the masks")
    wanted = [Path(image) for image in images]
    own = {image.resolve() for image in wanted}
    masks = sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in (*MASK_SUFFIXES, ".zarr")
        and not file.name.startswith(".")
        and file.resolve() not in own
    )
    by_name: dict[str, list[Path]] = {}
    for mask in masks:
        by_name.setdefault(_bare_name(mask.name), []).append(mask)
    found = {image: by_name.get(_bare_name(image.name), []) for image in wanted}
    taken = {mask for candidates in found.values() for mask in candidates}
    return MaskMatches(
        tuple((image, masks[0]) for image, masks in found.items() if len(masks) == 1),
        tuple(image for image, masks in found.items() if not masks),
        tuple(mask for mask in masks if mask not in taken),
        tuple((image, tuple(masks)) for image, masks in found.items() if len(masks) > 1),
    )


def looks_like_labels(path: Path, siblings: Iterable[Path]) -> bool:
    """Whether ``path`` is named like the mask or result of an image among ``siblings``.

    A file that is merely called mask.tif, without an image that it could belong to, is an image.
    """
    own, bare = _ENDINGS.sub("", path.name.lower()), _bare_name(path.name)
    images = {_ENDINGS.sub("", one.name.lower()) for one in siblings if one != path}
    return bare != own and bare in images


def _bare_name(name: str) -> str:
    stem = _ENDINGS.sub("", name.lower())
    return _BEFORE.sub("", _BEHIND.sub("", stem)) or stem


def is_called_mask(name: str) -> bool:
    """Whether a name says that what it names is a mask: "a_labels.zarr", "mask"."""
    stem = _ENDINGS.sub("", name.strip().lower())
    return _bare_name(name) != stem or re.fullmatch(_MASK_WORDS, stem) is not None


def propose_classes(
    labels: NDArray[Any], classes: Iterable[ClassLike] = ()
) -> tuple[ValueProposal, ...]:
    """What each value of a mask means, as a proposal for a person to confirm.

    A mask of two values of which one is 0 says for every pixel whether it is object or background;
    otherwise 0 is unlabelled and each value a class of its own number where there is room. More
    than 32 values are objects of one class.
    """
    values, pixels = _kinds(labels)
    known = {c.value: AnnotatedClass(c.value, c.name, c.color) for c in classes}
    meant: dict[int, AnnotatedClass | None] = {}
    if len(values) == 2 and values[0] == 0 and int(values[1]) in (1, 255, 65535):
        meant = {
            0: known.get(1, AnnotatedClass(1, "background", default_color(1))),
            int(values[1]): known.get(2, AnnotatedClass(2, "object", default_color(2))),
        }
    elif _numbers_objects(values, known):
        meant = dict.fromkeys((int(v) for v in values if v), _object_class(known))
    else:
        for value in (int(v) for v in values if v):
            number = value if value <= MOST_CLASSES else len(meant) + 1
            fallback = AnnotatedClass(number, f"class {number}", default_color(number))
            meant[value] = known.get(number, fallback)
    return tuple(
        ValueProposal(int(value), int(count), meant.get(int(value)))
        for value, count in zip(values, pixels, strict=True)
    )


def read_mask(
    path: Path,
    image_shape: tuple[int, ...],
    classes: Iterable[ClassLike] | None = None,
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
        ``values`` says whether the numbers are classes or objects, ``zero`` what 0 of a mask of
        two values means; ``meanings`` goes before both.

    Raises
    ------
    AnnotationError
        If the file cannot be read, is no mask, or has another shape than the image.
    """
    said = answers or Answers()
    with annotation_errors(path, "mask"):
        values = fitted(read_labels(path), image_shape)
        kinds, _ = _kinds(values)
        if meanings is not None:
            return as_annotations(_mapped(values, kinds, meanings), classes or ())
        known = {c.value: AnnotatedClass(c.value, c.name, c.color) for c in classes or ()}
        objects = said.values == "objects" or _numbers_objects(kinds, known)
        if said.values == "classes" or not objects:
            return as_annotations(values, known.values())
        thing = _object_class(known)
        labels = np.where(values > 0, np.uint16(thing.value), np.uint16(0))
        note = f"the numbers up to {kinds[-1]} were taken as objects of the class {thing.name!r}"
        return as_annotations(labels, {**known, thing.value: thing}.values(), values, [note])


def _kinds(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The different values and how many pixels each has; counted, as sorting takes far longer."""
    if values.dtype.itemsize > 2:
        found, counts = np.unique(values, return_counts=True)
        return found, counts
    all_counts = value_counts(values)
    kinds = np.flatnonzero(all_counts)
    return kinds, all_counts[kinds]


def _numbers_objects(kinds: NDArray[Any], known: Mapping[int, AnnotatedClass]) -> bool:
    """True if so many values, or so large ones, cannot be classes."""
    classes = known.keys() >= set(kinds[kinds > 0].tolist())
    return bool(kinds[-1] > MOST_CLASSES or (len(kinds) > MOST_CLASS_VALUES and not classes))


def _object_class(known: Mapping[int, AnnotatedClass]) -> AnnotatedClass:
    """The class of objects: the first after the background, or a new one."""
    value = min((v for v in known if v != 1), default=2 if known else 1)
    return known.get(value, AnnotatedClass(value, "object", default_color(value)))


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


def write_mask(annotations: Annotations, path: Path, claim: Claim = LABELS) -> None:
    """Write the labels as TIFF, PNG or BMP; names, colours and objects have no place there.

    Raises
    ------
    OutputError
        If the format cannot hold the labels, or the file cannot be written.
    """
    write_labels(annotations.labels, path, claim=claim)


def _listed(files: Sequence[Path]) -> str:
    named = ", ".join(file.name for file in files[:3])
    return f"{len(files)} ({named}{', …' if len(files) > 3 else ''})"
