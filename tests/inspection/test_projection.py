"""Colours of a layer, and images invented for a channel."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn

from unetscope.errors import ImageError, ModelError
from unetscope.inspection.asking.maximisation import maximise, maximise_steps
from unetscope.inspection.showing.maps import feature_maps
from unetscope.inspection.showing.projection import pca_rgb
from unetscope.network.teaching import teaching_network
from unetscope.network.unet import UNet, UNetConfig, initialise


def maps(channels: int = 7, *sides: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    mixed = rng.normal(size=(channels, channels)) * np.logspace(0, -1, channels)
    sides = sides or (20, 30)
    return (mixed @ rng.normal(size=(channels, int(np.prod(sides))))).reshape(channels, *sides)


def test_components_and_shares_are_those_of_scikit_learn() -> None:
    values = maps()
    found, expected = pca_rgb(values), PCA(3).fit(values.reshape(7, -1).T)
    np.testing.assert_allclose(found.explained, expected.explained_variance_ratio_, rtol=1e-9)
    along = np.abs((found.components * expected.components_).sum(axis=1))
    np.testing.assert_allclose(along, 1, rtol=1e-9)
    assert (found.components[range(3), np.abs(found.components).argmax(axis=1)] > 0).all()


def test_each_colour_runs_with_its_component() -> None:
    values = maps()
    found = pca_rgb(values)
    assert found.values.shape == (20, 30, 3) and found.values.dtype == np.float32
    assert found.values.min() == 0 and found.values.max() == 1
    centred = values.reshape(7, -1) - values.reshape(7, -1).mean(axis=1, keepdims=True)
    for colour in range(3):
        along, shown = found.components[colour] @ centred, found.values[..., colour].ravel()
        inside = (shown > 0) & (shown < 1)
        assert inside.mean() > 0.95
        assert np.corrcoef(along[inside], shown[inside])[0, 1] > 0.9999


def test_maps_keep_their_place_and_volumes_their_depth() -> None:
    net = initialise(UNet(UNetConfig(widths=(4, 8, 8))), 0)
    image = np.random.default_rng(1).random((32, 32)).astype(np.float32)
    layer = feature_maps(net, image, "bottleneck.conv1")["bottleneck.conv1"]
    found = pca_rgb(layer)
    assert (found.scale, found.translate) == (layer.scale, layer.translate) == ((4, 4), (1.5, 1.5))
    assert pca_rgb(maps(5, 3, 8, 9)).values.shape == (3, 8, 9, 3)


def test_fewer_components_than_colours_leave_the_rest_grey() -> None:
    one = pca_rgb(maps(1))
    assert one.explained == (1.0, 0.0, 0.0)
    assert (one.values[..., 1:] == 0.5).all() and one.values[..., 0].std() > 0.1
    constant = pca_rgb(np.ones((4, 5, 5)))
    assert (constant.values == 0.5).all() and constant.explained == (0.0, 0.0, 0.0)


def test_many_cells_are_drawn_from_with_the_seed() -> None:
    values = maps(4, 520, 500)
    again = [pca_rgb(values, seed=seed).components for seed in (0, 0, 1)]
    np.testing.assert_array_equal(again[0], again[1])
    assert not np.array_equal(again[0], again[2])
    np.testing.assert_allclose(again[0], again[2], atol=0.02)


def test_what_are_no_maps_is_refused() -> None:
    with pytest.raises(ImageError, match="give \\(channel"):
        pca_rgb(np.ones((3, 4)))
    broken = maps()
    broken[0, 0, 0] = np.nan
    with pytest.raises(ImageError, match="not finite"):
        pca_rgb(broken)


def unet(ndim: int = 2) -> UNet:
    return initialise(UNet(UNetConfig(ndim=ndim, widths=(4, 8, 8))), 0).eval()


def test_a_channel_for_vertical_edges_gets_vertical_edges() -> None:
    """Sobel x: the image it is given changes along x, not along y."""
    conv = nn.Conv2d(1, 1, 3, padding=1, bias=False)
    with torch.no_grad():
        conv.weight[0, 0] = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    found = maximise(nn.Sequential(conv, nn.ReLU()), "1", 0, size=32, steps=60)
    along_y, along_x = (np.abs(np.diff(found.image[0], axis=axis)).mean() for axis in (0, 1))
    assert along_x > 3 * along_y
    assert found.fired and found.history[-1] > 5 * found.history[0]


def test_the_activation_rises_and_is_that_of_the_image() -> None:
    net = unet()
    steps = list(maximise_steps(net, "enc2.conv2", 3, steps=30, seed=4))
    assert [step.done for step in steps] == list(range(1, 31))
    assert all(s.result is not None and len(s.result.history) == s.done for s in steps[:-1])
    found = steps[-1].result
    assert found is not None and len(found.history) == 31
    answer = feature_maps(net, found.image, ["enc2.conv2"], [3])["enc2.conv2"].values[0]
    expected = np.where(answer > 0, answer, 0.1 * answer).mean()
    assert found.history[-1] == pytest.approx(expected, rel=1e-4)
    assert found.history[-1] > found.history[0] + 0.3
    assert found.image.min() >= 0 and found.image.max() <= 1


def test_the_size_is_twice_the_field_on_the_nets_multiple() -> None:
    assert maximise(unet(), "enc1.conv1", 0, steps=1).image.shape == (1, 32, 32)
    assert maximise(unet(), "bottleneck.conv2", 0, steps=1).image.shape == (1, 64, 64)
    assert maximise(unet(ndim=3), "enc1.conv1", 0, steps=1).image.shape == (1, 16, 16, 16)
    assert maximise(unet(), "enc1.conv1", 0, size=(24, 40), steps=1).image.shape == (1, 24, 40)


def test_the_same_seed_gives_the_same_image() -> None:
    first, same, other = (maximise(unet(), "enc1.conv2", 1, steps=5, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.image, same.image)
    assert first.history == same.history and not np.array_equal(first.image, other.image)


def test_a_unit_of_a_classifier_has_a_favourite_too() -> None:
    found = maximise(teaching_network("lenet5", 1, 0), "output", 3, steps=20)
    assert found.image.shape == (1, 32, 32) and found.fired


def test_a_dead_channel_gives_no_direction() -> None:
    conv = nn.Conv2d(1, 1, 3, padding=1)
    with torch.no_grad():
        conv.bias.fill_(-99.0)
    found = maximise(nn.Sequential(conv, nn.ReLU()), "1", 0, steps=4)
    assert not found.fired and set(found.history) == {0.0}


def test_the_model_stays_as_it_is() -> None:
    net = unet().train()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    maximise(net, "dec1.convs.conv2", 0, steps=2)
    assert net.training and not any(m._forward_hooks for m in net.modules())
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert all(p.requires_grad and p.grad is None for p in net.parameters())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"layer": "nowhere"}, "no layer"),
        ({"channel": 4}, "channels 0 to 3"),
        ({"steps": 0}, "1 step"),
        ({"limits": (1.0, 0.0)}, "lower limit"),
        ({"size": (8, 8, 8)}, "size is"),
        ({"size": 30}, "multiples of 4"),
    ],
)
def test_bad_wishes_are_refused(options, says) -> None:
    asked = {"layer": "enc1.conv1", "channel": 0, "steps": 1, **options}
    with pytest.raises(ModelError, match=says):
        maximise(unet(), **asked)
