"""How much every pixel speaks for a class: by covering it up, or by its gradient.

Each method yields ``(done, total, values ([z,] y, x) of the window so far, note)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from unetscope.errors import ImageError, ModelError
from unetscope.inspection.asking.attribution_region import RegionScore

Grown = Iterator[tuple[int, int, NDArray[np.float64], str]]
PLACES = 16  # squares along the longest side, unless a size is given
SMALLEST = 4  # px, side of a square


def input_gradients(asked: RegionScore) -> Grown:
    """``|∂y/∂x|``, the largest over the channels (Simonyan et al. 2014, arXiv 1312.6034)."""
    from captum.attr import Saliency  # takes a second to import

    saliency = Saliency(lambda window: asked.run(window).reshape(1))
    slopes: Tensor = saliency.attribute(asked.batch.clone().requires_grad_(), abs=True)
    if not slopes.any():
        note = "No pixel's gradient differs from 0: the answer does not change with the image here."
    else:
        note = "How fast the class's score changes with each pixel's grey value, up or down."
    yield 1, 1, _array(slopes[0].amax(dim=0)), note


def integrated_gradients(asked: RegionScore, baseline: Tensor, nodes: int) -> Grown:
    """Gradients along the way from ``baseline`` to the image, times the way.

    Sundararajan et al. 2017 (arXiv 1703.01365). The integral is taken at Gauss-Legendre nodes, one
    a step, from the middle of the way outwards; the parts add up to ``y(image) − y(baseline)``.
    """
    if nodes < 1:
        raise ModelError(f"nodes is {nodes}; give 1 or more.")
    start = baseline.expand_as(asked.batch)
    way = asked.batch - start
    places, weights = np.polynomial.legendre.leggauss(nodes)
    total = torch.zeros_like(way, dtype=torch.float64)
    with torch.no_grad():
        difference = float(asked.run(asked.batch)) - float(asked.run(start.contiguous()))
    used = 0.0
    for done, index in enumerate(np.argsort(np.abs(places), kind="stable"), start=1):
        at = (start + (places[index] + 1) / 2 * way).detach().requires_grad_()
        with torch.enable_grad():
            (slope,) = torch.autograd.grad(asked.run(at), at)
        total += weights[index] / 2 * (slope * way).double()
        used += weights[index] / 2
        values = _array(total[0].sum(dim=0) / used)
        note = (
            f"The parts add up to {values.sum():.4g}; between mean grey and this image the class's "
            f"score differs by {difference:.4g}."
        )
        yield done, nodes, values, note


def occlusion(asked: RegionScore, side: int | None, stride: int | None) -> Grown:
    """How much y falls when a square is covered by the mean grey around it.

    Zeiler and Fergus 2014 (arXiv 1311.2901). Where squares overlap, their mean. The cover is the
    mean over a square three times as wide, pixel by pixel and channel by channel, so that it
    brings no edge and no grey value of its own.
    """
    shape = tuple(asked.batch.shape[2:])
    size = side or max(SMALLEST, round(max(shape) / PLACES))
    step = stride or size
    if size < 1 or step < 1 or step > size:
        raise ImageError(
            f"the square is {size} px and its step {step} px; give a step from 1 to the side, or "
            "pixels would be left out."
        )
    cover = _local_mean(asked.batch, 3 * size)
    corners = list(product(*(_starts(length, size, step) for length in shape)))
    falls, covered = np.zeros(shape), np.zeros(shape)
    note = (
        f"How much the class's score falls when {size} px squares are covered by local mean grey."
    )
    with torch.no_grad():
        score = float(asked.run(asked.batch))
        for done, corner in enumerate(corners, start=1):
            square = tuple(slice(start, start + size) for start in corner)
            changed = asked.batch.clone()
            changed[(slice(None), slice(None), *square)] = cover[
                (slice(None), slice(None), *square)
            ]
            falls[square] += score - float(asked.run(changed))
            covered[square] += 1
            yield done, len(corners), falls / np.maximum(covered, 1), note


def _starts(length: int, size: int, step: int) -> range:
    """Where squares begin along an axis, so that the last reaches the end."""
    return range(0, max(1, length - size + step), step)


def _local_mean(batch: Tensor, side: int) -> Tensor:
    values = batch.double().cpu().numpy()
    mean = ndimage.uniform_filter(values, size=(1, 1, *(side,) * (values.ndim - 2)), mode="nearest")
    return torch.as_tensor(mean, dtype=batch.dtype, device=batch.device)


def _array(values: Tensor) -> NDArray[np.float64]:
    answer: NDArray[Any] = values.detach().double().cpu().numpy().copy()
    return answer
