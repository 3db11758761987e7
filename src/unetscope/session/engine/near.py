"""Where a stroke was painted since the last answer: what is around it is answered first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unetscope.images.target import Box, Target
from unetscope.learning.samples import Sample

REACH_PX = 128  # around a stroke, to all sides
_LONGEST_PX = 512  # of a stroke; what is painted all over the image has no surroundings


class NearStroke:
    """Remembers the labels that were answered last, of the image that is painted on."""

    def __init__(self) -> None:
        self._key = ""
        self._labels: np.ndarray | None = None

    def box(self, samples: Sequence[Sample], target: Target) -> Box | None:
        """The surroundings (y, x) of what was painted on the plane on screen since the last call.

        None where nothing was, all over the image, or where it is not known what was there.
        """
        sample = next((s for s in samples if s.key == target.key), None)
        whole = target.seen is None and sample is not None and sample.image is target.image
        labels = sample.labels if whole and sample is not None else None
        known, before = self._key == target.key, self._labels
        self._key, self._labels = target.key, labels
        if labels is None or before is None or not known or before.shape != labels.shape:
            return None
        if labels.ndim == 3:
            labels, before = labels[target.z], before[target.z]
        return _around(labels != before)


def _around(changed: np.ndarray) -> Box | None:
    sides = []
    for axis in (1, 0):
        where = np.flatnonzero(changed.any(axis=axis))
        if not len(where) or where[-1] - where[0] > _LONGEST_PX:
            return None
        length = changed.shape[1 - axis]
        start, stop = int(where[0]) - REACH_PX, int(where[-1]) + 1 + REACH_PX
        sides.append(slice(max(0, start), min(length, stop)))
    return sides[0], sides[1]
