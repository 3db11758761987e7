"""Samples: an image with painted labels, checked once at the boundary."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unetscope.errors import LabelError
from unetscope.images.micrograph import Micrograph, as_micrograph

MAX_LABEL = 65_535


@dataclass(frozen=True, eq=False)
class Sample:
    """An image and its labels: (y, x) or (z, y, x) like the image; 0 means nobody said."""

    image: Micrograph
    labels: np.ndarray
    key: str = ""


def make_samples(
    images: Any, labels: Any, axes: str | None = None, names: Sequence[str] | None = None
) -> list[Sample]:
    """Pair images with labels; one array or Micrograph each, or lists of them of equal length.

    A sample's key tells images apart by what they show, so that a second training knows what the
    first one learned from.
    """
    images = list(images) if isinstance(images, (list, tuple)) else [images]
    labels = list(labels) if isinstance(labels, (list, tuple)) else [labels]
    if len(images) != len(labels):
        raise LabelError(
            f"{len(images)} images but {len(labels)} label arrays; give one label array an image."
        )
    samples: list[Sample] = []
    seen: set[str] = set()
    for index, (image, painted) in enumerate(zip(images, labels, strict=True)):
        micrograph = as_micrograph(image, axes=axes)
        name = names[index] if names else micrograph.name or f"image {index + 1}"
        shows = _fingerprint(micrograph)
        if shows in seen:
            raise LabelError(
                f"{name!r} shows the same as an image before it; put all labels of an image into "
                "one array, or pixels learned from would be held back as well."
            )
        seen.add(shows)
        key = names[index] if names else shows
        samples.append(Sample(micrograph, checked_labels(painted, micrograph, name), key))
    return samples


def _fingerprint(image: Micrograph) -> str:
    """Shape and a checksum of a fixed sample of the pixels."""
    sampled = np.ascontiguousarray(image.sample_pixels(20_000))
    return f"{'x'.join(map(str, image.spatial_shape))}-{zlib.crc32(sampled.tobytes()):08x}"


def checked_labels(labels: Any, image: Micrograph, name: str = "") -> np.ndarray:
    """``labels`` as an integer array of the image's spatial shape, or a :class:`LabelError`."""
    array = np.asarray(labels)
    where = f" of {name!r}" if name else ""
    if array.dtype == bool:
        array = array.astype(np.uint8)
    if array.dtype.kind == "f":
        if not np.isfinite(array).all() or (array != np.round(array)).any():
            raise LabelError(f"labels{where} hold fractions or NaN; labels are whole numbers.")
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise LabelError(f"labels{where} are of type {array.dtype}; labels are whole numbers.")
    if array.shape != image.spatial_shape:
        raise LabelError(
            f"labels{where} have shape {array.shape} but the image is {image.spatial_shape} "
            f"({', '.join(image.spatial_axes)}); paint on a labels layer of the image's size."
        )
    if array.size and int(array.min()) < 0:
        raise LabelError(
            f"labels{where} hold {int(array.min())}; use 0 for unlabelled and 1, 2, … for classes."
        )
    if array.size and int(array.max()) > MAX_LABEL:
        raise LabelError(
            f"labels{where} hold {int(array.max())}; class numbers go up to {MAX_LABEL}. "
            "Is this an instance mask? Classes are few: 1, 2, 3 …"
        )
    return array


def labelled_pixels(samples: Sequence[Sample]) -> dict[int, int]:
    """Class value → number of labelled pixels over all samples, in increasing order of value."""
    counts: dict[int, int] = {}
    for sample in samples:
        # bincount reads the array once; np.unique would sort it.
        found = np.bincount(np.asarray(sample.labels).ravel(), minlength=1)
        for value in np.nonzero(found)[0]:
            if value:
                counts[int(value)] = counts.get(int(value), 0) + int(found[value])
    return dict(sorted(counts.items()))


def check_samples(samples: Sequence[Sample], *, min_classes: int = 2) -> dict[int, int]:
    """Refuse what cannot be learned from; otherwise return :func:`labelled_pixels`."""
    counts = labelled_pixels(samples)
    if not counts:
        raise LabelError("nothing is painted yet; paint a few strokes of at least two classes.")
    if len(counts) < min_classes:
        (only,) = counts
        raise LabelError(
            f"only class {only} is painted; paint a few strokes of at least one other class "
            "(the background is a class, too)."
        )
    if len(counts) > 255:
        raise LabelError(
            f"{len(counts)} different label values; that looks like an instance mask. "
            "Paint classes: 1, 2, 3 …"
        )
    channels = {sample.image.channels for sample in samples}
    if len(channels) > 1:
        raise LabelError(
            f"the images have {sorted(channels)} channels; train on images of one kind."
        )
    return counts
