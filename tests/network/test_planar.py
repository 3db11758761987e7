"""A deepened network answers as slice by slice until it learns, and sees exactly seven planes."""

from __future__ import annotations

import pytest
import torch

from unetscope.errors import ModelError
from unetscope.network.planar import DeepConv, MiddlePlane, deepened, reach_z
from unetscope.network.unet import UNet, UNetConfig, initialise


@pytest.fixture
def flat() -> UNet:
    net = initialise(UNet(UNetConfig(widths=(4, 6, 8, 10), norm="none", classes=3)), 0)
    return net.eval().requires_grad_(False)


def volume(depth: int = 20) -> torch.Tensor:
    return torch.rand((depth, 1, 16, 24), generator=torch.Generator().manual_seed(1))


def test_it_begins_with_the_answer_of_the_slices(flat: UNet) -> None:
    deep = deepened(flat)
    torch.testing.assert_close(deep(volume()), flat(volume()), atol=1e-5, rtol=0)
    assert all(p.equal(q) for p, q in zip(flat.parameters(), flat.parameters(), strict=True))
    slab = volume(15)[:, 0][None]
    torch.testing.assert_close(MiddlePlane(deep)(slab), flat(volume(15))[7:8], atol=1e-5, rtol=0)


def test_the_taps_are_a_convolution_in_three_dimensions() -> None:
    torch.manual_seed(0)
    deep = DeepConv(torch.nn.Conv2d(2, 3, 3, padding=1))
    torch.nn.init.normal_(deep.near.weight)
    above, below = deep.near.weight.chunk(2)
    kernel = torch.stack([above, deep.here.weight, below], dim=2)  # (out, in, z, y, x)
    maps = torch.rand(5, 2, 8, 9)
    expected = torch.nn.functional.conv3d(
        maps.movedim(0, 1)[None], kernel, deep.here.bias, padding=1
    )[0].movedim(1, 0)
    torch.testing.assert_close(deep(maps), expected, atol=1e-5, rtol=1e-5)


def test_it_sees_seven_planes_up_and_down_and_no_more(flat: UNet) -> None:
    deep = deepened(flat)
    for module in deep.modules():
        if isinstance(module, DeepConv):
            torch.nn.init.normal_(module.near.weight, std=0.3)
    assert reach_z(deep) == 7
    planes = volume(19).requires_grad_(True)
    deep(planes)[9].square().sum().backward()
    assert planes.grad is not None
    seen = [z for z in range(19) if planes.grad[z].abs().sum() > 0]
    assert seen == list(range(2, 17))


def test_a_network_of_volumes_is_refused() -> None:
    with pytest.raises(ModelError, match="3 dimensions"):
        deepened(UNet(UNetConfig(ndim=3, widths=(2, 3))))
