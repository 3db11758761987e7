"""Effective receptive field: how much of the theoretical field a cell really listens to.

The mean of |∂y/∂x| over many inputs, y one cell of a layer and x the image, after Luo, Li, Urtasun
and Zemel 2016, "Understanding the effective receptive field in deep convolutional neural networks"
(arXiv 1701.04128). It is measured, so it belongs to the stated images.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import skimage
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn

from unetscope.errors import ImageError, ModelError
from unetscope.inspection.asking.effective_gradient import channels_in_turn, gradient_at, laid
from unetscope.inspection.asking.effective_inputs import Inputs
from unetscope.inspection.asking.steps import LongWork, Step
from unetscope.inspection.following.reach import Kind
from unetscope.inspection.following.snapshot import (
    Skeleton,
    check_model,
    finite_batch,
    spatial_axes,
)
from unetscope.inspection.following.trace import Trace, module_of

Images = Tensor | NDArray[np.generic] | Sequence[Tensor | NDArray[np.generic]]


@dataclass(frozen=True, eq=False)
class EffectiveField:
    """Where the weight of one cell's field lies.

    Attributes
    ----------
    layer, point, channel : the layer, the cell ([z,] y, x), and the channel (None: several).
    values : ([z,] y, x) float64, mean |∂y/∂x| of every pixel of the theoretical field (added over
        the image's channels), as shares that sum to 1.
    lo : ([z,] y, x) image pixel of the first value when the field is laid around ``point``; may lie
        outside the image.
    theoretical : side lengths in pixels of the theoretical field of the cell.
    inputs : how many windows were averaged.
    outside : share of the gradient that fell outside the theoretical field, and was left out: 0
        but for layers that also mix in statistics of the whole map.
    kind : always empirical.
    """

    layer: str
    point: tuple[int, ...]
    channel: int | None
    values: NDArray[np.float64]
    lo: tuple[int, ...]
    theoretical: tuple[int, ...]
    inputs: int
    outside: float = 0.0
    kind: Kind = field(default=Kind.EMPIRICAL)

    @cached_property
    def centroid(self) -> tuple[float, ...]:
        """([z,] y, x) centre of the weight, in image pixels."""
        grids = np.indices(self.values.shape)
        pairs = zip(grids, self.lo, strict=True)
        return tuple(float((grid * self.values).sum()) + lo for grid, lo in pairs)

    @cached_property
    def _by_distance(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Distances of all pixels from the centroid, nearest first, and the weight up to there."""
        square = np.zeros(self.values.shape)
        for grid, lo, middle in zip(
            np.indices(self.values.shape), self.lo, self.centroid, strict=True
        ):
            square += (grid + lo - middle) ** 2
        order = np.argsort(square, axis=None, kind="stable")
        return np.sqrt(square.ravel()[order]), np.cumsum(self.values.ravel()[order])

    def radius(self, mass: float) -> float:
        """Pixels around the centroid within which that share (0 … 1) of the weight lies.

        Raises
        ------
        ImageError
            If ``mass`` is not between 0 and 1.
        """
        _check_mass(mass)
        distances, weight = self._by_distance
        first = int(np.searchsorted(weight, mass * weight[-1] * (1 - 1e-12)))
        return float(distances[min(first, len(distances) - 1)])

    @property
    def radius_50(self) -> float:
        """Pixels around the centroid that hold half of the weight."""
        return self.radius(0.5)

    @property
    def radius_95(self) -> float:
        """Pixels around the centroid that hold 95 % of the weight."""
        return self.radius(0.95)

    def side(self, mass: float = 0.95) -> float:
        """Side in pixels of the square (cube) as large as the fewest pixels that hold ``mass``."""
        _check_mass(mass)
        weight = np.cumsum(np.sort(self.values, axis=None)[::-1])
        count = int(np.searchsorted(weight, mass * weight[-1] * (1 - 1e-12))) + 1
        return float(count ** (1 / self.values.ndim))

    @property
    def ratio(self) -> float:
        """:meth:`side` of 95 % over the geometric mean of the sides of the theoretical field."""
        sides = np.asarray(self.theoretical, dtype=float)
        return self.side() / float(np.prod(sides) ** (1 / len(sides)))

    def contour(self, mass: float = 0.95) -> list[NDArray[np.float64]]:
        """Outlines (n, 2) [y, x] in image pixels, around the pixels that hold ``mass``.

        The weight is smoothed a little first, or a sampled field would have a thousand outlines;
        the longest outline comes first.

        Raises
        ------
        ImageError
            If ``mass`` is not between 0 and 1, or the field is not two-dimensional.
        """
        _check_mass(mass)
        if self.values.ndim != 2:
            raise ImageError("a contour is drawn in two dimensions; this field has three.")
        # Smoothed within the field alone: nothing beyond it has any influence.
        sigma = min(max(1.0, self.side() / 20), min(self.values.shape) / 10)
        smooth = ndimage.gaussian_filter(self.values, sigma, mode="nearest")
        ranked = np.sort(smooth, axis=None)[::-1]
        weight = np.cumsum(ranked)
        level = ranked[int(np.searchsorted(weight, mass * weight[-1] * (1 - 1e-12)))]
        padded = np.pad(smooth, 1)  # so that every outline is closed
        # A little lower, for at the very value of a plateau there is no line.
        lines = skimage.measure.find_contours(
            padded, max(float(level) * (1 - 1e-6), float(np.finfo(float).tiny))
        )
        corner = np.asarray(self.lo, dtype=float) - 1
        return [line + corner for line in sorted(lines, key=len, reverse=True)]


@LongWork
def effective_receptive_field(
    model: nn.Module | Trace,
    images: Images,
    layer: str,
    point: Sequence[int] | None = None,
    *,
    channel: int | None = None,
    inputs: int = 32,
    seed: int = 0,
) -> Iterator[Step[EffectiveField]]:
    """The effective receptive field of a cell of ``layer``, measured on ``images``.

    Every step has the mean so far, and no result as long as no gradient has arrived.

    Parameters
    ----------
    model : stays as it is; a copy in eval mode is run.
    images : one image ([channel,] [z,] y, x) scaled as the model takes it, or several.
    layer : a layer with places in ``model.named_modules()``.
    point : a cell ([z,] y, x) of its map of the first image; None for the middle one. The first
        window is the one around it. The others lie around cells drawn at random from all images
        that have the same phase, so that their fields have the same shape, and whose field does
        not reach a border where there are such cells.
    channel : whose value is looked at; None for another one with every window, if it fires there.
    inputs : how many windows to average over.
    seed : of the draw.

    Raises
    ------
    ModelError
        If the layer or channel does not exist or has no places, or if no gradient arrived
        (dead rectifiers).
    ImageError
        If there is no image, one does not fit the model, or the point lies outside the map.
    """
    if inputs < 1:
        raise ImageError(f"inputs is {inputs}; average over at least 1 window.")
    net = module_of(model)
    batches = [finite_batch(net, image) for image in _listed(net, images)]
    if not batches:
        raise ImageError("there is no image to measure the effective field on.")
    rng = np.random.default_rng(seed)
    drawn = Inputs(model, batches, layer, point, rng)
    copy = Skeleton(net).with_weights()
    chosen = channels_in_turn(drawn.call, channel, rng)
    lo, sides = drawn.lo, drawn.sides
    total = np.zeros(sides)
    outside = 0.0
    for done, window in enumerate(drawn.windows(inputs), start=1):
        gradient = gradient_at(copy, window, drawn.call, next(chosen), fixed=channel is not None)
        found, beside = laid(gradient, window, sides)
        total += found
        outside += beside
        weight = float(total.sum())
        result = None
        if weight > 0:
            share = outside / (weight + outside)
            result = EffectiveField(
                layer, drawn.point, channel, total / weight, lo, sides, done, share
            )
        yield Step(done, inputs, result)
    if not total.any():
        raise ModelError(
            f"no gradient arrived at the image from {layer!r} at {drawn.point} in {inputs} "
            "windows: its channels are dead there. Choose another channel or point."
        )


effective_receptive_field_steps = effective_receptive_field.steps


def _listed(model: nn.Module, images: Images) -> list[Tensor | NDArray[np.generic]]:
    check_model(model)
    if isinstance(images, Tensor | np.ndarray):
        several = images.ndim == spatial_axes(model) + 2
        return [images[i] for i in range(len(images))] if several else [images]
    if isinstance(images, str) or not isinstance(images, Iterable):
        raise ImageError(f"images is a {type(images).__name__}; give one array, or several.")
    return list(images)


def _check_mass(mass: float) -> None:
    if not 0 < mass <= 1:
        raise ImageError(f"mass is {mass}; give a share of the weight between 0 and 1.")
