"""Label images of OME-Zarr: which one is meant, and its numbers.

An image is no labels: only what says that it is labels is taken as such (metadata ``image-label``,
its place in a group ``labels``, the mark of unetscope, its name), or a bare array of numbers, which
says nothing and was chosen by a person.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from unetscope.errors import ImageError, LabelError
from unetscope.images.annotations.mask_names import is_called_mask
from unetscope.images.annotations.values import whole_labels
from unetscope.images.claims import MARK, Role, mark_of
from unetscope.images.damage import check_bytes, translated_errors
from unetscope.images.ngff import multiscales_of, ome_part
from unetscope.images.ome_zarr import image_in, images_of, inside_chosen, micrograph_of
from unetscope.images.questions import Answers, Choice, Question, Undecided
from unetscope.images.zarr_folder import is_zarr
from unetscope.images.zarr_store import opened

#: What unetscope calls its label images, unless the name is taken.
CLASSES, OBJECTS = "classes", "instances"


@dataclass(frozen=True)
class LabelImage:
    """A label image that was found.

    Attributes
    ----------
    where
        Its folder.
    said
        Its metadata ``image-label``; empty where there are none.
    objects
        The folder of the objects that belong to it, if unetscope wrote some.
    holds_classes
        Whether its numbers are classes for sure: unetscope wrote it, or it is called so.
    notes
        What to know.
    """

    where: Path
    said: Mapping[str, Any]
    objects: Path | None = None
    holds_classes: bool = False
    notes: tuple[str, ...] = ()


def attributes_of(path: Path) -> Mapping[str, Any]:
    """Attributes of the zarr at ``path``; none where there is none."""
    return dict(opened(path).attrs) if is_zarr(path) else {}


def read_label_values(path: Path, answers: Answers | None = None) -> NDArray[Any]:
    """The numbers of the label image that is meant at ``path``: (y, x) or (z, y, x), unsigned.

    Raises
    ------
    LabelError
        If there are no labels, or they are no whole numbers.
    Undecided
        If there are several.
    """
    with translated_errors(path, "OME-Zarr labels"):
        said = answers or Answers()
        return values_of(label_image_at(path, said), said.number("time"))


def values_of(found: LabelImage, time: int | None = None) -> NDArray[Any]:
    """The numbers of a label image, z planes first; of several time points one."""
    image = image_in(found.where, Answers())
    untold = image.multiscale is None and len(image.array.shape) == 3
    read = micrograph_of(image, "zyx" if untold and not _has_names(image.array) else None, time)
    if read.channels > 1:
        raise LabelError(
            f"{found.where} has {read.channels} channels ({read.axes}); labels are one number per "
            "pixel: export one of the channels"
        )
    shape = read.spatial_shape
    # labels are read at once, so that what only claims to be large must not be allocated
    check_bytes(found.where, math.prod(shape) * read.dtype.itemsize, f"labels of {shape}")
    return whole_labels(np.asarray(read.pixels).reshape(shape), str(found.where))


def shape_of(found: LabelImage) -> tuple[int, ...]:
    """The shape of a label image, before anything of it is read."""
    return tuple(int(n) for n in image_in(found.where, Answers()).array.shape)


def _has_names(array: Any) -> bool:
    names = getattr(array.metadata, "dimension_names", None) or ()
    return any(names) or "_ARRAY_DIMENSIONS" in dict(array.attrs)


def label_image_at(path: Path, answers: Answers, image_name: str | None = None) -> LabelImage:
    """The label image that is meant at ``path``: of an image, of a group ``labels``, or itself.

    Raises
    ------
    LabelError
        If there is none.
    Undecided
        If there are several and neither ``answers`` nor ``image_name`` choose one.
    """
    if not path.is_dir():
        raise LabelError(f"{path} is no OME-Zarr folder; choose the folder that ends in .zarr")
    node = opened(path)
    if isinstance(node, zarr.Array):
        return LabelImage(path, {})
    told = ome_part(dict(node.attrs))
    if "image-label" in told:
        return _itself(path, told)
    group = path if path.name == "labels" or _is_list(told) else path / "labels"
    names, notes = _label_names(group)
    if names:
        return _chosen(path, group, names, notes, answers, image_name)
    images = images_of(path, node)
    if not images:
        chosen, _ = inside_chosen(path, node, answers)
        return label_image_at(path / chosen, answers, image_name)
    if mark_of(path) in (Role.LABELS, Role.PREDICTION) or _is_mask(path, images[0].name):
        return _itself(path, told)
    raise LabelError(
        f"{path} holds an image and no labels; choose the file that holds the labels of it (or, if "
        f"its pixels are labels, the array {images[0].datasets[0]!r} inside it)"
    )


def _is_mask(path: Path, name: str) -> bool:
    return is_called_mask(path.name) or (bool(name) and is_called_mask(name))


def _is_list(told: Mapping[str, Any]) -> bool:
    return isinstance(told.get("labels"), list) and "multiscales" not in told


def _itself(path: Path, told: Mapping[str, Any]) -> LabelImage:
    said = told.get("image-label")
    names = [path.name, *(image.name for image in multiscales_of(told))]
    is_ours = mark_of(path) is not None or CLASSES in names
    return LabelImage(path, said if isinstance(said, dict) else {}, _objects_of(path), is_ours)


def _objects_of(path: Path) -> Path | None:
    """The objects that unetscope wrote beside or inside the label image at ``path``."""
    mark = attributes_of(path).get(MARK)
    if isinstance(mark, dict) and "objects" in mark:
        name = mark["objects"]
    else:  # earlier releases did not say it
        name = OBJECTS if path.name == CLASSES or (path / "labels" / OBJECTS).is_dir() else None
    if not isinstance(name, str) or not re.fullmatch(r"\w[\w.-]*", name):
        return None
    beside = path.parent / name if path.parent.name == "labels" else path / "labels" / name
    return beside if is_zarr(beside) else None


def _label_names(group: Path) -> tuple[list[str], list[str]]:
    """Names of the label images in a group, and what to know: those listed that are there, or all.

    A group that lists none, or has no metadata, is looked through.
    """
    if not group.is_dir():
        return [], []
    told = ome_part(attributes_of(group)).get("labels")
    listed = list(dict.fromkeys(map(str, told))) if isinstance(told, list) else []
    inside = [name for name in listed if _lies_in(group, name)]
    there = [name for name in inside if is_zarr(group / name)]
    lost = [name for name in listed if name not in there]
    found = there or sorted(p.name for p in group.iterdir() if _is_label_folder(p))
    if lost and not found:
        where = "which are not there" if inside else "which lies outside it"
        raise LabelError(
            f"{group} lists the label image {', '.join(lost[:8])}, {where}; export it again"
        )
    notes = [_count(lost, "label image")] if lost else []
    if found and not there:
        notes.append(f"its label images are not listed; found: {', '.join(found[:8])}")
    return found, notes


def _is_label_folder(path: Path) -> bool:
    return not path.name.startswith(".") and is_zarr(path)


def _count(names: list[str], what: str) -> str:
    several = "s are" if len(names) > 1 else " is"
    return f"{len(names)} {what}{several} listed, but not in it ({', '.join(names[:8])})"


def _lies_in(group: Path, name: str) -> bool:
    """Whether a label image of this name lies in its group, and not somewhere else on the disk."""
    inside, chosen = os.path.realpath(group), os.path.realpath(group / name)
    return chosen != inside and os.path.commonpath([inside, chosen]) == inside


def _chosen(
    path: Path,
    group: Path,
    names: list[str],
    notes: list[str],
    answers: Answers,
    image_name: str | None,
) -> LabelImage:
    """The one of several that is meant."""
    name = _meant(group, names, answers.label_image, image_name)
    if name is None:
        ours = [one for one in names if mark_of(group / one) is not None]
        ordered = [*ours, *(one for one in names if one not in ours)]
        text = f"{path.name} holds {len(names)} label images; which one is meant?"
        choices = tuple(Choice(one, _described(group / one)) for one in ordered)
        raise Undecided(Question("label_image", path.name, text, choices))
    where = group / name
    found = _itself(where, ome_part(attributes_of(where)))
    return LabelImage(where, found.said, found.objects, found.holds_classes, tuple(notes))


def _meant(group: Path, names: list[str], answer: str | None, image_name: str | None) -> str | None:
    stem = None if image_name is None else Path(image_name).stem
    for wanted in (answer, image_name, stem):
        if wanted in names:
            return wanted
    objects = {found.name for name in names if (found := _objects_of(group / name)) is not None}
    others = [name for name in names if name not in objects]
    return others[0] if len(others) == 1 else None


def _described(where: Path) -> str:
    try:
        array = image_in(where, Answers()).array
    except ImageError:
        return f"{where.name} (cannot be read)"
    return f"{where.name}, {' × '.join(map(str, array.shape))}"
