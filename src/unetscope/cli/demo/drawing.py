"""Pictures of a segmentation for people: the image, strokes on it, classes in their colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unetscope.images.classes import LabelClass
from unetscope.images.micrograph import Micrograph
from unetscope.images.normalisation import fit_normalisation

Rgb = NDArray[np.uint8]  # (y, x, 3)


def displayed(image: Micrograph, z: int = 0) -> Rgb:
    """Plane ``z`` as 8 bit (y, x, 3): RGB as it is, else channels 1 to 3 stretched to be seen."""
    plane = image.plane(z)
    if image.is_rgb and plane.dtype == np.uint8:
        return np.ascontiguousarray(np.moveaxis(plane[:3], 0, -1))
    stretched = np.clip(fit_normalisation(image).apply(plane), 0.0, 1.0)
    if len(stretched) == 1:
        stretched = np.repeat(stretched, 3, axis=0)
    elif len(stretched) == 2:  # green and magenta, which everybody tells apart
        stretched = stretched[[1, 0, 1]]
    return (np.moveaxis(stretched[:3], 0, -1) * 255).round().astype(np.uint8)


def coloured(labels: np.ndarray, classes: Sequence[LabelClass]) -> Rgb:
    """Labels (y, x) in the colours of their classes; what has no class is black."""
    picture = np.zeros((*labels.shape, 3), np.uint8)
    for one in classes:
        picture[labels == one.value] = _rgb(one.color)
    return picture


def overlaid(
    picture: Rgb, labels: np.ndarray, classes: Sequence[LabelClass], opacity: float
) -> Rgb:
    """``picture`` with the labelled pixels tinted; ``opacity`` 0 leaves it, 1 covers it."""
    tinted = picture * (1.0 - opacity) + coloured(labels, classes) * opacity
    return np.where((labels > 0)[..., None], tinted.round().astype(np.uint8), picture)


def outlined(picture: Rgb, labels: np.ndarray) -> Rgb:
    """``picture`` with a white line, one pixel wide, around every labelled region."""
    painted = np.pad(labels > 0, 1)
    inside = painted[1:-1, 1:-1]
    around = painted[:-2, 1:-1] | painted[2:, 1:-1] | painted[1:-1, :-2] | painted[1:-1, 2:]
    return np.where((around & ~inside)[..., None], np.uint8(255), picture)


def _rgb(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
