"""The textbook networks have the sizes of their papers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from inspection.public_networks import torchvision_models
from unetscope.errors import ModelError
from unetscope.inspection import architecture, receptive_field
from unetscope.network.teaching import (
    TEACHING,
    AlexNet,
    LeNet5,
    PatchCNN,
    PatchMLP,
    ResNet,
    UNetWithoutSkips,
    teaching_network,
)
from unetscope.network.unet import UNet, UNetConfig, initialise


def test_parameters_are_those_published() -> None:
    with torch.device("meta"):
        nets = LeNet5(), AlexNet(), ResNet()
    counts = [sum(p.numel() for p in net.parameters()) for net in nets]
    assert counts == [61_706, 60_965_224, 11_689_512]


def test_lenet_has_the_maps_and_fields_of_its_figure() -> None:
    table = architecture(LeNet5(), (32, 32))
    rows = {row.name: row for row in table.rows}
    shapes = [rows[name].output_shape for name in ("c1", "s2", "c3", "s4", "c5", "f6", "output")]
    assert shapes == [
        (6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (120, 1, 1), (84,), (10,),
    ]  # fmt: skip
    assert [rows[n].receptive_field for n in ("c1", "s2", "c3", "s4", "c5")] == [
        (5, 5), (6, 6), (14, 14), (16, 16), (32, 32),
    ]  # fmt: skip


def test_alexnet_has_the_maps_of_its_figure() -> None:
    with torch.device("meta"):
        net = AlexNet()
    rows = {row.name: row for row in architecture(net, (224, 224)).rows}
    assert [rows[f"conv{i}"].output_shape for i in range(1, 6)] == [
        (96, 55, 55), (256, 27, 27), (384, 13, 13), (384, 13, 13), (256, 13, 13),
    ]  # fmt: skip
    assert rows["pool5"].output_shape == (256, 6, 6) and rows["fc8"].output_shape == (1000,)
    assert rows["pool5"].receptive_field == (195, 195)  # Araujo et al. 2019, table 1


def test_resnet18_is_that_of_torchvision() -> None:
    theirs = torchvision_models().resnet18(weights=None).eval()
    ours = ResNet().eval()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    image = torch.rand(1, 3, 65, 70, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(ours(image), theirs(image))
    assert receptive_field(ours, (640, 640), "layer4", (10, 10)).size == (435, 435)


@pytest.mark.parametrize("name", TEACHING)
def test_the_same_seed_draws_the_same_weights_and_leaves_the_global_one_alone(name) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    net = teaching_network(name, 1, seed=3)
    torch.testing.assert_close(torch.rand(3), expected)
    assert not net.training
    first = next(m for m in net.modules() if isinstance(m, nn.Conv2d))
    again = next(m for m in teaching_network(name, 1, 3).modules() if isinstance(m, nn.Conv2d))
    other = next(m for m in teaching_network(name, 1, 4).modules() if isinstance(m, nn.Conv2d))
    assert torch.equal(first.weight, again.weight) and not torch.equal(first.weight, other.weight)
    side = 32 if name == "lenet5" else 96
    with torch.inference_mode():
        answer = net(torch.rand(1, 1, side, side))
    assert answer.shape == (1, 10 if name == "lenet5" else 1000) and answer.isfinite().all()
    assert answer.std() > 0.05  # the signal neither dies nor explodes
    assert answer.abs().max() < 1e3


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(ModelError, match="lenet5, alexnet, resnet18"):
        teaching_network("vgg")
    with pytest.raises(ModelError, match="at least one channel"):
        teaching_network("lenet5", 0)
    with pytest.raises(ModelError, match="18 or 34"):
        ResNet(depth=50)
    with pytest.raises(ModelError, match="32 × 32"):
        LeNet5()(torch.zeros(1, 1, 28, 28))
    with pytest.raises(ModelError, match="63 or more"):
        teaching_network("alexnet")(torch.zeros(1, 1, 62, 90))


def test_a_dense_network_knows_places_and_a_convolutional_one_does_not() -> None:
    dense, convolutional = PatchMLP().eval(), PatchCNN().eval()
    counts = [sum(p.numel() for p in net.parameters()) for net in (dense, convolutional)]
    assert counts == [37_058, 6_706]
    patch = torch.zeros(1, 1, 48, 48)
    patch[..., 20:24, 16:20] = 1
    moved = patch.roll(8, dims=3)
    torch.testing.assert_close(convolutional(patch), convolutional(moved))
    seen = (slice(None), slice(None), slice(12, 36), slice(12, 36))
    assert not torch.allclose(dense(patch[seen]), dense(moved[seen]))


def test_a_unet_without_skips_has_as_many_weights_and_is_deaf_to_them() -> None:
    config = UNetConfig(widths=(4, 8, 16))
    nets = initialise(UNet(config), 0).eval(), initialise(UNetWithoutSkips(config), 0).eval()
    with_skips, without = ([tuple(p.shape) for p in net.parameters()] for net in nets)
    assert with_skips == without
    below, skip = torch.randn(1, 16, 8, 8), torch.randn(1, 8, 16, 16)
    stages = [net.get_submodule("dec2") for net in nets]
    assert torch.equal(stages[1](below, skip), stages[1](below, -skip))
    assert not torch.equal(stages[0](below, skip), stages[0](below, -skip))
