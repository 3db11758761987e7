"""Episodes: seeded, well-formed, and without the answer in the question."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from unetscope.pretraining.datasets import DATASETS
from unetscope.pretraining.episodes import (
    CROPS,
    MIN_SUPPORT_PIXELS,
    Episode,
    EpisodeOptions,
    EpisodeSource,
    _bilinear,
    _edges_and_depth,
)

pytestmark = pytest.mark.usefixtures("few_scenes")


def drawn(count: int, seed: int = 0, data_root: Path | None = None, **given) -> list[Episode]:
    source = EpisodeSource(seed, EpisodeOptions(crop_px=32, pool=2, **given), data_root)
    return [source.draw() for _ in range(count)]


def test_one_seed_draws_the_same_episodes() -> None:
    first, again, other = (drawn(4, seed) for seed in (1, 1, 2))
    for one, two in zip(first, again, strict=True):
        assert (one.classes, one.source) == (two.classes, two.source)
        for name in ("image", "support", "query", "edges", "depth"):
            assert torch.equal(getattr(one, name), getattr(two, name))
    assert not all(torch.equal(a.image, b.image) for a, b in zip(first, other, strict=True))


def test_episodes_are_well_formed() -> None:
    for episode in drawn(25):
        assert episode.image.shape == (CROPS, 1, 32, 32)
        assert episode.image.dtype == torch.float32 and torch.isfinite(episode.image).all()
        assert episode.image.min() >= -1 and episode.image.max() <= 2
        for target in (episode.support, episode.query):
            assert target.shape == (CROPS, 32, 32) and target.dtype == torch.int64
            assert target.min() >= -1 and target.max() < episode.classes
        counts = torch.bincount(episode.support[episode.support >= 0], minlength=episode.classes)
        assert episode.classes >= 2 and counts.min() >= MIN_SUPPORT_PIXELS
        assert (episode.query >= 0).any()
        # what was shown is never asked, and the last crop is never painted on
        assert not ((episode.support >= 0) & (episode.query >= 0)).any()
        assert (episode.support[-1] == -1).all()
        assert set(episode.edges.unique().tolist()) <= {0.0, 1.0}
        assert episode.depth.min() >= 0 and episode.depth.max() <= 1
        assert (episode.depth[episode.edges == 1] == 0).all()


def test_a_margin_is_shown_and_never_asked_about() -> None:
    source = EpisodeSource(0, EpisodeOptions(crop_px=32, pool=2))
    source.margin_px = 16
    for _ in range(5):
        episode = source.draw()
        assert episode.image.shape == (CROPS, 1, 64, 64)
        for inner in (episode.support, episode.query, episode.edges, episode.depth):
            assert inner.shape == (CROPS, 32, 32)


def test_the_pool_is_repainted_while_episodes_are_drawn() -> None:
    source = EpisodeSource(0, EpisodeOptions(crop_px=32, pool=2))
    before = [plate.pixels for plates in source.synthetic.values() for plate in plates]
    for _ in range(12):
        source.draw()
    after = [plate.pixels for plates in source.synthetic.values() for plate in plates]
    assert any(a is not b for a, b in zip(before, after, strict=True))


def test_real_scenes_take_part_in_their_share(data_root) -> None:
    for entry in DATASETS:
        (data_root / entry.folder / "images").mkdir(parents=True, exist_ok=True)
    sources = [e.source for e in drawn(40, data_root=data_root, synthetic_share=0.5)]
    assert 5 < sources.count("bbbc039") < 35
    alone = [e.source for e in drawn(6, data_root=data_root, synthetic_share=0.0)]
    assert set(alone) == {"bbbc039"}


def test_without_real_data_all_episodes_are_synthetic() -> None:
    assert {e.source for e in drawn(10, synthetic_share=0.0)} <= {"nuclei", "phases"}


def test_bilinear_sampling_is_exact_on_pixels_and_halfway_between() -> None:
    pixels = np.arange(20, dtype=np.float32).reshape(1, 4, 5)
    y, x = np.array([[0.0, 3.0, 1.0]]), np.array([[0.0, 4.0, 2.5]])
    assert np.allclose(_bilinear(pixels, y, x), [[[0, 19, 7.5]]], atol=1e-4)


def test_depth_is_the_distance_to_the_nearest_edge() -> None:
    bodies = np.ones((8, 40), int)
    bodies[:, 20:] = 2
    edges, depth = _edges_and_depth(bodies)
    assert edges.sum() == 8 and (edges[:, 19] == 1).all()
    assert np.allclose(depth[0, 20:36], np.arange(1, 17) / 16)
    assert (_edges_and_depth(np.ones((8, 8), int))[1] == 1).all()
