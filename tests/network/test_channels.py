"""Another number of channels or classes keeps what the network knows."""

from __future__ import annotations

import pytest
import torch

from unetscope.errors import ModelError
from unetscope.network.channels import adapt_input_channels, with_classes
from unetscope.network.unet import UNet, UNetConfig, initialise


@pytest.fixture
def net() -> UNet:
    return initialise(UNet(UNetConfig(widths=(3, 4), norm="none")), 1).eval()


@pytest.mark.parametrize("channels", [1, 2, 3, 7])
def test_equal_channels_are_answered_as_the_grey_image(net, channels) -> None:
    grey = torch.rand(1, 1, 8, 12)
    adapted = adapt_input_channels(net, channels)
    with torch.inference_mode():
        assert torch.allclose(adapted(grey.expand(-1, channels, -1, -1)), net(grey), atol=1e-5)
    assert adapted.config.in_channels == channels
    assert adapted.training is net.training


def test_colour_goes_back_to_grey(net) -> None:
    colour = adapt_input_channels(net, 3)
    back = adapt_input_channels(colour, 1)
    assert torch.allclose(back.enc1.conv1.weight, net.enc1.conv1.weight, atol=1e-6)


def test_the_adapted_net_shares_no_memory_with_the_old_one(net) -> None:
    before = net.dec1.convs.conv1.weight.clone()
    for copied in (
        adapt_input_channels(net, 1),
        adapt_input_channels(net, 2),
        with_classes(net, 4),
    ):
        with torch.no_grad():
            copied.dec1.convs.conv1.weight.zero_()
    assert torch.equal(net.dec1.convs.conv1.weight, before)


def test_no_channels_are_refused(net) -> None:
    with pytest.raises(ModelError, match="0 image channels"):
        adapt_input_channels(net, 0)


def test_a_new_classifier_starts_at_zero_and_the_rest_stays(net) -> None:
    fresh = with_classes(net, 5)
    image = torch.rand(1, 1, 8, 8)
    with torch.inference_mode():
        assert torch.equal(fresh(image), torch.zeros(1, 5, 8, 8))
        names = ["enc1", "bottleneck", "dec1"]
        old, new = net.taps(image, names), fresh.taps(image, names)
    assert all(torch.equal(old[name], new[name]) for name in names)
