"""Feature maps: rows of single pixels and whole maps are the same numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from learning.small_scenes import CONTEXT_RECIPE, small_model
from unetscope.errors import ModelError
from unetscope.learning.features import Levels, rows_at, scores
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.recipe import Recipe
from unetscope.learning.sources.bundled import tap_names
from unetscope.learning.sources.classical import (
    STRIDES,
    ClassicalFilters,
    classical_count,
    classical_image,
)
from unetscope.learning.sources.source import (
    Look,
    columns_of,
    feature_columns,
    feature_gains,
    levels_of,
    tile_needs,
)
from unetscope.network.fingerprint import network_fingerprint
from unetscope.network.unet import UNet, UNetConfig, initialise

SHAPE = (32, 48)


def seen_by(model: PixelModel) -> Levels:
    with torch.inference_mode():
        found = levels_of(model.feature_sources, Look(torch.rand(1, model.channels, *SHAPE)))
    return {stride: maps[0] for stride, maps in found.items()}


def count_of(model: PixelModel) -> int:
    return len(feature_columns(model.feature_sources, model.channels))


def every_pixel() -> tuple[torch.Tensor, torch.Tensor]:
    y, x = torch.meshgrid(torch.arange(SHAPE[0]), torch.arange(SHAPE[1]), indexing="ij")
    return y.flatten(), x.flatten()


def up_sampled(maps: torch.Tensor, stride: int) -> torch.Tensor:
    if stride == 1:
        return maps
    return functional.interpolate(maps[None], scale_factor=stride, mode="bilinear")[0]


@pytest.mark.parametrize("channels", [1, 3])
def test_rows_of_all_pixels_are_the_up_sampled_maps(channels) -> None:
    model = small_model(channels=channels)
    levels = seen_by(model)
    rows = rows_at(levels, *every_pixel())
    whole = torch.cat([up_sampled(levels[s], s) for s in sorted(levels)])
    assert rows.shape == (SHAPE[0] * SHAPE[1], count_of(model))
    assert torch.allclose(rows.t().reshape(whole.shape), whole, atol=1e-5)


def test_scores_are_the_rows_times_the_weights() -> None:
    levels = seen_by(small_model())
    rows = rows_at(levels, *every_pixel())
    weight, bias = torch.randn(rows.shape[1], 3), torch.randn(3)
    expected = (rows @ weight + bias).t().reshape(3, *SHAPE)
    assert torch.allclose(scores(levels, weight, bias), expected, atol=1e-3)


def test_a_head_of_other_features_is_refused() -> None:
    levels = seen_by(small_model())
    count = sum(maps.shape[0] for maps in levels.values())
    with pytest.raises(ModelError, match=str(count + 1)):
        scores(levels, torch.zeros(count + 1, 2), torch.zeros(2))


def test_the_classical_columns_are_the_forests_part_of_the_maps() -> None:
    model = small_model(channels=2)
    levels = seen_by(model)
    y, x = every_pixel()
    columns = classical_image(levels, 2, STRIDES)
    assert columns.shape == (classical_count(2, STRIDES), *SHAPE)
    own = columns_of(ClassicalFilters.name, model.feature_sources, 2)
    rows = rows_at(levels, y, x)[:, own]
    assert torch.allclose(rows.t().reshape(columns.shape), columns, atol=1e-5)


@pytest.mark.parametrize("widths", [(4, 6), (4, 6, 8), (4, 6, 8, 10, 12)])
def test_any_depth_of_the_net_gives_its_finest_taps(widths) -> None:
    model = small_model(widths=widths)
    assert tap_names(model.features.backbone) == ("dec1", "dec2")[: len(widths) - 1]
    needs = tile_needs(model.feature_sources, 1)
    assert needs.side_multiple == max(8, 2 ** (len(widths) - 1))
    assert sum(maps.shape[0] for maps in seen_by(model).values()) == count_of(model)


def test_the_second_look_is_the_same_network_on_the_images_quarter() -> None:
    model = small_model(recipe=CONTEXT_RECIPE)
    net, sources = model.features.backbone, model.feature_sources
    image = torch.rand(2, 1, 96, 64)
    with torch.inference_mode():
        found = levels_of(sources, Look(image))
        quarter = functional.avg_pool2d(image, 4)
        taps = net.taps(quarter, ("dec1", "dec2"))
    assert list(found) == [1, 2, 4, 8, 16]
    assert torch.allclose(found[4][:, :4], taps["dec1"], atol=1e-6)
    assert torch.allclose(found[8][:, :6], taps["dec2"], atol=1e-6)
    assert tile_needs(sources, 1).side_multiple == 32
    rows = rows_at({s: m[0] for s, m in found.items()}, torch.tensor([40]), torch.tensor([9]))
    assert rows.shape == (1, count_of(model))
    columns, strides = columns_of(ClassicalFilters.name, sources, 1), CONTEXT_RECIPE.strides
    assert len(columns) == classical_count(1, strides) == 25
    own = classical_image({s: m[0] for s, m in found.items()}, 1, strides)[:, 40, 9]
    assert torch.allclose(rows[0, columns], own, atol=1e-5)


def test_a_core_with_context_is_that_of_the_whole() -> None:
    sources = small_model(recipe=CONTEXT_RECIPE).feature_sources
    image, core = torch.rand(1, 1, 640, 576), (slice(288, 352), slice(256, 320))
    with torch.inference_mode():
        whole = levels_of(sources, Look(image))
        part = levels_of(sources, Look(image, core))
        # more than 200 px away, where nobody looks
        image[..., :32, :] = 5.0
        far = levels_of(sources, Look(image, core))
    for stride, maps in part.items():
        cells = tuple(slice(side.start // stride, side.stop // stride) for side in core)
        assert torch.allclose(maps, whole[stride][(..., *cells)], atol=1e-5)
        assert torch.equal(maps, far[stride])


def test_gains_stand_in_the_order_of_the_rows() -> None:
    classical = torch.arange(20.0).reshape(4, 5) + 100
    filters = tuple(tuple(row) for row in classical.tolist())
    recipe = Recipe(tap_gain=(1.0, 2.0), classical_gain=filters)
    model = small_model(channels=2, recipe=recipe)
    levels = seen_by(model)
    gains = feature_gains(model.feature_sources, 2)
    parts = gains.split([levels[s].shape[0] for s in sorted(levels)])
    assert parts[0].tolist() == [1.0] * 4 + classical[0].tolist() * 2
    assert parts[1].tolist() == [2.0] * 6 + classical[1].tolist() * 2
    assert parts[2].tolist() == classical[2].tolist() * 2
    assert parts[3].tolist() == classical[3].tolist() * 2
    far = small_model(recipe=replace(recipe, context_gain=(3.0, 4.0)))
    gains = feature_gains(far.feature_sources, 1)
    assert gains.tolist()[4 + 5 + 6 + 5 :][:4] == [3.0] * 4
    assert gains.tolist()[-11:-5] == [4.0] * 6


def test_a_recipe_survives_json_and_a_damaged_one_is_refused() -> None:
    recipe = Recipe(tap_gain=(0.5, 2.0), ridge=0.1, context_gain=(1.0, 0.25))
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    earlier = {k: v for k, v in recipe.to_dict().items() if k != "context_gain"}
    assert Recipe.from_dict(earlier).context_gain == ()
    with pytest.raises(ModelError, match="recipe"):
        Recipe.from_dict({**recipe.to_dict(), "ridge": None})


def test_a_fingerprint_changes_with_one_weight() -> None:
    config = UNetConfig(widths=(2, 3))
    net, same = (initialise(UNet(config), 1) for _ in range(2))
    assert network_fingerprint(net) == network_fingerprint(same)
    with torch.no_grad():
        same.enc1.conv1.weight[0, 0, 0, 0] += 1e-6
    assert network_fingerprint(net) != network_fingerprint(same)
