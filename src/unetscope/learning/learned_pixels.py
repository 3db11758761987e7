"""Which pixels a voice of a model has learned from: what a check box asks.

A head is solved anew from all strokes each time, so it knows those of the last time. A network
keeps what it has learned, also from strokes that are gone, until it is begun anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from unetscope.images.rescaled import ResampledPixels, own_labels
from unetscope.images.some_planes import SomePlanes, whole_of
from unetscope.learning.check_box import CheckBox
from unetscope.learning.samples import Sample


@dataclass(frozen=True, eq=False)
class _Packed:
    """Labelled pixels, eight in a byte along x."""

    shape: tuple[int, ...]
    bits: np.ndarray = field(repr=False)
    planes: tuple[int, ...] | None = None  # of the stack that ``bits`` has; None: all

    def any_in(self, box: CheckBox) -> bool:
        """Whether one of them lies in a box."""
        own = placed(box, self.planes)
        if own is None or not own.fits(self.shape):
            return False
        rows = self.bits[own.region(len(self.shape))[:-1]]
        pixels = np.unpackbits(rows, axis=-1, count=self.shape[-1])
        return bool(pixels[..., own.left : own.right].any())


@dataclass(frozen=True, eq=False)
class LearnedPixels:
    """Labelled pixels that were learned from, by sample key: once, or time after time."""

    latest: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)
    earlier: Mapping[str, tuple[_Packed, ...]] = field(default_factory=dict, repr=False)
    planes: Mapping[str, tuple[int, ...]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> LearnedPixels:
        """Those of labels that nobody changes any more; they are not copied."""
        samples = list(samples)
        planes = {s.key: s.image.pixels.planes for s in samples if _is_some(s)}
        return cls({sample.key: _own(sample) for sample in samples}, planes=planes)

    def joined(self, samples: Sequence[Sample]) -> LearnedPixels:
        """These and those of more labels; of earlier ones only where they lay is kept."""
        earlier = dict(self.earlier)
        for key, labels in self.latest.items():
            packed = replace(_packed(labels), planes=self.planes.get(key))
            earlier[key] = _united((*earlier.get(key, ()), packed))
        return replace(LearnedPixels.of(samples), earlier=earlier)

    def any_in(self, keys: Iterable[str], box: CheckBox) -> bool:
        """Whether one lies in a box of an image that is known by these keys."""
        return any(self._in(key, box) for key in keys)

    def _in(self, key: str, box: CheckBox) -> bool:
        labels, own = self.latest.get(key), placed(box, self.planes.get(key))
        if labels is None or own is None or not own.fits(labels.shape):
            now = False
        else:
            now = bool(labels[own.region(labels.ndim)].any())
        return now or any(one.any_in(box) for one in self.earlier.get(key, ()))


def placed(box: CheckBox, planes: tuple[int, ...] | None) -> CheckBox | None:
    """A box among some planes of its stack; None where it is on none of them."""
    if planes is None:
        return box
    return replace(box, z=planes.index(box.z)) if box.z in planes else None


def _own(sample: Sample) -> np.ndarray:
    """Labels at the image's own pixels, which check boxes are told in."""
    seen, _ = whole_of(sample.image)
    resampled = isinstance(seen.pixels, ResampledPixels)
    return own_labels(sample.labels, seen) if resampled else sample.labels


def _is_some(sample: Sample) -> bool:
    return isinstance(sample.image.pixels, SomePlanes)


def _packed(labels: np.ndarray) -> _Packed:
    return _Packed(tuple(labels.shape), np.packbits(np.asarray(labels) != 0, axis=-1))


def _united(packed: Sequence[_Packed]) -> tuple[_Packed, ...]:
    """One of each shape and choice of planes: an image may have been read in several ways."""
    alike: dict[tuple[Any, ...], np.ndarray] = {}
    for one in packed:
        known = alike.get((one.shape, one.planes))
        alike[one.shape, one.planes] = one.bits if known is None else known | one.bits
    return tuple(_Packed(shape, bits, planes) for (shape, planes), bits in alike.items())
