"""Dice and IoU in boxes: exact counts, and intervals that hold the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from unetscope.errors import MeasurementError
from unetscope.measuring.box_scores import BoxAnswer, ClassScore, box_scores

SIDE = 1400


def particles(rng: np.random.Generator, side: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Disks of class 2, and an answer that misses some, is off at the rims and invents others."""
    truth, said = np.ones((side, side), np.uint8), np.ones((side, side), np.uint8)
    reach = 14
    yy, xx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    far = yy**2 + xx**2
    for y, x in rng.integers(reach, side - reach - 1, (round(0.002 * side**2), 2)):
        place = (slice(y - reach, y + reach + 1), slice(x - reach, x + reach + 1))
        radius = rng.uniform(5.5, 10.5)
        truth[place][far <= radius**2] = 2
        if rng.random() > 0.05:
            said[place][far <= max(radius + rng.normal(0, 0.8), 0) ** 2] = 2
    return truth, said


@pytest.fixture(scope="module")
def scene() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    return particles(np.random.default_rng(3), SIDE)


def cut(scene: tuple[NDArray[np.uint8], ...], at: NDArray[np.int64], side: int) -> BoxAnswer:
    y, x = at
    return BoxAnswer(*(part[y : y + side, x : x + side] for part in scene))


def of_class(scores: tuple[ClassScore, ...], value: int) -> ClassScore:
    return next(score for score in scores if score.value == value)


def test_counts_are_summed_over_boxes_and_unpainted_pixels_do_not_count() -> None:
    truth = np.array([[1, 1, 2, 2], [0, 0, 2, 2]])
    said = np.array([[1, 2, 2, 2], [2, 1, 2, 1]])
    scores = box_scores(
        [BoxAnswer(truth, said), BoxAnswer(truth[:, ::-1], said[:, ::-1])], {2: "b"}
    )
    first, second = scores
    assert (first.dice.value, second.dice.value) == (2 / 4, 12 / 16)
    assert (first.iou.value, second.iou.value) == pytest.approx((1 / 3, 6 / 10))
    assert second.dice.name == "Dice of b" and first.dice.name == "Dice of class 1"
    assert (second.pixels, second.boxes) == (8, 2)


def test_a_class_that_is_answered_but_nowhere_painted_has_no_score() -> None:
    scores = box_scores([BoxAnswer(np.ones((4, 4), int), np.full((4, 4), 3))], {})
    assert [score.value for score in scores] == [1]
    assert scores[0].dice.value == 0 and scores[0].dice.reason == "no pixel of it is right here"


def test_an_answer_without_error_has_no_interval_and_says_why() -> None:
    truth = np.repeat([[1, 2]], 30, axis=0).repeat(15, axis=1)
    for score in box_scores([BoxAnswer(truth, truth)], {}):
        assert score.dice.value == score.iou.value == 1
        assert score.dice.reason == "every pixel of it is right here"


def test_few_large_errors_in_one_box_have_no_interval() -> None:
    truth = np.ones((60, 60), np.uint8)
    truth[20:40, 20:40] = 2
    said = truth.copy()
    said[20:40, 30:40] = 1
    dice = of_class(box_scores([BoxAnswer(truth, said)], {}), 2).dice
    assert dice.value == pytest.approx(2 / 3)
    assert dice.low is None and "larger" in dice.reason


def test_boxes_of_another_shape_than_their_answer_are_refused() -> None:
    with pytest.raises(MeasurementError, match="both must be"):
        BoxAnswer(np.ones((4, 4), int), np.ones((4, 5), int))


def test_five_boxes_are_what_is_counted_and_fewer_count_pixels(
    scene: tuple[NDArray[np.uint8], NDArray[np.uint8]],
) -> None:
    rng = np.random.default_rng(0)
    at = rng.integers(0, SIDE - 256, (5, 2))
    five = of_class(box_scores([cut(scene, one, 256) for one in at], {}), 2)
    one = of_class(box_scores([cut(scene, at[0], 256)], {}), 2)
    assert (five.dice.n, five.dice.of) == (5, "boxes")
    assert (one.dice.n, one.dice.of) == (one.pixels, "pixels in 1 box")
    assert five.dice.low is not None and one.dice.low is not None and one.dice.high is not None
    assert one.dice.low < one.dice.value < one.dice.high
    assert one.iou.low == pytest.approx(one.dice.low / (2 - one.dice.low))


@pytest.mark.parametrize(("boxes", "side"), [(1, 192), (3, 96), (6, 96)])
def test_intervals_hold_the_truth_about_as_often_as_they_say(
    scene: tuple[NDArray[np.uint8], NDArray[np.uint8]], boxes: int, side: int
) -> None:
    true = of_class(box_scores([BoxAnswer(*scene)], {}), 2).dice.value
    rng = np.random.default_rng(11)
    held, told, pixels = 0, 0, 0
    for _ in range(120):
        answers = [cut(scene, at, side) for at in rng.integers(0, SIDE - side, (boxes, 2))]
        dice = of_class(box_scores(answers, {}), 2).dice
        if dice.low is not None and dice.high is not None:
            told += 1
            held += dice.low <= true <= dice.high
        # what pixels would say if they were independent
        count = sum(int((a.truth == 2).sum()) for a in answers)
        pixels += abs(dice.value - true) < 1.96 * (true * (1 - true) / count) ** 0.5
    assert told > 90
    assert 0.87 * told <= held  # 87 to 97 % in other scenes and draws
    assert pixels < 0.75 * 120  # which is why they are not what is counted
