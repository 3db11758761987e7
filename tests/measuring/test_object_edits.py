"""Objects joined, split and dropped by hand, taken back and done again, and their table."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from measuring.phantoms import ball
from unetscope.errors import MeasurementError
from unetscope.images.micrograph import Micrograph
from unetscope.measuring.background import Ring
from unetscope.measuring.columns import Extras
from unetscope.measuring.object_edits import (
    ObjectEdit,
    cut,
    drop,
    edited,
    join,
    split,
    wish_of,
    wished,
)
from unetscope.measuring.object_table import ObjectTable, measure, update
from unetscope.measuring.objects import Objects, Separation, given_objects, objects_of
from unetscope.measuring.quantities import Spacing

PX = Spacing((1.0, 1.0))


def blobs(shape: tuple[int, ...] = (160, 200), seed: int = 3) -> Objects:
    field = ndimage.gaussian_filter(np.random.default_rng(seed).random(shape), 4 - len(shape) / 2)
    spacing = Spacing((2.0, 1.0, 1.0)[-len(shape) :])
    labels = (field > np.quantile(field, 0.6)).astype(np.uint8)
    return objects_of(labels, spacing, Separation(by="shape"))


def pair(gap: float = 24.0) -> Objects:
    """Two disks that overlap, found as one."""
    disks = [ball((60, 100), (30, x), 15, (1, 1)) for x in (30.0, 30.0 + gap)]
    return objects_of((disks[0] | disks[1]).astype(np.uint8), PX)


def same(one: Objects, other: Objects) -> bool:
    arrays = all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("ids", "numbers", "class_of", "doubt")
    )
    runs = all(
        np.array_equal(getattr(one.runs, name), getattr(other.runs, name))
        for name in ("numbers", "first", "line", "start", "length")
    )
    return arrays and runs and one.count_range == other.count_range


def bytes_of(table: ObjectTable) -> dict[str, bytes]:
    return {key: values.tobytes() for key, values in table.columns.items()}


def random_edit(objects: Objects, rng: np.random.Generator) -> ObjectEdit:
    kind = rng.choice(["join", "split", "split", "cut", "drop"])
    number = int(rng.choice(objects.numbers))
    if (objects.ids == number).sum() < 4:  # too small to be split
        kind = "join"
    if kind == "drop" and len(objects.numbers) > 9:
        return drop(objects, [number])
    if kind == "join":
        others = rng.choice(objects.numbers[objects.numbers != number], 2, replace=False)
        return join(objects, [number, *others])
    at = np.argwhere(objects.ids == number)
    ends = at[rng.choice(len(at), 2, replace=False)]
    if kind == "split":
        return split(objects, number, ends)
    middle, way = ends[0], np.append(np.zeros(at.shape[1] - 2), rng.normal(size=2))
    line = [middle + way * reach for reach in (-200, 200)]
    try:
        return cut(objects, number, line)
    except MeasurementError:  # a line along the rim
        return split(objects, number, ends)


@pytest.mark.parametrize(("shape", "count"), [((160, 200), 100), ((14, 40, 40), 40)])
def test_a_hundred_edits_taken_back_leave_every_byte_as_it_was(
    shape: tuple[int, ...], count: int
) -> None:
    rng, start = np.random.default_rng(0), blobs(shape)
    image = Micrograph(rng.normal(100, 9, shape).astype(np.float32), "zyx"[-len(shape) :])
    table = first = measure(start, image)
    objects, edits = start, []
    for step in range(count):
        edits.append(random_edit(objects, rng))
        objects = edited(objects, edits[-1])
        table = update(table, objects, image)
        if step % 20 == 19:
            anew = given_objects(objects.ids, objects.spacing)
            assert np.array_equal(objects.numbers, anew.numbers)
            assert np.array_equal(objects.runs.start, anew.runs.start)
            assert np.array_equal(objects.runs.length, anew.runs.length)
            alone = replace(objects, ids=objects.ids.copy())
            assert bytes_of(measure(alone, image)) == bytes_of(table)
    largest = objects.largest
    for edit in reversed(edits):
        objects = edited(objects, edit.inverse)
        table = update(table, objects, image)
    assert same(objects, start) and bytes_of(table) == bytes_of(first)
    # numbers that were used once are not used again
    assert objects.next_number == largest + 1 > len(start.numbers) + count // 2


@pytest.mark.parametrize("shape", [(90, 110), (10, 40, 40)])
def test_surroundings_of_others_change_with_an_edit_as_if_measured_anew(
    shape: tuple[int, ...],
) -> None:
    rng, objects = np.random.default_rng(2), blobs(shape)
    image = Micrograph(rng.normal(100, 9, shape).astype(np.float32), "zyx"[-len(shape) :])
    extras = Extras(Ring(1.0, 4.0), neighbours=True)
    table = first = measure(objects, image, extras=extras)
    edits = []
    for _ in range(8):
        edits.append(random_edit(objects, rng))
        objects = edited(objects, edits[-1])
        table = update(table, objects, image)
        assert bytes_of(measure(objects, image, extras=extras)) == bytes_of(table)
    gone = edited(objects, drop(objects, objects.numbers[:2].tolist()))
    table = update(table, gone, image)
    assert bytes_of(measure(gone, image, extras=extras)) == bytes_of(table)
    for edit in [*edits[::-1]]:
        objects = edited(objects, edit.inverse)
    assert bytes_of(update(table, objects, image)) == bytes_of(first)


def test_done_again_from_what_was_wished_is_the_same() -> None:
    rng, start = np.random.default_rng(1), blobs()
    objects, told = start, []
    for _ in range(30):
        edit = random_edit(objects, rng)
        objects = edited(objects, edit)
        told.append(json.dumps(edit.wish.as_record()))
    again = start
    for record in told:
        again = edited(again, wished(again, wish_of(json.loads(record))))
    assert same(again, objects)


def test_objects_that_are_not_named_keep_number_class_and_pixels() -> None:
    start = replace(blobs(), class_of=np.arange(len(blobs().numbers)) // 1000 + 2)
    named = [3, 7, 11]
    after = edited(start, join(start, named))
    assert after.numbers[-1] == start.numbers[-1] + 1
    assert after.class_of[-1] == 2
    others = ~np.isin(start.ids, named)
    np.testing.assert_array_equal(after.ids[others], start.ids[others])
    assert (after.ids[~others] == after.numbers[-1]).all()


def test_an_edit_tells_the_box_outside_of_which_nothing_changes_and_writes_in_place() -> None:
    start = blobs()
    ids = start.ids.copy()
    edit = join(start, [5, 6])
    edit.write(ids)
    after = edited(start, edit)
    np.testing.assert_array_equal(ids, after.ids)
    changed = np.argwhere(ids != start.ids)
    assert [s.start for s in edit.box] == changed.min(0).tolist()
    assert [s.stop - 1 for s in edit.box] == changed.max(0).tolist()
    shared = edited(replace(start, ids=start.ids.copy()), edit, in_place=True)
    assert same(shared, after)


def test_two_points_part_two_disks_at_their_neck_wherever_on_them_they_lie() -> None:
    start = pair()
    assert len(start.numbers) == 1
    for points in ([(30, 30), (30, 54)], [(20, 25), (38, 60)], [(30, 40), (30, 44)]):
        after = edited(start, split(start, 1, points))
        assert after.numbers.tolist() == [2, 3]
        left, right = (np.nonzero(after.ids == number)[1] for number in after.numbers)
        assert left.max() <= 43 and right.min() >= 41
        assert (after.ids > 0).sum() == (start.ids > 0).sum()
    order = edited(start, split(start, 1, [(30, 54), (30, 30)]))
    assert order.ids[30, 54] == 2 and order.ids[30, 30] == 3


def test_points_on_one_hill_share_it_by_distance() -> None:
    start = objects_of(ball((60, 60), (30, 30), 20, (1, 1)).astype(np.uint8), PX)
    after = edited(start, split(start, 1, [(30, 20), (30, 40)]))
    sizes = np.bincount(after.ids.ravel())[2:]
    assert sizes == pytest.approx([np.pi * 200] * 2, rel=0.05)


def test_three_points_make_three_parts_also_of_an_object_in_pieces_and_of_a_whole_image() -> None:
    start = pair(40.0)
    joined = edited(start, join(start, [1, 2]))
    after = edited(joined, split(joined, 3, [(30, 25), (30, 35), (30, 70)]))
    assert np.count_nonzero(np.bincount(after.ids.ravel())[1:]) == 3
    assert (after.ids > 0).sum() == (start.ids > 0).sum()
    right = after.ids[30, 70]
    assert (after.ids[:, 55:] == right).sum() == (start.ids == 2).sum()
    left = edited(joined, split(joined, 3, [(30, 25), (30, 35)]))
    assert (left.ids > 0).sum() == (start.ids > 0).sum()  # a piece without a point is not lost
    whole = objects_of(np.ones((20, 20), np.uint8), PX)
    halves = edited(whole, split(whole, 1, [(5, 5), (14, 14)]))
    assert (halves.ids > 0).all() and len(halves.numbers) == 2


@pytest.mark.parametrize("line", [[(0, 42), (59, 42)], [(2, 20), (57, 66)], [(10, 42), (50, 41)]])
def test_a_line_parts_where_it_is_drawn(line: list[tuple[int, int]]) -> None:
    start = pair()
    after = edited(start, cut(start, 1, line))
    assert len(after.numbers) == 2 and (after.ids > 0).sum() == (start.ids > 0).sum()
    (y0, x0), (y1, x1) = line
    y, x = np.nonzero(after.ids)
    side = (x - x0) * (y1 - y0) - (y - y0) * (x1 - x0)
    far = np.abs(side) / np.hypot(y1 - y0, x1 - x0) > 1.5
    parts = after.ids[y, x]
    for sign in (-1, 1):
        assert len(np.unique(parts[far & (np.sign(side) == sign)])) == 1


def test_a_line_through_a_stack_parts_all_of_its_planes() -> None:
    labels = np.zeros((6, 30, 40), np.uint8)
    labels[1:5, 5:25, 5:35] = 1
    start = objects_of(labels, Spacing((3.0, 1.0, 1.0)))
    after = edited(start, cut(start, 1, [(2, 0, 20), (2, 29, 20)]))
    assert len(np.unique(after.ids[1:5, 5:25, 5:20])) == len(np.unique(after.ids[1:5, 5:25, 21:35]))
    assert len(after.numbers) == 2


def test_the_range_of_counts_goes_with_the_edits_and_what_a_person_made_is_not_doubted() -> None:
    start = blobs()
    low, high = start.count_range
    joined = edited(start, join(start, [1, 2, 3]))
    assert joined.count_range == (low - 2, high - 2)
    assert joined.doubt[-1] == 0
    assert edited(joined, drop(joined, [5])).count_range == (low - 3, high - 3)
    one = pair()
    assert edited(one, drop(one, [1])).count_range == (0, 0)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"do": "join", "objects": [1], "points": []}, "two or more"),
        ({"do": "join", "objects": [1, 1], "points": []}, "two or more"),
        ({"do": "join", "objects": [1, 99], "points": []}, "no object 99"),
        ({"do": "join", "objects": [1, 2], "points": []}, "classes 1 and 2"),
        ({"do": "drop", "objects": [], "points": []}, "no object is chosen"),
        ({"do": "split", "objects": [1], "points": [[5, 5]]}, "two points"),
        ({"do": "split", "objects": [1], "points": [[5, 5], [5.2, 4.9]]}, "different pixels"),
        ({"do": "split", "objects": [1], "points": [[5, 5], [0, 0]]}, r"\(0, 0\) does not lie"),
        ({"do": "split", "objects": [1], "points": [[5, 5], [-900, 1]]}, "does not lie"),
        ({"do": "split", "objects": [1], "points": [[5, 5], [5, float("nan")]]}, "2 numbers"),
        ({"do": "split", "objects": [1], "points": [[5, 5, 5], [5, 6, 6]]}, "2 numbers"),
        ({"do": "split", "objects": [1, 2], "points": []}, "one object"),
        ({"do": "cut", "objects": [1], "points": [[5, 0]]}, "two ends"),
        ({"do": "cut", "objects": [1], "points": [[0, 0], [0, 5]]}, "does not part"),
        ({"do": "paint", "objects": [1], "points": []}, "not 'paint'"),
        ({"do": "join"}, "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_said_in_words(wish: object, said: str) -> None:
    labels = np.zeros((30, 30), np.uint8)
    labels[3:12, 3:12], labels[15:25, 15:25] = 1, 2
    objects = objects_of(labels, PX)
    with pytest.raises(MeasurementError, match=said):
        wished(objects, wish_of(wish))


def test_an_edit_of_objects_that_are_gone_is_refused_and_a_table_of_other_channels_too() -> None:
    objects = blobs()
    edit = join(objects, [1, 2])
    after = edited(objects, edit)
    with pytest.raises(MeasurementError, match="no object 1"):
        edited(after, edit)
    image = Micrograph(np.zeros(objects.ids.shape), "yx")
    with pytest.raises(MeasurementError, match="measure anew"):
        update(measure(objects, image), after)


def test_numbers_above_those_that_labels_of_a_file_can_hold() -> None:
    ids: NDArray[np.uint8] = np.zeros((20, 30), np.uint8)
    ids[2:9, 2:9], ids[2:9, 15:22] = 255, 7
    objects = given_objects(ids, PX)
    assert edited(objects, join(objects, [7, 255])).ids.max() == 256
    with pytest.raises(MeasurementError, match="no number is left"):
        join(given_objects(np.where(ids == 255, 2**32 - 1, ids.astype(int)), PX), [7, 2**32 - 1])
