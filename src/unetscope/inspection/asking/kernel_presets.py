"""Well-known kernels of any size, by name; numpy alone, so that they are there without torch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import ModelError

PRESETS = (
    "sobel_x",
    "sobel_y",
    "laplacian",
    "gaussian",
    "identity",
    "sharpen",
    "mean",
    "zero",
)


def preset(name: str, shape: Sequence[int]) -> NDArray[np.float64]:
    """A well-known kernel ([z,] y, x) of any size.

    ``sobel_x`` and ``sobel_y`` answer positively where the picture gets brighter along x or y:
    a difference along that axis, binomial smoothing along the others (Sobel 1968; 3×3 gives
    -1 0 1, -2 0 2, -1 0 1). ``laplacian`` is the sum of second differences, smoothed beyond 3 taps;
    ``sharpen`` is the identity minus it. ``gaussian`` is binomial with sum 1, ``mean`` has equal
    taps with sum 1. ``identity`` is one at tap ``k // 2``, the middle of an odd kernel; with the
    padding ``k // 2`` it copies the image. A kernel that is 1 tap wide along z is flat.

    Raises
    ------
    ModelError
        If there is no such preset, or it needs more taps than the kernel has.
    """
    sides = tuple(int(k) for k in shape)
    if name not in PRESETS:
        raise ModelError(f"no preset is called {name!r}; there are {', '.join(PRESETS)}.")
    if not sides or min(sides) < 1:
        raise ModelError(f"a kernel cannot have the shape {sides}.")
    if name in ("sobel_x", "sobel_y"):
        return _sobel(name, sides)
    if name == "laplacian":
        return _laplacian(name, sides)
    if name == "sharpen":
        return _identity(sides) - _laplacian(name, sides)
    if name == "identity":
        return _identity(sides)
    if name == "gaussian":
        return _outer([_binomial(k) / 2.0 ** (k - 1) for k in sides])
    return np.full(sides, 1 / np.prod(sides) if name == "mean" else 0.0)


def _sobel(name: str, sides: tuple[int, ...]) -> NDArray[np.float64]:
    axis = len(sides) - (1 if name == "sobel_x" else 2)
    if axis < 0 or sides[axis] < 2:
        raise ModelError(f"{name} needs a kernel at least 2 taps long on its axis, not {sides}.")
    difference = np.convolve(_binomial(sides[axis] - 1), [-1.0, 1.0])
    return _outer([difference if i == axis else _binomial(k) for i, k in enumerate(sides)])


def _laplacian(name: str, sides: tuple[int, ...]) -> NDArray[np.float64]:
    """Second differences along every axis with three taps or more, smoothed to the full size."""
    curved = [i for i, k in enumerate(sides) if k >= 3]
    if not curved:
        raise ModelError(f"{name} needs a kernel of at least 3 taps along an axis, not {sides}.")
    total = np.zeros(sides)
    for axis in curved:
        factors = []
        for i, k in enumerate(sides):
            if k < 3:
                factors.append(_binomial(k) / 2.0 ** (k - 1))
                continue
            smooth = _binomial(k - 2) / 2.0 ** (k - 3)
            factors.append(np.convolve(smooth, [1.0, -2.0, 1.0] if i == axis else [0.0, 1.0, 0.0]))
        total += _outer(factors)
    return total


def _identity(sides: tuple[int, ...]) -> NDArray[np.float64]:
    values = np.zeros(sides)
    values[tuple(k // 2 for k in sides)] = 1.0
    return values


def _binomial(taps: int) -> NDArray[np.float64]:
    row: NDArray[np.float64] = np.ones(1)
    for _ in range(taps - 1):
        row = np.convolve(row, [1.0, 1.0])
    return row


def _outer(factors: Sequence[NDArray[np.float64]]) -> NDArray[Any]:
    return reduce(np.multiply.outer, factors)
