"""Copies of the strokes: what a worker may read while the layer is painted on.

They are kept by tile, so a stroke costs its own tiles, not the image.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator
from typing import Any

import numpy as np

from unetscope.session.journal.changes import Change, Tiling
from unetscope.session.journal.mirror import Mirror
from unetscope.session.layers.big_labels import TiledLabels


class Snapshots:
    """The strokes of each image as they were last read."""

    def __init__(self) -> None:
        self._taken: dict[str, _Copy] = {}

    def take(self, key: str, strokes: Any) -> bool:
        """Bring the copy of ``strokes`` up to date; say whether they have changed."""
        known = self._taken.get(key)
        if known is None or not known.fits(strokes):
            copy = self._taken[key] = _Copy(strokes)
            changed = copy.follow(strokes)
            return known is not None or changed
        return known.follow(strokes)

    def drop(self, key: str) -> bool:
        """Forget the strokes of an image; say whether there were any."""
        return self._taken.pop(key, None) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._taken)

    def items(self) -> ItemsView[str, np.ndarray]:
        """(image key, strokes as a read-only array) of every image."""
        return {key: copy.labels() for key, copy in self._taken.items()}.items()

    def painted_pixels(self, keys: Iterable[str]) -> dict[int, int]:
        """Class value -> labelled pixels over the images ``keys``, without a look at the pixels."""
        total: dict[int, int] = {}
        for key in keys:
            if key in self._taken:
                for value, pixels in self._taken[key].pixels.items():
                    total[value] = total.get(value, 0) + pixels
        return dict(sorted(total.items()))


class _Copy:
    """One image: its strokes by tile, and how many pixels each class has."""

    def __init__(self, strokes: Any) -> None:
        self._source, self._clock = strokes, 0
        self._dtype = strokes.dtype
        self._mirror = Mirror(Tiling(tuple(strokes.shape)))
        self._whole: np.ndarray | None = None
        self.pixels: dict[int, int] = {}

    def fits(self, strokes: Any) -> bool:
        """Whether it can follow these strokes."""
        same_shape = tuple(strokes.shape) == self._mirror.tiling.shape
        by_tile = isinstance(strokes, TiledLabels)
        return (
            same_shape
            and strokes.dtype == self._dtype
            and (strokes is self._source if by_tile else True)
        )

    def follow(self, strokes: Any) -> bool:
        """Take over what is different; say whether anything was.

        Comparing is exact. It is needed because napari fires nothing but ``set_data`` for undo
        and redo, which moving a slider fires as well.
        """
        if isinstance(strokes, TiledLabels):
            written, self._clock = strokes.written_since(self._clock), strokes.clock
            change = self._mirror.to(strokes, written)
        else:
            change = self._mirror.whole_change(strokes)
        if not change.pixels:
            return False
        self._mirror.apply(change)
        self._count(change)
        self._whole = None
        return True

    def labels(self) -> np.ndarray:
        """The strokes in full; memory that was never painted is not really taken."""
        if self._whole is None:
            self._whole = self._mirror.labels(self._dtype)
            self._whole.flags.writeable = False
        return self._whole

    def _count(self, change: Change) -> None:
        for values, sign in ((change.old, -1), (change.new, 1)):
            for value in np.unique(values[values > 0]):
                pixels = sign * int(change.lengths[values == value].sum())
                left = self.pixels.pop(int(value), 0) + pixels
                if left:
                    self.pixels[int(value)] = left
