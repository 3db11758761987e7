"""The part of the image that questions are asked on: what is on screen, with a rim around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from unetscope.looking.glass import Glass
from unetscope.looking.lazily import Lazily

if TYPE_CHECKING:
    import torch
else:
    torch = Lazily("torch")

MIDDLE_PX = 156  # at least so much is left that is out of the borders' reach
WIDEST_PX = 512  # fields beyond are those of global poolings, which no window is wide enough for


def cropped(glass: Glass) -> Any:
    """What is on screen with a rim as wide as the field, aligned, as (channel, [z,] y, x)."""
    return glass.image[(slice(None), *work_window(glass))]


def work_window(glass: Glass) -> tuple[slice, ...]:
    """The window :func:`cropped` cuts: the view, on the grid of the deepest stride."""
    if glass.region is None:
        return glass.view
    step = max(32, *(int(max(row.stride)) for row in glass.table.rows if row.stride))
    fields = [max(row.receptive_field) for row in glass.table.rows if row.receptive_field]
    least = -(-(min(max(fields, default=0), WIDEST_PX) + MIDDLE_PX) // step) * step
    window = []
    for part, size in zip(glass.view, glass.shape, strict=True):
        low = part.start // step * step
        high = min(size, -(-part.stop // step) * step)
        if high - low < least:
            low = max(0, min((low + high - least) // 2, size - least)) // step * step
            high = min(size, max(high, low + least))
        fits = (high - low) % step == 0 or high == size
        window.append(slice(low, high) if fits else slice(0, size))
    return tuple(window)


def shifted(glass: Glass, translate: Sequence[float]) -> tuple[float, ...]:
    """From pixels of the network's input to pixels of the image."""
    return tuple(t + o for t, o in zip(translate, glass.origin, strict=True))


def in_image(glass: Glass, translate: Sequence[float]) -> tuple[float, ...]:
    """From pixels of :func:`cropped` to pixels of the image."""
    window = work_window(glass)
    return shifted(glass, tuple(t + w.start for t, w in zip(translate, window, strict=True)))


def in_input(glass: Glass, labels: np.ndarray) -> np.ndarray:
    """Labels of the image cut or padded to the network's input; of a stack, its present plane."""
    if labels.ndim > glass.axes:
        labels = labels[glass.subject.target.z]
    whole = np.zeros(glass.shape, dtype=np.int64)
    part = labels[tuple(slice(o, o + n) for o, n in zip(glass.origin, glass.shape, strict=True))]
    whole[tuple(slice(0, n) for n in part.shape)] = part
    return whole


def in_view(glass: Glass, labels: np.ndarray) -> np.ndarray:
    """Labels of the image cut to :func:`cropped`."""
    return in_input(glass, labels)[work_window(glass)]


def as_outputs(glass: Glass, labels: np.ndarray) -> np.ndarray:
    """PaintedLabels values as numbers of the network's outputs from 1; 0 for other classes."""
    values = [one.value for one in glass.subject.classes]
    if not values:
        return labels
    table = np.zeros(max(int(labels.max(initial=0)), *values) + 1, dtype=np.int64)
    table[values] = np.arange(1, len(values) + 1)
    return table[labels]


def class_values(glass: Glass, mask: np.ndarray) -> np.ndarray:
    """Label values of a mask of output numbers: those of the classes, where they are known."""
    values = [one.value for one in glass.subject.classes]
    count = int(mask.max()) + 1
    known = values if len(values) >= count else list(range(1, count + 1))
    return np.asarray(known, dtype=np.int32)[mask]


def answered(glass: Glass, net: Any = None) -> np.ndarray:
    """Probabilities (class, …) of the window of questions; one output is read as two classes.

    ``net``: a changed copy of the network to ask instead.
    """
    with torch.inference_mode():
        found = (glass.net if net is None else net)(cropped(glass)[None])[0].float()
    if found.shape[0] == 1:
        chance = found.sigmoid()[0]
        return np.stack([1 - chance.numpy(), chance.numpy()])
    return np.asarray(found.softmax(dim=0))
