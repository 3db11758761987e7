"""What the kinds of result make of a tile, and how they are offered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from unetscope.session.result_kind import AnsweredTile
from unetscope.session.results import answers, kinds, register
from unetscope.session.results.mask import MASK
from unetscope.session.results.probability import PROBABILITY
from unetscope.session.results.uncertainty import UNCERTAINTY, uncertainty

CHANCES = np.array([[[0.9, 0.2]], [[0.1, 0.8]]], np.float32)
TILE = AnsweredTile(np.array([[1, 4]], np.uint8), CHANCES, (1, 4), chosen_class=4)


def test_uncertainty_is_none_where_sure_and_full_where_torn() -> None:
    chance = np.array([[1.0, 0.5, 0.9], [0.0, 0.5, 0.1]], np.float32)
    sure, torn, between = uncertainty(chance)
    assert sure == pytest.approx(0, abs=1e-4) and torn == pytest.approx(1)
    assert 0.4 < between < 0.5


def test_the_mask_stands_first_and_its_kinds_are_named_as_in_layers_of_before() -> None:
    assert [kind.name for kind in kinds()] == ["mask", "probability", "uncertainty"]
    assert [kind.title for kind in kinds()] == ["Mask", "Probability", "Uncertainty"]
    assert [kind.has_areas for kind in kinds()] == [True, False, False]


def test_a_tile_gives_the_mask_and_the_kind_that_is_shown() -> None:
    assert list(answers(TILE, MASK)) == [MASK]
    shown = answers(TILE, PROBABILITY)
    assert list(shown) == [MASK, PROBABILITY]
    assert shown[MASK] is TILE.labels
    assert shown[PROBABILITY].tolist() == CHANCES[1].tolist()
    assert np.array_equal(answers(TILE, UNCERTAINTY)[UNCERTAINTY], uncertainty(CHANCES))


def test_of_a_class_that_the_model_does_not_know_there_is_only_the_mask() -> None:
    assert list(answers(replace(TILE, chosen_class=7), PROBABILITY)) == [MASK]


def test_without_probabilities_there_is_only_the_mask() -> None:
    assert list(answers(replace(TILE, probabilities=CHANCES[:0]), UNCERTAINTY)) == [MASK]


def test_two_kinds_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="called mask already; give this one another name"):
        register(replace(UNCERTAINTY, name="mask"))
    register(MASK)  # the same once more is no other
    assert len(kinds()) == 3
