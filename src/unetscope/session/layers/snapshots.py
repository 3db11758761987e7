"""Copies of the strokes: what a worker may read while the layer is painted on.

They are kept by tile, so a stroke costs its own tiles, not the image. What lies in a check box is
kept apart: nobody gets to learn from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from unetscope.images.some_planes import with_gaps
from unetscope.learning.check_box import CheckBox
from unetscope.learning.samples import value_counts
from unetscope.session.journal.changes import Change, Tiling
from unetscope.session.journal.mirror import Mirror, blank_array
from unetscope.session.layers.big_labels import TiledLabels


class Snapshots:
    """The strokes of each image as they were last read."""

    def __init__(self) -> None:
        self._taken: dict[str, _Copy] = {}
        self._boxes: dict[str, tuple[CheckBox, ...]] = {}

    def take(self, key: str, strokes: Any) -> bool:
        """Bring the copy of ``strokes`` up to date; say whether they have changed."""
        known = self._taken.get(key)
        if known is None or not known.fits(strokes):
            copy = self._taken[key] = _Copy(strokes)
            copy.keep_out(self._boxes.get(key, ()))
            changed = copy.follow(strokes)
            return known is not None or changed
        return known.follow(strokes)

    def keep_out(self, key: str, boxes: Sequence[CheckBox]) -> bool:
        """Keep check boxes of an image out of what is read; say whether these are others."""
        if self._boxes.get(key, ()) == tuple(boxes):
            return False
        self._boxes[key] = tuple(boxes)
        if key in self._taken:
            self._taken[key].keep_out(tuple(boxes))
        return True

    def in_box(self, key: str, box: CheckBox) -> np.ndarray | None:
        """A copy of what is painted in a box, (y, x); None where nothing was read."""
        taken = self._taken.get(key)
        return None if taken is None else taken.in_box(box)

    def drop(self, key: str) -> bool:
        """Forget the strokes of an image; say whether there were any."""
        return self._taken.pop(key, None) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._taken)

    def painted(self) -> Iterator[tuple[str, np.ndarray, tuple[int, ...] | None]]:
        """(image key, strokes outside of boxes as a read-only array, planes) of painted images.

        ``planes``: of a stack that is kept by tile those that the array has
        (:func:`~unetscope.images.some_planes.with_gaps`); None where it has all of the image.
        """
        for key, copy in self._taken.items():
            if copy.learned():
                labels = copy.labels()
                yield key, labels, copy.planes

    def painted_pixels(self, keys: Iterable[str]) -> dict[int, int]:
        """Class value -> labelled pixels outside of boxes, over the images ``keys``.

        Without a look at other pixels than those of boxes.
        """
        total: Counter[int] = Counter()
        for key in keys:
            if key in self._taken:
                total.update(self._taken[key].learned())
        return dict(sorted((+total).items()))


class _Copy:
    """One image: its strokes by tile, and how many pixels each class has."""

    def __init__(self, strokes: Any) -> None:
        self._source, self._clock = strokes, 0
        self._dtype = strokes.dtype
        self._mirror = Mirror(Tiling(tuple(strokes.shape)))
        self._whole: np.ndarray | None = None
        self.planes: tuple[int, ...] | None = None  # that `_whole` has
        self._pixels: Counter[int] = Counter()
        self._boxes: tuple[CheckBox, ...] = ()

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

    def keep_out(self, boxes: tuple[CheckBox, ...]) -> None:
        """Boxes of which nothing is given to who learns; those of another shape do not count."""
        shape = self._mirror.tiling.shape
        self._boxes = tuple(box for box in boxes if box.fits(shape))
        self._whole = None

    def in_box(self, box: CheckBox) -> np.ndarray | None:
        """A copy of what is painted in a box, (y, x)."""
        tiling = self._mirror.tiling
        if not box.fits(tiling.shape):
            return None
        found = np.zeros(box.shape, self._dtype)
        plane = (slice(box.z, box.z + 1),) if len(tiling.shape) == 3 else ()
        for number in tiling.touched((*plane, *box.plane)):
            tile, (rows, columns) = self._mirror.tile(number), tiling.slices(number)[-2:]
            top, bottom = max(rows.start, box.top), min(rows.stop, box.bottom)
            left, right = max(columns.start, box.left), min(columns.stop, box.right)
            inner = tile[
                top - rows.start : bottom - rows.start,
                left - columns.start : right - columns.start,
            ]
            found[top - box.top : bottom - box.top, left - box.left : right - box.left] = inner
        return found

    def learned(self) -> Counter[int]:
        """Class value -> painted pixels outside of the boxes."""
        counts = Counter(self._pixels)
        for box in self._boxes:
            inside = self.in_box(box)
            if inside is not None:
                counts.subtract(value_counts(inside))
        return +counts

    def labels(self) -> np.ndarray:
        """The strokes outside of the boxes; memory that was never painted is not really taken.

        Of a stack that is kept by tile only of painted planes: as many as it has would cost time.
        """
        if self._whole is None:
            shape, self.planes = self._mirror.tiling.shape, None
            if isinstance(self._source, TiledLabels) and len(shape) == 3:
                self.planes = with_gaps({z for z, _, _ in self._places()}, shape[0])
                whole = blank_array((len(self.planes), *shape[1:]), self._dtype)
                at = {z: index for index, z in enumerate(self.planes)}
                for z, plane, tile in self._places():
                    part = whole[(at[z], *plane)]
                    part[...] = tile[: part.shape[0], : part.shape[1]]
            else:
                whole, at = self._mirror.labels(self._dtype), {}
            for box in self._boxes:
                if self.planes is None:
                    whole[box.region(whole.ndim)] = 0
                elif box.z in at:
                    whole[(at[box.z], *box.plane)] = 0
            whole.flags.writeable = False
            self._whole = whole
        return self._whole

    def _places(self) -> Iterator[tuple[int, tuple[slice, slice], np.ndarray]]:
        """Plane, (y, x) and labels of the painted tiles of a stack."""
        for number, tile in self._mirror.tiles():
            z, *plane = self._mirror.tiling.slices(number)
            yield z, (plane[0], plane[1]), tile

    def _count(self, change: Change) -> None:
        for values, sign in ((change.old, -1), (change.new, 1)):
            for value in np.unique(values[values > 0]):
                pixels = sign * int(change.lengths[values == value].sum())
                self._pixels[int(value)] += pixels
