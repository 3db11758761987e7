"""The main job without a window, on real pictures: paint, answer, correct, answer better."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage import color, data, filters

from benchmarks.corrections import corrective_strokes
from unetscope import Segmenter
from unetscope.learning.finetune import TrainOptions
from unetscope.learning.metrics import mean_dice
from unetscope.pretraining.datasets import dataset, scenes
from unetscope.pretraining.strokes import simulate_strokes


def chance(truth: np.ndarray) -> float:
    """Mean Dice of the best that can be said without looking: classes at random in their shares."""
    rng = np.random.default_rng(0)
    return mean_dice(truth, rng.permutation(truth.ravel()).reshape(truth.shape))


def instant_and_corrected(image: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Mean Dice after a few strokes and after three rounds of corrections, off the strokes."""
    strokes = simulate_strokes(truth, per_class=2, length_px=30, seed=0)
    segmenter = Segmenter("general-fast", device="cpu")
    scores = []
    for seed in range(4):
        answer = segmenter.fit_instant(image, strokes).predict(image)
        scores.append(mean_dice(np.where(strokes > 0, 0, truth), answer))
        strokes = corrective_strokes(truth, answer, strokes, strokes=6, length_px=30, seed=seed)
    return scores[0], scores[-1]


def stained_tissue() -> tuple[np.ndarray, np.ndarray]:
    """Immunohistochemistry (256, 256, 3); 1 pale, 2 brown stain, 3 blue nuclei by unmixing."""
    image = data.immunohistochemistry()[:256, :256]
    stains = ndimage.gaussian_filter(color.rgb2hed(image), (2, 2, 0))
    blue, brown = (stains[..., k] > filters.threshold_otsu(stains[..., k]) for k in (0, 2))
    return image, np.where(brown, 2, np.where(blue, 3, 1)).astype(np.uint8)


def test_stained_tissue_is_segmented_at_once_and_better_when_corrected() -> None:
    image, truth = stained_tissue()
    instant, corrected = instant_and_corrected(image, truth)
    # Each pixel's colour decides here: what is around misleads a little (docs/benchmarks.md).
    assert instant > chance(truth) + 0.15
    assert corrected > instant + 0.02


def test_fine_tuning_on_stained_tissue_keeps_what_the_instant_answer_knew() -> None:
    image, truth = stained_tissue()
    strokes = simulate_strokes(truth, per_class=4, length_px=40, seed=1)
    hidden = np.where(strokes > 0, 0, truth)
    segmenter = Segmenter("general-fast", device="cpu")
    before = mean_dice(hidden, segmenter.fit_instant(image, strokes).predict(image))
    short = TrainOptions(max_epochs=3, steps_per_epoch=8, patch_px=96, batch_size=2)
    segmenter.fit(image, strokes, None, options=short)
    assert mean_dice(hidden, segmenter.predict(image)) > before - 0.02
    assert [e.epoch for e in segmenter.history_] == [1, 2, 3]


@pytest.mark.parametrize("name", ["emps_nanoparticles", "vnc_sstem", "wsu_chloroplast"])
def test_micrographs_never_trained_on_are_segmented_and_corrected(shared_data, name) -> None:
    scene = next(scenes(shared_data, dataset(name), limit=3))
    middle = [max(0, side // 2 - 160) for side in scene.labels.shape]
    box = tuple(slice(start, start + 320) for start in middle)
    image, truth = scene.image[box], scene.labels[box]
    instant, corrected = instant_and_corrected(image, truth)
    assert instant > chance(truth) + 0.1
    assert corrected > instant
