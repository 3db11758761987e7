"""Small trainings of lessons: batches of one channel or several, turned with their labels."""

from __future__ import annotations

import numpy as np
import pytest

from unetscope.errors import LessonError
from unetscope.lessons.bench import Bench, Laid
from unetscope.lessons.instantly import asked, taught
from unetscope.lessons.registry import run, verbs
from unetscope.lessons.small_runs import SmallRun, patches


@pytest.mark.parametrize("channels", [0, 3])
def test_labels_are_turned_with_the_channels(channels: int) -> None:
    truth = np.arange(1, 16 * 20 + 1).reshape(16, 20)
    pixels = np.repeat(truth[None], channels, axis=0) if channels else truth
    images, labels = next(patches([(pixels.astype(np.float32), truth)], SmallRun(patch_px=8)))
    assert images.shape == (8, max(channels, 1), 8, 8)
    for image, label in zip(images.numpy(), labels.numpy(), strict=True):
        assert (image == label + 1).all()


def test_strokes_on_a_colour_image_are_learned_on_its_mean() -> None:
    pixels = np.zeros((64, 64, 3), np.float32)
    pixels[:, 32:] = (200, 100, 0)
    labels = np.zeros((64, 64), np.uint8)
    labels[20:24, 4:28], labels[20:24, 36:60] = 1, 2
    laid = Laid(pixels, "mine", labels=labels, truth="strokes", own=True)
    found = asked(taught(Bench(laid)), laid.grey).argmax(axis=0)
    assert not found[8:56, 4:24].any() and found[8:56, 40:60].all()


def test_strokes_in_one_half_are_not_enough_for_patches() -> None:
    labels = np.zeros((64, 64), np.uint8)
    labels[10, 4:20], labels[30, 4:20] = 1, 2
    laid = Laid(np.zeros((64, 64), np.float32), "mine", labels=labels, truth="strokes", own=True)
    with pytest.raises(LessonError, match="both halves"):
        list(run(verbs()["patches_by_lenet"], Bench(laid), {}))


def test_the_patch_of_one_step_is_where_both_classes_are_and_lies_there() -> None:
    labels = np.zeros((304, 208), np.uint8)
    labels[10:60, 20:24] = 1
    labels[280:284, 170:180], labels[290:294, 170:180] = 1, 2
    image = np.random.default_rng(0).random(labels.shape).astype(np.float32)
    laid = Laid(image, "mine", origin=(50, 7), labels=labels, truth="strokes", own=True)
    *_, shown = run(verbs()["one_step"], Bench(laid), {})
    patch = next(one for one in shown.pictures if one.role == "patch")
    y, x = (int(at - first) for at, first in zip(patch.translate, laid.origin, strict=True))
    there = labels[y : y + 96, x : x + 96]
    assert (there == 2).sum() == 40 and (there == 1).any()
    low, high = np.percentile(image, (1, 99))
    np.testing.assert_allclose(
        patch.values, (image[y : y + 96, x : x + 96] - low) / (high - low), rtol=1e-5, atol=1e-6
    )
