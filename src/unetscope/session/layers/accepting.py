"""Accept and correct: what a person says is right becomes labels, as one edit of the journal.

A *region* is a box of the image with a mask (:class:`unetscope.learning.advice.accepting.Region`).
Pixels that are painted already are never changed by accepting or filling: what was painted by hand
stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from unetscope.errors import LabelError
from unetscope.images.micrograph import Micrograph
from unetscope.learning.advice.accepting import (
    GrownRegion,
    accept_region,
    connected_region,
    fill_region,
    superpixel_at,
)
from unetscope.session.journal.changes import TILE_PX, Tiling
from unetscope.session.journal.history import EditKind
from unetscope.session.layers.answer_pyramid import full_resolution
from unetscope.session.layers.layer_facts import set_labels
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.layers.result_layers import ResultLayers
from unetscope.session.layers.stroke_keeping import StrokeKeeper
from unetscope.session.layers.stroke_watching import Written
from unetscope.session.results.mask import MASK
from unetscope.session.stroke_regions import still_there

Box = tuple[slice, ...]


class Accepting:
    """Writes regions into the strokes of an image; each call is one edit and one step of undo.

    The methods return how many pixels changed. They raise :class:`LabelError` where there is no
    prediction or no strokes layer to write into.
    """

    def __init__(self, layers: OpenLayers, results: ResultLayers, keeper: StrokeKeeper) -> None:
        self._layers, self._results, self._keeper = layers, results, keeper

    def accept(self, key: str, region: GrownRegion) -> int:
        """Take the present prediction over in a region, but for check boxes, which judge it."""
        before = self._painted(key, region.box)
        predicted = np.asarray(self._prediction(key)[region.box])
        mask = region.mask & ~self._in_boxes(key, region.box)
        if region.mask.any() and not mask.any():
            raise LabelError(
                "a check box judges the answer, so it is painted by hand and takes nothing over; "
                "use the brush in it"
            )
        return self.write(key, region.box, accept_region(predicted, before, mask), EditKind.ACCEPT)

    def fill(self, key: str, region: GrownRegion, value: int) -> int:
        """Paint a region with one class."""
        before = self._painted(key, region.box)
        return self.write(key, region.box, fill_region(before, region.mask, value), EditKind.FILL)

    def replace(self, key: str, region: GrownRegion, value: int) -> int:
        """Paint a region with one class over whatever is there; 0 erases."""
        before = self._painted(key, region.box)
        after = fill_region(before, region.mask, value, overwrite=True)
        return self.write(key, region.box, after, EditKind.FILL if value else EditKind.ERASE)

    def is_painted(self, key: str, region: GrownRegion, value: int) -> bool:
        """Whether a region is a whole stroke of the class ``value``, no more and no less."""
        layer = self._layers.strokes_layer(key)
        if layer is None or layer.data.ndim != len(region.box):
            return False
        return still_there(layer.data, region, value)

    def is_predicted(self, key: str, region: GrownRegion) -> bool:
        """Whether the present prediction says anything in a region."""
        return bool(np.asarray(self._prediction(key)[region.box])[region.mask].any())

    def predicted_at(self, key: str, point: Sequence[int]) -> GrownRegion | None:
        """The connected region of the predicted class at ``point`` ((z,) y, x), on its plane.

        None where nothing is predicted there.
        """
        prediction = self._prediction(key)
        plane = prediction[point[0]] if len(point) == 3 else prediction
        if not int(plane[tuple(point[-2:])]):
            return None
        return on_plane(connected_region(plane, point[-2:]), point)

    def superpixel_at(self, key: str, point: Sequence[int], size_px: int) -> GrownRegion:
        """The superpixel of the image at ``point`` ((z,) y, x), about ``size_px`` wide."""
        z = point[0] if len(point) == 3 else 0
        plane: Any = _Plane(self._layers.micrograph(key), z)
        return on_plane(superpixel_at(plane, point[-2:], size_px=size_px), point)

    def write(self, key: str, box: Box, after: np.ndarray, kind: EditKind) -> int:
        """Bring the labels in ``box`` to ``after``; what a model said stays out of check boxes."""
        changed = self._painted(key, box) != after
        if kind is EditKind.ACCEPT and self._layers.boxes(key):
            changed &= ~self._in_boxes(key, box)
        if not changed.any():
            return 0
        layer, watched = self._layers.strokes_layer(key), self._keeper.watched(key)
        if watched is None:  # an image whose journal could not be opened
            offset = np.array([[side.start] for side in box])
            places = tuple(np.array(np.nonzero(changed)) + offset)
            with layer.block_history():
                set_labels(layer, places, after[changed])
        else:
            tiling = watched.journal.mirror.tiling
            watched.write(kind, pieces(tiling, box, changed, after))
        return int(np.count_nonzero(changed))

    def _painted(self, key: str, box: Box) -> np.ndarray:
        layer = self._layers.strokes_layer(key)
        if layer is None:
            raise LabelError("there is no layer to paint on; click a class first.")
        return np.array(layer.data[box])

    def _in_boxes(self, key: str, box: Box) -> np.ndarray:
        """Which pixels of a part of an image lie in its check boxes."""
        inside = np.zeros([side.stop - side.start for side in box], bool)
        for own in self._layers.boxes(key):
            start = (own.z, own.top, own.left)[-len(box) :]
            stop = (own.z + 1, own.bottom, own.right)[-len(box) :]
            part = [
                slice(max(a - side.start, 0), max(b - side.start, 0))
                for a, b, side in zip(start, stop, box, strict=True)
            ]
            inside[tuple(part)] = True
        return inside

    def _prediction(self, key: str) -> Any:
        layer = self._results.find(key, MASK)
        if layer is None:
            raise LabelError("there is no prediction of this image yet; paint, or press Predict.")
        return full_resolution(layer)


def pieces(tiling: Tiling, box: Box, changed: np.ndarray, after: np.ndarray) -> Iterator[Written]:
    """The changed pixels of a box as the journal takes them: (tile, places in it, new values)."""
    for tile in sorted(tiling.touched(box)):
        *planes, rows, columns = tiling.slices(tile)
        inner = [
            slice(z - side.start, z - side.start + 1)
            for z, side in zip(planes, box[:-2], strict=True)
        ]
        inner += [
            slice(max(own.start - side.start, 0), own.stop - side.start)
            for own, side in zip((rows, columns), box[-2:], strict=True)
        ]
        mask = changed[tuple(inner)]
        *_, y, x = np.nonzero(mask)
        if len(y):
            y = y + inner[-2].start + box[-2].start - rows.start
            x = x + inner[-1].start + box[-1].start - columns.start
            yield tile, y * TILE_PX + x, after[tuple(inner)][mask].astype(np.int64)


def on_plane(region: GrownRegion, point: Sequence[int]) -> GrownRegion:
    """A flat region as one of the image that ``point`` ((z,) y, x) lies in."""
    if len(point) == 2:
        return region
    return GrownRegion((slice(point[0], point[0] + 1), *region.box), region.mask[None])


class _Plane:
    """A plane of an image as (y, x, channel), read only where it is looked at."""

    def __init__(self, image: Micrograph, z: int) -> None:
        self._image, self._z = image, z
        self.shape = (*image.spatial_shape[-2:], image.channels)

    def __getitem__(self, box: tuple[slice, slice]) -> np.ndarray:
        return np.moveaxis(np.asarray(self._image.plane(self._z, box)), 0, -1)
