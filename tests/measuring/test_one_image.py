"""One image measured: the same numbers from its parts, from corrected objects, from given ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from unetscope.errors import MeasurementError
from unetscope.images.micrograph import Micrograph
from unetscope.measuring.objects import Separation
from unetscope.measuring.one_image import SegmentedImage, Wanted, measure_image, objects_in
from unetscope.measuring.quantities import Spacing


@pytest.fixture
def segmented() -> SegmentedImage:
    """Two squares of class 2 and one of class 3, on class 1, with grey values."""
    labels = np.ones((60, 60), np.uint8)
    labels[5:15, 5:15], labels[5:15, 30:50], labels[30:50, 30:50] = 2, 2, 3
    grey = np.arange(3600, dtype=np.uint16).reshape(60, 60)
    return SegmentedImage("a", labels, Spacing((2.0, 2.0), "nm"), image=Micrograph(grey, "yx"))


def test_the_objects_of_the_wanted_classes_are_measured(segmented: SegmentedImage) -> None:
    measured = measure_image(segmented, Wanted((2,)))
    assert measured.table.columns["area"].tolist() == [400, 800]
    assert measured.table.columns["mean"][0] == np.arange(3600).reshape(60, 60)[5:15, 5:15].mean()
    assert measured.seen.shares[2].value == 300 / 3600
    assert not measured.seen.intercepts and not measured.seen.fibres


def test_objects_that_were_corrected_are_measured_as_they_are(segmented: SegmentedImage) -> None:
    wanted = Wanted((2, 3), Separation(smallest=4 * 150.0))
    found = objects_in(segmented, wanted)
    assert found.numbers.tolist() == [1, 2] and found.dropped == 1
    assert measure_image(segmented, wanted, found).table.columns["area"].tolist() == [800, 1600]
    one = replace(found, ids=np.where(found.ids == 2, 0, found.ids),
                  numbers=found.numbers[:1], class_of=found.class_of[:1],
                  doubt=found.doubt[:1])  # fmt: skip
    assert measure_image(segmented, wanted, one).table.columns["area"].tolist() == [800]


def test_numbered_objects_keep_their_numbers_unless_they_are_to_be_told_apart(
    segmented: SegmentedImage,
) -> None:
    numbers = np.where(segmented.labels == 2, 70_000, 0).astype(np.uint32)
    given = replace(segmented, numbers=numbers, region=np.ones((60, 60), bool))
    found = objects_in(given, Wanted((2,)))
    assert found.numbers.tolist() == [70_000] and found.how is None
    parted = objects_in(given, Wanted((2,), Separation("shape")))
    assert parted.numbers.tolist() == [1, 2] and parted.how == Separation("shape", (2,))


def test_what_lies_outside_of_the_region_does_not_count(segmented: SegmentedImage) -> None:
    region = np.zeros((60, 60), bool)
    region[:20] = True
    inside = replace(segmented, region=region)
    measured = measure_image(inside, Wanted((2, 3)))
    assert len(measured.table) == 2 and measured.seen.pixels == 1200
    assert measured.seen.shares[2].value == 300 / 1200


def test_what_cannot_be_had_of_an_image_is_refused_before_it_is_looked_at() -> None:
    labels = np.ones((4, 30, 30), np.uint8)
    stack = SegmentedImage("s", labels, Spacing((5.0, 1.0, 1.0), "nm"))
    for asked in ({"grain_size": True}, {"fibre_width": True}):
        with pytest.raises(MeasurementError, match="plane"):
            measure_image(stack, Wanted((1,), **asked))
    with pytest.raises(MeasurementError, match="'guess'"):
        Wanted((1,), edge="guess")  # type: ignore[arg-type]
