"""Labels through a stack: into the gap between painted planes, to the next plane, and proposed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from unetscope.errors import LabelError
from unetscope.images.classes import LabelClass
from unetscope.learning.advice.through_z import copy_to_next, interpolate_slices
from unetscope.session.journal.history import EditKind
from unetscope.session.layers.accepting import Accepting, Box
from unetscope.session.layers.layer_facts import ROLE, class_colormap, layer_key, read_only
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.layers.placement import to_pixel, to_world


class ThroughZ:
    """Writes planes of the strokes of a stack; each call is one edit and one step of undo.

    What is painted already stays, and what is painted in a check box goes nowhere else. The methods
    raise :class:`LabelError` where there is nothing to go from, saying what to paint.
    """

    def __init__(self, layers: OpenLayers, accepting: Accepting) -> None:
        self._layers, self._accepting = layers, accepting
        self._proposal = ""  # key of its layer

    # ---- from painted planes alone

    def interpolate(self, key: str, z: int) -> tuple[int, int, int]:
        """Fill the gap around plane ``z``; return (pixels, last plane below, first above)."""
        labels = self._labels(key)
        painted = self.painted_planes(key)
        below = [plane for plane in painted if plane <= z]
        above = [plane for plane in painted if plane > z]
        if z in below and not above:
            above, below = below[-1:], below[:-1]
        if not below or not above or above[0] - below[-1] < 2:
            raise LabelError(
                f"plane {z} lies in no gap between painted planes; paint one plane below and one "
                "above, with unpainted ones between them."
            )
        first, last = below[-1], above[0]
        box = _bounds(np.stack([labels[first], labels[last]]), first, last)
        known = np.array(labels[box])
        for at, plane in ((0, first), (-1, last)):
            known[at] = self._layers.outside_boxes(key, np.asarray(labels[plane]), plane)[box[1:]]
        filled = interpolate_slices(known, 0, last - first)
        inner = (slice(first + 1, last), *box[1:])
        return self._accepting.write(key, inner, filled, EditKind.FILL), first, last

    def copy(self, key: str, z: int, step: int) -> int:
        """Copy plane ``z`` to ``z + step`` and turn to it; return how many pixels were painted."""
        labels = self._labels(key)
        there = z + step
        if not 0 <= there < labels.shape[0]:
            raise LabelError(f"plane {z} is the last one in this direction.")
        if not np.asarray(labels[z]).any():
            raise LabelError(f"nothing is painted on plane {z}; paint it, then copy it on.")
        pair = np.stack([self._layers.outside_boxes(key, labels[z], z), labels[there]])
        box = (slice(there, there + 1), *(slice(0, n) for n in labels.shape[1:]))
        written = self._accepting.write(key, box, copy_to_next(pair, 0)[None], EditKind.FILL)
        self.turn_to(key, there)
        return written

    def painted(self, key: str) -> dict[int, np.ndarray]:
        """A copy of the labels of each plane that has any."""
        labels, outside = self._labels(key), self._layers.outside_boxes
        planes = self.painted_planes(key)
        return {z: np.array(outside(key, np.asarray(labels[z]), z)) for z in planes}

    def painted_planes(self, key: str) -> list[int]:
        """The planes with labels, in order."""
        labels = self._labels(key)
        return [z for z in range(labels.shape[0]) if np.asarray(labels[z]).any()]

    def turn_to(self, key: str, z: int) -> None:
        """Show plane ``z`` of the stack."""
        viewer, strokes = self._layers.viewer, self._layers.strokes_layer(key)
        axis = viewer.dims.ndim - strokes.ndim
        pixel = to_pixel(viewer, strokes, viewer.dims.point)  # where one is, on another plane
        viewer.dims.set_point(axis, float(to_world(viewer, strokes, (z, *pixel[1:]))[0]))

    # ---- what the model proposes

    @property
    def proposed(self) -> bool:
        """Whether a proposal waits for a yes or a no."""
        return self._layers.layer(self._proposal) is not None

    def propose(
        self, key: str, z: int, proposed: np.ndarray, classes: Sequence[LabelClass]
    ) -> None:
        """Show the labels (y, x) proposed for plane ``z`` in a layer of their own."""
        layer = self._layers.layer(self._proposal)
        if layer is None:
            layer = self._added(key, classes)
        layer.data[z] = proposed
        layer.refresh()

    def accept(self, key: str) -> int:
        """Take the proposal over where nothing is painted; return how many pixels."""
        layer = self._layers.layer(self._proposal)
        if layer is None or layer.metadata[ROLE]["image"] != key:
            raise LabelError("there is no proposal for this image.")
        planes = [z for z in range(layer.data.shape[0]) if layer.data[z].any()]
        written = 0
        if planes:
            box = _bounds(layer.data[planes], planes[0], planes[-1])
            painted = np.asarray(self._labels(key)[box])
            after = np.where(painted > 0, painted, layer.data[box]).astype(painted.dtype)
            written = self._accepting.write(key, box, after, EditKind.ACCEPT)
        self.discard()
        return written

    def discard(self) -> None:
        """Remove the proposal."""
        layer, self._proposal = self._layers.layer(self._proposal), ""
        if layer is not None:
            with self._layers.same_active():
                self._layers.viewer.layers.remove(layer)

    # ---- inside

    def _labels(self, key: str) -> Any:
        layer = self._layers.strokes_layer(key)
        if layer is None:
            raise LabelError("nothing is painted yet; paint a plane of this stack first.")
        return layer.data

    def _added(self, key: str, classes: Sequence[LabelClass]) -> Any:
        image, strokes = self._layers.micrograph(key), self._layers.strokes_layer(key)
        with self._layers.same_active():
            layer = self._layers.viewer.add_labels(
                np.zeros(image.spatial_shape, strokes.data.dtype),
                name="proposal",
                colormap=class_colormap(classes),
                opacity=0.7,
                metadata={ROLE: {"role": "result", "kind": "proposal", "image": key}},
                **self._layers.place_over(key),
            )
            read_only(layer)
            self._proposal = layer_key(layer)
        return layer


def _bounds(labels: np.ndarray, first: int, last: int) -> Box:
    """Planes ``first`` … ``last``, as far as ``labels`` (n, y, x) are painted and a pixel more."""
    marked = np.asarray(labels.any(axis=0))
    box = [slice(first, last + 1)]
    for axis in (1, 0):
        found = np.flatnonzero(marked.any(axis=axis))
        low, high = (found[0], found[-1]) if found.size else (0, 0)
        box.append(slice(max(0, int(low) - 1), min(int(high) + 2, marked.shape[1 - axis])))
    return tuple(box)
