"""Objects out of classes: parted, given their border back, cleaned and numbered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from measuring.phantoms import ball
from unetscope.errors import MeasurementError
from unetscope.measuring import pixel_runs
from unetscope.measuring.objects import Separation, given_objects, objects_of
from unetscope.measuring.quantities import Spacing

PX = Spacing((1.0, 1.0))


def two_disks(gap: float, radius: float = 15.0, spacing: tuple[float, float] = (1.0, 1.0)):
    """Two disks side by side whose centres lie ``gap`` apart."""
    shape = (int(60 / spacing[0]), int(100 / spacing[1]))
    places = [(30.0, 30.0), (30.0, 30.0 + gap)]
    disks = [ball(shape, place, radius, spacing) for place in places]
    return (disks[0] | disks[1]).astype(np.uint8)


def test_components_are_those_of_scipy_numbered_by_first_pixel() -> None:
    labels = (np.random.default_rng(0).random((60, 70)) < 0.55).astype(np.uint8)
    found = objects_of(labels, PX, Separation(smallest=0))
    truth, count = ndimage.label(labels)
    assert found.numbers.tolist() == list(range(1, count + 1))
    np.testing.assert_array_equal(found.ids, truth)


def test_classes_that_touch_are_objects_of_their_own() -> None:
    labels = np.zeros((20, 20), np.uint8)
    labels[5:15, 2:10], labels[5:15, 10:18] = 2, 1
    found = objects_of(labels, PX)
    assert found.class_of.tolist() == [2, 1]
    assert objects_of(labels, PX, Separation(classes=(1,))).class_of.tolist() == [1]


@pytest.mark.parametrize("overlap", [0.0, 0.1, 0.2])
@pytest.mark.parametrize("diameter", [10, 24, 60])
def test_touching_disks_are_parted_by_shape_and_one_disk_is_not(
    overlap: float, diameter: int
) -> None:
    radius = diameter / 2
    shape, gap = (diameter + 10, 2 * diameter + 20), 2 * radius - overlap * radius
    how = Separation(by="shape", typical=diameter)
    first = ball(shape, (radius + 4.3, radius + 4.6), radius, (1, 1))
    second = ball(shape, (radius + 4.3, radius + 4.6 + gap), radius, (1, 1))
    assert len(objects_of((first | second).astype(np.uint8), PX, how).numbers) == 2
    assert len(objects_of(first.astype(np.uint8), PX, how).numbers) == 1


def test_pixels_that_are_not_square_part_disks_as_square_ones_do() -> None:
    how = Separation(by="shape", typical=30.0)
    for spacing in ((1.0, 1.0), (2.0, 1.0), (1.0, 0.5)):
        found = objects_of(two_disks(28.0, spacing=spacing), Spacing(spacing), how)
        sizes = np.bincount(found.ids.ravel())[1:] * np.prod(spacing)
        assert sizes == pytest.approx([np.pi * 15**2] * 2, rel=0.05)


def test_spheres_in_a_stack_of_thick_planes_are_parted() -> None:
    spacing = (2.0, 1.0, 1.0)
    both = [ball((20, 40, 70), (20, 20, x), 13, spacing) for x in (20, 44)]
    labels = (both[0] | both[1]).astype(np.uint8)
    found = objects_of(labels, Spacing(spacing), Separation(by="shape", typical=26.0))
    assert len(found.numbers) == 2


def test_a_component_is_parted_the_same_wherever_it_lies_and_whatever_lies_beside_it() -> None:
    how = Separation(by="shape", typical=30.0)
    alone = objects_of(two_disks(27.0), PX, how)
    beside = np.zeros((200, 300), np.uint8)
    beside[70:130, 90:190] = two_disks(27.0)
    beside[5:60, 5:280] = 1
    among = objects_of(beside, PX, how)
    cut = among.ids[70:130, 90:190].astype(int)
    np.testing.assert_array_equal(np.where(cut > 0, cut - 1, 0), alone.ids)


def test_bands_of_any_height_give_the_same_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = (ndimage.gaussian_filter(np.random.default_rng(1).random((90, 80)), 3) > 0.5).astype(
        np.uint8
    )
    whole = objects_of(labels, PX, Separation(by="shape"))
    monkeypatch.setattr(pixel_runs, "BAND_PX", 80 * 7)
    banded = objects_of(labels, PX, Separation(by="shape"))
    np.testing.assert_array_equal(whole.ids, banded.ids)
    np.testing.assert_array_equal(whole.doubt, banded.doubt)


def test_a_neck_near_the_depth_is_doubted_and_widens_the_range_of_counts() -> None:
    counts, doubts = [], []
    for gap in np.arange(14, 30, 1.0):
        found = objects_of(two_disks(gap), PX, Separation(by="shape", typical=60.0))
        counts.append(len(found.numbers))
        doubts.append(found.doubt.max())
        assert found.count_range[0] <= counts[-1] <= found.count_range[1]
    turn = counts.index(2)
    assert turn > 0 and counts == [1] * turn + [2] * (len(counts) - turn)
    assert max(doubts[turn - 1 : turn + 1]) > 0.75
    assert doubts[0] < 0.2
    assert doubts[-1] < doubts[turn]


def test_a_painted_border_parts_and_its_pixels_are_given_back() -> None:
    labels = np.ones((60, 60), np.uint8)
    labels[:, 29:32] = labels[19:21, :] = 2
    found = objects_of(labels, PX, Separation(by="border", border=2))
    assert len(found.numbers) == 4
    assert (found.ids > 0).all()
    sizes = np.bincount(found.ids.ravel())[1:]
    assert sizes.tolist() == pytest.approx([30 * 20, 30 * 20, 30 * 40, 30 * 40], rel=0.03)


def test_gaps_in_a_border_are_closed_where_the_typical_size_is_told() -> None:
    labels = np.ones((90, 90), np.uint8)
    labels[:, 44:46] = labels[44:46, :] = 2
    for gap in (18, 66):
        labels[gap : gap + 5, 44:46] = labels[44:46, gap : gap + 5] = 1
    how = Separation(by="border", border=2, typical=45.0)
    assert len(objects_of(labels, PX, replace(how, typical=None)).numbers) == 1
    found = objects_of(labels, PX, how)
    assert (found.ids > 0).all()
    assert np.bincount(found.ids.ravel())[1:].tolist() == pytest.approx([45 * 45] * 4, rel=0.03)


def test_specks_in_a_border_go_to_the_objects_beside_it_and_those_alone_stay() -> None:
    labels = np.ones((60, 100), np.uint8)
    labels[:, 29:33] = 2
    labels[10:12, 30:32] = labels[30:36, 30:32] = 1  # 4 and 12 pixels
    labels[:, 70:] = 3
    labels[28:34, 80:86] = 1  # alone: a sixteenth of nothing
    how = Separation(by="border", classes=(1,), border=2)
    for typical in (None, 40.0):
        found = objects_of(labels, PX, replace(how, typical=typical))
        assert np.bincount(found.ids.ravel())[1:].tolist() == [31 * 60, 39 * 60, 36]
        assert (found.class_of == 1).all() and len(found.doubt) == 3
        assert found.dropped == 0


def test_the_line_in_a_border_lies_in_its_middle_where_pixels_are_not_square() -> None:
    labels = np.ones((40, 40), np.uint8)
    labels[20:24, :20] = 2
    labels[:, 20:24] = 2
    labels[:20, :20] = 1
    found = objects_of(labels, Spacing((3.0, 1.0)), Separation(by="border", border=2, smallest=0))
    assert (found.ids[22:24, :18] == found.ids[30, 2]).all()
    assert (found.ids[20:22, :18] == found.ids[2, 2]).all()


def test_border_far_from_every_object_stays_border() -> None:
    labels = np.zeros((40, 40), np.uint8)
    labels[2:10, 2:10], labels[30:38, 30:38] = 1, 2
    found = objects_of(labels, PX, Separation(by="border", border=2))
    assert not found.ids[30:38, 30:38].any()


def test_holes_up_to_a_size_are_filled_but_neither_other_objects_nor_bays() -> None:
    labels = np.zeros((60, 60), np.uint8)
    labels[5:55, 5:55] = 1
    labels[10:13, 10:13] = 0  # a hole of 9
    labels[20:30, 20:30] = 0  # one of 100
    labels[40:43, 40:43] = 2  # another object
    labels[5:8, 30:33] = 0  # a bay
    found = objects_of(labels, PX, Separation(holes=50, smallest=0))
    assert found.ids[11, 11] == found.ids[6, 6]
    assert not found.ids[25, 25] and not found.ids[6, 31]
    assert found.ids[41, 41] not in (0, found.ids[6, 6])


def test_small_objects_are_left_out_and_counted_in_the_unit_of_the_image() -> None:
    labels = np.zeros((40, 40), np.uint8)
    labels[2:6, 2:6], labels[20:30, 20:30] = 1, 1
    nm = Spacing((2.0, 2.0), "nm")
    assert objects_of(labels, nm).dropped == 1  # fewer than 20 pixels
    assert objects_of(labels, nm, Separation(smallest=60.0)).dropped == 0  # 64 nm²
    assert objects_of(labels, nm, Separation(smallest=65.0)).numbers.tolist() == [1]


def test_outside_the_region_nothing_counts() -> None:
    labels = np.ones((40, 40), np.uint8)
    region = np.zeros((40, 40), bool)
    region[5:15, 5:15] = True
    found = objects_of(labels, PX, region=region)
    assert (found.ids > 0).sum() == 100


def test_given_numbers_are_kept_with_their_gaps() -> None:
    ids = np.zeros((30, 30), np.uint32)
    ids[2:8, 2:8], ids[20:28, 20:28] = 4_000_000_000, 7
    found = given_objects(ids, PX)
    assert found.numbers.tolist() == [7, 4_000_000_000]
    kinds = np.where(ids == 7, 3, 1)
    assert given_objects(ids, PX, kinds, smallest=40).class_of.tolist() == [3]


@pytest.mark.parametrize("by", ["components", "shape"])
def test_nothing_one_pixel_a_line_and_a_whole_image_are_no_trouble(by: str) -> None:
    how = Separation(by=by, smallest=0)
    empty = np.zeros((9, 9), np.uint8)
    pixel, line = empty.copy(), empty.copy()
    pixel[4, 4], line[4] = 1, 1
    for labels, count in ((empty, 0), (pixel, 1), (line, 1), (empty + 1, 1)):
        assert len(objects_of(labels, PX, how).numbers) == count


@pytest.mark.parametrize(
    ("labels", "spacing", "said"),
    [
        (np.zeros((4, 4)), PX, "whole numbers"),
        (np.full((4, 4), -1), PX, "from -1"),
        (np.full((4, 4), 2**33), PX, "2³²"),
        (np.zeros((4, 4, 4), int), PX, "2 axes"),
        (np.zeros((0, 4), int), PX, "shape"),
    ],
)
def test_what_is_no_label_image_is_refused_in_words(
    labels: np.ndarray, spacing: Spacing, said: str
) -> None:
    with pytest.raises(MeasurementError, match=said):
        objects_of(labels, spacing)


@pytest.mark.parametrize("size", [(0.0, 1.0), (-1.0, 1.0), (np.nan, 1.0), (1.0,)])
def test_a_pixel_size_that_is_none_is_refused(size: tuple[float, ...]) -> None:
    with pytest.raises(MeasurementError, match="pixel size"):
        Spacing(size)


def test_a_region_of_another_shape_and_a_border_that_is_an_object_are_refused() -> None:
    with pytest.raises(MeasurementError, match="region"):
        objects_of(np.zeros((4, 4), int), PX, region=np.ones((4, 5), bool))
    with pytest.raises(MeasurementError, match="border and object at once"):
        Separation(by="border", border=1, classes=(1,))
    with pytest.raises(MeasurementError, match="belong together"):
        Separation(by="border")
