"""A deepened network learns from strokes in planes, with the planes around them (experimental)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from learning.small_scenes import blobs, small_model, strokes
from unetscope.errors import ModelError
from unetscope.images.micrograph import as_micrograph
from unetscope.learning import slab_tuning
from unetscope.learning.samples import Sample
from unetscope.learning.slab_tuning import slab_probabilities, tuned_on_slabs
from unetscope.learning.train_options import TrainOptions
from unetscope.network.planar import DeepConv, deepened

OPTIONS = TrainOptions(max_seconds=None, patch_px=32, batch_size=2, device="cpu")


def volume() -> Sample:
    pixels, labels = blobs((48, 56), 0)
    rng = np.random.default_rng(0)
    planes = np.stack([pixels + rng.normal(0, 0.3, pixels.shape) for _ in range(20)])
    painted = np.zeros(planes.shape, np.uint8)
    painted[[4, 10]] = strokes(labels)
    return Sample(as_micrograph(planes.astype(np.float32), axes="zyx"), painted, "volume")


@pytest.mark.usefixtures("few_trees")
def test_before_the_first_step_it_is_the_network_of_slices_and_then_sees_planes() -> None:
    image = volume().image
    model, net, steps = tuned_on_slabs(small_model(), [volume()], OPTIONS, max_steps=0)
    assert steps == 0
    model = model.with_features(own_normalisation=False, normalisation=model.features.normalisation)
    found = slab_probabilities(model, net, image)
    assert found.shape == (2, 20, 48, 56)
    for z in (0, 11, 19):
        plane = replace(image, pixels=image.pixels[z : z + 1])
        alone = slab_probabilities(model, net, plane)
        np.testing.assert_allclose(alone[:, 0], found[:, z], atol=1e-5)
    _, learned, steps = tuned_on_slabs(small_model(), [volume()], OPTIONS, max_steps=3)
    assert steps == 3
    taps = [m.near.weight for m in learned.modules() if isinstance(m, DeepConv)]
    assert len(taps) == 7
    assert all(tap.abs().max() > 0 for tap in taps)


def test_slabs_do_not_know_where_the_volume_was_cut(monkeypatch) -> None:
    model, image = small_model(classes=2), volume().image
    deep = deepened(model.features.backbone).eval()
    torch.manual_seed(0)
    for module in deep.modules():
        if isinstance(module, DeepConv):
            torch.nn.init.normal_(module.near.weight, std=0.2)
    whole = slab_probabilities(model, deep, image)
    monkeypatch.setattr(slab_tuning, "_SLAB", 6)
    np.testing.assert_allclose(slab_probabilities(model, deep, image), whole, atol=1e-5)


def test_colour_is_refused() -> None:
    colours = as_micrograph(np.zeros((3, 20, 48, 56), np.float32), axes="czyx")
    with pytest.raises(ModelError, match="one channel"):
        tuned_on_slabs(small_model(), [Sample(colours, volume().labels, "a")], OPTIONS)
