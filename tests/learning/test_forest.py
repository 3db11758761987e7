"""The forest is a function of its rows and seed, whatever the threads."""

from __future__ import annotations

import numpy as np

from unetscope.learning.forest import PixelForest, thinned


def grown(seed: int = 0, counts: tuple[int, ...] = (300, 200, 2)) -> PixelForest:
    rng = np.random.default_rng(1)
    targets = np.repeat(np.arange(len(counts)), counts)
    rows = rng.normal(size=(len(targets), 5)).astype(np.float32) + targets[:, None]
    return PixelForest(rows.astype(np.float32), targets, seed)


def test_threads_do_not_change_the_answer() -> None:
    rows = np.random.default_rng(2).normal(size=(9001, 5)).astype(np.float32)
    forest = grown()
    alone = forest.probabilities(rows)
    for threads in (2, 3, 7):
        assert np.array_equal(alone, forest.probabilities(rows, threads=threads))
    assert alone.dtype == np.float32 and alone.shape == (9001, 3)
    assert np.allclose(alone.sum(axis=1), 1, atol=1e-6)


def test_the_seed_decides() -> None:
    rows = np.random.default_rng(2).normal(size=(50, 5)).astype(np.float32)
    first, again, other = (grown(seed).probabilities(rows) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_class_of_two_pixels_has_a_say() -> None:
    forest = grown()
    rare = forest.rows[forest.targets == 2]
    assert forest.probabilities(rare)[:, 2].mean() > 1 / 3


def test_a_forest_can_be_made_to_find_classes_as_frequent_as_they_are() -> None:
    lopsided = grown(counts=(600, 80, 80))  # as after strokes on the errors of one class
    rng = np.random.default_rng(4)
    truth = np.repeat([0, 1, 2], [300, 500, 200])
    rows = (rng.normal(size=(1000, 5)) + truth[:, None]).astype(np.float32)
    shares = np.bincount(truth) / len(truth)
    plain = lopsided.probabilities(rows)
    assert plain[:, 0].mean() > 1.2 * shares[0]
    matched = lopsided.matched(rows, shares)
    votes = matched.probabilities(rows)
    assert np.allclose(votes.mean(axis=0), shares, atol=0.02)
    assert np.allclose(votes.sum(axis=1), 1, atol=1e-5)
    assert (votes.argmax(axis=1) == truth).mean() > (plain.argmax(axis=1) == truth).mean()
    assert np.array_equal(lopsided.probabilities(rows), plain)  # nothing happened to it


def test_a_class_that_is_nowhere_gets_no_endless_weight() -> None:
    rows = grown().rows[:200]
    weights = grown().matched(rows, np.array([1.0, 0.0, 0.0])).weights
    assert weights is not None and np.isfinite(weights).all() and (weights > 0).all()


def test_few_rows_are_all_kept() -> None:
    assert thinned(np.array([2, 0, 1]), 3, seed=0).tolist() == [0, 1, 2]


def test_thinning_is_seeded_equal_over_the_classes_and_spares_rare_ones() -> None:
    targets = np.repeat([0, 1, 2], [1000, 5, 600])
    kept = thinned(targets, 300, seed=1)
    assert len(kept) <= 300 and (np.diff(kept) > 0).all()
    assert np.bincount(targets[kept]).tolist() == [100, 5, 100]
    assert np.array_equal(kept, thinned(targets, 300, seed=1))
    assert not np.array_equal(kept, thinned(targets, 300, seed=2))
