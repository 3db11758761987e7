"""Agreement of objects: against counts made by hand, and against StarDist's own ``matching``."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from unetscope.errors import MeasurementError
from unetscope.measuring.agreement import (
    THRESHOLDS,
    Compared,
    agreement,
    agreement_of,
    mean_quantities,
    reported_numbers,
)
from unetscope.measuring.quantities import Spacing


def line(*parts: tuple[int, int]) -> NDArray[np.int64]:
    """A line of pixels: (number, how many) after another."""
    return np.array([number for number, count in parts for _ in range(count)])[None]


def test_scores_are_those_of_counts_by_hand() -> None:
    # 1 is met whole, 2 by 6 of 10 pixels, 3 is missed, and 9 is found where nothing is
    truth = line((1, 10), (2, 10), (3, 10), (0, 10))
    found = line((5, 10), (0, 2), (7, 6), (0, 12), (9, 10))
    told = agreement(truth, found)
    assert (told.truth, told.found, told.count_error) == (3, 3, 0)
    half = told.at(0.5)
    assert (half.tp, half.fp, half.fn) == (2, 1, 1)
    assert half.f1 == pytest.approx(4 / 6)
    assert half.accuracy == pytest.approx(2 / 4)
    assert half.panoptic_quality == pytest.approx((1 + 0.6) / (2 + 1))
    assert told.at(0.6).tp == 2 and told.at(0.65).tp == 1
    # at .5, .55 and .6 two of four, at the seven others one of five
    assert told.mean_accuracy == pytest.approx((3 * 2 / 4 + 7 * 1 / 5) / 10)
    assert told.pixel_iou == pytest.approx(16 / 40)
    assert (told.splits, told.merges) == (0, 0)


def test_an_object_in_two_parts_is_a_split_and_two_in_one_are_a_merge() -> None:
    truth = line((1, 10), (0, 2), (2, 6), (3, 6), (0, 4))
    found = line((1, 6), (2, 4), (0, 2), (4, 12), (0, 4))
    told = agreement(truth, found)
    assert (told.splits, told.merges) == (1, 1)
    # a piece that lies in it by half only splits nothing
    assert agreement(line((1, 8), (0, 4)), line((1, 4), (2, 8))).splits == 0


def test_below_a_half_an_object_is_matched_once_and_as_many_as_can_be() -> None:
    # 1 would match both, best 11; only giving it 12 leaves 11 for 2
    truth = line((1, 10), (2, 6))
    found = line((12, 4), (11, 12))
    told = agreement(truth, found, (0.3,)).at(0.3)
    assert (told.tp, told.fp, told.fn) == (2, 0, 0)
    assert told.iou_sum == pytest.approx(4 / 10 + 6 / 12)


def test_large_numbers_with_gaps_and_nothing_at_all() -> None:
    truth = line((4_000_000_000, 5), (0, 3))
    assert agreement(truth, truth.astype(np.uint32)).mean_accuracy == 1
    nothing = agreement(np.zeros((4, 5), int), np.zeros((4, 5), int))
    assert nothing.truth == nothing.found == 0 and math.isnan(nothing.at().f1)
    missed = agreement(truth, np.zeros_like(truth))
    assert missed.at().f1 == 0 and missed.mean_accuracy == 0 and missed.count_error == -1


def grid(step: int, shift: int, split: int, drop: int) -> tuple[NDArray[np.int64], ...]:
    """Squares, and the same moved, each ``split``-th in two and each ``drop``-th missing."""
    y, x = np.mgrid[:240, :240]

    def squares(dy: int, dx: int, side: int) -> NDArray[np.int64]:
        number = ((y - dy) // step) * (240 // step + 2) + (x - dx) // step + 1
        inside = ((y - dy) % step < side) & ((x - dx) % step < side) & (y >= dy) & (x >= dx)
        return np.where(inside, number, 0)

    truth = squares(3, 3, step - 4)
    found = squares(3 + shift, 3 - shift // 2, step - 5)
    found[found % drop == 0] = 0
    found[(found % split == 0) & (found > 0) & (x % step < step // 3)] += 10_000
    return truth, found


@pytest.mark.parametrize(
    ("scene", "told"),
    [
        ((20, 2, 5, 7), {0.3: (132, 27, 12, 0.579429), 0.6: (105, 54, 39, 0.476637)}),
        ((12, 1, 4, 9), {0.5: (356, 89, 44, 0.622078), 0.7: (267, 178, 133, 0.483839)}),
        ((30, 6, 3, 5), {0.3: (56, 18, 8, 0.391519), 0.5: (38, 36, 26, 0.286305),
                         0.55: (5, 69, 59, 0.041898)}),
    ],
)  # fmt: skip
def test_it_says_what_stardist_says(
    scene: tuple[int, ...], told: dict[float, tuple[int, int, int, float]]
) -> None:
    """Values of ``stardist.matching.matching`` 0.9.1 on the same labels; it sums in 32 bits."""
    compared = agreement(*grid(*scene), thresholds=(0.3, *THRESHOLDS))
    for threshold, (tp, fp, fn, quality) in told.items():
        ours = compared.at(threshold)
        assert (ours.tp, ours.fp, ours.fn) == (tp, fp, fn)
        assert ours.panoptic_quality == pytest.approx(quality, abs=2e-6)


def test_stacks_and_several_images_count_as_one() -> None:
    truth, found = grid(20, 2, 5, 7)
    flat = agreement(truth, found)
    stack = agreement(np.stack([truth, truth]), np.stack([found, found]))
    assert stack.at().tp == flat.at().tp and stack.pixel_iou == flat.pixel_iou
    both = agreement_of([flat, agreement(truth, truth)])
    assert both.truth == 2 * flat.truth
    assert both.at().tp == flat.at().tp + flat.truth
    assert both.at().f1 == pytest.approx(2 * both.at().tp / (both.truth + both.found))


def test_the_error_of_what_is_reported_is_told() -> None:
    truth = np.zeros((120, 120), int)
    for at in range(16):
        row, column = 5 + 28 * (at // 4), 5 + 28 * (at % 4)
        truth[row : row + 20, column : column + 20] = at + 1
    found = np.where(np.roll(truth, 2, 0) == truth, truth, 0)  # 18 of 20 lines are left
    numbers = {
        pair.name: pair for pair in reported_numbers(truth, found, Spacing((2.0, 2.0), "nm"))
    }
    assert numbers["mean diameter"].unit == "nm"
    assert numbers["mean diameter"].truth == pytest.approx(2 * np.sqrt(4 * 400 / np.pi))
    assert numbers["mean diameter"].error == pytest.approx(np.sqrt(0.9) - 1)
    assert numbers["d50 by number"].error == pytest.approx(np.sqrt(0.9) - 1)
    assert numbers["fraction"].error == pytest.approx(-0.1)


def test_means_over_images_have_an_interval_from_five_on() -> None:
    truth, found = grid(20, 2, 5, 7)
    pairs = [(truth, found)] * 2 + [(truth, truth)] * 3
    rows = [
        Compared(f"{at}", agreement(*pair), reported_numbers(*pair, Spacing((1.0, 1.0))))
        for at, pair in enumerate(pairs)
    ]
    told = {number.name: number for number in mean_quantities(rows)}
    f1 = told["F1 at IoU .5"]
    assert f1.value == pytest.approx((2 * rows[0].agreement.at().f1 + 3) / 5)
    assert f1.low is not None and f1.low < f1.value < (f1.high or 0)
    few = mean_quantities(rows[:2])
    assert all(number.low is None and "needs 5" in number.reason for number in few)


def test_what_cannot_be_compared_is_refused() -> None:
    whole = np.ones((4, 4), int)
    with pytest.raises(MeasurementError, match="one image"):
        agreement(whole, np.ones((4, 5), int))
    with pytest.raises(MeasurementError, match="whole numbers"):
        agreement(whole, np.ones((4, 4)))
    with pytest.raises(MeasurementError, match="at most 1"):
        agreement(whole, whole, (0.5, 1.5))
    with pytest.raises(MeasurementError, match=r"nothing was matched at 0\.33"):
        agreement(whole, whole).at(0.33)
