"""A model to a file and back: bitwise the same, and nothing that does not fit together."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from learning.small_scenes import CONTEXT_RECIPE, PLAIN_RECIPE, blobs, sample, small_model
from unetscope.computing.machine import settled
from unetscope.errors import ModelError, ModelFileError, OutputError
from unetscope.images.classes import LabelClass
from unetscope.images.micrograph import as_micrograph
from unetscope.images.normalisation import Normalisation
from unetscope.learning.head import Head
from unetscope.learning.instant import fit_instant
from unetscope.learning.persistence import load_model, save_model, start_model
from unetscope.learning.pixel_model import PixelModel, TunedNetwork
from unetscope.learning.prediction import predict_labels, predict_probabilities
from unetscope.learning.recipe import Recipe
from unetscope.network.channels import with_classes
from unetscope.network.facts import BUNDLED
from unetscope.network.fingerprint import network_fingerprint
from unetscope.network.model_file import load_model_file, save_model_file
from unetscope.network.unet import initialise

pytestmark = pytest.mark.usefixtures("few_trees")


def trained(
    *, forest: bool = True, network: bool = True, recipe: Recipe = PLAIN_RECIPE
) -> PixelModel:
    named = [LabelClass(1, "Grund", "#010203"), LabelClass(2, "µ-crack", "#ff0000")]
    start = small_model(seed=3, recipe=recipe)
    model = fit_instant(start, [sample()], with_forest=forest, classes=named)
    if network:
        net = settled(initialise(with_classes(model.features.backbone, 2), 7))
        model = replace(model, network=TunedNetwork(net, (1, 2), 0.5))
    return model.with_features(normalisation=Normalisation((0.1,), (3.0,))).with_provenance(
        pixel_size=(2.0, 2.0),
        unit="nm",
        version=4,
        record={"epochs": 3, "validation": {"dice": {"1": 0.9}}},
    )


@pytest.fixture(scope="module")
def model() -> PixelModel:
    return trained()


@pytest.mark.parametrize("recipe", [PLAIN_RECIPE, CONTEXT_RECIPE])
@pytest.mark.parametrize("forest", [False, True])
@pytest.mark.parametrize("network", [False, True])
def test_a_loaded_model_predicts_bitwise_the_same(tmp_path, forest, network, recipe) -> None:
    saved = trained(forest=forest, network=network, recipe=recipe)
    save_model(saved, tmp_path / "m.unetscope")
    loaded = load_model(tmp_path / "m.unetscope")
    image = as_micrograph(blobs((60, 75), 11)[0])
    first, second = (predict_probabilities(m, image) for m in (saved, loaded))
    assert np.array_equal(first, second)
    assert np.array_equal(predict_labels(saved, image), predict_labels(loaded, image))


def test_everything_a_model_is_comes_back(model, tmp_path) -> None:
    digest = save_model(model, tmp_path / "m.unetscope")
    loaded = load_model(tmp_path / "m.unetscope")
    assert loaded.provenance.parent == digest
    kept = {
        "features": "recipe channels alone own_normalisation normalisation",
        "instant": "classes prior",
        "network": "classes weight",
        "provenance": "name pixel_size unit seed version record",
    }
    for part, names in kept.items():
        for name in names.split():
            read, saved = (getattr(getattr(one, part), name) for one in (loaded, model))
            assert read == saved, name
    own, read = model.features.backbone, loaded.features.backbone
    assert network_fingerprint(own) == network_fingerprint(read) and not read.training


def test_a_loaded_model_learns_on(model, tmp_path) -> None:
    save_model(model, tmp_path / "m.unetscope")
    again = fit_instant(load_model(tmp_path / "m.unetscope"), [sample(classes=3)])
    assert again.class_values == (1, 2, 3)
    assert again.classes[1].name == "µ-crack"


def test_a_model_can_be_saved_over_its_own_file(model, tmp_path) -> None:
    path = tmp_path / "m.unetscope"
    save_model(model, path)
    loaded = load_model(path)
    save_model(loaded, path)
    image = as_micrograph(blobs((20, 30))[0])
    assert np.array_equal(
        predict_probabilities(load_model(path), image), predict_probabilities(model, image)
    )


def test_a_model_that_learned_nothing_is_not_saved(tmp_path) -> None:
    with pytest.raises(ModelError, match="train it"):
        save_model(small_model(), tmp_path / "m.unetscope")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_named(model, tmp_path) -> None:
    with pytest.raises(OutputError, match="nowhere"):
        save_model(model, tmp_path / "nowhere" / "m.unetscope")


def test_bundled_weights_are_no_trained_model() -> None:
    import unetscope.network

    folder = Path(unetscope.network.__file__).parent / "weights"
    with pytest.raises(ModelFileError, match="backbone"):
        load_model(folder / BUNDLED[0].file_name)


Change = Callable[[dict[str, Any], dict[str, torch.Tensor]], object]


def dropped(name: str) -> Change:
    return lambda manifest, tensors: tensors.pop(name)


def with_tensor(name: str, tensor: torch.Tensor) -> Change:
    return lambda manifest, tensors: tensors.update({name: tensor})


def with_value(name: str, value: object) -> Change:
    return lambda manifest, tensors: manifest.update({name: value})


DAMAGE: dict[str, Change] = {
    "a missing weight": dropped("backbone.enc1.conv1.weight"),
    "a missing weight of the network": dropped("network.classifier.bias"),
    "half a head": dropped("head.bias"),
    "half a forest": dropped("forest.targets"),
    "no test image": dropped("check.image"),
    "no test answer": dropped("check.answer"),
    "a foreign tensor": with_tensor("payload", torch.zeros(3)),
    "a foreign weight": with_tensor("backbone.enc9.weight", torch.zeros(3)),
    "a weight of another shape": with_tensor("backbone.enc1.conv1.weight", torch.zeros(4, 1, 5, 5)),
    "other weights": with_tensor("backbone.enc1.conv1.weight", torch.zeros(4, 1, 3, 3)),
    "a head of another shape": with_tensor("head.weight", torch.zeros(3, 2)),
    "a test image of other channels": with_tensor("check.image", torch.zeros(3, 64, 64)),
    "a flat test image": with_tensor("check.image", torch.zeros(64)),
    "a test answer of another shape": with_tensor("check.answer", torch.zeros(2, 3, 3)),
    "forest rows of another width": with_tensor("forest.rows", torch.zeros(900, 3)),
    "forest targets of another length": with_tensor(
        "forest.targets", torch.zeros(3, dtype=torch.int64)
    ),
    "votes of a class too many": with_tensor("forest.weights", torch.ones(3)),
    "votes that count for nothing": with_tensor("forest.weights", torch.zeros(2)),
    "no classes": with_value("classes", []),
    "a class without a colour": with_value("classes", [{"value": 1, "name": "a"}] * 2),
    "a prior of three classes": with_value("prior", [0.2, 0.3, 0.5]),
    "an architecture of another kind": with_value(
        "architecture", {"backbone": {}, "network": None}
    ),
    "no recipe": with_value("recipe", {}),
    "a share of seven": with_value("network_weight", 7.0),
    "channels in words": with_value("channels", "one"),
    "sources in words": with_value("sources", "dino"),
    "a source that nobody knows": with_value("sources", [{"spec": "timm:x", "options": {}}]),
    "another range": with_value("normalisation", {"low": "x"}),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_file_that_does_not_fit_together_is_refused(model, tmp_path, damage) -> None:
    path = tmp_path / "m.unetscope"
    save_model(model, path)
    whole = load_model_file(path)
    manifest, tensors = json.loads(json.dumps(whole.manifest)), dict(whole.tensors)
    damage(manifest, tensors)
    save_model_file(path, manifest, tensors)
    with pytest.raises(ModelFileError):
        load_model(path)


def test_a_file_of_an_earlier_release_knows_no_sources(model, tmp_path) -> None:
    path = tmp_path / "m.unetscope"
    save_model(model, path)
    whole = load_model_file(path)
    manifest = {k: v for k, v in whole.manifest.items() if k not in ("sources", "alone")}
    save_model_file(path, manifest, whole.tensors)
    loaded = load_model(path)
    assert loaded.features.sources == () and not loaded.features.alone


def test_a_file_of_an_earlier_release_has_a_forest_of_equal_votes(tmp_path) -> None:
    earlier = trained()
    assert earlier.instant.forest is not None and earlier.instant.forest.weights is not None
    earlier.instant.forest.weights = None
    save_model(earlier, tmp_path / "m.unetscope")
    tensors = load_model_file(tmp_path / "m.unetscope").tensors
    assert "forest.rows" in tensors and "forest.weights" not in tensors
    loaded = load_model(tmp_path / "m.unetscope")
    assert loaded.instant.forest is not None and loaded.instant.forest.weights is None


def test_an_image_of_other_channels_is_refused_after_loading(model, tmp_path) -> None:
    save_model(model, tmp_path / "m.unetscope")
    loaded = load_model(tmp_path / "m.unetscope")
    colour = np.zeros((16, 16, 3), np.uint8)
    colour[4, 4, 0] = 9
    with pytest.raises(ModelError, match="3"):
        predict_labels(loaded, as_micrograph(colour))
    with pytest.raises(ModelError, match="3"):
        loaded.for_channels(3)


def test_starting_models_are_bundled_or_random() -> None:
    fast = start_model("general")
    assert fast.name == "general-fast" and not fast.can_answer
    assert start_model("general", channels=3).features.backbone.config.in_channels == 3
    nets = (start_model(None, seed=s).features.backbone for s in (1, 1, 2))
    first, again, other = (network_fingerprint(net) for net in nets)
    assert first == again != other
    with pytest.raises(ModelError, match="nonsense"):
        start_model("nonsense")


def test_a_fingerprint_is_of_what_answers_and_comes_back_from_a_file(model, tmp_path) -> None:
    save_model(model, tmp_path / "m.unetscope")
    loaded = load_model(tmp_path / "m.unetscope")
    assert loaded.fingerprint == model.fingerprint and len(model.fingerprint) == 16
    assert model.identity == f"random v4 {model.fingerprint}"
    head = model.instant.head
    assert head is not None and model.network is not None
    renamed = (LabelClass(1, "other", "#000000"), model.classes[1])
    same = [
        model.with_provenance(version=9),
        model.with_instant(classes=renamed),
        model.with_provenance(record={}),
    ]
    assert {one.fingerprint for one in same} == {model.fingerprint}
    assert all(one.same_network(model) for one in same)
    net = settled(initialise(with_classes(model.features.backbone, 2), 8))
    others = [
        model.with_network(model.network.net, 0.4),
        model.with_network(net, 0.5),
        model.with_instant(prior=(0.5, 0.5)),
        model.with_instant(forest=None),
        model.with_instant(head=Head(head.weight * 1.001, head.bias)),
        model.with_features(own_normalisation=False),
        model.with_features(recipe=replace(model.features.recipe, temperature=1.5)),
    ]
    assert len({model.fingerprint, *(one.fingerprint for one in others)}) == 8
    assert [one.same_network(model) for one in others] == [False] * 2 + [True] * 5
    silent = model.with_network(model.network.net, 0.0)
    assert silent.same_network(model.with_network(net, 0.0)) and not silent.same_network(model)
