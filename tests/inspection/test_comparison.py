"""What training changed, against changes made by hand."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

from unetscope.errors import ModelError
from unetscope.inspection import feature_maps
from unetscope.inspection.asking.comparison import compare, compare_versions
from unetscope.network.unet import UNet, UNetConfig, initialise


@pytest.fixture(scope="module")
def net() -> UNet:
    return initialise(UNet(UNetConfig(widths=(4, 6, 8), norm="none")), 0).eval()


@pytest.fixture(scope="module")
def changed(net) -> UNet:
    copy = deepcopy(net)
    with torch.no_grad():
        copy.enc2.conv1.weight[3] *= 1.5
        copy.enc2.conv1.bias[1] -= 0.25
        copy.dec1.up.conv.weight[:, 2] *= 0.9  # a transposed convolution: (in, out, y, x)
    return copy


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(32, 32)).astype(np.float32)


def test_a_network_equals_itself(net, image) -> None:
    found = compare(net, net, image)
    assert {row.relative_change for row in found.rows} == {0.0}
    assert {row.map_change for row in found.rows} == {0.0}
    assert all(row.map_correlation == pytest.approx(1) for row in found.rows)
    convs = [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert len(found.layers) == len(convs)
    assert len(found.rows) == sum(m.out_channels for m in convs)


def test_the_changed_channels_come_first_with_their_size(net, changed) -> None:
    found = compare(net, changed)
    first, second, third = found.strongest(3)
    assert (first.layer, first.channel) == ("enc2.conv1", 3)
    assert first.relative_change == pytest.approx(0.5, rel=1e-5)
    assert (second.layer, second.channel) == ("dec1.up.conv", 2)
    assert second.relative_change == pytest.approx(0.1, rel=1e-4)
    assert third.relative_change == 0
    assert found.of("enc2.conv1")[1].bias_change == pytest.approx(-0.25)
    assert first.map_correlation is None and first.map_change is None


def test_a_layer_is_summed_up(net, changed) -> None:
    layer = next(one for one in compare(net, changed).layers if one.layer == "enc2.conv1")
    assert (layer.channel, layer.largest_change) == (3, pytest.approx(0.5, rel=1e-5))
    weight = net.enc2.conv1.weight.detach()
    expected = 0.5 * weight[3].norm() / weight.norm()
    assert layer.relative_change == pytest.approx(float(expected), rel=1e-5)


def test_maps_are_compared_with_what_the_networks_make_of_the_image(net, changed, image) -> None:
    found = compare(net, changed, image)
    for layer in ("enc1.conv2", "enc2.conv1", "enc2.conv2", "classifier"):
        old, new = (feature_maps(m, image, [layer])[layer].values for m in (net, changed))
        for row in found.of(layer):
            was, now = old[row.channel].ravel(), new[row.channel].ravel()
            assert row.map_correlation == pytest.approx(np.corrcoef(was, now)[0, 1], abs=1e-6)
            size = np.linalg.norm(now - was) / np.linalg.norm(was)
            assert row.map_change == pytest.approx(size, abs=1e-6)
    assert found.of("enc2.conv2")[0].relative_change == 0  # the map changed, the kernel did not
    assert found.of("enc2.conv2")[0].map_change > 0


def test_versions_are_each_compared_with_the_first(net, changed) -> None:
    found = compare_versions([net, net, changed])
    assert [one.strongest(1)[0].relative_change for one in found] == pytest.approx([0, 0.5])


def test_a_kernel_of_zeros_and_a_constant_map_have_no_ratio(image) -> None:
    before = nn.Sequential(nn.Conv2d(1, 2, 3)).eval()
    with torch.no_grad():
        before[0].weight[0] = 0
    after = deepcopy(before)
    assert compare(before, after, image).rows[0].relative_change == 0
    assert compare(before, after, image).rows[0].map_correlation is None
    with torch.no_grad():
        after[0].weight[0] = 1
    assert compare(before, after).rows[0].relative_change == float("inf")


def test_the_models_are_left_alone(net, changed, image) -> None:
    weights = {name: value.clone() for name, value in changed.state_dict().items()}
    compare(net, changed, image)
    assert all(torch.equal(weights[n], value) for n, value in changed.state_dict().items())
    assert not any(m._forward_hooks for model in (net, changed) for m in model.modules())


def test_other_architectures_are_refused(net) -> None:
    wider = UNet(UNetConfig(widths=(4, 6, 9)))
    with pytest.raises(ModelError, match=r"'bottleneck.conv1' has weights \(8, 6, 3, 3\)"):
        compare(net, wider)
    with pytest.raises(ModelError, match=r"only one of them has 'dec3"):
        compare(net, UNet(UNetConfig(widths=(4, 6, 8, 8))))
    with pytest.raises(ModelError, match="no convolutions"):
        compare(nn.Linear(2, 2), nn.Linear(2, 2))
    with pytest.raises(ModelError, match="1 versions"):
        compare_versions([net])
