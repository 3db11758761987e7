"""The written pass takes the derivatives autograd takes, on weights that lie in one vector."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from unetscope.computing.flat_weights import FlatWeights, flattened
from unetscope.computing.precision import autocast
from unetscope.computing.written_pass import WrittenPass, can_be_written
from unetscope.network.unet import UNet, UNetConfig, initialise


def network(channels: int = 1, widths: tuple[int, ...] = (4, 6, 8, 10), **given: object) -> UNet:
    config = UNetConfig(in_channels=channels, classes=3, widths=widths, norm="none", **given)  # type: ignore[arg-type]
    net = initialise(UNet(config), 0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():  # biases are zero so far, and a zero says little
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return net


def batch(net: UNet, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Images, and a gradient of the logits."""
    generator = torch.Generator().manual_seed(2)
    images = torch.rand(2, net.config.in_channels, *size, generator=generator)
    return images, torch.randn(2, net.config.classes, *size, generator=generator)


def by_autograd(net: UNet, images: Tensor, slope: Tensor, precision: str) -> tuple[Tensor, dict]:
    with autocast("cpu", precision):
        logits = net(images.contiguous(memory_format=torch.channels_last)).float()
    logits.backward(slope)
    return logits.detach(), {name: p.grad.clone() for name, p in net.named_parameters()}


def written(net: UNet, images: Tensor, slope: Tensor, dtype: torch.dtype):
    weights = FlatWeights(copy.deepcopy(net), dtype)
    run = WrittenPass(weights, net)
    return run.logits(images), (run.backward(slope), weights.gradients)[1]


def gap(found: Tensor, right: Tensor) -> float:
    return float((found - right).detach().norm() / right.detach().norm())


@pytest.mark.parametrize("widths", [(4, 6, 8, 10), (3, 5), (16, 32, 64, 128)])
@pytest.mark.parametrize("channels", [1, 3])
def test_all_gradients_equal_those_of_autograd(widths, channels) -> None:
    net = network(channels, widths)
    images, slope = batch(net, (24, 40))
    right_logits, right = by_autograd(net, images, slope, "fp32")
    logits, gradients = written(net, images, slope, torch.float32)
    assert gap(logits, right_logits) < 1e-5
    assert gradients.keys() == right.keys()
    assert max(gap(gradients[name], right[name]) for name in right) < 1e-5


def test_bfloat16_is_as_near_to_float32_as_autocast_is() -> None:
    net = network(1, (16, 32, 64, 128))
    images, slope = batch(net, (32, 32))
    _, exact = by_autograd(copy.deepcopy(net), images, slope, "fp32")
    _, cast = by_autograd(copy.deepcopy(net), images, slope, "bf16")
    _, found = written(net, images, slope, torch.bfloat16)
    for name in exact:
        assert gap(found[name], exact[name]) < 1.3 * gap(cast[name], exact[name]) + 2e-3


def test_two_passes_do_not_add_up() -> None:
    net = network()
    images, slope = batch(net, (16, 16))
    weights = FlatWeights(net)
    run = WrittenPass(weights, net)
    for factor in (5.0, 1.0):
        run.logits(images)
        run.backward(factor * slope)
        last = weights.gradient.clone()
    _, right = written(net, images, slope, torch.float32)
    assert all(torch.equal(weights.gradients[name], right[name]) for name in right)
    assert last.norm() > 0


def test_only_folded_planar_networks_on_the_cpu_are_written() -> None:
    assert can_be_written(network(), "cpu")
    assert not can_be_written(network(), "cuda")
    assert not can_be_written(network(upsampling="interpolated"), "cpu")
    assert not can_be_written(network(ndim=3), "cpu")
    assert not can_be_written(UNet(UNetConfig(norm="batch")), "cpu")


def test_flat_weights_are_the_networks_own() -> None:
    net = network()
    images, _ = batch(net, (16, 16))
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    answer = net(images)
    weights = FlatWeights(net, torch.bfloat16)
    assert weights.master.numel() == sum(p.numel() for p in net.parameters())
    assert all(torch.equal(p, before[name]) for name, p in net.named_parameters())
    assert gap(net(images), answer) < 1e-5
    with torch.no_grad():
        weights.master.mul_(2)
    assert all(torch.equal(p, 2 * before[name]) for name, p in net.named_parameters())
    stale = weights.working["enc1.conv1.weight"].clone()
    weights.refresh()
    assert torch.equal(weights.working["enc1.conv1.weight"], 2 * stale)
    net(images).sum().backward()
    assert torch.equal(net.classifier.bias.grad, weights.gradients["classifier.bias"])
    assert weights.gradient.norm() > 0


def test_copies_of_a_flattened_network_are_independent() -> None:
    net = network()
    vector = flattened(net)
    copied = copy.deepcopy(net)
    vector.zero_()
    assert not any(p.any() for p in net.parameters())
    assert all(p.any() for p in copied.parameters())
