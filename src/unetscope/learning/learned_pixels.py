"""Which pixels a voice of a model has learned from: what a check box asks.

A head is solved anew from all strokes each time, so it knows those of the last time. A network
keeps what it has learned, also from strokes that are gone, until it is begun anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from unetscope.learning.check_box import CheckBox
from unetscope.learning.samples import Sample


@dataclass(frozen=True, eq=False)
class _Packed:
    """Labelled pixels, eight in a byte along x."""

    shape: tuple[int, ...]
    bits: np.ndarray = field(repr=False)

    def any_in(self, box: CheckBox) -> bool:
        """Whether one of them lies in a box."""
        rows = self.bits[box.region(len(self.shape))[:-1]]
        pixels = np.unpackbits(rows, axis=-1, count=self.shape[-1])
        return bool(pixels[..., box.left : box.right].any())


@dataclass(frozen=True, eq=False)
class LearnedPixels:
    """Labelled pixels that were learned from, by sample key: once, or time after time."""

    latest: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)
    earlier: Mapping[str, tuple[_Packed, ...]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> LearnedPixels:
        """Those of labels that nobody changes any more; they are not copied."""
        return cls({sample.key: sample.labels for sample in samples})

    def joined(self, samples: Sequence[Sample]) -> LearnedPixels:
        """These and those of more labels; of earlier ones only where they lay is kept."""
        earlier = dict(self.earlier)
        for key, labels in self.latest.items():
            earlier[key] = _united((*earlier.get(key, ()), _packed(labels)))
        return LearnedPixels({sample.key: sample.labels for sample in samples}, earlier)

    def any_in(self, keys: Iterable[str], box: CheckBox) -> bool:
        """Whether one lies in a box of an image that is known by these keys."""
        return any(self._in(key, box) for key in keys)

    def _in(self, key: str, box: CheckBox) -> bool:
        labels = self.latest.get(key)
        if labels is not None and box.fits(labels.shape) and labels[box.region(labels.ndim)].any():
            return True
        packed = self.earlier.get(key, ())
        return any(box.fits(one.shape) and one.any_in(box) for one in packed)


def _packed(labels: np.ndarray) -> _Packed:
    return _Packed(tuple(labels.shape), np.packbits(np.asarray(labels) != 0, axis=-1))


def _united(packed: Sequence[_Packed]) -> tuple[_Packed, ...]:
    """One of each shape: an image may have been read in several ways."""
    by_shape: dict[tuple[int, ...], np.ndarray] = {}
    for one in packed:
        known = by_shape.get(one.shape)
        by_shape[one.shape] = one.bits if known is None else known | one.bits
    return tuple(_Packed(shape, bits) for shape, bits in by_shape.items())
