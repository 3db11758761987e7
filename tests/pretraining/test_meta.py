"""Meta-training: learns, is seeded, and goes on exactly where a checkpoint left it."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from unetscope.errors import ModelError
from unetscope.learning.recipe import Recipe
from unetscope.learning.sources.source import feature_columns
from unetscope.network.shipped import load_bundled
from unetscope.pretraining import checkpoint
from unetscope.pretraining.checkpoint import RunState
from unetscope.pretraining.episodes import EpisodeOptions, EpisodeSource
from unetscope.pretraining.learner import MetaLearner, PretrainConfig
from unetscope.pretraining.meta import _train_step, meta_train

pytestmark = pytest.mark.usefixtures("few_scenes")
CONFIGS = Path(__file__).parents[2] / "src" / "unetscope" / "pretraining" / "configs"


def made(config: PretrainConfig) -> tuple[MetaLearner, torch.optim.Optimizer]:
    learner = MetaLearner(config)
    return learner, torch.optim.AdamW(learner.parameters(), lr=config.learning_rate)


def stepped(config, learner, optimiser, seeds) -> list[float]:
    losses = []
    for seed in seeds:
        source = EpisodeSource(seed, EpisodeOptions(crop_px=config.crop_px, pool=1))
        losses.append(_train_step(learner, source, config, optimiser, "fp32", "cpu"))
    return losses


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    return all(
        torch.equal(a, b)
        for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    )


def test_the_seed_decides_all_weights(tiny) -> None:
    assert same(MetaLearner(tiny), MetaLearner(tiny))
    assert not same(MetaLearner(tiny), MetaLearner(replace(tiny, seed=4)))


def test_a_step_moves_network_gains_and_penalty(tiny) -> None:
    learner, optimiser = made(tiny)
    before = {name: tensor.clone() for name, tensor in learner.named_parameters()}
    (loss,) = stepped(tiny, learner, optimiser, [0])
    assert 0 < loss < 20
    moving = [(n, p) for n, p in learner.named_parameters() if p.numel()]
    still = [n for n, p in moving if torch.equal(p, before[n])]
    unused = {"net.classifier.weight", "net.classifier.bias"}
    assert set(still) - unused == {"log_prior_strength", "log_forest_odds"}


def test_training_for_the_whole_answer_moves_the_forests_share_and_the_prior_as_well(tiny) -> None:
    config = replace(tiny, forest_trees=3, asked_pixels=200)
    learner, optimiser = made(config)
    before = {name: tensor.clone() for name, tensor in learner.named_parameters()}
    losses = stepped(config, learner, optimiser, [0, 1])
    assert all(0 < loss < 20 for loss in losses)
    moving = [(n, p) for n, p in learner.named_parameters() if p.numel()]
    still = {n for n, p in moving if torch.equal(p, before[n])}
    assert still <= {"net.classifier.weight", "net.classifier.bias"}
    recipe = learner.recipe()
    assert 0 < recipe.forest_share < 1 and recipe.forest_share != 0.5


def test_a_second_look_joins_after_its_time_and_leaves_the_statistics_alone(tiny, tmp_path) -> None:
    config = replace(tiny, minutes=0.03, context_after=0.015, strides=5, margin_px=16)
    assert not config.has_context(0.5) and config.has_context(1.0)
    assert not tiny.has_context(1e9)
    records = list(meta_train(config, tmp_path))
    assert records[-1]["seconds"] >= 1.8
    learner = MetaLearner(config)
    assert learner.gains().shape == (len(feature_columns(learner.sources, 1)),)
    before = learner.log_context_gain.detach().clone()
    statistics = []
    for joins in (False, True):  # of the same episode
        source = EpisodeSource(0, EpisodeOptions(crop_px=config.crop_px, pool=1))
        source.margin_px, learner.context_joins = config.margin_px, joins
        trained = copy.deepcopy(learner)
        optimiser = torch.optim.AdamW(trained.parameters(), lr=1e-3)
        _train_step(trained, source, config, optimiser, "fp32", "cpu")
        assert torch.equal(trained.log_context_gain, before) is not joins
        statistics.append([b for n, b in trained.net.named_buffers() if "running" in n])
    assert statistics[0]
    assert all(torch.equal(one, two) for one, two in zip(*statistics, strict=True))


def test_a_run_can_go_on_from_bundled_weights(tiny) -> None:
    bundled, manifest = load_bundled("general-fast")
    config = replace(tiny, start="general-fast", widths=bundled.config.widths)
    learner = MetaLearner(config)
    for name, tensor in bundled.state_dict().items():
        assert torch.equal(learner.net.state_dict()[name], tensor)
    assert learner.recipe().ridge == pytest.approx(manifest["recipe"]["ridge"], rel=1e-5)
    assert all(p.requires_grad for p in learner.net.parameters())
    with pytest.raises(ModelError, match="widths"):
        MetaLearner(replace(config, widths=(4, 6, 8)))


def test_the_same_steps_give_bitwise_the_same_weights(tiny) -> None:
    runs = [made(tiny) for _ in range(2)]
    losses = [stepped(tiny, *run, [0, 1]) for run in runs]
    assert losses[0] == losses[1] and same(runs[0][0], runs[1][0])


def test_a_loaded_checkpoint_goes_on_exactly_where_it_was_saved(tiny, tmp_path) -> None:
    learner, optimiser = made(tiny)
    average = MetaLearner(replace(tiny, seed=9))
    stepped(tiny, learner, optimiser, [0, 1])
    checkpoint.save(tmp_path, learner, average, optimiser, RunState(2, 1.5))
    resumed, its_optimiser = made(replace(tiny, seed=8))
    its_average = MetaLearner(tiny)
    state = checkpoint.load(tmp_path, resumed, its_average, its_optimiser)
    assert state == RunState(2, 1.5)
    assert same(learner, resumed) and same(average, its_average)
    assert stepped(tiny, learner, optimiser, [2]) == stepped(tiny, resumed, its_optimiser, [2])
    assert same(learner, resumed)  # the optimiser's moments came along
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.safetensors"]


def test_without_a_checkpoint_a_run_starts_fresh(tiny, tmp_path) -> None:
    learner, optimiser = made(tiny)
    assert checkpoint.load(tmp_path / "new", learner, learner, optimiser) == RunState()


def test_a_run_ends_with_a_judged_record_and_can_be_given_more_time(tiny, tmp_path) -> None:
    judged: list[MetaLearner] = []

    def judge(learner: MetaLearner) -> dict[str, float]:
        assert not learner.training
        judged.append(learner)
        return {"same": 0.5, "other": 0.4}

    records = list(meta_train(tiny, tmp_path, judge=judge))
    last = records[-1]
    assert last["seconds"] >= 60 * tiny.minutes and last["same"] == 0.5
    log = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in log] == records
    assert all(t.isfinite().all() for t in load_file(tmp_path / "checkpoint.safetensors").values())
    more = list(meta_train(replace(tiny, minutes=0.03), tmp_path))
    assert more[0]["step"] > last["step"] and more[-1]["seconds"] >= 1.8
    assert list(meta_train(tiny, tmp_path)) == []  # its time is used up


def test_the_recipe_holds_what_was_learned(tiny) -> None:
    learner = MetaLearner(tiny)
    recipe = learner.recipe()
    assert isinstance(recipe, Recipe)
    assert recipe.ridge == pytest.approx(0.03) and recipe.tap_gain == (1.0, 1.0)
    assert learner.gains().shape == (len(feature_columns(learner.sources, 1)),)
    assert learner.gains()[: tiny.widths[0]].tolist() == [1.0] * tiny.widths[0]


@pytest.mark.parametrize("name", ["general-fast", "general-large"])
def test_the_shipped_configurations_can_be_read(name) -> None:
    config = PretrainConfig.read(CONFIGS / f"{name}.toml")
    assert config.name == name and config.minutes <= 180 and len(config.widths) == 4


def test_an_unknown_key_is_named(tmp_path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('name="a"\ntitle="A"\nwidths=[2,3]\nseed=0\nminutes=1.0\nlerning_rate=1.0\n')
    with pytest.raises(ModelError, match="lerning_rate"):
        PretrainConfig.read(path)
