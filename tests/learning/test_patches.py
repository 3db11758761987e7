"""Patches: drawn around training labels, every class in its turn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from learning.small_scenes import blobs, sample, small_model, stack, strokes
from unetscope.images.micrograph import as_micrograph
from unetscope.learning import patches
from unetscope.learning.feature_cache import FeatureCache
from unetscope.learning.instant import fit_instant
from unetscope.learning.losses import IGNORE
from unetscope.learning.patches import PatchSource
from unetscope.learning.prediction import predict_probabilities
from unetscope.learning.samples import Sample


def source_of(*samples: Sample, values=(1, 2), seed=0, **given) -> PatchSource:
    return PatchSource(small_model(), samples, values, cache=FeatureCache(), seed=seed, **given)


@pytest.mark.parametrize("shape", [(200, 180), (40, 50), (40, 200), (9, 300)])
def test_every_patch_shows_a_label_and_every_class_has_its_turn(shape) -> None:
    images, targets = source_of(sample(shape)).draw(8, 64)
    assert images.shape == (8, 1, 64, 64) and images.dtype == torch.float32
    assert targets.shape == (8, 3, 64, 64) and targets.dtype == torch.int16
    for index in range(8):
        assert (targets[index, 0] == index % 2).any()
    assert (targets[:, 1:] == IGNORE).all()


def test_labels_lie_where_they_were_painted() -> None:
    image = np.zeros((150, 150), np.float32)
    labels = np.zeros(image.shape, np.uint8)
    labels[::7, ::5], labels[3::7, ::5] = 1, 2
    image[labels == 1], image[labels == 2] = 1.0, 2.0
    images, targets = source_of(Sample(as_micrograph(image), labels)).draw(6, 64)
    shades = [images[:, 0][targets[:, 0] == k] for k in (IGNORE, 0, 1)]
    assert all(len(shade.unique()) == 1 for shade in shades)
    assert shades[0][0] < shades[1][0] < shades[2][0]


def test_one_seed_draws_the_same_patches() -> None:
    first, again, other = (source_of(sample((200, 200)), seed=s).draw(4, 64) for s in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


def test_planes_read_one_patch_at_a_time_give_the_same(monkeypatch) -> None:
    kept = source_of(sample((150, 90))).draw(4, 64)
    monkeypatch.setattr(patches, "_KEEP_PLANE_PX", 0)
    lazy = source_of(sample((150, 90))).draw(4, 64)
    assert all(torch.equal(a, b) for a, b in zip(kept, lazy, strict=True))


def test_only_painted_planes_of_a_stack_are_used() -> None:
    image, labels = blobs((70, 70))
    painted = np.zeros((4, 70, 70), np.uint8)
    painted[2] = strokes(labels)
    source = source_of(Sample(stack(image, 4), painted))
    assert source.pixels == [np.count_nonzero(painted == k) for k in (1, 2)]
    assert {int(p) for found in source.spots for p in found[:, 0]} == {0}
    assert [plane.z for plane in source._planes] == [2]


def test_the_guide_speaks_in_255ths_where_the_image_is() -> None:
    shown, cache = sample((40, 50)), FeatureCache()
    guide = fit_instant(small_model(), [shown], cache=cache)
    source = source_of(shown, guide=lambda: guide)
    _, targets = source.draw(4, 64)
    told = targets[:, 1:]
    assert (told[:, :, 40:] == IGNORE).all() and (told[:, :, :, 50:] == IGNORE).all()
    whole = predict_probabilities(guide, shown.image)
    assert np.abs(told[0, :, :40, :50].numpy() / 255 - whole).max() < 0.003


def test_without_a_guide_every_patch_is_drawn_around_a_label() -> None:
    labels = np.zeros((600, 600), np.uint8)
    labels[5, 5:9], labels[5, 12:16] = 1, 2
    spot = Sample(as_micrograph(np.zeros((600, 600), np.float32)), labels)
    _, targets = source_of(spot).draw(12, 64)
    assert (targets[:, 0] != IGNORE).flatten(1).any(dim=1).all()
