"""The arithmetic of one value against what PyTorch computes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from unetscope.errors import ImageError, ModelError
from unetscope.inspection import convolution_at, feature_maps
from unetscope.inspection.showing.microscope import microscope
from unetscope.network.shipped import load_bundled
from unetscope.network.unet import UNet, UNetConfig, initialise
from unetscope.pretraining.datasets import dataset, scenes

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


@pytest.fixture
def micrograph(shared_data) -> np.ndarray:
    """512 × 512 px of a superalloy, (y, x) in 0 … 1."""
    scene = next(scenes(shared_data, dataset("nasa_superalloy"), limit=1))
    image = np.asarray(scene.image, dtype=np.float32)
    image = image if image.ndim == 2 else image[..., 0]
    low, high = np.percentile(image, (1, 99))
    return ((image - low) / (high - low))[:512, :512].astype(np.float32)


REGIONS = [(slice(0, 20), slice(40, 64)), (slice(50, 96), slice(100, 112))]


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("upsampling", ["transposed", "interpolated"])
def test_a_region_shows_what_the_whole_image_shows(upsampling, region) -> None:
    net = initialise(UNet(UNetConfig(widths=(4, 8, 8), upsampling=upsampling)), seed=2)
    image = torch.rand(96, 112, generator=torch.Generator().manual_seed(0))
    names = ["enc1.conv2", "enc2.relu1", "pool:2", "bottleneck.conv1", "dec1.convs.norm2"]
    names += ["dec2.up.conv", *(["dec1.up.resize"] if upsampling == "interpolated" else [])]
    for name in names:
        whole, part = (microscope(net, image, name, region=r) for r in (None, region))
        assert whole.shape == part.shape and whole.kind == part.kind
        rng = np.random.default_rng(0)
        for _ in range(8):
            point = tuple(int(rng.integers(a, b)) for a, b in part.cells)
            channel = int(rng.integers(part.shape[0]))
            here, there = part.at(channel, point), whole.at(channel, point)
            assert here.total == pytest.approx(there.total, rel=1e-4, abs=1e-5)
            assert here.computed == pytest.approx(there.computed, rel=1e-4, abs=1e-5)
            assert getattr(here, "positions", 0) == getattr(there, "positions", 0)
            assert getattr(here, "winner", 0) == getattr(there, "winner", 0)
            if getattr(there, "pooled", None) is not None and here.pooled is not None:
                assert (here.pooled.point, here.pooled.origin) == (
                    there.pooled.point, there.pooled.origin,
                )  # fmt: skip
                assert here.pooled.winner == there.pooled.winner


def test_the_pooling_behind_every_cell_of_a_region_is_shown() -> None:
    net = initialise(UNet(UNetConfig(widths=(4, 8, 8))), seed=2)
    glass = microscope(net, torch.rand(96, 96), "enc1.conv2", region=(slice(31, 52), slice(31, 52)))
    for u in range(31, 52):
        assert glass.at(0, (u, 40)).pooled.point == (u // 2, 20)
    with pytest.raises(ImageError, match="another region"):
        glass.at(0, (90, 90))


def test_a_norm_over_the_map_behind_a_cropped_convolution_reads_the_whole_map() -> None:
    net = initialise(UNet(UNetConfig(widths=(4, 8), norm="instance")), seed=2)
    image = torch.rand(96, 96)
    region = (slice(40, 48), slice(40, 48))
    part = microscope(net, image, "enc1.conv1", region=region).at(1, (42, 42))
    whole = microscope(net, image, "enc1.conv1").at(1, (42, 42))
    assert part.normalised == whole.normalised


def test_the_window_follows_the_cursor_on_a_real_micrograph(micrograph) -> None:
    net, _ = load_bundled("general")
    region = (slice(128, 384), slice(128, 384))
    for layer in ("enc1.conv2", "bottleneck.conv2", "dec1.convs.conv1", "pool:1"):
        maps = feature_maps(net, micrograph, layer)[layer].values
        glass = microscope(net, micrograph, layer, region=region)
        rng = np.random.default_rng(0)
        cells = [tuple(int(rng.integers(a, b)) for a, b in glass.cells) for _ in range(30)]
        for cell in cells:
            answer = glass.at(3, cell)
            assert answer.total == pytest.approx(float(maps[(3, *cell)]), rel=1e-3, abs=1e-4)


def test_the_model_is_left_alone() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(inplace=True)).train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    for layer in ("0", "1", "2"):
        microscope(net, torch.rand(9, 9), layer, region=(slice(2, 4), slice(2, 4))).at(0, (2, 2))
    assert net.training and all(torch.equal(before[k], v) for k, v in net.state_dict().items())
    assert not any(module._forward_hooks for module in net.modules())


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
    with pytest.raises(ModelError, match="no layer 'conv'"):
        microscope(net, image, "conv")
    with pytest.raises(ModelError, match=r"Sequential, which is not explained.*0, 1"):
        microscope(nn.Sequential(net), image, "0")
    with pytest.raises(ModelError, match="channels 0 to 1"):
        microscope(net, image, "1").at(-1, (0, 0))
    with pytest.raises(ImageError, match="outside the map"):
        microscope(net, image, "1").at(0, (0,))
    with pytest.raises(ImageError, match="holds no pixel"):
        microscope(net, image, "1", region=(slice(3, 3), slice(0, 2)))
