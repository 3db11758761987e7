"""Copies of the strokes: what a worker may read while the layer is painted on."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable
from typing import Any

import numpy as np


class Snapshots:
    """The strokes of each image as they were last read; read-only arrays."""

    def __init__(self) -> None:
        self._taken: dict[str, np.ndarray] = {}

    def take(self, key: str, strokes: Any) -> bool:
        """Copy ``strokes`` if they differ from the last copy; say whether they do.

        Comparing is exact and as fast as memory. It is needed because napari fires nothing but
        ``set_data`` for undo and redo, which moving a slider fires as well.
        """
        known = self._taken.get(key)
        if known is not None and np.array_equal(known, strokes):
            return False
        copy = np.array(strokes)
        copy.flags.writeable = False
        self._taken[key] = copy
        return known is not None or bool(copy.any())

    def drop(self, key: str) -> bool:
        """Forget the strokes of an image; say whether there were any."""
        return self._taken.pop(key, None) is not None

    def items(self) -> ItemsView[str, np.ndarray]:
        """(image key, strokes) of every image."""
        return self._taken.items()


def counted(labels: Iterable[np.ndarray]) -> dict[int, int]:
    """Class value -> labelled pixels over all arrays."""
    counts: dict[int, int] = {}
    for array in labels:
        found = np.bincount(array[array > 0])  # strokes are few: smaller than the image
        for value in np.nonzero(found)[0]:
            counts[int(value)] = counts.get(int(value), 0) + int(found[value])
    return counts
