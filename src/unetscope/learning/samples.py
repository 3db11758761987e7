"""Samples: an image with painted labels, checked once at the boundary."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from unetscope.errors import LabelError
from unetscope.images.classes import default_name
from unetscope.images.micrograph import Micrograph, as_micrograph

MAX_LABEL = 65_535
_DENSE = 0.5  # of the pixels of labelled planes, from which labels are called dense
_ROWS = 1024  # of a plane, that are compared at a time
_PX_AT_ONCE = 4_000_000  # of labels, that are counted at a time


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
        micrograph = as_micrograph(plain(image), axes=axes)
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
    if {sample.image.channels for sample in samples} == {1, 3}:
        samples = [replace(sample, image=as_grey(sample.image)) for sample in samples]
    return samples


def plain(array: Any) -> Any:
    """A torch tensor as a numpy array, wherever it lies; anything else unchanged."""
    if not type(array).__module__.startswith("torch") or not hasattr(array, "detach"):
        return array  # told by name, for whoever paints need not wait for torch
    array = array.detach().cpu()
    return (array.float() if "bfloat16" in str(array.dtype) else array).numpy()


def as_grey(image: Micrograph) -> Micrograph:
    """A colour image of equal channels as the grey one it is, with a note; others unchanged.

    All pixels are compared, some rows at a time.
    """
    return first_channel(image) if is_grey(image) else image


def first_channel(image: Micrograph) -> Micrograph:
    """A colour image whose channels are known to be equal as a grey one, with a note."""
    note = "its colour channels are all the same, so it is read as grey"
    grey = image.pixels if not isinstance(image.pixels, np.ndarray) else image.pixels[..., 0]
    if grey is image.pixels:
        grey = _FirstChannel(image.pixels)
    return replace(image, pixels=grey, axes=image.spatial_axes, notes=(*image.notes, note))


class _FirstChannel:
    """The first channel of a colour image whose pixels are read when they are asked for."""

    def __init__(self, pixels: Any) -> None:
        self._pixels = pixels
        self.shape, self.dtype = tuple(pixels.shape[:-1]), pixels.dtype

    def __getitem__(self, index: Any) -> np.ndarray:
        spatial = index if isinstance(index, tuple) else (index,)
        spatial += (slice(None),) * (len(self.shape) - len(spatial))
        return np.asarray(self._pixels[(*spatial, slice(0, 1))])[..., 0]


def is_grey(image: Micrograph) -> bool:
    """Whether this is a colour image of equal channels; all pixels are compared."""
    if not image.is_rgb or not _same_channels(image.sample_pixels(20_000)):
        return False
    height, width = image.spatial_shape[-2:]
    rows = [slice(y, min(y + _ROWS, height)) for y in range(0, height, _ROWS)]
    whole = slice(0, width)
    return all(
        _same_channels(image.plane(z, (band, whole))) for z in range(image.depth) for band in rows
    )


def _same_channels(pixels: np.ndarray) -> bool:
    """Whether (channel, …) are equal; NaN is equal to NaN."""
    first = pixels[0]
    nan = first.dtype.kind == "f"
    return all(np.array_equal(first, other, equal_nan=nan) for other in pixels[1:])


def _fingerprint(image: Micrograph) -> str:
    """Shape and a checksum of a fixed sample of the pixels."""
    sampled = np.ascontiguousarray(image.sample_pixels(20_000))
    return f"{'x'.join(map(str, image.spatial_shape))}-{zlib.crc32(sampled.tobytes()):08x}"


def checked_labels(labels: Any, image: Micrograph, name: str = "") -> np.ndarray:
    """``labels`` as an integer array of the image's spatial shape, or a :class:`LabelError`."""
    array = np.asarray(plain(labels))
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
            f"{_hint(array.shape, image)}"
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
        for value, pixels in value_counts(sample.labels).items():
            counts[value] = counts.get(value, 0) + pixels
    return dict(sorted(counts.items()))


def value_counts(labels: Any) -> dict[int, int]:
    """Label value → number of pixels, without the 0; in increasing order of value.

    Some rows are read at a time, for counting takes eight bytes a pixel; most hold no stroke.
    """
    array = np.asarray(labels)
    counts: dict[int, int] = {}
    for plane in array.reshape(-1, *array.shape[-2:]) if array.ndim > 1 else [array[None]]:
        for rows in row_bands(plane):
            if not rows.any():
                continue
            found = np.bincount(rows.ravel(), minlength=1)  # np.unique would sort
            for value in np.flatnonzero(found).tolist():
                counts[value] = counts.get(value, 0) + int(found[value])
    counts.pop(0, None)
    return dict(sorted(counts.items()))


def are_dense(samples: Sequence[Sample]) -> bool:
    """Whether labels are masks, which name most pixels of the planes that they are on."""
    labelled, planes_px = 0, 0
    for sample in samples:
        for plane in sample.labels if sample.labels.ndim == 3 else sample.labels[None]:
            found = int(np.count_nonzero(plane))
            labelled += found
            planes_px += plane.size if found else 0
    return labelled > 0 and labelled >= _DENSE * planes_px


def row_bands(plane: np.ndarray) -> Iterator[np.ndarray]:
    """A plane (y, x) in views of whole rows of some million pixels, from the top."""
    rows = max(1, _PX_AT_ONCE // max(1, plane.shape[1]))
    return (plane[y : y + rows] for y in range(0, plane.shape[0], rows))


def check_samples(
    samples: Sequence[Sample], *, min_classes: int = 2, names: Mapping[int, str] | None = None
) -> dict[int, int]:
    """Refuse what cannot be learned from; otherwise return :func:`labelled_pixels`.

    ``names`` are what the error calls the classes.
    """
    counts = labelled_pixels(samples)
    if not counts:
        raise LabelError("nothing is painted yet; paint a few strokes of at least two classes.")
    if len(counts) < min_classes:
        (only,) = counts
        called = (names or {}).get(only) or default_name(only)
        raise LabelError(
            f"only {called} is painted; paint a few strokes of at least one other class "
            "(the background is a class, too)."
        )
    if len(counts) > 255:
        raise LabelError(
            f"{len(counts)} different label values; that looks like an instance mask. "
            "Paint classes: 1, 2, 3 …"
        )
    _check_channels(samples)
    return counts


def _check_channels(samples: Sequence[Sample]) -> None:
    """Refuse images of several kinds, naming one of each."""
    named: dict[int, str] = {}
    for index, sample in enumerate(samples):
        name = sample.image.name or sample.key or f"image {index + 1}"
        named.setdefault(sample.image.channels, name)
    if len(named) > 1:
        kinds = ", ".join(f"{name!r} has {channel_words(n)}" for n, name in sorted(named.items()))
        raise LabelError(
            f"{kinds}; train on images of one kind. Leave the others out, or convert them first "
            "(colour to grey in Fiji: Image ▸ Type ▸ 8-bit)."
        )


def channel_words(channels: int) -> str:
    """The number of channels as people say it."""
    return "1 channel (grey)" if channels == 1 else f"{channels} channels"


def _hint(shape: tuple[int, ...], image: Micrograph) -> str:
    """What may be behind labels of another shape."""
    wanted = image.spatial_shape
    if shape != wanted and (*shape[:-2], *shape[-2:][::-1]) == wanted:
        return " They fit when turned by a quarter: one of the two files is turned."
    if len(shape) > len(wanted) and shape[-len(wanted) :] == wanted:
        return " If the image is a stack of as many planes, say so (--axes zyx)."
    return ""
