"""Jobs of the panel "Measure": found, corrected, taken back, brought back after a restart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Labels

from session.measured_disks import Hand, found_in, many_disks, random_edit, request_of
from unetscope.errors import MeasurementError
from unetscope.measuring.one_image import measure_image
from unetscope.session.layers.object_keeping import ObjectKeeper
from unetscope.session.layers.object_layers import number_type
from unetscope.session.measuring import object_jobs
from unetscope.session.measuring.measure_state import FoundObjects
from unetscope.session.measuring.object_place import ObjectPlace
from unetscope.session.measuring.object_store import edits_in, kept_of, read_beginning


def same_tables(one: FoundObjects, other: FoundObjects) -> None:
    a, b = one.measured.table, other.measured.table
    assert [c.key for c in a.about] == [c.key for c in b.about]
    for key in a.columns:
        assert a.columns[key].tobytes() == b.columns[key].tobytes(), key


def test_edits_and_as_many_undos_give_back_every_byte(tmp_path: Path) -> None:
    first = found_in(request_of(tmp_path))
    hand, rng = Hand(first), np.random.default_rng(3)
    for _ in range(25):
        random_edit(hand, rng)
        assert (hand.layer.data == hand.found.objects.ids).all()
    anew = measure_image(hand.found.segmented, hand.found.wanted, hand.found.objects)
    same_tables(hand.found, replace(hand.found, measured=anew))
    while hand.step(back=True):
        assert (hand.layer.data == hand.found.objects.ids).all()
    assert hand.layer.data.tobytes() == first.objects.ids.tobytes()
    assert hand.found.objects.count_range == first.objects.count_range
    same_tables(hand.found, first)
    hand.keeper.close()


def test_what_was_taken_back_is_done_again_to_the_byte(tmp_path: Path) -> None:
    hand, rng = Hand(found_in(request_of(tmp_path))), np.random.default_rng(4)
    for _ in range(8):
        random_edit(hand, rng)
    after = hand.found
    for _ in range(8):
        assert hand.step(back=True)
    for _ in range(8):
        assert hand.step(back=False)
    assert not hand.step(back=False)
    assert hand.found.objects.ids.tobytes() == after.objects.ids.tobytes()
    same_tables(hand.found, after)
    hand.keeper.close()


def test_untouched_objects_keep_their_numbers(tmp_path: Path) -> None:
    hand = Hand(found_in(request_of(tmp_path)))
    before = hand.found.objects.numbers
    hand.do("join", int(before[2]), int(before[5]))
    after = hand.found.objects.numbers
    assert set(before) - set(after) == {before[2], before[5]}
    assert set(after) - set(before) == {before[-1] + 1}
    hand.keeper.close()


def test_the_same_objects_find_their_edits_after_a_restart(tmp_path: Path) -> None:
    request = request_of(tmp_path)
    hand, rng = Hand(found_in(request)), np.random.default_rng(5)
    for _ in range(6):
        random_edit(hand, rng)
    hand.keeper.close()
    again = Hand(found_in(request))
    assert again.found.objects.ids.tobytes() == hand.found.objects.ids.tobytes()
    same_tables(again.found, hand.found)
    assert again.keeper.edits == 6
    while again.step(back=True):
        pass
    same_tables(again.found, found_in(request_of(tmp_path / "elsewhere")))
    again.keeper.close()


def test_objects_come_back_although_their_answer_is_gone(tmp_path: Path) -> None:
    request = request_of(tmp_path)
    hand = Hand(found_in(request))
    hand.do("drop", int(hand.found.objects.numbers[0]))
    hand.keeper.close()
    (place,) = kept_of(tmp_path, request.content)
    assert edits_in(place, request.labels.shape) == (2,)
    assert read_beginning(place).class_name == "disk"
    other = replace(request, labels=np.ones_like(request.labels))
    *_, back = object_jobs.bring_back(other, place)
    assert back.objects.ids.tobytes() == hand.found.objects.ids.tobytes()
    assert back.objects.how == hand.found.objects.how
    same_tables(back, hand.found)
    assert [str(q) for q in back.quantities] == [
        str(q) for q in object_jobs.told(hand.found, "disk").quantities
    ]


def test_objects_that_were_only_looked_at_leave_nothing_behind(tmp_path: Path) -> None:
    hand = Hand(found_in(request_of(tmp_path)))
    hand.keeper.close()
    assert not list(tmp_path.iterdir())


def test_a_damaged_beginning_is_refused_in_words(tmp_path: Path) -> None:
    request = request_of(tmp_path)
    hand = Hand(found_in(request))
    hand.do("drop", int(hand.found.objects.numbers[0]))
    hand.keeper.close()
    (place,) = kept_of(tmp_path, request.content)
    place.beginning.write_bytes(b"PK nothing")
    with pytest.raises(MeasurementError, match="find the objects anew"):
        list(object_jobs.bring_back(request, place))


def test_stacks_are_corrected_as_planes_are(tmp_path: Path) -> None:
    stack = np.stack([many_disks(64, count=8)] * 5)
    hand = Hand(found_in(request_of(tmp_path, stack)))
    numbers = hand.found.objects.numbers
    hand.do("join", int(numbers[0]), int(numbers[1]))
    assert (hand.layer.data == hand.found.objects.ids).all()
    assert hand.step(back=True)
    assert hand.found.objects.numbers.tolist() == numbers.tolist()
    hand.keeper.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks and kills: Unix alone")
def test_kills_lose_no_edit_that_was_told() -> None:
    script = Path(__file__).with_name("object_crashing.py")
    done = subprocess.run(
        [sys.executable, str(script), "4"],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["bad"] == []
    assert said["acknowledged"] >= 4


def test_other_ways_to_tell_objects_apart_are_a_line_of_their_own(tmp_path: Path) -> None:
    found = found_in(request_of(tmp_path))
    *_, sure = object_jobs.sureness(found, "disk")
    mean = next(one for one in found.quantities if one.name == "mean diameter")
    assert sure.lines[0] == f"{mean}."
    assert sure.lines[1].startswith("sampling: ")
    assert sure.lines[2].startswith("telling apart: ")
    low, high = (float(end) for end in sure.lines[2].split(": ")[1].split(" nm")[0].split(" to "))
    assert low <= round(mean.value, 1) + 0.1
    assert high >= round(mean.value, 1) - 0.1
    assert "probabilities" in sure.lines[3]


def test_a_bar_with_the_scale_is_left_out_unless_it_is_wanted(tmp_path: Path) -> None:
    request = request_of(tmp_path)
    grey = np.array(request.micrograph.pixels)
    grey[140:] = 0
    grey[148:152, 10:60] = 255
    grey[146:154, 80:82] = 255
    grey[146:154, 90:92] = 255
    labels = np.array(request.labels)
    labels[140:] = 2
    micrograph = replace(request.micrograph, pixels=grey)
    request = replace(request, micrograph=micrograph, labels=labels)
    left = found_in(request)
    assert left.segmented.region is not None
    assert not left.segmented.region[140:].any()
    assert not left.objects.ids[140:].any()
    whole = found_in(replace(request, wish=replace(request.wish, without_bar=False)))
    assert whole.segmented.region is None
    assert whole.objects.ids[140:].any()


def test_a_number_beyond_two_bytes_is_kept_whole(tmp_path: Path) -> None:
    ids = np.zeros((64, 64), np.uint32)
    ids[2:20, 2:20], ids[30:50, 30:50] = 7, 65_535
    layer = Labels(ids.astype(number_type(int(ids.max()))))
    assert layer.data.dtype == np.uint16
    keeper = ObjectKeeper()
    keeper.open(layer, ObjectPlace(tmp_path, "few"), "objects")
    after = ids.copy()
    after[2:20, 2:20] = 70_000
    keeper.write("split", after, (slice(0, 64), slice(0, 64)))
    np.testing.assert_array_equal(layer.data, after)
    keeper.undo()
    np.testing.assert_array_equal(layer.data, ids)
    keeper.redo()
    np.testing.assert_array_equal(layer.data, after)
    keeper.close()
