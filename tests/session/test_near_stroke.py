"""The surroundings of a stroke are known from what was painted before it."""

from __future__ import annotations

import numpy as np

from unetscope.images.micrograph import as_micrograph
from unetscope.images.target import Target
from unetscope.learning.samples import Sample
from unetscope.session.engine.near import REACH_PX, NearStroke


def test_what_is_around_the_newest_stroke_and_only_then() -> None:
    image = as_micrograph(np.zeros((900, 900), np.uint8))
    target, near = Target("a", image, 0, None), NearStroke()
    labels = np.zeros((900, 900), np.uint8)

    def asked(at: tuple[slice, slice]) -> object:
        nonlocal labels
        labels = labels.copy()
        labels[at] = 1
        return near.box([Sample(image, labels, "a")], target)

    assert asked((slice(10, 20), slice(10, 20))) is None  # what was there before is not known
    stroke = slice(400, 420), slice(300, 340)
    rows, columns = slice(400 - REACH_PX, 420 + REACH_PX), slice(300 - REACH_PX, 340 + REACH_PX)
    assert asked(stroke) == (rows, columns)
    assert asked(stroke) is None  # nothing new
    assert asked((slice(880, 890), slice(0, 9))) == (slice(752, 900), slice(0, 137))
    assert asked((slice(0, 900), slice(500, 501))) is None  # no surroundings
    assert near.box([Sample(image, labels, "a")], Target("b", image, 0, None)) is None
