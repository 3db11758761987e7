"""Scores equal the textbook formulas and never count what nobody labelled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unetscope.errors import LabelError
from unetscope.learning.metrics import (
    accuracy,
    balanced_log_loss,
    boundary_distance,
    confusion,
    dice_per_class,
    expected_calibration_error,
    iou_per_class,
    mean_dice,
)

TRUTH = np.array([[1, 1, 2, 0], [1, 2, 2, 0]])
GUESS = np.array([[1, 2, 2, 1], [1, 2, 1, 2]])


def test_dice_and_iou_equal_the_formulas_by_hand() -> None:
    assert dice_per_class(TRUTH, GUESS) == {1: 2 * 2 / (3 + 3), 2: 2 * 2 / (3 + 3)}
    assert iou_per_class(TRUTH, GUESS) == {1: 2 / 4, 2: 2 / 4}
    assert mean_dice(TRUTH, GUESS) == pytest.approx(2 / 3)


def test_confusion_counts_by_true_row_and_said_column_in_the_order_asked() -> None:
    assert confusion(TRUTH, GUESS, [1, 2]).tolist() == [[2, 1], [1, 2]]
    guess = np.where(GUESS == 2, 7, GUESS)
    truth = np.where(TRUTH == 2, 7, TRUTH)
    guess[0, 0] = 7
    assert confusion(truth, guess, [7, 1]).tolist() == [[2, 1], [2, 1]]
    with pytest.raises(LabelError, match="class 7"):
        confusion(truth, guess, [1, 2])


def test_classes_the_truth_does_not_hold_are_left_out() -> None:
    truth, guess = np.array([1, 1, 0]), np.array([1, 3, 3])
    assert dice_per_class(truth, guess) == {1: pytest.approx(2 / 3)}
    assert dice_per_class(np.zeros(3, int), guess) == {}
    assert np.isnan(mean_dice(np.zeros(3, int), guess))


def test_a_prediction_of_nothing_is_a_miss() -> None:
    assert dice_per_class(np.array([1, 1]), np.array([0, 1])) == {1: pytest.approx(2 / 3)}


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6))
def test_unlabelled_places_never_change_a_score(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, guess = rng.integers(0, 4, 60), rng.integers(1, 4, 60)
    odds = rng.dirichlet(np.ones(3), 60).T
    other = np.where(truth == 0, rng.integers(1, 4, 60), guess)
    odd_odds = np.where(truth == 0, 1 / 3, odds)
    values = [1, 2, 3]
    assert dice_per_class(truth, guess) == dice_per_class(truth, other)
    assert iou_per_class(truth, guess) == iou_per_class(truth, other)
    assert np.array_equal(confusion(truth, guess, values), confusion(truth, other, values))
    for score in (balanced_log_loss, expected_calibration_error):
        assert score(truth, odds, values) == score(truth, odd_odds, values)
    dice, iou = dice_per_class(truth, guess), iou_per_class(truth, guess)
    assert all(iou[v] == pytest.approx(dice[v] / (2 - dice[v])) for v in dice)


def test_balanced_log_loss_weighs_classes_equally() -> None:
    truth = np.array([1] * 99 + [2])
    odds = np.stack([np.full(100, 0.9), np.full(100, 0.1)])
    expected = (-np.log(0.9) - np.log(0.1)) / 2
    assert balanced_log_loss(truth, odds, [1, 2]) == pytest.approx(expected)
    certain = np.stack([np.zeros(100), np.ones(100)])
    assert np.isfinite(balanced_log_loss(truth, certain, [1, 2]))
    assert np.isnan(balanced_log_loss(np.zeros(100, int), odds, [1, 2]))


def test_a_calibrated_answer_has_no_calibration_error_and_a_boastful_one_has() -> None:
    truth = np.array([1] * 75 + [2] * 25)
    honest = np.stack([np.full(100, 0.75), np.full(100, 0.25)])
    boastful = np.stack([np.ones(100), np.zeros(100)])
    assert expected_calibration_error(truth, honest, [1, 2]) == pytest.approx(0, abs=1e-12)
    assert expected_calibration_error(truth, boastful, [1, 2]) == pytest.approx(0.25)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(LabelError, match="shape"):
        dice_per_class(np.ones((2, 2), int), np.ones((2, 3), int))
    with pytest.raises(LabelError, match="shape"):
        balanced_log_loss(np.ones((2, 2), int), np.ones((3, 2, 2)), [1, 2])


def test_accuracy_counts_what_is_labelled_and_flatters_thin_classes() -> None:
    assert accuracy(TRUTH, GUESS) == 4 / 6
    assert np.isnan(accuracy(np.zeros((2, 2), int), np.ones((2, 2), int)))
    line = np.ones((20, 20), int)
    line[10] = 2
    assert accuracy(line, np.ones_like(line)) == 0.95
    assert iou_per_class(line, np.ones_like(line))[2] == 0


def test_outlines_are_as_far_apart_as_they_were_moved() -> None:
    line = np.ones((20, 30), int)
    line[:, 9] = 2
    for by in (0, 1, 4):
        moved = np.roll(line, by, axis=1)
        assert boundary_distance(line, moved, 2) == by
        assert boundary_distance(line, moved, 2, (1.0, 0.5)) == by / 2
    assert np.isnan(boundary_distance(line, np.ones_like(line), 2))
    disc = np.where(np.hypot(*np.mgrid[-20:21, -20:21]) <= 10, 2, 1)
    wider = np.where(np.hypot(*np.mgrid[-20:21, -20:21]) <= 12, 2, 1)
    assert boundary_distance(disc, wider, 2) == pytest.approx(2, abs=0.3)  # of pixel centres
    assert boundary_distance(disc, wider, 2) == boundary_distance(wider, disc, 2)
    with pytest.raises(LabelError, match="shape"):
        boundary_distance(line, line.T, 2)
