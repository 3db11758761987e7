"""Class balance, corrective Dice, when to stop, and what was forgotten."""

from __future__ import annotations

import numpy as np
import pytest

from unetscope.errors import LabelError
from unetscope.learning.advice.class_balance import class_balance
from unetscope.learning.advice.progress import (
    corrected,
    corrective_dice,
    forgetting,
    stop_advice,
)


def test_one_to_fifty_warns_and_names_the_rare_class() -> None:
    assert class_balance({1: 4900, 2: 100}).warning is None
    uneven = class_balance({1: 5000, 2: 100, 3: 0}, {2: "crack"})
    assert uneven.ratio == 50
    assert uneven.warning is not None
    assert uneven.warning.startswith("crack has 100 painted pixels, class 1 5000 (1 : 50).")


@pytest.mark.parametrize("pixels", [{}, {1: 9000}, {1: 9000, 2: 0}])
def test_fewer_than_two_painted_classes_are_not_compared(pixels: dict[int, int]) -> None:
    assert class_balance(pixels).warning is None


def test_an_answer_nobody_changes_has_a_corrective_dice_of_one() -> None:
    answer = np.array([[1, 1, 2], [2, 2, 3]])
    assert corrective_dice(answer, corrected(answer, np.zeros_like(answer))) == {1: 1, 2: 1, 3: 1}


def test_corrections_lower_the_dice_of_the_classes_they_move() -> None:
    before = np.array([[1, 1, 1, 1, 2, 2, 2, 2, 3, 0]])
    painted = np.array([[0, 0, 0, 2, 0, 0, 0, 0, 2, 1]])
    scores = corrective_dice(before, corrected(before, painted))
    assert scores == {1: pytest.approx(6 / 7), 2: pytest.approx(8 / 10), 3: 0.0}


def test_answers_of_different_images_are_not_compared() -> None:
    with pytest.raises(LabelError, match=r"\(2, 2\) and \(3, 3\)"):
        corrective_dice(np.ones((2, 2), int), np.ones((3, 3), int))


def test_stopping_is_advised_once_every_class_rests_for_three_rounds() -> None:
    moving, resting = {1: 0.99, 2: 0.90}, {1: 0.995, 2: 0.985}
    assert not stop_advice([resting, resting]).stop
    still = stop_advice([resting, moving, resting], names={2: "pore"})
    assert (still.stop, still.restless) == (False, (2,))
    assert "pore (10 %)" in still.text
    rested = stop_advice([moving, resting, resting, resting])
    assert rested.stop
    assert "at most 1.5 %" in rested.text


def test_images_that_got_worse_are_listed_and_noise_is_not() -> None:
    before = {"a": 0.90, "b": 0.80, "c": 0.70, "gone": 1.0}
    after = {"a": 0.85, "b": 0.79, "c": 0.50, "new": 0.1}
    assert [found.image for found in forgetting(before, after)] == ["c", "a"]
    assert (forgetting(before, after)[0].before, forgetting(before, after)[0].after) == (0.7, 0.5)
