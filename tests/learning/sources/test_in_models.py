"""A backbone of others beside the U-Net, from the first stroke to the file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from learning.small_scenes import blobs, reader, sample, small_model
from learning.sources.hub import VIT, keep_vit
from unetscope.errors import ModelError, ModelFileError
from unetscope.images.micrograph import as_micrograph
from unetscope.learning import feature_cache, prediction
from unetscope.learning.answering import Voice, voices
from unetscope.learning.feature_cache import FeatureCache, Spot, grid, read_window
from unetscope.learning.features import rows_at
from unetscope.learning.instant import _forest_columns, fit_instant
from unetscope.learning.persistence import load_model, save_model, start_model
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import PredictOptions, predict_labels, predict_probabilities
from unetscope.learning.segmenter import Segmenter
from unetscope.learning.sources.backbone import Backbone, BackboneOptions
from unetscope.learning.sources.catalogue import open_source
from unetscope.learning.sources.classical import STRIDES, reach_px
from unetscope.learning.sources.source import Look, feature_columns, levels_of
from unetscope.learning.tiling import plan_tiles
from unetscope.network.cropping import relative
from unetscope.network.model_file import load_model_file

SPEC = f"timm:{VIT}"
OPTIONS = BackboneOptions(components=6)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory) -> Backbone:
    found = tmp_path_factory.mktemp("hub")
    keep_vit(found)
    return open_source(SPEC, options=asdict(OPTIONS), hub=found)


@pytest.fixture
def start(backbone) -> PixelModel:
    return small_model().with_features(sources=(backbone,))


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Path:
    """A user's cache with the weights, and no way to the network."""

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", refused)
    found = tmp_path / "hub"
    keep_vit(found)
    monkeypatch.setattr("unetscope.learning.sources.timm_hub.user_hub", lambda: found)
    return found


@pytest.fixture
def small_tiles(monkeypatch) -> None:
    monkeypatch.setattr(feature_cache, "GRID_PX", 64)


def test_without_other_sources_everything_is_as_it_was() -> None:
    model, image = small_model(channels=2), as_micrograph(np.zeros((2, 90, 150), np.float32))
    net, sources = model.features.backbone, model.feature_sources
    assert grid(model, image, 64) == plan_tiles(
        (90, 150),
        core_px=64,
        halo_px=max(reach_px(max(STRIDES)), net.config.halo_px),
        margin_px=8,
        multiple=max(8, net.config.multiple),
    )
    with torch.inference_mode():
        levels = {s: m[0] for s, m in levels_of(sources, Look(torch.rand(1, 2, 32, 32))).items()}
    rows = rows_at(levels, torch.arange(32), torch.arange(32))
    taps = {level: len(names) for level, names in sources[0].columns(2).items()}
    assert taps == {1: 4, 2: 6}
    filters = [*range(4, 14), *range(20, 50)]  # behind the taps of their level
    assert torch.equal(_forest_columns(model, rows), rows[:, filters])


def test_a_tile_holds_the_maps_of_all_sources(start, small_tiles) -> None:
    image, cache = sample((120, 150)).image, FeatureCache()
    tile = grid(start, image)[1]
    found = reader(start, cache).levels(Spot(image, 0, tile))
    window = read_window(image, 0, tile.window, cache.normalisation(start, image))
    with torch.inference_mode():
        whole = levels_of(start.feature_sources, Look(window))
    core = relative(tile.grown, tile.window)
    assert list(found) == list(whole) == [1, 2, 4, 8]
    for stride, maps in found.items():
        y, x = (slice(s.start // stride, s.stop // stride) for s in core)
        assert torch.allclose(maps, whole[stride][0, :, y, x], atol=1e-5)
    columns, key = feature_columns(start.feature_sources, 1), cache.features_key
    assert len(columns) == len(feature_columns(start.feature_sources[1:], 1)) + 6
    assert key(start) != key(start.with_features(sources=()))


def test_the_view_and_the_whole_are_answered_alike_whatever_the_tiles(start, small_tiles) -> None:
    model = fit_instant(start, [sample()])
    image = as_micrograph(blobs((100, 150), 3)[0])
    whole = predict_probabilities(model, image)
    assert np.array_equal(predict_probabilities(model, image, PredictOptions(tile_px=32)), whole)
    view = (slice(70, 90), slice(10, 60))
    (event,) = prediction.predict_tiles(
        model, image, PredictOptions(region=view, probabilities=True), cache=FeatureCache()
    )
    assert event.region == (slice(64, 100), slice(0, 64))
    assert np.array_equal(event.probabilities, whole[:, 64:, :64])


def test_what_a_transformer_says_depends_on_its_tile(start, monkeypatch) -> None:
    """Or else a fixed grid would not be needed."""
    model = fit_instant(start, [sample()], with_forest=False)
    image, found = as_micrograph(blobs((100, 300), 3)[0]), []
    for side in (64, 512):
        monkeypatch.setattr(feature_cache, "GRID_PX", side)
        found.append(predict_probabilities(model, image))
    assert np.abs(found[0] - found[1]).max() > 1e-4


def test_alone_the_backbone_has_all_the_weight(start) -> None:
    ours = [c.source != SPEC for c in feature_columns(start.feature_sources, 1)]
    beside, alone = (
        fit_instant(start.with_features(alone=alone), [sample()], with_forest=False)
        for alone in (False, True)
    )
    assert beside.instant.head.weight[torch.tensor(ours)].abs().sum() > 0
    assert alone.instant.head.weight[torch.tensor(ours)].abs().sum() == 0
    assert alone.instant.head.weight.abs().sum() > 0
    assert start.with_features(sources=()).with_head_of(alone).features.alone


def test_it_learns_the_picture(start) -> None:
    picture, labels = blobs((72, 88))
    model = fit_instant(start.with_features(alone=True), [sample()])
    assert (predict_labels(model, as_micrograph(picture)) == labels).mean() > 0.8


def test_the_instant_answer_is_no_single_network(start) -> None:
    model = fit_instant(start, [sample()], with_forest=False)
    assert voices(model) == (Voice.BACKBONE,)
    assert voices(model.with_features(sources=()))[0] is Voice.INSTANT


def test_tiles_that_are_not_exact_are_not_halved() -> None:
    there = reader(small_model())
    there.machine.device = "cuda"
    notice, here, tile_px = prediction._smaller(there, 128, exact=False)
    assert here.machine.on_cpu and tile_px == feature_cache.GRID_PX and "CPU" in notice.text
    assert prediction._smaller(there, 128, exact=True)[1:] == (there, 64)
    with pytest.raises(MemoryError):
        prediction._smaller(here, 128, exact=False)


def test_a_saved_model_finds_its_backbone_again(start, hub, tmp_path) -> None:
    model = fit_instant(start.with_features(alone=True), [sample()])
    path, image = tmp_path / "m.unetscope", as_micrograph(blobs((60, 75), 11)[0])
    save_model(model, path)
    own = [key for key in load_model_file(path).tensors if key.startswith("source.")]
    assert sorted(own) == ["source.0.tokens.bias", "source.0.tokens.weight"]
    loaded = load_model(path)
    assert loaded.features.alone and loaded.features.sources[0].options() == asdict(OPTIONS)
    key = FeatureCache().features_key
    assert key(loaded) == key(model)
    first, second = (predict_probabilities(m, image) for m in (model, loaded))
    assert np.array_equal(first, second)
    keep_vit(hub, seed=4)
    with pytest.raises(ModelFileError, match="not those that the model learned with"):
        load_model(path)
    next(hub.rglob("model.safetensors")).unlink()
    with pytest.raises(ModelFileError, match=f"{SPEC} as well.*{hub}"):
        load_model(path)


def test_a_backbone_is_named_like_a_bundled_model(hub) -> None:
    model = start_model(SPEC, channels=2)
    assert model.name == "general-fast" and model.channels == 2
    assert [source.name for source in model.features.sources] == [SPEC]
    painted = sample()
    segmenter = Segmenter(model=SPEC).fit_instant(painted.image.pixels, painted.labels)
    assert segmenter.model_.features.sources[0].name == SPEC
    assert segmenter.predict(painted.image.pixels).shape == painted.labels.shape


def test_missing_weights_are_named_and_nothing_is_downloaded(hub) -> None:
    next(hub.rglob("model.safetensors")).unlink()
    with pytest.raises(ModelError, match=f"not on this computer.*{hub}"):
        start_model(SPEC)
