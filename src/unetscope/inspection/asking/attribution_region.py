"""What an attribution explains: the score of a class, summed over a region of the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.draw import polygon2mask
from torch import Tensor, nn

from unetscope.errors import ImageError, LabelError, ModelError
from unetscope.inspection.asking.ablation_parts import only_tensor
from unetscope.inspection.following.asked import checked_pixel
from unetscope.inspection.following.crops import crop_for
from unetscope.inspection.following.reach import Lost, Reach
from unetscope.inspection.following.snapshot import Skeleton
from unetscope.inspection.following.trace import Trace

Region = NDArray[Any] | Sequence[Any]
ANSWER = ""  # the name of the model itself in a trace


@dataclass(frozen=True, eq=False)
class RegionScore:
    """One class, one region, and the part of the image that can matter to it.

    Attributes
    ----------
    copy : of the model, in eval mode, without parameters that want gradients.
    batch : (1, channel, [z,] y, x) the window alone.
    trace : of the whole image.
    window : pixels of the image, a slice per axis.
    score : from the copy's answer for the window to y, the logits of the class added over the
        region.
    pixels : cells of the answer in the region.
    """

    copy: nn.Module
    batch: Tensor
    trace: Trace
    window: tuple[slice, ...]
    score: Callable[[Any], Tensor]
    pixels: int

    @property
    def origin(self) -> tuple[int, ...]:
        """First pixel of the window."""
        return tuple(part.start for part in self.window)

    def run(self, window: Tensor) -> Tensor:
        """y for a window like ``batch``."""
        return self.score(self.copy(window))


def question(
    model: nn.Module, batch: Tensor, trace: Trace, target: int, region: Region | None
) -> RegionScore:
    """What is asked about ``target`` in ``region``; see :func:`attribution` for both.

    Raises
    ------
    ModelError
        If there is no such class, or the answer cannot be placed in the image.
    ImageError, LabelError
        If the region is no part of the image, or is empty.
    """
    copy = Skeleton(model).with_weights()
    shape = trace.call(ANSWER).output_shape
    if shape is None or len(shape) < 2:
        raise ModelError("the model does not answer with one tensor of logits (1, class, …).")
    classes = max(2, shape[1])
    if not 0 <= target < classes:
        raise ModelError(f"target is {target}; the model has the classes 0 to {classes - 1}.")
    whole = tuple(slice(0, side) for side in trace.image_shape)
    if len(shape) == 2:
        if region is not None:
            raise ImageError("this model gives one answer for the whole image: leave region out.")
        return RegionScore(copy, batch, trace, whole, lambda o: _of_class(o, target).sum(), 1)
    if region is None:
        cells = _predicted(copy, batch, target)
    else:
        cells = _cells(trace, region_mask(region, trace.image_shape))
    window, first = _window(model, trace, batch, cells)
    kept = tuple(torch.as_tensor(c - f) for c, f in zip(cells, first, strict=True))
    part = batch[(slice(None), slice(None), *window)]
    return RegionScore(
        copy, part, trace, window, lambda o: _of_class(o, target)[kept].sum(), len(cells[0])
    )


def region_mask(region: Region, image_shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """A bool mask of the image from a mask, a polygon (n, 2) of [y, x], or one point.

    Raises
    ------
    ImageError
        If point or polygon lie outside of the image, or it is none of these.
    LabelError
        If a mask has another size, or is empty.
    """
    given = np.asarray(region)
    if given.dtype == bool:
        if given.shape != image_shape:
            raise LabelError(f"the region has shape {given.shape}, the image {image_shape}.")
        if not given.any():
            raise LabelError("the region is empty; paint or draw one pixel at least.")
        return given
    if given.shape == (len(image_shape),) and np.issubdtype(given.dtype, np.number):
        point = checked_pixel(given.tolist(), image_shape)
        mask = np.zeros(image_shape, dtype=bool)
        mask[point] = True
        return mask
    if len(image_shape) == 2 and given.ndim == 2 and given.shape[1] == 2 and len(given) > 2:
        corners = given.astype(float)
        if not np.isfinite(corners).all():
            raise ImageError(f"the polygon holds corners that are no numbers: {given.tolist()}.")
        mask = polygon2mask(image_shape, corners)
        if not mask.any():
            raise ImageError(f"the polygon holds no pixel of the image, {image_shape} px.")
        return np.asarray(mask, dtype=bool)
    raise ImageError(
        f"the region has shape {given.shape} and type {given.dtype}; give a bool mask "
        f"{image_shape}, a point, or (for a 2D image) a polygon of three [y, x] or more."
    )


def _of_class(output: Any, target: int) -> Tensor:
    """The logits of a class, ([z,] y, x); one channel is the logit of class 1 against class 0."""
    logits = only_tensor(output)[0]
    if len(logits) == 1:
        return logits[0] if target == 1 else -logits[0]
    return logits[target]


def _predicted(copy: nn.Module, batch: Tensor, target: int) -> tuple[NDArray[np.int64], ...]:
    """Cells of the answer where the class wins."""
    with torch.no_grad():
        logits = only_tensor(copy(batch))[0]
    said = (logits[0] > 0).long() if len(logits) == 1 else logits.argmax(dim=0)
    mask = said == target
    if not mask.any():
        raise LabelError(f"class {target} is predicted nowhere in this image; give a region.")
    return np.nonzero(mask.cpu().numpy())


def _cells(trace: Trace, mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], ...]:
    """The cells of the answer nearest to the pixels of ``mask``, each once."""
    reach = _answer(trace)
    found = []
    for where, grid in zip(np.nonzero(mask), reach.grids, strict=True):
        found.append(np.floor((where - float(grid.offset)) / float(grid.scale) + 0.5).astype(int))
    points = np.stack(found, axis=1)
    points = points[((points >= 0) & (points < np.array(reach.shape))).all(axis=1)]
    if not len(points):
        raise ImageError("the model gives no answer in this region: it lies too near the border.")
    return tuple(np.unique(points, axis=0).T)


def _answer(trace: Trace) -> Reach:
    call = trace.call(ANSWER)
    if isinstance(call.reach, Reach):
        return call.reach
    if (call.output_shape or ())[2:] == trace.image_shape:
        return Reach.of_image(trace.image_shape)  # cannot be followed, but has the image's pixels
    raise ModelError(f"the answer cannot be placed in the image: {call.reach.reason}.")


def _window(
    model: nn.Module, trace: Trace, batch: Tensor, cells: tuple[NDArray[np.int64], ...]
) -> tuple[tuple[slice, ...], tuple[int, ...]]:
    """The pixels the cells can depend on, and which cell of the answer comes first there."""
    whole = tuple(slice(0, side) for side in trace.image_shape)
    nothing = (0,) * len(whole)
    if isinstance(trace.call(ANSWER).reach, Lost):
        return whole, nothing
    spans = []
    for axis, grid in enumerate(_answer(trace).grids):
        ends = [
            float(grid.scale) * int(f(cells[axis])) + float(grid.offset) for f in (np.min, np.max)
        ]
        side = trace.image_shape[axis]
        low, high = (min(max(0, round(end)), side - 1) for end in ends)
        spans.append(slice(low, high + 1))
    crop = crop_for(model, trace, batch.shape, [ANSWER], spans)
    return crop.window, crop.first[ANSWER]
