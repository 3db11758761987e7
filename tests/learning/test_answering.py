"""One network that answers like the model it was taken from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from learning.small_scenes import CONTEXT_RECIPE, sample, small_model
from unetscope.errors import ModelError
from unetscope.learning.answering import (
    Voice,
    answering_network,
    network_input,
    start_of,
    voices,
)
from unetscope.learning.instant import fit_instant
from unetscope.learning.pixel_model import TunedNetwork
from unetscope.learning.prediction import predict_probabilities
from unetscope.learning.recipe import Recipe
from unetscope.network.unet import UNet


@pytest.mark.parametrize(
    ("recipe", "shape"), [(Recipe(), (1, 72, 88)), (CONTEXT_RECIPE, (1, 96, 96))]
)
def test_the_instant_answer_as_a_network_says_what_prediction_says(recipe, shape) -> None:
    painted = sample((72, 88))
    model = fit_instant(small_model(recipe=recipe), [painted], with_forest=False)
    net = answering_network(model, Voice.INSTANT)
    image = network_input(model, painted.image)
    assert image.shape == shape
    with torch.no_grad():
        chance = net(image[None]).softmax(dim=1)[0, :, :72, :88].numpy()
    np.testing.assert_allclose(chance, predict_probabilities(model, painted.image), atol=2e-5)
    assert {"enc1", "dec1", "classifier"} <= {name for name, _ in net.named_modules()}


def test_both_looks_share_their_weights() -> None:
    model = fit_instant(small_model(recipe=CONTEXT_RECIPE), [sample()], with_forest=False)
    net = answering_network(model, Voice.INSTANT)
    assert net.context.enc2.conv1.weight is net.enc2.conv1.weight
    own = sum(p.numel() for p in small_model().features.backbone.parameters())
    head = model.instant.head.weight.numel() + model.instant.head.bias.numel()
    unused = sum(p.numel() for p in small_model().features.backbone.classifier.parameters())
    assert sum(p.numel() for p in net.parameters()) == own - unused + head


def test_the_network_is_a_copy_of_the_fine_tuned_one() -> None:
    model = fit_instant(small_model(), [sample((72, 88))], with_forest=False)
    tuned = UNet(replace(model.features.backbone.config, classes=2)).eval()
    model = replace(model, network=TunedNetwork(tuned, (1, 2), 0.7))
    assert voices(model) == (Voice.NETWORK, Voice.INSTANT, Voice.BACKBONE)
    assert voices(model.with_network(tuned, 0.2))[0] is Voice.INSTANT
    net = answering_network(model)
    image = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        assert torch.equal(net(image), tuned(image))
        next(net.parameters()).add_(1.0)
        assert not torch.equal(net(image), tuned(image))


def test_a_voice_that_is_not_there_is_named() -> None:
    assert voices(small_model()) == (Voice.BACKBONE,)
    with pytest.raises(ModelError, match="no instant answer"):
        answering_network(small_model(), Voice.INSTANT)


def test_sides_are_rounded_up_by_repeating_the_rim() -> None:
    model, painted = small_model(), sample((41, 57))
    image = network_input(model, painted.image)
    assert image.shape == (1, 48, 64)
    assert torch.equal(image[:, 47], image[:, 40])


def test_what_training_began_with_has_the_classifier_of_what_came_after() -> None:
    backbone = small_model().features.backbone
    tuned = UNet(replace(backbone.config, classes=5)).eval()
    start = start_of(backbone, tuned)
    assert torch.equal(start.enc1.conv1.weight, backbone.enc1.conv1.weight)
    assert torch.equal(start.classifier.weight, tuned.classifier.weight)
    assert not torch.equal(tuned.enc1.conv1.weight, backbone.enc1.conv1.weight)
