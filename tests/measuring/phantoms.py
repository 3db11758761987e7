"""Shapes whose measures are known from their formulas, drawn by the centres of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def ball(
    shape: Sequence[int], centre: Sequence[float], radius: float, spacing: Sequence[float]
) -> NDArray[np.bool_]:
    """A disk or sphere; ``centre`` and ``radius`` in the unit of ``spacing``."""
    return ellipsoid(shape, centre, (radius,) * len(shape), spacing)


def ellipsoid(
    shape: Sequence[int],
    centre: Sequence[float],
    radii: Sequence[float],
    spacing: Sequence[float],
) -> NDArray[np.bool_]:
    """An ellipse or ellipsoid along the axes."""
    at = world(shape, spacing)
    return sum(((x - c) / r) ** 2 for x, c, r in zip(at, centre, radii, strict=True)) <= 1


def bar(
    shape: Sequence[int], size: tuple[float, float], degrees: float, spacing: Sequence[float]
) -> NDArray[np.bool_]:
    """A rectangle (length, width) in the middle, its length turned anticlockwise from +x."""
    y, x = world(shape, spacing)
    y, x = y - y.mean(), x - x.mean()
    turn = np.deg2rad(degrees)
    along, across = x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)
    return (np.abs(along) <= size[0] / 2) & (np.abs(across) <= size[1] / 2)


def world(shape: Sequence[int], spacing: Sequence[float]) -> list[NDArray[Any]]:
    """Where the centres of the pixels lie along each axis, ready to be broadcast."""
    return list(
        np.meshgrid(
            *(np.arange(n) * s for n, s in zip(shape, spacing, strict=True)),
            indexing="ij",
            sparse=False,
        )
    )
