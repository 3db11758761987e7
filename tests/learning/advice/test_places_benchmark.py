"""The measurement of saved strokes: its annotator never errs and its arithmetic holds."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.next_places import (
    RANDOM,
    RANKED,
    PlacesScore,
    saving,
    stroke_at,
    strokes_needed,
)
from learning.small_scenes import blobs


def test_strokes_at_places_are_true_near_and_apart() -> None:
    _, truth = blobs((120, 130), 0)
    painted = np.zeros_like(truth)
    for seed, place in enumerate([(30, 30), (32, 34), (90, 100)]):
        more = stroke_at(truth, painted, place, seed)
        assert more is not None
        new = (more > 0) & (painted == 0)
        assert (more[new] == truth[place]).all()
        assert (truth[new] == truth[place]).all()
        assert np.abs(np.argwhere(new) - place).max() <= 20
        painted = more
    taken = tuple(np.argwhere(painted)[0])
    assert stroke_at(truth, painted, taken, 9) is None


def test_strokes_needed_are_read_off_between_the_points() -> None:
    at, curve = np.array([0, 2, 4]), np.array([0.5, 0.7, 0.9])
    assert strokes_needed(curve, at, 0.8) == pytest.approx(3)
    assert strokes_needed(curve, at, 0.4) == 0
    assert strokes_needed(curve, at, 0.95) == float("inf")


def test_a_way_that_is_there_after_half_of_the_strokes_saves_half() -> None:
    curves = {RANDOM: (0.5, 0.6, 0.7), RANKED: (0.5, 0.7, 0.8)}
    rows = [
        PlacesScore(task, False, 0, way, False, 2, n, same, same)
        for task in ("a 1", "b 1")
        for way, curve in curves.items()
        for n, same in zip((0, 4, 8), curve, strict=True)
    ]
    found = saving(rows, RANKED, RANDOM, resamples=20)
    assert (found.share, found.low, found.high) == pytest.approx((0.6, 0.6, 0.6))
