"""Receptive fields: which pixels of the image can reach a cell of a layer, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray
from torch import nn

from unetscope.errors import ImageError
from unetscope.inspection.following.asked import checked_cell
from unetscope.inspection.following.reach import NOWHERE, Box, Branch, Kind, Reach
from unetscope.inspection.following.trace import Trace, follow


@dataclass(frozen=True)
class ReceptiveField:
    """The field of one cell of one layer.

    Attributes
    ----------
    layer, point : the layer's name and the cell ([z,] y, x) of its map.
    lo, hi : first and last image pixel along each axis, inclusive, inside the image.
    padded : ``(lo, hi)`` as if the image went on beyond its border: what sticks out is padding.
    boxes : the boxes of paths that do not lie inside one another; mostly just ``(lo, hi)``.
    kind : exact, or structural where a normalisation also mixes in the whole map's statistics.
    is_empty : the cell sees padding only; then ``hi`` is smaller than ``lo``.
    """

    layer: str
    point: tuple[int, ...]
    lo: tuple[int, ...]
    hi: tuple[int, ...]
    padded: Box
    boxes: tuple[Box, ...]
    kind: Kind
    is_empty: bool = False

    @property
    def size(self) -> tuple[int, ...]:
        """Side lengths in pixels of the part inside the image."""
        return tuple(max(0, b - a + 1) for a, b in zip(self.lo, self.hi, strict=True))

    @property
    def sees_padding(self) -> bool:
        """Whether part of the field lies outside the image."""
        return (self.lo, self.hi) != self.padded


@dataclass(frozen=True, eq=False)
class ReceptiveFields:
    """The fields of all cells of a layer at once.

    Attributes
    ----------
    lo, hi, padded_lo, padded_hi : (axis, [z,] y, x) int64, inclusive corners in image pixels;
        ``lo > hi`` where a cell sees padding only.
    kind : exact or structural.
    """

    layer: str
    lo: NDArray[np.int64]
    hi: NDArray[np.int64]
    padded_lo: NDArray[np.int64]
    padded_hi: NDArray[np.int64]
    kind: Kind


def receptive_field(
    model: nn.Module | Trace, image_shape: Sequence[int], layer: str, point: Sequence[int]
) -> ReceptiveField:
    """The pixels of the image that cell ``point`` of ``layer`` depends on.

    Parameters
    ----------
    model : a network, or what :func:`~unetscope.inspection.follow` made of it (for many
        points: 512² answers from one trace).
    image_shape : ([z,] y, x) of the image.
    layer : name in ``model.named_modules()``; ``"pool:2"`` for the second call of ``pool``.
    point : a cell ([z,] y, x) of that layer's map.

    Raises
    ------
    ModelError
        If the layer is unknown, has no spatial output, or cannot be followed.
    ImageError
        If the point lies outside the map.
    """
    _, reach = _followed(model, image_shape).spatial(layer)
    cell = checked_cell(point, reach.shape, layer)
    zero = tuple(0 for _ in cell)
    nothing = (zero, tuple(-1 for _ in cell))
    lo, hi = reach.box(cell) or nothing
    padded = reach.padded_box(cell) or nothing
    boxes = tuple(dict.fromkeys(_outermost(reach.boxes(cell))))
    return ReceptiveField(layer, cell, lo, hi, padded, boxes, reach.kind, is_empty=not boxes)


def receptive_fields(
    model: nn.Module | Trace, image_shape: Sequence[int], layer: str
) -> ReceptiveFields:
    """The fields of every cell of ``layer``; arguments as for :func:`receptive_field`."""
    _, reach = _followed(model, image_shape).spatial(layer)
    lo, hi = _everywhere(reach, padded=False)
    padded_lo, padded_hi = _everywhere(reach, padded=True)
    return ReceptiveFields(layer, lo, hi, padded_lo, padded_hi, reach.kind)


def _followed(model: nn.Module | Trace, image_shape: Sequence[int]) -> Trace:
    if not isinstance(model, Trace):
        return follow(model, image_shape)
    if tuple(image_shape)[-len(model.image_shape) :] != model.image_shape:
        raise ImageError(
            f"image_shape is {tuple(image_shape)}, but the trace was made for {model.image_shape}."
        )
    return model


def _outermost(boxes: list[Box]) -> list[Box]:
    def inside(a: Box, b: Box) -> bool:
        lows = zip(a[0], b[0], strict=True)
        highs = zip(a[1], b[1], strict=True)
        return all(x >= y for x, y in lows) and all(x <= y for x, y in highs)

    return [a for a in boxes if not any(a != b and inside(a, b) for b in boxes)]


def _everywhere(reach: Reach, *, padded: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    pairs = [_branch_everywhere(branch, reach.shape, padded=padded) for branch in reach.branches]
    lo = reduce(np.minimum, (pair[0] for pair in pairs))
    hi = reduce(np.maximum, (pair[1] for pair in pairs))
    return lo, hi


def _branch_everywhere(
    branch: Branch, shape: tuple[int, ...], *, padded: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(axis, [z,] y, x) corners of one branch; a cell empty along one axis is empty altogether."""
    lo = np.empty((len(shape), *shape), dtype=np.int64)
    hi = np.empty_like(lo)
    empty = np.zeros(shape, dtype=bool)
    for i, axis in enumerate(branch):
        along = tuple(-1 if j == i else 1 for j in range(len(shape)))
        first, last = (axis.padded_lo, axis.padded_hi) if padded else (axis.lo, axis.hi)
        lo[i], hi[i] = first.reshape(along), last.reshape(along)
        if (first > last).any():
            empty |= (first > last).reshape(along)
    if empty.any():
        lo[:, empty], hi[:, empty] = NOWHERE, -NOWHERE
    return lo, hi
