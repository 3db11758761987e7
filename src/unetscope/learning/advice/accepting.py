"""Accept and correct: take a prediction over into the labels, by brush, lasso or one click.

Every function reads arrays and gives new ones; what to write where is for the caller, who can so
undo it. Regions come with their box, so that large images are touched only there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy
import skimage

from unetscope.errors import LabelError

REACH_PX = 1024  # how far from the click a region is followed


@dataclass(frozen=True, eq=False)
class GrownRegion:
    """Pixels of an image: slices of it, and a boolean mask of the shape of that box."""

    box: tuple[slice, ...]
    mask: np.ndarray = field(repr=False)

    @property
    def pixels(self) -> int:
        """How many there are."""
        return int(np.count_nonzero(self.mask))


def accept_region(
    prediction: np.ndarray, labels: np.ndarray, mask: np.ndarray, *, overwrite: bool = False
) -> np.ndarray:
    """The labels with the prediction taken over where ``mask`` says that it is right.

    Parameters
    ----------
    prediction, labels : integer arrays of one shape; 0 in ``prediction`` is never taken over.
    mask : boolean array of that shape: brush, lasso or the mask of a :class:`GrownRegion`.
    overwrite : whether painted labels may change, too; otherwise only unlabelled pixels do.

    Returns
    -------
    A new array of the type of ``labels``.
    """
    _check_shapes(labels, prediction=prediction, mask=mask)
    taken = mask & (prediction > 0)
    if not overwrite:
        taken &= labels == 0
    _check_fits(prediction[taken], labels.dtype)
    return np.where(taken, prediction, labels).astype(labels.dtype)


def fill_region(
    labels: np.ndarray, mask: np.ndarray, value: int, *, overwrite: bool = False
) -> np.ndarray:
    """The labels with class ``value`` in ``mask`` (0 erases to unlabelled, whatever is there)."""
    _check_shapes(labels, mask=mask)
    _check_fits(np.array([value]), labels.dtype)
    taken = mask if overwrite or value == 0 else mask & (labels == 0)
    return np.where(taken, value, labels).astype(labels.dtype)


def connected_region(
    prediction: np.ndarray, point: Sequence[int], *, reach_px: int = REACH_PX
) -> GrownRegion:
    """The predicted region of one class around ``point``, by shared sides (not corners).

    Parameters
    ----------
    prediction : (y, x) or (z, y, x) class values; numpy, dask or zarr.
    point : (y, x) or (z, y, x); in a stack the region goes on through the planes.
    reach_px : the region ends at this distance along y and x, so that a click on the background of
        a large image stays quick.
    """
    point = _inside(point, prediction.shape)
    box = _window(point, prediction.shape, reach_px)
    seen = np.asarray(prediction[box])
    here = tuple(p - side.start for p, side in zip(point, box, strict=True))
    parts, _ = scipy.ndimage.label(seen == seen[here])
    return _cropped(parts == parts[here], box)


def superpixel_at(
    image: np.ndarray,
    point: Sequence[int],
    *,
    size_px: int = 16,
    compactness: float = 0.1,
) -> GrownRegion:
    """The superpixel around ``point``: a compact patch of like grey that keeps to edges.

    Source: SLIC, Achanta et al. (2012), IEEE TPAMI 34:2274. Computed in a window on a fixed grid,
    so that two clicks into one superpixel find the same pixels (unless it crosses that grid).

    Parameters
    ----------
    image : (y, x) or (y, x, channel) plane.
    point : (y, x).
    size_px : about the side of a superpixel.
    compactness : larger is more square; for grey values brought to 0 … 1 in the window.
    """
    if size_px < 2:
        raise LabelError(f"superpixels of {size_px} px are no larger than pixels; use 2 or more.")
    shape = image.shape[:2]
    point = _inside(point, shape)
    block = 8 * size_px
    box = tuple(
        slice(max(0, p // block * block - size_px), min(n, (p // block + 1) * block + size_px))
        for p, n in zip(point, shape, strict=True)
    )
    seen = np.asarray(image[box], dtype=np.float32)
    low, high = np.percentile(seen, (0.5, 99.5))
    seen = np.clip((seen - low) / max(float(high - low), 1e-12), 0, 1)
    wanted = max(1, round(seen.shape[0] * seen.shape[1] / size_px**2))
    channel_axis = -1 if seen.ndim == 3 else None
    parts = skimage.segmentation.slic(
        seen, wanted, compactness, channel_axis=channel_axis, convert2lab=False
    )
    return _cropped(
        parts == parts[tuple(p - s.start for p, s in zip(point, box, strict=True))], box
    )


def _window(point: Sequence[int], shape: Sequence[int], reach_px: int) -> tuple[slice, ...]:
    flat = [
        slice(max(0, p - reach_px), min(n, p + reach_px + 1))
        for p, n in zip(point[-2:], shape[-2:], strict=True)
    ]
    return (*(slice(0, n) for n in shape[:-2]), *flat)


def _cropped(mask: np.ndarray, box: Sequence[slice]) -> GrownRegion:
    (inner,) = scipy.ndimage.find_objects(mask.astype(np.uint8))
    placed = tuple(
        slice(side.start + part.start, side.start + part.stop)
        for side, part in zip(box, inner, strict=True)
    )
    return GrownRegion(placed, mask[inner].copy())


def _inside(point: Sequence[int], shape: Sequence[int]) -> tuple[int, ...]:
    found = tuple(int(p) for p in point)
    if len(found) != len(shape) or not all(0 <= p < n for p, n in zip(found, shape, strict=True)):
        raise LabelError(f"point {found} is not in an image of {tuple(shape)}; click inside it.")
    return found


def _check_shapes(labels: np.ndarray, **others: np.ndarray) -> None:
    for name, other in others.items():
        if other.shape != labels.shape:
            raise LabelError(f"{name} has shape {other.shape}, the labels {labels.shape}.")


def _check_fits(values: np.ndarray, dtype: np.dtype) -> None:
    most = int(values.max(initial=0))
    if most > np.iinfo(dtype).max:
        raise LabelError(f"class {most} does not fit into labels of type {dtype}.")
