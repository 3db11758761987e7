"""Strokes of the wrong class are found by what the others say about them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from learning.small_scenes import blobs, small_model
from unetscope.images.micrograph import as_micrograph
from unetscope.learning.advice.label_errors import label_errors
from unetscope.learning.advice.stroke_sums import StrokeSums
from unetscope.learning.feature_cache import FeatureCache
from unetscope.learning.head import Penalty, solve_head
from unetscope.learning.samples import Sample
from unetscope.pretraining.strokes import simulate_strokes


def _painted(seed: int = 0, per_class: int = 5) -> Sample:
    image, truth = blobs((128, 128), seed, classes=2)
    labels = simulate_strokes(truth, per_class=per_class, length_px=16, seed=seed)
    return Sample(as_micrograph(image), labels, f"blobs {seed}")


def _with_wrong_stroke(sample: Sample) -> tuple[Sample, tuple[int, int]]:
    """One stroke of class 1 painted as class 2, and a pixel of it."""
    from unetscope.learning.stroke_map import stroke_map

    found = stroke_map(sample.labels)
    wrong = int(np.flatnonzero(found.stroke_values() == 1)[2])
    labels = sample.labels.copy()
    points = found.points[found.strokes == wrong]
    labels[tuple(points.T)] = 2
    return replace(sample, labels=labels), tuple(points[0])


def test_right_strokes_are_not_listed_and_a_wrong_one_is_the_worst() -> None:
    model, cache, right = small_model(), FeatureCache(), _painted()
    assert label_errors(model, [right], cache=cache, device="cpu") == []
    wrong, pixel = _with_wrong_stroke(right)
    worst = label_errors(model, [wrong], cache=cache, device="cpu", names={1: "matrix", 2: "pore"})[
        0
    ]
    assert (worst.painted, worst.believed) == (2, 1)
    assert np.hypot(worst.centre[0] - pixel[0], worst.centre[1] - pixel[1]) < 20
    assert wrong.labels[worst.centre] == 2
    assert worst.text.startswith("Painted pore; by all other strokes it looks like matrix")


def test_the_sample_of_a_wrong_stroke_is_told() -> None:
    wrong, _ = _with_wrong_stroke(_painted(1))
    found = label_errors(small_model(), [_painted(0), wrong], device="cpu")
    assert found[0].sample == 1


def test_the_only_stroke_of_a_class_is_not_judged() -> None:
    sample = _painted(per_class=1)
    flipped = np.where(sample.labels > 0, 3 - sample.labels, 0).astype(np.uint8)
    assert label_errors(small_model(), [replace(sample, labels=flipped)], device="cpu") == []


def test_a_stack_is_judged_by_planes_and_told_with_its_plane() -> None:
    image, truth = blobs((96, 96), 0)
    labels = np.stack([simulate_strokes(truth, per_class=3, length_px=16, seed=s) for s in (0, 1)])
    labels[0, :, :][truth == 1] = np.where(labels[0][truth == 1] > 0, 2, 0)  # all of class 1
    labels = np.concatenate([labels[1:], np.zeros_like(labels[:1]), labels[:1]])
    stack = as_micrograph(np.stack([image] * 3), axes="zyx")
    more = simulate_strokes(truth, per_class=12, length_px=16, seed=5)
    samples = [Sample(stack, labels), Sample(as_micrograph(image), more)]
    found = label_errors(small_model(), samples, device="cpu")
    assert found
    assert {(f.sample, f.centre[0], f.painted) for f in found} == {(0, 2, 2)}


@pytest.mark.parametrize("stroke", [0, 4])
def test_leaving_out_by_sums_equals_solving_again(stroke: int) -> None:
    rng = np.random.default_rng(0)
    targets = np.repeat([0, 0, 1, 1, 2, 2], [7, 5, 9, 8, 6, 7])
    strokes = np.repeat(np.arange(6), [7, 5, 9, 8, 6, 7])
    rows = rng.normal(size=(len(targets), 5)) + 3 * targets[:, None] + 100
    kept = torch.from_numpy(strokes != stroke)
    given, classes = torch.from_numpy(rows), torch.from_numpy(targets)
    penalty = Penalty(torch.linspace(0.2, 2, 5), 0.02)
    wanted = solve_head(given[kept], classes[kept], 3, penalty).row_scores(given[~kept])
    found = StrokeSums(given, classes, strokes, penalty).scores_without(stroke)
    np.testing.assert_allclose(found, wanted, atol=1e-8)
