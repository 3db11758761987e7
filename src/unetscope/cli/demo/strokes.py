"""Strokes kept as coordinates, and the brush that turns them into painted labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unetscope.images.classes import LabelClass


@dataclass(frozen=True)
class Stroke:
    """One stroke of the brush: a class value and the corners it runs through, as (y, x) pixels."""

    value: int
    corners: tuple[tuple[int, int], ...]
    width_px: int = 3


# Colours of Okabe and Ito that stand out against brown and blue stain.
IMMUNOHISTOCHEMISTRY_CLASSES = (
    LabelClass(1, "tissue", "#0072B2"),
    LabelClass(2, "brown stain", "#E69F00"),
    LabelClass(3, "nuclei", "#009E73"),
)

# Painted by eye on skimage.data.immunohistochemistry(): a colon biopsy, 512 × 512 px.
IMMUNOHISTOCHEMISTRY_STROKES = (
    # light connective tissue, and the empty insides of two glands
    Stroke(1, ((284, 142), (288, 178)), 5),
    Stroke(1, ((311, 172), (313, 212)), 5),
    Stroke(1, ((105, 330), (130, 343), (160, 362)), 5),
    Stroke(1, ((320, 10), (360, 35)), 5),
    Stroke(1, ((70, 470), (118, 472)), 5),
    Stroke(1, ((452, 400), (490, 395)), 5),
    # brown stain (DAB): dark cell borders and the paler insides of the cells
    Stroke(2, ((40, 247), (75, 258), (105, 266))),
    Stroke(2, ((418, 262), (416, 285), (414, 298))),
    Stroke(2, ((422, 323), (440, 332), (455, 342))),
    Stroke(2, ((157, 404), (159, 430), (157, 456))),
    Stroke(2, ((250, 172), (254, 192))),
    Stroke(2, ((206, 345), (232, 343))),
    Stroke(2, ((426, 288), (436, 300))),
    # nuclei: blue between the glands, grey-blue under the brown inside them
    Stroke(3, ((284, 231), (292, 230), (298, 227))),
    Stroke(3, ((286, 316), (294, 317))),
    Stroke(3, ((350, 188), (362, 190))),
    Stroke(3, ((34, 444), (42, 448))),
    Stroke(3, ((136, 493), (148, 490))),
    Stroke(3, ((350, 264), (357, 270))),
    Stroke(3, ((364, 305), (370, 311))),
    Stroke(3, ((425, 272), (432, 276))),
    Stroke(3, ((426, 349), (438, 368))),
    Stroke(3, ((110, 418), (106, 432))),
    Stroke(3, ((164, 444), (167, 455))),
    Stroke(3, ((355, 108), (357, 135))),
)


def painted_labels(strokes: Sequence[Stroke], shape: tuple[int, int]) -> np.ndarray:
    """Labels (y, x) uint8 of ``shape`` with the strokes painted on; later strokes cover earlier.

    The brush is a disk of the stroke's width run along its corners, as in napari.
    """
    labels = np.zeros(shape, np.uint8)
    for stroke in strokes:
        for start, end in zip(stroke.corners, stroke.corners[1:], strict=False):
            _paint_line(labels, start, end, stroke)
    return labels


def _paint_line(
    labels: np.ndarray, start: tuple[int, int], end: tuple[int, int], stroke: Stroke
) -> None:
    """Paint one straight piece into ``labels``: all pixels within half a width of the segment."""
    y, x = np.indices(labels.shape)
    dy, dx = end[0] - start[0], end[1] - start[1]
    length2 = max(dy * dy + dx * dx, 1)
    along = np.clip(((y - start[0]) * dy + (x - start[1]) * dx) / length2, 0.0, 1.0)
    distance = np.hypot(y - start[0] - along * dy, x - start[1] - along * dx)
    labels[distance <= stroke.width_px / 2] = stroke.value
