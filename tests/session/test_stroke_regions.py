"""The pixels of a stroke: connected also by corners and across planes, and known again."""

from __future__ import annotations

import numpy as np

from unetscope.session.stroke_regions import still_there, stroke_regions


def test_a_stroke_goes_on_by_corners_and_planes_and_ends_at_other_classes() -> None:
    labels = np.zeros((3, 8, 9), np.uint8)
    labels[0, 0, 0] = labels[0, 1, 1] = labels[1, 2, 2] = 4  # at the edge of the image
    labels[1, 2, 3] = 5
    labels[1, 6, 6:9] = 4
    first, other, last = stroke_regions(labels, [(1, 2, 2), (1, 2, 3), (1, 6, 7)])
    assert first.box == (slice(0, 2), slice(0, 3), slice(0, 3)) and first.pixels == 3
    assert first.mask[0, 0, 0] and first.mask[0, 1, 1] and first.mask[1, 2, 2]
    assert (other.pixels, last.pixels) == (1, 3)
    assert last.box == (slice(1, 2), slice(6, 7), slice(6, 9))

    assert still_there(labels, first, 4) and still_there(labels, last, 4)
    assert not still_there(labels, first, 5)
    assert not still_there(labels[:1], last, 4), "the image has become smaller"
    labels[2, 3, 1] = 4
    assert not still_there(labels, first, 4), "it has grown into the next plane"
    labels[1, 6, 7] = 0
    assert not still_there(labels, last, 4), "a part was erased"
