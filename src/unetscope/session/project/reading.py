"""Images of a project are read, and named where they are learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from unetscope.errors import ProjectError
from unetscope.images.micrograph import Micrograph
from unetscope.learning.check_box import CheckBox, PaintedBox, outside, painted_boxes
from unetscope.learning.samples import Sample, labelled_pixels
from unetscope.session.project.folder import Project
from unetscope.session.project.images import ChangedImage, Presence, read_as


@dataclass(frozen=True, eq=False)
class ClosedImage:
    """What is learned from an image that is not open; its pixels by class value.

    ``boxes`` are its check boxes, which are no part of the others.
    """

    sample: Sample
    painted: Mapping[int, int]
    boxes: tuple[PaintedBox, ...] = ()


def closed_image(
    sample: Sample, boxes: Sequence[CheckBox], painted: Mapping[int, int] | None = None
) -> ClosedImage:
    """An image that is not open, with all its labels; ``painted`` where they were counted."""
    kept = replace(sample, labels=outside(sample.labels, boxes))
    counted = labelled_pixels([kept]) if painted is None else painted
    apart = painted_boxes(sample.key, sample.image, sample.labels, boxes)
    return ClosedImage(kept, counted, tuple(apart))


def sample_key(folder: Path, image_id: str) -> str:
    """The name under which a project's image is learned from, open or not."""
    return f"{folder.name} {image_id}"


def read_image(project: Project, image_id: str) -> Micrograph:
    """The pixels of an image of a project, with the axes it was added with.

    Raises
    ------
    ProjectError
        If it is not found, or is another file than it was: by size and date, then by its hash.
    ImageError
        If it cannot be read.
    """
    entry, path = project.image(image_id), project.image_path(image_id)
    if path is None:
        raise ProjectError(f"{entry.name} is not found at {entry.last_seen}; use Locate …")
    if project.verify(image_id).presence is Presence.CHANGED:
        raise ChangedImage(entry)
    image = read_as(path, entry)
    if image.shape != entry.shape:
        raise ProjectError(
            f"{entry.name} has the shape {image.shape} now; when it was added it was "
            f"{entry.shape}. Put the old file back, or add this one under another name"
        )
    if entry.pixel_size is None:  # it was added before its file told a size, or from a bare layer
        return replace(image, name=entry.name)
    return replace(image, pixel_size=entry.pixel_size, unit=entry.unit, name=entry.name)
