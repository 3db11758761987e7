"""The judge: two pictures that have nothing in common, and figures that mean something."""

from __future__ import annotations

import numpy as np
import pytest

from unetscope.pretraining import judge
from unetscope.pretraining.datasets import dataset
from unetscope.pretraining.judge import HeldOutJudge, make_tasks
from unetscope.pretraining.learner import MetaLearner


@pytest.fixture
def one_set(monkeypatch) -> None:
    from dataclasses import replace

    monkeypatch.setattr(judge, "DATASETS", (replace(dataset("bbbc039"), may_train=False),))


@pytest.mark.usefixtures("one_set")
def test_tasks_are_seeded_and_take_two_different_frames(data_root) -> None:
    first, again = (make_tasks(data_root, pairs=2, crop_px=96) for _ in range(2))
    assert len(first) == 2
    for one, two in zip(first, again, strict=True):
        assert np.array_equal(one.truth_a, two.truth_a)
        assert one.truth_a.shape == one.image_a.spatial_shape == (96, 96)
        assert set(np.unique(one.truth_a)) == {1, 2}
        assert not np.array_equal(one.image_a.pixels, one.image_b.pixels)
    strokes = first[0].strokes(seed=1)
    painted = strokes > 0
    assert painted.any() and np.array_equal(strokes[painted], first[0].truth_a[painted])


@pytest.mark.usefixtures("one_set")
def test_two_crops_of_a_single_frame_do_not_overlap(data_root) -> None:
    for part in ("images", "masks"):
        for index in (1, 2):
            (data_root / "bbbc039" / part / f"f{index}.png").unlink()
    (task,) = make_tasks(data_root, pairs=1, crop_px=768)
    assert task.image_a.spatial_shape == task.image_b.spatial_shape == (160, 80)
    assert not np.array_equal(task.image_a.pixels, task.image_b.pixels)


@pytest.mark.usefixtures("one_set")
def test_bright_squares_are_told_from_dark_ground(data_root, tiny) -> None:
    figures = HeldOutJudge(data_root)(MetaLearner(tiny).eval())
    assert 0.8 < figures["same"] <= 1 and 0.8 < figures["other"] <= 1


def test_only_sets_that_never_train_judge_a_run(data_root, monkeypatch) -> None:
    monkeypatch.setattr(judge, "DATASETS", (dataset("bbbc039"),))
    assert make_tasks(data_root, only_unseen=True) == []
