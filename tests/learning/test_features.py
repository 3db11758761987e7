"""Feature maps: rows of single pixels and whole maps are the same numbers."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from learning.small_scenes import CONTEXT_RECIPE, small_model
from unetscope.errors import ModelError
from unetscope.learning.features import (
    Levels,
    Recipe,
    classical_columns,
    classical_count,
    classical_image,
    feature_count,
    feature_levels,
    gain_vector,
    rows_at,
    scores,
    side_multiple,
    tap_names,
)
from unetscope.network.fingerprint import network_fingerprint
from unetscope.network.unet import UNet, UNetConfig, initialise

SHAPE = (32, 48)


def levels_of(channels: int = 1, widths: tuple[int, ...] = (4, 6, 8, 10)) -> tuple[UNet, Levels]:
    net = small_model(channels=channels, widths=widths).features.backbone
    with torch.inference_mode():
        found = feature_levels(net, torch.rand(1, channels, *SHAPE))
    return net, {stride: maps[0] for stride, maps in found.items()}


def every_pixel() -> tuple[torch.Tensor, torch.Tensor]:
    y, x = torch.meshgrid(torch.arange(SHAPE[0]), torch.arange(SHAPE[1]), indexing="ij")
    return y.flatten(), x.flatten()


def up_sampled(maps: torch.Tensor, stride: int) -> torch.Tensor:
    if stride == 1:
        return maps
    return functional.interpolate(maps[None], scale_factor=stride, mode="bilinear")[0]


@pytest.mark.parametrize("channels", [1, 3])
def test_rows_of_all_pixels_are_the_up_sampled_maps(channels) -> None:
    net, levels = levels_of(channels)
    rows = rows_at(levels, *every_pixel())
    whole = torch.cat([up_sampled(levels[s], s) for s in sorted(levels)])
    assert rows.shape == (SHAPE[0] * SHAPE[1], feature_count(net, channels))
    assert torch.allclose(rows.t().reshape(whole.shape), whole, atol=1e-5)


def test_scores_are_the_rows_times_the_weights() -> None:
    _, levels = levels_of()
    rows = rows_at(levels, *every_pixel())
    weight, bias = torch.randn(rows.shape[1], 3), torch.randn(3)
    expected = (rows @ weight + bias).t().reshape(3, *SHAPE)
    assert torch.allclose(scores(levels, weight, bias), expected, atol=1e-3)


def test_a_head_of_other_features_is_refused() -> None:
    _, levels = levels_of()
    count = sum(maps.shape[0] for maps in levels.values())
    with pytest.raises(ModelError, match=str(count + 1)):
        scores(levels, torch.zeros(count + 1, 2), torch.zeros(2))


def test_the_classical_columns_are_the_forests_part_of_the_maps() -> None:
    net, levels = levels_of(2)
    y, x = every_pixel()
    columns = classical_image(levels, 2)
    assert columns.shape == (classical_count(2), *SHAPE)
    rows = rows_at(levels, y, x)[:, classical_columns(net, 2)]
    assert torch.allclose(rows.t().reshape(columns.shape), columns, atol=1e-5)


@pytest.mark.parametrize("widths", [(4, 6), (4, 6, 8), (4, 6, 8, 10, 12)])
def test_any_depth_of_the_net_gives_its_finest_taps(widths) -> None:
    net, levels = levels_of(widths=widths)
    assert tap_names(net) == ("dec1", "dec2")[: len(widths) - 1]
    assert side_multiple(net) == max(8, 2 ** (len(widths) - 1))
    assert sum(maps.shape[0] for maps in levels.values()) == feature_count(net, 1)


def test_the_second_look_is_the_same_network_on_the_images_quarter() -> None:
    net, layout = small_model().features.backbone, CONTEXT_RECIPE.layout
    image = torch.rand(2, 1, 96, 64)
    with torch.inference_mode():
        found = feature_levels(net, image, layout=layout)
        quarter = functional.avg_pool2d(image, 4)
        taps = net.taps(quarter, ("dec1", "dec2"))
    assert list(found) == [1, 2, 4, 8, 16]
    assert torch.allclose(found[4][:, :4], taps["dec1"], atol=1e-6)
    assert torch.allclose(found[8][:, :6], taps["dec2"], atol=1e-6)
    assert side_multiple(net, layout) == 32
    rows = rows_at({s: m[0] for s, m in found.items()}, torch.tensor([40]), torch.tensor([9]))
    assert rows.shape == (1, feature_count(net, 1, layout))
    columns = classical_columns(net, 1, layout)
    assert len(columns) == classical_count(1, layout) == 25
    own = classical_image({s: m[0] for s, m in found.items()}, 1, layout)[:, 40, 9]
    assert torch.allclose(rows[0, columns], own, atol=1e-5)


def test_a_core_with_context_is_that_of_the_whole() -> None:
    net, layout = small_model().features.backbone, CONTEXT_RECIPE.layout
    image, core = torch.rand(1, 1, 640, 576), (slice(288, 352), slice(256, 320))
    with torch.inference_mode():
        whole = feature_levels(net, image, layout=layout)
        part = feature_levels(net, image, core, layout)
        # more than 200 px away, where nobody looks
        image[..., :32, :] = 5.0
        far = feature_levels(net, image, core, layout)
    for stride, maps in part.items():
        cells = tuple(slice(side.start // stride, side.stop // stride) for side in core)
        assert torch.allclose(maps, whole[stride][(..., *cells)], atol=1e-5)
        assert torch.equal(maps, far[stride])


def test_gains_stand_in_the_order_of_the_rows() -> None:
    net, levels = levels_of(2)
    classical = torch.arange(20.0).reshape(4, 5) + 100
    gains = gain_vector(net, 2, torch.tensor([1.0, 2.0]), classical)
    parts = gains.split([levels[s].shape[0] for s in sorted(levels)])
    assert parts[0].tolist() == [1.0] * 4 + classical[0].tolist() * 2
    assert parts[1].tolist() == [2.0] * 6 + classical[1].tolist() * 2
    assert parts[2].tolist() == classical[2].tolist() * 2
    assert parts[3].tolist() == classical[3].tolist() * 2
    gains = gain_vector(net, 1, torch.tensor([1.0, 2.0]), classical, torch.tensor([3.0, 4.0]))
    assert gains.tolist()[4 + 5 + 6 + 5 :][:4] == [3.0] * 4
    assert gains.tolist()[-11:-5] == [4.0] * 6


def test_a_recipe_survives_json_and_a_damaged_one_is_refused() -> None:
    recipe = Recipe(tap_gain=(0.5, 2.0), ridge=0.1, context_gain=(1.0, 0.25))
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    earlier = {k: v for k, v in recipe.to_dict().items() if k != "context_gain"}
    assert not Recipe.from_dict(earlier).layout.context
    with pytest.raises(ModelError, match="recipe"):
        Recipe.from_dict({**recipe.to_dict(), "ridge": None})


def test_a_fingerprint_changes_with_one_weight() -> None:
    config = UNetConfig(widths=(2, 3))
    net, same = (initialise(UNet(config), 1) for _ in range(2))
    assert network_fingerprint(net) == network_fingerprint(same)
    with torch.no_grad():
        same.enc1.conv1.weight[0, 0, 0, 0] += 1e-6
    assert network_fingerprint(net) != network_fingerprint(same)
