"""What is trained on and what is held back, kept honest while strokes are added.

A pixel that has once shaped the network must never judge it. So the held-back pixels of the first
training stay held back; what is painted later is learned from, unless it lies so near to them that
it would give them away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from unetscope.learning.samples import Sample, value_counts
from unetscope.learning.split import Split, hold_out_strokes, split_labels


@dataclass(frozen=True, eq=False)
class Partition:
    """Labels to learn from and labels held back, one array each a sample.

    ``kind``: ``"image"`` or ``"block"`` give an honest figure; ``"strokes"`` are held back only to
    choose between instant head and network, and no figure is reported. ``note`` tells the user.
    ``earlier``: keys of images that were learned from before and are not among these any more.
    """

    keys: tuple[str, ...]
    training: list[np.ndarray]
    held: list[np.ndarray]
    kind: str
    note: str
    earlier: tuple[str, ...] = ()

    def knows(self, samples: Sequence[Sample]) -> bool:
        """Whether any of these images has been learned from."""
        learned = {*self.keys, *self.earlier}
        return any(sample.key in learned for sample in samples)

    def shown(self, samples: Sequence[Sample]) -> list[Sample]:
        """``samples`` with the labels to learn from alone."""
        return [replace(s, labels=t) for s, t in zip(samples, self.training, strict=True)]

    def extended(self, samples: Sequence[Sample], guard_px: int) -> Partition | None:
        """This partition for labels that were painted further; None where it no longer fits.

        Held-back pixels stay so while their label stands; everything else is learned from, except
        what was painted within ``guard_px`` of a held-back pixel of an honest figure.
        """
        if any(sample.key in self.earlier for sample in samples):
            return None  # what was held back of that image is not known any more
        known = {key: index for index, key in enumerate(self.keys)}
        training, held = [], []
        for sample in samples:
            index = known.get(sample.key)
            if index is None or self.held[index].shape != sample.labels.shape:
                training.append(sample.labels)
                held.append(np.zeros_like(sample.labels))
                continue
            out = np.where(self.held[index] == sample.labels, sample.labels, 0)
            kept = np.where(out > 0, 0, sample.labels)
            if self.kind != "strokes":
                fresh = (kept > 0) & (self.training[index] != kept)
                kept = np.where(fresh & _near(out > 0, guard_px), 0, kept)
            training.append(kept)
            held.append(out)
        before = {value for labels in self.held for value in value_counts(labels)}
        after = {value for labels in held for value in value_counts(labels)}
        painted = {value for sample in samples for value in value_counts(sample.labels)}
        learned = {value for labels in training for value in value_counts(labels)}
        if after != before or learned != painted:
            return None
        keys = tuple(sample.key for sample in samples)
        earlier = tuple(key for key in (*self.earlier, *self.keys) if key not in keys)
        return replace(self, keys=keys, training=training, held=held, earlier=earlier)


def partition(
    samples: Sequence[Sample],
    *,
    guard_px: int,
    fraction: float,
    seed: int,
    names: Mapping[int, str] | None = None,
) -> Partition:
    """Hold back places beyond the guard band, or else whole strokes for choosing only.

    ``names`` are what the note calls the classes.
    """
    keys = tuple(sample.key for sample in samples)
    split: Split = split_labels(
        samples, guard_px=guard_px, fraction=fraction, seed=seed, names=names
    )
    if split.kind != "none":
        return Partition(keys, list(split.training), list(split.validation), split.kind, split.note)
    training, held = [], []
    for sample in samples:
        kept, out = hold_out_strokes(sample.labels, fraction=fraction, seed=seed)
        training.append(kept)
        held.append(out)
    return Partition(keys, training, held, "strokes", split.note)


def _near(pixels: np.ndarray, guard_px: int) -> np.ndarray:
    """Where a pixel of the same plane (or a neighbouring one) lies within ``guard_px``."""
    size = (3,) * (pixels.ndim - 2) + (2 * guard_px + 1,) * 2
    return ndimage.maximum_filter(pixels.view(np.uint8), size=size, mode="constant") > 0
