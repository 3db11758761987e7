"""A check box: a rectangle that is painted densely and that nothing is ever learned from.

What is painted in it is the truth with which answers are compared, so a figure of it may be
printed. Everything that hands labels to learning hands them through :func:`outside`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from unetscope.errors import LabelError
from unetscope.images.micrograph import Micrograph

#: A box of fewer painted pixels does not count: what is left out are mostly doubtful places.
DENSE = 0.95
SMALLEST_PX = 16  # along a side
_PLACES = ("z", "top", "bottom", "left", "right")


@dataclass(frozen=True, order=True)
class CheckBox:
    """Rows and columns from the first to behind the last, on plane ``z`` of a stack (else 0)."""

    z: int
    top: int
    bottom: int
    left: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, in pixels."""
        return self.bottom - self.top, self.right - self.left

    @property
    def plane(self) -> tuple[slice, slice]:
        """Its slices of (y, x)."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def region(self, axes: int) -> tuple[int | slice, ...]:
        """Its index into labels of 2 or 3 axes, which gives (y, x)."""
        return self.plane if axes == 2 else (self.z, *self.plane)

    def meets(self, other: CheckBox) -> bool:
        """Whether it has a pixel in common with another one."""
        return (
            self.z == other.z
            and self.top < other.bottom
            and other.top < self.bottom
            and self.left < other.right
            and other.left < self.right
        )

    def fits(self, shape: Sequence[int]) -> bool:
        """Whether it lies within labels of this shape, (y, x) or (z, y, x)."""
        planes = shape[0] if len(shape) == 3 else 1
        rows, columns = shape[-2:]
        return (
            0 <= self.z < planes
            and 0 <= self.top < self.bottom <= rows
            and 0 <= self.left < self.right <= columns
        )


def drawn_box(
    corners: Sequence[Sequence[float]] | np.ndarray,
    shape: Sequence[int],
    others: Sequence[CheckBox] = (),
) -> CheckBox:
    """The box between two opposite corners ((z,) y, x), cut to an image of ``shape``.

    Raises
    ------
    LabelError
        If it is too small to judge by, or lies on one that is there.
    """
    flat = np.asarray(corners, float)[:, -2:]
    low = np.maximum(np.floor(flat.min(axis=0) + 0.5).astype(int), 0)
    high = np.minimum(np.floor(flat.max(axis=0) + 0.5).astype(int) + 1, shape[-2:])
    z = int(np.clip(round(float(corners[0][0])), 0, shape[0] - 1)) if len(shape) == 3 else 0
    if (high - low < SMALLEST_PX).any():
        raise LabelError(
            f"a check box is at least {SMALLEST_PX} × {SMALLEST_PX} pixels; drag a larger one"
        )
    (top, left), (bottom, right) = (int(i) for i in low), (int(i) for i in high)
    box = CheckBox(z, top, bottom, left, right)
    if any(box.meets(other) for other in others):
        raise LabelError("check boxes may not overlap; draw it beside the one that is there")
    return box


def outside(labels: np.ndarray, boxes: Sequence[CheckBox]) -> np.ndarray:
    """``labels``, (y, x) or (z, y, x), with 0 inside of the boxes; unchanged without any."""
    if not boxes:
        return labels
    kept = np.array(labels)
    for box in boxes:
        if box.fits(labels.shape):
            kept[box.region(labels.ndim)] = 0
    return kept


def boxes_of_file(labels: Path) -> list[CheckBox]:
    """The check boxes that the project around a file of labels keeps for it; none without one.

    A project keeps labels in its folder ``labels`` and tells of boxes in its ``project.json``, one
    floor up; so who learns from its files without opening it learns from no box either.

    Raises
    ------
    LabelError
        If there is a project around the file that cannot be read.
    """
    labels = labels.resolve()  # links lead into a project, too
    told = labels.parent.parent / "project.json"
    if labels.parent.name != "labels" or not told.is_file():
        return []
    try:
        found = []
        for image in json.loads(told.read_text(encoding="utf-8"))["images"]:
            files = [image.get("labels"), *(one["labels"] for one in image.get("set_aside", ()))]
            if f"labels/{labels.name}" in files:
                found += [[int(box[place]) for place in _PLACES] for box in image.get("boxes", ())]
        return [CheckBox(*places) for places in found]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LabelError(
            f"{labels} belongs to a project whose {told.name} cannot be read ({error}), so nobody "
            "knows its check boxes; open the project in the window, or copy the labels elsewhere"
        ) from None


@dataclass(frozen=True, eq=False)
class PaintedBox:
    """A box of the image ``image``, with what is painted in it: (y, x), 0 unlabelled.

    ``key`` is the sample key of the image.
    """

    key: str
    image: Micrograph
    box: CheckBox
    labels: np.ndarray = field(repr=False)

    @property
    def painted(self) -> float:
        """The share of its pixels that are labelled."""
        return float(np.count_nonzero(self.labels) / self.labels.size)

    @property
    def is_dense(self) -> bool:
        """Whether enough of it is painted to count."""
        return self.painted >= DENSE


def painted_boxes(
    key: str, image: Micrograph, labels: np.ndarray, boxes: Sequence[CheckBox]
) -> list[PaintedBox]:
    """The boxes of an image with copies of what is painted in them."""
    return [
        PaintedBox(key, image, box, np.array(labels[box.region(labels.ndim)]))
        for box in boxes
        if box.fits(labels.shape)
    ]
