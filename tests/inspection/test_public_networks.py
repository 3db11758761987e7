"""Networks everybody knows, against what other tools say of them."""

from __future__ import annotations

import random
from functools import cache

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from inspection.public_networks import PUBLIC
from inspection.random_networks import positive_copy, support
from unetscope.errors import ModelError
from unetscope.inspection import architecture, follow, receptive_field
from unetscope.network.teaching import LeNet5
from unetscope.network.unet import UNet, UNetConfig

NETS = {
    **PUBLIC,
    "bundled design": (lambda: UNet(UNetConfig(in_channels=3)), (64, 64)),
    "LeNet-5": (lambda: LeNet5(3), (32, 32)),
}


@cache
def network(name: str) -> nn.Module:
    torch.manual_seed(0)
    return NETS[name][0]().eval()


@pytest.mark.parametrize("name", NETS)
def test_totals_are_those_of_torchinfo_and_of_pytorch(name) -> None:
    torchinfo = pytest.importorskip("torchinfo")
    net, shape = network(name), NETS[name][1]
    table = architecture(net, shape)
    image = torch.zeros(1, 3, *shape)
    told = torchinfo.summary(net, input_data=image, verbose=0)
    assert table.parameters == told.total_params
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(image)
    assert 2 * table.multiply_adds == counter.get_total_flops()
    # torchinfo multiplies all parameters of a convolution, its bias too, with the output's cells,
    # and those of a normalisation once
    extra = sum(
        row.output_shape[0] if "Linear" in row.kind else torch.Size(row.output_shape).numel()
        for row in table.rows
        if "Conv" in row.kind or "Linear" in row.kind
        if net.get_submodule(row.name.partition(":")[0]).bias is not None
    )
    # and a transposed convolution with the cells of its output, of which 2 × 2 has four times more
    transposed = sum(
        3 * row.multiply_adds for row in table.rows if row.kind.startswith("ConvTranspose")
    )
    norms = sum(row.parameters for row in table.rows if "Norm" in row.kind)
    assert told.total_mult_adds == table.multiply_adds + extra + transposed + norms


@pytest.mark.parametrize("name", [name for name in PUBLIC if name != "mobilenet_v2"])
@pytest.mark.filterwarnings("ignore")
def test_fields_are_those_of_torchlens(name) -> None:
    torchlens = pytest.importorskip("torchlens")
    net, shape = network(name), NETS[name][1]
    theirs = torchlens.trace(net, torch.rand(1, 3, *shape))
    ours = follow(net, (3, *shape))
    compared = 0
    for layer in theirs.layers:
        told = layer.receptive_field  # worked out at each look
        for call in sorted(layer.leaf_module_ops or ()):
            try:
                _, reach = ours.spatial(call)
            except ModelError:
                continue  # a vector
            for point in _corners_and_middle(reach.shape):
                box = _box(torchlens, told, point)
                if box is not None:
                    field = receptive_field(ours, shape, call, point)
                    assert (field.lo, field.hi) == box, (call, point)
                    compared += 1
    assert compared >= 35


def _corners_and_middle(shape: tuple[int, ...]) -> set[tuple[int, ...]]:
    first, last = tuple(0 for _ in shape), tuple(n - 1 for n in shape)
    return {first, last, tuple(n // 2 for n in shape)}


def _box(torchlens, told, point) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """The box of TorchLens, (lo, hi) inclusive; None where it does not know one."""
    try:
        box = told.at(point)
    except torchlens.receptive_field.ReceptiveFieldError:
        return None
    sides = [axis for axis in box.axes if axis.input_axis >= 2]
    lo = tuple(axis.clipped_start for axis in sides)
    return lo, tuple(axis.clipped_stop - 1 for axis in sides)


@pytest.mark.parametrize("name", ["resnet18", "smp.Unet"])
def test_fields_are_those_of_the_gradient_where_torchlens_knows_none(name) -> None:
    """Decoders with skips: TorchLens gives no box per cell behind their concatenations."""
    shape = (64, 64)
    net = NETS[name][0]().eval()
    layer = {"resnet18": "layer3", "smp.Unet": "decoder"}[name]
    trace = follow(net, (3, *shape))
    held = []
    copy = positive_copy(net)
    copy.get_submodule(layer).register_forward_hook(lambda m, a, output: held.append(output))
    image = torch.ones(1, 3, *shape, dtype=torch.float64, requires_grad=True)
    copy(image)
    rng = random.Random(0)
    for _ in range(6):
        point = tuple(rng.randrange(n) for n in held[0].shape[2:])
        field = receptive_field(trace, shape, layer, point)
        assert (field.lo, field.hi) == support(held[0], image, point)
