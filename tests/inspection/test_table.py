"""The architecture table against hand formulas and PyTorch's own counter."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from unetscope.errors import ModelError
from unetscope.inspection import architecture
from unetscope.network.unet import UNet, UNetConfig


class Bottleneck(nn.Module):
    """As in a ResNet: 1×1, 3×3 in groups, 1×1, and a shortcut."""

    def __init__(self, inputs: int, inner: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, 1, groups=2, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, maps):
        out = self.relu(self.bn1(self.conv1(maps)))
        out = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(out)))))
        out += self.shortcut(maps)
        return self.relu(out)


def lenet() -> nn.Module:
    return nn.Sequential(
        OrderedDict(
            c1=nn.Conv2d(1, 6, 5), r1=nn.ReLU(), s2=nn.MaxPool2d(2),
            c3=nn.Conv2d(6, 16, 5), r3=nn.ReLU(), s4=nn.MaxPool2d(2),
            flat=nn.Flatten(), f5=nn.Linear(400, 120), f6=nn.Linear(120, 84), out=nn.Linear(84, 10),
        )
    )  # fmt: skip


def resnet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 7, 2, 3, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
        Bottleneck(8, 8, 16, 1),
        Bottleneck(16, 8, 32, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, 5),
    )


NETS = {
    "u-net": (lambda: UNet(UNetConfig()), (64, 48)),
    "u-net, interpolated": (
        lambda: UNet(UNetConfig(upsampling="interpolated", classes=5)),
        (32, 32),
    ),
    "u-net, volume": (
        lambda: UNet(UNetConfig(ndim=3, widths=(4, 8, 16), norm="group")),
        (8, 16, 12),
    ),
    "lenet": (lenet, (32, 32)),
    "resnet": (resnet, (64, 64)),
    "dilated, transposed": (
        lambda: nn.Sequential(
            nn.Conv2d(2, 6, 3, dilation=2, padding=2, groups=2),
            nn.ConvTranspose2d(6, 4, 4, stride=2, padding=1, groups=2),
        ),
        (20, 30),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NETS)
def test_totals_are_those_of_pytorch(name) -> None:
    make, shape = NETS[name]
    net = make().eval()
    table = architecture(net, shape)
    channels = next(m for m in net.modules() if isinstance(m, nn.Conv2d | nn.Conv3d)).in_channels
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        output = net(torch.zeros(1, channels, *shape))
    assert 2 * table.multiply_adds == counter.get_total_flops()
    assert table.parameters == sum(p.numel() for p in net.parameters())
    assert table.buffers == sum(b.numel() for b in net.buffers())
    assert table.rows[-1].output_shape == tuple(output.shape[1:])
    assert table.memory_bytes == sum(
        4 * torch.Size(row.output_shape).numel() for row in table.rows if row.output_shape
    )


def test_the_rows_of_lenet_are_those_of_the_textbook() -> None:
    rows = {row.name: row for row in architecture(lenet(), (32, 32)).rows}
    assert [rows[name].output_shape for name in ("c1", "s2", "c3", "s4")] == [
        (6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5),
    ]  # fmt: skip
    assert [rows[n].parameters for n in ("c1", "c3", "f5", "f6", "out")] == [
        156, 2416, 48_120, 10_164, 850,
    ]  # fmt: skip
    assert rows["c1"].multiply_adds == 28 * 28 * 6 * 25
    assert rows["c3"].multiply_adds == 10 * 10 * 16 * 6 * 25
    assert rows["f5"].multiply_adds == 400 * 120
    assert [rows[n].receptive_field for n in ("c1", "s2", "c3", "s4", "f5")] == [
        (5, 5), (6, 6), (14, 14), (16, 16), (32, 32),
    ]  # fmt: skip
    assert rows["s4"].stride == (4.0, 4.0) and rows["f5"].stride is None
    assert rows["c1"].memory_bytes == 4 * 6 * 28 * 28


def test_a_shared_layer_has_a_row_per_call_and_its_parameters_once() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 3)

        def forward(self, image):
            return self.conv(self.conv(image))

    table = architecture(Twice(), (9, 9))
    assert [(r.name, r.parameters, r.multiply_adds) for r in table.rows] == [
        ("conv:1", 10, 49 * 9), ("conv:2", 0, 25 * 9),
    ]  # fmt: skip


def test_a_layer_that_cannot_be_followed_still_has_its_numbers() -> None:
    class Fourier(nn.Sequential):
        def forward(self, image):
            return self[0](torch.fft.fft2(image).real)

    (row,) = architecture(Fourier(nn.Conv2d(1, 2, 3)), (8, 8)).rows
    assert row.output_shape == (2, 6, 6) and row.receptive_field is None and "_fft_" in row.note


def test_an_image_the_model_cannot_take_is_named() -> None:
    with pytest.raises(ModelError, match="multiples of 8"):
        architecture(UNet(UNetConfig()), (20, 20))
