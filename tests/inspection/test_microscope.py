"""The arithmetic of one value against what PyTorch computes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from unetscope.errors import ImageError, ModelError
from unetscope.inspection import convolution_at
from unetscope.network.unet import UNet, UNetConfig, initialise

LAYERS = {
    "plain": lambda: nn.Conv2d(4, 6, 3),
    "strided, dilated, grouped": lambda: nn.Conv2d(
        4, 6, (3, 5), stride=2, padding=(1, 3), dilation=2, groups=2
    ),
    "depthwise": lambda: nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False),
    "same": lambda: nn.Conv2d(4, 3, (3, 5), padding="same"),
    "valid": lambda: nn.Conv2d(4, 3, 4, padding="valid"),
    "reflected": lambda: nn.Conv2d(4, 3, 5, padding=2, padding_mode="reflect"),
    "circular": lambda: nn.Conv2d(4, 3, 3, padding=1, padding_mode="circular"),
    "transposed": lambda: nn.ConvTranspose2d(4, 6, 2, stride=2),
    "transposed, odd": lambda: nn.ConvTranspose2d(
        4, 6, 3, stride=2, padding=1, output_padding=1, groups=2
    ),
    "transposed, gaps": lambda: nn.ConvTranspose2d(4, 2, 2, stride=3, dilation=2),
    "volume": lambda: nn.Conv3d(4, 3, 3, padding=1, stride=2),
    "volume, transposed": lambda: nn.ConvTranspose3d(4, 3, 2, stride=2),
}


@pytest.mark.parametrize("name", LAYERS)
def test_every_value_of_every_kind_of_convolution_is_explained(name) -> None:
    torch.manual_seed(0)
    layer = LAYERS[name]()
    shape = (4, 5, 6, 5) if "volume" in name else (4, 9, 11)
    image = torch.randn(shape)
    expected = layer(image[None])[0].detach().numpy()
    cells = np.random.default_rng(0).permutation(expected.size)[:25]
    for flat in cells:
        channel, *point = (int(i) for i in np.unravel_index(flat, expected.shape))
        answer = convolution_at(nn.Sequential(layer), image, "0", channel, point)
        assert answer.computed == expected[(channel, *point)]
        assert answer.total == pytest.approx(answer.computed, rel=1e-4, abs=1e-5)
        assert answer.partial_sums.sum() + answer.bias == pytest.approx(answer.total)
        np.testing.assert_allclose(
            (answer.window * answer.kernel).reshape(len(answer.partial_sums), -1).sum(1),
            answer.partial_sums,
        )


def test_a_window_by_hand() -> None:
    conv = nn.Conv2d(1, 1, 3, padding=1)
    with torch.no_grad():
        conv.weight[:] = torch.arange(9.0).reshape(3, 3)
        conv.bias[:] = 0.5
    image = np.arange(16, dtype=np.float32).reshape(4, 4)
    answer = convolution_at(nn.Sequential(conv), image, "0", 0, (0, 1))
    np.testing.assert_array_equal(answer.window[0], [[0, 0, 0], [0, 1, 2], [4, 5, 6]])
    np.testing.assert_array_equal(answer.kernel[0], np.arange(9).reshape(3, 3))
    assert answer.positions == ((-1, 0, 1), (0, 1, 2))
    # 1·4 + 2·5 + 4·6 + 5·7 + 6·8 + 0.5
    assert answer.total == answer.computed == 121.5


@pytest.mark.parametrize("norm", ["batch", "group", "instance", "none"])
def test_normalisation_activation_and_pooling_of_the_u_net(norm) -> None:
    net = initialise(UNet(UNetConfig(widths=(8, 16), norm=norm)), seed=1)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 2)
    image = torch.rand(16, 16)
    with torch.no_grad():
        maps = net.eval().taps(image[None, None], ["enc1"])["enc1"][0]
    answer = convolution_at(net, image, "enc1.conv2", 3, (6, 9))
    assert answer.total == pytest.approx(answer.computed, rel=1e-4, abs=1e-5)
    value = answer.total
    if norm == "none":
        assert answer.normalised is None
    else:
        n = answer.normalised
        value = (value - n.mean) / (n.variance + n.epsilon) ** 0.5 * n.gain + n.shift
        assert n.value == pytest.approx(value, rel=1e-3, abs=1e-4)
    assert answer.activation == "relu"
    assert answer.activated == pytest.approx(max(0.0, value), rel=1e-3, abs=1e-4)
    assert answer.activated == float(maps[3, 6, 9])
    pooled = answer.pooled
    assert pooled is not None and pooled.kind == "max" and pooled.point == (3, 4)
    window = maps[3, 6:8, 8:10].numpy()
    np.testing.assert_array_equal(pooled.window, window)
    row, column = np.unravel_index(window.argmax(), (2, 2))
    assert pooled.winner == (6 + row, 8 + column) and pooled.value == window.max()


def test_functions_count_as_much_as_modules() -> None:
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)

        def forward(self, image):
            return F.avg_pool2d(F.leaky_relu(self.conv(image), 0.1), 3, stride=2, padding=1)

    torch.manual_seed(1)
    answer = convolution_at(Functional(), torch.randn(9, 9), "conv", 1, (0, 0))
    assert answer.activation == "leaky_relu" and answer.normalised is None
    expected = answer.computed if answer.computed > 0 else 0.1 * answer.computed
    assert answer.activated == pytest.approx(expected)
    assert answer.pooled is not None and answer.pooled.kind == "mean"
    assert answer.pooled.origin == (-1, -1) and answer.pooled.winner is None
    assert np.nansum(answer.pooled.window) / 9 == pytest.approx(answer.pooled.value, rel=1e-5)


def test_what_cannot_be_explained_is_said_in_words() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
    image = torch.rand(6, 6)
    with pytest.raises(ModelError, match="has no kernels"):
        convolution_at(net, image, "1", 0, (0, 0))
    with pytest.raises(ModelError, match="channels 0 to 1"):
        convolution_at(net, image, "0", 2, (0, 0))
    with pytest.raises(ImageError, match="outside the map"):
        convolution_at(net, image, "0", 0, (4, 0))
