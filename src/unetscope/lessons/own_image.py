"""One's own image on the bench: the part that is on screen, at its pixel size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import LessonError
from unetscope.images.target import Target
from unetscope.lessons.bench import Laid

LARGEST_SIDE = 512
MULTIPLE = 8  # of which the sides are: three poolings must fit
LEAST_SEEN = 64  # where less is on screen, what lies around it is taken along


def own_laid(
    target: Target, labels: Any = None, class_names: Mapping[int, str] | None = None
) -> Laid:
    """The middle of what is on screen of an image, at most 512 × 512 px.

    Parameters
    ----------
    target
        The image, its plane and the part on screen.
    labels
        ([z,] y, x) of the whole image, 0 where nobody said; read in the part alone.
    class_names
        Of the values of ``labels``.

    Returns
    -------
    Pixels (y, x) or (y, x, channel) as float32; pixels without a value (NaN, infinite) have the
    median of those around that have one.

    Raises
    ------
    LessonError
        If the image is too small or has no values there.
    ImageError
        If its pixels cannot be read.
    """
    image = target.image
    shape = image.spatial_shape[-2:]
    view = target.view or (slice(0, shape[0]), slice(0, shape[1]))
    rows, columns = (_middle(part, side) for part, side in zip(view, shape, strict=True))
    pixels = _finite(np.asarray(image.plane(target.z, (rows, columns)), dtype=np.float32))
    sizes = image.pixel_size[-2:] if image.pixel_size else (1.0, 1.0)
    inside = None
    if labels is not None:
        plane = (target.z,) if labels.ndim == 3 else ()
        inside = np.asarray(labels[(*plane, rows, columns)])
        inside = inside.astype(np.int32) if inside.any() else None
    names = class_names or {}
    most = 0 if inside is None else int(inside.max())
    return Laid(
        pixels[0] if len(pixels) == 1 else np.ascontiguousarray(np.moveaxis(pixels, 0, 2)),
        image.name or "my image",
        (float(sizes[0]), float(sizes[1])),
        image.unit or "",
        (rows.start, columns.start),
        inside,
        "" if inside is None else "strokes",
        tuple(names.get(value, f"class {value}") for value in range(1, most + 1)),
        own=True,
    )


def _middle(part: slice, side: int) -> slice:
    """The middle of ``part`` of a side of ``side`` px, its length a multiple of 8."""
    if side < MULTIPLE:
        raise LessonError(f"this image is {side} px wide or high; a lesson needs {MULTIPLE} px.")
    seen = max(part.stop - part.start, min(LEAST_SEEN, side))
    length = min(seen, LARGEST_SIDE) // MULTIPLE * MULTIPLE
    start = (part.start + part.stop - length) // 2
    start = min(max(start, 0), side - length)
    return slice(start, start + length)


def _finite(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    good = np.isfinite(pixels)
    if good.all():
        return pixels
    if not good.any():
        raise LessonError("this part of the image has no values; move to one that has.")
    return np.where(good, pixels, np.float32(np.median(pixels[good])))
