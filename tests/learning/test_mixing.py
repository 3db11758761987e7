"""Labels ask for as few trees as settle them, and are those of the probabilities all the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from learning.small_scenes import small_model
from unetscope.images.classes import default_classes
from unetscope.learning.forest import PixelForest
from unetscope.learning.head import Head
from unetscope.learning.mixing import likeliest, likeliest_classes, probabilities
from unetscope.learning.pixel_model import PixelModel, TunedNetwork
from unetscope.learning.sources.classical import classical_count, classical_maps

SIDE = 96
CORE = (slice(16, 80), slice(8, 96))


def said(classes: int, *, weighted: bool, network: float, share: float = 0.35):
    """A model that has learned nothing sensible, the levels of one tile, and logits."""
    rng = np.random.default_rng(classes)
    generator = torch.Generator().manual_seed(classes)
    model = small_model()
    recipe = replace(model.features.recipe, forest_share=share, sharpness=2.0)
    model = model.with_features(recipe=recipe)
    levels = {
        stride: (maps[0] - maps[0].mean((1, 2), keepdim=True)) / maps[0].std((1, 2), keepdim=True)
        for stride, maps in classical_maps(
            torch.rand(1, 1, SIDE, SIDE, generator=generator), strides=recipe.strides
        ).items()
    }
    count = classical_count(1, recipe.strides)
    rows = rng.normal(size=(60 * classes, count)).astype(np.float32)
    weights = rng.uniform(0.5, 2, classes).astype(np.float32) if weighted else None
    targets = np.repeat(np.arange(classes), 60)
    head = Head(
        torch.randn(count, classes, generator=generator) / 4,
        torch.randn(classes, generator=generator) / 4,
    )
    model = model.with_instant(
        classes=default_classes(range(1, classes + 1)),
        head=head,
        prior=tuple(rng.dirichlet(np.ones(classes)).tolist()) if weighted else (),
        forest=PixelForest(rows, targets, weights=weights),
    )
    if not network:
        return model, levels, None
    tuned = TunedNetwork(model.backbone, model.class_values, network)
    logits = torch.randn(classes, SIDE, SIDE, generator=generator)
    return replace(model, network=tuned), levels, logits


@pytest.mark.parametrize("network", [0.0, 0.15, 0.6])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [2, 3, 6])
def test_labels_are_those_of_the_probabilities(classes, weighted, network) -> None:
    model, levels, logits = said(classes, weighted=weighted, network=network)
    with torch.inference_mode():
        expected = likeliest(probabilities(model, levels, logits, CORE))
        found = likeliest_classes(model, levels, logits, CORE)
    assert len(expected.unique()) > 1
    assert found.dtype == torch.uint8 and torch.equal(found, expected)


def _walks(model: PixelModel, levels, monkeypatch) -> float:
    """How often a tree is asked of a pixel, of all trees and pixels."""
    asked, votes = [], PixelForest.votes

    def counted(self, rows, trees, threads=1):
        asked.append(len(rows) * len(trees))
        return votes(self, rows, trees, threads)

    monkeypatch.setattr(PixelForest, "votes", counted)
    with torch.inference_mode():
        likeliest_classes(model, levels, None)
    monkeypatch.setattr(PixelForest, "votes", votes)
    return sum(asked) / SIDE**2 / 50


def test_trees_are_asked_where_they_can_change_the_label(monkeypatch) -> None:
    walks = [
        _walks(*said(3, weighted=False, network=0.0, share=share)[:2], monkeypatch)
        for share in (0.02, 0.35, 0.999)
    ]
    assert 0 < walks[0] < 0.1 < walks[1] < 0.7 < walks[2] <= 1


def test_what_stays_open_is_answered_by_all_trees() -> None:
    model, levels, _ = said(2, weighted=False, network=0.0, share=0.5)
    assert model.instant.forest is not None and model.instant.head is not None
    undecided = Head(model.instant.head.weight * 0, model.instant.head.bias * 0)
    model = model.with_instant(head=undecided)  # the forest alone decides, in ties the first class
    with torch.inference_mode():
        chance = probabilities(model, levels, None)
        found = likeliest_classes(model, levels, None)
    assert (chance[0] == chance[1]).any() and (chance[0] != chance[1]).any()
    assert torch.equal(found, likeliest(chance))
