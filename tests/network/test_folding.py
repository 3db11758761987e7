"""A folded net answers as the net it came from."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from unetscope.errors import ModelError
from unetscope.network.folding import fold_batch_norm
from unetscope.network.unet import UNet, UNetConfig, initialise


def with_random_statistics(config: UNetConfig) -> UNet:
    net = initialise(UNet(config), 3)
    generator = torch.Generator().manual_seed(4)
    for module in net.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm3d)):
            for tensor, low, high in (
                (module.weight, -1.5, 1.5),
                (module.bias, -0.5, 0.5),
                (module.running_mean, -0.5, 0.5),
                (module.running_var, 0.05, 3.0),
            ):
                torch.nn.init.uniform_(tensor, low, high, generator=generator)
    return net.eval()


@pytest.mark.parametrize("upsampling", ["transposed", "interpolated"])
@pytest.mark.parametrize("ndim", [2, 3])
def test_the_folded_net_gives_the_same_answer(ndim, upsampling) -> None:
    config = UNetConfig(
        ndim=ndim, in_channels=2, classes=3, widths=(4, 6, 8), upsampling=upsampling
    )
    net = with_random_statistics(config)
    folded = fold_batch_norm(net)
    image = torch.rand(2, 2, *(16,) * ndim)
    with torch.inference_mode():
        assert torch.allclose(folded(image), net(image), rtol=1e-4, atol=1e-5)
    assert folded.config.norm == "none"
    assert not folded.training
    assert not any("norm" in name for name in folded.state_dict())


def test_folding_uses_the_statistics() -> None:
    net = with_random_statistics(UNetConfig(widths=(8, 16)))
    folded = fold_batch_norm(net)
    net.dec1.convs.norm2.running_mean += 1.0
    image = torch.rand(1, 1, 8, 8)
    with torch.inference_mode():
        assert not torch.allclose(folded(image), net(image), atol=1e-3)


def test_the_given_net_keeps_its_normalisation() -> None:
    net = with_random_statistics(UNetConfig(widths=(2, 3)))
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    fold_batch_norm(net)
    assert net.config.norm == "batch"
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())


@pytest.mark.parametrize("norm", ["none", "group", "instance"])
def test_only_batch_normalisation_can_be_folded(norm) -> None:
    with pytest.raises(ModelError, match=norm):
        fold_batch_norm(UNet(UNetConfig(widths=(2, 3), norm=norm)))
