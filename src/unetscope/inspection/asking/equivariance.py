"""Does the answer move with the image? The error map of a shift.

A convolution answers a moved image with a moved map. A pooling or a stride of s does so for shifts
by multiples of s only: in between, other pixels meet in a window (aliasing; Zhang 2019, "Making
convolutional networks shift-invariant again", arXiv 1904.11486). So the error of a network has to
be exactly zero at multiples of the product of its strides, and is shown for all other shifts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unetscope.errors import ImageError
from unetscope.inspection.following.cut_axis import CutAxis
from unetscope.inspection.following.follower import Follower, LayerCall
from unetscope.inspection.following.reach import Kind, Reach
from unetscope.inspection.following.snapshot import finite_batch, run_on_zeros
from unetscope.inspection.following.trace import Trace, follow, module_of
from unetscope.inspection.showing.maps import FeatureMaps, feature_maps

Span = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Equivariance:
    """How far the answer to a moved image is from the moved answer, where no border reaches.

    Attributes
    ----------
    shift : ([z,] y, x) pixels.
    layer : which map was compared; "" for the answer of the model.
    values : ([z,] y, x) float32, |f(T x) - T f(x)|, the largest over the channels.
    scale, translate : cell ``u`` of ``values`` is centred on image pixel ``scale·u + translate``.
    max_error : largest of ``values``.
    relative_error : root mean square of f(T x) - T f(x) over that of T f(x), all channels.
    multiple : product of the strides, in pixels: shifts by multiples of it leave no error.
    interpolated : whether the map had to be moved by part of a cell (linearly), because the
        layer's stride does not divide the shift.
    kind : empirical.
    """

    shift: tuple[int, ...]
    layer: str
    values: NDArray[np.float32]
    scale: tuple[float, ...]
    translate: tuple[float, ...]
    max_error: float
    relative_error: float
    multiple: int
    interpolated: bool
    kind: Kind = field(default=Kind.EMPIRICAL)

    @property
    def exact(self) -> bool:
        """Whether there is no error at all."""
        return self.max_error == 0


def equivariance(
    model: nn.Module | Trace,
    image: Tensor | NDArray[np.generic],
    shift: int | Sequence[int],
    *,
    layer: str | None = None,
) -> Equivariance:
    """Compare the map of a moved image with the moved map of the image.

    Nothing is wrapped round: two windows of the image, ``shift`` apart, are run, and compared where
    no cell of either has read anything that a window cut off. A normalisation by statistics of the
    whole map (group, instance) does not move with the image, and its error is shown.

    Parameters
    ----------
    model : stays as it is; a copy in eval mode is run.
    image : ([channel,] [z,] y, x), scaled as the model takes it.
    shift : pixels along every axis, or the same number for the last two axes (y and x).
    layer : a layer with places; None for the model's answer.

    Raises
    ------
    ModelError
        If the layer does not exist or cannot be followed.
    ImageError
        If the shift does not fit, or the image is too small for anything to be left to compare.
    """
    net = module_of(model)
    name = layer or ""
    batch = finite_batch(net, image)
    axes = batch.ndim - 2
    moved = _moved(shift, axes)
    trace = follow(model, batch.shape)
    multiples = _multiples(trace, trace.spatial(name)[0], axes)
    first, second = _windows(trace, moved, multiples)
    here, there = (_maps_of(net, batch, window, name) for window in (first, second))
    shape = (*batch.shape[:2], *(part.stop - part.start for part in first))
    reach, untouched = _untouched(net, shape, name, trace.aliases)
    steps = [Fraction(m) / g.scale for m, g in zip(moved, reach.grids, strict=True)]
    spans = [_common(good, step, trace, name) for good, step in zip(untouched, steps, strict=True)]
    answer = there.values[(slice(None), *(slice(*span) for span in spans))].astype(np.float64)
    moved_map = _taken(here.values.astype(np.float64), spans, steps)
    difference = answer - moved_map
    corner = zip(there.scale, there.translate, spans, second, strict=True)
    return Equivariance(
        shift=moved,
        layer=name,
        values=np.abs(difference).max(axis=0).astype(np.float32),
        scale=there.scale,
        translate=tuple(t + s * span[0] + part.start for s, t, span, part in corner),
        max_error=float(np.abs(difference).max()),
        relative_error=_ratio(difference, moved_map),
        multiple=lcm(*multiples),
        interpolated=any(step.denominator != 1 for step in steps),
    )


def equivariance_profile(
    model: nn.Module,
    image: Tensor | NDArray[np.generic],
    shifts: Sequence[int | Sequence[int]],
    *,
    layer: str | None = None,
) -> tuple[Equivariance, ...]:
    """:func:`equivariance` for every one of ``shifts``."""
    return tuple(equivariance(model, image, shift, layer=layer) for shift in shifts)


def _moved(shift: int | Sequence[int], axes: int) -> tuple[int, ...]:
    given = list(shift) if isinstance(shift, Sequence) else [0] * (axes - 2) + [shift, shift]
    if len(given) != axes or any(int(value) != value for value in given):
        raise ImageError(
            f"shift is {shift!r}; give one whole number of pixels, or one for each of the "
            f"{axes} axes."
        )
    return tuple(int(value) for value in given)


def _multiples(trace: Trace, last: LayerCall, axes: int) -> list[int]:
    """Per axis, the pixels by which all maps up to a layer move by whole cells."""
    steps = [1] * axes
    for call in trace.calls[: trace.calls.index(last) + 1]:
        if isinstance(call.reach, Reach):
            for axis, (grid, cells) in enumerate(
                zip(call.reach.grids, call.reach.shape, strict=True)
            ):
                if cells > 1:  # the one cell of a global pooling does not move
                    steps[axis] = lcm(steps[axis], grid.scale.numerator or 1)
    return steps


def _maps_of(model: nn.Module, batch: Tensor, window: tuple[slice, ...], layer: str) -> FeatureMaps:
    """The maps of a layer for one window of the image."""
    part = batch[(slice(None), slice(None), *window)]
    return feature_maps(model, part, [layer], same_rounding=True)[layer]


def _windows(
    trace: Trace, moved: tuple[int, ...], needed: Sequence[int]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Two windows of one size, ``moved`` apart, with sides that fit the strides.

    Of the whole network, which may ask for them, or at least ``needed``, those up to the layer.
    """
    sides, wanted = trace.image_shape, _multiples(trace, trace.calls[-1], len(moved))
    first, second = [], []
    for side, shift, all_steps, own in zip(sides, moved, wanted, needed, strict=True):
        step = all_steps if all_steps <= side - abs(shift) else own
        length = (side - abs(shift)) // step * step if shift else side
        if length < 1:
            raise ImageError(
                f"an image of {sides} px is too small to be shifted by {moved} px and still have "
                f"sides that are multiples of {step}; take a larger part."
            )
        start = max(0, -shift)
        first.append(slice(start, start + length))
        second.append(slice(start + shift, start + shift + length))
    return tuple(first), tuple(second)


def _untouched(
    model: nn.Module, shape: tuple[int, ...], layer: str, aliases: dict[str, str]
) -> tuple[Reach, list[NDArray[np.bool_]]]:
    """Per axis, which cells of a window's map have read nothing that lies beyond its sides."""
    sides = shape[2:]
    branch = tuple(CutAxis.of_window(side, (True, True)) for side in sides)
    whole = Reach.of_image(sides)

    def calls_of(copy: nn.Module, zeros: Tensor) -> tuple[LayerCall, ...]:
        follower = Follower(zeros, Reach((branch,), whole.grids, whole.dims))
        with torch.no_grad(), follower.watching(copy), follower:
            copy(zeros)
        return tuple(follower.calls)

    calls = run_on_zeros(model, shape, calls_of)
    _, reach = Trace(model, shape, calls, (), aliases).spatial(layer)
    good = []
    for axis in range(len(sides)):
        wrong = np.zeros(reach.shape[axis], dtype=bool)
        for family in reach.branches:
            part: Any = family[axis]
            wrong |= part.wrong
        good.append(~wrong)
    return reach, good


def _common(good: NDArray[np.bool_], step: Fraction, trace: Trace, layer: str) -> Span:
    """Cells of the second window's map that are untouched there and, moved, in the first's."""
    cells = np.flatnonzero(good)
    if len(cells):
        low, high = int(cells[0]), int(cells[-1]) + 1
        below, above = step // 1, -(-step // 1)
        span = max(low, low - int(below)), min(high, high - int(above))
        if span[0] < span[1]:
            return span
    field_px = trace.spatial(layer)[1].largest()
    raise ImageError(
        f"nothing is left to compare: the field is {field_px} px, the image {trace.image_shape}; "
        "take a larger image, a smaller shift or an earlier layer."
    )


def _taken(
    maps: NDArray[np.float64], spans: Sequence[Span], steps: Sequence[Fraction]
) -> NDArray[np.float64]:
    """The cells ``span + step`` of (channel, [z,] y, x), blended linearly between two cells."""
    for axis, (span, step) in enumerate(zip(spans, steps, strict=True), start=1):
        below, part = int(step // 1), float(step % 1)
        near = _sliced(maps, axis, span[0] + below, span[1] + below)
        if part:
            far = _sliced(maps, axis, span[0] + below + 1, span[1] + below + 1)
            near = (1 - part) * near + part * far
        maps = near
    return maps


def _sliced(maps: NDArray[np.float64], axis: int, start: int, stop: int) -> NDArray[np.float64]:
    return maps[(slice(None),) * axis + (slice(start, stop),)]


def _ratio(difference: NDArray[np.float64], reference: NDArray[np.float64]) -> float:
    size = float(np.sqrt(np.square(reference).mean()))
    error = float(np.sqrt(np.square(difference).mean()))
    if size == 0:
        return 0.0 if error == 0 else float("inf")
    return error / size
